"""Files of an archive, by their names: which classes and splits they belong to, as if they had been unpacked.

Nothing is unpacked to a folder: a name is compared with others, and never becomes a path.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from convscope.data.folder import SUFFIXES, Listing, in_order, label_of, note_folder, splits_among
from convscope.data.imagefile import TOLD
from convscope.data.metadata import NAMES, labelled, tables_in
from convscope.data.taken import Item, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convscope.data.spelled import Spelled
    from convscope.data.taken import Content

LONGEST, DEEPEST = 1024, 64
"""Limits for a name: characters, and folders in it."""

_DRIVE = re.compile(r"[A-Za-z]:")


def unsafe(name: str) -> str:
    """Return what is wrong with a name in an archive; empty if it stays in the archive and is not too long.

    >>> unsafe("cat/1.png"), unsafe("../1.png"), unsafe("/etc/passwd")
    ('', 'leads out of the archive', 'leads out of the archive')
    """
    parts = name.replace("\\", "/").split("/")
    out = name.startswith(("/", "\\")) or ".." in parts or _DRIVE.match(name)
    if out:
        return "leads out of the archive"
    return "has a name that is too long" if len(name) > LONGEST or len(parts) > DEEPEST else ""


def is_hidden(name: str) -> bool:
    """Return whether a name, or a folder in it, is one that systems hide or add.

    >>> is_hidden("__MACOSX/cat/._1.png"), is_hidden("cat/.DS_Store"), is_hidden("cat/1.png")
    (True, True, False)
    """
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def inside(names: list[str]) -> int:
    """Return the length of the folder in which all files are, so that their classes are below it.

    >>> inside(["pets/cat/1.png", "pets/dog/2.png"]), inside(["cat/1.png", "cat/2.png"]), inside(["cat/1.png", "a.txt"])
    (5, 0, 0)
    """
    common = 0
    while True:
        heads = {name[common:].partition("/")[0] for name in names}
        below = any(name.count("/", common) > 1 or name[common:].partition("/")[2] in NAMES for name in names)
        if len(heads) != 1 or not below:
            return common
        common += len(heads.pop()) + 1


def taken_of(
    files: Mapping[str, Content], folders: list[str], bad: dict[str, str], wanted: Spelled, close: Callable[[], None]
) -> Taken:
    """Return the images among the files of an archive: by a table with their labels, or by the folders of classes.

    Args:
        files: every regular file by its name, with its content.
        folders: names of folders, with or without files.
        bad: what cannot be used, with the reason.
        wanted: the name of the set.
        close: called when the images have been read.

    Raises:
        DataError: the table cannot be used, or the splits have no images for training.
    """
    cut = inside([*files]) if files else 0
    shown = {name[cut:]: content for name, content in files.items()}
    bad = {name[cut:] if name.startswith(next(iter(files), "")[:cut]) else name: why for name, why in bad.items()}
    above = sorted({name[cut:].rstrip("/") for name in folders if len(name) > cut} | _above(shown))
    found = Listing(bad=bad)
    deep = {name.partition("/")[0] for name in above if "/" in name}
    deep |= {name.partition("/")[0] for name in shown if name.partition("/")[2] in NAMES}
    splits = splits_among(str(wanted.folder), [name for name in above if "/" not in name], deep.__contains__)
    if tables := tables_in(shown, splits, lambda name: _opened(shown[name]), wanted):
        return replace(labelled(shown, tables, splits, wanted, bad), close=close)
    for name in above:
        note_folder(found, name, splits)
    items = []
    for name in sorted(shown, key=in_order):
        end = name[name.rfind(".") :].lower() if "." in name.rpartition("/")[2] else ""
        split, label = splits.get(name.partition("/")[0], ""), label_of(name, splits)
        if end not in SUFFIXES:
            found.others[label, end] += 1
        elif not label or (splits and not split):
            bad[name] = "is not in the folder of a class"
        else:
            items.append(Item(name, split, label, shown[name]))
    return Taken(
        items,
        bad=bad,
        left_out=found.left_out,
        empty=sorted(found.labels - {item.label for item in items}),
        nothing="no images in class folders",
        expected=f"a folder for each class, with {TOLD} in it",
        close=close,
    )


def _opened(content: Content) -> io.BytesIO:
    found = content()
    assert isinstance(found, bytes)
    return io.BytesIO(found)


def _above(files: Mapping[str, Content]) -> set[str]:
    """Return every folder that a file is in."""
    found: set[str] = set()
    for name in files:
        folder = name.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found
