"""Paths that look at different positions.

Where paths merge, unit ``o`` of one should look at the same position as unit ``o`` of the other: the same stride, and
the centre of the field at the same pixel. Odd and even kernels, uneven padding and crops shift one path against the
other by half a pixel or more, and the merge mixes neighbours.

Pad so that the centres agree: by ``(kernel - 1)/2`` on each side for an odd kernel.

An intentional shift is not reported. A shift is intentional where all paths end at the same pixel, as with causal
convolutions, which pad only before and see nothing that comes later; and where all paths only move one map about
(slices, shifts, 1x1 convolutions, no larger kernel), as differences and wavelets do: the shift is their purpose.
A shift of less than one unit is a note: unit ``o`` of one path is still nearer to unit ``o`` of the other than to its
neighbours. It comes from even kernels beside odd ones (a pooling of 2x2 beside a strided 3x3), and from up-sampling,
where the unit is that of the coarse map, since one value is spread over several positions anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.coverage import Misaligned, misaligned, only_moves
from convscope.checks.finding import NOTE, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from convscope.checks.finding import Facts, Finding
    from convscope.core.net import Net

CODE = "CS010"


def check(facts: Facts) -> Iterator[Finding]:
    """Find merges whose paths differ in stride or centre, and the axis along which they differ most."""
    origins = _origins(facts.net)
    worst: dict[str, Misaligned] = {}
    for found in misaligned(facts.net):
        if _ends_agree(found) or _one(origins[branch.source] for branch in found.branches):
            continue
        if found.node not in worst or _apart(found) > _apart(worst[found.node]):
            worst[found.node] = found
    for found in worst.values():
        yield facts.finding(
            CODE,
            facts.layers[found.node],
            f"its paths look at different positions along axis {found.axis}: {_named(found)}",
            why="each unit mixes values from different positions",
            do="use equal strides, and padding that puts the centres on the same pixel",
            change=f"the paths would agree to the pixel; the centres of unit 0 are {_apart(found)} pixels apart now",
            level=NOTE if _within_unit(found) else WARNING,
        )


def _named(found: Misaligned) -> str:
    parts = (f"{branch.source} stride {branch.stride}, centre {branch.centre}" for branch in found.branches)
    return "; ".join(parts)


def _apart(found: Misaligned) -> Fraction:
    centres = [branch.centre for branch in found.branches]
    return max(centres) - min(centres)


def _ends_agree(found: Misaligned) -> bool:
    """Return whether all paths end at the same pixel, as in a causal net."""
    return len({(branch.stride, branch.end) for branch in found.branches}) == 1


def _within_unit(found: Misaligned) -> bool:
    """Return whether they are less than one unit of the coarsest source map apart."""
    same = len({branch.stride for branch in found.branches}) == 1
    return same and _apart(found) < max(branch.coarse for branch in found.branches)


def _origins(net: Net) -> dict[str, str | None]:
    """Map each layer and input to the map that it only moves about, or to itself if it does more; None for several."""
    found: dict[str, str | None] = {}
    for layer in net:
        for name in layer.node.inputs:
            found.setdefault(name, name)
        parts = [found[source] for source in layer.node.inputs]
        found[layer.node.name] = (_one(parts) and parts[0]) or None if only_moves(layer) else layer.node.name
    return found


def _one(origins: Iterable[str | None]) -> bool:
    """Return whether all paths move one map about."""
    known = set(origins)
    return len(known) == 1 and None not in known
