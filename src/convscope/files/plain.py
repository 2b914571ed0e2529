"""Regular files, open for reading; anything else is refused before it is opened."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
CAREFUL = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""Opening never waits, should a file have become a pipe in between."""

CHUNK = 2**16

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class UnfitError(OSError):
    """A file that is not read: it is not a regular file, or it is too large. ``strerror`` says which.

    >>> print(UnfitError("net.cnn", "it is a pipe, not a file"))
    net.cnn: it is a pipe, not a file
    """

    def __init__(self, path: str | Path, why: str) -> None:
        super().__init__(errno.EINVAL, why, str(path))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


def kind_of(mode: int) -> str:
    """What an entry of a folder is, by its mode: ``a file``, ``a folder``, ``a link``, ``a pipe`` and so on.

    >>> kind_of(stat.S_IFIFO | 0o644)
    'a pipe'
    """
    if stat.S_ISREG(mode):
        return "a file"
    return next((name for test, name in KINDS if test(mode)), "of an unknown kind")


def _check(path: str | Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        hint = "; - reads standard input" if stat.S_ISFIFO(mode) else ""
        raise UnfitError(path, f"it is {kind_of(mode)}, not a file{hint}")


def kind_at(path: str | Path) -> str:
    """What a path leads to, as :func:`kind_of` calls it, links followed; empty where there is nothing.

    >>> kind_at(os.devnull), kind_at("there is no such file")
    ('a device', '')
    """
    try:
        return kind_of(os.stat(path).st_mode)  # noqa: PTH116 -- a text that may be no path at all
    except (OSError, ValueError):
        return ""


def require(path: str | Path) -> os.stat_result:
    """Refuse what is not a regular file, without opening it; a link is followed.

    Raises:
        UnfitError: it is a folder, a pipe, a socket or a device.
        OSError: it is not there.

    >>> require(os.devnull)
    Traceback (most recent call last):
        ...
    convscope.files.plain.UnfitError: /dev/null: it is a device, not a file
    """
    found = os.stat(path)  # noqa: PTH116 -- Path.stat has no dir_fd, and both are asked alike here
    _check(path, found.st_mode)
    return found


def opened(path: str | Path, *, most: int | None = None, follow: bool = True, at: int | None = None) -> BufferedReader:
    """A regular file, open for reading.

    Args:
        path: the file.
        most: bytes that it may have.
        follow: a link.
        at: an open folder, which a relative ``path`` begins at.

    Raises:
        UnfitError: it is something else, or larger.
        OSError: it cannot be opened.
    """
    before = os.stat(path, dir_fd=at, follow_symlinks=follow)
    _check(path, before.st_mode)
    handle = os.open(path, READ | CAREFUL | (0 if follow else NOFOLLOW), dir_fd=at)
    file = os.fdopen(handle, "rb")
    try:
        found = os.fstat(handle)
        _check(path, found.st_mode)
        if most is not None and found.st_size > most:
            raise UnfitError(path, f"it has {found.st_size:,} bytes, but at most {most:,} are read")
    except OSError:
        file.close()
        raise
    return file


def read(path: str | Path, most: int, *, follow: bool = True, at: int | None = None) -> bytes:
    """The content of a regular file of at most some bytes; the arguments are those of :func:`opened`.

    Raises:
        UnfitError: it is not a regular file, or larger.
        OSError: it cannot be read.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.cnn")
    ...     _ = path.write_text("input 8x8x1")
    ...     read(path, 100)
    b'input 8x8x1'
    """
    with opened(path, most=most, follow=follow, at=at) as file:
        return content_of(file, path, most)


def content_of(file: BufferedReader, path: str | Path, most: int) -> bytes:
    """What is in an open file of at most some bytes; memory is asked for as it is needed.

    Raises:
        UnfitError: it is larger.
    """
    content = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    while len(content) <= most and (more := file.read(CHUNK)):  # it grows, or is of a kind whose size is told as 0
        content += more
    if len(content) > most:
        raise UnfitError(path, f"it has more than {most:,} bytes, the most that are read")
    return content


def stdin_text(most: int) -> str:
    """The text on standard input, of at most some bytes.

    Raises:
        UnfitError: there is more, or standard input is closed.
        UnicodeDecodeError: it is not a text.
    """
    if sys.stdin is None:
        raise UnfitError("standard input", "it is closed")
    text = sys.stdin.read(most + 1)
    if len(text) > most or len(text.encode(errors="surrogateescape")) > most:
        raise UnfitError("standard input", f"it has more than {most:,} bytes, the most that are read")
    return text
