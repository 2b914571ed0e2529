"""The files of a set that may be one file or a folder of several: shards, and one for each split, by their names."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from convscope.data.home import printable
from convscope.data.splits import TRAIN, WORDS, split_of
from convscope.errors import DataError, ImageError, refuse_scarcity
from convscope.files import opened, require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SHARD = re.compile(r"[-_.]?\d+[-_]of[-_]\d+")


@dataclass(frozen=True)
class Part:
    """A file of a set.

    Attributes:
        path: the file.
        name: its path in the folder of the set, without the suffix; no other file of the set has it.
        split: the split that its name or a folder states; empty if none does.
    """

    path: Path
    name: str
    split: str = ""


def parts_of(path: Path, suffixes: Sequence[str]) -> list[Part]:
    """Return the files of a set: the file, or those in a folder that end so, sorted by name.

    Their names or folders state splits if one of them is for training, as in ``train-00000-of-00002.parquet`` and
    ``test-00000-of-00001.parquet``, or in ``train/0000.parquet`` and ``test/0000.parquet``.

    Raises:
        DataError: there is no such file, some state a split and others none, or none is for training.
    """
    try:
        if not path.is_dir():
            require(path)
            return [Part(path, _bare(path.name, suffixes))]
        found = sorted(entry for entry in path.rglob("*") if entry.name.lower().endswith(tuple(suffixes)))
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from None
    names = {entry: entry.relative_to(path).as_posix() for entry in found if not entry.name.startswith(".")}
    if not names:
        raise DataError(f"{printable(path)} has no files that end in {' or '.join(suffixes)}")
    splits = {name: _stated(name) for name in names.values()}
    stated = set(splits.values())
    if len(stated) > 1 and (TRAIN not in stated or "" in stated):
        odd = next((name for name, split in splits.items() if not split), "")
        lacking = f"{printable(odd)}, which names none" if odd else "none for training"
        raise DataError(
            f"{printable(path)} has files for splits, and {lacking}",
            expected="train, val or test in the name of every file or of its folder, or of none",
        )
    shown = splits if len(stated) > 1 else dict.fromkeys(splits, "")
    return [Part(entry, _bare(name, suffixes), shown[name]) for entry, name in names.items()]


def _bare(name: str, suffixes: Sequence[str]) -> str:
    """Return a name without the suffix by which it is of its kind."""
    return name[: len(name) - max((len(end) for end in suffixes if name.lower().endswith(end)), default=0)]


def _stated(name: str) -> str:
    """Return the split that the name of a file states, or the nearest folder of a split in which it is.

    >>> _stated("default/test/0000.parquet"), _stated("test-set/train.csv"), _stated("latest/0.tar")
    ('test', 'train', '')
    """
    *folders, last = name.split("/")
    return split_of_file(last) or next((split for folder in reversed(folders) if (split := split_of(folder))), "")


def split_of_file(name: str) -> str:
    """Return the split that the name of a file states; empty if it states none, or two.

    >>> split_of_file("mnist_train.csv"), split_of_file("test-00000-of-00001.parquet"), split_of_file("digits.csv")
    ('train', 'test', '')
    """
    words = re.split(r"[^a-z]+", _SHARD.sub("", name.lower()))
    named = {WORDS[word] for word in words if word in WORDS}
    return named.pop() if len(named) == 1 else ""


def stamp_of(parts: Sequence[Part]) -> str:
    """Return a text that changes when one of the files changes: their names, sizes and times.

    Raises:
        DataError: one cannot be read.
    """
    try:
        facts = [
            (part.name, part.split, found.st_size, found.st_mtime_ns) for part in parts if (found := require(part.path))
        ]
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from None
    return repr(facts)


class Reader:
    """Reads pieces of a file at any position, from several threads."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file: IO[bytes] = file
        self.size: int = os.fstat(file.fileno()).st_size
        self._lock = threading.Lock()

    @classmethod
    def of(cls, path: Path) -> Reader:
        """Open a file.

        Raises:
            DataError: it cannot be opened.
        """
        try:
            return cls(opened(path))
        except OSError as error:
            refuse_scarcity(error)
            raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from None

    def read(self, at: int, size: int) -> bytes:
        """Return bytes from a position; fewer at the end of the file."""
        with self._lock:
            self.file.seek(at)
            return self.file.read(size)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


@dataclass(frozen=True)
class Piece:
    """An image within a file."""

    reader: Reader
    at: int
    size: int

    def __call__(self) -> bytes:
        """Read it.

        Raises:
            ImageError: the file has become shorter.
        """
        found = self.reader.read(self.at, self.size)
        if len(found) < self.size:
            raise ImageError("is truncated")
        return found
