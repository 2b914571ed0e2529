"""Commands that answer questions about a net; none of them loads torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.common import INPUT, JSON, OF, cli, show
from convscope.cli.numbers import whole
from convscope.cli.outputs import refuse_own
from convscope.errors import FieldError
from convscope.streams import present
from convscope.view.numbers import shortened

if TYPE_CHECKING:
    from convscope.cli.common import Size


@cli.command()
@click.argument("size", type=whole())
@click.option("--kernel", default=3, type=whole(), show_default=True, help="Height and width of the kernels.")
@click.option("--channels", default=1, type=whole(), show_default=True, help="Channels of the image.")
@click.option("--filters", default=1, type=whole(), show_default=True, help="Channels of every convolution.")
@click.option("--object", "target", type=whole(), help="Height and width of an object that must be seen whole.")
@click.option(
    "--pool-every", default=0, type=whole(0), metavar="M", help="A 2x2 max-pooling after every M convolutions."
)
@JSON
def depth(
    size: int, kernel: int, channels: int, filters: int, target: int | None, pool_every: int, *, as_json: bool
) -> None:
    r"""How many KxK convolutions bring a SIZExSIZE image to 1x1, and how many see an object whole.

    \b
    Examples:
      convscope depth 199
      convscope depth 28 --object 20 --filters 32
      convscope depth 224 --object 100 --pool-every 2 --channels 3 --json
    """
    from convscope.analyze.depth import depth as ask

    result = ask(size, kernel=kernel, channels=channels, filters=filters, object_size=target, pool_every=pool_every)
    if as_json:
        show(result.to_json())
    else:
        present(result)


def places(text: str) -> tuple[int | tuple[int, int], ...]:
    """``3,4`` or ``0:7,0:7``: a unit or a first and last one along each axis."""
    found: list[int | tuple[int, int]] = []
    for part in text.split(","):
        ends = part.split(":")
        if not 1 <= len(ends) <= 2 or not all(end.strip().isdecimal() and len(end) < 12 for end in ends):
            raise FieldError(f'"{shortened(text)}" is not a place', expected="y,x or y0:y1,x0:x1")
        found.append(int(ends[0]) if len(ends) == 1 else (int(ends[0]), int(ends[1])))
    return tuple(found)


@cli.command()
@click.argument("net")
@INPUT
@OF
@click.option("--node", metavar="N", help="Layer; the last one by default.")
@click.option("--at", metavar="Y,X", help="Unit, or patch as Y0:Y1,X0:X1; the middle unit by default.")
@click.option("--no-gates", is_flag=True, help="Leave gates and statistics of norms out.")
@click.option("--mask", metavar="FILE", help="Write the pixels that are read as a PNG image.")
@JSON
def field(
    net: str,
    size: Size,
    of: str | None,
    node: str | None,
    at: str | None,
    mask: str | None,
    *,
    no_gates: bool,
    as_json: bool,
) -> None:
    r"""The exact pixels that a unit depends on: box, holes, coverage, and how the weight spreads over them.

    \b
    Examples:
      convscope field "input 32x32x1, 2*( conv 8 3x3 d2 p2 )" --at 16,16
      convscope field net.cnn --node conv3 --at 0,0 --json
      convscope field net.cnn --at 4:6,4:6 --mask support.png
    """
    from convscope.analyze.unit import unit_field
    from convscope.frontends import read

    refuse_own(mask, net)
    found = unit_field(read(net, input=size), node, None if at is None else places(at), gates=not no_gates, of=of)
    if mask:
        found.save_mask(mask)
    if as_json:
        show(found.to_json())
    else:
        present(found)


@cli.command()
@click.argument("net")
@INPUT
@click.option("--batch", default=1, type=whole(), show_default=True, help="Samples at a time.")
@click.option(
    "--dtype",
    default="float32",
    show_default=True,
    help="float32, bfloat16 (bf16), float16 (fp16), int8, float64.",
)
@click.option("--optimizer", default="adam", show_default=True, help="sgd, momentum, adam, adamw or rmsprop.")
@JSON
def memory(net: str, size: Size, batch: int, dtype: str, optimizer: str, *, as_json: bool) -> None:
    r"""Memory: weights, the peak of live activations in inference and where it is, and what training needs.

    \b
    Examples:
      convscope memory net.cnn
      convscope memory net.cnn --batch 128 --dtype bfloat16 --json
    """
    from convscope.analyze.memory import memory as ask
    from convscope.frontends import read

    found = ask(read(net, input=size), batch=batch, dtype=dtype, optimizer=optimizer)
    if as_json:
        show(found.to_json())
    else:
        present(found)
