"""The verb: a drawing of anything that can be read as a net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.core.source import net_of
from convscope.diagram.drawing import figure_of
from convscope.diagram.layout import layout
from convscope.diagram.pieces import Graph, pieces_of, sources_of
from convscope.errors import FieldError
from convscope.view.parts import Stack

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.view.figure import Figure


@dataclass(frozen=True, eq=False)
class Drawing:
    """The drawing of a net; a notebook shows it, a terminal lists its blocks.

    Attributes:
        net: the net.
        fold: the number of parts of the names by which modules are folded; 0 for none, None if that was chosen.
        title: title above the drawing; empty for the size of the net.
    """

    net: Net
    fold: int | None = None
    title: str = ""

    def figure(self) -> Figure:
        """Return the drawing as a figure, which is written as SVG, HTML or PNG."""
        return figure_of(self.net, self.fold, self.title)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/drawing/1``: the blocks with their layers, columns and lanes."""
        graph = Graph.of(self.net)
        pieces = pieces_of(graph, self.fold)
        sources = sources_of(graph, pieces)
        found = layout(sources)
        inputs = [{"name": one.name, "layers": []} for one in self.net.inputs]
        blocks = inputs + [
            {
                "name": piece.title,
                "layers": [layer.node.name for at in piece.steps for layer in graph.steps[at].layers],
            }
            for piece in pieces
        ]
        places = zip(blocks, sources, found.columns, found.lanes, strict=True)
        return {
            "schema": "convscope/drawing/1",
            "blocks": [
                block | {"inputs": [blocks[one]["name"] for one in mine], "column": column, "lane": lane}
                for block, mine, column, lane in places
            ],
        }

    def to_svg(self) -> str:
        """Return a stand-alone SVG file, light or dark as the reader's system prefers."""
        return self.figure().to_svg()

    def to_html(self) -> str:
        """Return a fragment of a page, without scripts."""
        return self.figure().to_html()

    def save(self, path: str | Path) -> Path:
        """Write a file in the format of its suffix: ``.svg``, ``.html`` or ``.png``.

        Raises:
            WriteError: the suffix is unknown, or the file cannot be written.
            MissingExtraError: a PNG needs ``look``.
        """
        return self.figure().save(path)

    _repr_svg_ = to_svg
    _repr_html_ = to_html

    def stack(self) -> Stack:
        """Return the title and the list of the blocks."""
        figure = self.figure()
        assert figure.table
        return Stack((figure.title, "", figure.table))

    def __str__(self) -> str:
        return self.stack().to_text()

    __repr__ = __str__


def draw(
    net: object,
    *,
    input: object = None,  # noqa: A002 -- the word of the notation
    fold: int | None = None,
    title: str = "",
) -> Drawing:
    """Draw a net: its blocks in proportion, shortcuts above them, parallel paths beside each other.

    Args:
        net: a net, or what :func:`convscope.read` takes.
        input: size of the input, if ``net`` does not state it.
        fold: fold modules whose names share this number of parts, 2 for ``layer1.0``; 0 folds nothing. By default, as
            little is folded as fits.
        title: title above the drawing.

    Raises:
        FieldError: ``fold`` is below 0.
        ConvscopeError: as for :func:`convscope.read`.

    >>> print(draw("input 8x8x1, conv 4 3x3 bn relu, gap, linear 10"))
    5 layers, 98 params, 1.34 k MACs
    <BLANKLINE>
    block    layers  output  params   MACs
    conv1         3   6x6x4      48  1,296
    gap1          1   1x1x4       0      0
    linear1       1      10      50     40
    """
    if fold is not None and fold < 0:
        raise FieldError(f"fold={fold}", expected="0 or more")
    return Drawing(net_of(net, input), fold, title)
