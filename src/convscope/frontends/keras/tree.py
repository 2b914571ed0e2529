"""Names and shapes of the tensors in an HDF5 file, without the library, which may loop forever on a damaged file.

Only the layout that Keras writes is supported (HDF5 File Format Specification, version 3.0): superblock 0, groups with
symbol tables, object headers of version 1.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.budget import about, hold, spend
from convscope.errors import ModelError
from convscope.frontends.keras.hdf5 import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from convscope.core.shape import Shape

PART, BYTES = 16, 1000
"""Steps for a part of a file, and bytes that are read in one step."""

LONGEST = 1024
"""Limit for the name of a tensor or a group [byte]."""

_ROOT, _ENTRY, _SOFT = 64, 40, 2
"""Offset of the root's header in the superblock; length of a symbol-table entry; the type of a link."""

_SPACE, _TYPE, _MORE, _TABLE = 1, 3, 16, 17
"""Messages of an object header: dimensions, datatype, continuation, the symbol table of a group."""

_INTEGER = 0


@dataclass(frozen=True)
class Stored:
    """A tensor of a file.

    Attributes:
        path: names of groups and its own, relative to the start.
        shape: of it.
        integer: its values are integers.
        width: of a value [byte].
    """

    path: tuple[str, ...]
    shape: Shape
    integer: bool
    width: int


@dataclass
class Tree:
    """An HDF5 file that is searched within a budget.

    Attributes:
        file: that is open.
        start: where the HDF5 file begins in it [byte].
        size: of the HDF5 file [byte].
        groups: members of visited groups, by position; each group is listed once.
    """

    file: BinaryIO
    start: int
    size: int
    groups: dict[int, dict[str, int]] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        head = self._read(0, 16)
        if head[:9] != SIGNATURE + b"\0" or head[13:15] != b"\x08\x08":
            raise ModelError("the weights file has an unknown layout")

    def has(self, name: str) -> bool:
        """Return whether there is a top-level member of that name."""
        return name in self._group(struct.unpack("<Q", self._read(_ROOT, 8))[0])

    def _group(self, at: int) -> dict[str, int]:
        if at not in self.groups:
            self.groups[at] = dict(self._members(at))
        return self.groups[at]

    def tensors(self, names: Sequence[str]) -> list[Stored] | None:
        """Return all tensors in a group, each once; None if there is no such group.

        Raises:
            ModelError: the file is damaged there, or has an unsupported layout.
        """
        at: int | None = struct.unpack("<Q", self._read(_ROOT, 8))[0]
        for name in names:
            assert at is not None
            at = self._group(at).get(name)
            if at is None:
                return None
        assert at is not None
        return list(self._walk(at, ()))

    def _walk(self, at: int, path: tuple[str, ...]) -> Iterator[Stored]:
        todo = [(at, path)]
        while todo:
            at, path = todo.pop()
            if at in self._seen:  # a cycle, or two names of one object
                continue
            self._seen.add(at)
            found = dict(self._messages(at))
            if _TABLE in found:
                todo += [(child, (*path, name)) for name, child in reversed(list(self._members(at)))]
            elif _SPACE in found and _TYPE in found:
                yield self._stored(path, found[_SPACE], found[_TYPE])

    def _stored(self, path: tuple[str, ...], space: bytes, kind: bytes) -> Stored:
        version, rank = space[0], space[1]
        if version not in {1, 2} or rank > 32:
            raise ModelError("the weights file is damaged: the dimensions of a tensor cannot be read")
        shape = struct.unpack_from(f"<{rank}Q", space, 8 if version == 1 else 4)
        width = int.from_bytes(kind[4:8], "little")
        if math.prod(shape) * width > self.size:
            raise ModelError(f"a tensor of shape {shape} is larger than the file")
        return Stored(path, shape, kind[0] & 15 == _INTEGER, width)

    def _members(self, at: int) -> Iterator[tuple[str, int]]:
        """Return the names in a group with the positions of their headers, without links."""
        table = dict(self._messages(at)).get(_TABLE)
        if table is None:
            raise ModelError("the weights file has an unknown layout")
        tree, heap = struct.unpack_from("<2Q", table)
        mark, size, names = struct.unpack("<4s4xQ8xQ", self._read(heap, 32))
        if mark != b"HEAP" or size > self.size:
            raise ModelError("the weights file is damaged: the names of a group are missing")
        texts = self._read(names, size)
        for leaf in self._leaves(tree):
            for place in range(8, len(leaf), _ENTRY):
                name, child, kind = struct.unpack_from("<2QI", leaf, place)
                if kind != _SOFT:
                    yield texts[name : texts.index(b"\0", name, name + LONGEST)].decode(errors="replace"), child

    def _leaves(self, at: int) -> Iterator[bytes]:
        """Yield symbol tables below a node of a tree, in the order of names."""
        todo = [at]
        while todo:
            at = todo.pop()
            mark, kind, count = struct.unpack("<4sBxH", self._read(at, 8))
            if mark == b"SNOD":
                yield self._read(at, 8 + _ENTRY * count)
            elif mark == b"TREE" and kind == 0:
                pairs = self._read(at + 24, 16 * count)
                todo += [struct.unpack_from("<Q", pairs, 16 * one + 8)[0] for one in reversed(range(count))]
            else:
                raise ModelError("the weights file is damaged: the members of a group are missing")

    def _messages(self, at: int) -> Iterator[tuple[int, bytes]]:
        """Yield the messages of an object header."""
        version, size = struct.unpack("<B7xI", self._read(at, 12))
        if version != 1:
            raise ModelError("the weights file has an unknown layout")
        blocks = [(at + 16, size)]
        while blocks:
            start, length = blocks.pop()
            block = self._read(start, length)
            place = 0
            while place + 8 <= length:
                kind, count = struct.unpack_from("<2H", block, place)
                data = block[place + 8 : place + 8 + count]
                if kind == _MORE:
                    blocks.append(struct.unpack_from("<2Q", data))
                yield kind, data
                place += 8 + count

    def _read(self, at: int, count: int) -> bytes:
        if at + count > self.size:
            raise ModelError("the weights file is damaged: a part lies past its end")
        with about("the names in the weights file"):
            spend(PART + count / BYTES)
            hold(count)
        self.file.seek(self.start + at)
        return self.file.read(count)
