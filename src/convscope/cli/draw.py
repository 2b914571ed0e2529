"""The command that draws a net."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from convscope.cli.choices import NET
from convscope.cli.common import INPUT, JSON, cli
from convscope.cli.numbers import whole
from convscope.cli.outputs import deliver, drawn, out

if TYPE_CHECKING:
    from convscope.cli.common import Size
    from convscope.cli.outputs import Out


@cli.command()
@click.argument("net", metavar="NET", type=NET)
@INPUT
@click.option(
    "--fold",
    type=whole(0),
    metavar="N",
    help="Draw modules as one block whose names share N parts, 2 for layer1.0; 0 folds nothing. By default, as little "
    "is folded as can be read at first sight.",
)
@click.option("--title", metavar="TEXT", help="Title above the drawing; by default the size of the net.")
@out(drawn(lambda found: found.figure()), "Write the drawing to FILE")
@JSON
def draw(net: str, size: Size, fold: int | None, title: str | None, out: Out | None, *, as_json: bool) -> None:
    r"""Draw a net as a figure.

    Blocks are in proportion: the height stands for the size of the map, the width for the channels, both on a
    logarithmic scale that the figure states. Shortcuts are arcs, parallel paths lie beside each other, and long nets
    take several rows. Without FILE, the blocks are listed.

    \b
    Examples:
      convscope draw "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10" -o net.svg
      convscope draw net.cnn --fold 1 -o net.png
      convscope draw model.onnx -o model.html
    """
    from convscope.diagram.draw import draw as ask

    deliver(ask(net, input=size, fold=fold, title=title or ""), out, as_json=as_json)
