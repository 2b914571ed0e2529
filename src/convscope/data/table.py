"""Tables of images and labels: CSV and JSON Lines, read row by row, with bounded memory."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from convscope.budget import hold, spend
from convscope.data.classes import listed
from convscope.data.home import printable
from convscope.data.imagefile import FORMATS
from convscope.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LONGEST = 1 << 20
"""Limit for one row [byte]."""

PER_ROW = (5, 600)
"""Cost of a row in steps and bytes."""

IMAGE = ("file_name", "filename", "file", "filepath", "file_path", "path", "image_path", "image", "img", "name", "id")
LABEL = ("label", "labels", "class", "class_name", "classname", "category", "target", "y", "species", "emotion")
SPLIT = ("split", "subset", "set", "usage", "partition", "dataset")
"""Usual names of columns, in lower case; the first that a table has counts."""

PROSE = {"text", "caption", "description", "prompt", "title", "url", "licence", "license"}
"""Columns that are never labels, unless the user names them."""

DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Row:
    """A row of a table: its number, as an editor counts lines of a simple file, and the three values."""

    number: int
    image: str
    label: str
    split: str


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are read, by position or name."""

    image: str
    label: str
    split: str = ""


def chosen(names: Sequence[str], named: Mapping[str, str], subject: str) -> Columns:
    """Choose the columns that contain image, label and split.

    Args:
        names: of all columns.
        named: those that the user named, by what they contain.
        subject: the file, for errors.

    Raises:
        DataError: there is no such column, or several may be meant.

    >>> chosen(["file_name", "cat or dog"], {}, "t.csv")
    Columns(image='file_name', label='cat or dog', split='')
    """
    found = {}
    for what, usual in (("image", IMAGE), ("label", LABEL), ("split", SPLIT)):
        wanted = named.get(what)
        if wanted is not None and wanted not in names:
            raise DataError(f'{subject} has no column "{printable(wanted)}"', given=f"columns {listed(names)}")
        lower = {name.strip().lower(): name for name in reversed(names)}
        found[what] = wanted or next((lower[name] for name in usual if name in lower), "")
    rest = [name for name in names if name not in found.values() and name.lower() not in PROSE]
    if not found["label"] and len(rest) == 1:
        found["label"] = rest[0]
    for what, usual in (("image", IMAGE), ("label", LABEL)):
        if not found[what]:
            raise DataError(
                f"{subject} has no column that is known to contain {'paths' if what == 'image' else 'labels'}",
                given=f"columns {listed(names)}",
                expected=f"a column {usual[0]}",
                attempt=f"name it in the name of the set, as in csv,{what}=COLUMN:PATH",
            )
    return Columns(**found)


def rows(file: IO[bytes], name: str, subject: str, named: Mapping[str, str]) -> Iterator[Row]:
    r"""Yield the rows of a table whose name ends in ``.csv``, ``.tsv`` or ``.jsonl``.

    Args:
        file: its content.
        name: its name.
        subject: the same for errors.
        named: the columns that the user named, by what they contain.

    Raises:
        DataError: it is not such a table, or lacks a column.
        LimitError: it has more rows than its size allows.

    >>> [row.label for row in rows(io.BytesIO(b"file_name,label\na.png,cat\nb.png,dog\n"), "t.csv", "t.csv", {})]
    ['cat', 'dog']
    """
    read = _of_json if name.lower().endswith(".jsonl") else _of_csv
    with readable(subject):
        for row in read(file, subject, named):
            spend(PER_ROW[0])
            hold(PER_ROW[1] + 2 * (len(row.image) + len(row.label)))
            yield row


@contextmanager
def readable(subject: str) -> Iterator[None]:
    """Turn what a damaged table raises into one error.

    Raises:
        DataError: it is damaged, or not a table.
    """
    try:
        yield
    except UnicodeError:
        raise DataError(f"{subject} is not text in UTF-8", attempt="save it in UTF-8") from None
    except (csv.Error, ValueError, RecursionError, OverflowError) as error:
        raise DataError(f"{subject} is not a table, or is damaged: {str(error)[:200]}") from None


