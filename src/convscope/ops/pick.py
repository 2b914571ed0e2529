"""Indices of one axis in another order: reversed, or selected by a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from convscope.core.axis import Read, Table
from convscope.core.op import Example, Free, along, op, setting
from convscope.core.shape import to_text
from convscope.core.spell import Count
from convscope.core.words import Runs
from convscope.errors import ShapeError

if TYPE_CHECKING:
    from convscope.core.axis import Indices
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


@op("pick")
class Pick(Free):
    """``x: c h w -> y: c h n``, the given indices of one axis: ``pick 5-0 along2`` reverses six columns.

    Runs of indices are written ``first-last``, ascending or descending, and separated by dots: ``0-3.7.7``. Without
    ``along``, they are channels.
    """

    indices: tuple[int, ...] = setting(Runs())
    along: int = setting(Count("along", minimum=0), default=0)

    saves: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example("pick 3-0 along2", ((2, 3, 4),)),
        Example("pick 2.0-1.1 along1", ((2, 3),)),
        Example("pick 1.3", ((4, 2, 2),)),
        Example("pick 0.0.1", ((2,),)),
    )

    @property
    def step(self) -> int | None:
        """The step from each index to the next; None if it varies, or for a single index."""
        steps = set(np.diff(self.indices).tolist())
        return steps.pop() if len(steps) == 1 else None

    def turns(self, size: int) -> bool:
        """Return whether the op reverses an axis of this length, and nothing else."""
        return self.indices == tuple(range(size - 1, -1, -1))

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        shape = inputs[0]
        if self.along >= len(shape):
            raise ShapeError(f"along={self.along}, but {to_text(shape)} has {len(shape) - 1} spatial axes")
        if max(self.indices) >= shape[self.along]:
            raise ShapeError(
                f"index {max(self.indices)} is out of range for an axis of {shape[self.along]}",
                expected=f"indices from 0 to {shape[self.along] - 1}",
            )

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Let output ``o`` read the ``o``-th of the indices."""
        mine = list(along(inputs[0]))
        mine[self.along] = Read(self.along, self._table(inputs[0][self.along]))
        return (tuple(mine),)

    def _table(self, size: int) -> Table:
        count, step, first = len(self.indices), self.step, self.indices[0]
        listed = np.array(self.indices)

        def ends(o: Indices) -> tuple[Indices, Indices]:
            index = listed[o] if step is None else first + step * o  # in equal steps, also beyond the ends
            return index, index

        turn, blocks = ((1, step) if step else None), ((1, step, first) if step and step > 0 else None)
        return Table(size, count, 1, ends, turn, blocks=blocks)
