"""The effective receptive field from the graph alone: the weight of each pixel if all weights are equal.

A unit distributes its weight equally over the positions that it reads, and a merge equally over its paths. Weight on
padding is lost. For a stack of ``n`` convolutions of ``k`` taps this is the ``n``-fold convolution of a box, of
variance ``n*(k*k - 1)/12`` along each axis (Luo, Li, Urtasun and Zemel, arXiv 1701.04128).

Paths that do not depend on the image (learned tokens, coordinates) get no share, nor do paths that all units share,
such as gates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.coupled import parts_channels, tells
from convscope.analyze.joint import pulled_back
from convscope.analyze.lines import placed
from convscope.analyze.spread import Spread, added, reads_some, split
from convscope.analyze.support import At, Question, check_patch, drawable, spatial_input, support_of
from convscope.budget import about, question
from convscope.core.axis import All, Window
from convscope.core.source import net_of
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.core.axis import Read
    from convscope.core.net import Layer, Net

    Weights = NDArray[np.float64]

LEVELS = (20, 30, 50, 99)
"""Percentages of the weight for which the pixels are counted."""


@dataclass(frozen=True, eq=False)
class Effective:
    """The distribution of the weight of some units over the image.

    Attributes:
        node: the layer.
        shape: height and width of the image (or one or three axes).
        spread: the weights of pixels that have one; they sum to 1.
        area: number of pixels in the box of the exact support.
        on_image: fraction of the weight that does not fall on padding.
        exact: False if axes of a layer on the way depend on each other; the weights are then those of its reads, which
            cover more than what it reads.
    """

    node: str
    shape: tuple[int, ...]
    spread: Spread | None = field(repr=False)
    area: int
    on_image: float
    exact: bool = True

    @property
    def heat(self) -> Weights:
        """The weight of each pixel of the image, ``h w``; it sums to 1 and is computed on each access.

        Raises:
            ShapeError: the image is too large for an array.
        """
        drawable(self.shape)
        found = np.zeros(self.shape)
        if self.spread:
            window = tuple(slice(kinds.start, kinds.stop) for kinds in self.spread.axes)
            found[window] = self.spread.weight[np.ix_(*(kinds.of for kinds in self.spread.axes))]
        return found

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation along each axis [input pixel]."""
        return tuple(_std(self.profile(axis)) for axis in range(len(self.shape)))

    def profile(self, axis: int) -> Weights:
        """Return the weight of each pixel along one axis, summed over the others."""
        found = np.zeros(self.shape[axis])
        if self.spread:
            kinds = self.spread.axes[axis]
            along = self.spread.summed(other for other in range(len(self.shape)) if other != axis)
            found[kinds.start : kinds.stop] = along[kinds.of]
        return found

    def shares(self) -> dict[int, float]:
        """For 20, 30, 50 and 99 % of the weight: the fewest pixels that hold it, as a fraction of the box.

        Empty if all weight falls on padding.
        """
        if not self.area or not self.spread:
            return {}
        counts = self.spread.counts(0)
        for axis in range(1, len(self.shape)):
            counts = np.multiply.outer(counts, self.spread.counts(axis))
        falling = np.argsort(-self.spread.weight, axis=None)
        weight, count = self.spread.weight.ravel()[falling], counts.ravel()[falling]
        return {level: _fewest(weight, count, level / 100) / self.area for level in LEVELS}

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        shares = {str(level): share for level, share in self.shares().items()}
        found = {"std": list(self.std), "box_share_for_percent": shares, "on_image": self.on_image}
        return found | {"exact": self.exact}

    def _repr_html_(self) -> str:
        return text_html(str(self))


def _std(profile: Weights) -> float:
    positions = np.arange(len(profile))
    mean = float(profile @ positions)
    return math.sqrt(float(profile @ (positions - mean) ** 2))


def _fewest(weight: Weights, count: Weights, level: float) -> int:
    """Return the fewest pixels that hold a fraction of the weight; ``count`` pixels have each ``weight``, sorted."""
    held = np.cumsum(weight * count)
    # 1e-12: a sum of equal shares must not miss a level by rounding
    at = min(int(np.searchsorted(held, level - 1e-12)), len(held) - 1)
    before = float(held[at - 1]) if at else 0.0
    more = math.ceil((level - 1e-12 - before) / float(weight[at]))
    return int(count[:at].sum()) + max(1, min(more, int(count[at])))


def effective(
    net: object,
    node: str | None = None,
    at: At | None = None,
    *,
    of: str | None = None,
    input: object = None,  # noqa: A002 -- the word of the notation
) -> Effective:
    """Return the uniform-weight effective field of the units ``at`` of a layer.

    It follows the spatial paths, or all paths if these see nothing of the image (class tokens).

    Args:
        net: a net, or what :func:`convscope.read` takes.
        node: name of the layer; that of the first output by default.
        at: as for :func:`convscope.analyze.support.support`.
        of: as for :func:`convscope.analyze.support.support`.
        input: size of the input of the net, if ``net`` does not state it.

    Raises:
        UnknownNameError: there is no such layer or input.
        FieldError: ``at`` lies outside the layer, or the weights of all these units take too much memory.
        ShapeError: the input is not an image.

    A 3x3 has variance (9 - 1)/12 along each axis:

    >>> import convscope as cs
    >>> found = effective(cs.read("input 9x9x1, conv 1 3x3"), at=(3, 3))
    >>> [round(std**2, 6) for std in found.std]
    [0.666667, 0.666667]
    """
    known = net_of(net, input)
    with question(layers=len(known)):
        return _effective(known, node, at, of)


