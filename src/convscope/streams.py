"""Where the command line prints: data to standard output, messages to standard error, everything inert.

All commands print with :func:`say`, :func:`present` and :func:`tell`, so that what a file calls its parts cannot act on
a terminal. What a person reads is laid out at the width of the terminal, or at ``COLUMNS`` where that is set; what goes
to a pipe or a file has every column, and its lines are not broken.
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
"""Exit status when the reader of our output went away: what a shell gives for a process that SIGPIPE ends."""

STYLES = {HEAD: "bold", FAINT: "dim", COSTLY: "yellow"}
"""How a terminal shows the styles of a grid."""


def width(stream: TextIO | None) -> int | None:
    """Letters of a line of a terminal, or what ``COLUMNS`` says; None for a pipe or a file, where lines have no end."""
    if stream is None or not (_is_terminal(stream) or os.environ.get("COLUMNS", "").isdecimal()):
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, OSError, ValueError):  # closed, or not a stream of Python's own
        return False


def _has_colours(stream: TextIO) -> bool:
    """A terminal shows colours, and the user has not forbidden them (https://no-color.org)."""
    return _is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@runtime_checkable
class Stacked(Protocol):
    """A result that shows itself as grids and prose."""

    def stack(self) -> Stack:
        """What it shows."""
        ...


def present(shown: object, *, wide: bool = False) -> None:
    """Print what a person reads, at the width of the terminal; ``wide`` leaves every column where it is.

    Args:
        shown: a result, or text.
        wide: do so as if the terminal had no end.

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
    """Print lines with their styles; each piece is inert, so that only the styles act."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        pieces = ((span.text, STYLES.get(span.style, "")) for span in line)
        console.print(Text.assemble(*pieces), soft_wrap=True)


def say(text: str) -> None:
    """Print data to standard output, as it is.

    Raises:
        OSError: the output cannot be written, or is closed.
    """
    if sys.stdout is None:
        raise OSError("standard output is closed")
    click.echo(inert_lines(text))


def tell(text: str) -> None:
    """Print a message to standard error, wrapped for a terminal; where nobody can read it, the work goes on."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(wrapped(inert_lines(text), width(sys.stderr)), err=True)


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
    with contextlib.suppress(OSError, ValueError):
        click.echo(inert_lines("".join(traceback.format_exception(kind, error, trace)).rstrip()), err=True)
