"""Cumulative sums along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from convscope.core.axis import Read, Table
from convscope.core.op import Example, Free, along, op, setting
from convscope.core.shape import to_text
from convscope.core.spell import Count
from convscope.errors import ShapeError

if TYPE_CHECKING:
    from convscope.core.axis import Indices
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("cumsum")
class CumSum(Free):
    """``y[i] = x[0] + … + x[i]`` along one axis; by default the channels."""

    along: int = setting(Count("along", minimum=0), default=0)

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("cumsum along2", ((2, 2, 4),)),
        Example("cumsum along1", ((2, 3),)),
        Example("cumsum", ((3, 2),)),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        if self.along >= len(inputs[0]):
            raise ShapeError(f"along={self.along}, but {to_text(inputs[0])} has {len(inputs[0]) - 1} spatial axes")

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Let output ``o`` read the indices from 0 to ``o``."""
        size = inputs[0][self.along]

        def ends(o: Indices) -> tuple[Indices, Indices]:
            return np.zeros_like(o), o

        mine = list(along(inputs[0]))
        mine[self.along] = Read(self.along, Table(size, size, size, ends, flows=True))
        return (tuple(mine),)
