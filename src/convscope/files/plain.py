"""Regular files for reading; anything else is refused before it is opened."""

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
"""Opening does not block, even if a file has become a pipe in between."""

CHUNK = 2**16

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class UnfitError(OSError):
    """A file that is not a regular file, or is too large; ``strerror`` states which.

    >>> print(UnfitError("net.cnn", "it is a pipe, not a file"))
    net.cnn: it is a pipe, not a file
    """

    def __init__(self, path: str | Path, why: str) -> None:
        super().__init__(errno.EINVAL, why, str(path))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


def kind_of(mode: int) -> str:
    """Name the kind of an entry by its mode: ``a file``, ``a folder``, ``a link``, ``a pipe`` and so on.

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
    """Name the kind of a path as in :func:`kind_of`, following links; empty if nothing exists.

    >>> kind_at(os.devnull), kind_at("there is no such file")
    ('a device', '')
    """
    try:
        return kind_of(os.stat(path).st_mode)  # noqa: PTH116 -- the text may not be a path
    except (OSError, ValueError):
        return ""


def require(path: str | Path) -> os.stat_result:
    """Refuse anything but a regular file without opening it; a link is followed.

    Raises:
        UnfitError: it is a folder, a pipe, a socket or a device.
        OSError: it does not exist.

    >>> require(os.devnull)
    Traceback (most recent call last):
        ...
    convscope.files.plain.UnfitError: /dev/null: it is a device, not a file
    """
    found = os.stat(path)  # noqa: PTH116 -- Path.stat has no dir_fd, and both cases are alike here
    _check(path, found.st_mode)
    return found


def opened(path: str | Path, *, most: int | None = None, follow: bool = True, at: int | None = None) -> BufferedReader:
    """Open a regular file for reading.

    Args:
        path: the file.
        most: limit for its size [byte].
        follow: whether a link is followed.
        at: an open folder, to which ``path`` is relative.

    Raises:
        UnfitError: it is something else, or too large.
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
    """Read a regular file of limited size; the arguments are those of :func:`opened`.

    Raises:
        UnfitError: it is not a regular file, or is too large.
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
    """Read an open file of limited size; memory is allocated as needed.

    Raises:
        UnfitError: it is too large.
    """
    content = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    while len(content) <= most and (more := file.read(CHUNK)):  # it grows, or is of a kind whose size is reported as 0
        content += more
    if len(content) > most:
        raise UnfitError(path, f"it has more than {most:,} bytes, the most that are read")
    return content


def stdin_text(most: int) -> str:
    """Read text of limited size from standard input.

    Raises:
        UnfitError: there is more, or standard input is closed.
        UnicodeDecodeError: it is not text.
    """
    if sys.stdin is None:
        raise UnfitError("standard input", "it is closed")
    text = sys.stdin.read(most + 1)
    if len(text) > most or len(text.encode(errors="surrogateescape")) > most:
        raise UnfitError("standard input", f"it has more than {most:,} bytes, the most that are read")
    return text
