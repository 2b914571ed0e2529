"""What each unit sees along one axis of the picture, layer by layer.

Two descriptions go side by side. ``boxes`` hold, for every unit that a layer really has, the first and last pixel that
it sees on the picture: exact, borders included. A ``line`` is the same in closed form, for units anywhere, those on
padding included: the boxes advance steadily with the unit, after up-sampling in phases. Convolution and pooling keep
both. A linear layer or a global pooling ends the place: every unit sees the same pixels. Flattening keeps the boxes and
loses their order.

Where paths merge, the *local* field follows the paths that still have their place; *with gates* it follows every path,
a squeeze-excite gate and the statistics of a norm included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from convscope.core.axis import All, Table, Window, beyond_each
from convscope.core.graph import INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from convscope.core.axis import Indices, Read, Relation
    from convscope.core.net import Layer, Net

Box = tuple[int, int]
"""First and last input pixel along one axis, both included; empty when first > last."""

NOTHING: Box = (0, -1)

_T = TypeVar("_T")

MAX_PHASES = 4096
"""Boxes of one line; a layer with more has no line."""


@dataclass(frozen=True)
class Line:
    """Unit ``q*period + p`` sees ``phases[p]``, moved by ``q*advance`` pixels.

    Attributes:
        advance: input pixels for one period of units.
        phases: the boxes of one period.
    """

    advance: int
    phases: tuple[Box, ...]

    @property
    def stride(self) -> Fraction:
        """Input pixels for one unit."""
        return Fraction(self.advance, len(self.phases))

    @property
    def centre(self) -> Fraction:
        """Middle of the field of unit 0, with the phases averaged out [input pixel]."""
        middles = (first + last - 2 * self.stride * at for at, (first, last) in enumerate(self.phases))
        return sum(middles, Fraction(0)) / (2 * len(self.phases))

    def box(self, unit: int) -> Box:
        """What ``unit`` sees; units outside of the map are allowed (they lie on padding)."""
        turn, phase = divmod(unit, len(self.phases))
        first, last = self.phases[phase]
        return first + turn * self.advance, last + turn * self.advance


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

    def hull(self) -> Box:
        """The pixels between the first and the last that any unit sees."""
        return int(self.first.min()), int(self.last.max())

    def longest(self) -> int:
        """Pixels of the longest box."""
        return max(0, int((self.last - self.first).max()) + 1)


@dataclass(frozen=True, eq=False)
class Track:
    """The state of a layer along one axis of the picture.

    Attributes:
        axis: the axis of the layer along which the units lie; None where all units see the same.
        boxes: of every unit; of one that stands for all where ``axis`` is None.
        line: the closed form, where there is one.
        ordered: the boxes are in the order of the units.
        exact: False where boxes are hulls because axes depend on each other.
        mixed: the channels of a place may see different pixels; the boxes are those of all channels together.
    """

    axis: int | None
    boxes: Boxes
    line: Line | None
    ordered: bool = True
    exact: bool = True
    mixed: bool = False


Tracks = tuple[Track, ...]
"""One for each spatial axis of the picture."""


def trace(net: Net, *, gates: bool = False) -> dict[str, Tracks]:
    """The state of every layer, by name; the input's own included."""
    known = {size: Boxes(np.arange(size), np.arange(size), rising=True) for size in net.input[1:]}
    start = Line(1, ((0, 0),))
    tracks = {INPUT: tuple(Track(axis, known[size], start) for axis, size in enumerate(net.input[1:], 1))}
    tracer = _Tracer(gates, {})
    for layer in net:
        before = [tracks[name] for name in layer.node.inputs]
        if layer.pointwise:
            tracks[layer.node.name] = before[0]
            continue
        axes = range(len(net.input) - 1)
        kept = placed(layer, tracks) if layer.node.op.merges and not gates else range(len(before))
        found = tuple(tracer.layer(layer, [one[at] for one in before], kept) for at in axes)
        if layer.node.op.merges and any(map(_torn, before)):
            # a path that sees no column at a unit adds no row there either, which boxes along one axis cannot tell
            found = tuple(replace(track, exact=False) for track in found)
        tracks[layer.node.name] = found
    return tracks


