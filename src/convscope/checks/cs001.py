"""Pixels that are never read.

A window with a stride can leave rows and columns at the end of its input that no unit reads: a 3x3 with stride 2 and no
padding on 224 ends at pixel 222. What lies there cannot change the output, and the map is off-centre by half a pixel.

Pad the end by as much as is missing, or choose an input size that the strides divide.

It is a warning from 5 % of an axis on; less, as the last row of 28, is a note and fails no gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.coverage import Unread, unread
from convscope.checks.finding import NOTE, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS001"

MUCH = 0.05
"""Share of an axis from which on the finding is a warning."""

NAMES: dict[int, tuple[str, ...]] = {1: ("position",), 2: ("row", "column"), 3: ("slice", "row", "column")}
"""Names of the axes of a map, by their number; a layer's axes may differ from those of the net's input."""


def check(facts: Facts) -> Iterator[Finding]:
    """Find strided windows that leave positions out."""
    for found in unread(facts.net):
        positions = _positions(found)
        layer = facts.layers[found.node]
        axis = _name(found, len(layer.inputs[0]) - 1)
        many = len(found.positions) > 1
        verb = "are" if many else "is"
        yield facts.finding(
            CODE,
            layer,
            f"{axis}{'s' if many else ''} {positions} of its input (0 to {found.size - 1}) {verb} never read",
            why="what lies there cannot change the output, and the map is off-centre",
            do=f"pad the end of that axis, or use an input of {found.size - len(found.positions)} there",
            level=WARNING if len(found.positions) >= MUCH * found.size else NOTE,
            change=f"{100 * len(found.positions) / found.size:.1f} % more of the axis would be read",
        )


def _name(found: Unread, rank: int) -> str:
    """Return the name of an index along the axis."""
    return NAMES[rank][found.axis] if rank in NAMES else f"index along axis {found.axis + 1}"


def _positions(found: Unread) -> str:
    """Name the positions; of many, the first and the last."""
    positions = found.positions.tolist()
    return (
        ", ".join(map(str, positions))
        if len(positions) <= 4
        else f"{positions[0]} … {positions[-1]} ({len(positions)} of them)"
    )
