"""Files that are there whole or not at all, whenever the process ends."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from convscope.errors import RunError
from convscope.view.numbers import bytes_text

if TYPE_CHECKING:
    from pathlib import Path

CRASH_AT = "CONVSCOPE_CRASH_AT"
"""Environment variable ``POINT:N``: the process ends at the N-th passing of that point, as if it were killed."""

_passed: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Where tests end the process, to see what is left."""
    wanted = os.environ.get(CRASH_AT)
    if wanted is None:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if wanted == f"{name}:{_passed[name]}":
        os._exit(137)


def write(path: Path, content: bytes) -> None:
    """Replace a file: first a temporary one in the same folder, then, when it is on the disk, in its place.

    Raises:
        RunError: it cannot be written; then the file is what it was, and nothing else is left.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content[: len(content) // 2])
            crash_point("half written")
            file.write(content[len(content) // 2 :])
            file.flush()
            os.fsync(file.fileno())
        crash_point("written")
        temporary.replace(path)
        crash_point("replaced")
        settle(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, len(content), error) from None


def sha256(content: bytes) -> str:
    """Checksum of what is in a file."""
    return hashlib.sha256(content).hexdigest()


def settle(folder: Path) -> None:
    """Have the names in a folder on the disk, too."""
    if os.name == "posix":  # elsewhere a folder cannot be opened
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def cannot_write(path: Path, need: int, error: OSError) -> RunError:
    """The error for a file that cannot be written: which, how large, how much is free."""
    return RunError(
        f"{path} cannot be written: {error.strerror}",
        given=f"{bytes_text(need)} needed, {bytes_text(free_space(path.parent))} free",
    )


def free_space(folder: Path) -> int:
    """Bytes that are free on the disk of a folder; of the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def tidy(folder: Path) -> None:
    """Remove what a process that was killed left half written."""
    for left in folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)
