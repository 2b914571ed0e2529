"""Holes in the field (gridding).

Dilated convolutions whose dilations share a factor read a grid: two 3x3 with dilation 2 see 25 of 81 pixels of their
box, every other row and column. Neighbouring units then see different pixels, and the map shows the grid (Wang et
al., arXiv 1702.08502).

Use dilations without a common factor (1, 2, 3), or put a plain 3x3 before or after them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.support import support
from convscope.core.axis import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding
    from convscope.core.net import Layer

CODE = "CS015"


def check(facts: Facts) -> Iterator[Finding]:
    """Check the middle unit of the last dilated layer for holes."""
    dilated = [layer for layer in facts.net if _dilated(layer)]
    if not dilated:
        return
    last = facts.layers[facts.placed.name] if facts.placed else dilated[-1]
    if len(last.output) != len(facts.table.input):
        return
    found = support(facts.net, last.node.name, tuple(size // 2 for size in last.output[1:]), gates=False)
    if found.holes and max(found.grid) > 1:
        names = ", ".join(layer.node.name for layer in dilated)
        yield facts.finding(
            CODE,
            dilated[-1],
            f"a unit of {last.node.name} sees {found.pixels:,} of the {found.area:,} pixels of its box, one of every "
            f"{max(found.grid)} along an axis ({names})",
            why="neighbouring units see different pixels, so the map shows a grid",
            do="use dilations without a common factor (1, 2, 3), or a plain 3x3 after them",
            change=f"{found.holes:,} more pixels of the box would be seen",
        )


def _dilated(layer: Layer) -> bool:
    return any(
        isinstance(read.relation, Window) and read.relation.dilation > 1 and read.relation.kernel > 1
        for read in layer.reads[0][1:]
    )
