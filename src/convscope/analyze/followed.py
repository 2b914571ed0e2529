"""Propagation of boxes through a layer: a window, a table, a merge of paths, a concatenation of maps."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from convscope.analyze.boxes import NO_ENDS, REACH, Boxes, boxes_of, even, seeing, trimmed
from convscope.analyze.line import met, turned
from convscope.budget import for_now, spend
from convscope.core.axis import EMPTY_EDGES, beyond_each

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from convscope.analyze.boxes import Ends
    from convscope.analyze.line import Line
    from convscope.core.axis import Indices, Table, Window


def windowed(boxes: Boxes, window: Window, line: Line | None) -> Boxes:
    """Return the boxes of the units after a window; ``line`` is their line, away from the borders."""
    if line is None:
        with _listed(window.extent):
            return boxes_of(*_read(boxes, window, np.arange(window.extent)), boxes.pixels)
    if _plain(boxes, window):
        return even(window.extent, boxes.pixels, line)
    on, off = _within(boxes, window)
    with _listed(on + window.extent - off):
        sides = (
            _read(boxes, window, units) if len(units) else NO_ENDS
            for units in (np.arange(on), np.arange(off, window.extent))
        )
        return trimmed(window.extent, boxes.pixels, line, *sides)


def _listed(units: int) -> AbstractContextManager[None]:
    """Count units against the limit before they are examined one by one."""
    return for_now(40 * units)


def _plain(boxes: Boxes, window: Window) -> bool:
    """Return whether all units are on the line, and those beside the borders see its boxes clipped to the image.

    Windows that reach beyond the map must read a unit that already sees the border.
    """
    line = boxes.line
    if line is None or len(boxes.body) < boxes.size or not boxes.rising or boxes.gaps:
        return False
    if window.up > 1 or window.edge != "zero" or len(line.phases) > 1 or window.dilation > boxes.size:
        return False
    over = (window.extent - 1) * window.stride - window.lo + window.span - window.size
    if window.lo >= window.span or over >= window.span:
        return False
    low = window.lo <= 0 or line.box(window.dilation - 1)[0] <= 0
    return low and (over <= 0 or line.box(boxes.size - window.dilation)[1] >= boxes.pixels - 1)


def _within(boxes: Boxes, window: Window) -> tuple[int, int]:
    """Return the range of outputs whose windows read units on the line that see something."""
    body = boxes.body
    start, stop = seeing(boxes) if boxes.gaps else (body.start, body.stop)
    up, step = window.up, window.stride
    on = -(-((start - 1) * up + 1 + window.lo) // step)
    off = (stop * up - window.span + window.lo) // step + 1
    on = min(window.extent, max(0, on))
    return on, min(window.extent, max(on, off))


def _read(boxes: Boxes, window: Window, units: Indices) -> Ends:
    """Return the first and last pixel that some units after a window see."""
    starts = window.stride * units - window.lo
    if window.up == 1 and boxes.rising and window.edge in {*EMPTY_EDGES, "clamp"}:
        return _outermost(boxes, starts, window)
    taps, step = window.hits(starts)
    first, last = np.full(len(starts), REACH), np.full(len(starts), -1)
    reach = (window.size - 1) * window.up + abs(window.lo) + abs(window.hi) + 1
    most = min(window.kernel, reach // window.dilation + step + 1)
    spend(0, elements=8 * len(units) * -(-most // step))
    for more in range(0, most, step):
        at = starts + window.dilation * (taps + more)
        read, inside = beyond_each(at // window.up, window.size, window.edge)
        inside &= (taps >= 0) & (taps + more < window.kernel)
        low, high = boxes.at(read)
        inside &= low <= high
        first = np.where(inside, np.minimum(first, low), first)
        last = np.where(inside, np.maximum(last, high), last)
    return np.where(last < 0, boxes.pixels, first), last


def _outermost(boxes: Boxes, starts: Indices, window: Window) -> Ends:
    """For rising boxes, a window sees from the first pixel of its first unit to the last pixel of its last one."""
    last, step, ends = window.size - 1, window.dilation, starts + window.span - 1
    if window.edge == "clamp":
        return boxes.at(np.clip(starts, 0, last))[0], boxes.at(np.clip(ends, 0, last))[1]
    low = np.where(starts < 0, starts + -(starts // step) * step, starts)  # the first tap on the map
    high = np.where(ends > last, ends - -((last - ends) // step) * step, ends)  # the last tap on the map
    nothing = low > high
    firsts = np.where(nothing, boxes.pixels, boxes.at(np.clip(low, 0, last))[0])
    lasts = np.where(nothing, -1, boxes.at(np.clip(high, 0, last))[1])
    return firsts, lasts


def united(parts: Sequence[Boxes]) -> Boxes:
    """Return the boxes around what each unit sees on several paths.

    >>> never = boxes_of(np.array([1]), np.array([-1]), 9)
    >>> both = united([never, boxes_of(np.array([5]), np.array([6]), 9)])
    >>> both.first.tolist(), both.last.tolist()
    ([5], [6])
    """
    parts = list({id(part): part for part in parts}.values())
    if len(parts) == 1:
        return parts[0]
    size, pixels = parts[0].size, parts[0].pixels
    widest = next((part for part in parts if part.line and part.line.advance == 0 and _covers(part)), None)
    if widest:
        return widest
    line = met([part.line for part in parts])
    bodies = [seeing(part) if part.gaps and part.line else (part.body.start, part.body.stop) for part in parts]
    start, stop = max(body[0] for body in bodies), min(body[1] for body in bodies)
    if line is None or start >= stop:
        return boxes_of(*_around(parts, np.arange(size)), pixels, line)
    if (start, stop) == (0, size):
        return even(size, pixels, line)
    sides = (_around(parts, units) if len(units) else NO_ENDS for units in (np.arange(start), np.arange(stop, size)))
    return trimmed(size, pixels, line, *sides)


def _covers(part: Boxes) -> bool:
    """Return whether every unit sees the full image."""
    return len(part.body) == part.size and part.box(0) == (0, part.pixels - 1) and len(part.line.phases) == 1  # type: ignore[union-attr] # checked above


def _around(parts: Sequence[Boxes], units: Indices) -> Ends:
    spend(0, elements=2 * len(units) * len(parts))
    firsts, lasts = zip(*(part.at(units) for part in parts), strict=True)
    none = [last < first for first, last in zip(firsts, lasts, strict=True)]
    firsts = tuple(np.where(no, REACH, first) for no, first in zip(none, firsts, strict=True))
    last = reduce(np.maximum, (np.where(no, -1, one) for no, one in zip(none, lasts, strict=True)))
    return np.where(last < 0, parts[0].pixels, reduce(np.minimum, firsts)), last


def end_to_end(parts: Sequence[Boxes]) -> Boxes:
    """Return the boxes of units in concatenated parts.

    >>> from convscope.analyze.boxes import every_pixel
    >>> one = every_pixel(2)
    >>> end_to_end([one, boxes_of(np.array([0]), np.array([-1]), 2), one]).first.tolist()
    [0, 1, 2, 0, 1]
    """
    main = max(range(len(parts)), key=lambda at: len(parts[at].body) if parts[at].line else 0)
    start, body = sum(part.size for part in parts[:main]), parts[main]
    size = sum(part.size for part in parts)
    if body.line is None or not len(body.body):
        ends = [np.concatenate(side) for side in zip(*(part.at(np.arange(part.size)) for part in parts), strict=True)]
        return boxes_of(ends[0], ends[1], body.pixels)
    lists = [part.at(np.arange(part.size)) for part in (*parts[:main], *parts[main + 1 :])]
    before, after = lists[:main], lists[main:]
    head, tail = (
        (np.concatenate([one[0] for one in some]), np.concatenate([one[1] for one in some]))
        for some in ([*before, body.head], [body.tail, *after])
    )
    return trimmed(size, body.pixels, body.line.moved(start) if start else body.line, head, tail)


def looked_up(boxes: Boxes, table: Table) -> Boxes:
    """Return the boxes of the units after a table, each of which reads a run of units; nothing for an empty run."""
    spend(0, elements=12 * table.extent)
    starts, ends = table.ends(np.arange(table.extent))
    none = starts > ends
    starts, ends = (np.clip(side, 0, table.size - 1) for side in (starts, ends))
    if boxes.rising or np.array_equal(starts, ends):
        first, last = boxes.at(starts)[0], boxes.at(ends)[1]
    else:
        first, last = _over_runs(boxes, starts, ends)
    if none.any():
        first, last = np.where(none, boxes.pixels, first), np.where(none, -1, last)
    line = turned(boxes.line, table) if boxes.line and table.turn else None
    return boxes_of(first, last, boxes.pixels, line)


def _over_runs(boxes: Boxes, starts: Indices, ends: Indices) -> Ends:
    """Return boxes around runs of units, from two power-of-two ranges that cover each run from both ends."""
    first, last = boxes.at(np.arange(boxes.size))
    first = np.where(last < first, REACH, first)
    lengths = np.maximum(1, ends - starts + 1)
    levels = int(lengths.max()).bit_length()
    spend(0, elements=4 * levels * (boxes.size + len(starts)))
    found = first[starts].copy(), last[starts].copy()
    for level in range(levels):
        width = 1 << level
        mine = (lengths >= width) & (lengths < 2 * width)
        one, two = starts[mine], starts[mine] + lengths[mine] - width
        found[0][mine] = np.minimum(first[one], first[two])
        found[1][mine] = np.maximum(last[one], last[two])
        if level + 1 < levels:
            first, last = np.minimum(first[:-width], first[width:]), np.maximum(last[:-width], last[width:])
    return found
