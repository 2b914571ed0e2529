"""``parquet:PATH``: a Parquet file, or a folder of them, as the hub of Hugging Face stores images.

One column holds image files, as bytes or as a struct of ``bytes`` and ``path``; another their labels. Sizes that the
file claims are checked before it is unpacked (:mod:`convscope.data.pages`), and rows are unpacked some at a time into
one nameless temporary file.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.budget import hold, question, spend
from convscope.data.folder import in_order
from convscope.data.home import printable
from convscope.data.members import unsafe
from convscope.data.pages import pages_of
from convscope.data.parts import Part, Piece, Reader, parts_of, stamp_of
from convscope.data.table import LABEL, chosen
from convscope.data.taken import Item, Taken
from convscope.errors import DataError, LimitError, refuse_scarcity
from convscope.extras import missing_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convscope.data.spelled import Spelled

ENDINGS = (".parquet",)

AT_ONCE = 2**25
"""Bytes of images that are unpacked at a time."""

ROWS = 256
"""Rows that are unpacked at a time, at most."""

PER_ROW = (20, 700)
"""Cost of a row beside its image, in steps and bytes."""

FOOTER = 2**24
"""Limit for texts and lists in the description of a file."""


@dataclass(frozen=True)
class Found:
    """A row: the path and the class that it states, where its image is, and where the row is."""

    path: str
    label: str
    piece: Piece
    part: Part
    row: int

    @property
    def place(self) -> str:
        """A name by the position of the row."""
        return f"{self.part.name}/{self.row:08}"


def stamp(wanted: Spelled) -> str:
    """Return a text that changes when the set changes."""
    return stamp_of(parts_of(wanted.folder, ENDINGS))


def take(wanted: Spelled) -> Taken:
    """Return the images in Parquet files.

    Raises:
        DataError: one is damaged, or lacks a column.
        LimitError: one unpacks to too much.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise missing_module("pyarrow") from None
    spool = Reader(tempfile.TemporaryFile())  # noqa: SIM115 -- closed when the images have been read
    into = _Gathered(spool)
    try:
        names: tuple[str, ...] = ()
        for part in parts_of(wanted.folder, ENDINGS):
            names = _take_part(pyarrow, part, wanted, into) or names
        spool.file.flush()
        return Taken(
            _items(into.rows),
            bad=into.bad,
            classes=names,
            expected="rows with an image and its label",
            close=spool.close,
        )
    except BaseException:
        spool.close()
        raise


@dataclass
class _Gathered:
    """The rows of all files, those that cannot be used, and the file to which images are unpacked."""

    spool: Reader
    rows: list[Found] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)

    def add(self, row: Found, image: Any, names: tuple[str, ...]) -> None:
        """Add a row, whose image is written to the file."""
        content, path = (image.get("bytes"), image.get("path")) if isinstance(image, dict) else (image, "")
        label = row.label
        if names:
            label = names[int(label)] if label.isdecimal() and int(label) < len(names) else ""
        if not isinstance(content, bytes) or not label:
            self.bad[row.place] = "has no label" if isinstance(content, bytes) else "has no image"
            return
        spend(0, elements=len(content))
        piece = Piece(self.spool, self.spool.file.seek(0, 2), len(content))
        self.spool.file.write(content)
        self.rows.append(Found(path if isinstance(path, str) else "", label, piece, row.part, row.row))


def _items(rows: list[Found]) -> list[Item]:
    """Return the images by the paths that rows state, if these are distinct; else by their positions."""
    paths = {row.path for row in rows}
    if "" not in paths and len(paths) == len(rows) and not any(map(unsafe, paths)):
        named = [Item(row.path, row.part.split, row.label, row.piece) for row in rows]
        return sorted(named, key=lambda item: in_order(item.name))
    return [Item(row.place, row.part.split, row.label, row.piece) for row in rows]


