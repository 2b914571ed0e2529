"""``tar:PATH``: a tar of folders, or shards of WebDataset; nothing is unpacked to a folder.

Headers are read here, not by a library that also creates files, links and devices: a member is a name, a position and a
size. A compressed archive is unpacked into one nameless temporary file, to no more than its size can plausibly hold.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.budget import hold, question, spend
from convscope.data.folder import SUFFIXES, in_order
from convscope.data.home import printable
from convscope.data.members import inside, is_hidden, taken_of, unsafe
from convscope.data.parts import Part, Piece, Reader, parts_of, stamp_of
from convscope.data.taken import MAX_BYTES, Item, Taken
from convscope.errors import DataError, LimitError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.data.spelled import Spelled

ENDINGS = (".tar", ".tar.gz", ".tgz")

BLOCK = 512

LONG = 1 << 16
"""Limit for an extended header [byte]."""

LABELS = (".cls", ".json")
"""Suffixes of members that state the class of the image of the same key."""

KEYS = ("label", "cls", "class", "class_name", "category", "target")
"""Keys of a member in JSON that may state the class."""

COPIED = 1 << 20


@dataclass(frozen=True)
class Member:
    """A member of an archive: its name, where it is, and why it is not read, if it is not."""

    name: str
    at: int
    size: int
    folder: bool = False
    bad: str = ""


def stamp(wanted: Spelled) -> str:
    """Return a text that changes when the set changes."""
    return stamp_of(parts_of(wanted.folder, ENDINGS))


def take(wanted: Spelled) -> Taken:
    """Return the images in tars.

    Raises:
        DataError: one is not a tar, or is damaged, or no image has a class.
        LimitError: it unpacks to too much.
    """
    parts = parts_of(wanted.folder, ENDINGS)
    readers: list[Reader] = []

    def close() -> None:
        for reader in readers:
            reader.close()

    try:
        files: dict[str, Piece] = {}
        folders, bad = [], {}
        with question(size=sum(part.path.stat().st_size for part in parts)):
            for part in parts:
                reader = _unpacked(part, readers)
                for inner, member in _inner(part, reader):
                    name = _named(part, inner, several=len(parts) > 1)
                    why = unsafe(inner) or member.bad or ("is in the archive twice" if name in files else "")
                    if not inner.strip("/.") or (is_hidden(inner) and not unsafe(inner)):
                        continue
                    if why:
                        bad[name] = why
                    elif member.folder:
                        folders.append(name)
                    else:
                        files[name] = Piece(reader, member.at, member.size)
        if any(name.endswith(LABELS[0]) for name in files) or _states_labels(files):
            return _by_keys(files, bad, close)
        return taken_of(files, folders, bad, wanted, close)
    except BaseException:
        close()
        raise


def _inner(part: Part, reader: Reader) -> Iterator[tuple[str, Member]]:
    """Yield the members of an archive by their names, in one of a split without the folder around all files."""
    found = [(one.name.removeprefix("./"), one) for one in members(reader, printable(part.path))]
    files = [name for name, one in found if not (one.folder or one.bad or is_hidden(name) or unsafe(name))]
    around = files[0][: inside(files)] if part.split and files else ""
    for name, one in found:
        if not (one.folder and around.startswith(name)):
            yield name.removeprefix(around), one


def _named(part: Part, name: str, *, several: bool) -> str:
    """Return the name of a member in the set: below its split, or below its shard."""
    if part.split:
        return f"{part.split}/{name}"
    return f"{part.name}/{name}" if several and "/" not in name else name


def _unpacked(part: Part, readers: list[Reader]) -> Reader:
    """Open an archive; a compressed one is unpacked to a temporary file."""
    reader = Reader.of(part.path)
    readers.append(reader)
    if reader.read(0, 2) != b"\x1f\x8b":
        return reader
    unpacked = Reader(tempfile.TemporaryFile())  # noqa: SIM115 -- closed with the others
    readers.append(unpacked)
    reader.file.seek(0)
    try:
        with gzip.GzipFile(fileobj=reader.file) as file:
            while chunk := file.read(COPIED):
                hold(len(chunk))
                unpacked.file.write(chunk)
    except LimitError as error:
        raise error.add(subject=printable(part.path)) from None
    except (OSError, EOFError, zlib.error) as error:
        refuse_scarcity(error)
        raise DataError(f"{printable(part.path)} is damaged: {str(error)[:200]}") from None
    unpacked.file.flush()
    unpacked.size = unpacked.file.tell()
    return unpacked


def members(reader: Reader, subject: str) -> Iterator[Member]:
    """Yield the members of a tar, whatever they are.

    Raises:
        DataError: it is not a tar, or is damaged.
    """
    at, name, size = 0, "", -1
    while len(block := reader.read(at, BLOCK)) == BLOCK and any(block):
        spend(20)
        hold(500)
        sized = _number(block[124:136])
        if _number(block[148:156]) != _sum(block) or sized < 0:
            raise DataError(f"{subject} is not a tar archive, or is damaged, at byte {at:,}")
        kind, start = block[156:157], at + BLOCK
        extended = kind in b"xgLK" and kind
        stored = sized if extended or size < 0 else size
        if start + stored > reader.size:
            raise DataError(f"{subject} is truncated: a member of {stored:,} bytes begins at byte {start:,}")
        at = start + -(-stored // BLOCK) * BLOCK
        if extended:
            if stored > LONG:
                raise DataError(f"{subject} is damaged: it has a header of {stored:,} bytes")
            if kind == b"x":
                found = _extended(reader.read(start, stored), subject)
                name, size = found.get("path", name), int(found["size"]) if "size" in found else size
            elif kind == b"L":
                name = _text(reader.read(start, stored))
            continue
        own = name or "/".join(filter(None, (_prefix(block), _text(block[:100]))))
        yield Member(own, start, stored, folder=kind == b"5" or own.endswith("/"), bad=_unread(kind, stored))
        name, size = "", -1
    if at == 0:
        raise DataError(f"{subject} is not a tar archive, or is empty")


def _unread(kind: bytes, size: int) -> str:
    if kind in {b"1", b"2"}:
        return "is a link"
    if kind not in {b"0", b"\0", b"7", b"5"}:
        return "is not a file"
    return f"has {size:,} bytes, and at most {MAX_BYTES:,} are read" if size > MAX_BYTES else ""


def _prefix(block: bytes) -> str:
    return _text(block[345:500]) if block[257:262] == b"ustar" and block[263:265] == b"00" else ""


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _sum(block: bytes) -> int:
    """Return the checksum of a header, for which the checksum's own bytes count as blanks."""
    return sum(block[:148]) + 8 * 32 + sum(block[156:])


