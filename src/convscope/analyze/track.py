"""What is known of the units of a layer along one axis of the picture: boxes, and a closed form of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from convscope.analyze.boxes import NOTHING, Boxes, behind, united

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from convscope.analyze.boxes import Box
    from convscope.core.axis import Table, Window

MAX_PHASES = 4096
"""Boxes of one line; a layer with more has no line."""


@dataclass(frozen=True)
class Line:
    """Unit ``q*period + p`` sees ``phases[p]``, moved by ``q*advance`` pixels.

    Attributes:
        advance: input pixels for one period of units.
        phases: the boxes of one period.
        seams: units at a seam, where maps were joined end to end or a map goes on at its other end, see other pixels.
    """

    advance: int
    phases: tuple[Box, ...]
    seams: bool = False

    @property
    def stride(self) -> Fraction:
        """Input pixels for one unit."""
        return Fraction(self.advance, len(self.phases))

    @property
    def centre(self) -> Fraction:
        """Middle of the field of unit 0, with the phases averaged out [input pixel]."""
        return self._averaged(Fraction(first + last, 2) for first, last in self.phases)

    @property
    def end(self) -> Fraction:
        """Last pixel of the field of unit 0, with the phases averaged out [input pixel]."""
        return self._averaged(Fraction(last) for _, last in self.phases)

    def _averaged(self, places: Iterable[Fraction]) -> Fraction:
        """The mean of a position in each phase, moved back to unit 0."""
        moved = (place - self.stride * at for at, place in enumerate(places))
        return sum(moved, Fraction(0)) / len(self.phases)

    def box(self, unit: int) -> Box:
        """What ``unit`` sees; units outside of the map are allowed (they lie on padding)."""
        turn, phase = divmod(unit, len(self.phases))
        first, last = self.phases[phase]
        return first + turn * self.advance, last + turn * self.advance

    def moved(self, units: int) -> Line:
        """The same with so many units put in front."""
        return replace(self, phases=tuple(self.box(unit - units) for unit in range(len(self.phases))))


@dataclass(frozen=True, eq=False)
class Track:
    """The state of a layer along one axis of the picture.

    Attributes:
        axis: the axis of the layer along which the units lie; None where all units see the same, or nothing.
        boxes: of every unit; of one that stands for all where ``axis`` is None.
        line: the closed form, where there is one.
        ordered: the boxes are in the order of the units.
        exact: False where boxes are hulls because axes depend on each other.
        mixed: the channels of a place may see different pixels; the boxes are those of all channels together.
        unknown: behind a layer that cannot be looked into, which may have kept the place or not.
        shares: where it is known which channels see what, and some channels are dropped later: masks of channels that
            see alike, with what they see.
    """

    axis: int | None
    boxes: Boxes
    line: Line | None
    ordered: bool = True
    exact: bool = True
    mixed: bool = False
    unknown: bool = False
    shares: tuple[tuple[NDArray[np.bool_], Track], ...] = ()

    @property
    def blind(self) -> bool:
        """No unit sees any pixel: constants, and what depends on another input."""
        return self.boxes.blind


BLIND = Track(None, Boxes(np.array([0]), np.array([-1]), rising=True, gaps=True), None)
"""Of a layer that sees nothing of the picture."""

Tracks = tuple[Track, ...]
"""One for each spatial axis of the picture."""


def seen_whole(track: Track) -> Track:
    """Every unit sees what any unit saw."""
    first, last = track.boxes.hull()
    boxes = Boxes(np.array([first]), np.array([last]), rising=True, gaps=last < first)
    return Track(None, boxes, None, exact=track.exact)


def slid(line: Line, window: Window) -> Line | None:
    """A line behind a window: again a line."""
    if window.edge == "apart" and (window.lo > 0 or window.hi > 0):
        return None
    seams = line.seams or (window.edge == "wrap" and bool(window.lo or window.hi))
    if len(line.phases) == 1 and window.up == 1:
        (first, last), step = line.phases[0], line.advance
        lo, reach = step * window.lo, step * (window.span - 1)
        box = (first - lo + min(0, reach), last - lo + max(0, reach)) if first <= last else NOTHING
        return Line(step * window.stride, (box,), seams)
    around = len(line.phases) * window.up
    period = around // math.gcd(window.stride, around)
    if period > MAX_PHASES:
        return None
    advance = line.advance * window.stride * period // around
    starts = window.stride * np.arange(period) - window.lo
    taps, step = window.hits(starts)
    between = window.dilation * step // window.up
    boxes = []
    for start, tap in zip(starts.tolist(), taps.tolist(), strict=True):
        if tap < 0:
            boxes.append(NOTHING)
            continue
        first = start + window.dilation * tap
        stop = start + window.span
        boxes.append(_span(_seen(line, range(first // window.up, -(-stop // window.up), between))))
    return Line(advance, tuple(boxes), seams)


def turned(line: Line, table: Table) -> Line | None:
    """A line behind a table that repeats."""
    assert table.turn
    phases = len(line.phases)
    outputs, inputs = table.turn
    turns = phases // math.gcd(inputs, phases)
    if outputs * turns > MAX_PHASES:
        return None
    first, last = (side.tolist() for side in table.ends(np.arange(outputs * turns)))
    boxes = tuple(_span(_seen(line, range(a, b + 1))) for a, b in zip(first, last, strict=True))
    return Line(line.advance * inputs * turns // phases, boxes, line.seams)


def spread(track: Track, like: Track) -> Track:
    """Every unit along the axis of another track sees what any unit saw; the place is that of the other one."""
    low, high = (np.full(len(like.boxes.first), end) for end in track.boxes.hull())
    return Track(like.axis, Boxes(low, high, rising=True), None, exact=track.exact)


def merged(tracks: list[Track], *, gates: bool) -> Track:
    """Join paths. A path that lost its place along this axis, and has it along another, leaves it to the others here.

    With gates, or behind what cannot be inspected, the place is lost where any path lost it.
    """
    placed = [track for track in tracks if track.axis is not None]
    exact = all(track.exact for track in tracks)
    if not placed or (len(placed) < len(tracks) and (gates or any(track.unknown for track in tracks))):
        return replace(seen_whole(listed(tracks)), exact=exact)
    placed = [track if track.axis is not None else spread(track, placed[0]) for track in tracks]
    if not all(track.ordered for track in placed):
        return replace(listed(placed), axis=placed[0].axis, ordered=False, exact=exact)
    boxes = united([track.boxes for track in placed])
    lines = {track.line for track in placed}
    return Track(placed[0].axis, boxes, _join(lines), exact=exact)


def listed(tracks: Sequence[Track]) -> Track:
    """The boxes of all units of all paths, each once, without an order."""
    boxes = {id(track.boxes): track.boxes for track in tracks}
    if len(boxes) == 1:
        return Track(None, tracks[0].boxes, None, ordered=False)
    every = behind(list(boxes.values()))
    first, last = np.unique(np.stack([every.first, every.last]), axis=1)
    return Track(None, Boxes(first, last, rising=False, gaps=every.gaps), None, ordered=False)


def _join(lines: set[Line | None]) -> Line | None:
    """Boxes around the boxes of lines with one stride; no line where one is missing or strides differ."""
    steady = [line for line in lines if line]
    if len(steady) < len(lines) or len({line.stride for line in steady}) > 1:
        return None
    if len(steady) == 1:
        return steady[0]
    period = math.lcm(*(len(line.phases) for line in steady))
    if period > MAX_PHASES:
        return None
    boxes = tuple(_span(line.box(unit) for line in steady) for unit in range(period))
    return Line(int(steady[0].stride * period), boxes, any(line.seams for line in steady))


def _seen(line: Line, units: range) -> Iterable[Box]:
    """Boxes of the units that are read. Those a whole period from both ends cannot reach farther than the ends."""
    around = len(line.phases)
    ends = units if len(units) <= 2 * around else chain(units[:around], units[-around:])
    return map(line.box, ends)


def _span(boxes: Iterable[Box]) -> Box:
    """The least box around boxes."""
    some = [box for box in boxes if box[0] <= box[1]]
    return (min(first for first, _ in some), max(last for _, last in some)) if some else NOTHING
