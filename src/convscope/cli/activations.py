"""The command that shows activation functions."""

from __future__ import annotations

import click

from convscope.cli.choices import RUN
from convscope.cli.common import JSON, ONE_DEVICE, OWN_DATA, THREADS, cli, note_state, with_data
from convscope.cli.outputs import Out, deliver, drawn, out, plain
from convscope.inert import inert
from convscope.streams import tell


@cli.command()
@click.argument("names", metavar="[FUNCTION]...", nargs=-1)
@click.option("--run", "run_folder", type=RUN, help="A trained run, to show what reaches its own activations.")
@ONE_DEVICE
@THREADS
@OWN_DATA
@click.option("--measure", is_flag=True, help="Measure the gradients; about a second per function.")
@out(drawn(lambda found: found.figure()) | {".json": plain}, "Write the drawing to FILE")
@JSON
def activations(
    names: tuple[str, ...],
    run_folder: str | None,
    data: str | None,
    device: str,
    out: Out | None,
    *,
    measure: bool,
    as_json: bool,
) -> None:
    r"""Compare activation functions.

    Each FUNCTION is written as in the notation, with parameters after colons; by default nine common ones, or those
    of the RUN: relu, leaky_relu[:SLOPE], prelu, relu6, threshold:LIMIT, clamp:LOW:HIGH, elu[:ALPHA], selu, sigmoid,
    hardsigmoid, tanh, softplus, gelu[:approx], silu, hardswish, mish, and id (no activation).

    \b
    flat      where the derivative stays 0 (dead), or tends to zero and is below 0.05 (saturated)
    gradient  fraction of a gradient left after 10 and 50 layers: in nets of 64 units, median of 9 seeds, with
              PyTorch's default weights, and with those of He (Xavier if both ends are flat)
    silent    channels in a flat zone at every position of each of 500 test images

    The gradients come from a table in the package; --measure measures them.

    \b
    Examples:
      convscope activations
      convscope activations id relu sigmoid leaky_relu:0.1 -o curves.svg
      convscope activations leaky_relu:0.3 --measure
      convscope activations --run runs/mnist-fast-seed0 -o mine.html
    """
    from convscope.lens.activations import activations as compared

    if data is not None and run_folder is None:
        raise click.UsageError("--data requires --run: it names the data set of that run")
    if device != "cpu" and run_folder is None:
        raise click.UsageError("--device requires --run: it is where that run computes")
    if run_folder:
        note_state(run_folder, images=data is None, few=True)
    run = with_data(run_folder, data) if run_folder else None
    found = compared(names or None, run=run, measure=measure, device=device, report=_measuring)
    deliver(found, out, as_json=as_json, drawing=True)


def _measuring(name: str, at: int, total: int) -> None:
    tell(f"measuring {inert(name)} ({at + 1} of {total})")
