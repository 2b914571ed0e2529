"""The exact set of pixels that a unit, a patch or a layer depends on: holes, borders and padding included.

The set of positions that are read is followed back from a layer to the image as a union of *regions*. A region is a
product of index sets, one for each axis, channels included; every read maps a region to a region exactly. At a
branching, regions accumulate; contained ones are dropped, and those that differ along one axis are joined. Nothing here
has the size of the image, unless a mask is requested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.coupled import parts_channels, tells
from convscope.analyze.lines import image_of, placed, trace
from convscope.analyze.regions import counted, joined, pull, simplified
from convscope.budget import about, question
from convscope.core.axis import All
from convscope.core.shape import to_text
from convscope.core.source import net_of
from convscope.errors import FieldError, ShapeError
from convscope.view.numbers import shortened
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from convscope.analyze.regions import Region
    from convscope.analyze.track import Tracks
    from convscope.core.axis import Read
    from convscope.core.graph import Input
    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape

Patch = tuple[tuple[int, int], ...]
"""First and last unit along each spatial axis of a layer, inclusive."""

At = str | Sequence[int | tuple[int, int]]
"""A unit, or the first and last of several, along each spatial axis; or a text, as on the command line."""

MAX_PIXELS = 2**28
"""The most pixels of an image for which a mask is made."""


@dataclass(frozen=True, eq=False)
class Support:
    """The pixels that some units of a layer depend on.

    Attributes:
        node: the layer.
        patch: the units.
        shape: height and width of the image (or one or three axes).
        regions: the pixels, as a union of products of index sets.
        exact: False if axes depend on each other (pixel shuffle, opaque layers), so that the pixels are an upper bound.
    """

    node: str
    patch: Patch
    shape: tuple[int, ...]
    regions: tuple[Region, ...] = field(repr=False)
    exact: bool

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The mask of the pixels that are read, ``h w``; computed on each access.

        Raises:
            ShapeError: the image is too large for a mask.
        """
        drawable(self.shape)
        found = np.zeros(self.shape, dtype=np.bool_)
        for region in self.regions:
            found[np.ix_(*region)] = True
        return found

    @property
    def window(self) -> NDArray[np.bool_]:
        """The mask of the pixels that are read, in the shape of the box.

        Raises:
            ShapeError: the box is too large for a mask.
        """
        box = self.box or ((0, -1),) * len(self.shape)
        drawable(tuple(last - first + 1 for first, last in box))
        found = np.zeros(tuple(last - first + 1 for first, last in box), dtype=np.bool_)
        for region in self.regions:
            found[
                np.ix_(*(np.asarray(positions) - first for positions, (first, _) in zip(region, box, strict=True)))
            ] = True
        return found

    @property
    def box(self) -> tuple[tuple[int, int], ...] | None:
        """The first and last pixel along each axis, inclusive; None if nothing is read."""
        if not self.regions:
            return None
        along = zip(*self.regions, strict=True)
        return tuple((min(int(p[0]) for p in sets), max(int(p[-1]) for p in sets)) for sets in along)

    @property
    def pixels(self) -> int:
        """The number of pixels that are read."""
        return counted(self.regions)

    @property
    def area(self) -> int:
        """The number of pixels in the box."""
        return math.prod(last - first + 1 for first, last in self.box) if self.box else 0

    @property
    def holes(self) -> int:
        """The number of pixels in the box that are not read."""
        return self.area - self.pixels

    @property
    def coverage(self) -> float:
        """The pixels that are read, as a fraction of the box."""
        return self.pixels / self.area if self.area else 0.0

    @property
    def grid(self) -> tuple[int, ...]:
        """The step between pixels that are read along each axis: 1 without gaps, 2 if every other one is skipped."""
        if not self.regions:
            return (1,) * len(self.shape)
        lines = (reduce(joined, sets) for sets in zip(*self.regions, strict=True))
        return tuple(1 if isinstance(line, range) else int(np.gcd.reduce(np.diff(line))) for line in lines)

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


def support(  # noqa: PLR0913 -- the parameters of the question
    net: object,
    node: str | None = None,
    at: At | None = None,
    *,
    gates: bool = True,
    of: str | None = None,
    input: object = None,  # noqa: A002 -- the word of the notation
) -> Support:
    """Return the pixels that the units ``at`` of a layer depend on.

    Args:
        net: a net, or what :func:`convscope.read` takes.
        node: name of the layer; that of the first output by default.
        at: a unit, or the first and last of several, along each spatial axis, also as a text (``"3,4"``, ``"0:7,2"``);
            by default the entire layer.
        gates: follow every path; if False, omit those that every unit shares (squeeze-excite, statistics of norms).
        of: name of the input; by default the first of those with the most spatial axes.
        input: size of the input of the net, if ``net`` does not state it.

    Raises:
        UnknownNameError: there is no such layer or input.
        FieldError: ``at`` lies outside the layer.
        ShapeError: the input is not an image.

    Two 3x3 with dilation 2 read every other pixel of 9x9:

    >>> import convscope as cs
    >>> found = support(cs.read("input 9x9x1, 2*( conv 1 3x3 d2 )"), at=(0, 0))
    >>> found.box, found.pixels, found.holes
    (((0, 8), (0, 8)), 25, 56)
    """
    known = net_of(net, input)
    with question(layers=len(known)):
        layer, image = known.layer(node), spatial_input(known, of)
        return support_of(layer, check_patch(layer, at), Question(known, image), gates=gates)


