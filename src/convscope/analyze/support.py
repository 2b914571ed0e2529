"""The exact set of pixels that a unit, a patch or a layer depends on: holes, borders and padding included.

The set of places that are read is followed back from a layer to the picture as a union of *regions*. A region is a
product of index sets, one for each axis, channels included; every read maps a region to a region exactly. Where paths
part, regions add up; contained ones are dropped and such that differ along one axis are joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.lines import placed, trace
from convscope.core.axis import All, Table
from convscope.core.shape import to_text
from convscope.errors import FieldError, ShapeError
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from convscope.analyze.track import Tracks
    from convscope.core.axis import Indices, Read
    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

Region = tuple["Indices", ...]
"""One sorted index set for each axis, channels first."""

Patch = tuple[tuple[int, int], ...]
"""First and last unit along each spatial axis of a layer, both included."""

MAX_PIXELS = 2**28
"""Of a picture for which a mask is made."""

MANY = 48
"""Regions from which a union is written anew, as the fewest products of equal slices."""


@dataclass(frozen=True, eq=False)
class Support:
    """What some units of a layer depend on.

    Attributes:
        node: the layer.
        patch: the units.
        shape: height and width (or one, or three axes) of the picture.
        mask: which pixels are read.
        exact: False where axes depend on each other (pixel shuffle, opaque layers), so that the mask is a hull.
    """

    node: str
    patch: Patch
    shape: tuple[int, ...]
    mask: NDArray[np.bool_] = field(repr=False)
    exact: bool

    @property
    def box(self) -> tuple[tuple[int, int], ...] | None:
        """First and last pixel along each axis, both included; None when nothing is read."""
        if not self.mask.any():
            return None
        axes = range(self.mask.ndim)
        lines = (np.flatnonzero(self.mask.any(tuple(a for a in axes if a != axis))) for axis in axes)
        return tuple((int(line[0]), int(line[-1])) for line in lines)

    @property
    def pixels(self) -> int:
        """Pixels that are read."""
        return int(self.mask.sum())

    @property
    def area(self) -> int:
        """Pixels of the box."""
        return math.prod(last - first + 1 for first, last in self.box) if self.box else 0

    @property
    def holes(self) -> int:
        """Pixels of the box that are not read."""
        return self.area - self.pixels

    @property
    def coverage(self) -> float:
        """Pixels read, as a share of the box."""
        return self.pixels / self.area if self.area else 0.0

    @property
    def grid(self) -> tuple[int, ...]:
        """Along each axis, the step between the pixels that are read: 1 without gaps, 2 where every other is missed."""
        axes = range(self.mask.ndim)
        lines = (np.flatnonzero(self.mask.any(tuple(a for a in axes if a != axis))) for axis in axes)
        return tuple(int(np.gcd.reduce(np.diff(line))) if len(line) > 1 else 1 for line in lines)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/support/1``."""
        return {
            "schema": "convscope/support/1",
            "node": self.node,
            "at": [first if first == last else [first, last] for first, last in self.patch],
            "box": [list(ends) for ends in self.box] if self.box else None,
            "pixels": self.pixels,
            "holes": self.holes,
            "coverage": self.coverage,
            "grid": list(self.grid),
            "exact": self.exact,
        }

    def _repr_html_(self) -> str:
        return text_html(str(self))


def support(
    net: Net, node: str | None = None, at: Sequence[int | tuple[int, int]] | None = None, *, gates: bool = True
) -> Support:
    """The pixels that the units ``at`` of a layer depend on.

    Args:
        net: the net.
        node: name of the layer; the last one by default.
        at: along each spatial axis of the layer a unit, or first and last of several; the whole layer by default.
        gates: follow every path; without, leave out those that every unit shares (squeeze-excite, statistics of norms).

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: ``at`` lies outside of the layer.

    Two 3x3 with dilation 2 look at every other pixel of 9x9:

    >>> import convscope as cs
    >>> found = support(cs.read("input 9x9x1, 2*( conv 1 3x3 d2 )"), at=(0, 0))
    >>> found.box, found.pixels, found.holes
    (((0, 8), (0, 8)), 25, 56)
    """
    layer = net.layer(node)
    patch = check_patch(layer, at)
    check_picture(net)
    start = (np.arange(layer.output[0]), *(np.arange(first, last + 1) for first, last in patch))
    needed: dict[str, list[Region]] = {layer.node.name: [start]}
    exact, tracks = True, None if gates else trace(net)
    loose: set[str] = set()
    for one in reversed(net.layers):
        regions = needed.pop(one.node.name, [])
        if regions:
            exact &= all(_tells(one, region) and not _mixes(one, region) for region in regions)
            more = one.node.name in loose
            for name, reads in _followed(one, tracks):
                exact &= not (more and _parts_channels(one, reads))
                if _asks_more(one, regions) or (more and not isinstance(reads[0].relation, All)):
                    loose.add(name)
                needed.setdefault(name, []).extend(filter(None, (_pull(region, reads) for region in regions)))
                needed[name] = _simplified(needed[name], net, name)
    mask = np.zeros(net.input[1:], dtype=np.bool_)
    for region in needed.get(net.inputs[0].name, []):
        mask[np.ix_(*region[1:])] = True
    return Support(layer.node.name, patch, net.input[1:], mask, exact)


