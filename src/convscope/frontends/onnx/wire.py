"""The bytes of a model without its weights: a protobuf message is walked, and large tensors are left where they are.

A message is a row of fields, each a number, a wire type and a value; a value of wire type 2 has a length and may be a
message itself. Only the messages that can hold tensors are entered, and only where they are large. What is cut out is
replaced by a short name that no file can know beforehand, so that a file cannot point to bytes of its choice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Bytes = Any  # bytes or a map of a file: both are indexed and sliced

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
"""By the kind of a message, its fields that are messages, by the numbers of onnx.proto."""

LEFT_OUT = {MODEL: {6, 14, 20, 26}, GRAPH: {10, 14, 16}, NODE: {6, 10}, TENSOR: {12}, FUNCTION: {8}}
"""Fields that are not needed: documentation, training graphs, properties of the whole model."""

PACKED = {ATTRIBUTE: {8: 8}, TENSOR: {1: 8, 5: 4, 7: 8, 11: 8}, SPARSE: {3: 8}}
"""Fields of many numbers, and how many bytes of memory one byte of the file becomes."""

RAW = {9: "raw", 4: "float", 10: "double"}
"""Fields of a tensor that hold its numbers as they are in memory."""

ENTERED = 4096
"""Messages of fewer bytes are taken as they are."""

TINY, MOST_TINY, MOST_FIELDS = 4, 10_000, 1_000_000
"""Messages of fewer bytes say nothing; so many of them, or so many fields in all, are no model."""

DEPTH = 90
"""Messages in messages; a protobuf reader allows 100."""

MESSAGE, MOST = 190, 200 * 2**20
"""Memory of an empty message, and of all that is read [byte]."""

SMALL_MODEL = 2**20
"""Up to this size no model can take too much memory [byte]."""


@dataclass
class Cuts:
    """Where the large tensors of a file are.

    Attributes:
        token: begins every name.
        spans: for each name, the kind of its numbers, and the first byte and the length in the file.
        left: fields that may still come.
        tiny: messages that say nothing and may still come.
    """

    token: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    spans: list[tuple[str, int, int]] = field(default_factory=list)
    left: int = MOST_FIELDS
    tiny: int = MOST_TINY

    def count(self, *, tiny: bool) -> None:
        """Count a field.

        Raises:
            ModelError: there are too many, or too many that say nothing.
        """
        self.left -= 1
        self.tiny -= tiny
        if self.left < 0 or self.tiny < 0:
            raise ModelError("it has too many parts", expected=f"at most {MOST_FIELDS}")

    def name(self, kind: str, start: int, length: int) -> bytes:
        """A name for a part of the file."""
        self.spans.append((kind, start, length))
        return self.token + (len(self.spans) - 1).to_bytes(8, "little")

    def find(self, name: bytes) -> tuple[str, int, int] | None:
        """The part that has a name; None for bytes that are numbers themselves."""
        if len(name) != 24 or not name.startswith(self.token):
            return None
        return self.spans[int.from_bytes(name[16:], "little")]


def varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A number of one to ten bytes, the lowest seven bits first, and where it ends.

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
    raise ModelError("it ends in the middle of a number")


def to_varint(number: int) -> bytes:
    """The bytes of a number.

    >>> to_varint(150).hex()
    '9601'
    """
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def fields(data: Bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """For each field of a message: number, wire type, where it starts, where its value starts and ends.

    Raises:
        ModelError: the message is cut off, or this is no message.

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
            raise ModelError("it is no protobuf message")
        if at > end or not key >> 3:
            raise ModelError("it is cut off, or no protobuf message")
        yield key >> 3, wire, start, value, at


def without_tensors(data: Bytes, cuts: Cuts) -> bytes:
    """A model's message with large tensors cut out.

    Raises:
        ModelError: it is damaged, or too large even so.
    """
    found = b"".join(_pieces(data, 0, len(data), MODEL, cuts, 0))
    if len(found) > SMALL_MODEL and memory(found, 0, len(found), MODEL, MOST, 0) < 0:
        raise ModelError(
            "it has too many parts, or too much text", expected="at most some 500,000 parts, 200 MB of text"
        )
    return found


def _pieces(data: Bytes, at: int, end: int, kind: int, cuts: Cuts, depth: int) -> Iterator[bytes]:  # noqa: PLR0913 -- a part of a file, and where
    """The bytes of a message of a kind that is left, neighbours joined."""
    if depth > DEPTH:
        raise ModelError(f"its parts are nested more than {DEPTH} deep")
    inside, dropped = INSIDE[kind], LEFT_OUT.get(kind, ())
    done = at
    for number, wire, start, value, stop in fields(data, at, end):
        cuts.count(tiny=number in inside and stop - value < TINY)
        if number in dropped:
            yield data[done:start]
            done = stop
        elif wire == 2 and stop - value >= ENTERED:
            new = None
            if kind == TENSOR and number in RAW:
                new, number = cuts.name(RAW[number], value, stop - value), 9  # noqa: PLW2901 -- the field that it becomes
            elif number in inside:
                new = b"".join(_pieces(data, value, stop, inside[number], cuts, depth + 1))
            if new is not None:
                yield data[done:start]
                yield to_varint(number << 3 | 2) + to_varint(len(new)) + new
                done = stop
    yield data[done:end]


def memory(data: bytes, at: int, end: int, kind: int, left: int, depth: int) -> int:  # noqa: PLR0913 -- a part of a message, and where
    """What is left of so much memory when a message of a kind has been read; negative where it was too little."""
    if kind == OTHER or depth > DEPTH:
        return left - MESSAGE * (end - at)
    inside, packed = INSIDE[kind], PACKED.get(kind, {})
    for number, wire, _, value, stop in fields(data, at, end):
        if wire != 2:
            left -= 8
        elif number in inside:
            cost = MESSAGE if stop - value >= TINY else MOST // MOST_TINY
            left = memory(data, value, stop, inside[number], left - cost, depth + 1)
        else:
            left -= 16 + (stop - value) * packed.get(number, 1)
        if left < 0:
            return left
    return left