def _take_part(library: Any, part: Part, wanted: Spelled, into: _Gathered) -> tuple[str, ...]:
    """Add the rows of a file; return the names of classes that it states."""
    subject = printable(part.path)
    reader = Reader.of(part.path)
    try:
        with question(size=reader.size):
            file = library.parquet.ParquetFile(
                reader.file, thrift_string_size_limit=FOOTER, thrift_container_size_limit=FOOTER, pre_buffer=False
            )
            columns, names = _columns(library, file.schema_arrow, dict(wanted.columns), subject)
            count = file.metadata.num_rows
            spend(PER_ROW[0] * count)
            hold(PER_ROW[1] * count)
            step = max(1, min(ROWS, AT_ONCE // max(1, _largest(file.metadata, columns, reader))))
            for at, (image, label) in enumerate(_unpacked(file, columns, step)):
                into.add(Found("", label, Piece(into.spool, 0, 0), part, at), image, names)
    except LimitError as error:
        raise error.add(subject=subject) from None
    except DataError as error:
        raise error if subject in error.what else error.add(subject=subject) from None
    except (library.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        refuse_scarcity(error)
        first = str(error).strip().partition("\n")[0][:200]
        raise DataError(f"{subject} is not a Parquet file, or is damaged: {first}") from None
    finally:
        reader.close()
    return names


def _unpacked(file: Any, columns: tuple[str, str], step: int) -> Iterator[tuple[Any, str]]:
    """Yield the image and the label of each row."""
    for batch in file.iter_batches(batch_size=step, columns=[*columns], use_threads=False):
        images, labels = batch.column(columns[0]), batch.column(columns[1])
        for image, label in zip(images, labels, strict=True):
            value = label.as_py()
            yield image.as_py(), "" if value is None else str(value).strip()


def _columns(
    library: Any, schema: Any, named: Mapping[str, str], subject: str
) -> tuple[tuple[str, str], tuple[str, ...]]:
    """Return the columns of images and of labels, and the names of classes that the file states."""
    features = _features(schema.metadata or {})
    types = library.types

    def holds_images(field: Any) -> bool:
        kind = field.type
        if types.is_struct(kind):
            return bool(kind.get_field_index("bytes") >= 0)
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    images = [field.name for field in schema if holds_images(field)]
    labels = [field.name for field in schema if types.is_integer(field.type) or types.is_string(field.type)]
    labels += [field.name for field in schema if types.is_dictionary(field.type) or types.is_large_string(field.type)]
    stated = [name for name in labels if features.get(name, {}).get("_type") == "ClassLabel"]
    wanted = {**named}
    if "image" not in wanted and len(images) == 1:
        wanted["image"] = images[0]
    if "label" not in wanted and len(stated) == 1:
        wanted["label"] = stated[0]
    if "label" not in wanted and len(labels) > 1 and not {name.lower() for name in labels} & set(LABEL):
        labels = [name for name in labels if types.is_integer(schema.field(name).type)]
    found = chosen([*images, *labels], wanted, subject)
    if found.image not in images:
        raise DataError(f"{subject}: the column {printable(found.image)} does not contain image files")
    names = features.get(found.label, {}).get("names", ())
    return (found.image, found.label), tuple(map(str, names)) if isinstance(names, list) else ()


def _features(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the description of columns that ``datasets`` leaves in a file; empty if there is none."""
    try:
        found = json.loads(metadata.get(b"huggingface", b"{}"))
        features = found["info"]["features"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}
    return (
        {key: value for key, value in features.items() if isinstance(value, dict)} if isinstance(features, dict) else {}
    )


def _largest(metadata: Any, columns: tuple[str, str], reader: Reader) -> int:
    """Return the most bytes that a page claims to unpack to, and count what all of them do.

    Raises:
        DataError: a page is damaged.
        LimitError: a page, or all together, unpack to more than the file can plausibly hold.
    """
    largest = 0
    for group in range(metadata.num_row_groups):
        about = metadata.row_group(group)
        for at in range(about.num_columns):
            column = about.column(at)
            if column.path_in_schema.split(".")[0] not in columns:
                continue
            first = column.dictionary_page_offset if column.has_dictionary_page else None
            start = min(first or column.data_page_offset, column.data_page_offset)
            pages = pages_of(reader, start, column.total_compressed_size)
            largest = max(largest, pages.largest)
            spend(0, elements=pages.total)
    hold(largest)
    return largest
