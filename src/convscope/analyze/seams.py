"""Maps that are concatenated along a spatial axis: a unit lies in one of them and sees what it saw there.

Their boxes follow one after the other, exactly. There is a line if the parts advance equally: that of the part with the
largest field, or the longest of these. If a part does not continue where the previous one ends (a border taken from the
opposite end, a mirrored half), units at the seam see other pixels than the line states, and the line is marked.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from convscope.analyze.boxes import alike, equal
from convscope.analyze.followed import end_to_end, united
from convscope.analyze.track import BLIND, Track, listed, seen_whole
from convscope.core.axis import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.analyze.boxes import Boxes
    from convscope.analyze.line import Line
    from convscope.core.net import Layer


def seam_axis(layer: Layer) -> int | None:
    """Return the spatial axis along which a layer concatenates its inputs; None if it does not.

    >>> import convscope as cs
    >>> [seam_axis(layer) for layer in cs.read("input 4x4x1, cat along2( id | id ), cat( id | id )")][-2:]
    [2, None]
    """
    if not layer.node.op.merges:
        return None
    return next((axis for axis in range(1, len(layer.output)) if _in_turn(layer, axis)), None)


def _in_turn(layer: Layer, axis: int) -> bool:
    """Return whether each input has its own units of the output, which begin where those of the previous input end."""
    total, start = layer.output[axis], 0
    for reads in layer.reads:
        size = reads[axis].relation.size if axis < len(reads) else 0
        if not size or reads[axis].relation != Window(size, lo=start, hi=total - start - size):
            return False
        start += size
    return start == total


def joined(parts: Sequence[Track], sizes: Sequence[int], axis: int, pixels: int) -> Track:
    """Return what the units of maps see that are concatenated along an axis.

    Args:
        parts: the state of each map.
        sizes: number of units of each along the axis.
        axis: axis of the maps.
        pixels: number of pixels of the image along the axis that is followed.
    """
    seen = [part for part in parts if not part.blind]
    if not seen:
        return BLIND
    axes = {part.axis for part in seen}
    if not all(part.ordered for part in seen) or len(axes - {None}) > 1 or 0 in axes:
        found = _in_no_order(parts, axis)
    elif axes <= {axis, None}:
        found = _one_after_the_other(parts, sizes, axis, pixels)
    else:
        found = _side_by_side(seen, sizes)
    exact = found.exact and all(part.exact for part in seen)
    mixed = any(part.mixed or part.shares for part in seen)
    return replace(found, exact=exact, mixed=mixed, unknown=any(part.unknown for part in seen), shares=())


def _in_no_order(parts: Sequence[Track], axis: int) -> Track:
    """Return the boxes of all units if the units of all parts lie along the axis; otherwise a hull."""
    found = listed(parts)
    if {part.axis for part in parts} <= {axis, None}:
        return replace(found, axis=axis)
    return replace(seen_whole(found), exact=False)


def _one_after_the_other(parts: Sequence[Track], sizes: Sequence[int], axis: int, pixels: int) -> Track:
    """Return whether the units of each part lie along the axis, or all see the same, which may be nothing."""
    first = parts[0].boxes
    if all(part.axis is None and equal(part.boxes, first) for part in parts):
        return parts[0]
    boxes = end_to_end([_spread(part, size, pixels) for part, size in zip(parts, sizes, strict=True)])
    starts = list(accumulate(sizes, initial=0))
    lines = [part.line and part.line.moved(start) for part, start in zip(parts, starts, strict=False)]
    line = _main(lines, sizes)
    if line and not line.seams and not all(_goes_on(boxes, line, seam, pixels) for seam in starts[1:-1]):
        line = replace(line, seams=True)
    return Track(axis, boxes, line)


def _side_by_side(seen: Sequence[Track], sizes: Sequence[int]) -> Track:
    """Return the boxes if units lie along another axis than the seams: each sees what its part sees."""
    placed = next(part for part in seen if part.axis is not None)
    spread = [_spread(part, placed.boxes.size, placed.boxes.pixels) for part in seen]
    boxes = united(spread)
    line = _main([part.line for part in seen], sizes)
    return Track(placed.axis, boxes, line, exact=all(equal(part, boxes) for part in spread))


def _main(lines: Sequence[Line | None], sizes: Sequence[int]) -> Line | None:
    """Return the line with the largest field, the longest of several, if all lines advance equally."""
    steady = [line for line in lines if line]
    if len(steady) < len(lines) or len({abs(line.stride) for line in steady}) > 1:
        return None

    def weight(at: int) -> tuple[int, bool, int]:
        return max(last - first for first, last in steady[at].phases), steady[at].advance > 0, sizes[at]

    main = steady[max(range(len(steady)), key=weight)]
    return main if all(line == main for line in steady) else replace(main, seams=True)


def _goes_on(boxes: Boxes, line: Line, seam: int, pixels: int) -> bool:
    """Return whether units on both sides of a seam see what the line states."""
    around = len(line.phases)
    for unit in range(max(0, seam - around), min(boxes.size, seam + around)):
        first, last = line.box(unit)
        first, last = max(0, first), min(pixels - 1, last)
        seen = boxes.box(unit)
        if seen != (first, last) and (first <= last or seen[0] <= seen[1]):
            return False
    return True


def _spread(part: Track, size: int, pixels: int) -> Boxes:
    """Return the box of every unit on an image of ``pixels``, even if all see the same, or nothing."""
    if part.axis is not None:
        return part.boxes
    return alike(size, part.boxes.box(0), pixels)
