"""The pages of a column of a Parquet file: what each claims to unpack to, read before a library unpacks it.

A page states its size in four bytes of its own, which the library believes and allocates. So the headers are walked
here first: a page of a kilobyte that claims two gigabytes is refused for what it claims. Headers are structs of
Thrift's compact protocol (Apache Parquet's format, ``PageHeader``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.budget import spend
from convscope.errors import DataError

if TYPE_CHECKING:
    from convscope.data.parts import Reader

HEADER = 1 << 20
"""Limit for the header of a page, which may hold the smallest and the largest value [byte]."""

DEEPEST = 16

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)


@dataclass(frozen=True)
class Pages:
    """The pages of a column.

    Attributes:
        largest: the most bytes that one of them claims to unpack to.
        total: the bytes that all of them claim to unpack to.
    """

    largest: int
    total: int


def pages_of(reader: Reader, start: int, size: int) -> Pages:
    """Walk the pages of a column without unpacking them.

    Args:
        reader: the file.
        start: position of the first page [byte].
        size: size of all pages with their headers [byte].

    Raises:
        DataError: a header is damaged, or a page lies outside of the column.
        LimitError: there are too many pages for the size of the file.
    """
    at, end, largest, total = start, start + size, 0, 0
    if start < 4 or size < 0 or end > reader.size:
        raise DataError("a column lies outside of the file")
    while at < end:
        spend(50)
        header = _Struct(reader.read(at, min(256, end - at)))
        try:
            fields = header.fields()
        except (IndexError, DataError):  # it may be longer than most
            header = _Struct(reader.read(at, min(HEADER, end - at)))
            try:
                fields = header.fields()
            except IndexError:
                raise DataError(f"the header of the page at byte {at:,} is damaged") from None
        unpacked, packed = fields.get(2, -1), fields.get(3, -1)
        at += header.at + max(packed, 0)
        if unpacked < 0 or packed < 0 or at > end:
            raise DataError(f"the page before byte {at:,} states the sizes {unpacked:,} and {packed:,}")
        largest, total = max(largest, unpacked), total + unpacked
    return Pages(largest, total)


class _Struct:
    """A struct of Thrift's compact protocol, of which the integers at the top are kept.

    >>> _Struct(bytes([0x15, 6, 0x15, 200, 1, 0])).fields()
    {1: 3, 2: 100}
    """

    def __init__(self, content: bytes) -> None:
        self.content: bytes = content
        self.at: int = 0

    def fields(self) -> dict[int, int]:
        """Return the integers of the struct by the numbers of their fields; all else is skipped.

        Raises:
            IndexError: it is longer than its content.
            DataError: it is damaged.
        """
        found: dict[int, int] = {}
        number = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            number = number + step if step else self._signed()
            if kind in {I16, I32, I64}:
                found[number] = self._signed()
            else:
                self._skip(kind, 0)
        return found

    def _byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def _varint(self) -> int:
        found = 0
        for place in range(0, 70, 7):
            byte = self._byte()
            found |= (byte & 127) << place
            if byte < 128:
                return found
        raise DataError("the header of a page has a number that does not end")

    def _signed(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)

    def _jump(self, size: int) -> None:
        self.at += size
        if self.at > len(self.content):
            raise IndexError

    def _skip(self, kind: int, depth: int) -> None:
        """Skip a value of a kind."""
        if kind in {TRUE, FALSE}:
            return
        if kind in {I16, I32, I64}:
            self._varint()
        elif kind == BYTE:
            self._jump(1)
        elif kind == DOUBLE:
            self._jump(8)
        elif kind == BINARY:
            self._jump(self._varint())
        elif kind == STRUCT and depth < DEEPEST:
            while head := self._byte():
                if not head >> 4:
                    self._varint()
                self._skip(head & 15, depth + 1)
        else:
            raise DataError("the header of a page has a field that no page has")
