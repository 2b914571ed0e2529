"""A table of pixels: a label and the values of an image in each row, as Kaggle and others publish MNIST."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import hold, question, spend
from convscope.data.home import printable
from convscope.data.table import LABEL, LONGEST, cells
from convscope.data.taken import Item, Taken
from convscope.errors import DataError, refuse_scarcity
from convscope.files import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import IO

    from numpy.typing import NDArray

    from convscope.data.parts import Part
    from convscope.data.spelled import Spelled

LEAST = 17
"""The fewest columns of a table of pixels: a label and 4x4."""

CHUNK = 1 << 22
"""Text that is parsed at a time [byte]."""

NUMBERS = {"", "id", "index", "unnamed: 0"}
"""Names of columns that number the rows."""

PER_ROW = (10, 700)
"""Cost of a row beside its pixels, in steps and bytes."""


@dataclass(frozen=True)
class Pixels:
    """An image among others."""

    images: NDArray[np.uint8]
    at: int

    def __call__(self) -> NDArray[np.uint8]:
        """Return its pixels ``c h w``."""
        found: NDArray[np.uint8] = self.images[self.at]
        return found


@dataclass(frozen=True)
class Layout:
    """How the rows of a table are made.

    Attributes:
        header: whether the first row names the columns.
        last: whether the label is the last cell, not the first.
        delimiter: between cells.
        count: number of pixels.
    """

    header: bool
    last: bool
    delimiter: bytes
    count: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image: square, grey or RGB.

        Raises:
            DataError: the number of pixels is that of no such image.
        """
        for channels in (1, 3):
            side = math.isqrt(self.count // channels)
            if side * side * channels == self.count:
                return side, side, channels
        raise DataError(f"rows of {self.count:,} pixels", expected="a square image, grey or RGB, such as 784 for 28x28")


def layout_of(path: Path, wanted: Spelled) -> Layout | None:
    """Return how a table of pixels is made; None if it is not one.

    Raises:
        DataError: its label is neither first nor last.
        OSError: it cannot be read.
    """
    with opened(path) as file:
        line = file.readline(LONGEST)
        delimiter = max((b",", b";", b"\t", b"|"), key=line.count)
        if line.count(delimiter) + 1 < LEAST:
            return None
        file.seek(0)
        rows = cells(file)
        try:
            first, second = next(rows, []), next(rows, [])
        except (ValueError, UnicodeError):
            return None
    header = sum(map(_is_number, first)) < len(first) / 2
    if sum(map(_is_number, second if header else first)) < len(first) / 2:
        return None
    last = header and _label_is_last([name.strip() for name in first], dict(wanted.columns).get("label"), path)
    return Layout(header, last, delimiter, len(first) - 1)


def _label_is_last(names: list[str], wanted: str | None, path: Path) -> bool:
    """Return whether the column of labels is the last one, by the names of the columns; else it is the first.

    It is the one that the user names, one with a usual name, or the only end that is not called like the others, but
    for its number.

    Raises:
        DataError: no column is known to hold labels, or it is neither the first nor the last.
    """
    label = wanted or next((name for name in names if name.lower() in LABEL), "")
    if label in names:
        if names.index(label) not in {0, len(names) - 1}:
            raise DataError(f"{printable(path)}: the column {printable(label)} is neither the first nor the last")
        return names[-1] == label
    kinds = [re.sub(r"[0-9]+", "0", name) for name in names]
    usual = Counter(kinds).most_common(1)[0][0]
    ends = [kinds[at] != usual and names[at].lower() not in NUMBERS for at in (0, -1)]
    if wanted or sum(ends) != 1:
        lacking = f'"{printable(wanted)}"' if wanted else "that is known to hold labels"
        raise DataError(
            f"{printable(path)} has no column {lacking}",
            given=f"columns {printable(names[0])}, {printable(names[1])}, … {printable(names[-1])}",
            expected="a column label, first or last",
        )
    return ends[1]


def _is_number(cell: str) -> bool:
    return cell.strip().replace(".", "", 1).isdecimal()


def take(parts: Sequence[Part], wanted: Spelled) -> Taken:
    """Return the images in tables of pixels.

    Raises:
        DataError: a row is not a label and integers of 0 to 255.
        LimitError: there are more rows than the size of the file allows.
    """
    items: list[Item] = []
    for part in parts:
        layout = layout_of(part.path, wanted)
        if layout is None:
            raise DataError(f"{printable(part.path)} is not a table of pixels, as others of the set are")
        with opened(part.path) as file, question(size=part.path.stat().st_size):
            try:
                images, labels = _read(file, layout)
            except (OSError, ValueError) as error:
                refuse_scarcity(error)
                raise DataError(f"{printable(part.path)} cannot be read: {str(error)[:200]}") from None
            except DataError as error:
                raise error.add(subject=printable(part.path)) from None
        prefix = f"{part.name} " if len(parts) > 1 else ""
        items += [Item(f"{prefix}{at}", part.split, label, Pixels(images, at)) for at, label in enumerate(labels)]
    if items and len({item.content().shape for item in (items[0], items[-1])}) > 1:  # type: ignore[union-attr]
        raise DataError(f"{printable(wanted.folder)} has images of several sizes")
    return Taken(items, expected="rows of a label and pixels")


def _read(file: IO[bytes], layout: Layout) -> tuple[NDArray[np.uint8], list[str]]:
    """Return images ``n c h w`` and their labels."""
    height, width, channels = layout.shape
    blocks, labels = [], []
    for number, lines in _chunks(file, layout):
        spend(PER_ROW[0] * len(lines), elements=layout.count * len(lines))
        hold((PER_ROW[1] + layout.count) * len(lines))
        divide = bytes.rpartition if layout.last else bytes.partition
        halves = [divide(line, layout.delimiter) for line in lines]
        labels += [_name(half[2 if layout.last else 0]) for half in halves]
        rows = [half[0 if layout.last else 2] for half in halves]
        odd = next((at for at, row in enumerate(rows) if row.count(layout.delimiter) != layout.count - 1), None)
        if odd is not None or not all(labels[-len(lines) :]):
            at = odd if odd is not None else labels[-len(lines) :].index("")
            raise DataError(f"row {number + at} is not a label and {layout.count:,} pixels")
        values = integers(layout.delimiter.join(rows), layout.delimiter)
        if values is None or len(values) != len(lines) * layout.count or values.max(initial=0) > 255:
            raise DataError(
                f"rows {number} to {number + len(lines) - 1} have pixels that are not integers of 0 to 255",
                attempt="multiply them by 255 if they are 0 to 1",
            )
        blocks.append(values.astype(np.uint8).reshape(-1, height, width, channels))
    if not blocks:
        raise DataError("there are no rows", expected="rows of a label and pixels")
    images = np.concatenate(blocks)
    if not layout.header and not layout.last:
        images, labels = _by_last(images, labels)
    return images.transpose(0, 3, 1, 2), labels


def _by_last(values: NDArray[np.uint8], labels: list[str]) -> tuple[NDArray[np.uint8], list[str]]:
    """Return images and labels of a table without names of columns, whose labels may be in the last column.

    Labels are classes without a gap, from 0 or 1. The last column has them if the first has not, and has fewer values
    or only one, as a corner of images has.

    Args:
        values: ``n h w c``, of all columns but the first.
        labels: the first column.
    """
    rows = values.reshape(len(values), -1)
    first, last = set(labels), set(map(str, rows[:, -1].tolist()))
    if _are_classes(first) or not _are_classes(last) or not (len(last) < len(first) or len(first) == 1):
        return values, labels
    corner = np.array([int(label) if label.isdecimal() else 256 for label in labels])
    if corner.max() > 255:
        return values, labels
    moved = np.concatenate([corner[:, None].astype(np.uint8), rows[:, :-1]], axis=1)
    return moved.reshape(values.shape), [str(label) for label in rows[:, -1].tolist()]


def _are_classes(values: set[str]) -> bool:
    """Return whether values are the numbers of classes without a gap.

    >>> _are_classes({"0", "1", "2"}), _are_classes({"0", "255"}), _are_classes({"0"})
    (True, False, False)
    """
    return len(values) > 1 and values in ({str(at + low) for at in range(len(values))} for low in (0, 1))


def _name(cell: bytes) -> str:
    """Return a label; integers that are written as floats are integers."""
    text = cell.decode("utf-8", "replace").strip().strip('"')
    return text.removesuffix(".0") if text.removesuffix(".0").isdecimal() else text


def _chunks(file: IO[bytes], layout: Layout) -> Iterator[tuple[int, list[bytes]]]:
    """Yield lines, some megabytes at a time, with the number of the first."""
    number = 1
    if layout.header:
        file.readline(LONGEST)
        number = 2
    elif file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)
    while lines := file.readlines(CHUNK):
        found = [line.rstrip(b"\r\n") for line in lines]
        if max(map(len, found)) > LONGEST:
            raise DataError(f"it has a line of more than {LONGEST:,} characters")
        yield number, [line for line in found if line]
        number += len(lines)


