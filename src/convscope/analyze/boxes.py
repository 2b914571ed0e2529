"""The first and last pixel that each unit of a layer sees along one axis of the image.

Most units lie on a :class:`~convscope.analyze.line.Line`, cut at the borders of the image. Only those beside the
borders of a map may see something else and are listed one by one, so a map of any length takes almost no memory.
Without a line, all units are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from convscope.analyze.line import NOTHING, Line
from convscope.budget import for_now, hold, spend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.analyze.line import Box
    from convscope.core.axis import Indices

Ends = tuple["Indices", "Indices"]
"""First and last pixels of units; last < first for a unit that sees none."""

NO_ENDS: Ends = (np.arange(0), np.arange(0))

FEW = 1024
"""Number of units that are listed without counting them against the limit: no more than any layer takes."""

REACH = 2**62
"""An index beyond every pixel."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """The first and last pixel of the image that each unit sees; last < first for a unit that sees none.

    Attributes:
        size: number of units.
        pixels: number of pixels of the image.
        line: the line of the units between head and tail, before clipping to the image.
        head: boxes of the first units.
        tail: boxes of the last units.
        rising: whether neither end ever falls from one unit to the next; False if unknown.
        gaps: whether some unit sees no pixel.
    """

    size: int
    pixels: int
    line: Line | None
    head: Ends
    tail: Ends
    rising: bool
    gaps: bool

    @property
    def first(self) -> Indices:
        """First pixel of each unit; computed on each call."""
        return self.at(np.arange(self.size))[0]

    @property
    def last(self) -> Indices:
        """Last pixel of each unit; computed on each call."""
        return self.at(np.arange(self.size))[1]

    @property
    def blind(self) -> bool:
        """Whether no unit sees any pixel."""
        return self.gaps and self.hull() == NOTHING

    @property
    def body(self) -> range:
        """The units on the line."""
        return range(len(self.head[0]), self.size - len(self.tail[0]))

    def box(self, unit: int) -> Box:
        """Return the first and last pixel of one unit."""
        first, last = self.at(np.array([unit]))
        return int(first[0]), int(last[0])

    def at(self, units: Indices) -> Ends:
        """Return the first and last pixel of some units."""
        _count(len(units))
        body = self.body
        if self.line is None or not len(body):
            first, last = (np.concatenate(pair) for pair in zip(self.head, self.tail, strict=True))
            return first[units], last[units]
        first, last = cut(self.line.boxes(units), self.pixels)
        for side, start in ((self.head, 0), (self.tail, body.stop)):
            mine = (units >= start) & (units < start + len(side[0])) if len(side[0]) else None
            if mine is not None and mine.any():
                first[mine], last[mine] = (ends[units[mine] - start] for ends in side)
        return first, last

    def hull(self) -> Box:
        """The range from the first to the last pixel that any unit sees; empty if none sees any."""
        return self._hull

    @cached_property
    def _hull(self) -> Box:
        first, last = self.at(self._telling())
        some = first <= last
        return (int(first[some].min()), int(last[some].max())) if some.any() else NOTHING

    def longest(self) -> int:
        """The length of the longest box in pixels."""
        first, last = self.at(self._telling())
        return max(0, int((last - first).max()) + 1)

    def _telling(self) -> Indices:
        """Return units that include those with the first, the last, and the longest box."""
        body, edges = self.body, [np.arange(len(self.head[0])), np.arange(self.body.stop, self.size)]
        if not len(body) or self.line is None:
            return np.concatenate(edges)
        phases, advance = len(self.line.phases), abs(self.line.advance)
        if len(body) <= 4 * phases or not advance:
            few = np.arange(body.start, min(body.stop, body.start + 4 * phases))
            return np.concatenate([edges[0], few, edges[1]])
        # in each phase, boxes grow at one border of the image and shrink at the other
        first, last = np.array(self.line.phases).T
        ends = -first, -last, self.pixels - 1 - first, self.pixels - 1 - last
        turns = [end // self.line.advance for end in ends]
        near = np.concatenate([turn + step for turn in turns for step in (-1, 0, 1)])
        units = near * phases + np.tile(np.arange(phases), 12)
        units = units[(units >= body.start) & (units < body.stop)]
        whole = np.arange(body.start, body.start + phases), np.arange(body.stop - phases, body.stop)
        return np.concatenate([edges[0], *whole, units, edges[1]])


def cut(ends: Ends, pixels: int) -> Ends:
    """Clip boxes to the image."""
    first, last = np.maximum(ends[0], 0), np.minimum(ends[1], pixels - 1)
    none = last < first
    if none.any():
        first[none], last[none] = pixels, -1
    return first, last


def _count(units: int) -> None:
    if units > FEW:
        spend(0, elements=16 * units)


def even(size: int, pixels: int, line: Line) -> Boxes:
    """Return boxes that all lie on a line."""
    return _made(size, pixels, line, NO_ENDS, NO_ENDS)


def every_pixel(size: int) -> Boxes:
    """Return the boxes of the image itself: each unit sees one pixel."""
    return even(size, size, Line(1, ((0, 0),)))


def alike(size: int, box: Box, pixels: int) -> Boxes:
    """Return the same box for a number of units."""
    return even(size, pixels, Line(0, (box,)))


def boxes_of(first: Indices, last: Indices, pixels: int, line: Line | None = None) -> Boxes:
    """Return boxes with these ends; those in the middle that agree with the line are not stored.

    >>> found = boxes_of(np.array([5, 0, 1, 2, 3]), np.array([6, 1, 2, 3, 4]), 9, Line(1, ((-1, 0),)))
    >>> len(found.head[0]), found.line, found.last.tolist()
    (1, Line(advance=1, phases=((-1, 0),), seams=False), [6, 1, 2, 3, 4])
    """
    half = len(first) // 2
    # without a line, all units may still see the same
    line = line or Line(0, ((int(first[half]), int(last[half])) if first[half] <= last[half] else NOTHING,))
    return trimmed(len(first), pixels, line, (first[:half], last[:half]), (first[half:], last[half:]))


def trimmed(size: int, pixels: int, line: Line, head: Ends, tail: Ends) -> Boxes:
    """Return boxes given at both ends and on a line between; given boxes that lie on the line are dropped."""
    on, off = len(head[0]), size - len(tail[0])
    wrong, late = (_off(line, start, side, pixels) for start, side in ((0, head), (off, tail)))
    start, stop = int(wrong.max(initial=-1)) + 1, int(late.min(initial=len(tail[0])))
    if start == on == off and stop == 0:
        return _made(size, pixels, None, tuple(map(np.concatenate, zip(head, tail, strict=True))), NO_ENDS)  # type: ignore[arg-type] # a pair
    kept = slice(start), slice(stop, None)
    return _made(
        size,
        pixels,
        line,
        *((side[0][part].copy(), side[1][part].copy()) for side, part in zip((head, tail), kept, strict=True)),
    )


def _off(line: Line, start: int, ends: Ends, pixels: int) -> Indices:
    """Return which of some units do not see what the line predicts, clipped to the image."""
    count = len(ends[0])
    if not count:
        return ends[0]
    _count(count)
    given = cut(line.boxes(np.arange(start, start + count)), pixels)
    none = ends[1] < ends[0]
    same = (ends[0] == given[0]) & (ends[1] == given[1])
    return np.flatnonzero(~np.where(none, given[1] < given[0], same))


def _made(size: int, pixels: int, line: Line | None, head: Ends, tail: Ends) -> Boxes:
    listed = len(head[0]) + len(tail[0])
    if listed > FEW:
        hold(16 * listed)
    start, stop = len(head[0]), size - len(tail[0])
    facts = [_facts_on(line, start, stop, pixels)] if line else []
    if listed:
        facts += [_facts(side) for side in (head, tail) if len(side[0])]
        bare = Boxes(size, pixels, line, head, tail, rising=False, gaps=False)
        joints = {at for at in (start, stop) if 0 < at < size}
        facts += [_facts(bare.at(np.array([at - 1, at]))) for at in joints if line]
    rising, gaps = all(one[0] for one in facts), any(one[1] for one in facts)
    return Boxes(size, pixels, line, head, tail, rising, gaps)


def _facts(ends: Ends) -> tuple[bool, bool]:
    """Return whether boxes rise, and whether there are gaps."""
    first, last = ends
    return bool((first[1:] >= first[:-1]).all() and (last[1:] >= last[:-1]).all()), bool((last < first).any())


def _facts_on(line: Line, start: int, stop: int, pixels: int) -> tuple[bool, bool]:
    """Return the same for units on a line; with a gap, boxes do not count as rising."""
    phases = len(line.phases)
    if stop <= start:
        return True, False
    if stop - start <= 2 * phases and phases > 1:
        return _facts(cut(line.boxes(np.arange(start, stop)), pixels))
    if phases == 1:
        ends = (line.box(start), line.box(stop - 1))
        gaps = any(min(last, pixels - 1) < max(first, 0) for first, last in ends)
        return line.advance >= 0 and not gaps, gaps
    edges = [np.arange(start, start + phases + 1), np.arange(stop - phases - 1, stop)]
    found = [_facts(cut(line.boxes(units), pixels)) for units in edges] + [_facts(line.boxes(np.arange(phases + 1)))]
    gaps = any(one[1] for one in found)
    return line.advance >= 0 and all(one[0] for one in found) and not gaps, gaps


def seeing(boxes: Boxes) -> tuple[int, int]:
    """Return the range of units on the line whose boxes meet the image, over phases that see anything."""
    assert boxes.line
    start, stop = boxes.body.start, boxes.body.stop
    phases, advance = len(boxes.line.phases), boxes.line.advance
    for at, (first, last) in enumerate(boxes.line.phases):
        if first > last:
            continue
        if advance == 0:
            if last < 0 or first >= boxes.pixels:
                return stop, stop
            continue
        # the period from which the last pixel is on the image, and up to which the first one is
        low, high = (-(last // advance), (boxes.pixels - 1 - first) // advance) if advance > 0 else (
            -(-(boxes.pixels - 1 - first) // advance), (-last) // advance)  # fmt: skip
        start, stop = max(start, (low - 1) * phases + at + 1), min(stop, (high + 1) * phases + at)
    return start, max(start, stop)


def equal(one: Boxes, other: Boxes) -> bool:
    """Return the same boxes listed unit by unit."""
    if one is other or one.size != other.size:
        return one is other
    ends = zip(one.at(np.arange(one.size)), other.at(np.arange(other.size)), strict=True)
    return all(np.array_equal(*pair) for pair in ends)


def each_once(parts: Sequence[Boxes]) -> Boxes:
    """Return the distinct boxes of all units of some parts, in ascending order.

    >>> each_once([every_pixel(2), every_pixel(2), alike(3, (0, 1), 2)]).last.tolist()
    [0, 1, 1]
    """
    count = sum(part.size for part in parts)
    spend(0, elements=32 * count)
    pixels = max(part.pixels for part in parts)
    ends = (part.at(np.arange(part.size)) for part in parts)
    with for_now(64 * count):
        keys = (np.where(last < first, pixels, first) * (pixels + 1) + np.maximum(last, -1) + 1 for first, last in ends)
        every = np.sort(np.concatenate(list(keys)))  # numpy.unique is slow here
        every = every[np.append(True, every[1:] > every[:-1])]
    first, last = np.divmod(every, pixels + 1)
    return boxes_of(first, last - 1, pixels)
