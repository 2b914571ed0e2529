"""Images whose labels are in a table: ``metadata.csv`` or ``metadata.jsonl`` among them, or a CSV of paths."""

from __future__ import annotations

import io
from collections import Counter
from typing import IO, TYPE_CHECKING

from convscope.budget import question
from convscope.data.folder import SUFFIXES, in_order
from convscope.data.home import printable
from convscope.data.splits import split_of
from convscope.data.table import has_labels, rows
from convscope.data.taken import Item, Taken
from convscope.errors import DataError
from convscope.files import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from convscope.data.spelled import Spelled
    from convscope.data.table import Row
    from convscope.data.taken import Content

NAMES = ("metadata.csv", "metadata.jsonl")

WITHOUT = "without a label"
"""Stands for the class of images that the table does not name."""


def tables_in(
    names: Iterable[str], folders: Iterable[str], opened_table: Callable[[str], IO[bytes]], wanted: Spelled
) -> list[str]:
    """Return the tables among files that state labels: one for all, or one in each folder of a split.

    Args:
        names: of the files.
        folders: those of splits.
        opened_table: opens one of them.
        wanted: the name of the set.
    """
    there, found = set(names), []
    for folder in ("", *(f"{folder}/" for folder in sorted(folders))):
        for name in NAMES:
            if folder + name in there:
                with opened_table(folder + name) as file:
                    found += [folder + name] if has_labels(file, name, dict(wanted.columns)) else []
    return found


def tables_of(wanted: Spelled) -> list[str]:
    """Return the tables in a folder, or in its folders of splits, that state labels."""
    root = wanted.folder
    if not root.is_dir():
        return []
    folders = [entry.name for entry in root.iterdir() if split_of(entry.name) and entry.is_dir()]
    names = [folder + name for folder in ("", *(f"{one}/" for one in folders)) for name in NAMES]
    there = [name for name in names if (root / name).is_file()]
    return tables_in(there, folders, lambda name: opened(root / name), wanted)


def labelled(
    files: Mapping[str, Content],
    tables: Iterable[str],
    splits: Mapping[str, str],
    wanted: Spelled,
    bad: dict[str, str],
) -> Taken:
    """Return the images that tables among them name.

    Args:
        files: images and tables by name, with their contents.
        tables: names of the tables.
        splits: the split of each folder that holds one.
        wanted: the name of the set.
        bad: what cannot be used, with the reason; more is added.

    Raises:
        DataError: a table is damaged, or lacks a column.
    """
    found = Gathered(bad)
    for table in tables:
        content = files[table]()
        assert isinstance(content, bytes)
        folder = table.rpartition("/")[0]
        subject = f"{printable(wanted.folder)}, {printable(table)}"
        with question(size=len(content)):
            for row in rows(io.BytesIO(content), table, subject, dict(wanted.columns)):
                name = f"{folder}/{plain(row.image)}" if folder else plain(row.image)
                if name in files:
                    found.add(row, name, files[name], splits.get(folder, ""))
                else:
                    found.bad[f"{table}, row {row.number}"] = f"names {printable(row.image)[:200]}, which is not there"
    rest = Counter(_ending(name) for name in files if name not in found.labels and _ending(name) in SUFFIXES)
    return Taken(
        found.items,
        bad=found.bad,
        left_out={WITHOUT: dict(rest)} if rest else {},
        expected="rows with the path and the label of an image",
    )


class Gathered:
    """Images of a table, each of which may be named once."""

    def __init__(self, bad: dict[str, str]) -> None:
        self.bad: dict[str, str] = bad
        self.labels: dict[str, str] = {}
        self._found: list[Item] = []

    def add(self, row: Row, name: str, content: Content, split: str = "") -> None:
        """Add the image of a row."""
        stated = split_of(row.split) if row.split else ""
        if not row.label:
            self.bad[name] = f"has no label in row {row.number}"
        elif row.split and not stated:
            self.bad[name] = f"is in the split {printable(row.split)[:80]}, which is not train, val or test"
        elif name in self.labels:
            same = self.labels[name] == row.label
            also = "" if same else f", as {printable(self.labels[name])[:80]} and {printable(row.label)[:80]}"
            self.bad[f"row {row.number}"] = f"names {printable(name)[:200]} again{also}"
        else:
            self._found.append(Item(name, stated or split, row.label, content))
        self.labels.setdefault(name, row.label)

    @property
    def items(self) -> list[Item]:
        """The images, sorted by name, as those of a folder are.

        Raises:
            DataError: some have a split and others have none, or none is for training.
        """
        splits = {item.split for item in self._found}
        if splits - {""} and ("" in splits or "train" not in splits):
            lacking = "images without a split" if "" in splits else "no images for training"
            raise DataError(
                f"the table has {lacking}, though others have one", expected="a split for every image: train, val, test"
            )
        return sorted(self._found, key=lambda item: in_order(item.name))


def plain(name: str) -> str:
    r"""Return a relative path without ``.`` and with ``/`` between its parts.

    >>> plain("./cats//1.png"), plain("cats\\\\1.png")
    ('cats/1.png', 'cats/1.png')
    """
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in {"", "."})


def _ending(name: str) -> str:
    last = name.rpartition("/")[2]
    return last[last.rfind(".") :].lower() if "." in last else ""
