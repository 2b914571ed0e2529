"""Boxes in closed form: they advance steadily from unit to unit, in phases after up-sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import hold, spend

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from convscope.core.axis import Indices, Table, Window

Box = tuple[int, int]
"""First and last input pixel along one axis, inclusive; empty if first > last."""

NOTHING: Box = (0, -1)

FAR = 2**61
"""Above this, pixels are counted in Python integers."""

MAX_PHASES = 4096
"""The most boxes of one line; a layer with more has no line."""

PHASE = 128
"""Cost of the box of a phase in bytes, and of sixteen boxes in steps."""


@dataclass(frozen=True)
class Line:
    """Unit ``q*period + p`` sees ``phases[p]``, moved by ``q*advance`` pixels.

    Attributes:
        advance: input pixels for one period of units.
        phases: the boxes of one period.
        seams: whether units at a seam, where maps were concatenated or a map wraps around, see other pixels.
    """

    advance: int
    phases: tuple[Box, ...]
    seams: bool = False

    @property
    def stride(self) -> Fraction:
        """The input pixels per unit."""
        return Fraction(self.advance, len(self.phases))

    @property
    def centre(self) -> Fraction:
        """The middle of the field of unit 0, averaged over the phases [input pixel]."""
        return self._averaged(Fraction(first + last, 2) for first, last in self.phases)

    @property
    def end(self) -> Fraction:
        """The last pixel of the field of unit 0, averaged over the phases [input pixel]."""
        return self._averaged(Fraction(last) for _, last in self.phases)

    def _averaged(self, positions: Iterable[Fraction]) -> Fraction:
        """Average a position over the phases, relative to unit 0."""
        moved = (position - self.stride * at for at, position in enumerate(positions))
        return sum(moved, Fraction(0)) / len(self.phases)

    def box(self, unit: int) -> Box:
        """Return what ``unit`` sees; units outside the map are allowed (they lie on padding)."""
        turn, phase = divmod(unit, len(self.phases))
        first, last = self.phases[phase]
        return first + turn * self.advance, last + turn * self.advance

    def moved(self, units: int) -> Line:
        """Return the line with a number of units prepended."""
        return replace(self, phases=tuple(self.box(unit - units) for unit in range(len(self.phases))))

    def boxes(self, units: Indices) -> tuple[Indices, Indices]:
        """Return the first and last pixels of many units.

        >>> [side.tolist() for side in Line(3, ((0, 1), (1, 2))).boxes(np.arange(4))]
        [[0, 1, 3, 4], [1, 2, 4, 5]]
        """
        turn, phase = np.divmod(units, len(self.phases))
        first, last = np.array(self.phases).T
        return first[phase] + turn * self.advance, last[phase] + turn * self.advance


def slid(line: Line, window: Window) -> Line | None:
    """Return the line after a window."""
    if window.edge == "apart" and (window.lo > 0 or window.hi > 0):
        return None
    found = inside(line, window)
    seams = line.seams or (window.edge == "wrap" and bool(window.lo or window.hi))
    return found if found is None or found.seams == seams else replace(found, seams=seams)


def inside(line: Line, window: Window) -> Line | None:
    """Return the line after a window away from the borders, whatever lies beyond them."""
    if len(line.phases) == 1 and window.up == 1:
        (first, last), step = line.phases[0], line.advance
        lo, reach = step * window.lo, step * (window.span - 1)
        box = (first - lo + min(0, reach), last - lo + max(0, reach)) if first <= last else NOTHING
        return Line(step * window.stride, (box,))
    around = len(line.phases) * window.up
    period = around // math.gcd(window.stride, around)
    if period > MAX_PHASES:
        return None
    advance = line.advance * window.stride * period // around
    starts = window.stride * np.arange(period) - window.lo
    taps, step = window.hits(starts)
    between = window.dilation * step // window.up
    begins = (starts + window.dilation * taps) // window.up
    stops = -(-(starts + window.span) // window.up)
    counts = np.where(taps < 0, 0, -(-(stops - begins) // between))
    return Line(advance, _around(line, begins, counts, between))


def turned(line: Line, table: Table) -> Line | None:
    """Return the line after a periodic table."""
    assert table.turn
    phases = len(line.phases)
    outputs, inputs = table.turn
    turns = phases // math.gcd(inputs, phases)
    if outputs * turns > MAX_PHASES:
        return None
    first, last = table.ends(np.arange(outputs * turns))
    boxes = _around(line, first, np.maximum(last - first + 1, 0), 1)
    return Line(line.advance * inputs * turns // phases, boxes, line.seams)


def met(lines: Collection[Line | None]) -> Line | None:
    """Return the line around lines of one stride; None if one is missing or strides differ."""
    if None in lines:
        return None
    steady = list(dict.fromkeys(line for line in lines if line))
    if len(steady) == 1:
        return steady[0]
    if len({line.stride for line in steady}) > 1:
        return None
    period = math.lcm(*(len(line.phases) for line in steady))
    if period > MAX_PHASES:
        return None
    spend(period * len(steady))
    _keep(period)
    boxes = tuple(around_boxes(line.box(unit) for line in steady) for unit in range(period))
    return Line(int(steady[0].stride * period), boxes, any(line.seams for line in steady))


def _keep(phases: int) -> None:
    """Count the cost of the boxes of many phases; few are part of what every layer costs."""
    if phases > 16:
        hold(PHASE * phases)


def _around(line: Line, begins: Indices, counts: Indices, step: int) -> tuple[Box, ...]:
    """Return the smallest box around what each of several runs of units sees.

    Args:
        line: the line of the units.
        begins: first unit of each run.
        counts: number of units of each run.
        step: from one unit of a run to the next.
    """
    around = len(line.phases)
    # units a full period inside a run cannot reach farther than those at its ends
    most = min(2 * around, int(counts.max(initial=0)))
    spend(8 * most, elements=8 * most * len(begins))
    _keep(len(begins))
    farthest = int(np.abs(begins).max(initial=0)) + step * int(counts.max(initial=0))
    reach = max(abs(end) for box in line.phases for end in box) + (farthest // around + 1) * abs(line.advance)
    kind = np.int64 if reach < FAR else object
    first, last = np.array(line.phases, kind).T
    empty = first > last
    low, high = np.full(len(begins), FAR, kind), np.full(len(begins), -FAR, kind)
    for at in range(most):
        units = begins + step * (at if at < around else np.maximum(counts - 2 * around, 0) + at)
        turn, phase = units // around, units % around
        some = (at < counts) & ~empty[phase]
        moved = turn.astype(kind) * line.advance
        low = np.where(some, np.minimum(low, first[phase] + moved), low)
        high = np.where(some, np.maximum(high, last[phase] + moved), high)
    return tuple((a, b) if a <= b else NOTHING for a, b in zip(low.tolist(), high.tolist(), strict=True))


def around_boxes(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around boxes."""
    some = [box for box in boxes if box[0] <= box[1]]
    return (min(first for first, _ in some), max(last for _, last in some)) if some else NOTHING
