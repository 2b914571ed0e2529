"""Parsing a model without its weights: the protobuf message is walked, and large tensors are cut out.

A message is a sequence of fields, each with a number, a wire type and a value; a value of wire type 2 has a length and
may be a message itself. Only large messages that may contain tensors are entered. A part that is cut out is replaced by
a short name that no file can predict, so that a file cannot point to bytes of its choice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.budget import allow, hold, spend
from convscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Bytes = Any  # bytes or a memory-mapped file: both can be indexed and sliced

MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, FUNCTION, VALUE, TYPE, OF, TENSOR_TYPE, SIZES, TEXT, OTHER = range(14)

INSIDE: dict[int, dict[int, int]] = {
    MODEL: {7: GRAPH, 8: TEXT, 14: TEXT, 20: OTHER, 25: FUNCTION, 26: OTHER},
    GRAPH: {1: NODE, 5: TENSOR, 11: VALUE, 12: VALUE, 13: VALUE, 14: OTHER, 15: SPARSE, 16: TEXT},
    NODE: {5: ATTRIBUTE, 9: TEXT, 10: OTHER},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 14: TYPE, 15: TYPE, 22: SPARSE, 23: SPARSE},
    TENSOR: {3: TEXT, 13: TEXT, 16: TEXT},
    SPARSE: {1: TENSOR, 2: TENSOR},
    FUNCTION: {7: NODE, 9: TEXT, 11: ATTRIBUTE, 12: VALUE, 14: TEXT},
    VALUE: {2: TYPE, 4: TEXT},
    TYPE: {1: TENSOR_TYPE, 4: OF, 5: OF, 8: TENSOR_TYPE, 9: OF},
    OF: {1: TYPE, 2: TYPE},
    TENSOR_TYPE: {2: SIZES},
    SIZES: {1: TEXT},
    TEXT: {},
    OTHER: {},
}
"""The message fields of each kind of message, by the numbers of onnx.proto."""

LEFT_OUT = {MODEL: {6, 14, 20, 26}, GRAPH: {10, 14, 16}, NODE: {6, 10}, TENSOR: {12}, FUNCTION: {8}}
"""Unused fields: documentation, training graphs, properties of the model."""

PACKED = {ATTRIBUTE: {8: 8}, TENSOR: {1: 8, 5: 4, 7: 8, 11: 8}, SPARSE: {3: 8}}
"""Fields of repeated numbers, and the memory for each byte of the file."""

RAW = {9: "raw", 4: "float", 10: "double"}
"""Fields of a tensor with raw values."""

ENTERED = 4096
"""Smaller messages are not entered [byte]."""

DEPTH = 90
"""The deepest nesting of messages; protobuf allows 100."""

MESSAGE, ENTRY, TEXT_TIMES = 190, 16, 2
"""Memory of an empty message, of an entry in a list, and for each byte of text [byte]."""

TINY, NOTHING = 4, 13_000
"""Smaller messages are empty of content and count as this much memory; ten thousand of them are not a model [byte]."""

SHORT, FIELD = 8, 2.5
"""Fields smaller than this are counted, with this number of steps."""

SMALLEST, OPERATION, USUAL = 12, 20, 100
"""Operations smaller than this are counted, with this number of steps; larger ones extend the allowance."""

COPIES = 2
"""Copies of the message while it is read: in pieces, and complete."""

OFTEN, MUCH = 4096, 2**20
"""Number of fields, and bytes of memory, after which they are counted."""


@dataclass
class Cuts:
    """The positions of the large tensors of a file.

    Attributes:
        token: prefix of every name.
        spans: for each name, the field of its values, and the first byte and the length in the file.
    """

    token: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    spans: list[tuple[str, int, int]] = field(default_factory=list)

    def name(self, kind: str, start: int, length: int) -> bytes:
        """Return a name for a part of the file."""
        self.spans.append((kind, start, length))
        return self.token + (len(self.spans) - 1).to_bytes(8, "little")

    def find(self, name: bytes) -> tuple[str, int, int] | None:
        """Return the part of a name; None for bytes that are values themselves."""
        if len(name) != 24 or not name.startswith(self.token):
            return None
        return self.spans[int.from_bytes(name[16:], "little")]


def varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read a varint of one to ten bytes; return also where it ends.

    >>> varint(bytes([0x96, 0x01]), 0, 2)
    (150, 2)
    """
    found = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
        shift += 7
    raise ModelError("the file ends in the middle of a number")


