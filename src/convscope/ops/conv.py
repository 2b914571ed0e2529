"""Convolution and transposed convolution, 1-d to 3-d."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import Read, Window
from convscope.core.op import Example, Op, Weight, op, setting
from convscope.core.spell import Count, Flag, Padding, Sizes
from convscope.errors import FieldError, ShapeError
from convscope.ops.groups import group_reads
from convscope.ops.sliding import need_spatial, windows

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import Pads, PerAxis


def _check_groups(groups: int, channels: int, out: int) -> None:
    for name, count in (("in_channels", channels), ("out_channels", out)):
        if count % groups:
            common = math.gcd(channels, out)
            divisors = ", ".join(str(d) for d in range(1, min(common, 1024) + 1) if common % d == 0)
            raise ShapeError(f"groups={groups} does not divide {name}={count}", attempt=f"groups = {divisors}")


@op("conv")
class Conv(Op):
    """``x: c h w -> y: out h' w'``, with ``h' = (h + lo + hi - dilation*(kernel-1) - 1) // stride + 1``.

    18 weights for two 3x3 kernels between single channels, 25 for one 5x5 (both see 5x5 pixels):

    >>> 2 * Conv(1, (3, 3), bias=False).weights(((1, 9, 9),))[0].count
    18
    >>> Conv(1, (5, 5), bias=False).weights(((1, 9, 9),))[0].count
    25
    """

    out: int = setting(Count())
    kernel: PerAxis = setting(Sizes())
    stride: PerAxis = setting(Sizes("s"), default=(1,))
    pad: Pads = setting(Padding(), default=((0, 0),))
    dilation: PerAxis = setting(Sizes("d"), default=(1,))
    groups: int = setting(Count("g"), default=1)
    bias: bool = setting(Flag("nobias", means=False), default=True)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("conv 4 3x3", ((3, 7, 6),)),
        Example("conv 4 3 s2 p1", ((3, 9),)),
        Example("conv 3 2x3x2 p0x1x1 nobias", ((2, 3, 4, 3),)),
        Example("conv 6 3x2 s2x1 p1x0 d1x2 g2", ((4, 6, 7),)),
        Example("conv 4 3x3 g4", ((4, 5, 5),)),
        Example("conv 2 2x3 same", ((2, 5, 6),)),
        Example("conv 2 3x3 s2 same", ((2, 6, 7),)),
        Example("conv 2 3x3 same d2", ((1, 6, 6),)),
        Example("conv 2 3x3 p0:2x1:0 s2", ((2, 5, 6),)),
        Example("conv 2 1x1 s2", ((3, 5, 4),)),
        Example("conv 1 2 p5", ((1, 1),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])
        _check_groups(self.groups, inputs[0][0], self.out)

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return ((Read(0, group_reads(inputs[0][0], self.out, self.groups)), *windows(self, inputs[0])),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        kernel = Weight("weight", (self.out, inputs[0][0] // self.groups, *self.kernel))
        return (kernel, Weight("bias", (self.out,))) if self.bias else (kernel,)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Count the fan-in of every output unit."""
        return math.prod(output) * self.weights(inputs)[0].fan_in


@op("convt")
class ConvTranspose(Op):
    """``x: c h w -> y: out h' w'``, with ``h' = (h - 1)*stride - lo - hi + dilation*(kernel-1) + output_pad + 1``.

    A convolution over the input stretched ``stride`` times (Dumoulin and Visin, arXiv 1603.07285).

    >>> ConvTranspose(8, (4, 4), (2, 2), ((1, 1), (1, 1)), (1, 1), (0, 0)).axes(((3, 5, 5),))[0][1].relation.extent
    10
    """

    out: int = setting(Count())
    kernel: PerAxis = setting(Sizes())
    stride: PerAxis = setting(Sizes("s"), default=(1,))
    pad: tuple[tuple[int, int], ...] = setting(Padding(same=False), default=((0, 0),))
    dilation: PerAxis = setting(Sizes("d"), default=(1,))
    output_pad: PerAxis = setting(Sizes("o", minimum=0), default=(0,))
    groups: int = setting(Count("g"), default=1)
    bias: bool = setting(Flag("nobias", means=False), default=True)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("convt 3 4 s2 p1", ((2, 4, 3),)),
        Example("convt 2 3 s2 p1 o1", ((2, 3, 4),)),
        Example("convt 2 2 s2 nobias", ((3, 3, 3),)),
        Example("convt 2 2 s3", ((1, 3, 3),)),
        Example("convt 4 3 s2 g2 d2", ((4, 3, 3),)),
        Example("convt 2 3x2 s1x2 p1x0", ((2, 3, 4),)),
        Example("convt 2 5 s3 p2", ((1, 6),)),
        Example("convt 1 2x3x2 s2x1x1", ((1, 2, 3, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])
        _check_groups(self.groups, inputs[0][0], self.out)
        if any(lo != hi for lo, hi in self.pad):
            raise FieldError("a transposed convolution takes only symmetric padding", expected="p1, or crop after it")
        for extra, stride, dilation in zip(self.output_pad, self.stride, self.dilation, strict=True):
            if extra >= max(stride, dilation):
                raise FieldError(f"output_pad={extra}", expected="an output padding below the stride or the dilation")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, *spatial = inputs[0]
        sides = zip(spatial, self.kernel, self.stride, self.pad, self.dilation, self.output_pad, strict=True)
        windows = (
            Window(n, k, 1, d, lo=d * (k - 1) - lo, hi=d * (k - 1) - hi + extra, up=s)
            for n, k, s, (lo, hi), d, extra in sides
        )
        reads = (Read(axis, window) for axis, window in enumerate(windows, 1))
        return ((Read(0, group_reads(channels, self.out, self.groups)), *reads),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`; input channels first, as torch has it."""
        kernel = Weight("weight", (inputs[0][0], self.out // self.groups, *self.kernel))
        return (kernel, Weight("bias", (self.out,))) if self.bias else (kernel,)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- counted from the input
        """Count all taps of its group's outputs for every input unit."""
        return math.prod(inputs[0]) * math.prod(self.weights(inputs)[0].shape[1:])
