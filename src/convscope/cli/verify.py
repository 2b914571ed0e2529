"""The command that compares a net with the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.choices import NET
from convscope.cli.common import INPUT, JSON, THREADS, cli
from convscope.cli.numbers import SEED, whole
from convscope.cli.outputs import deliver, out, tabled

if TYPE_CHECKING:
    from convscope.cli.common import Size
    from convscope.cli.outputs import Out


@cli.command()
@click.argument("net", type=NET)
@INPUT
@click.option(
    "--units",
    default=8,
    type=whole(1, 10_000),
    show_default=True,
    help="Number of units whose receptive fields are probed.",
)
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed for the choice of units.")
@THREADS
@out(tabled("Verification", lambda found: found.grid()))
@JSON
def verify(net: str, size: Size, units: int, seed: int, out: Out | None, *, as_json: bool) -> int:
    r"""Check the numbers against the real model.

    Compares parameters, MACs, shapes and the receptive fields of units with what the model itself does. The
    model runs with even weights and every path open; the pixels with a gradient at a unit are its receptive field,
    holes included. They are compared one by one, with gates and without. Exit status 1 if something does not agree.

    \b
    Examples:
      convscope verify "input 32x32x3, conv 16 3x3 d2 p2, add( conv 16 3x3 same | id ), maxpool 2"
      convscope verify torchvision:resnet18 --units 20 --seed 3
      convscope verify net.cnn --input 64x64x3 --json
    """
    from convscope.verification import verify as ask

    found = ask(net, input=size, units=units, seed=seed)
    deliver(found, out, as_json=as_json)
    return 0 if found.passed else 1
