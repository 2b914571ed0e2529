"""Writing files that a user names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from convscope.errors import WriteError
from convscope.files.folder import Folder
from convscope.files.place import PERMISSIONS, cannot_write, place

MARKS = ("net.cnn", "recipe.toml")
"""A folder with these files is a run."""


def put(path: str | Path, content: bytes) -> None:
    """Replace a file atomically: readers find the old or the new one, never a part.

    A new file follows the umask; a replaced one keeps its permissions. A link is followed, and a pipe or a device is
    written to, since the user has named it; but nothing inside a run may lead out of it.

    Args:
        path: path of the file.
        content: content of the file.

    Raises:
        WriteError: the file cannot be written; the error names the bytes needed and free.
        RunError: it is reached through a link in a run.
    """
    path = Path(path)
    run = run_above(path)
    if run is not None:
        with Folder(run) as folder:
            folder.write(_absolute(path).relative_to(run).as_posix(), content)
        return
    try:
        found = path.stat() if path.exists() else None
        if found and stat.S_ISDIR(found.st_mode):
            raise WriteError(f"{path} is a folder", expected="the name of a file")
        if found and not stat.S_ISREG(found.st_mode):
            with path.open("wb") as file:
                file.write(content)
            return
        mode = stat.S_IMODE(found.st_mode) & PERMISSIONS if found else None
        place(str(path.resolve()), content, mode, None)
    except RuntimeError:  # of Path.resolve
        raise WriteError(f"{path} cannot be written: it is a link that leads back to itself") from None
    except OSError as error:
        raise cannot_write(WriteError, path, len(content), error) from None


def run_above(path: Path) -> Path | None:
    """Return the run that contains a path, by the names of its parents; None if there is none."""
    above = [folder for folder in _absolute(path).parents if is_run(folder)]
    return above[-1] if above else None


def is_run(path: str | Path) -> bool:
    r"""Return whether a path, or any other text, is a run folder, in whatever state its files are.

    >>> is_run("input 8x8x1, relu"), is_run("\0"), is_run("x" * 10_000)
    (False, False, False)
    """
    try:
        return all(os.path.lexists(Path(path, name)) for name in MARKS)
    except (OSError, ValueError):
        return False


def _absolute(path: Path) -> Path:
    if ".." in path.parts:  # a name after a link may be something else
        return path.parent.resolve() / path.name
    return path.absolute()
