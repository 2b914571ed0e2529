"""Waste in a design: pixels that nothing reads, multiply-adds spent on padding, layers that add no context."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from convscope.analyze import cost
from convscope.analyze.field import Field, fields
from convscope.analyze.lines import branches, image_of, trace
from convscope.analyze.regions import pulled
from convscope.analyze.seams import seam_axis
from convscope.budget import about, hold, per_layer, spend
from convscope.core.axis import EMPTY_EDGES, Table, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.analyze.line import Line
    from convscope.core.axis import Relation
    from convscope.core.net import Layer, Net


@dataclass(frozen=True, eq=False)
class Unread:
    """Positions along one axis of a layer's input that no unit of the layer reads.

    Attributes:
        node: the layer.
        axis: spatial axis, from 0.
        positions: their indices.
        size: length of the axis.
    """

    node: str
    axis: int
    positions: NDArray[np.intp]
    size: int


@per_layer
def unread(net: Net) -> list[Unread]:
    """Find rows and columns at the end of a layer's input that its windows never reach.

    A 3x3 with stride 2 and no padding on 224 starts at 0, 2, … 220; its last window ends at 222:

    >>> import convscope as cs
    >>> [(u.node, u.axis, u.positions.tolist()) for u in unread(cs.read("input 224x224x3, conv 8 3x3 s2"))]
    [('conv1', 0, [223]), ('conv1', 1, [223])]
    """
    found = []
    for layer in net:
        for axis, read in enumerate(layer.reads[0][1:]):
            relation = read.relation
            if isinstance(relation, Window) and relation.kernel > 1:
                with about(layer.node.name):
                    last = _last(relation)
                    if last + 1 < relation.size:
                        hold(8 * (relation.size - last))
                        found.append(Unread(layer.node.name, axis, np.arange(last + 1, relation.size), relation.size))
    return found


def _last(window: Window) -> int:
    """Return the last position that a window reads; -1 if it reads none."""
    end = (window.extent - 1) * window.stride - window.lo + window.span - 1
    if window.edge in EMPTY_EDGES and window.up == window.dilation == 1 and window.kernel >= window.stride:
        return min(end, window.size - 1)
    read = pulled(window, range(window.extent))
    return -1 if read is None else int(read[-1])


def padding_share(layer: Layer) -> float:
    """Return the fraction of a layer's multiply-adds that fall on padding.

    For 3x3 with padding 1 on 7x7, 19 of 21 taps along an axis lie on the map, so 1 - (19/21)^2 is wasted:

    >>> import convscope as cs
    >>> round(padding_share(cs.read("input 7x7x1, conv 1 3x3 p1").layers[0]), 3)
    0.181
    """
    windows = [read.relation for read in layer.reads[0][1:] if isinstance(read.relation, Window)]
    if any(window.up > 1 or window.lo < 0 for window in windows) or not _gathers(layer):
        return 0.0  # for a transposed convolution, multiply-adds are counted from the input
    return 1 - math.prod(map(_on_map, windows))


def _gathers(layer: Layer) -> bool:
    """Return whether a multiply-add is counted for each tap of each output."""
    weights = layer.weights or ()
    return bool(weights) and cost.macs(layer) == math.prod(layer.output) * weights[0].fan_in


def _on_map(window: Window) -> float:
    """Return the fraction of taps that lie on the input."""
    if window.kernel > window.extent:  # the same positions, counted for each output
        return _on_map_of_outputs(window)
    spend(0, elements=8 * window.kernel)
    taps = window.lo - window.dilation * np.arange(window.kernel)
    first = np.maximum(0, -(-taps // window.stride))  # outputs with a tap on the input
    last = np.minimum(window.extent - 1, (window.size - 1 + taps) // window.stride)
    return float(np.maximum(0, last - first + 1).sum() / (window.kernel * window.extent))


def _on_map_of_outputs(window: Window) -> float:
    """Return the fraction of taps that lie on the input, from the taps of each output."""
    spend(0, elements=8 * window.extent)
    start = window.lo - window.stride * np.arange(window.extent)
    first = np.maximum(0, -(-start // window.dilation))
    last = np.minimum(window.kernel - 1, (window.size - 1 + start) // window.dilation)
    return float(np.maximum(0, last - first + 1).sum() / (window.kernel * window.extent))


@per_layer
def unproductive(net: Net) -> list[str]:
    """Find layers with a kernel whose input already has a field as large as the image along every axis.

    Such layers add no new context (Richter et al., arXiv 2106.12307).
    """
    local = fields(net)
    sizes = image_of(net).shape[1:]

    def sees_all(name: str) -> bool:
        return name in local and bool(sizes) and _covers(local[name], sizes)

    return [
        layer.node.name
        for layer in net
        if cost.macs(layer) and _slides(layer) and all(sees_all(name) for name in layer.node.inputs)
    ]


def _slides(layer: Layer) -> bool:
    """Return whether the kernel has more than one position."""
    return any(isinstance(read.relation, Window) and read.relation.kernel > 1 for read in layer.reads[0][1:])


def _covers(field: Field, sizes: tuple[int, ...]) -> bool:
    """Return whether the field is certainly as large as the image."""
    return all((axis.exact or axis.seams) and axis.size >= size for axis, size in zip(field, sizes, strict=True))


@dataclass(frozen=True)
class Branch:
    """One path into a merge, along one axis.

    Attributes:
        source: the layer or input from which the path comes.
        stride: pixels between the fields of neighbours.
        centre: middle of the field of unit 0, averaged over the phases of an up-sampling.
        end: last pixel of the field of unit 0, likewise averaged.
        coarse: pixels after which the fields repeat: those of one unit before an up-sampling, otherwise the stride.
    """

    source: str
    stride: Fraction
    centre: Fraction
    end: Fraction
    coarse: Fraction

    @classmethod
    def of(cls, source: str, line: Line) -> Branch:
        """Describe a path whose fields advance steadily; otherwise return None."""
        return cls(source, line.stride, line.centre, line.end, Fraction(line.advance))


@dataclass(frozen=True)
class Misaligned:
    """A merge whose paths read different positions.

    Attributes:
        node: the merge.
        axis: spatial axis of the image, from 0.
        branches: the paths that keep their position.
    """

    node: str
    axis: int
    branches: tuple[Branch, ...]


@per_layer
def misaligned(net: Net) -> list[Misaligned]:
    """Find merges of paths whose strides or centres differ, so that unit ``o`` means a different position on each.

    Only paths that meet at some unit are compared: queries and keys of an attention lie along different axes of the
    merge, and concatenated maps have no unit in common.

    >>> import convscope as cs
    >>> [m.node for m in misaligned(cs.read("input 9x9x1, add( conv 1 3x3 | crop 0:2 )"))]
    ['add1', 'add1']
    """
    tracks = trace(net)
    found: list[Misaligned] = []
    for layer in net:
        if not layer.node.op.merges or seam_axis(layer):
            continue
        paths = branches(layer, tracks)
        for axis in range(len(image_of(net).shape) - 1):
            meeting: dict[tuple[int | None, range], list[Branch]] = {}
            for at, (name, path) in enumerate(zip(layer.node.inputs, paths, strict=True)):
                line = path[axis].line
                if path[axis].exact and line is not None and not line.seams:
                    where = path[axis].axis, _units(layer, at, tracks[name][axis].axis)
                    meeting.setdefault(where, []).append(Branch.of(name, line))
            apart = (known for known in meeting.values() if len({(one.stride, one.centre) for one in known}) > 1)
            found += [Misaligned(layer.node.name, axis, tuple(known)) for known in apart]
    return found


def _units(layer: Layer, at: int, axis: int | None) -> range:
    """Return the units of a merge that read one of its inputs, along an axis of that input."""
    relation = layer.reads[at][axis].relation if axis is not None else None
    if not isinstance(relation, Window) or relation.kernel > 1 or relation.up > 1:
        return range(0)  # unknown: all
    return range(-(-relation.lo // relation.stride), (relation.lo + relation.size - 1) // relation.stride + 1)


def only_moves(layer: Layer) -> bool:
    """Return whether each output position reads at most one of each input: a slice, a shift, a 1x1 convolution."""
    return not layer.statistics and all(_single(read.relation) for reads in layer.reads for read in reads[1:])


def _single(relation: Relation) -> bool:
    if isinstance(relation, Window):
        return relation.kernel <= relation.up
    return (relation.width if isinstance(relation, Table) else relation.size) == 1
