"""The command that writes a net; it loads torch only for the weights of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convscope.cli.choices import NET, one_of
from convscope.cli.common import INPUT, cli
from convscope.cli.numbers import SEED
from convscope.cli.outputs import listed, out
from convscope.errors import FieldError
from convscope.files import is_run, put
from convscope.inert import inert
from convscope.streams import say, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from convscope.cli.common import Size
    from convscope.cli.outputs import Out
    from convscope.core.net import Net

SUFFIXES: dict[str, dict[str, str]] = {
    ".cnn": {"notation": "notation"},
    ".py": {"torch": "torch", "keras": "keras"},
    ".onnx": {"onnx": "onnx"},
    ".keras": {"keras": "keras_model"},
    ".dot": {"dot": "dot"},
    ".gv": {"dot": "dot"},
}
"""The languages of a file by its suffix, each with its writer; the first one where nothing else is said."""

LANGUAGES: tuple[str, ...] = tuple(dict.fromkeys(name for names in SUFFIXES.values() for name in names))


@cli.command()
@click.argument("net", type=NET)
@INPUT
@click.option(
    "--to", "language", type=one_of("language", *LANGUAGES), help="Language; by default that of the suffix of FILE."
)
@out(SUFFIXES, "Write to FILE, by default to standard output")
@click.option(
    "--seed", default=0, type=SEED, show_default=True, help="Seed for the weights of a model, if the net has none."
)
def write(net: str, size: Size, language: str | None, out: Out | None, seed: int) -> None:
    r"""Write a net as code, ONNX, a graph or notation.

    The code looks as if written by hand.

    \b
    notation  one line of text, which reads back as the same net
    torch     a Python module with a class Net; repeated blocks are classes, repetition is a loop; the weights of NET,
              if it has any, go into FILE.safetensors beside it
    keras     a Python module with a function build(); in a .keras file, a model with the weights of NET
    onnx      a model with the weights of NET, a run or a model; random weights where NET has none
    dot       a graph for Graphviz, modules in frames

    \b
    Examples:
      convscope write "input 28x28x1, conv 16 3x3 bn relu, gap, linear 10" --to torch
      convscope write torchvision:resnet18 --to keras -o resnet18.py
      convscope write runs/mnist-fast-seed0 -o digits.onnx
      convscope write runs/mnist-fast-seed0 --to torch -o digits.py
      convscope write net.cnn -o net.keras
      convscope write net.cnn --to dot | dot -Tsvg > net.svg
    """
    from convscope.frontends import read
    from convscope.writers import BINARY
    from convscope.writers import write as write_in
    from convscope.writers.weights import stored

    fitting = SUFFIXES[out.suffix] if out else dict(zip(LANGUAGES, LANGUAGES, strict=True))
    chosen = language or next(iter(fitting))
    if out and chosen not in fitting:
        suffixes = listed(suffix for suffix, names in SUFFIXES.items() if chosen in names)
        raise FieldError(f"{out} is not a file name for {chosen}", expected=f"a name that ends in {suffixes}")
    writer = fitting[chosen]
    if writer in BINARY and out is None:
        raise click.UsageError(f"{chosen} is not text: give a file with -o FILE")
    found = read(net, input=size)
    holds = writer in BINARY or (writer == "torch" and out is not None)
    tensors = (_weights_of_run(net) or stored(found)) if holds else None
    if writer in BINARY and tensors is None:
        tell(f"the net has no weights: they are random, with seed {seed}")
    made = write_in(found, to=writer, tensors=tensors if writer in BINARY else None, seed=seed)
    if out is None:
        say(str(made).rstrip("\n"))
        return
    if tensors is not None and writer == "torch":
        _put_state(found, tensors, Path(out.path).with_suffix(".safetensors"))
    out.put(made)


def _put_state(net: Net, tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write the weights under the names of the written module; ``load_state_dict`` takes the file as it is."""
    from convscope.training.statefile import packed
    from convscope.writers import torch_state

    put(path, packed(torch_state(net, tensors)))
    tell(f"wrote {inert(str(path))}")


def _weights_of_run(path: str) -> dict[str, NDArray[Any]] | None:
    """Return the trained weights, if the net is a run folder."""
    from convscope.frontends import STDIN

    if path == STDIN or not is_run(path) or not os.path.lexists(Path(path, "model.safetensors")):
        return None
    from convscope.training.run import load
    from convscope.training.train import tensors_of

    return tensors_of(load(path))
