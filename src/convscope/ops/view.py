"""The same numbers under another shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.core.axis import Read, Table
from convscope.core.op import Example, Free, op

if TYPE_CHECKING:
    from convscope.core.axis import Indices
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("flatten")
class Flatten(Free):
    """``x: c h w -> y: c*h*w``, channels first."""

    examples = (Example("flatten", ((2, 3, 4),)), Example("flatten", ((3,),)))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Every input fits."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Output ``o`` reads the one unit with that number in the order ``c h w``."""
        shape = inputs[0]
        steps = (math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        return (tuple(Read(0, _digit(size, step, math.prod(shape))) for size, step in zip(shape, steps, strict=True)),)


def _digit(size: int, step: int, total: int) -> Table:
    """Along one axis: the digit of the output's number that belongs to the axis."""

    def ends(o: Indices) -> tuple[Indices, Indices]:
        index = o // step % size
        return index, index

    return Table(size, total, 1, ends)
