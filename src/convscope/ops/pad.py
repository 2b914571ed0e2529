"""Padding, cropping, striding, rolling: windows of one tap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import Read, Window
from convscope.core.op import Example, Free, op, setting
from convscope.core.spell import Padding, Real, Sizes
from convscope.core.words import Choice
from convscope.errors import FieldError, ShapeError
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import PerAxis

EDGES = {"zero": "zero", "reflect": "reflect", "replicate": "clamp", "circular": "wrap"}
"""The edge of a window for each word of the notation (torch's words)."""


def _spatial(shape: Shape, windows: Iterable[Window]) -> Reads:
    return ((Read(0, Window(shape[0])), *(Read(axis, window) for axis, window in enumerate(windows, 1))),)


@op("pad")
class Pad(Free):
    """``x: c h w -> y: c h+lo+hi w+lo+hi``: zeros, the mirror image, the replicated border, or the opposite side.

    ``v`` pads with a value other than zero.
    """

    sides: tuple[tuple[int, int], ...] = setting(Padding("", same=False))
    mode: str = setting(Choice(tuple(EDGES)), default="zero")
    value: float = setting(Real("v", minimum=-math.inf), default=0.0)

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("pad 1", ((2, 3, 4),)),
        Example("pad 2x1 reflect", ((1, 3, 4),)),
        Example("pad 0:2x1:0 replicate", ((2, 3, 2),)),
        Example("pad 3:1 circular", ((1, 4),)),
        Example("pad 1 v-2.5", ((1, 3),)),
        Example("pad 1 reflect", ((1, 3, 2, 3),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])
        if self.value and self.mode != "zero":
            raise FieldError(
                f"value={self.value} has no effect with {self.mode} padding",
                expected="a value only with constant padding",
            )
        most = {"reflect": 1, "circular": 0}.get(self.mode)
        for size, pair in zip(inputs[0][1:], self.sides, strict=True):
            if most is not None and max(pair) > size - most:
                raise ShapeError(
                    f"{self.mode} padding of {max(pair)} is too large for an axis of {size}",
                    expected=f"at most {size - most}",
                )

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        sides = zip(inputs[0][1:], self.sides, strict=True)
        return _spatial(inputs[0], (Window(n, lo=lo, hi=hi, edge=EDGES[self.mode]) for n, (lo, hi) in sides))


@op("crop")
class Crop(Free):
    """``x: c h w -> y: c h-lo-hi w-lo-hi``, without the border."""

    sides: tuple[tuple[int, int], ...] = setting(Padding("", same=False))

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("crop 1", ((2, 4, 3),)),
        Example("crop 2:0x0:1", ((1, 4, 3),)),
        Example("crop 1:2", ((2, 5),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        sides = zip(inputs[0][1:], self.sides, strict=True)
        return _spatial(inputs[0], (Window(n, lo=-lo, hi=-hi) for n, (lo, hi) in sides))


@op("slice")
class Slice(Free):
    """``x: c h w -> y: c h' w'``, every ``stride``-th position, starting at ``offset``."""

    stride: PerAxis = setting(Sizes("s"), default=(2,))
    offset: PerAxis = setting(Sizes("o", minimum=0), default=(0,))

    memory = "view"
    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("slice", ((2, 4, 5),)),
        Example("slice s3x2 o1x0", ((1, 7, 4),)),
        Example("slice s2 o1", ((2, 5),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        sides = zip(inputs[0][1:], self.stride, self.offset, strict=True)
        return _spatial(inputs[0], (Window(n, stride=stride, lo=-offset) for n, stride, offset in sides))


@op("roll")
class Roll(Free):
    """``x: c h w -> y: c h w``, each axis rotated by ``shift`` positions towards its end."""

    shift: PerAxis = setting(Sizes(minimum=0))

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("roll 1x2", ((2, 3, 4),)),
        Example("roll 3", ((1, 5),)),
        Example("roll 0x1", ((1, 2, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        sides = zip(inputs[0][1:], self.shift, strict=True)
        shifts = ((n, shift % n) for n, shift in sides)
        return _spatial(inputs[0], (Window(n, lo=shift, hi=-shift, edge="wrap") for n, shift in shifts))
