"""Signals that flow through a probed module: values that only add up, so that no dependence can cancel.

A :class:`Signal` stands for one tensor of the module. Its first value is the *mass*: ones at the input, and after every
layer positive averages of what the layer reads. A pixel has a gradient if and only if the unit depends on it. The other
values are ramps along the axes of the image, carried through the same averages. A ramp divided by the mass is the
centre of what a unit sees, so it reveals the axes of a tensor along which positions lie, however the module reshaped
and permuted it; an average over all of these loses the position.

All values are float64. Axes along which a value repeats have stride 0 and are processed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

SAME = 1e-9
"""Centres that differ by less, as a fraction of the image, are equal; rounding gives 1e-13."""

FADING = 0.6180339887498949
"""Weights of paths decrease, so that a path and its mirror image do not share their centre."""


@dataclass(frozen=True, eq=False)
class Signal:
    """A probed tensor.

    Attributes:
        values: the mass, then a ramp for each axis of the image; all of one shape.
        lost: whether its positions share entire rows, columns or images after an average over these.
    """

    values: tuple[Tensor, ...]
    lost: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(self.values[0].shape)

    @property
    def repeats(self) -> bool:
        """Whether several positions share memory, so that it must not be written to."""
        return any(repeating(value) for value in self.values)

    def each(self, work: Callable[[Tensor], Tensor]) -> Signal:
        """Apply linear work to every value."""
        return Signal(tuple(map(work, self.values)), self.lost)

    def own(self) -> Signal:
        """Return a signal whose memory repeats nothing; itself if it does not repeat."""
        return self.each(lambda value: value.contiguous() if repeating(value) else value)

    def copy(self) -> Signal:
        """Return a copy to pass on; a repeating signal is never written to and may be shared."""
        return self.each(lambda value: value if repeating(value) else value.clone())

    def slim(self) -> Signal:
        """Return the first index of every repeating axis."""
        return self.each(slim)

    def to(self, shape: Sequence[int]) -> Signal:
        """Broadcast to a shape without memory."""
        return self.each(lambda value: value.expand(*shape))

    def mean(self, dims: Sequence[int], *, keepdim: bool = True) -> Signal:
        """Average over some axes, by default over all, without checking whether the position is lost."""
        return self.each(lambda value: mean(value, dims, keepdim=keepdim))

    def ends(self, dims: Sequence[int]) -> bool:
        """Return whether an average over these axes covers all positions along an axis of the image."""
        axes = {dim % len(self.shape) for dim in dims or range(len(self.shape))}
        return any(along and axes.issuperset(along) for along in self.varying())

    def silence(self) -> Signal:
        """Return a signal of this shape from which nothing flows."""
        return Signal(tuple(map(torch.zeros_like, self.values)))

    def middles(self) -> list[Tensor]:
        """The centre of what each position sees along each image axis, between 0 and 1; NaN if it sees nothing."""
        mass, *ramps = (value.detach() for value in self.slim().values)
        return [torch.where(mass > 0, ramp / mass, torch.nan) for ramp in ramps]

    def varying(self) -> list[tuple[int, ...]]:
        """For each image axis, the axes of this tensor along which the centres move."""
        return [_moving(middle) for middle in self.middles()]

    @property
    def silent(self) -> bool:
        """Whether the signal depends on nothing."""
        return not bool((self.slim().values[0] > 0).any())


def repeating(value: Tensor) -> bool:
    """Return whether some axis has stride 0."""
    return any(stride == 0 and size > 1 for stride, size in zip(value.stride(), value.shape, strict=True))


def slim(value: Tensor) -> Tensor:
    """Return the first index of every repeating axis.

    >>> slim(torch.ones(2, 1).expand(2, 5)).shape
    torch.Size([2, 1])
    """
    for axis, (stride, size) in enumerate(zip(value.stride(), value.shape, strict=True)):
        if stride == 0 and size > 1:
            value = value.narrow(axis, 0, 1)
    return value


def apart(value: Tensor, axes: Sequence[int], work: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply work along some axes; repeating parts of the others are processed once."""
    touched = {axis % value.ndim for axis in axes}
    narrow = value
    for axis, (stride, size) in enumerate(zip(value.stride(), value.shape, strict=True)):
        if stride == 0 and size > 1 and axis not in touched:
            narrow = narrow.narrow(axis, 0, 1)
    found = work(narrow)
    return found.expand([-1 if axis in touched else size for axis, size in enumerate(value.shape)])


def mean(value: Tensor, dims: Sequence[int], *, keepdim: bool = True) -> Tensor:
    """Average over some axes, or over all; repeating parts are read once."""
    if not value.ndim:
        return value
    axes = sorted({dim % value.ndim for dim in dims or range(value.ndim)})
    shape = [1 if axis in axes else size for axis, size in enumerate(value.shape)]
    found = slim(value).mean(axes, keepdim=True).expand(shape)
    return found if keepdim else found.reshape([size for axis, size in enumerate(shape) if axis not in axes])


def _moving(middle: Tensor) -> tuple[int, ...]:
    """Return the axes along which centres move most; along others, borders may move them slightly."""
    low, high = middle.nan_to_num(torch.inf), middle.nan_to_num(-torch.inf)
    spreads = [float((high.amax(axis) - low.amin(axis)).clamp(min=0).mean()) for axis in range(middle.ndim)]
    most = max(spreads, default=0.0)
    return tuple(axis for axis, spread in enumerate(spreads) if spread > max(SAME, most / 2))


def merge(paths: Sequence[Signal], shape: Sequence[int], *, gates: bool) -> Signal:
    """Join several paths into one tensor of ``shape``, broadcasting each.

    Args:
        paths: one or more.
        shape: shape of the result.
        gates: follow every path; if False, paths that lost their position end here if another has its own.
    """
    kept = paths if gates else followed(paths)
    if len(kept) == 1:
        return kept[0].copy().to(shape)
    shares = [FADING**number for number in range(len(kept))]

    def add(values: tuple[Tensor, ...]) -> Tensor:
        parts = [slim(value) * (share / sum(shares)) for value, share in zip(values, shares, strict=True)]
        return sum(parts[1:], parts[0]).expand(*shape)

    lost = all(path.lost for path in kept)
    return Signal(tuple(map(add, zip(*(path.values for path in kept), strict=True))), lost)


def followed(paths: Sequence[Signal]) -> list[Signal]:
    """Return the paths that have their position; all if none has."""
    placed = [path for path in paths if not path.lost]
    if len(placed) == len(paths):
        return placed
    return [path for path in placed if not path.silent] or list(paths)


def own_positions(paths: Sequence[Signal]) -> list[Signal]:
    """Return the paths that are not repeated along the positions of another, like a gate; all if each one is."""
    rank = max(len(path.shape) for path in paths)
    kinds = [[_repeated(path, axis) for axis in range(-rank, 0)] for path in paths]
    if kinds.count(kinds[0]) == len(kinds):
        return list(paths)
    moving = [{axis - len(path.shape) for some in path.varying() for axis in some} for path in paths]
    own = [
        path
        for number, path in enumerate(paths)
        if not any(kinds[number][axis] for other, axes in enumerate(moving) if other != number for axis in axes)
    ]
    return own or list(paths)


def _repeated(path: Signal, axis: int) -> bool:
    """Return whether values are constant along an axis, counted from the last: length 1, stride 0 or missing."""
    value = path.values[0]
    return value.ndim < -axis or value.shape[axis] == 1 or value.stride(axis) == 0
