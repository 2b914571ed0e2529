"""Reading a string from an HDF5 file without the library, which may loop forever on a damaged file.

The position of the string follows from the HDF5 File Format Specification, version 3.0, sections "Attribute Message"
and "Global Heap".
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from convscope import files
from convscope.budget import spend
from convscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_TEXT, _ANY_LENGTH = 3, 9
"""Type classes: a string of fixed length, and a sequence of variable length."""

_SEARCHED, _PART = 2**28, 2**20
"""Bytes from the start that are searched, and the size of a part; strings come first."""

_STEPS = {"part": 300, "place": 40, "object": 10}
"""Steps for a part that is searched, a candidate, and an object of a heap."""


def attribute(path: Path, name: str, most: int) -> bytes | None:
    """Return a string attribute in the file; None if there is none of that name.

    Raises:
        ModelError: the string is too long, or the file is damaged there.
    """
    with files.opened(path) as file:
        for place in _places(file, f"{name}\0".encode()):
            found = _message(file, place, name)
            if found is None:
                continue
            start, length = found
            if length > most:
                raise ModelError(f"{name} has {length:,} bytes", expected=f"at most {most:,} bytes")
            return _exactly(file, start, length).rstrip(b"\0")
    return None


def _exactly(file: BinaryIO, at: int, count: int) -> bytes:
    if at + count > os.fstat(file.fileno()).st_size:
        raise ModelError("the file is damaged: a string extends past its end")
    file.seek(at)
    return file.read(count)


def _places(file: BinaryIO, word: bytes) -> Iterator[int]:
    """Yield the positions of a word."""
    for start in range(0, _SEARCHED, _PART):
        spend(_STEPS["part"])
        file.seek(start)
        part = file.read(_PART + len(word) - 1)
        at = part.find(word)
        while at >= 0:
            spend(_STEPS["place"])
            yield start + at
            at = part.find(word, at + 1)
        if len(part) < _PART:
            return


def _message(file: BinaryIO, at: int, name: str) -> tuple[int, int] | None:
    """Return position and length of the value of the attribute with its name here; None if it is not an attribute.

    Version, flags and the sizes of name, type and space precede the name, with one more byte from version 3. Type,
    space and value follow; in version 1, each is padded to a multiple of 8.
    """
    for head in (8, 9):
        before = _exactly(file, at - head, head) if at >= head else b"\0" * head
        sizes = struct.unpack("<3H", before[2:8])
        if before[0] not in ({1, 2} if head == 8 else {3}) or sizes[0] != len(name) + 1 or sizes[1] < 8:
            continue
        named, typed, spaced = (-(-size // 8) * 8 if before[0] == 1 else size for size in sizes)
        kind = _exactly(file, at + named, 8)
        value = at + named + typed + spaced
        if kind[0] & 15 == _TEXT:
            return value, int.from_bytes(kind[4:], "little")
        if kind[0] & 15 == _ANY_LENGTH:
            return _in_heap(file, *struct.unpack("<IQI", _exactly(file, value, 16)))
        raise ModelError(f"{name} is not a string")
    return None


def _in_heap(file: BinaryIO, length: int, heap: int, number: int) -> tuple[int, int]:
    """Return the position of an object in a global heap, and its length."""
    if not length:
        return 0, 0
    mark, size = struct.unpack("<4s4xQ", _exactly(file, heap, 16))
    at, end = heap + 16, heap + size
    while mark == b"GCOL" and at + 16 <= end:
        spend(_STEPS["object"])
        found, _count, inside = struct.unpack("<HH4xQ", _exactly(file, at, 16))
        if found == number and length <= inside:
            return at + 16, length
        at += 16 + -(-inside // 8) * 8
    raise ModelError("the file is damaged: a string is missing from its heap")
