"""Put a file in place that a user names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from convscope.errors import WriteError
from convscope.files.folder import Folder
from convscope.files.place import PERMISSIONS, cannot_write, place

MARKS = ("net.cnn", "recipe.toml")
"""A folder with these is a run."""


def put(path: str | Path, content: bytes) -> None:
    """Put a file in place at once: a reader finds the old one or the new one, never half of it.

    A new file has the permissions that the umask leaves, a replaced one keeps its own. A link is followed, and a pipe
    or a device is written to, since the user has named them; but nothing that lies in a run, whoever made that, leads
    out of it.

    Args:
        path: of the file.
        content: of the file.

    Raises:
        WriteError: the place cannot be written; it names the bytes needed and free.
        RunError: it lies in a run, after a link.
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
    """The run that a path leads into, by the names on its way; None where there is none."""
    above = [folder for folder in _absolute(path).parents if is_run(folder)]
    return above[-1] if above else None


def is_run(path: str | Path) -> bool:
    r"""Whether a path, or any other text, is the folder of a run, whatever is the matter with what lies in it.

    >>> is_run("input 8x8x1, relu"), is_run("\0"), is_run("x" * 10_000)
    (False, False, False)
    """
    try:
        return all(os.path.lexists(Path(path, name)) for name in MARKS)
    except (OSError, ValueError):
        return False


def _absolute(path: Path) -> Path:
    if ".." in path.parts:  # a name after a link is not what it seems to be
        return path.parent.resolve() / path.name
    return path.absolute()
