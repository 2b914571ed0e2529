"""Files that are there whole or not at all, whenever the process ends."""

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
    """Put a file in place: first a draft in the same folder, then, when it is on the disk, under its name.

    Args:
        name: of the file; a path, where there is no ``at``.
        content: of the file.
        mode: permissions of the file that is replaced; None for a new one, which has what the umask leaves.
        at: the open folder that it goes into.

    Raises:
        OSError: it cannot be written; then what was there is what it was, and the draft is removed.
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
        with suppress(OSError):  # it has taken its place
            os.unlink(draft, dir_fd=at)


def settle(folder: str | Path, at: int | None = None) -> None:
    """Have the names in a folder on the disk, too."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(folder or ".", os.O_RDONLY, dir_fd=at)
    try:
        with suppress(OSError):  # file systems of networks may have no such call
            os.fsync(handle)
    finally:
        os.close(handle)


def permissions(name: str | Path, at: int | None = None, *, follow: bool = False) -> int | None:
    """Those of a file that will be replaced; None where there is none."""
    try:
        return stat.S_IMODE(os.stat(name, dir_fd=at, follow_symlinks=follow).st_mode)
    except FileNotFoundError:
        return None


def sha256(content: bytes) -> str:
    """Checksum of what is in a file."""
    return hashlib.sha256(content).hexdigest()


Made = TypeVar("Made", bound=ConvscopeError)


def cannot_write(kind: type[Made], path: Path, need: int, error: OSError) -> Made:
    """The error for a file that cannot be written: which, how large, how much is free."""
    return kind(f"{path} cannot be written: {error.strerror}", given=room(path, need))


def room(path: Path, need: int) -> str:
    """The bytes that a file needs, and those that are free where it would lie.

    >>> import pathlib
    >>> room(pathlib.Path("net.cnn"), 12_288).partition(",")[2].partition(" ")[0]
    '288'
    """
    return f"{need:,} bytes needed, {free_space(path.parent):,} bytes free"


def free_space(folder: Path) -> int:
    """Bytes that are free on the disk of a folder; of the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
