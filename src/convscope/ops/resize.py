"""Changing the size of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.axis import Read, Window
from convscope.core.op import Example, Free, op, setting
from convscope.core.spell import Sizes
from convscope.ops.sliding import need_spatial

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape
    from convscope.core.spell import PerAxis


@op("up")
class Upsample(Free):
    """``x: c h w -> y: c f*h f*w``, each number repeated (nearest neighbour)."""

    factor: PerAxis = setting(Sizes())

    examples = (
        Example("up 2", ((2, 3, 2),)),
        Example("up 3x1", ((1, 2, 3),)),
        Example("up 2", ((2, 4),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        need_spatial(inputs[0])

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """On the stretched input, a window of ``f`` taps holds exactly one number that is no filling zero."""
        channels, *spatial = inputs[0]
        reads = (Window(n, kernel=f, lo=f - 1, hi=f - 1, up=f) for n, f in zip(spatial, self.factor, strict=True))
        return ((Read(0, Window(channels)), *(Read(axis, window) for axis, window in enumerate(reads, 1))),)
