"""The same values in another shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import Read, Table, Window
from convscope.core.op import Example, Free, Op, Weight, along, op, setting
from convscope.core.shape import to_text
from convscope.core.spell import Count
from convscope.core.words import Range
from convscope.errors import ShapeError
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from convscope.core.axis import Indices
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("flatten")
class Flatten(Free):
    """``x: c h w -> y: c*h*w``, channels first."""

    memory = "view"
    saves: ClassVar[tuple[str, ...]] = ()
    passes = True
    examples: ClassVar[tuple[Example, ...]] = (Example("flatten", ((2, 3, 4),)), Example("flatten", ((3,),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Let output ``o`` read the one unit of that number in the order ``c h w``."""
        shape = inputs[0]
        steps = (math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        return (tuple(Read(0, _digit(size, step, math.prod(shape))) for size, step in zip(shape, steps, strict=True)),)


def _digit(size: int, step: int, total: int) -> Table:
    """Return the read along one axis: the digit of the output's number for this axis."""

    def ends(o: Indices) -> tuple[Indices, Indices]:
        index = o // step % size
        return index, index

    return Table(size, total, 1, ends, blocks=(step, 1, 0) if step * size == total else None)


@op("shuffle")
class ChannelShuffle(Free):
    """``x: c h w -> y: c h w``, channels interleaved across ``groups`` (ShuffleNet, arXiv 1707.01083)."""

    groups: int = setting(Count())

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (Example("shuffle 2", ((6, 2, 2),)), Example("shuffle 3", ((6, 3),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        if inputs[0][0] % self.groups:
            raise ShapeError(f"groups={self.groups} does not divide the {inputs[0][0]} channels")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, groups = inputs[0][0], self.groups

        def ends(o: Indices) -> tuple[Indices, Indices]:
            source = o % groups * (channels // groups) + o // groups
            return source, source

        return ((Read(0, Table(channels, channels, 1, ends)), *along(inputs[0])[1:]),)


@op("pixelshuffle")
class PixelShuffle(Free):
    """``x: c*f*f h w -> y: c f*h f*w``, channels rearranged into pixels (Shi et al., arXiv 1609.05158).

    The channel, of ``f*f``, that an output reads depends on its position, so the channels are an upper bound.
    """

    factor: int = setting(Count())

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("pixelshuffle 2", ((8, 2, 3),)),
        Example("pixelshuffle 3", ((9, 2, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _need_plane(inputs[0])
        if inputs[0][0] % self.factor**2:
            raise ShapeError(f"{self.factor}x{self.factor} does not divide the {inputs[0][0]} channels")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, *spatial = inputs[0]
        f, block = self.factor, self.factor**2

        def ends(o: Indices) -> tuple[Indices, Indices]:
            return o * block, o * block + block - 1

        repeated = (Window(n, kernel=f, lo=f - 1, hi=f - 1, up=f) for n in spatial)
        table = Table(channels, channels // block, block, ends, blocks=(1, block, 0))
        return ((Read(0, table), *(Read(axis, window) for axis, window in enumerate(repeated, 1))),)

    def hull(self) -> str:
        """See :class:`Op`."""
        return "channels"


@op("pixelunshuffle")
class PixelUnshuffle(Free):
    """``x: c h w -> y: c*f*f h/f w/f``, pixels of each ``f x f`` block as channels (space to depth, patches).

    The pixel of the block that an output reads depends on its channel, so the positions are an upper bound.
    """

    factor: int = setting(Count())

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("pixelunshuffle 2", ((2, 4, 6),)),
        Example("pixelunshuffle 3", ((1, 3, 3),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _need_plane(inputs[0])
        if any(size % self.factor for size in inputs[0][1:]):
            raise ShapeError(f"{self.factor} does not divide {to_text(inputs[0])}")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, *spatial = inputs[0]
        block = self.factor**2

        def ends(o: Indices) -> tuple[Indices, Indices]:
            return o // block, o // block

        blocks = (Window(n, kernel=self.factor, stride=self.factor) for n in spatial)
        table = Table(channels, channels * block, 1, ends, blocks=(block, 1, 0))
        return ((Read(0, table), *(Read(axis, window) for axis, window in enumerate(blocks, 1))),)

    def hull(self) -> str:
        """See :class:`Op`."""
        return "channels"


@op("take")
class Take(Free):
    """``x: c h w -> y: c' h w``, a range of channels, with a step."""

    range: tuple[int, int, int] = setting(Range())

    memory = "view"
    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("take 0:2", ((4, 2, 3),)),
        Example("take 1:6:2", ((6, 2),)),
        Example("take 3:4", ((4,),)),
        Example("take 0:5:2", ((6, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        if self.range[1] > inputs[0][0]:
            raise ShapeError(
                f"channels up to {self.range[1]} are taken of {inputs[0][0]}", expected=f"at most {inputs[0][0]}"
            )

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        first, last, step = self.range
        window = Window(inputs[0][0], stride=step, lo=-first, hi=last - inputs[0][0])
        return ((Read(0, window), *along(inputs[0])[1:]),)


@op("tokens")
class Tokens(Op):
    """``x: c n ... -> y: c count+n ...``: learned positions prepended along the first spatial axis (class tokens)."""

    count: int = setting(Count())

    examples: ClassVar[tuple[Example, ...]] = (Example("tokens 1", ((3, 4),)), Example("tokens 2", ((2, 3, 2),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, first, *rest = along(inputs[0])
        return ((channels, Read(first.follows, Window(inputs[0][1], lo=self.count, edge="apart")), *rest),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        channels, _, *rest = inputs[0]
        return (Weight("weight", (channels, self.count, *rest)),)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- nothing is multiplied
        """None."""
        return 0


def _need_plane(shape: Shape) -> None:
    if len(shape) != 3:
        raise ShapeError(f"the op needs two spatial axes, but {to_text(shape)} has {len(shape) - 1}")
