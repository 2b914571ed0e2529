"""Limits for the cost of a question, counted where a claim in a file is turned into work.

A file of thirty bytes can request a billion channels. Reading and analysing therefore count their work against an
allowance that depends on the size of the file and of the answer, and never on what the file claims:

- a *step* is about a microsecond of work: an object of a file, a position of a tensor that is followed individually, or
  ``ELEMENTS`` values of an array;
- *bytes* are held until the question is answered, or needed at one time.

Code whose work is proportional to its input need not count: the size of a file bounds it. Code that multiplies (a
repetition, a function call, an array as long as a claimed axis) calls :func:`spend` or :func:`hold` before it does the
work. A question that costs more ends in a ``LimitError``; the user can raise the limits, a file cannot.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from convscope.errors import FieldError, LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sized

STEPS, BYTES = 1_000_000, 128 * 2**20
"""The allowance of every question: about a second, and memory that fits beside any other program."""

PER_BYTE = (1, 8)
"""Additional steps and bytes for each byte of a file."""

PER_LAYER = (100, 4096)
"""Additional steps and bytes for each layer of the net."""

ELEMENTS = 256
"""Values of an array that are processed in one step."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Net = TypeVar("_Net", bound="Sized")

_times: ContextVar[float] = ContextVar("times", default=1.0)


@dataclass
class Budget:
    """The allowance of a question, and how much of it is used.

    Attributes:
        steps: the steps allowed.
        bytes: the bytes allowed.
        spent: the steps spent.
        held: the bytes held.
    """

    steps: float
    bytes: float
    spent: float = 0.0
    held: float = 0.0

    def allow(self, *, size: int = 0, layers: int = 0, memory: int = 0) -> None:
        """Extend the allowance for a file of some bytes, for a net of some layers, or by more bytes."""
        times = _times.get()
        self.steps += times * (PER_BYTE[0] * size + PER_LAYER[0] * layers)
        self.bytes += times * (PER_BYTE[1] * size + PER_LAYER[1] * layers + memory)


_open: ContextVar[Budget | None] = ContextVar("open", default=None)


def _fresh() -> Budget:
    return Budget(STEPS * _times.get(), BYTES * _times.get())


@contextmanager
def question(*, size: int = 0, layers: int = 0, memory: int = 0, apart: bool = False) -> Iterator[Budget]:
    """Count the work of one question; inside another question, its work counts for that one.

    Args:
        size: size of the file that is read [byte].
        layers: number of layers of the net.
        memory: additional bytes for questions of this kind.
        apart: whether it is counted separately even inside another question, like each of many images.

    >>> with question(layers=1000):
    ...     spend(500_000)
    ...     spend(700_000)
    Traceback (most recent call last):
        ...
    convscope.errors.LimitError: this needs 1,200,000 steps of work or more
      expected at most 1,100,000
      try      --raise-limits 2, for a file that you trust; in Python, "with convscope.raise_limits(2):"
    """
    outer = _open.get()
    if outer is not None and not apart:
        yield outer
        return
    budget = _fresh()
    budget.allow(size=size, layers=layers, memory=memory)
    token = _open.set(budget)
    try:
        yield budget
    finally:
        _open.reset(token)


def per_layer(ask: Callable[Concatenate[_Net, _P], _T]) -> Callable[Concatenate[_Net, _P], _T]:
    """Make a function of a net a question, whose allowance grows with the number of layers."""

    @wraps(ask)
    def asked(net: _Net, *args: _P.args, **named: _P.kwargs) -> _T:
        with question(layers=len(net)):
            return ask(net, *args, **named)

    return asked  # type: ignore[return-value] # mypy takes the name of the first parameter from it, as intended


@contextmanager
def about(name: str) -> Iterator[None]:
    """Name the subject of the work in the error of a limit.

    >>> with about("conv1"):
    ...     spend(2_000_000)
    Traceback (most recent call last):
        ...
    convscope.errors.LimitError: conv1: this needs 2,000,000 steps of work or more
      expected at most 1,000,000
      try      --raise-limits 2, for a file that you trust; in Python, "with convscope.raise_limits(2):"
    """
    try:
        yield
    except LimitError as error:
        raise error.add(subject=name) from None


