"""Ops that join paths: sum, product, concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from convscope.core.axis import All, Read, Table, Window
from convscope.core.op import Example, Free, along, op, setting
from convscope.core.shape import to_text
from convscope.core.spell import Count
from convscope.errors import ShapeError

if TYPE_CHECKING:
    from convscope.core.axis import Indices, Relation
    from convscope.core.op import Reads
    from convscope.core.shape import Shape


class Elementwise(Free):
    """An elementwise op on inputs of one shape.

    An axis of length 1, or a missing spatial axis, is broadcast: this is how a gate ``c`` multiplies maps ``c h w`` in
    a squeeze-excite block.
    """

    merges = True

    @final
    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        full = _broadcast(inputs)
        for shape in inputs:
            if any(size not in (1, whole) for size, whole in zip(shape, full, strict=False)):
                raise ShapeError(
                    f"the paths have different sizes: {' and '.join(map(to_text, inputs))}",
                    expected="equal sizes, or an axis of length 1, which is broadcast",
                )

    @final
    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        full = _broadcast(inputs)
        return tuple(
            tuple(
                Read(axis, Window(size) if size == full[axis] else All(size, full[axis]))
                for axis, size in enumerate(shape)
            )
            for shape in inputs
        )


def _broadcast(inputs: tuple[Shape, ...]) -> Shape:
    rank = max(map(len, inputs))
    return tuple(max(shape[axis] for shape in inputs if axis < len(shape)) for axis in range(rank))


@op("add")
class Add(Elementwise):
    """``a + b``."""

    saves: ClassVar[tuple[str, ...]] = ()
    passes = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("add( id | id )", ((2, 3, 3), (2, 3, 3))),
        Example("add( id | id | id )", ((2, 3), (2, 1), (2,))),
    )


@op("mul")
class Mul(Elementwise):
    """``a * b``."""

    saves: ClassVar[tuple[str, ...]] = ("factors",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("mul( id | id )", ((2, 3, 3), (2, 3, 3))),
        Example("mul( id | id )", ((3, 2, 4), (3,))),
        Example("mul( id | id )", ((1, 3, 4), (2, 3, 4))),
    )


@op("sub")
class Sub(Elementwise):
    """``a - b``."""

    saves: ClassVar[tuple[str, ...]] = ()
    passes = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("sub( id | id )", ((2, 3, 3), (2, 3, 3))),
        Example("sub( id | id )", ((2, 3), (2, 1))),
    )


@op("div")
class Div(Elementwise):
    """``a / b``."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example("div( id | id )", ((2, 3, 3), (2, 3, 3))),
        Example("div( id | id )", ((2, 3), (2, 1))),
    )


@op("maximum")
class Maximum(Elementwise):
    """The larger of two values."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example("maximum( id | id )", ((2, 3, 3), (2, 3, 3))),
        Example("maximum( id | id )", ((2, 3), (2, 1))),
    )


@op("minimum")
class Minimum(Elementwise):
    """The smaller of two values."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example("minimum( id | id )", ((2, 3, 3), (2, 3, 3))),
        Example("minimum( id | id )", ((2, 3), (2, 1))),
    )


@op("cat")
class Cat(Free):
    """Concatenation of channels: ``a: c1 h w, b: c2 h w -> y: c1+c2 h w``, or of positions along a spatial axis."""

    along: int = setting(Count("along", minimum=0), default=0)

    merges = True

    saves: ClassVar[tuple[str, ...]] = ()
    passes = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example("cat( id | id )", ((2, 3, 3), (1, 3, 3))),
        Example("cat( id | id | id )", ((2, 4), (3, 4), (1, 4))),
        Example("cat( id | id )", ((2,), (3,))),
        Example("cat along1( id | id )", ((2, 3), (2, 1))),
        Example("cat along2( id | id )", ((2, 3, 1), (2, 3, 2))),
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """See :class:`Op`."""
        rest = {shape[: self.along] + shape[self.along + 1 :] for shape in inputs}
        if len(rest) > 1 or len(inputs[0]) <= self.along:
            along = f"axis {self.along}" if self.along else "the channels"
            raise ShapeError(
                f"the paths have different sizes: {' and '.join(map(to_text, inputs))}",
                expected=f"sizes that differ only along {along}",
            )

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """See :class:`Op`."""
        total = sum(shape[self.along] for shape in inputs)
        reads = []
        start = 0
        for shape in inputs:
            mine = list(along(shape))
            mine[self.along] = Read(self.along, self._part(start, shape[self.along], total))
            reads.append(tuple(mine))
            start += shape[self.along]
        return tuple(reads)

    def _part(self, start: int, size: int, total: int) -> Relation:
        """Return the read in which outputs ``start .. start+size`` read their own input, and others nothing of it.

        Along a map this is padding; channels are examined one by one, and a table states which of them read at all.
        """
        if self.along:
            return Window(size, lo=start, hi=total - start - size)
        return _part(start, size, total)


def _part(start: int, size: int, total: int) -> Table:
    """Return the read of the channels ``start .. start+size`` of a concatenation; others read nothing of this input."""

    def ends(o: Indices) -> tuple[Indices, Indices]:
        mine = (o >= start) & (o < start + size)
        return np.where(mine, o - start, 1), np.where(mine, o - start, 0)

    return Table(size, total, 1, ends, blocks=(1, 1, -start))
