"""The receptive field of every layer in closed form, computed by :mod:`convscope.analyze.lines`.

Reference for the fields of one phase: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural
networks", Distill 2019.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from convscope.analyze.alike import Alike
from convscope.analyze.lines import has_gates, trace
from convscope.core.axis import Table, Window

if TYPE_CHECKING:
    from collections.abc import Hashable

    from convscope.analyze.line import Box
    from convscope.analyze.track import Track, Tracks
    from convscope.core.axis import Relation
    from convscope.core.net import Layer, Net


@dataclass(frozen=True)
class AxisField:
    """The field along one axis of the input [input pixel].

    Attributes:
        size: number of pixels from the first to the last, including padding; the largest over the phases.
        local: number of units of the previous layer that one unit reads, called the local receptive field in course
            notes; None if its units do not lie along this axis.
        stride: pixels between the fields of neighbours; None if the fields do not advance steadily along this axis.
        start: first pixel of unit 0, negative on padding; None if units have no order along this axis.
        centre: middle of the field of unit 0; None likewise.
        boxes: first and last pixel of units 0, 1, … up to the period: one unit, except after up-sampling; empty without
            a stride.
        exact: False if ``size`` is an upper bound, or exact in the interior only.
        seams: whether it is exact in the interior only: units at a seam, where maps were concatenated or a map wraps
            around, see other pixels.
    """

    size: int
    local: int | None
    stride: Fraction | None
    start: int | None
    centre: Fraction | None
    boxes: tuple[Box, ...] = ()
    exact: bool = True
    seams: bool = False

    @property
    def phases(self) -> int:
        """The number of units after which the boxes repeat."""
        return max(1, len(self.boxes))


Field = tuple[AxisField, ...]
"""A field for each spatial axis of the net's input."""


def fields(net: Net, *, gates: bool = False, of: str | None = None) -> dict[str, Field]:
    """Compute the receptive field of every layer, by name.

    Args:
        net: the net.
        gates: also follow paths that have lost their position: squeeze-excite, global pooling branches, norms over
            maps.
        of: the input whose pixels are counted; by default the first of those with the most spatial axes.

    Raises:
        UnknownNameError: there is no such input.

    Two 3x3 see 5x5, like one 5x5:

    >>> import convscope as cs
    >>> [axis.size for axis in fields(cs.read("input 9x9x1, conv 1 3x3, conv 1 3x3"))["conv2"]]
    [5, 5]
    """
    return _Fields().of(net, trace(net, gates=gates, of=of))


def both_fields(net: Net, *, of: str | None = None) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the local fields and those with gates, which are the same object without gates.

    Raises:
        UnknownNameError: there is no input called ``of``.
    """
    alike, found = Alike(), _Fields()
    local = trace(net, of=of, alike=alike)
    fields = found.of(net, local)
    return fields, found.of(net, trace(net, gates=True, of=of, alike=alike)) if has_gates(net, local) else fields


@dataclass(frozen=True)
class _Fields:
    """Memoised fields of layers. Tracks are compared by identity, so ``kept`` keeps them alive."""

    axes: dict[Hashable, AxisField] = dataclasses.field(default_factory=dict)
    layers: dict[Hashable, Field] = dataclasses.field(default_factory=dict)
    kept: list[dict[str, Tracks]] = dataclasses.field(default_factory=list)

    def of(self, net: Net, tracks: dict[str, Tracks]) -> dict[str, Field]:
        """Return the field of every layer, by name."""
        self.kept.append(tracks)
        return {layer.node.name: self.layer(layer, tracks) for layer in net}

    def layer(self, layer: Layer, tracks: dict[str, Tracks]) -> Field:
        """Return the field of a layer; a pointwise layer has that of the layer before."""
        mine, before = tracks[layer.node.name], [tracks[name] for name in layer.node.inputs]
        key = id(mine), *(() if layer.pointwise else (id(layer.reads), *map(id, before)))
        if key not in self.layers:
            local = [_local(layer, [one[at] for one in before]) for at in range(len(mine))]
            self.layers[key] = tuple(map(self.axis, mine, local))
        return self.layers[key]

    def axis(self, track: Track, local: int | None) -> AxisField:
        """Return the field along one axis."""
        key = id(track.boxes), id(track.line), local, track.ordered, track.exact
        if key not in self.axes:
            self.axes[key] = _summary(track, local)
        return self.axes[key]


def _local(layer: Layer, before: list[Track]) -> int | None:
    """Return how many units of the previous layer a unit reads along an axis; None if units do not lie along it."""
    pairs = zip(before, layer.reads, strict=True)
    placed = [_width(reads[track.axis].relation) for track, reads in pairs if track.axis is not None and track.ordered]
    return max(placed, default=None)


NO_FIELD = AxisField(0, None, None, None, None)
"""The field of a layer that sees nothing."""


def _width(relation: Relation) -> int:
    """Return the number of positions from the first to the last that an output reads."""
    if isinstance(relation, Window):
        return -(-relation.span // relation.up)
    return relation.width if isinstance(relation, Table) else relation.size


def _summary(track: Track, local: int | None) -> AxisField:
    if track.blind and not track.line:
        return NO_FIELD
    if track.line:
        first, last = track.line.phases[0]
        size = max(b - a + 1 for a, b in track.line.phases)
        middle = Fraction(first + max(first, last), 2)
        seams, exact = track.exact and track.line.seams, track.exact and not track.line.seams
        return AxisField(size, local, track.line.stride, first, middle, track.line.phases, exact, seams)
    size = track.boxes.longest()
    start, end = track.boxes.box(0)
    if not track.ordered or end < start:
        return AxisField(size, local, None, None, None, exact=track.exact)
    return AxisField(size, local, None, start, Fraction(start + end, 2), exact=track.exact)
