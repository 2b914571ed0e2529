"""``csv:PATH``: a table of paths and labels, or of labels and pixels; or a folder with one for each split."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.budget import question
from convscope.data import pixeltable
from convscope.data.home import printable
from convscope.data.imagefolder import opened_set
from convscope.data.metadata import Gathered, plain
from convscope.data.parts import parts_of, stamp_of
from convscope.data.table import rows
from convscope.data.taken import File, Taken
from convscope.errors import DataError, refuse_scarcity
from convscope.files import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.data.dataset import Dataset
    from convscope.data.parts import Part
    from convscope.data.spelled import Spelled

ENDINGS = (".csv", ".tsv")


def find(wanted: Spelled, report: Callable[[int, int], None] | None = None) -> Dataset:
    """Open tables as a data set.

    Raises:
        DataError: one is not such a table, or images are missing or cannot be used.
    """
    parts = parts_of(wanted.folder, ENDINGS)
    try:
        if pixeltable.layout_of(parts[0].path, wanted):
            return opened_set(wanted, stamp_of(parts), lambda: pixeltable.take(parts, wanted), report)
        digest, found = hashlib.sha256(), Gathered({})
        for part in parts:
            _add(part, wanted, found, digest.update)
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{printable(wanted.folder)} cannot be read: {error.strerror}") from None
    digest.update(repr(sorted(found.bad.items())).encode(errors="surrogateescape"))
    taken = Taken(found.items, bad=found.bad, expected="rows with the path and the label of an image")
    return opened_set(wanted, digest.hexdigest(), lambda: taken, report)


def _add(part: Part, wanted: Spelled, found: Gathered, update: Callable[[bytes], None]) -> None:
    """Add the images of a table of paths."""
    path = part.path
    with opened(path) as file, question(size=os.fstat(file.fileno()).st_size):
        for row in rows(file, path.name, printable(path), dict(wanted.columns)):
            name, place = _placed(row.image, path.parent)
            facts = _facts(place)
            if isinstance(facts, str):
                found.bad[name or f"row {row.number}"] = facts
            else:
                found.add(row, name, File(place), part.split)
                told = f"{name}\0{row.label}\0{row.split or part.split}\0{facts.st_size}\0{facts.st_mtime_ns}\0"
                update(told.encode(errors="surrogateescape"))


def _placed(cell: str, folder: Path) -> tuple[str, Path]:
    """Return the name of an image in the set, and its path."""
    path = Path(cell)
    if not path.is_absolute():
        return plain(cell), folder / plain(cell)
    return (plain(str(path.relative_to(folder))) if path.is_relative_to(folder) else str(path)), path


def _facts(path: Path) -> os.stat_result | str:
    """Return the facts of a file, or why there are none."""
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        refuse_scarcity(error)
        return "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
    return facts if stat.S_ISREG(facts.st_mode) else "is not a file"