def _ends(place: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(place, Sequence):
        first, last = map(index, place)
        return first, last
    return index(place), index(place)


def check_picture(net: Net) -> None:
    """Raise ShapeError unless the picture has spatial axes and a mask of it fits into memory."""
    if len(net.input) < 2:
        raise ShapeError(f"the input {to_text(net.input)} is no picture: it has no spatial axis")
    if math.prod(net.input[1:]) > MAX_PIXELS:
        raise ShapeError(f"a picture of {to_text(net.input)} is too large for a mask", expected="at most 2^28 pixels")


def check_patch(layer: Layer, at: Sequence[int | tuple[int, int]] | None) -> Patch:
    """The units ``at`` as first and last along each spatial axis.

    Raises:
        FieldError: another number of axes, or outside of the layer.
    """
    sizes = layer.output[1:]
    if at is None:
        return tuple((0, size - 1) for size in sizes)
    try:
        ends = tuple(_ends(place) for place in at)
    except (TypeError, ValueError):
        raise FieldError(f"at={at}", expected="a unit, or first and last, for each axis") from None
    if len(ends) != len(sizes):
        raise FieldError(f"{layer.node.name} has {len(sizes)} spatial axes, at has {len(ends)}")
    for (first, last), size in zip(ends, sizes, strict=True):
        if not 0 <= first <= last < size:
            raise FieldError(f"at={first if first == last else (first, last)}", expected=f"units from 0 to {size - 1}")
    return ends


def _followed(layer: Layer, tracks: dict[str, Tracks] | None) -> Iterable[tuple[str, Sequence[Read]]]:
    """The reads of a layer: each input with what is read of it."""
    # an opaque layer of more axes than its input reads axes that are not there
    reads = [one[: len(shape)] for one, shape in zip(layer.reads, layer.inputs, strict=True)]
    paths = list(zip(layer.node.inputs, reads, strict=True))
    if tracks is None:
        return [*paths, (layer.node.inputs[0], layer.statistics)] if layer.statistics else paths
    return [paths[at] for at in placed(layer, tracks)] if len(paths) > 1 else paths


def _tells(layer: Layer, region: Region) -> bool:
    """The reads of the layer are what is read: always, or because all channels are asked."""
    hull = layer.node.op.hull()
    return not hull or (hull == "channels" and len(region[0]) == layer.output[0])


def _asks_more(layer: Layer, regions: list[Region]) -> bool:
    """Some channels of the input are asked that the layer does not read: which it reads depends on the place."""
    return bool(layer.node.op.hull()) and not any(map(_everything, regions, [layer.output] * len(regions)))


def _everything(region: Region, shape: Shape) -> bool:
    return all(len(indices) == size for indices, size in zip(region, shape, strict=True))


def _parts_channels(layer: Layer, reads: Sequence[Read]) -> bool:
    """Channels of the layer see different pixels: they are places of its input, or come from different inputs."""
    joins = layer.node.op.merges and isinstance(reads[0].relation, Table)
    return (
        joins
        or bool(layer.node.op.hull())
        or any(read.follows == 0 and not isinstance(read.relation, All) for read in reads[1:])
    )


def _mixes(layer: Layer, region: Region) -> bool:
    """Several axes of an input follow one output axis (flattening), of which several units are asked but not all."""
    for reads in layer.reads:
        for axis in {read.follows for read in reads}:
            shared = sum(read.follows == axis and read.relation.size > 1 for read in reads) > 1
            if shared and 1 < len(region[axis]) < layer.output[axis]:
                return True
    return False


def _pull(region: Region, reads: Sequence[Read]) -> Region | None:
    """What a region reads of one input; None when that is nothing."""
    found = tuple(read.relation.pull(region[read.follows]) for read in reads)
    return found if all(map(len, found)) else None


def _simplified(regions: list[Region], net: Net, name: str) -> list[Region]:
    """The same union in fewer regions."""
    if len(regions) < 2:
        return regions
    kept: list[Region] = []
    for region in regions if len(regions) <= MANY else ():
        _absorb(kept, region)
    return kept or _rewritten(regions, net.shape(name))


def _rewritten(regions: list[Region], shape: Shape) -> list[Region]:
    """The same union, drawn as a mask and cut into products; channels are left out where all regions have the same."""
    same = all(np.array_equal(region[0], regions[0][0]) for region in regions)
    common = (regions[0][0],) if same else ()
    mask = np.zeros(shape[len(common) :], dtype=np.bool_)
    for region in regions:
        mask[np.ix_(*region[len(common) :])] = True
    return [(*common, *product) for product in _products(mask)]


def _absorb(kept: list[Region], region: Region) -> None:
    """Add a region to a union: nothing where it is contained, joined where it differs along one axis only."""
    place = 0
    while place < len(kept):
        other = kept[place]
        differing = [axis for axis, (a, b) in enumerate(zip(region, other, strict=True)) if not np.array_equal(a, b)]
        if len(differing) <= 1:
            pairs = zip(region, other, strict=True)
            region = tuple(np.union1d(a, b) if axis in differing else a for axis, (a, b) in enumerate(pairs))
        elif _contains(other, region):
            return
        elif not _contains(region, other):
            place += 1
            continue
        kept.pop(place)
        place = 0
    kept.append(region)


def _contains(outer: Region, inner: Region) -> bool:
    return all(
        a[0] <= b[0] and a[-1] >= b[-1] and len(a) >= len(b) and bool(np.isin(b, a, assume_unique=True).all())
        for a, b in zip(outer, inner, strict=True)
    )


def _products(mask: NDArray[np.bool_]) -> Iterable[Region]:
    """A mask as products: slices that are equal share one."""
    if mask.ndim == 1:
        found = np.flatnonzero(mask)
        if len(found):
            yield (found,)
        return
    patterns, which = np.unique(mask.reshape(len(mask), -1), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.ravel() == number)
        for rest in _products(pattern.reshape(mask.shape[1:])):
            yield (rows, *rest)
