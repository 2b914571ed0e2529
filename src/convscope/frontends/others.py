"""Exceptions of foreign code: they may be anything, may try to end the program, and their text may raise in turn."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convscope.errors import ConvscopeError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

TERMINATED = 128 + signal.SIGTERM
"""Exit status of the command line on termination."""

_KIND, _LINE = 60, 200
"""The most characters of a class name and of a message that are shown."""


def stops(error: BaseException) -> bool:
    """Return whether the user ends the program, by Ctrl-C or a signal, and not the running code.

    >>> stops(KeyboardInterrupt()), stops(SystemExit(143)), stops(SystemExit(7))
    (True, True, False)
    """
    kind = type(error)  # isinstance would let the error fake its class
    return issubclass(kind, KeyboardInterrupt) or (kind is SystemExit and error.args == (TERMINATED,))


def line(error: BaseException) -> str:
    r"""Return the first line of an error's message; empty if it has none or raises.

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


def described(error: BaseException) -> str:
    """Return the class of an error and the first line of its message.

    >>> described(ValueError("no")), described(SystemExit())
    ('ValueError: no', 'SystemExit')
    """
    kind = type.__dict__["__name__"].__get__(type(error))[:_KIND]  # its own class may override its name
    return f"{kind}: {found}" if (found := line(error)) else kind


@contextmanager
def theirs(what: str, *, all_errors: bool = False) -> Iterator[None]:
    """Turn exceptions of foreign code within the block into one error of ours.

    Args:
        what: what went wrong, for the message.
        all_errors: whether every exception is turned; otherwise only those that are not an ``Exception`` and would end
            the program silently.

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
        raise ModelError(f"{what}: {described(error)}") from error
