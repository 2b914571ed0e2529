"""Tensors of a framework as views of the layers of a net.

A framework moves axes around: channels last, heads, windows, tokens. None of that is a layer. A :class:`Value` names
the layer whose output a tensor is and, for each of its dimensions, the parts (:class:`Factor`) of the layer's axes;
transposing and reshaping change the dimensions only. If a layer needs its input in another order,
:mod:`convscope.frontends.tensors.settle` records the rearrangement.

The batch has one sample, so its dimension, like any of length 1, has no factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from convscope.core.op import FLOAT32, Weight
from convscope.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from numpy.typing import NDArray

    from convscope.core.shape import Shape

MAX_RANK, MAX_COUNT = 64, 2**63
"""The most dimensions of a tensor, and an exclusive limit for its values."""

REPEATED = -1
"""The axis of a factor that is a repetition."""


class Factor(NamedTuple):
    """A part of an axis: the index along the axis grows by ``step``, ``size`` times.

    Attributes:
        axis: axis of the layer's output ``c h w``; :data:`REPEATED` for a repetition.
        size: at least 2.
        step: 1 for the last part of an axis; for a repetition, a number that distinguishes it and its parts.
    """

    axis: int
    size: int
    step: int


_APART = count(1)


def repetition(size: int) -> Factor:
    """Return a new factor for a repetition.

    >>> repetition(3) == repetition(3)
    False
    """
    return Factor(REPEATED, size, next(_APART) * 2**64 + 1)


Dim = tuple[Factor, ...]
"""The factors of a dimension, most significant first; none for length 1."""

Dims = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that depends on the input.

    Attributes:
        node: name of the layer.
        shape: shape of the layer's output, ``c h w``.
        dims: dimensions of the tensor, including the batch.
    """

    node: str
    shape: Shape
    dims: Dims

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the dimensions."""
        return tuple([dim[0][1] if len(dim) == 1 else length(dim) for dim in self.dims])


@dataclass(frozen=True, slots=True)
class Root:
    """A learned tensor of the source.

    Attributes:
        key: identifies the tensor.
        name: name in the source.
        shape: its shape.
        frozen: whether it is not trained.
        dtype: dtype in the source.
        trained: False for auxiliary tensors of a learned one: a scale, a zero point.
    """

    key: Hashable
    name: str
    shape: tuple[int, ...]
    frozen: bool = False
    dtype: str = FLOAT32
    trained: bool = True

    def weight(self) -> Weight:
        """Return the tensor as a layer counts it."""
        return Weight(self.name, self.shape, self.trained, self.frozen, self.dtype)


@dataclass(frozen=True, slots=True)
class Const:
    """A tensor that does not depend on the input.

    Attributes:
        sizes: lengths of its dimensions.
        load: loads its values.
        roots: learned tensors from which it is made.
        work: multiply-adds that the source spends on it [MAC], each with an identifier.
        origin: the constant of which this is an unchanged copy, learned or not; None if it was computed.
    """

    sizes: tuple[int, ...]
    load: Callable[[], NDArray[Any]] = field(compare=False)
    roots: tuple[Root, ...] = ()
    work: tuple[tuple[Hashable, int], ...] = ()
    origin: Root | None = field(default=None, compare=False)

    def then(self, sizes: Sequence[int], change: Callable[[NDArray[Any]], NDArray[Any]]) -> Const:
        """Return the tensor with a change of its values that is applied on loading."""
        load = self.load
        return Const(tuple(sizes), lambda: change(load()), self.roots, self.work)


def bounded(value: Value) -> Value:
    """Check a tensor that has new dimensions or repetitions.

    Raises:
        ShapeError: it has more dimensions or values than frameworks allow.
    """
    if len(value.dims) > MAX_RANK or math.prod(value.sizes) >= MAX_COUNT:
        raise ShapeError(
            f"a tensor of {len(value.dims)} dimensions is too large",
            expected=f"at most {MAX_RANK} dimensions, and fewer than 2^63 values",
        )
    return value


def length(dim: Dim) -> int:
    """Return the length of a dimension.

    >>> length((Factor(1, 7, 2), Factor(1, 2, 1))), length(())
    (14, 1)
    """
    return dim[0].size if len(dim) == 1 else math.prod([factor.size for factor in dim])


@lru_cache(maxsize=4096)
def whole(shape: Shape) -> Dims:
    """Return every axis of a layer as one dimension.

    >>> whole((3, 1))
    ((Factor(axis=0, size=3, step=1),), ())
    """
    return tuple((Factor(axis, size, 1),) if size > 1 else () for axis, size in enumerate(shape))


def joined(factors: Iterable[Factor]) -> Dim:
    """Join neighbouring factors that are parts of one.

    >>> joined((Factor(1, 7, 2), Factor(1, 2, 1)))
    (Factor(axis=1, size=14, step=1),)
    """
    found: list[Factor] = []
    for factor in factors:
        last = found[-1] if found else None
        if last and last.axis == factor.axis != REPEATED and last.step == factor.step * factor.size:
            found[-1] = Factor(factor.axis, last.size * factor.size, factor.step)
        else:
            found.append(factor)
    return tuple(found)


def divided(factors: Sequence[Factor], sizes: Sequence[int]) -> Dims | None:
    """Distribute factors over dimensions of given lengths, splitting them if needed; None if impossible.

    >>> divided((Factor(0, 6, 1),), (2, 3))
    ((Factor(axis=0, size=2, step=3),), (Factor(axis=0, size=3, step=1),))
    >>> divided((Factor(1, 2, 1), Factor(0, 3, 1)), (3, 2)) is None
    True
    """
    left = list(factors)
    dims: list[Dim] = []
    for size in reversed(sizes):
        mine: list[Factor] = []
        need = size
        while need > 1:
            if not left:
                return None
            last = left.pop()
            if need % last.size == 0:
                mine.append(last)
                need //= last.size
            elif last.size % need == 0:
                mine.append(Factor(last.axis, need, last.step))
                left.append(Factor(last.axis, last.size // need, last.step * need))
                need = 1
            else:
                return None
        dims.append(joined(reversed(mine)))
    return None if left else tuple(reversed(dims))


def refined(first: Dim, second: Dim) -> tuple[Dim, Dim] | None:
    """Split two lists of factors of one length into factors of equal sizes; None if impossible.

    >>> refined((Factor(1, 4, 1),), (Factor(0, 2, 1), Factor(1, 2, 1)))[0]
    (Factor(axis=1, size=2, step=2), Factor(axis=1, size=2, step=1))
    """
    a, b = list(first), list(second)
    left: list[Factor] = []
    right: list[Factor] = []
    while a and b:
        x, y = a.pop(), b.pop()
        size = min(x.size, y.size)
        if max(x.size, y.size) % size:
            return None
        left.append(Factor(x.axis, size, x.step))
        right.append(Factor(y.axis, size, y.step))
        if x.size > size:
            a.append(Factor(x.axis, x.size // size, x.step * size))
        if y.size > size:
            b.append(Factor(y.axis, y.size // size, y.step * size))
    return None if a or b else (tuple(reversed(left)), tuple(reversed(right)))
