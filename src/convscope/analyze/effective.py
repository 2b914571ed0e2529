"""The effective receptive field from the graph alone: how much each pixel weighs when all weights are equal.

A unit hands its weight back in equal shares to the places that it reads, and a merge in equal shares to its paths.
What falls on padding is lost. For a stack of ``n`` convolutions of ``k`` taps this is the ``n``-fold convolution of a
box, of variance ``n*(k*k - 1)/12`` along each axis (Luo, Li, Urtasun and Zemel, arXiv 1701.04128).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.lines import placed, trace
from convscope.analyze.support import check_patch, check_picture, support
from convscope.core.axis import All, Table, Window, beyond_each
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.core.axis import Relation
    from convscope.core.net import Layer, Net

    Weights = NDArray[np.float64]

LEVELS = (20, 30, 50, 99)
"""Shares of the weight, in percent, for which the pixels are counted."""


@dataclass(frozen=True, eq=False)
class Effective:
    """How the weight of some units spreads over the picture.

    Attributes:
        node: the layer.
        heat: weight of each pixel; sums to 1.
        area: pixels of the box of the exact support.
        on_picture: share of the weight that does not fall on padding.
    """

    node: str
    heat: Weights = field(repr=False)
    area: int
    on_picture: float

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation along each axis [input pixel]."""
        return tuple(_std(self.profile(axis)) for axis in range(self.heat.ndim))

    def profile(self, axis: int) -> Weights:
        """Weight along one axis, the others summed up."""
        found: Weights = self.heat.sum(tuple(other for other in range(self.heat.ndim) if other != axis))
        return found

    def shares(self) -> dict[int, float]:
        """For 20, 30, 50 and 99 % of the weight: the fewest pixels that hold it, as a share of the box.

        Empty where all of the weight falls on padding.
        """
        if not self.area:
            return {}
        falling = np.cumsum(np.sort(self.heat, axis=None)[::-1])
        # 1e-12: sums of equal shares must not miss a level by rounding
        counts = {level: int(np.searchsorted(falling, level / 100 - 1e-12)) + 1 for level in LEVELS}
        return {level: count / self.area for level, count in counts.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        shares = {str(level): share for level, share in self.shares().items()}
        return {"std": list(self.std), "box_share_for_percent": shares, "on_picture": self.on_picture}

    def _repr_html_(self) -> str:
        return text_html(str(self))


def _std(profile: Weights) -> float:
    places = np.arange(len(profile))
    mean = float(profile @ places)
    return math.sqrt(float(profile @ (places - mean) ** 2))


def effective(net: Net, node: str | None = None, at: Sequence[int | tuple[int, int]] | None = None) -> Effective:
    """The uniform-weight effective field of the units ``at`` of a layer, along its spatial paths.

    Args:
        net: the net.
        node: name of the layer; the last one by default.
        at: as for :func:`convscope.analyze.support.support`.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: ``at`` lies outside of the layer.

    One 3x3 has variance (9 - 1)/12 along each axis:

    >>> import convscope as cs
    >>> found = effective(cs.read("input 9x9x1, conv 1 3x3"), at=(3, 3))
    >>> [round(std**2, 6) for std in found.std]
    [0.666667, 0.666667]
    """
    layer = net.layer(node)
    patch = check_patch(layer, at)
    check_picture(net)
    weight = np.zeros(layer.output[1:])
    weight[tuple(slice(first, last + 1) for first, last in patch)] = 1
    weights: dict[str, Weights] = {layer.node.name: weight / weight.sum()}
    tracks = trace(net)
    for one in reversed(net.layers):
        mine = weights.pop(one.node.name, None)
        if mine is None:
            continue
        kept = placed(one, tracks) if len(one.reads) > 1 else [0]
        for at_input, share in zip(kept, _shares(one, kept), strict=True):
            name, found = one.node.inputs[at_input], _handed_back(one, at_input, mine) * share
            weights[name] = weights[name] + found if name in weights else found
    heat = weights[net.inputs[0].name]
    total = float(heat.sum())
    area = support(net, layer.node.name, at, gates=False).area
    return Effective(layer.node.name, heat / total if total else heat, area, total)


def _shares(layer: Layer, kept: list[int]) -> list[float]:
    """The part of a layer's weight that goes to each input: each channel shares equally between those that it reads."""
    if len(kept) == 1:
        return [1.0]
    channels = np.arange(layer.output[0])
    paths = [layer.reads[at][0].relation for at in kept]
    reads = np.array([_reads_some(relation, channels) for relation in paths], dtype=float)
    shares: list[float] = (reads / reads.sum(0)).mean(1).tolist()
    return shares


def _reads_some(relation: Relation, outputs: NDArray[np.intp]) -> NDArray[np.bool_]:
    if not isinstance(relation, Table):
        return np.ones(len(outputs), dtype=np.bool_)
    first, last = relation.ends(outputs)
    return np.asarray(first <= last)


def _handed_back(layer: Layer, at_input: int, weight: Weights) -> Weights:
    """The weight of a layer's places on the places of one of its inputs."""
    sizes = layer.inputs[at_input][1:]
    reads = layer.reads[at_input][1 : len(sizes) + 1]
    used = [read.follows for read in reads if read.follows]
    kept: Weights = weight.sum(tuple(axis for axis in range(weight.ndim) if axis + 1 not in used))
    order = sorted(used)
    for axis, (read, size) in enumerate(zip(reads, sizes, strict=True)):
        if read.follows:  # along a spatial axis of the layer; else the axis went into the channels
            kept = np.moveaxis(kept, order.index(read.follows), axis)
            order.insert(axis, order.pop(order.index(read.follows)))
            kept = _along(kept, axis, read.relation)
        else:
            kept = np.repeat(np.expand_dims(kept, axis), size, axis) / size
            order.insert(axis, 0)
    return kept


def _along(weight: Weights, axis: int, relation: Relation) -> Weights:
    """Hand weight back along one axis."""
    if relation == Window(relation.size):
        return weight
    first: Weights = np.moveaxis(weight, axis, 0)
    found: Weights
    if isinstance(relation, All):
        found = np.repeat(first.sum(0, keepdims=True) / relation.size, relation.size, 0)
    elif isinstance(relation, Table):
        found = _look_back(first, relation)
    else:
        found = _slide_back(first, relation)
    back: Weights = np.moveaxis(found, 0, axis)
    return back


def _look_back(weight: Weights, table: Table) -> Weights:
    """Hand weight back along the first axis of an array, through a table."""
    first, last = table.ends(np.arange(table.extent))
    share = weight / np.maximum(1, last - first + 1).reshape(-1, *[1] * (weight.ndim - 1))
    found = np.zeros((table.size, *weight.shape[1:]))
    for step in range(table.width):
        places, inside = beyond_each(first + step, table.size, table.edge)
        inside &= first + step <= last
        np.add.at(found, places[inside], share[inside])
    return found


def _slide_back(weight: Weights, window: Window) -> Weights:
    """Hand weight back along the first axis of an array."""
    outputs = len(weight)
    starts = window.stride * np.arange(outputs) - window.lo
    if window.up > 1:
        hits = sum((starts + window.dilation * tap) % window.up == 0 for tap in range(window.kernel))
        weight = weight / np.maximum(1, np.asarray(hits)).reshape(-1, *[1] * (weight.ndim - 1))
    else:
        weight = weight / window.kernel
    spread = np.zeros((window.stride * (outputs - 1) + window.span, *weight.shape[1:]))
    for tap in range(window.kernel):
        at = window.dilation * tap
        spread[at : at + window.stride * (outputs - 1) + 1 : window.stride] += weight
    places = np.arange(len(spread)) - window.lo
    on = places % window.up == 0
    read, inside = beyond_each(places[on] // window.up, window.size, window.edge)
    found = np.zeros((window.size, *weight.shape[1:]))
    if window.edge == "zero":
        found[read[inside]] = spread[on][inside]
    else:
        np.add.at(found, read[inside], spread[on][inside])
    return found
