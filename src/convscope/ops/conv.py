"""Convolution, 1-d to 3-d."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.core.axis import All, Read, Table
from convscope.core.op import Example, Op, Weight, op, setting
from convscope.core.spell import Count, Flag, Padding, Sizes
from convscope.errors import ShapeError
from convscope.ops.sliding import need_spatial, windows

if TYPE_CHECKING:
    from convscope.core.axis import Indices, Relation
    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import Pads, PerAxis


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

    examples = (
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
        for name, channels in (("in_channels", inputs[0][0]), ("out_channels", self.out)):
            if channels % self.groups:
                common = math.gcd(inputs[0][0], self.out)
                divisors = ", ".join(str(d) for d in range(1, min(common, 1024) + 1) if common % d == 0)
                raise ShapeError(
                    f"groups={self.groups} does not divide {name}={channels}", attempt=f"groups = {divisors}"
                )

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return ((Read(0, self._channels(inputs[0][0])), *windows(self, inputs[0])),)

    def _channels(self, channels: int) -> Relation:
        """An output channel reads all input channels of its group."""
        if self.groups == 1:
            return All(channels, self.out)
        width, outputs = channels // self.groups, self.out // self.groups

        def ends(o: Indices) -> tuple[Indices, Indices]:
            first = o // outputs * width
            return first, first + width - 1

        return Table(channels, self.out, width, ends)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        kernel = Weight("weight", (self.out, inputs[0][0] // self.groups, *self.kernel))
        return (kernel, Weight("bias", (self.out,))) if self.bias else (kernel,)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Every output unit sums over its fan-in."""
        return math.prod(output) * self.weights(inputs)[0].fan_in