def to_varint(number: int) -> bytes:
    """Encode a varint.

    >>> to_varint(150).hex()
    '9601'
    """
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def fields(data: Bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield number, wire type, start, and start and end of the value for each field of a message.

    Raises:
        ModelError: the message is truncated, or is not a message.

    >>> [(number, start) for number, _, start, _, _ in fields(bytes([8, 1, 18, 1, 65]), 0, 5)]
    [(1, 0), (2, 2)]
    """
    while at < end:
        start = at
        key, at = data[at], at + 1
        if key > 127:
            key, at = varint(data, start, end)
        wire = key & 7
        value = at
        if wire == 2:
            length, value = (data[at], at + 1) if at < end and data[at] < 128 else varint(data, at, end)
            at = value + length
        elif wire == 0:
            _, at = varint(data, at, end)
        elif wire in {1, 5}:
            at += 8 if wire == 1 else 4
        else:
            raise ModelError("the file is not a protobuf message")
        if at > end or not key >> 3:
            raise ModelError("the file is truncated, or is not a protobuf message")
        yield key >> 3, wire, start, value, at


def without_tensors(data: Bytes, cuts: Cuts) -> bytes:
    """Return a model's message with large tensors cut out. The cost of parsing it is counted before.

    The message itself is counted, too, :data:`COPIES` times; its reader releases that.

    Raises:
        ModelError: the file is damaged.
        LimitError: the message is still too large.
    """
    pieces, size = _Outline(data, cuts).pieces(0, len(data), MODEL, 0)
    hold(COPIES * size)
    return b"".join(pieces)


@dataclass
class _Outline:
    """The parts of a file.

    Attributes:
        data: the file.
        cuts: where its large tensors are.
        fields: number of short fields since the last count.
        memory: their memory [byte].
    """

    data: Bytes
    cuts: Cuts
    fields: int = 0
    memory: int = 0

    def count(self) -> None:
        """Count the fields and the memory so far.

        Raises:
            LimitError: it is too much.
        """
        spend(FIELD * self.fields)
        hold(self.memory)
        self.fields = self.memory = 0

    def pieces(self, at: int, end: int, kind: int, depth: int) -> tuple[list[bytes], int]:
        """Return the remaining bytes of a message of a kind, with neighbours joined, and their number."""
        if depth > DEPTH:
            raise ModelError(f"the parts of the model are nested more than {DEPTH} deep")
        inside, dropped, packed = INSIDE[kind], LEFT_OUT.get(kind, ()), PACKED.get(kind, {})
        found: list[bytes] = []
        size, done = 0, at

        def put(some: list[bytes], length: int, start: int, stop: int) -> None:
            nonlocal size, done
            found.append(self.data[done:start])
            found.extend(some)
            size += start - done + length
            done = stop

        for number, wire, start, value, stop in fields(self.data, at, end):
            length = stop - value
            if number in dropped:
                put([], 0, start, stop)
            elif wire == 2 and length >= ENTERED and kind == TENSOR and number in RAW:
                new = self.cuts.name(RAW[number], value, length)
                put([_head(9, len(new)), new], 2 + len(new), start, stop)
            elif wire == 2 and length >= ENTERED and number in inside:
                some, new_length = self.pieces(value, stop, inside[number], depth + 1)
                head = _head(number, new_length)
                put([head, *some], len(head) + new_length, start, stop)
            elif wire == 2 and number in inside:
                self.weigh(self.data[value:stop], 0, length, inside[number], depth + 1)
            else:
                self.memory += ENTRY + length * packed.get(number, TEXT_TIMES)
            self.look(kind, number, length)
        self.count()
        found.append(self.data[done:end])
        return found, size + end - done

    def look(self, kind: int, number: int, length: int) -> None:
        """Record a field of a large message.

        Raises:
            LimitError: the total is too much.
        """
        self.fields += length < SHORT
        if number in INSIDE[kind]:
            self.memory += MESSAGE if length >= TINY else NOTHING
        if kind == GRAPH and number == 1:
            if length < SMALLEST:
                spend(OPERATION)
            else:
                allow(size=OPERATION + min(length, USUAL))
        if self.fields > OFTEN or self.memory > MUCH:
            self.count()

    def weigh(self, data: bytes, at: int, end: int, kind: int, depth: int) -> None:
        """Add the memory of a message that is not entered."""
        if depth > DEPTH or kind == OTHER:
            self.memory += MESSAGE * (end - at)
            return
        inside, packed = INSIDE[kind], PACKED.get(kind, {})
        for number, wire, _, value, stop in fields(data, at, end):
            length = stop - value
            self.fields += length < SHORT
            if wire != 2:
                self.memory += ENTRY
            elif number in inside:
                self.memory += MESSAGE if length >= TINY else NOTHING
                self.weigh(data, value, stop, inside[number], depth + 1)
            else:
                self.memory += ENTRY + length * packed.get(number, TEXT_TIMES)


def _head(number: int, length: int) -> bytes:
    """Return the head of a field of a length."""
    return to_varint(number << 3 | 2) + to_varint(length)
