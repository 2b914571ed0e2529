"""How the field of a unit moves with the unit, layer by layer, along one axis of the picture.

A layer is in one of three states:

- :class:`Line`: unit ``o`` sees the pixels ``first .. last``, and both advance steadily with ``o``. Convolution and
  pooling keep this form. After up-sampling the boxes repeat with a period, so a line holds one box for each phase.
- :class:`Scattered`: each unit sees a box, but the boxes do not advance steadily along an axis of the layer (after
  flattening, or where branches of different strides meet).
- :class:`Whole`: every unit sees the same pixels (after a linear layer or global pooling).

Where paths merge, the *local* field follows the spatial paths alone; *with gates* it follows every path, a
squeeze-excite gate and the statistics of a norm included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from convscope.core.axis import All, Read, Table, Window
from convscope.core.graph import INPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

Box = tuple[int, int]
"""First and last input pixel along one axis, both included; empty when first > last."""

NOTHING: Box = (0, -1)

MAX_PHASES = 4096
"""Boxes of one line; an interpolation with a longer period is bounded instead."""


@dataclass(frozen=True)
class Line:
    """Unit ``q*period + p`` sees ``boxes[p]``, moved by ``q*advance`` pixels.

    Attributes:
        axis: the axis of the layer along which the units lie.
        advance: input pixels for one period of units.
        boxes: one for each phase.
        exact: False where boxes are hulls, or right in the interior only.
    """

    axis: int
    advance: int
    boxes: tuple[Box, ...]
    exact: bool = True

    @property
    def stride(self) -> Fraction:
        """Input pixels for one unit."""
        return Fraction(self.advance, len(self.boxes))

    @property
    def centre(self) -> Fraction:
        """Middle of the field of unit 0, with the phases averaged out [input pixel]."""
        middles = (first + last - 2 * self.stride * at for at, (first, last) in enumerate(self.boxes))
        return Fraction(sum(middles, Fraction(0)), 2 * len(self.boxes))

    def box(self, unit: int) -> Box:
        """What ``unit`` sees; units outside of the map are allowed (they lie on padding)."""
        turn, phase = divmod(unit, len(self.boxes))
        first, last = self.boxes[phase]
        return first + turn * self.advance, last + turn * self.advance


@dataclass(frozen=True)
class Scattered:
    """Units along ``axis`` see boxes of at most ``size`` pixels, all within ``hull``."""

    axis: int
    size: int
    hull: Box
    exact: bool = True


@dataclass(frozen=True)
class Whole:
    """Every unit sees ``hull``."""

    hull: Box
    exact: bool = True


State = Line | Scattered | Whole


def trace(net: Net, *, gates: bool = False) -> dict[str, tuple[State, ...]]:
    """The state of every layer, by name, one for each spatial axis of the picture; the input's own included."""
    states: dict[str, tuple[State, ...]] = {INPUT: tuple(Line(axis, 1, ((0, 0),)) for axis in range(1, len(net.input)))}
    sizes = net.input[1:]
    for layer in net:
        before = [states[name] for name in layer.node.inputs]
        states[layer.node.name] = tuple(
            _layer_state(layer, [one[at] for one in before], size, gates=gates) for at, size in enumerate(sizes)
        )
    return states


def has_gates(net: Net) -> bool:
    """Whether following gates can change any field: a norm over a map, or a merge with a path that lost its place."""
    local = trace(net)
    return any(
        layer.statistics
        or len({isinstance(state, Whole) for path in branches(layer, local, net.input[1:]) for state in path}) > 1
        for layer in net
        if layer.statistics or layer.node.op.merges
    )


def branches(layer: Layer, states: dict[str, tuple[State, ...]], sizes: Shape) -> list[tuple[State, ...]]:
    """The states that a layer joins: one for each of its inputs, as they are behind its reads."""
    return [
        tuple(_after(state, reads, size) for state, size in zip(states[name], sizes, strict=True))
        for name, reads in zip(layer.node.inputs, layer.reads, strict=True)
    ]


def _layer_state(layer: Layer, before: list[State], size: int, *, gates: bool) -> State:
    """The state of a layer along one axis of the picture, ``size`` pixels long."""
    after = [_after(state, reads, size) for state, reads in zip(before, layer.reads, strict=True)]
    if gates and layer.statistics:
        after.append(_after(before[0], layer.statistics, size))
    found = after[0] if len(after) == 1 else _merge(after, layer.output, size, gates=gates)
    return found if layer.node.op.exact or not found.exact else replace(found, exact=False)


def _after(state: State, reads: Sequence[Read], size: int) -> State:
    """The state behind one read of a layer whose state is known."""
    if isinstance(state, Whole):
        return state
    read = reads[state.axis]
    relation = read.relation
    if isinstance(relation, All):
        return Whole(hull(state, relation.size, size), state.exact)
    if isinstance(state, Scattered):
        return _regather(state, relation, read.follows)
    if isinstance(relation, Table):
        return _look_up(state, relation, read.follows, size)
    return _slide(state, relation, read.follows, size)