def text(file: IO[bytes]) -> Iterator[str]:
    """Yield lines with their ends: UTF-8, or UTF-16 where the file begins with its mark.

    Raises:
        ValueError: a line is too long.
        UnicodeError: it is other text.
    """
    head = file.read(2)
    file.seek(0)
    wide = head in {b"\xff\xfe", b"\xfe\xff"}
    wrapped = io.TextIOWrapper(file, encoding="utf-16" if wide else "utf-8-sig", newline="")
    try:
        while line := wrapped.readline(LONGEST):
            if len(line) == LONGEST:
                raise ValueError(f"it has a line of more than {LONGEST:,} characters")
            yield line
    finally:
        with suppress(ValueError):  # the file may be closed by now; else the code that opened it closes it
            wrapped.detach()


class _Measured:
    """Lines of a table; a row may have several, and all of them together are bounded."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.length = lines, 0

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.length += len(line)
            if self.length > LONGEST:
                raise ValueError(f"it has a row of more than {LONGEST:,} characters")
            yield line


def cells(file: IO[bytes]) -> Iterator[list[str]]:
    """Yield the cells of each row of a CSV; the delimiter is the most frequent one in the first line."""
    lines = text(file)
    first = next(lines, "")
    delimiter = max(DELIMITERS, key=first.count)
    measured = _Measured(_from(first, lines))
    for row in csv.reader(measured, delimiter=delimiter, strict=True, skipinitialspace=True):
        measured.length = 0
        yield row


def _from(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def is_image(cell: str) -> bool:
    """Return whether a cell is the path of an image, by its suffix.

    >>> is_image("cats/1.JPG"), is_image("file_name")
    (True, False)
    """
    return cell.strip().lower().endswith(tuple(FORMATS))


def has_labels(file: IO[bytes], name: str, named: Mapping[str, str]) -> bool:
    r"""Return whether a table has a column of paths and one of labels, by its first row.

    >>> has_labels(io.BytesIO(b"file_name,text\na.png,a cat\n"), "metadata.csv", {})
    False
    """
    try:
        if name.lower().endswith(".jsonl"):
            return next(_of_json(file, name, named), None) is not None
        first = next(cells(file), [])
        return bool(chosen([cell.strip() for cell in first], named, name))
    except (DataError, csv.Error, ValueError, RecursionError):
        return False


def _of_csv(file: IO[bytes], subject: str, named: Mapping[str, str]) -> Iterator[Row]:
    found = cells(file)
    first = next(found, [])
    bare = any(map(is_image, first))
    names = [f"column {at + 1}" for at in range(len(first))] if bare else [cell.strip() for cell in first]
    if bare and "image" not in named:
        named = {**named, "image": names[next(at for at, cell in enumerate(first) if is_image(cell))]}
    columns = chosen(names, named, subject)
    image, label = names.index(columns.image), names.index(columns.label)
    split = names.index(columns.split) if columns.split else -1
    for number, row in enumerate(_again(first, found) if bare else found, 1 if bare else 2):
        if not any(row):
            continue
        if len(row) != len(names):
            raise ValueError(f"row {number} has {len(row)} cells, and the first {len(names)}")
        yield Row(number, row[image].strip(), row[label].strip(), row[split].strip() if split >= 0 else "")


def _again(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _of_json(file: IO[bytes], subject: str, named: Mapping[str, str]) -> Iterator[Row]:
    columns = None
    for number, line in enumerate(text(file), 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is not an object")  # noqa: TRY004 -- the file is wrong, not the caller
        columns = columns or chosen([*row], named, subject)
        split = row.get(columns.split, "") if columns.split else ""
        yield Row(number, _word(row.get(columns.image)), _word(row.get(columns.label)), _word(split))


def _word(value: object) -> str:
    """Return a value of JSON as a cell; empty for what is neither a text nor a number."""
    return "" if isinstance(value, bool | dict | list | None) else str(value).strip()