def integers(text: bytes, delimiter: bytes) -> NDArray[np.int64] | None:
    """Return integers of up to four digits between delimiters; None if something else is there.

    >>> integers(b"0,17,255", b",").tolist(), integers(b"0.5,1", b","), integers(b"1,,2", b",")
    ([0, 17, 255], None, None)
    """
    if b"." in text:
        return _integral(text, delimiter)
    codes = np.frombuffer(text, np.uint8)
    digits = codes - 48
    is_digit = digits < 10
    blank = codes == delimiter[0]
    if not (is_digit | blank | (codes == 32)).all():
        return None
    ends = np.flatnonzero(is_digit & ~np.append(is_digit[1:], False))
    if len(ends) != blank.sum() + 1:
        return None
    values, running = np.zeros(len(ends), np.int64), np.ones(len(ends), bool)
    for place in range(5):
        at = ends - place
        running &= (at >= 0) & is_digit[np.maximum(at, 0)]
        if place == 4 and running.any():
            return None
        values += np.where(running, digits[np.maximum(at, 0)].astype(np.int64) * 10**place, 0)
    return values


def _integral(text: bytes, delimiter: bytes) -> NDArray[np.int64] | None:
    """Return integers that are written as floats, such as 17.0; None if some are not integers."""
    try:
        values = np.array([float(cell) for cell in text.split(delimiter)])
    except ValueError:
        return None
    whole = np.isfinite(values).all() and (values == np.floor(values)).all() and values.min(initial=0) >= 0
    return values.astype(np.int64) if whole and values.max(initial=0) < 10_000 else None
