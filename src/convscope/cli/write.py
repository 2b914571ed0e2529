"""The command that brings a net out; it loads torch only for the weights of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.common import INPUT, cli
from convscope.cli.numbers import SEED
from convscope.cli.outputs import refuse_own
from convscope.files import is_run, put
from convscope.streams import say, tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.cli.common import Size

SUFFIXES = {".cnn": "notation", ".py": "torch", ".onnx": "onnx", ".dot": "dot", ".gv": "dot"}
"""What a file is taken for by its name."""


@cli.command()
@click.argument("net")
@INPUT
@click.option(
    "--to", "language", metavar="LANGUAGE", help="notation, torch, keras, onnx or dot; by the name of FILE if left out."
)
@click.option("-o", "--out", metavar="FILE", help="Write to FILE, replacing it; by default to standard output.")
@click.option(
    "--seed", default=0, type=SEED, show_default=True, help="Of the weights of an ONNX file, where the net has none."
)
def write(net: str, size: Size, language: str | None, out: str | None, seed: int) -> None:
    r"""Write NET in another language: code as a person would have written it, a graph, an ONNX file.

    \b
    notation  one line of text, which reads back as the same net
    torch     a Python module with a class Net; blocks that come back are classes, repetition is a loop
    keras     a Python module with a function build()
    onnx      the bytes of a model, with the weights of NET: of a run, of a model; else random ones
    dot       a graph for Graphviz, modules in frames

    \b
    Examples:
      convscope write "input 28x28x1, conv 16 3x3 bn relu, gap, linear 10" --to torch
      convscope write torchvision:resnet18 --to keras -o resnet18.py
      convscope write runs/mnist-fast-seed0 -o digits.onnx
      convscope write net.cnn --to dot | dot -Tsvg > net.svg
    """
    from convscope.frontends import read
    from convscope.writers import BINARY
    from convscope.writers import write as write_in
    from convscope.writers.weights import stored

    chosen = language or SUFFIXES.get(Path(out or "").suffix.lower(), "notation")
    if chosen in BINARY and out is None:
        raise click.UsageError(f"{chosen} is not text: give a file with -o FILE")
    refuse_own(out, net)
    found = read(net, input=size)
    tensors = (_weights_of_run(net) or stored(found)) if chosen in BINARY else None
    if chosen in BINARY and tensors is None:
        tell(f"the net has no weights: random ones, seed {seed}")
    made = write_in(found, to=chosen, tensors=tensors, seed=seed)
    if out is None:
        say(str(made).rstrip("\n"))
    else:
        put(Path(out), made if isinstance(made, bytes) else f"{made.rstrip()}\n".encode())


def _weights_of_run(path: str) -> dict[str, NDArray[Any]] | None:
    """The trained weights, where the net is the folder of a run."""
    from convscope.frontends import STDIN

    if path == STDIN or not is_run(path) or not os.path.lexists(Path(path, "model.safetensors")):
        return None
    from convscope.training.run import load
    from convscope.training.train import tensors_of

    return tensors_of(load(path))