def has_gates(net: Net, local: dict[str, Tracks]) -> bool:
    """Whether following gates can change a field: a norm over a map, or a merge with a path that lost its place."""
    return any(
        layer.statistics or (layer.node.op.merges and len(set(_places(layer, local))) > 1)
        for layer in net
        if layer.statistics or layer.node.op.merges
    )


def branches(layer: Layer, tracks: dict[str, Tracks]) -> list[Tracks]:
    """What a layer joins: one state for each of its inputs, as it is behind its reads."""
    tracer = _Tracer(False, {})  # noqa: FBT003 -- no gates: a branch by itself has none
    pairs = zip(layer.node.inputs, layer.reads, strict=True)
    return [tuple(tracer.after(track, reads) for track in tracks[name]) for name, reads in pairs]


def placed(layer: Layer, tracks: dict[str, Tracks]) -> list[int]:
    """Which inputs of a layer have their place along every axis behind its reads; all where none has.

    The others are gates: what they bring is shared by whole rows, columns or maps.
    """
    places = _places(layer, tracks)
    return [at for at, place in enumerate(places) if place or not any(places)]


def _places(layer: Layer, tracks: dict[str, Tracks]) -> list[bool]:
    """For each input of a layer: whether it has its place along every axis behind the layer's reads.

    What becomes channels (the keys of an attention) has no place where another input has one.
    """
    spatial = len(layer.output) > 1
    return [
        all(track.axis is not None and _stays(reads[track.axis], spatial=spatial) for track in tracks[name])
        for name, reads in zip(layer.node.inputs, layer.reads, strict=True)
    ]


def _stays(read: Read, *, spatial: bool) -> bool:
    return not isinstance(read.relation, All) and bool(read.follows or not spatial)


@dataclass(frozen=True)
class _Tracer:
    """Follows layers; what was worked out for one axis serves the others of equal geometry.

    Results are known by the identity of what they were made from, which is kept beside them so that it stays alive.
    """

    gates: bool
    known: dict[tuple[int, object], tuple[object, Any]]

    def once(self, source: object, how: object, work: Callable[[], _T]) -> _T:
        """What ``work`` gives for a source, worked out the first time."""
        key = id(source), how
        if key not in self.known:
            self.known[key] = source, work()
        found: _T = self.known[key][1]
        return found

    def layer(self, layer: Layer, before: list[Track], kept: Iterable[int]) -> Track:
        """The state of a layer along one axis, from the inputs that are followed."""
        after = [self.after(before[at], layer.reads[at]) for at in kept]
        if len(after) > 1 and len({track.axis for track in after}) > 1:
            after = _on_one_axis(after, spatial=len(layer.output) > 1)
        if self.gates and layer.statistics:
            after.append(self.after(before[0], layer.statistics))
        found = after[0] if len(after) == 1 else self.merge(after)
        exact, mixed = _channels(layer, after, [layer.reads[at][0].relation for at in kept])
        same = found.mixed == mixed and (exact or not found.exact)
        return found if same else replace(found, exact=found.exact and exact, mixed=mixed)

    def after(self, track: Track, reads: Sequence[Read]) -> Track:
        """The state behind one read of a layer whose state is known."""
        if track.axis is None:
            return track
        relation, axis = reads[track.axis].relation, reads[track.axis].follows
        if isinstance(relation, All):
            return _all(track)
        if not track.ordered or (isinstance(relation, Table) and not relation.turn):
            return _unordered(track, relation, axis)
        if isinstance(relation, Table):
            line = track.line and _turned(track.line, relation)
            return Track(axis, _looked_up(track.boxes, relation), line, exact=track.exact)
        if relation == Window(relation.size):
            return track if axis == track.axis else replace(track, axis=axis)
        before = track.line
        line = before and self.once(before, relation, lambda: _slid(before, relation))
        boxes = self.once(track.boxes, relation, lambda: _windowed(track.boxes, relation))
        exact = track.exact and (relation.edge != "wrap" or not (relation.lo or relation.hi))
        return Track(axis, boxes, line, exact=exact)

    def merge(self, tracks: list[Track]) -> Track:
        """Join paths, once for all axes on which they are the same."""
        parts = [part for track in tracks for part in (track.boxes, track.line)]
        rest = (*map(id, parts[1:]), *((track.axis is None, track.ordered, track.exact) for track in tracks))
        axis = next((track.axis for track in tracks if track.axis is not None), None)
        found = self.once(parts[0], rest, lambda: (_merge(tracks, gates=self.gates), parts))[0]
        return found if found.axis in {None, axis} else replace(found, axis=axis)


