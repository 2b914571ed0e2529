"""Folders of images, one subfolder for each class: listing the files and assigning them to splits."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.data.home import printable
from convscope.data.imagefile import FORMATS
from convscope.errors import DataError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SUFFIXES = tuple(FORMATS)
"""Files with these suffixes, in any case, are images; others are ignored."""

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""The split for each folder name that denotes one."""

TEST_SHARE = 0.2
"""The fraction of each class that is set aside for testing if the folder has no splits."""


SHORT = 200
"""Number of characters of a path that a message shows; the path of a deep folder would fill screens."""


@dataclass(frozen=True)
class Entry:
    """An image file.

    Attributes:
        path: its path.
        name: path from the data set's folder, ``/`` between.
        split: the split that its folder denotes, or empty.
        label: name of its class.
        size: of the file [byte].
        changed: time of its last change [ns].
    """

    path: Path
    name: str
    split: str
    label: str
    size: int
    changed: int


@dataclass
class Listing:
    """The files found in a folder.

    Attributes:
        entries: images, sorted by name.
        bad: files that cannot be used, with the reason, by name.
        others: files whose names are not those of images.
    """

    entries: list[Entry] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    others: int = 0


def listing(root: Path) -> Listing:
    """List a folder; links are followed, and no file is opened or changed.

    The first folder below the root, or below ``train``, ``val`` and ``test`` where there is a ``train``, is the class;
    deeper folders and names that begin with a dot are ignored. A folder is read once, however many links lead to it:
    repetitions are listed among the bad files, so the cost is bounded by the number of folders.

    Raises:
        DataError: the folder cannot be read.
    """
    found = Listing()
    children = _children(root)
    splits = {name for name, is_folder in children if is_folder and name.lower() in SPLITS}
    named = "train" in {name.lower() for name in splits}
    for path, name in _files(root, children, found):
        if path.suffix.lower() not in SUFFIXES:
            found.others += 1
            continue
        first = name.partition("/")[0]
        split = SPLITS[first.lower()] if named and first in splits else ""
        _take(found, path, name, split, named=named)
    return found


def _take(found: Listing, path: Path, name: str, split: str, *, named: bool) -> None:
    """Add an image to the listing, among the good or the bad ones."""
    inner = name.split("/", 2)[1 if split else 0 :]
    if len(inner) < 2 or (named and not split):
        found.bad[name] = "is not in the folder of a class"
        return
    try:
        facts = path.stat()
    except OSError as error:
        refuse_scarcity(error)
        found.bad[name] = f"cannot be read: {error.strerror}"
        return
    if not stat.S_ISREG(facts.st_mode):
        found.bad[name] = "is not a file"
        return
    found.entries.append(Entry(path, name, split, inner[0], facts.st_size, facts.st_mtime_ns))


def _children(folder: Path) -> list[tuple[str, bool]]:
    """Return the names in a folder, sorted by their bytes, and whether they are folders; hidden ones are left out."""
    try:
        with os.scandir(folder) as found:
            entries = [(entry.name, _is_folder(entry)) for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise _unreadable(folder, error) from None
    return sorted(entries, key=lambda entry: os.fsencode(entry[0]))


def _unreadable(folder: Path, error: OSError) -> DataError:
    refuse_scarcity(error)
    text = printable(folder)
    short = text if len(text) <= SHORT else f"{text[: SHORT // 2]}…{text[-SHORT // 2 :]}"
    return DataError(f"{short} cannot be read: {error.strerror}", expected="a folder with one subfolder per class")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    try:
        facts = folder.stat()
    except OSError as error:
        raise _unreadable(folder, error) from None
    return facts.st_dev, facts.st_ino


def _files(root: Path, children: list[tuple[str, bool]], found: Listing) -> Iterator[tuple[Path, str]]:
    """Yield every file below a folder with its relative path; a second link to the same folder is recorded as bad."""
    known = {_identity(root): ""}
    ways = [(root, "", iter(children))]
    while ways:
        folder, above, rest = ways[-1]
        name, is_folder = next(rest, ("", False))
        if not name:
            ways.pop()
            continue
        path, inner = folder / name, above + name
        if not is_folder:
            yield path, inner
            continue
        first = known.setdefault(_identity(path), inner)
        if first is inner:
            ways.append((path, f"{inner}/", iter(_children(path))))
        elif f"{inner}/".startswith(f"{first}/" if first else ""):
            found.bad[inner] = "is a link that leads back to a folder above it"
        else:
            found.bad[inner] = f"leads to the same folder as {printable(first)}"


def order(name: str) -> bytes:
    """Return a sort key that depends on the name alone: the SHA-256 of its bytes.

    >>> order("cats/1.png").hex()[:8]
    '030c42b7'
    """
    return hashlib.sha256(os.fsencode(name)).digest()


def divided(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Assign images to splits, in the order of splits and names.

    Folders that are named after splits decide; without a ``test``, ``val`` takes its place. Otherwise the images of
    each class are sorted by the SHA-256 of their names, and the first fifth, rounded, but at least one of two images,
    is used for testing.

    >>> from pathlib import Path
    >>> made = [Entry(Path(str(i)), f"a/{i}.png", "", "a", 0, 0) for i in range(10)]
    >>> [len(part) for part in divided(made).values()]
    [8, 2]
    """
    stated = {entry.split for entry in entries} - {""}
    if "test" in stated:
        return {
            split: [e for e in entries if e.split == split] for split in ("train", "val", "test") if split in stated
        }
    if "val" in stated:
        return {
            split: [e for e in entries if e.split == source] for split, source in (("train", "train"), ("test", "val"))
        }
    testing: set[str] = set()
    classes: dict[str, list[str]] = {}
    for entry in entries:
        classes.setdefault(entry.label, []).append(entry.name)
    for unordered in classes.values():
        names = sorted(unordered, key=order)
        count = max(1, round(TEST_SHARE * len(names))) if len(names) > 1 else 0
        testing.update(names[:count])
    return {
        "train": [entry for entry in entries if entry.name not in testing],
        "test": [entry for entry in entries if entry.name in testing],
    }
