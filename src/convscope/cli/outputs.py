"""Files that a command writes: never onto what it reads."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.errors import WriteError
from convscope.training.contents import FILES, REPORT

if TYPE_CHECKING:
    from collections.abc import Iterator


def refuse_own(out: str | Path | None, *sources: str | None) -> None:
    """Refuse an output that lies where an input does, whatever name or link leads there.

    Args:
        out: the file that will be written; None for standard output.
        sources: what is read: paths, with or without the words around them; other texts do not matter.

    Raises:
        WriteError: they are one file.
    """
    written = None if out is None else _identity(out)
    if written is None:
        return
    for source in sources:
        if source and written in _identities(source, Path(out or "")):
            raise WriteError(f"{out} is what this command reads, and would be replaced", expected="another file")


def _identities(source: str, out: Path) -> Iterator[tuple[int, int]]:
    """The files that are read, where a word of a command names them."""
    if source == "-":
        try:
            found = os.fstat(0)
        except OSError:
            return
        yield found.st_dev, found.st_ino
    for path in (source, source.rpartition(":")[0], source.partition(":")[2]):
        if not path or len(path) > 4096:
            continue
        inside: list[str | Path] = [path, *(Path(path, name) for name in FILES if name != REPORT)]
        if path != source:  # folder:PATH, npz:PATH, FILE.py:FUNCTION
            inside += [out] if _lies_in(out, Path(path)) else []
        yield from filter(None, map(_identity, inside))


def _lies_in(file: Path, folder: Path) -> bool:
    """Whether a file lies anywhere in the folder of a data set."""
    try:
        return file.resolve().is_relative_to(folder.resolve()) and folder.is_dir()
    except (OSError, RuntimeError, ValueError):
        return False


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Device and number of a regular file; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- a word may be no path at all
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
