"""Constants: small ones are computed eagerly, large ones on demand."""

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
"""The most values of a tensor."""

AHEAD = 2**28
"""The most values that are computed eagerly while a model is read."""

FLOW = 4
"""Contiguous values that NumPy processes in the time that the budget counts for one."""

WIDTH = 8
"""Bytes counted for a value."""


@dataclass
class Ahead:
    """The budget of eager computation; once it is used up, constants are computed on demand.

    Attributes:
        left: number of remaining values.
    """

    left: int = AHEAD

    def take(self, work: int) -> bool:
        """Return whether this number of values is computed eagerly."""
        if work >= self.left:
            return False
        self.left -= work
        return True


def count(numbers: int) -> None:
    """Count values of constants that are about to be computed, read or moved.

    Raises:
        LimitError: there are too many for the size of the file.
    """
    spend(1, elements=numbers // FLOW)


@contextmanager
def passing(numbers: int) -> Iterator[None]:
    """Count values that are computed and soon released.

    Raises:
        LimitError: they take too much work or memory for the size of the file.
    """
    count(numbers)
    hold(WIDTH * numbers)
    try:
        yield
    finally:
        release(WIDTH * numbers)


def at_hand(const: Const) -> Numbers:
    """Return the values of a tensor that determines the structure of the net.

    Raises:
        LimitError: they take too much work.
    """
    if isinstance(const, Known):
        return const.numbers
    with passing(math.prod(const.sizes)):
        return const.load()


@dataclass(frozen=True, slots=True)
class Known(Const):
    """A constant whose values are loaded.

    Attributes:
        numbers: its values.
    """

    numbers: Numbers = field(default_factory=lambda: np.zeros(0), compare=False)


@dataclass(frozen=True, slots=True)
class Lazy(Const):
    """A constant that is computed from others on demand.

    Attributes:
        parents: the other constants.
        how: computes its values from theirs.
        effort: number of values that are processed for it, without those of the others.
    """

    parents: tuple[Const, ...] = field(default=(), compare=False)
    how: Work | None = field(default=None, compare=False)
    effort: int = field(default=0, compare=False)


Done = tuple["Hashable", int]
"""Multiply-adds that a source spends once, with an identifier."""


def known(numbers: Any, roots: tuple[Root, ...] = (), work: tuple[Done, ...] = ()) -> Known:
    """Make a constant from values.

    >>> known([2, 3]).sizes
    (2,)
    """
    array = np.asarray(numbers)
    return Known(array.shape, lambda: array, roots, work, numbers=array)


def work_of(parents: Sequence[Const], macs: int) -> tuple[Done, ...]:
    """Return the multiply-adds that a source spends on a tensor computed from others, including theirs."""
    mine = ((object(), macs),) if macs else ()
    return _each((mine, *(one.work for one in parents)))


def roots_of(parents: Sequence[Const]) -> tuple[Root, ...]:
    """Return the distinct learned tensors from which some are made."""
    return _each([one.roots for one in parents])


def _each(groups: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the distinct members of some groups; the work is counted, since a chain of operations repeats it.

    Raises:
        LimitError: there are too many for the size of the file.
    """
    filled = {id(group): group for group in groups if group}
    if len(filled) < 2:
        return next(iter(filled.values()), ())
    many = sum(map(len, filled.values()))
    spend(many / PARTS)
    hold(WIDTH * many)
    return tuple(dict.fromkeys(item for group in filled.values() for item in group))


PARTS = 4
"""Learned tensors that are examined in one step."""


def lazy(sizes: tuple[int, ...], parents: Sequence[Const], work: Work, macs: int = 0, heavy: int = 0) -> Lazy:
    """Make a constant that is computed from others on demand, with its multiply-adds and the values processed.

    >>> lazy((2,), [known([1, 2])], lambda arrays: arrays[0] * 2).load().tolist()
    [2, 4]
    """
    effort = math.prod(sizes) + heavy + sum([math.prod(one.sizes) for one in parents])
    made = Lazy(sizes, _unasked, roots_of(parents), work_of(parents, macs), None, tuple(parents), work, effort)
    return replace(made, load=partial(computed, made))


def _unasked() -> Numbers:
    raise AssertionError("the tensor is not whole yet")


def computed(wanted: Lazy) -> Numbers:
    """Return the values of a tensor. Each of its ancestors is computed once, and kept as long as others need it.

    Raises:
        LimitError: they take too much work or memory for the size of the file.
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
    """Return a tensor and its ancestors in topological order."""
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