def _channels(layer: Layer, paths: list[Track], reads: list[Relation]) -> tuple[bool, bool]:
    """Of a layer: do the boxes of all channels together stay right, and do its channels see different pixels."""
    hull = layer.node.op.hull()
    before = any(path.mixed for path in paths)
    if not before and not hull and not layer.node.op.merges:
        return True, False
    parts = any(isinstance(read, Table) for read in reads) and len({id(path.boxes) for path in paths}) > 1
    mixed = bool(hull) or parts or (before and not all(isinstance(read, All) for read in reads))
    exact = hull != "places" and not (before and (hull or any(map(_drops, reads))))
    return exact, mixed


def _drops(relation: Relation) -> bool:
    """Some channels of the input are read by none."""
    return isinstance(relation, Window) and (min(relation.lo, relation.hi) < 0 or relation.stride > relation.kernel)


def _on_one_axis(tracks: list[Track], *, spatial: bool) -> list[Track]:
    """Paths whose places lie along different axes of the layer: all but those of the first are seen whole.

    What lies along the channels is seen whole by every place; what lies along another axis of the map is not, so that
    this is a hull.
    """
    kept = next((track.axis for track in tracks if track.axis or (track.axis == 0 and not spatial)), None)

    def one(track: Track) -> Track:
        if track.axis in {kept, None}:
            return track
        found = _all(track)
        return found if track.axis == 0 else replace(found, exact=False)

    return [one(track) for track in tracks]


def _torn(tracks: Tracks) -> bool:
    """Some unit sees nothing along one axis of the picture and something along another."""
    gaps = [track.boxes.last < track.boxes.first for track in tracks if track.boxes.gaps]
    if not gaps:
        return False
    along = {track.axis for track in tracks}
    return len(gaps) < len(tracks) or len(along) > 1 or any(not np.array_equal(gap, gaps[0]) for gap in gaps)


def _all(track: Track) -> Track:
    """Every unit sees what any unit saw."""
    first, last = track.boxes.hull()
    return Track(None, Boxes(np.array([first]), np.array([last]), rising=True), None, exact=track.exact)


def _unordered(track: Track, relation: Window | Table, axis: int) -> Track:
    """Boxes without an order stay as they are where units are passed on singly; else the hull bounds them."""
    single = (relation.width if isinstance(relation, Table) else relation.kernel) == 1
    found = track if single else replace(_all(track), exact=False)
    return Track(axis, found.boxes, None, ordered=False, exact=found.exact)