def allow(*, size: int = 0, layers: int = 0) -> None:
    """Extend the allowance of the current question once the size of its input or answer is known."""
    budget = _open.get()
    if budget is not None:
        budget.allow(size=size, layers=layers)


def spend(steps: float, *, elements: int = 0) -> None:
    """Count work that is about to be done. Outside a question, it must fit on its own.

    Args:
        steps: microseconds, roughly.
        elements: values of arrays that are processed at once.

    Raises:
        LimitError: the question would cost too much; a caller that knows the layer adds its name.

    >>> spend(10, elements=2**31)
    Traceback (most recent call last):
        ...
    convscope.errors.LimitError: this needs 8,388,618 steps of work or more
      expected at most 1,000,000
      try      --raise-limits 9, for a file that you trust; in Python, "with convscope.raise_limits(9):"
    """
    budget = _open.get()
    if budget is None:
        if steps <= STEPS and not elements:  # it fits by itself, as nearly all does
            return
        budget = _fresh()
    budget.spent += steps + elements / ELEMENTS
    if budget.spent > budget.steps:
        needed, allowed = f"{budget.spent:,.0f}", f"{budget.steps:,.0f}"
        raise _over(f"this needs {needed} steps of work or more", allowed, budget.spent / budget.steps)


def hold(size: float) -> None:
    """Count bytes that will be held until the question is answered.

    Raises:
        LimitError: as for :func:`spend`.

    >>> hold(2**30)
    Traceback (most recent call last):
        ...
    convscope.errors.LimitError: this needs 1,024 MiB of memory or more
      expected at most 128 MiB
      try      --raise-limits 8, for a file that you trust; in Python, "with convscope.raise_limits(8):"
    """
    budget = _open.get()
    if budget is None:
        if size <= BYTES:
            return
        budget = _fresh()
    if budget.held + size > budget.bytes:
        needed, allowed = f"{(budget.held + size) / 2**20:,.0f} MiB", f"{budget.bytes / 2**20:,.0f} MiB"
        raise _over(f"this needs {needed} of memory or more", allowed, (budget.held + size) / budget.bytes)
    budget.held += size


def release(size: float) -> None:
    """Release bytes that are no longer held."""
    budget = _open.get()
    if budget is not None:
        budget.held = max(0.0, budget.held - size)


@contextmanager
def for_now(size: float) -> Iterator[None]:
    """Count bytes that are held within the block.

    >>> with for_now(2**31):
    ...     pass
    Traceback (most recent call last):
        ...
    convscope.errors.LimitError: this needs 2,048 MiB of memory or more
      expected at most 128 MiB
      try      --raise-limits 16, for a file that you trust; in Python, "with convscope.raise_limits(16):"
    """
    hold(size)
    try:
        yield
    finally:
        release(size)


def _over(what: str, allowed: str, ratio: float) -> LimitError:
    """Return the error for a limit that is exceeded, with a factor that would suffice."""
    times = round(_times.get() * ratio + 0.5)
    attempt = f'--raise-limits {times}, for a file that you trust; in Python, "with convscope.raise_limits({times}):"'
    return LimitError(what, expected=f"at most {allowed}", attempt=attempt)


def raised() -> float:
    """Return the factor on the usual work and memory that the user allows.

    >>> raised()
    1.0
    """
    return _times.get()


@contextmanager
def raise_limits(times: float) -> Iterator[None]:
    """Allow every question within the block a multiple of the usual work and memory.

    Args:
        times: 1 or more.

    Raises:
        FieldError: it is less than 1.

    >>> import convscope as cs
    >>> with cs.raise_limits(10):
    ...     spend(9_000_000)
    """
    if not times >= 1:
        raise FieldError(f"raise_limits({times}) is not valid: the factor must be 1 or more")
    token = _times.set(float(times))
    try:
        yield
    finally:
        _times.reset(token)
