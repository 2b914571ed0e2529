"""The first and last pixel that each unit of a layer sees along one axis of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from convscope.core.axis import EMPTY_EDGES, beyond_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.axis import Indices, Table, Window

Box = tuple[int, int]
"""First and last input pixel along one axis, both included; empty when first > last."""

NOTHING: Box = (0, -1)


@dataclass(frozen=True, eq=False)
class Boxes:
    """The first and last pixel on the picture that each unit sees; a unit that sees none has last < first.

    Attributes:
        first: one for each unit.
        last: one for each unit.
        rising: neither ever falls from a unit to the next.
        gaps: some unit sees none.
    """

    first: Indices
    last: Indices
    rising: bool
    gaps: bool = False

    @property
    def blind(self) -> bool:
        """No unit sees any pixel."""
        return self.gaps and bool((self.last < self.first).all())

    def hull(self) -> Box:
        """The pixels between the first and the last that any unit sees; empty where none sees any."""
        some = self.first <= self.last if self.gaps else slice(None)
        if self.blind:
            return NOTHING
        return int(self.first[some].min()), int(self.last.max())

    def longest(self) -> int:
        """Pixels of the longest box."""
        return max(0, int((self.last - self.first).max()) + 1)


def windowed(boxes: Boxes, window: Window) -> Boxes:
    """The boxes of the units behind a window."""
    if window.up == 1 and boxes.rising and window.edge in {*EMPTY_EDGES, "clamp"}:
        return _between(boxes, window)
    starts = window.stride * np.arange(window.extent) - window.lo
    taps, step = window.hits(starts)
    first, last = np.full(len(starts), _far(boxes)), np.full(len(starts), -1)
    reach = (window.size - 1) * window.up + abs(window.lo) + abs(window.hi) + 1
    for more in range(0, min(window.kernel, reach // window.dilation + step + 1), step):
        at = starts + window.dilation * (taps + more)
        read, inside = beyond_each(at // window.up, window.size, window.edge)
        inside &= (taps >= 0) & (taps + more < window.kernel)
        first = np.where(inside, np.minimum(first, boxes.first[read]), first)
        last = np.where(inside, np.maximum(last, boxes.last[read]), last)
    return boxes_of(first, last)


def _far(boxes: Boxes) -> int:
    """Beyond every pixel that is seen, so that the least of this and a pixel is the pixel."""
    return max(0, int(boxes.last.max()) + 1)


def _between(boxes: Boxes, window: Window) -> Boxes:
    """Of rising boxes, a run of units sees from the first of its first to the last of its last.

    Windows that lie on the map as a whole are most of them, and are neighbours: theirs are slices.
    """
    units, step = window.extent, window.stride
    on = min(units, max(0, -(-window.lo // step)))
    off = min(units, max(on, (window.size - window.span + window.lo) // step + 1))
    start = step * on - window.lo
    middle = slice(start, start + step * (off - on), step)
    ends = boxes.first[middle], boxes.last[window.span - 1 :][middle]
    sides = [_at_border(boxes, step * some - window.lo, window) for some in (np.arange(on), np.arange(off, units))]
    first, last = (
        np.concatenate([side[0], whole, side[1]]) for side, whole in zip(zip(*sides, strict=True), ends, strict=True)
    )
    if boxes.gaps or off == on:
        return boxes_of(first, last)
    borders = [boxes_of(first[part], last[part]) for part in (slice(on + 1), slice(off - 1, None))]
    return Boxes(first, last, all(one.rising for one in borders), any(one.gaps for one in borders))


def _at_border(boxes: Boxes, starts: Indices, window: Window) -> tuple[Indices, Indices]:
    """First and last of windows of which a part may lie beyond the map."""
    last, step, ends = window.size - 1, window.dilation, starts + window.span - 1
    if window.edge == "clamp":
        return boxes.first[np.clip(starts, 0, last)], boxes.last[np.clip(ends, 0, last)]
    low = np.where(starts < 0, starts + -(starts // step) * step, starts)  # the first tap on the map
    high = np.where(ends > last, ends - -((last - ends) // step) * step, ends)  # the last one
    nothing = low > high
    firsts = np.where(nothing, _far(boxes), boxes.first[np.clip(low, 0, last)])
    lasts = np.where(nothing, -1, boxes.last[np.clip(high, 0, last)])
    return firsts, lasts


def boxes_of(first: Indices, last: Indices) -> Boxes:
    """Boxes of these ends, with what holds for them."""
    rising = bool((np.diff(first) >= 0).all() and (np.diff(last) >= 0).all())
    return Boxes(first, last, rising, bool((last < first).any()))


def united(parts: Sequence[Boxes]) -> Boxes:
    """Boxes around what each unit sees on several paths.

    >>> never = Boxes(np.array([1]), np.array([-1]), rising=True, gaps=True)
    >>> both = united([never, Boxes(np.array([5]), np.array([6]), rising=True)])
    >>> both.first.tolist(), both.last.tolist()
    ([5], [6])
    """
    if not any(part.gaps for part in parts):
        first = reduce(np.minimum, [part.first for part in parts])
        last = reduce(np.maximum, [part.last for part in parts])
        return Boxes(first, last, rising=all(part.rising for part in parts))
    far = max(map(_far, parts))
    firsts, lasts = zip(*(_neutral(part, far) for part in parts), strict=True)
    return boxes_of(reduce(np.minimum, firsts), reduce(np.maximum, lasts))


def behind(parts: Sequence[Boxes]) -> Boxes:
    """The boxes of units that lie one part behind the other.

    >>> one = Boxes(np.array([0, 1]), np.array([0, 1]), rising=True)
    >>> behind([one, Boxes(np.array([0]), np.array([-1]), rising=True, gaps=True), one]).first.tolist()
    [0, 1, 2, 0, 1]
    """
    far = max(map(_far, parts))
    firsts, lasts = zip(*(_neutral(part, far) for part in parts), strict=True)
    return boxes_of(np.concatenate(firsts), np.concatenate(lasts))


def _neutral(boxes: Boxes, far: int) -> tuple[Indices, Indices]:
    """First and last, such that a unit that sees none changes no least and no greatest number."""
    if not boxes.gaps:
        return boxes.first, boxes.last
    none = boxes.last < boxes.first
    return np.where(none, far, boxes.first), np.where(none, -1, boxes.last)


def looked_up(boxes: Boxes, table: Table) -> Boxes:
    """The boxes of the units behind a table, each of which reads a run of units; nothing where the run is empty."""
    starts, ends = table.ends(np.arange(table.extent))
    none = starts > ends
    starts, ends = (np.clip(side, 0, table.size - 1) for side in (starts, ends))
    if boxes.rising or np.array_equal(starts, ends):
        first, last = boxes.first[starts], boxes.last[ends]
    else:
        runs = [slice(a, max(a, b) + 1) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        first = np.array([boxes.first[run].min() for run in runs])
        last = np.array([boxes.last[run].max() for run in runs])
    if none.any():
        first, last = np.where(none, _far(boxes), first), np.where(none, -1, last)
    return boxes_of(first, last)
