"""Windows that slide over spatial axes: the geometry shared by convolution and pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from convscope.core.axis import Read, Window
from convscope.errors import ShapeError

if TYPE_CHECKING:
    from convscope.core.shape import Shape
    from convscope.core.spell import Pads, PerAxis


class Sliding(Protocol):
    """The fields of an op whose kernel slides."""

    @property
    def kernel(self) -> PerAxis:
        """Taps."""

    @property
    def stride(self) -> PerAxis:
        """Input steps for one output step."""

    @property
    def pad(self) -> Pads:
        """Padding before and after, or ``same``."""

    @property
    def dilation(self) -> PerAxis:
        """Input steps between taps."""


def need_spatial(shape: Shape) -> None:
    """Raise ShapeError if there is no axis to slide over."""
    if len(shape) < 2:
        raise ShapeError("the input has no spatial axis", expected="an input such as 28x28x1")


def pads(op: Sliding, shape: Shape) -> tuple[tuple[int, int], ...]:
    """Return the padding before and after each spatial axis, with ``same`` resolved.

    ``same`` makes the output ``ceil(input / stride)`` long; an odd pixel of padding goes after (TensorFlow's rule, and
    torch's if it has one).
    """
    if not isinstance(op.pad, str):
        return op.pad
    return tuple(
        _same(size, kernel, stride, dilation)
        for size, kernel, stride, dilation in zip(shape[1:], op.kernel, op.stride, op.dilation, strict=True)
    )


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the padding before and after one axis.

    A 3-tap window with stride 2 on 28: 14 outputs span 2*13 + 3 = 29, one more than the input, so one pixel goes after.

    >>> _same(28, 3, 2, 1)
    (0, 1)
    """
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + dilation * (kernel - 1) + 1 - size)
    return total // 2, total - total // 2


def windows(op: Sliding, shape: Shape, *, ceil: bool = False) -> tuple[Read, ...]:
    """Return a read for each spatial axis; with ``ceil``, a last window may extend beyond the end."""
    sides = zip(shape[1:], op.kernel, op.stride, op.dilation, pads(op, shape), strict=True)
    return tuple(
        Read(axis, _window(size, kernel, stride, dilation, lo_hi, ceil=ceil))
        for axis, (size, kernel, stride, dilation, lo_hi) in enumerate(sides, start=1)
    )


def _window(  # noqa: PLR0913 -- the settings of one axis
    size: int, kernel: int, stride: int, dilation: int, lo_hi: tuple[int, int], *, ceil: bool
) -> Window:
    lo, hi = lo_hi
    if ceil:
        span = dilation * (kernel - 1) + 1
        outputs = -(-(size + lo + hi - span) // stride) + 1
        if (outputs - 1) * stride >= size + lo:  # a window that starts in the padding after is dropped, as in torch
            outputs -= 1
        hi = max(hi, (outputs - 1) * stride + span - size - lo)
    return Window(size, kernel, stride, dilation, lo, hi)
