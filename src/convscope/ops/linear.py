"""The fully connected layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from convscope.core.axis import All, Read
from convscope.core.op import Example, Op, Weight, op, setting
from convscope.core.spell import Count, Flag

if TYPE_CHECKING:
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("linear")
class Linear(Op):
    """``x: c h w -> y: out``: every output is a weighted sum of the entire input, which is flattened.

    >>> Linear(10).weights(((16, 5, 5),))[0].shape
    (10, 400)
    """

    out: int = setting(Count())
    bias: bool = setting(Flag("nobias", means=False), default=True)

    saves: ClassVar[tuple[str, ...]] = ("factors",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("linear 4", ((6,),)),
        Example("linear 3 nobias", ((2, 3, 2),)),
        Example("linear 2", ((4, 1, 1),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        return (tuple(Read(0, All(size, self.out)) for size in inputs[0]),)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """See :class:`Op`."""
        matrix = Weight("weight", (self.out, math.prod(inputs[0])))
        return (matrix, Weight("bias", (self.out,))) if self.bias else (matrix,)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """See :class:`Op`."""
        return math.prod(inputs[0]) * math.prod(output)
