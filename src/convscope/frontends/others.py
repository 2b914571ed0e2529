"""What the code of others raises: it may be anything, may want to end the program, and its text may raise in turn."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convscope.errors import ConvscopeError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

TERMINATED = 128 + signal.SIGTERM
"""The status with which the command line ends when it is told to."""

_KIND, _LINE = 60, 200
"""Letters of a class and of what it says that are shown."""


def stops(error: BaseException) -> bool:
    """The user ends the program, by Ctrl-C or a signal, and not the code that happens to run.

    >>> stops(KeyboardInterrupt()), stops(SystemExit(143)), stops(SystemExit(7))
    (True, True, False)
    """
    kind = type(error)  # isinstance would ask the error for its class
    return issubclass(kind, KeyboardInterrupt) or (kind is SystemExit and error.args == (TERMINATED,))


def line(error: BaseException) -> str:
    r"""The first line of what an error says; empty where it says nothing, or cannot.

    >>> line(ValueError("a\nb")), line(ValueError())
    ('a', '')
    """
    try:
        text = str.__str__(str(error))
    except BaseException as other:
        if stops(other):
            raise
        return ""
    return next(iter(text.strip().splitlines()), "")[:_LINE]


def said(error: BaseException) -> str:
    """The class of an error and the first line of what it says.

    >>> said(ValueError("no")), said(SystemExit())
    ('ValueError: no', 'SystemExit')
    """
    kind = type.__dict__["__name__"].__get__(type(error))[:_KIND]  # its own class may have another idea of its name
    return f"{kind}: {found}" if (found := line(error)) else kind


@contextmanager
def theirs(what: str, *, all_errors: bool = False) -> Iterator[None]:
    """What others raise inside of the block is one error of ours.

    Args:
        what: went wrong, for the message.
        all_errors: else only what is not an ``Exception``, and would end the program without a word.

    >>> with theirs("net.py:make cannot be read"):
    ...     raise SystemExit(7)
    Traceback (most recent call last):
        ...
    convscope.errors.ModelError: net.py:make cannot be read: SystemExit: 7
    """
    try:
        yield
    except ConvscopeError:
        raise
    except BaseException as error:
        if stops(error) or (issubclass(type(error), Exception) and not all_errors):
            raise
        raise ModelError(f"{what}: {said(error)}") from error