def _slide(line: Line, window: Window, axis: int, size: int) -> Line | Scattered:
    """A line behind a window: again a line."""
    exact = line.exact and (window.edge != "wrap" or not window.lo)
    if len(line.boxes) == 1 and window.up == 1:
        if window.kernel == window.stride == 1 and not window.lo and axis == line.axis:
            return line
        (first, last), step = line.boxes[0], line.advance
        lo = step * window.lo
        return Line(axis, step * window.stride, ((first - lo, last + step * (window.span - 1) - lo),), exact)
    around = len(line.boxes) * window.up
    period = around // math.gcd(window.stride, around)
    if period > MAX_PHASES:
        return _bound(line, window.size, axis, size)
    advance = line.advance * window.stride * period // around
    boxes = tuple(_span(_seen(line, window.taps(unit), window.up)) for unit in range(period))
    return Line(axis, advance, boxes, exact)


def _bound(line: Line, units: int, axis: int, size: int) -> Scattered:
    """All that the units of a line see, where the boxes behind it would be too many to tell apart."""
    around = hull(line, units, size)
    return Scattered(axis, _length(around), around, exact=False)


def _seen(line: Line, taps: range, up: int = 1) -> Iterable[Box]:
    """Boxes of the units that are read. Taps a whole period from both ends cannot reach farther than those."""
    around = len(line.boxes) * up
    ends = taps if len(taps) <= 2 * around else chain(taps[:around], taps[-around:])
    return (line.box(tap // up) for tap in ends if tap % up == 0)


def _look_up(line: Line, table: Table, axis: int, size: int) -> Line | Scattered:
    """A line behind a table: a line where the table repeats."""
    phases = len(line.boxes)
    if table.turn:
        outputs, inputs = table.turn
        turns = phases // math.gcd(inputs, phases)
        if outputs * turns <= MAX_PHASES:
            first, last = (side.tolist() for side in table.ends(np.arange(outputs * turns)))
            boxes = tuple(_span(_seen(line, range(a, b + 1))) for a, b in zip(first, last, strict=True))
            return Line(axis, line.advance * inputs * turns // phases, boxes, line.exact)
    run = max(_length(_span(map(line.box, range(p, p + min(table.width, 2 * phases))))) for p in range(phases))
    run += max(0, table.width - 2 * phases) // phases * line.advance
    return Scattered(axis, run, hull(line, table.size, size), line.exact and table.turn is None)


def _regather(state: Scattered, relation: Window | Table, axis: int) -> Scattered:
    """Boxes without an order stay as they are under a pointwise read; under any other the hull bounds them."""
    one = relation.width if isinstance(relation, Table) else relation.kernel
    if one == 1:
        return Scattered(axis, state.size, state.hull, state.exact)
    return Scattered(axis, _length(state.hull), state.hull, exact=state.exact and state.size == _length(state.hull))


def _merge(states: list[State], output: Shape, size: int, *, gates: bool) -> State:
    """Join paths: the spatial ones alone, or all of them."""
    placed = [state for state in states if not isinstance(state, Whole)]
    followed = states if gates or not placed else placed
    exact = all(state.exact for state in followed)
    if len(placed) < len(followed) or not placed:
        return Whole(_span(hull(state, _units(state, output), size) for state in followed), exact)
    lines = [state for state in placed if isinstance(state, Line)]
    if len(lines) == len(placed) and len({line.stride for line in lines}) == 1:
        return _join(lines, output, size, exact=exact)
    around = _span(hull(state, _units(state, output), size) for state in placed)
    return Scattered(placed[0].axis, _length(around), around, exact=False)


def _units(state: State, output: Shape) -> int:
    """Units along the axis of the layer that the state follows."""
    return 1 if isinstance(state, Whole) else output[state.axis]


def _join(lines: list[Line], output: Shape, size: int, *, exact: bool) -> Line | Scattered:
    """Boxes around the boxes of lines with one stride."""
    if len(set(lines)) == 1:
        return lines[0]
    period = math.lcm(*(len(line.boxes) for line in lines))
    if period > MAX_PHASES:
        return _bound(lines[0], output[lines[0].axis], lines[0].axis, size)
    boxes = tuple(_span(line.box(unit) for line in lines) for unit in range(period))
    return Line(lines[0].axis, int(lines[0].stride * period), boxes, exact)


def hull(state: State, units: int, size: int) -> Box:
    """The pixels of the picture, ``size`` long, that any of ``units`` units sees."""
    if not isinstance(state, Line):
        return state.hull
    period = len(state.boxes)
    ends = range(units) if units <= 2 * period else chain(range(period), range(units - period, units))
    first, last = _span(map(state.box, ends))
    return max(first, 0), min(last, size - 1)


def _span(boxes: Iterable[Box]) -> Box:
    """The least box around boxes."""
    some = [box for box in boxes if box[0] <= box[1]]
    return (min(first for first, _ in some), max(last for _, last in some)) if some else NOTHING


def _length(box: Box) -> int:
    return max(0, box[1] - box[0] + 1)
