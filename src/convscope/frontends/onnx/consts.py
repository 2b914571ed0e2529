"""Tensors that do not depend on the input: small ones known at once, large ones worked out when they are asked for."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import hold, release, spend
from convscope.frontends.tensors.values import Const

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from numpy.typing import NDArray

    from convscope.frontends.tensors.values import Root

    Numbers = NDArray[Any]
    Work = Callable[[Sequence[Numbers]], Numbers]


MOST = 2**40
"""Numbers of a tensor; more are not meant."""

AHEAD = 2**28
"""Numbers that are computed while one model is read, without being asked for."""

FLOW = 4
"""Numbers that numpy handles in the time that the budget counts for one: they lie in a row."""

WIDTH = 8
"""Bytes that are counted for a number."""


@dataclass
class Ahead:
    """How much more is computed before anybody asks for it; what comes after waits until it is needed.

    Attributes:
        left: numbers.
    """

    left: int = AHEAD

    def take(self, work: int) -> bool:
        """Whether so many numbers are computed now."""
        if work >= self.left:
            return False
        self.left -= work
        return True


def count(numbers: int) -> None:
    """Count that so many numbers of constants are about to be computed, read or moved.

    Raises:
        LimitError: they are too many for the file.
    """
    spend(1, elements=numbers // FLOW)


@contextmanager
def passing(numbers: int) -> Iterator[None]:
    """Count numbers that are computed and soon forgotten.

    Raises:
        LimitError: they take too much work or memory for the file.
    """
    count(numbers)
    hold(WIDTH * numbers)
    try:
        yield
    finally:
        release(WIDTH * numbers)


def at_hand(const: Const) -> Numbers:
    """The numbers of a tensor that says how the net is built.

    Raises:
        LimitError: they take too much work.
    """
    if isinstance(const, Known):
        return const.numbers
    with passing(math.prod(const.sizes)):
        return const.load()


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
        effort: numbers that are handled for it, those of the others left out.
    """

    parents: tuple[Const, ...] = field(default=(), compare=False)
    how: Work | None = field(default=None, compare=False)
    effort: int = field(default=0, compare=False)


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
    return _each((mine, *(one.work for one in parents)))


def roots_of(parents: Sequence[Const]) -> tuple[Root, ...]:
    """The learned tensors that some are made from, each once."""
    return _each([one.roots for one in parents])


def _each(groups: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """What is in some groups, each once; a long row of operations would copy what it has again and again.

    Raises:
        LimitError: they are too many for the file.
    """
    filled = {id(group): group for group in groups if group}
    if len(filled) < 2:
        return next(iter(filled.values()), ())
    many = sum(map(len, filled.values()))
    spend(many / PARTS)
    hold(WIDTH * many)
    return tuple(dict.fromkeys(item for group in filled.values() for item in group))


PARTS = 4
"""Learned tensors that are looked at in one step."""


def lazy(sizes: tuple[int, ...], parents: Sequence[Const], work: Work, macs: int = 0, heavy: int = 0) -> Lazy:
    """A tensor to be worked out from others, which takes ``macs`` multiply-adds and so many numbers besides its own.

    >>> lazy((2,), [known([1, 2])], lambda arrays: arrays[0] * 2).load().tolist()
    [2, 4]
    """
    effort = math.prod(sizes) + heavy + sum([math.prod(one.sizes) for one in parents])
    made = Lazy(sizes, _unasked, roots_of(parents), work_of(parents, macs), None, tuple(parents), work, effort)
    return replace(made, load=partial(computed, made))


def _unasked() -> Numbers:
    raise AssertionError("the tensor is not whole yet")


def computed(wanted: Lazy) -> Numbers:
    """The numbers of a tensor. Each of those before it is computed once, and kept as long as others need it.

    Raises:
        LimitError: they take too much work or memory for the file.
    """
    order = _order(wanted)
    readers = Counter(id(other) for one in order for other in _parents(one))
    found: dict[int, Numbers] = {}
    held = 0
    try:
        for one in order:
            size = WIDTH * math.prod(one.sizes)
            count(one.effort if isinstance(one, Lazy) else math.prod(one.sizes))
            hold(size)
            held += size
            found[id(one)] = _numbers(one, found)
            for other in _parents(one):
                readers[id(other)] -= 1
                if not readers[id(other)]:
                    del found[id(other)]
                    release(WIDTH * math.prod(other.sizes))
                    held -= WIDTH * math.prod(other.sizes)
        return found[id(wanted)]
    finally:
        release(held)


def _parents(one: Const) -> tuple[Const, ...]:
    return one.parents if isinstance(one, Lazy) else ()


def _order(wanted: Const) -> list[Const]:
    """A tensor and those before it, each after what it is made from."""
    found: dict[int, Const] = {}
    stack = [wanted]
    while stack:
        one = stack[-1]
        missing = [] if id(one) in found else [other for other in _parents(one) if id(other) not in found]
        if missing:
            stack += missing
        else:
            found.setdefault(id(one), one)
            stack.pop()
    return list(found.values())


def _numbers(one: Const, found: dict[int, Numbers]) -> Numbers:
    if not isinstance(one, Lazy):
        return one.load()
    assert one.how is not None
    with np.errstate(all="ignore"):
        return one.how([found[id(other)] for other in one.parents])
