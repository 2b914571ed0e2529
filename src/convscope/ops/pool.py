"""Pooling: the maximum or the mean of a window or of an entire map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import All, Read, Table, Window
from convscope.core.op import Example, Free, op, setting
from convscope.core.spell import Flag, Padding, Sizes
from convscope.errors import ShapeError
from convscope.ops.sliding import need_spatial, pads, windows

if TYPE_CHECKING:
    from convscope.core.axis import Indices, Relation
    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import Pads, PerAxis
    from convscope.ops.sliding import Sliding


def _check(pool: Sliding, shape: Shape) -> None:
    need_spatial(shape)
    if any(side > kernel // 2 for kernel, pair in zip(pool.kernel, pads(pool, shape), strict=True) for side in pair):
        raise ShapeError(
            "padding is more than half of the kernel, so a window could contain only padding",
            expected="padding of at most half of the kernel",
        )


@op("maxpool")
class MaxPool(Free):
    """``x: c h w -> y: c h' w'``, the maximum of each window. The stride defaults to the kernel.

    ``ceil`` lets a last window extend beyond the end if it starts before it.
    """

    kernel: PerAxis = setting(Sizes())
    stride: PerAxis = setting(Sizes("s", like="kernel"), default=())
    pad: Pads = setting(Padding(), default=((0, 0),))
    dilation: PerAxis = setting(Sizes("d"), default=(1,))
    ceil: bool = setting(Flag("ceil", means=True), default=False)

    saves: ClassVar[tuple[str, ...]] = ("inputs", "indices")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("maxpool 2", ((3, 6, 4),)),
        Example("maxpool 3x2 s2x1 p1", ((2, 6, 5),)),
        Example("maxpool 3 s2 ceil", ((2, 6, 7),)),
        Example("maxpool 2 s3 p1 ceil", ((1, 4, 5),)),
        Example("maxpool 2 s2 d2", ((2, 7),)),
        Example("maxpool 3 s2 same", ((2, 6, 5),)),
        Example("maxpool 2x2x1 p1:0x0x0", ((1, 3, 4, 3),)),
        Example("maxpool 3 s2 p1:0 ceil", ((1, 6, 6),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _check(self, inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return ((Read(0, Window(inputs[0][0])), *windows(self, inputs[0], ceil=self.ceil)),)


@op("avgpool")
class AvgPool(Free):
    """``x: c h w -> y: c h' w'``, the mean of each window. The stride defaults to the kernel.

    Padding counts as zeros in the mean; ``nocount`` leaves it out (TensorFlow's rule).
    """

    kernel: PerAxis = setting(Sizes())
    stride: PerAxis = setting(Sizes("s", like="kernel"), default=())
    pad: Pads = setting(Padding(), default=((0, 0),))
    ceil: bool = setting(Flag("ceil", means=True), default=False)
    count_pad: bool = setting(Flag("nocount", means=False), default=True)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("avgpool 2", ((3, 6, 4),)),
        Example("avgpool 3 s2 p1 nocount", ((2, 6, 5),)),
        Example("avgpool 3 s2 ceil", ((2, 6, 7),)),
        Example("avgpool 2 p1:0x0:1", ((2, 5, 5),)),
        Example("avgpool 2 p1:0x0:1 nocount", ((2, 5, 5),)),
        Example("avgpool 3 s2 same nocount", ((2, 7),)),
        Example("avgpool 1x2x2", ((1, 2, 4, 4),)),
        Example("avgpool 3 s3 p1", ((1, 2, 2, 2),)),
        Example("avgpool 3 s2 p0:1 ceil", ((1, 4, 6),)),
        Example("avgpool 3 s2 p1:0 ceil nocount", ((1, 6, 4),)),
    )

    @property
    def dilation(self) -> PerAxis:
        """Return 1: averages have no dilation."""
        return (1,) * len(self.kernel)

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _check(self, inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return ((Read(0, Window(inputs[0][0])), *windows(self, inputs[0], ceil=self.ceil)),)


def _whole_maps(shape: Shape) -> Reads:
    """A pooling that reads every spatial axis in full and leaves length 1."""
    return ((Read(0, Window(shape[0])), *(Read(axis, All(size, 1)) for axis, size in enumerate(shape[1:], 1))),)


@op("gap")
class GlobalAvgPool(Free):
    """``x: c h w -> y: c 1 1``, the mean of each map (global average pooling)."""

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (Example("gap", ((3, 4, 5),)), Example("gap", ((2, 6),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return _whole_maps(inputs[0])


@op("gmp")
class GlobalMaxPool(Free):
    """``x: c h w -> y: c 1 1``, the maximum of each map (global max pooling)."""

    saves: ClassVar[tuple[str, ...]] = ("inputs", "output")
    examples: ClassVar[tuple[Example, ...]] = (Example("gmp", ((3, 4, 5),)), Example("gmp", ((2, 2, 3, 2),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return _whole_maps(inputs[0])


def _shares(size: int, out: int) -> Relation:
    """``out`` windows that cover ``size``: window ``o`` is ``floor(o*size/out) .. ceil((o+1)*size/out) - 1``."""
    if size % out == 0:
        return Window(size, kernel=size // out, stride=size // out)
    common = math.gcd(size, out)

    def ends(o: Indices) -> tuple[Indices, Indices]:
        return o * size // out, -(-(o + 1) * size // out) - 1

    period, moved = out // common, size // common
    widest = -(-(moved + period - 1) // period)  # the width of the window that begins latest within its first index
    return Table(size, out, widest, ends, (period, moved), flows=True)


def _adaptive(size: PerAxis, shape: Shape) -> Reads:
    sides = zip(shape[1:], size, strict=True)
    return ((Read(0, Window(shape[0])), *(Read(axis, _shares(n, out)) for axis, (n, out) in enumerate(sides, 1))),)


@op("aavgpool")
class AdaptiveAvgPool(Free):
    """``x: c h w -> y: c size``, the mean of a given number of windows of nearly equal size."""

    size: PerAxis = setting(Sizes())

    examples: ClassVar[tuple[Example, ...]] = (
        Example("aavgpool 2", ((2, 4, 6),)),
        Example("aavgpool 3x2", ((2, 7, 5),)),
        Example("aavgpool 5", ((1, 7),)),
        Example("aavgpool 4", ((1, 3, 3),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return _adaptive(self.size, inputs[0])


@op("amaxpool")
class AdaptiveMaxPool(Free):
    """``x: c h w -> y: c size``, the maximum of a given number of windows of nearly equal size."""

    size: PerAxis = setting(Sizes())

    saves: ClassVar[tuple[str, ...]] = ("inputs", "indices")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("amaxpool 2", ((2, 4, 6),)),
        Example("amaxpool 3x2", ((2, 7, 5),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return _adaptive(self.size, inputs[0])
