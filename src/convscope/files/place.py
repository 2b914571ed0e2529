"""Atomic writing: a file is complete or absent, whenever the process ends."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from convscope.errors import ConvscopeError
from convscope.files.plain import NOFOLLOW

if TYPE_CHECKING:
    from pathlib import Path

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

PERMISSIONS = 0o777


def place(name: str, content: bytes, mode: int | None, at: int | None) -> None:
    """Write a draft in the same folder and, when it is on disk, rename it.

    Args:
        name: name of the file; a path without ``at``.
        content: content of the file.
        mode: permissions of the file that is replaced; None for a new one, which follows the umask.
        at: the open folder that contains it.

    Raises:
        OSError: it cannot be written; the old file is unchanged then, and the draft is removed.
    """
    folder = "" if at is not None else os.path.dirname(name)  # noqa: PTH120 -- a name, or a path
    draft = os.path.join(folder, f".{secrets.token_hex(6)}.tmp")  # noqa: PTH118
    try:
        handle = os.open(draft, NEW, 0o666 if mode is None else mode & PERMISSIONS, dir_fd=at)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(handle, mode & PERMISSIONS)
            os.fsync(handle)
        os.replace(draft, name, src_dir_fd=at, dst_dir_fd=at)
        settle(folder, at)
    finally:
        with suppress(OSError):  # it has been renamed
            os.unlink(draft, dir_fd=at)


def settle(folder: str | Path, at: int | None = None) -> None:
    """Flush the names in a folder to disk, too."""
    if os.name != "posix":  # on other systems, a folder cannot be opened
        return
    handle = os.open(folder or ".", os.O_RDONLY, dir_fd=at)
    try:
        with suppress(OSError):  # network file systems may lack this call
            os.fsync(handle)
    finally:
        os.close(handle)


def permissions(name: str | Path, at: int | None = None, *, follow: bool = False) -> int | None:
    """Return the permissions of a file that will be replaced; None if there is none."""
    try:
        return stat.S_IMODE(os.stat(name, dir_fd=at, follow_symlinks=follow).st_mode)
    except FileNotFoundError:
        return None


def sha256(content: bytes) -> str:
    """Return the checksum of the content of a file."""
    return hashlib.sha256(content).hexdigest()


Made = TypeVar("Made", bound=ConvscopeError)


def cannot_write(kind: type[Made], path: Path, need: int, error: OSError) -> Made:
    """Return the error for a file that cannot be written, with its size and the free space."""
    return kind(f"{path} cannot be written: {error.strerror}", given=room(path, need))


def room(path: Path, need: int) -> str:
    """Describe the bytes that a file needs, and those that are free in its folder.

    >>> import pathlib
    >>> room(pathlib.Path("net.cnn"), 12_288).partition(",")[2].partition(" ")[0]
    '288'
    """
    return f"{need:,} bytes needed, {free_space(path.parent):,} bytes free"


def free_space(folder: Path) -> int:
    """Return the free space on the disk of a folder, or of the nearest existing one above [byte]."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