def _windowed(boxes: Boxes, window: Window) -> Boxes:
    """The boxes of the units behind a window."""
    starts = window.stride * np.arange(window.extent) - window.lo
    if window.up == 1 and boxes.rising and window.edge in {"zero", "clamp"}:
        return _between(boxes, starts, starts + window.span - 1, window)
    taps, step = window.hits(starts)
    first, last = np.full(len(starts), _far(boxes)), np.full(len(starts), -1)
    reach = (window.size - 1) * window.up + abs(window.lo) + abs(window.hi) + 1
    for more in range(0, min(window.kernel, reach // window.dilation + step + 1), step):
        at = starts + window.dilation * (taps + more)
        read, inside = beyond_each(at // window.up, window.size, window.edge)
        inside &= (taps >= 0) & (taps + more < window.kernel)
        first = np.where(inside, np.minimum(first, boxes.first[read]), first)
        last = np.where(inside, np.maximum(last, boxes.last[read]), last)
    return _boxes(first, last)


def _far(boxes: Boxes) -> int:
    """Beyond every pixel that is seen, so that the least of this and a pixel is the pixel."""
    return int(boxes.last.max()) + 1


def _between(boxes: Boxes, starts: Indices, ends: Indices, window: Window) -> Boxes:
    """Of rising boxes, a run of units sees from the first of its first to the last of its last."""
    last, step = window.size - 1, window.dilation
    if window.edge == "clamp":
        return _boxes(boxes.first[np.clip(starts, 0, last)], boxes.last[np.clip(ends, 0, last)])
    low = np.where(starts < 0, starts + -(starts // step) * step, starts)  # the first tap on the map
    high = np.where(ends > last, ends - -((last - ends) // step) * step, ends)  # the last one
    if (low <= high).all() and low[-1] <= last and high[0] >= 0:
        found = boxes.first[low], boxes.last[high]
        return Boxes(*found, rising=True) if step == 1 and not boxes.gaps else _boxes(*found)
    nothing = low > high
    firsts = np.where(nothing, _far(boxes), boxes.first[np.clip(low, 0, last)])
    lasts = np.where(nothing, -1, boxes.last[np.clip(high, 0, last)])
    return _boxes(firsts, lasts)


def _boxes(first: Indices, last: Indices) -> Boxes:
    rising = bool((np.diff(first) >= 0).all() and (np.diff(last) >= 0).all())
    return Boxes(first, last, rising, bool((last < first).any()))


def _looked_up(boxes: Boxes, table: Table) -> Boxes:
    """The boxes of the units behind a table that repeats."""
    starts, ends = (np.clip(side, 0, table.size - 1) for side in table.ends(np.arange(table.extent)))
    if boxes.rising:
        return _boxes(boxes.first[starts], boxes.last[ends])
    runs = [slice(a, b + 1) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return _boxes(np.array([boxes.first[r].min() for r in runs]), np.array([boxes.last[r].max() for r in runs]))


def _slid(line: Line, window: Window) -> Line | None:
    """A line behind a window: again a line."""
    if len(line.phases) == 1 and window.up == 1:
        (first, last), step = line.phases[0], line.advance
        lo = step * window.lo
        box = (first - lo, last + step * (window.span - 1) - lo) if first <= last else NOTHING
        return Line(step * window.stride, (box,))
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
    return Line(advance, tuple(boxes))


def _turned(line: Line, table: Table) -> Line | None:
    """A line behind a table that repeats."""
    assert table.turn
    phases = len(line.phases)
    outputs, inputs = table.turn
    turns = phases // math.gcd(inputs, phases)
    if outputs * turns > MAX_PHASES:
        return None
    first, last = (side.tolist() for side in table.ends(np.arange(outputs * turns)))
    boxes = tuple(_span(_seen(line, range(a, b + 1))) for a, b in zip(first, last, strict=True))
    return Line(line.advance * inputs * turns // phases, boxes)


def _seen(line: Line, units: range) -> Iterable[Box]:
    """Boxes of the units that are read. Those a whole period from both ends cannot reach farther than the ends."""
    around = len(line.phases)
    ends = units if len(units) <= 2 * around else chain(units[:around], units[-around:])
    return map(line.box, ends)


def _merge(tracks: list[Track], *, gates: bool) -> Track:
    """Join paths: those that have their place alone, or all of them."""
    placed = [track for track in tracks if track.axis is not None]
    followed = tracks if gates or not placed else placed
    exact = all(track.exact for track in followed)
    if len(placed) < len(followed) or not placed:
        return replace(_all(_joined(followed)), exact=exact)
    if not all(track.ordered for track in placed):
        return replace(_joined(placed), axis=placed[0].axis, ordered=False, exact=exact)
    first = np.minimum.reduce([track.boxes.first for track in placed])
    last = np.maximum.reduce([track.boxes.last for track in placed])
    boxes = (
        _boxes(first, last)
        if any(track.boxes.gaps for track in placed)
        else Boxes(first, last, rising=all(track.boxes.rising for track in placed))
    )
    lines = {track.line for track in placed}
    return Track(placed[0].axis, boxes, _join(lines), exact=exact)


def _joined(tracks: list[Track]) -> Track:
    """The boxes of all units of all paths, each once, without an order."""
    boxes = {id(track.boxes): track.boxes for track in tracks}
    if len(boxes) == 1:
        return Track(None, tracks[0].boxes, None, ordered=False)
    pairs = np.concatenate([np.stack([one.first, one.last]) for one in boxes.values()], axis=1)
    first, last = np.unique(pairs, axis=1)
    return Track(None, Boxes(first, last, rising=False, gaps=bool((last < first).any())), None, ordered=False)


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
    return Line(int(steady[0].stride * period), boxes)


def _span(boxes: Iterable[Box]) -> Box:
    """The least box around boxes."""
    some = [box for box in boxes if box[0] <= box[1]]
    return (min(first for first, _ in some), max(last for _, last in some)) if some else NOTHING
