"""Tensors that do not depend on the input: small ones known at once, large ones worked out when they are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.build.values import Const

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from convscope.frontends.build.values import Root

    Numbers = NDArray[Any]
    Work = Callable[[Sequence[Numbers]], Numbers]


AT_ONCE = 2**21
"""Numbers up to which a tensor is worked out while a model is read, those before it counted."""

IN_ALL = 2**24
"""Numbers that are worked out while one model is read."""


@dataclass
class Budget:
    """Work that may still be spent while a model is read.

    Attributes:
        left: numbers.
    """

    left: int = IN_ALL

    def numbers(self, const: Const) -> Numbers:
        """The numbers of a tensor that says how the net is built.

        Raises:
            ShapeError: they take too much work.
        """
        if isinstance(const, Known):
            return const.numbers
        work = weight(const)
        if work > AT_ONCE:
            raise ShapeError("a setting that is worked out from too many numbers")
        self.spend(work)
        return const.load()

    def spend(self, work: int) -> None:
        """Take so much from what is left.

        Raises:
            ShapeError: there is not so much.
        """
        if work > self.left:
            raise ShapeError("settings that are worked out from too many numbers in all")
        self.left -= work


@dataclass(frozen=True, slots=True)
class Known(Const):
    """A tensor whose numbers are at hand.

    Attributes:
        numbers: of it.
    """

    numbers: Numbers = field(default_factory=lambda: np.zeros(0), compare=False)


@dataclass(frozen=True, slots=True)
class Lazy(Const):
    """A tensor that is worked out from others.

    Attributes:
        parents: the others.
        how: from their numbers to its own.
        weight: numbers that are worked out for it.
    """

    parents: tuple[Const, ...] = field(default=(), compare=False)
    how: Work | None = field(default=None, compare=False)
    weight: int = field(default=0, compare=False)


def weight(const: Const) -> int:
    """How many numbers are worked out, or read, for those of a tensor."""
    return const.weight if isinstance(const, Lazy) else math.prod(const.sizes)


Done = tuple["Hashable", int]
"""Multiply-adds that a source spends once, and what tells them from others."""


def known(numbers: Any, roots: tuple[Root, ...] = (), work: tuple[Done, ...] = ()) -> Known:
    """A tensor of numbers.

    >>> known([2, 3]).sizes
    (2,)
    """
    array = np.asarray(numbers)
    return Known(array.shape, lambda: array, roots, work, numbers=array)


def work_of(parents: Sequence[Const], macs: int) -> tuple[Done, ...]:
    """What a source spends on a tensor that is made from others: so many multiply-adds, and those of the others."""
    mine = ((object(), macs),) if macs else ()
    return tuple(dict.fromkeys((*mine, *(item for one in parents for item in one.work))))


MOST_PARTS = 4096
"""Learned tensors, or products, that one tensor is made from."""


def roots_of(parents: Sequence[Const]) -> tuple[Root, ...]:
    """The learned tensors that some are made from, each once.

    Raises:
        ShapeError: they are too many; a long row of such tensors would take too long.
    """
    found = tuple(dict.fromkeys(root for one in parents for root in one.roots))
    if max(len(found), *(len(one.work) for one in parents), 0) > MOST_PARTS:
        raise ShapeError(f"a tensor that is made from more than {MOST_PARTS} others")
    return found


def lazy(sizes: tuple[int, ...], parents: Sequence[Const], work: Work, macs: int = 0, heavy: int = 0) -> Lazy:
    """A tensor to be worked out from others, which takes ``macs`` multiply-adds and so many numbers besides its own.

    >>> lazy((2,), [known([1, 2])], lambda arrays: arrays[0] * 2).load().tolist()
    [2, 4]
    """
    total = math.prod(sizes) + heavy + sum(map(weight, parents))
    spent = work_of(parents, macs)
    load = partial(worked_out, parents, work)
    return Lazy(sizes, load, roots_of(parents), spent, parents=tuple(parents), how=work, weight=total)


def worked_out(parents: Sequence[Const], work: Work) -> Numbers:
    """The numbers of a tensor. Each of those before it is worked out once, however often it is used."""
    found: dict[int, Numbers] = {}
    stack: list[Const] = list(parents)
    while stack:
        one = stack[-1]
        missing = [other for other in one.parents if id(other) not in found] if isinstance(one, Lazy) else []
        if id(one) in found or not missing:
            stack.pop()
        else:
            stack += missing
            continue
        if id(one) not in found:
            found[id(one)] = _loaded(one, found)
    with np.errstate(all="ignore"):
        return work([found[id(one)] for one in parents])


def _loaded(one: Const, found: dict[int, Numbers]) -> Numbers:
    if not isinstance(one, Lazy):
        return one.load()
    assert one.how is not None
    with np.errstate(all="ignore"):
        return one.how([found[id(other)] for other in one.parents])