class Question:
    """A net and one of its inputs; what each layer sees of it is computed on first use."""

    def __init__(self, net: Net, image: Input) -> None:
        self.net: Net = net
        self.image: Input = image

    @cached_property
    def tracks(self) -> dict[str, Tracks]:
        """The tracks of each layer."""
        return trace(self.net, of=self.image.name)


def support_of(layer: Layer, patch: Patch, question: Question, *, gates: bool) -> Support:
    """Return the pixels that units of a layer depend on; see :func:`support`."""
    image = question.image
    start = (range(layer.output[0]), *(range(first, last + 1) for first, last in patch))
    needed: dict[str, list[Region]] = {layer.node.name: [start]}
    exact = True
    loose: set[str] = set()
    for one in reversed(question.net.layers):
        regions = needed.pop(one.node.name, [])
        if regions and not one.node.op.source:
            exact &= all(tells(one, all_channels=len(region[0]) == one.output[0]) for region in regions)
            more = one.node.name in loose
            for name, reads in _followed(one, None if gates else question):
                exact &= not (more and parts_channels(one, reads))
                if _asks_more(one, regions) or (more and not isinstance(reads[0].relation, All)):
                    loose.add(name)
                with about(one.node.name):
                    for region in regions:
                        found, precise = pull(region, reads)
                        exact &= precise
                        needed.setdefault(name, []).extend(found)
                    needed[name] = simplified(needed.get(name, []))
    seen = simplified([region[1:] for region in needed.get(image.name, [])])
    return Support(layer.node.name, patch, image.shape[1:], tuple(seen), exact)


def spatial_input(net: Net, name: str | None) -> Input:
    """Return the input; by default the first of those with the most spatial axes.

    Raises:
        UnknownNameError: there is no input of that name.
        ShapeError: the input has no spatial axis.
    """
    found = image_of(net, name)
    if len(found.shape) < 2:
        raise ShapeError(f"the input {to_text(found.shape)} has no spatial axis, so it is not an image")
    return found


def drawable(sizes: tuple[int, ...]) -> None:
    """Raise ShapeError unless an array of these sizes fits into memory."""
    if math.prod(sizes) > MAX_PIXELS:
        raise ShapeError(f"an image of {to_text((1, *sizes))} is too large for a mask", expected="at most 2^28 pixels")


def _ends(position: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(position, Sequence):
        first, last = map(index, position)
        return first, last
    return index(position), index(position)


def places(at: At) -> Sequence[int | tuple[int, int]]:
    """Return a unit, or the first and last along each axis; a text is read as on the command line.

    Raises:
        FieldError: the text is not of this form.

    >>> places("3,4"), places("0:7,2"), places((3, 4))
    ((3, 4), ((0, 7), 2), (3, 4))
    """
    if not isinstance(at, str):
        return at
    found: list[int | tuple[int, int]] = []
    for part in at.split(","):
        ends = part.split(":")
        if not 1 <= len(ends) <= 2 or not all(end.strip().isdecimal() and len(end) < 12 for end in ends):
            raise FieldError(f'"{shortened(at)}" is not a position', expected="y,x or y0:y1,x0:x1")
        found.append(int(ends[0]) if len(ends) == 1 else (int(ends[0]), int(ends[1])))
    return tuple(found)


def check_patch(layer: Layer, at: At | None) -> Patch:
    """Return the units ``at`` as first and last along each spatial axis.

    Raises:
        FieldError: the number of axes differs, or a unit lies outside the layer.
    """
    sizes = layer.output[1:]
    if at is None:
        return tuple((0, size - 1) for size in sizes)
    given = places(at)
    try:
        ends = tuple(map(_ends, given))
    except (TypeError, ValueError):
        raise FieldError(f"at={at}", expected="a unit, or first and last, for each axis") from None
    if len(ends) != len(sizes):
        raise FieldError(f"{layer.node.name} has {len(sizes)} spatial axes, but at has {len(ends)}")
    for (first, last), size in zip(ends, sizes, strict=True):
        if not 0 <= first <= last < size:
            raise FieldError(
                f"at={first if first == last else (first, last)} is out of range",
                expected=f"units from 0 to {size - 1}",
            )
    return ends


def _followed(layer: Layer, local: Question | None) -> Iterable[tuple[str, Sequence[Read]]]:
    """Return the reads of a layer: each input with what is read of it."""
    # an opaque layer with more axes than its input reads axes that do not exist
    reads = [one[: len(shape)] for one, shape in zip(layer.reads, layer.inputs, strict=True)]
    paths = list(zip(layer.node.inputs, reads, strict=True))
    if local is None:
        return [*paths, (layer.node.inputs[0], layer.statistics)] if layer.statistics else paths
    return (
        [paths[at] for at in placed(layer, [local.tracks[name] for name in layer.node.inputs])]
        if len(paths) > 1
        else paths
    )


def _asks_more(layer: Layer, regions: list[Region]) -> bool:
    """Return whether requested channels may include some that are not read, since that depends on the position."""
    return bool(layer.node.op.hull()) and not any(map(_everything, regions, [layer.output] * len(regions)))


def _everything(region: Region, shape: Shape) -> bool:
    return all(len(indices) == size for indices, size in zip(region, shape, strict=True))