def _number(field: bytes) -> int:
    r"""Return a number in octal digits, or in base 256 if the first bit is set; -1 if it is neither.

    >>> _number(b"0000644 "), _number(b"\x80\x00\x01\x00"), _number(b"size")
    (420, 256, -1)
    """
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and all(48 <= one < 56 for one in digits) else 0 if not digits else -1


def _extended(content: bytes, subject: str) -> dict[str, str]:
    """Return the fields of an extended header: records ``length key=value``."""
    found, at = {}, 0
    while at < len(content):
        digits = content[at : at + 8].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        record = content[at : at + length]
        key, mark, value = record.partition(b" ")[2].partition(b"=")
        if not mark or not record.endswith(b"\n"):
            raise DataError(f"{subject} is damaged: an extended header is malformed")
        found[_text(key)] = _text(value[:-1])
        at += length
    if any(key.startswith("GNU.sparse") for key in found) or not found.get("size", "0").isdecimal():
        raise DataError(f"{subject} holds a sparse file, or one without a size, which is not read")
    return found


def _key(name: str) -> tuple[str, str]:
    """Return the key of a member and its suffix, as WebDataset divides them.

    >>> _key("a.b/000.seg.png"), _key("a/1.CLS")
    (('a.b/000', '.seg.png'), ('a/1', '.cls'))
    """
    folder, mark, last = name.rpartition("/")
    stem, dot, rest = last.partition(".")
    return folder + mark + stem, (dot + rest).lower()


def _states_labels(files: dict[str, Piece]) -> bool:
    """Return whether the first member in JSON that has an image of its key states a class."""
    for name, piece in files.items():
        key, end = _key(name)
        if end == ".json" and any(f"{key}{one}" in files for one in SUFFIXES):
            return bool(_label_of(end, piece))
    return False


def _by_keys(files: dict[str, Piece], bad: dict[str, str], close: object) -> Taken:
    """Return images with the labels that members of the same key state."""
    labels: dict[str, str] = {}
    for name, piece in files.items():
        key, end = _key(name)
        if end in LABELS and (end == LABELS[0] or key not in labels):
            spend(20)
            labels[key] = _label_of(end, piece)
    items, left = [], 0
    for name in sorted(files, key=in_order):
        key, end = _key(name)
        if end not in SUFFIXES:
            left += end not in LABELS
        elif not labels.get(key):
            bad[name] = "has no label: no .cls or .json of its key states one"
        else:
            split, _, rest = name.partition("/")
            items.append(
                Item(name, split if rest and split in {"train", "val", "test"} else "", labels[key], files[name])
            )
    assert callable(close)
    return Taken(
        items, bad=bad, expected="an image and a .cls or .json for each key, or a folder for each class", close=close
    )


def _label_of(end: str, piece: Piece) -> str:
    """Return the class that a member states; empty if it states none."""
    if piece.size > LONG:
        return ""
    text = piece().decode("utf-8", "replace").strip()
    if end == LABELS[0]:
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    value = next((found[key] for key in KEYS if key in found), "") if isinstance(found, dict) else ""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
