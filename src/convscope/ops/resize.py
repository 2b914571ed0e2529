"""Changing the size of a map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import Read, Table, Window
from convscope.core.op import Example, Free, op, setting
from convscope.core.spell import Flag, Sizes
from convscope.core.words import Choice
from convscope.errors import FieldError, ShapeError
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from convscope.core.axis import Indices, Relation
    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import PerAxis


@op("up")
class Upsample(Free):
    """``x: c h w -> y: c f*h f*w``, each value repeated (nearest neighbour)."""

    factor: PerAxis = setting(Sizes())

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("up 2", ((2, 3, 2),)),
        Example("up 3x1", ((1, 2, 3),)),
        Example("up 2", ((2, 4),)),
        Example("up 41", ((1, 3),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Return windows of ``f`` taps on the stretched input, each with exactly one value besides filling zeros."""
        channels, *spatial = inputs[0]
        reads = (Window(n, kernel=f, lo=f - 1, hi=f - 1, up=f) for n, f in zip(spatial, self.factor, strict=True))
        return ((Read(0, Window(channels)), *(Read(axis, window) for axis, window in enumerate(reads, 1))),)


REACH = {"nearest": (0, 0), "bilinear": (0, 1), "bicubic": (1, 2)}
"""Neighbours of a source position between pixels that an interpolation mixes."""


@op("resize")
class Resize(Free):
    """``x: c h w -> y: c size``, interpolated: torch's ``interpolate`` to a given size, without anti-aliasing.

    Output ``o`` samples ``(o + 1/2) * n/size - 1/2``; with ``align`` at ``o * (n-1)/(size-1)``, so that corners meet;
    the mode ``nearest`` at ``floor(o * n/size)``. ``bilinear`` means linear along every axis.
    """

    size: PerAxis = setting(Sizes())
    mode: str = setting(Choice(("nearest", "bilinear", "bicubic")), default="nearest")
    align: bool = setting(Flag("align", means=True), default=False)

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("resize 5x3", ((2, 3, 4),)),
        Example("resize 123", ((1, 3),)),
        Example("resize 6 bilinear", ((1, 3, 3),)),
        Example("resize 7x4 bilinear", ((1, 5, 8),)),
        Example("resize 7x2 bilinear align", ((1, 4, 5),)),
        Example("resize 1x5 bilinear align", ((1, 4, 3),)),
        Example("resize 7x4 bicubic", ((1, 4, 8),)),
        Example("resize 5x6 bicubic align", ((1, 4, 3),)),
        Example("resize 9 bilinear", ((2, 4),)),
        Example("resize 3x4x2 bilinear", ((1, 2, 2, 3),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])
        if self.mode == "bicubic" and len(inputs[0]) != 3:
            raise ShapeError("bicubic needs two spatial axes", expected="nearest or bilinear")
        if self.mode == "nearest" and self.align:
            raise FieldError("align has no effect with nearest", expected="align only with bilinear or bicubic")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, *spatial = inputs[0]
        sides = (self._relation(n, out) for n, out in zip(spatial, self.size, strict=True))
        return ((Read(0, Window(channels)), *(Read(axis, side) for axis, side in enumerate(sides, 1))),)

    def _relation(self, n: int, out: int) -> Relation:
        """Return the source position of output ``o`` as a fraction ``(a*o + b) / c``, and the neighbours it reads."""
        if self.mode == "nearest":
            a, b, c = n, 0, out
        elif self.align:
            a, b, c = (n - 1, 0, out - 1) if out > 1 else (0, 0, 1)
        else:
            a, b, c = 2 * n, n - out, 2 * out
        before, after = REACH[self.mode]

        def ends(o: Indices) -> tuple[Indices, Indices]:
            position = a * o + b
            first, between = position // c, position % c != 0
            return first - before * between, first + after * between

        common = math.gcd(a, c)
        on_pixels = b % c == 0 and (out == 1 or a % c == 0)  # no position is fractional, so no neighbour is mixed in
        width, turn = 1 if on_pixels else before + after + 1, (c // common, a // common)
        return Table(n, out, width, ends, turn, edge="clamp", flows=n <= out)
