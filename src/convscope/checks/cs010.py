"""Paths that look at different places.

Where paths merge, unit ``o`` of one should look at the same place as unit ``o`` of the other: the same stride, and the
middle of the field at the same pixel. Odd and even kernels, uneven padding and crops shift one path against the other
by half a pixel or more, and the merge mixes neighbours.

Pad so that the middles agree: by ``(kernel - 1)/2`` on each side for an odd kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.coverage import Misaligned, misaligned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from convscope.checks.finding import Facts, Finding

CODE = "CS010"


def check(facts: Facts) -> Iterator[Finding]:
    """Merges whose paths differ in stride or centre; for each the axis along which they are farthest apart."""
    worst: dict[str, Misaligned] = {}
    for found in misaligned(facts.net):
        if found.node not in worst or _apart(found) > _apart(worst[found.node]):
            worst[found.node] = found
    for found in worst.values():
        yield facts.finding(
            CODE,
            facts.layers[found.node],
            f"its paths look at different places along axis {found.axis}: {_named(found)}",
            why="unit by unit it mixes numbers about different places",
            do="equal strides, and padding that puts the middles on the same pixel",
            change=f"the paths would agree to the pixel; unit 0 is {_apart(found)} pixels apart now",
        )


def _named(found: Misaligned) -> str:
    parts = (f"{branch.source} stride {branch.stride}, centre {branch.centre}" for branch in found.branches)
    return "; ".join(parts)


def _apart(found: Misaligned) -> Fraction:
    centres = [branch.centre for branch in found.branches]
    return max(centres) - min(centres)