def _effective(net: Net, node: str | None, at: At | None, of: str | None) -> Effective:
    layer, image = net.layer(node), spatial_input(net, of)
    patch = check_patch(layer, at)
    question = Question(net, image)
    local = support_of(layer, patch, question, gates=False)
    seen = local if local.regions else support_of(layer, patch, question, gates=True)
    way = _Way(question, _seeing(net, image.name), gates=not local.regions)
    way.arrive(layer.node.name, Spread.even([(0, layer.output[0] - 1), *patch]), loose=False)
    for one in reversed(net.layers):
        with about(one.node.name):
            way.follow(one)
    found = way.known.get(image.name)
    total = found.total() if found else 0.0
    if not found or not total:
        return Effective(layer.node.name, image.shape[1:], None, seen.area, 0.0, way.exact)
    heat = Spread(found.axes[1:], found.summed([0]) / total)
    return Effective(layer.node.name, image.shape[1:], heat, seen.area, total, way.exact)


def _seeing(net: Net, name: str) -> set[str]:
    """Return the input and the layers that depend on it."""
    found = {name}
    for layer in net:
        if not layer.node.op.source and not found.isdisjoint(layer.node.inputs):
            found.add(layer.node.name)
    return found


@dataclass(eq=False)
class _Way:
    """The state on the way from a layer back to the image.

    Attributes:
        question: the net and the image.
        seeing: layers that depend on the image.
        gates: whether all paths are followed.
        known: weights of layers that are reached but not yet followed.
        loose: layers whose weights are exact for all channels of a position together.
        exact: whether the weights are those of what is read.
    """

    question: Question
    seeing: set[str]
    gates: bool
    known: dict[str, Spread] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)
    exact: bool = True

    def arrive(self, name: str, spread: Spread, *, loose: bool) -> None:
        """Add weights to a layer or the input."""
        self.known[name] = added(self.known[name], spread) if name in self.known else spread
        if loose:
            self.loose.add(name)

    def follow(self, layer: Layer) -> None:
        """Distribute the weights of a layer to what it reads."""
        spread, name = self.known.pop(layer.node.name, None), layer.node.name
        if spread is None or name not in self.seeing:
            return
        every = spread.weight.shape[0] == 1 and len(spread.axes[0].of) == layer.output[0]
        self.exact &= tells(layer, all_channels=every)
        kept = self._kept(layer)
        parts = shared(spread, [layer.reads[at] for at in kept]) if _parts(layer) else [spread]
        for at, part in zip(kept, parts, strict=True):
            reads = layer.reads[at][: len(layer.inputs[at])]  # an opaque layer may have more axes than its input
            self.exact &= not (name in self.loose and parts_channels(layer, reads))
            back = part if layer.pointwise else pulled_back(part, reads)
            more = bool(layer.node.op.hull()) or (name in self.loose and not isinstance(reads[0].relation, All))
            if back:
                self.arrive(layer.node.inputs[at], back, loose=more)

    def _kept(self, layer: Layer) -> list[int]:
        """Return the inputs that are followed: of those that see the image, the ones that keep their position."""
        seeing = [at for at, name in enumerate(layer.node.inputs) if name in self.seeing]
        if len(seeing) == 1 or self.gates:
            return seeing
        kept = placed(layer, [self.question.tracks[name] for name in layer.node.inputs])
        return [at for at in kept if layer.node.inputs[at] in self.seeing] or seeing


def _parts(layer: Layer) -> bool:
    """Return whether some units may read no followed path, as after a concatenation or with added positions."""
    return len(layer.reads) > 1 or any(
        isinstance(read.relation, Window) and read.relation.edge == "apart" for read in layer.reads[0]
    )


def shared(spread: Spread, inputs: Sequence[Sequence[Read]]) -> list[Spread]:
    """Split the weights of a layer over its inputs: a unit distributes equally over the inputs that it reads.

    Units that read only paths that are not followed leave their weight to the other units of the layer.
    """
    on = np.ones((*[1] * len(spread.axes), len(inputs)), np.bool_)
    for axis in range(len(spread.axes)):
        marks = [_reading(reads, axis, spread) for reads in inputs]
        if all(mark is None for mark in marks):
            continue
        count = len(spread.axes[axis].of)
        rows = np.stack([np.ones(count, np.bool_) if mark is None else mark for mark in marks], 1)
        spread, kinds = split(spread, axis, rows)
        on = on & kinds.reshape(*[1] * axis, *kinds.shape[:1], *[1] * (len(spread.axes) - axis - 1), len(inputs))
    of, every = on.sum(-1), spread.total()
    left = every - Spread(spread.axes, spread.weight * (of == 0)).total()
    share = spread.weight * (every / left if left > 0 else 1) / np.maximum(1, of)
    return [Spread(spread.axes, share * on[..., at]) for at in range(len(inputs))]


def _reading(reads: Sequence[Read], axis: int, spread: Spread) -> NDArray[np.bool_] | None:
    """Return the positions along an output axis that read an input; None for all."""
    found = None
    for read in reads:
        mark = reads_some(read.relation, spread.axes[axis]) if read.follows == axis else None
        found = mark if found is None else found if mark is None else found & mark
    return found
