"""Self-attention between the places of a map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.core.axis import All, Read, Table
from convscope.core.op import Example, Op, Weight, op, setting
from convscope.core.spell import Count, Sizes
from convscope.errors import ShapeError
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from convscope.core.axis import Indices, Relation
    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import PerAxis


@op("attention")
class Attention(Op):
    """``x: c h w -> y: c h w``: every place asks all places, or those of its window, in ``heads`` heads.

    With projections to queries, keys, values and back, as ``nn.MultiheadAttention`` (arXiv 1706.03762). Windows tile
    the map (Swin, arXiv 2103.14030); what they shift is a ``roll`` before and behind.
    """

    heads: int = setting(Count())
    window: PerAxis = setting(Sizes("w", minimum=0), default=(0,))

    examples = (
        Example("attention 2", ((4, 2, 3),)),
        Example("attention 1 w2", ((2, 4, 2),)),
        Example("attention 2 w1x3", ((4, 2, 3),)),
        Example("attention 1", ((3, 4),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        channels, *spatial = inputs[0]
        need_spatial(inputs[0])
        if channels % self.heads:
            raise ShapeError(f"heads={self.heads} does not divide the {channels} channels")
        for size, window in zip(spatial, self.window, strict=True):
            if window and size % window:
                raise ShapeError(f"a window of {window} does not tile {size}")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        channels, *spatial = inputs[0]
        tiles = (_tiles(n, window) for n, window in zip(spatial, self.window, strict=True))
        return ((Read(0, All(channels, channels)), *(Read(axis, tile) for axis, tile in enumerate(tiles, 1))),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        c = inputs[0][0]
        names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
        return tuple(map(Weight, names, ((3 * c, c), (3 * c,), (c, c), (c,))))

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """Four projections of every place, and two products of every place with every place that it asks."""
        channels, *spatial = output
        places = math.prod(spatial)
        asked = math.prod(window or n for n, window in zip(inputs[0][1:], self.window, strict=True))
        return places * 4 * channels**2 + 2 * places * asked * channels


def _tiles(size: int, window: int) -> Relation:
    """Every place reads its own tile, or all."""
    if window in {0, size}:
        return All(size, size)

    def ends(o: Indices) -> tuple[Indices, Indices]:
        first = o // window * window
        return first, first + window - 1

    return Table(size, size, window, ends, (window, window))
