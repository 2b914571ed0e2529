"""Printing for the command line: data to standard output, messages to standard error, everything inert.

All commands print with :func:`say`, :func:`present` and :func:`tell`, so that names from a file cannot act on a
terminal. Text for people is laid out at the width of the terminal, or at ``COLUMNS`` if set; output to a pipe or a file
has every column and no line breaks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import click

from convscope.inert import inert_lines
from convscope.view.parts import COSTLY, FAINT, HEAD, Stack
from convscope.view.wrap import NARROWEST, wrapped

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

    from convscope.view.parts import Line

READER_GONE = 141
"""Exit status when the reader of our output has gone, as a shell reports it for SIGPIPE."""

STYLES = {HEAD: "bold", FAINT: "dim", COSTLY: "yellow"}
"""The terminal style of each style of a grid."""


def width(stream: TextIO | None) -> int | None:
    """Return the width of the terminal, or ``COLUMNS``; None for a pipe or a file, where lines are unlimited."""
    if stream is None or not (_is_terminal(stream) or os.environ.get("COLUMNS", "").isdecimal()):
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, OSError, ValueError):  # closed, or not a Python stream
        return False


def _has_colours(stream: TextIO) -> bool:
    """Return whether a terminal shows colours and the user has not disabled them (https://no-color.org)."""
    return _is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@runtime_checkable
class Stacked(Protocol):
    """A result that presents itself as grids and prose."""

    def stack(self) -> Stack:
        """Return the presentation."""
        ...


def present(shown: object, *, wide: bool = False) -> None:
    """Print for people, at the width of the terminal; ``wide`` keeps every column.

    Args:
        shown: a result, or text.
        wide: print as if the terminal were unlimited.

    Raises:
        OSError: the output cannot be written, or is closed.
    """
    stack = shown.stack() if isinstance(shown, Stacked) else Stack((str(shown),))
    room = None if wide else width(sys.stdout)
    if sys.stdout is not None and _has_colours(sys.stdout):
        _paint(list(stack.lines(room)))
    else:
        say(stack.to_text(room))


def _paint(lines: list[Line]) -> None:
    """Print lines with styles; each span is inert, so only the styles act."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        pieces = ((span.text, STYLES.get(span.style, "")) for span in line)
        console.print(Text.assemble(*pieces), soft_wrap=True)


def say(text: str) -> None:
    """Print data to standard output as is.

    Raises:
        OSError: the output cannot be written, or is closed.
    """
    if sys.stdout is None:
        raise OSError("standard output is closed")
    click.echo(inert_lines(text))


def tell(text: str) -> None:
    """Print a message to standard error, wrapped for a terminal; if that fails, the work continues."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(wrapped(inert_lines(text), width(sys.stderr)), err=True)


def prepare() -> None:
    """Prepare the streams of a process: open, in any encoding, with inert warnings and tracebacks."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: otherwise the next file that is opened would take its place
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # not a Python stream
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    warnings.showwarning = _warned
    sys.excepthook = _failed


def drop(stream: TextIO | None) -> None:
    """Discard the buffer of a stream that cannot be written, which Python would otherwise try again at exit."""
    with contextlib.suppress(OSError, ValueError):
        if stream is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _warned(message: Warning | str, *_: Any, **__: Any) -> None:
    """Format a warning of a library so that its second line does not look like a message of ours."""
    tell("warning: " + str(message).replace("\n", "\n  "))


def _failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an unexpected error."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(inert_lines("".join(traceback.format_exception(kind, error, trace)).rstrip()), err=True)
