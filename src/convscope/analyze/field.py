"""The receptive field of every layer, in closed form.

For each spatial axis of the input a layer is in one of three states:

- :class:`Line`: unit ``o`` sees the pixels ``first .. last``, and both advance steadily with ``o``. Convolution and
  pooling keep this form. After up-sampling the boxes repeat with a period, so a line holds one box for each phase.
- :class:`Scattered`: each unit sees a box, but not along an axis of the layer (after flattening).
- :class:`Whole`: every unit sees the same pixels (after a linear layer or global pooling).

Where paths merge, the *local* field follows the spatial paths alone; *with gates* it follows every path, a
squeeze-excite gate included. References: Araujo, Norris and Sim, "Computing receptive fields of convolutional
neural networks", Distill 2019, for the lines of one phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from convscope.core.axis import All, Table, Window
from convscope.core.graph import INPUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convscope.core.axis import Read, Relation
    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

Box = tuple[int, int]
"""First and last input pixel along one axis, both included; empty when first > last."""

NOTHING: Box = (0, -1)


@dataclass(frozen=True)
class Line:
    """Unit ``q*period + p`` sees ``boxes[p]``, moved by ``q*advance`` pixels.

    Attributes:
        axis: the axis of the layer along which the units lie.
        advance: input pixels for one period of units.
        boxes: one for each phase.
    """

    axis: int
    advance: int
    boxes: tuple[Box, ...]

    @property
    def stride(self) -> Fraction:
        """Input pixels for one unit."""
        return Fraction(self.advance, len(self.boxes))

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


State = Line | Scattered | Whole


@dataclass(frozen=True)
class AxisField:
    """The field along one axis of the input [input pixel].

    Attributes:
        size: pixels from the first to the last, those on padding included; the largest over the phases.
        local: units of the layer before that one unit reads: what the course notes call the local receptive field;
            None where its units do not lie along this axis.
        stride: pixels between the fields of neighbours; None where units do not lie along this axis.
        start: first pixel of unit 0; negative on padding.
        centre: middle of the field of unit 0.
        phases: units after which the boxes repeat; 1 except after up-sampling.
        exact: False where ``size`` is an upper bound.
    """

    size: int
    local: int | None
    stride: Fraction | None
    start: int
    centre: Fraction
    phases: int = 1
    exact: bool = True


Field = tuple[AxisField, ...]
"""One for each spatial axis of the input of the net."""


def fields(net: Net, *, gates: bool = False) -> dict[str, Field]:
    """The receptive field of every layer, by name.

    Args:
        net: the net.
        gates: follow also the paths that lost their place: squeeze-excite, global pooling branches.

    Two 3x3 see 5x5, as one 5x5 does:

    >>> import convscope as cs
    >>> [axis.size for axis in fields(cs.read("input 9x9x1, conv 1 3x3, conv 1 3x3"))["conv2"]]
    [5, 5]
    """
    states: dict[str, tuple[State, ...]] = {INPUT: tuple(Line(axis, 1, ((0, 0),)) for axis in range(1, len(net.input)))}
    found = {}
    for layer in net:
        before = [states[name] for name in layer.node.inputs]
        after = tuple(
            _layer_state(layer, [one[at] for one in before], size, gates=gates) for at, size in enumerate(net.input[1:])
        )
        states[layer.node.name] = after
        found[layer.node.name] = tuple(
            _summary(state, _local(layer, [one[at] for one in before])) for at, state in enumerate(after)
        )
    return found


def _layer_state(layer: Layer, before: list[State], size: int, *, gates: bool) -> State:
    """The state of a layer along one axis of the picture, ``size`` pixels long."""
    after = [_after(state, reads, size) for state, reads in zip(before, layer.reads, strict=True)]
    return after[0] if len(after) == 1 else _merge(after, layer.output, size, gates=gates)


def _after(state: State, reads: tuple[Read, ...], size: int) -> State:
    """The state behind one read of a layer whose state is known."""
    if isinstance(state, Whole):
        return state
    read = reads[state.axis]
    relation = read.relation
    if isinstance(relation, All):
        return Whole(_hull(state, relation.size, size))
    if isinstance(state, Scattered):
        return _regather(state, relation, read.follows)
    if isinstance(relation, Table):
        run = max(_length(_span(map(state.box, range(p, p + relation.width)))) for p in range(len(state.boxes)))
        return Scattered(read.follows, run, _hull(state, relation.size, size))
    return _slide(state, relation, read.follows)


def _local(layer: Layer, before: list[State]) -> int | None:
    """Units of the layer before that one unit reads along one axis of the picture; None where units lie along none."""
    pairs = list(zip(before, layer.reads, strict=True))
    if any(isinstance(state, Scattered) for state, _ in pairs):
        return None
    return max((_width(reads[state.axis].relation) for state, reads in pairs if isinstance(state, Line)), default=1)


def _width(relation: Relation) -> int:
    """Positions from the first index that an output reads to the last."""
    if isinstance(relation, Window):
        return -(-relation.span // relation.up)
    return relation.width if isinstance(relation, Table) else relation.size


def _slide(line: Line, window: Window, axis: int) -> Line:
    """A line behind a window: again a line."""
    if len(line.boxes) == 1 and window.up == 1:
        (first, last), step = line.boxes[0], line.advance
        return Line(
            axis,
            step * window.stride,
            ((first - step * window.lo, last + step * (window.span - 1 - window.lo)),),
        )
    around = len(line.boxes) * window.up
    period = around // math.gcd(window.stride, around)
    advance = line.advance * window.stride * period // around
    return Line(axis, advance, tuple(_span(_seen(line, window, unit)) for unit in range(period)))


def _seen(line: Line, window: Window, unit: int) -> Iterable[Box]:
    """Boxes of the units that ``unit`` reads. Taps a whole period from both ends cannot reach farther than those."""
    taps = window.taps(unit)
    around = len(line.boxes) * window.up
    ends = taps if len(taps) <= 2 * around else chain(taps[:around], taps[-around:])
    return (line.box(tap // window.up) for tap in ends if tap % window.up == 0)


def _regather(state: Scattered, relation: Window | Table, axis: int) -> Scattered:
    """Boxes without an order stay as they are under a pointwise read; under any other the hull bounds them."""
    one = relation.width if isinstance(relation, Table) else relation.kernel
    if one == 1:
        return Scattered(axis, state.size, state.hull, state.exact)
    return Scattered(axis, _length(state.hull), state.hull, exact=state.exact and state.size == _length(state.hull))


def _merge(states: list[State], output: Shape, size: int, *, gates: bool) -> State:
    """Join paths: the spatial ones alone, or all of them."""
    placed = [state for state in states if not isinstance(state, Whole)]
    if not placed or (gates and len(placed) < len(states)):
        return Whole(_span(_hull(state, _units(state, output), size) for state in states))
    lines = [state for state in placed if isinstance(state, Line)]
    if len(lines) == len(placed) and len({line.stride for line in lines}) == 1:
        return _join(lines)
    hull = _span(_hull(state, _units(state, output), size) for state in placed)
    return Scattered(placed[0].axis, _length(hull), hull, exact=False)


def _units(state: State, output: Shape) -> int:
    """Units along the axis of the layer that the state follows."""
    return 1 if isinstance(state, Whole) else output[state.axis]


def _join(lines: list[Line]) -> Line:
    """Boxes around the boxes of lines with one stride."""
    if len(set(lines)) == 1:
        return lines[0]
    period = math.lcm(*(len(line.boxes) for line in lines))
    boxes = tuple(_span(line.box(unit) for line in lines) for unit in range(period))
    return Line(lines[0].axis, int(lines[0].stride * period), boxes)


def _hull(state: State, units: int, size: int) -> Box:
    """The pixels of the picture that any of ``units`` units sees."""
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


def _summary(state: State, local: int | None) -> AxisField:
    if isinstance(state, Line):
        first, last = state.boxes[0]
        longest = max(map(_length, state.boxes))
        return AxisField(longest, local, state.stride, first, Fraction(first + last, 2), len(state.boxes))
    length = _length(state.hull) if isinstance(state, Whole) else state.size
    exact = isinstance(state, Whole) or state.exact
    return AxisField(length, local, None, state.hull[0], Fraction(sum(state.hull), 2), exact=exact)
