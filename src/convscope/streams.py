"""Where the command line prints: data to standard output, messages to standard error, everything inert.

All commands print with :func:`say` and :func:`tell`, so that what a file calls its parts cannot act on a terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import click

from convscope.inert import inert_lines

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

READER_GONE = 141
"""Exit status when the reader of our output went away: what a shell gives for a process that SIGPIPE ends."""


def say(text: str) -> None:
    """Print data to standard output.

    Raises:
        OSError: the output cannot be written, or is closed.
    """
    if sys.stdout is None:
        raise OSError("standard output is closed")
    click.echo(inert_lines(text))


def tell(text: str) -> None:
    """Print a message to standard error; where nobody can read it, the work goes on."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(inert_lines(text), err=True)


def prepare() -> None:
    """Make the streams of a process ours: open, in any encoding, with warnings and tracebacks that are inert."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: else the next file that is opened would take its place
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # not a stream of Python's own
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    warnings.showwarning = _warned
    sys.excepthook = _failed


def drop(stream: TextIO | None) -> None:
    """Forget what a stream still holds: it cannot be written, and Python would try once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        if stream is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _warned(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning of a library; its second line cannot be taken for a message of ours."""
    tell("warning: " + str(message).replace("\n", "\n  "))


def _failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error that nothing expected."""
    tell("".join(traceback.format_exception(kind, error, trace)).rstrip())
