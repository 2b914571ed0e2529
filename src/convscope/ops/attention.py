"""Self-attention between the positions of a map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import All, Read, Table
from convscope.core.op import Example, Op, Weight, op, setting
from convscope.core.spell import Count, Flag, Sizes
from convscope.errors import ShapeError
from convscope.ops.groups import group_reads
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from convscope.core.axis import Indices, Relation
    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import PerAxis


def _check(shape: Shape, parts: int, windows: PerAxis) -> None:
    need_spatial(shape)
    if shape[0] % parts:
        raise ShapeError(f"{parts} does not divide the {shape[0]} channels")
    for size, window in zip(shape[1:], windows, strict=True):
        if window and size % window:
            raise ShapeError(f"a window of {window} does not tile {size}")


def _products(shape: Shape, windows: PerAxis) -> int:
    """Return the multiply-adds of queries with keys, and of attention weights with values [MAC]."""
    asked = math.prod(window or size for size, window in zip(shape[1:], windows, strict=True))
    return 2 * math.prod(shape) * asked


@op("attention")
class Attention(Op):
    """``x: c h w -> y: c h w``: every position attends to all positions, or to those of its window, in ``heads`` heads.

    It has projections to queries, keys, values and back, like ``nn.MultiheadAttention`` (arXiv 1706.03762); ``plain``
    has none and uses the input for all three. Windows tile the map (Swin, arXiv 2103.14030); their shift is a ``roll``
    before and after.
    """

    heads: int = setting(Count())
    window: PerAxis = setting(Sizes("w", minimum=0), default=(0,))
    plain: bool = setting(Flag("plain", means=True), default=False)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("attention 2", ((4, 2, 3),)),
        Example("attention 1 w2", ((2, 4, 2),)),
        Example("attention 2 w1x3", ((4, 2, 3),)),
        Example("attention 1", ((3, 4),)),
        Example("attention 2 plain", ((4, 2, 3),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _check(inputs[0], self.heads, self.window)

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`; without projections the heads keep their channels apart."""
        channels, *spatial = inputs[0]
        mixed = group_reads(channels, channels, self.heads if self.plain else 1)
        tiles = (_tiles(n, window) for n, window in zip(spatial, self.window, strict=True))
        return ((Read(0, mixed), *(Read(axis, tile) for axis, tile in enumerate(tiles, 1))),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        if self.plain:
            return ()
        c = inputs[0][0]
        names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
        return tuple(map(Weight, names, ((3 * c, c), (3 * c,), (c, c), (c,))))

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Count two products of each position with those that it attends to, and four projections of each position."""
        projections = 0 if self.plain else 4 * math.prod(output) * output[0]
        return projections + _products(inputs[0], self.window)


@op("sdpa")
class ScaledDotProduct(Op):
    """``x: 3*c h w -> y: c h w``: attention alone, with queries, keys and values in the thirds of the channels.

    A query is read at its own position only, keys and values everywhere, so the reads are an upper bound.
    """

    heads: int = setting(Count())
    window: PerAxis = setting(Sizes("w", minimum=0), default=(0,))

    examples: ClassVar[tuple[Example, ...]] = (Example("sdpa 1", ((6, 2, 2),)), Example("sdpa 2 w2x1", ((12, 2, 3),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        _check(inputs[0], 3 * self.heads, self.window)

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, *spatial = inputs[0]
        tiles = (_tiles(n, window) for n, window in zip(spatial, self.window, strict=True))
        return ((Read(0, All(channels, channels // 3)), *(Read(axis, tile) for axis, tile in enumerate(tiles, 1))),)

    def hull(self) -> str:
        """See :class:`Op`."""
        return "channels"

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:  # noqa: ARG002 -- none, whatever the input
        """None."""
        return ()

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002 -- counted from the output
        """Count two products of every position with those that it attends to."""
        return _products(output, self.window)


def _tiles(size: int, window: int) -> Relation:
    """Let every position read its own tile, or everything."""
    if window in {0, size}:
        return All(size, size)

    def ends(o: Indices) -> tuple[Indices, Indices]:
        first = o // window * window
        return first, first + window - 1

    return Table(size, size, window, ends, (window, window), blocks=(window, window, 0))
