"""Folders of images, one subfolder for each class: listing the files and assigning them to splits."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from convscope.data.classes import listed
from convscope.data.division import set_aside
from convscope.data.home import printable
from convscope.data.imagefile import FORMATS
from convscope.data.splits import TRAIN, split_of
from convscope.errors import DataError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

SUFFIXES = tuple(FORMATS)
"""Files with these suffixes, in any case, are images; others are ignored."""

PROPS = {".db", ".ini", ".lnk", ".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".html"}
"""Suffixes of files that accompany images and are not meant as images."""

OTHERS = "others"
"""Stands for suffixes that are not plausible ones."""

_ENDING = re.compile(r"\.[a-z0-9]{1,8}", re.ASCII)

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
        others: numbers of files whose names are not those of images, by class and suffix.
        labels: class folders, with or without images.
        nested: for each of these, the folders in it.
    """

    entries: list[Entry] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)
    nested: dict[str, set[str]] = field(default_factory=dict)

    @property
    def left_out(self) -> dict[str, dict[str, int]]:
        """Numbers of files in class folders that are not read and may be meant as images, by class and suffix."""
        found: dict[str, dict[str, int]] = {}
        for (label, ending), count in sorted(self.others.items()):
            if label and ending not in PROPS:
                row, usual = found.setdefault(label, {}), _ENDING.fullmatch(ending)
                row[ending if usual else OTHERS] = row.get(ending if usual else OTHERS, 0) + count
        return found

    @property
    def empty(self) -> list[str]:
        """Class folders without an image."""
        return sorted(self.labels - {entry.label for entry in self.entries})


def listing(root: Path) -> Listing:
    """List a folder; links are followed, and no file is opened or changed.

    The first folder below the root is the class, or the first below a folder that is named after a split
    (:mod:`convscope.data.splits`); deeper folders and names that begin with a dot are ignored. Such folders are splits
    if all folders are named so, or if the one for training, or two others, have folders in them: a class may be called
    ``train``. A folder is read once, however many links lead to it: repetitions are listed among the bad files, so the
    cost is bounded by the number of folders.

    Raises:
        DataError: the folder cannot be read, or its folders are splits and none of them is for training.
    """
    found = Listing()
    children = _children(root)
    splits = splits_among(
        printable(root),
        [name for name, is_folder in children if is_folder],
        lambda name: any(is_folder for _, is_folder in _children(root / name)),
    )
    for path, name, is_folder in _files(root, children, found):
        if is_folder:
            note_folder(found, name, splits)
        elif path.suffix.lower() in SUFFIXES:
            _take(found, path, name, splits)
        else:
            found.others[label_of(name, splits), path.suffix.lower()] += 1
    return found


def splits_among(subject: str, folders: list[str], has_folders: Callable[[str], bool]) -> dict[str, str]:
    """Return the split of each folder that holds one.

    Args:
        subject: the set, for errors.
        folders: names of the folders at the top of it.
        has_folders: whether one of them has folders in it.

    Raises:
        DataError: some are named after splits, and none of them is for training.
    """
    named = {name: split for name in folders if (split := split_of(name))}
    if not named:
        return {}
    if len(named) < len(folders):
        full = {named[name] for name in named if has_folders(name)}
        if TRAIN not in full and len(full) < 2:
            return {}  # a class may be called so
    if TRAIN not in named.values():
        raise DataError(
            f"{subject} has folders for {listed(sorted(set(named.values())))}, and none for training",
            given=f"folders {listed(folders)}",
            expected="a folder train, with a folder for each class in it",
        )
    return named


def label_of(name: str, splits: dict[str, str]) -> str:
    """Return the class that a relative path belongs to; empty for a file above the class folders."""
    parts = name.split("/", 2)[1 if name.partition("/")[0] in splits else 0 :]
    return parts[0] if len(parts) > 1 else ""


def note_folder(found: Listing, name: str, splits: dict[str, str]) -> None:
    """Record a class folder, or a folder in one."""
    parts = name.split("/")
    inner = parts[1 if parts[0] in splits else 0 :]
    if not splits or parts[0] in splits:
        if len(inner) == 1:
            found.labels.add(inner[0])
        elif len(inner) == 2:
            found.nested.setdefault(inner[0], set()).add(inner[1])


def _take(found: Listing, path: Path, name: str, splits: dict[str, str]) -> None:
    """Add an image to the listing, among the good or the bad ones."""
    split = splits.get(name.partition("/")[0], "")
    label = label_of(name, splits)
    if not label or (splits and not split):
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
    found.entries.append(Entry(path, name, split, label, facts.st_size, facts.st_mtime_ns))


def in_order(name: str) -> list[bytes]:
    """Return the key by which names are sorted as a walk through folders finds them.

    >>> sorted(["a-b/1", "a/1"], key=in_order)
    ['a/1', 'a-b/1']
    """
    return [os.fsencode(part) for part in name.split("/")]


def below(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file below a folder, by its relative path; hidden ones, and those reached a second time, are not.

    Raises:
        DataError: the folder cannot be read.
    """
    for path, name, is_folder in _files(root, _children(root), Listing()):
        if not is_folder:
            yield name, path


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


def _files(root: Path, children: list[tuple[str, bool]], found: Listing) -> Iterator[tuple[Path, str, bool]]:
    """Yield all below a folder: path, relative path, and whether it is a folder; a second link to one is bad."""
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
            yield path, inner, False
            continue
        first = known.setdefault(_identity(path), inner)
        if first is inner:
            yield path, inner, True
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


def share_for_testing(count: int) -> int:
    """Return how many images of a class are for testing: a fifth, rounded, at least one of two.

    >>> [share_for_testing(count) for count in (1, 2, 10)]
    [0, 1, 2]
    """
    return max(1, round(TEST_SHARE * count)) if count > 1 else 0


class Placed(Protocol):
    """An image with its name, its class and, if that is stated, its split."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def split(self) -> str:
        """Its split, or an empty text."""
        ...

    @property
    def label(self) -> str:
        """The name of its class."""
        ...


One = TypeVar("One", bound=Placed)


def divided(entries: Sequence[One], copies: Mapping[str, str] | None = None) -> dict[str, list[One]]:
    """Assign images to splits, in the order of splits and names.

    Folders that are named after splits decide; without a ``test``, ``val`` takes its place. Otherwise the images of
    each class are sorted by the SHA-256 of their names, and the first fifth, rounded, but at least one of two images,
    is used for testing; copies of a file stay together.

    Args:
        entries: the images.
        copies: for the names of copies, the name of the image that they are copies of.

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
    groups = [order((copies or {}).get(entry.name, entry.name)) for entry in entries]
    labels = [entry.label for entry in entries]
    wanted = {label: share_for_testing(count) for label, count in Counter(labels).items()}
    testing = set_aside(groups, labels, wanted)
    return {
        split: [entry for entry, chosen in zip(entries, testing, strict=True) if chosen == (split == "test")]
        for split in ("train", "test")
    }
