"""The command that holds a net against the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.common import INPUT, JSON, cli, show
from convscope.cli.numbers import SEED, whole
from convscope.streams import present

if TYPE_CHECKING:
    from convscope.cli.common import Size


@cli.command()
@click.argument("net")
@INPUT
@click.option("--units", default=8, type=whole(1, 10_000), show_default=True, help="Units whose fields are probed.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Of the units by chance.")
@JSON
def verify(net: str, size: Size, units: int, seed: int, *, as_json: bool) -> int:
    r"""Probe the real model and compare it with what the net claims: params, MACs, shapes, fields of units.

    The model runs with even weights and every path open; the pixels with a gradient at a unit are its field, holes
    included. They are compared one by one, with gates and without. Exit status 1 when something does not agree.

    \b
    Examples:
      convscope verify "input 32x32x3, conv 16 3x3 d2 p2, add( conv 16 3x3 same | id ), maxpool 2"
      convscope verify torchvision:resnet18 --units 20 --seed 3
      convscope verify net.cnn --input 64x64x3 --json
    """
    from convscope.verification import verify as ask

    found = ask(net, input=size, units=units, seed=seed)
    if as_json:
        show(found.to_json())
    else:
        present(found)
    return 0 if found.passed else 1
