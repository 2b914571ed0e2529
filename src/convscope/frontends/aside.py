"""Redirection of output of foreign code to standard error, since standard output carries data only.

A model may print while it is created, loaded or run. Every call into such code is inside :func:`aside`, so that the
output of ``--json``, ``--to csv`` and ``write`` is not disturbed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDOUT, _STDERR = 1, 2


class _Streams:
    """The redirection of the process's standard output: the first user redirects it, the last one restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.stream: TextIO | None = None
        self.descriptor: int | None = None

    def enter(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside > 1:
                return
            self.stream = sys.stdout
            self.descriptor = _turned(self.stream)
            sys.stdout = sys.stderr

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside:
                return
            if self.descriptor is not None:
                _flush(self.stream)
                os.dup2(self.descriptor, _STDOUT)
                os.close(self.descriptor)
            if self.stream is not None or sys.stdout is sys.stderr:
                sys.stdout = self.stream


_STREAMS = _Streams()


def _turned(stream: TextIO | None) -> int | None:
    """Redirect the file descriptor, too, for C code and other programs; return the old one.

    This applies only if ``sys.stdout`` is that file: a notebook or a test has a stream of its own.
    """
    try:
        if stream is None or stream.fileno() != _STDOUT:
            return None
        stream.flush()
        before = os.dup(_STDOUT)
    except (OSError, ValueError):  # closed, or not a file
        return None
    try:
        os.dup2(_STDERR, _STDOUT)
    except OSError:  # standard error is closed
        os.close(before)
        return None
    return before


def _flush(stream: TextIO | None) -> None:
    """Flush buffered output that was printed past ``sys.stdout``, by C code or otherwise."""
    with contextlib.suppress(Exception):
        _library().fflush(None)
    with contextlib.suppress(OSError, ValueError):
        if stream is not None:
            stream.flush()


@cache
def _library() -> ctypes.CDLL:
    """Of C, as this process has it."""
    return ctypes.CDLL(None)


def from_now_on() -> None:
    """Redirect everything printed until the program ends, by threads and exit handlers, to standard error."""
    _STREAMS.enter()


@contextmanager
def aside() -> Iterator[None]:
    r"""Redirect output within the block to standard error.

    >>> import contextlib, io
    >>> with contextlib.redirect_stderr(io.StringIO()) as told, aside():
    ...     print("loading weights")
    >>> told.getvalue()
    'loading weights\n'
    """
    _STREAMS.enter()
    try:
        yield
    finally:
        _STREAMS.leave()
