"""The receptive field of every layer, in closed form; :mod:`convscope.analyze.lines` works it out.

Reference for the fields of one phase: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural
networks", Distill 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from convscope.analyze.lines import Box, Line, Scattered, State, Whole, has_gates, trace
from convscope.core.axis import Table, Window

if TYPE_CHECKING:
    from convscope.core.axis import Relation
    from convscope.core.net import Layer, Net


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
        boxes: first and last pixel of the units 0, 1, … after which the boxes repeat, moved on: one, except after
            up-sampling; empty where units do not lie along this axis.
        exact: False where ``size`` is an upper bound, or right in the interior only.
    """

    size: int
    local: int | None
    stride: Fraction | None
    start: int
    centre: Fraction
    boxes: tuple[Box, ...] = ()
    exact: bool = True

    @property
    def phases(self) -> int:
        """Units after which the boxes repeat."""
        return max(1, len(self.boxes))

    def box(self, unit: int) -> Box:
        """First and last pixel that ``unit`` sees, those on padding included; without a stride, of every unit."""
        if self.stride is None:
            return self.start, self.start + self.size - 1
        turn, phase = divmod(unit, self.phases)
        moved = int(turn * self.stride * self.phases)
        first, last = self.boxes[phase]
        return first + moved, last + moved


Field = tuple[AxisField, ...]
"""One for each spatial axis of the input of the net."""


def fields(net: Net, *, gates: bool = False) -> dict[str, Field]:
    """The receptive field of every layer, by name.

    Args:
        net: the net.
        gates: follow also the paths that lost their place: squeeze-excite, global pooling branches, norms over maps.

    Two 3x3 see 5x5, as one 5x5 does:

    >>> import convscope as cs
    >>> [axis.size for axis in fields(cs.read("input 9x9x1, conv 1 3x3, conv 1 3x3"))["conv2"]]
    [5, 5]
    """
    states = trace(net, gates=gates)
    known: dict[tuple[State, int | None], AxisField] = {}

    def field(layer: Layer) -> Field:
        before = [states[name] for name in layer.node.inputs]
        found = []
        for at, state in enumerate(states[layer.node.name]):
            key = state, _local(layer, [one[at] for one in before])
            if key not in known:
                known[key] = _summary(*key)
            found.append(known[key])
        return tuple(found)

    return {layer.node.name: field(layer) for layer in net}


def both_fields(net: Net) -> tuple[dict[str, Field], dict[str, Field]]:
    """The local fields, and those with gates; the same where nothing gates."""
    local = fields(net)
    return local, fields(net, gates=True) if has_gates(net) else local


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


def _summary(state: State, local: int | None) -> AxisField:
    if isinstance(state, Line):
        first, last = state.boxes[0]
        size = max(b - a + 1 for a, b in state.boxes)
        middle = Fraction(first + max(first, last), 2)
        return AxisField(size, local, state.stride, first, middle, state.boxes, state.exact)
    first, last = state.hull
    size = last - first + 1 if isinstance(state, Whole) else state.size
    return AxisField(size, local, None, first, Fraction(first + last, 2), exact=state.exact)
