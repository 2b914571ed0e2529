"""The header of a safetensors file (https://github.com/huggingface/safetensors#format): 8 bytes of length, then JSON.

The values after it are not read. Each tensor states its range of bytes; together, the ranges must cover all bytes of
the file once, so that no two tensors share values and nothing is hidden between.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from convscope.budget import about, hold, spend
from convscope.errors import ModelError
from convscope.frontends.weights.result import BITS, ROW, row, shown

if TYPE_CHECKING:
    from typing import BinaryIO

    from convscope.frontends.weights.result import WeightRow

_TIMES = 5
"""Memory for each byte of the header. The format allows 100 MB, which take gigabytes once parsed."""

_MARK, _ENTRY = 0.7, 8
"""Steps for each bracket, comma and colon, and for each tensor."""

_OTHER = {
    "BOOL": "bool", "BF16": "bfloat16", "F4": "float4", "F6_E2M3": "float6_e2m3", "F6_E3M2": "float6_e3m2",
    "F8_E4M3": "float8_e4m3fn", "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz", "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip

_LETTERS = {"float": "F", "int": "I", "uint": "U", "complex": "C"}

DTYPES = {f"{_LETTERS[kind]}{bits}": f"{kind}{bits}" for kind in _LETTERS for bits in (8, 16, 32, 64)
          if f"{kind}{bits}" in BITS and f"{kind}{bits}" != "complex32"} | _OTHER  # fmt: skip
"""The format's names of dtypes, and ours."""


def header_rows(file: BinaryIO) -> tuple[WeightRow, ...]:
    """Read the tensors of an open file.

    Raises:
        ModelError: the header is damaged, or contradicts the file.
        LimitError: the header is longer than that of any model.
    """
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if length > size - 8:
        raise ModelError(f"the header should have {length:,} bytes", given=f"a file of {size:,} bytes")
    with about(f"a header of {length:,} bytes"):
        hold(_TIMES * length)
    found = _parsed(file.read(length))
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError("the metadata is not a dictionary of strings")
    with about(f"{len(found):,} tensors"):
        spend(_ENTRY * len(found))
        hold(ROW * len(found))
    placed = [_placed(name, entry) for name, entry in found.items()]
    _check_places(placed, size - 8 - length)
    return tuple(made for made, _, _ in placed)


def _parsed(text: bytes) -> dict[str, Any]:
    marks = sum(map(text.count, (b"[", b"{", b",", b":")))
    with about(f"a header with {marks:,} brackets, commas and colons"):
        spend(_MARK * marks)
    try:
        found = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the header is not JSON: {shown(str(error))}") from None
    if not isinstance(found, dict):
        raise ModelError("the header is not a dictionary")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary in which each key is unique, since readers differ in which of two they use."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ModelError("the header lists a name twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _placed(name: str, entry: Any) -> tuple[WeightRow, int, int]:
    """Parse a tensor, its first byte and the one after its last."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"the entry of {shown(name)} is incomplete", expected="dtype, shape and data_offsets")
    shape, ends, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not _whole(shape) or not _whole(ends) or len(ends) != 2:
        raise ModelError(f"the shape or offsets of {shown(name)} are not integers from 0 to 2^63")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        kind = shown(dtype) if isinstance(dtype, str) else type(dtype).__name__
        raise ModelError(f"{shown(name)} has the unknown dtype {kind}", expected=f"one of {', '.join(DTYPES)}")
    made = row(name, tuple(shape), DTYPES[dtype])
    if ends[1] - ends[0] != made.bytes:
        raise ModelError(
            f"{name} has {ends[1] - ends[0]:,} bytes",
            expected=f"{made.bytes:,} bytes, for {math.prod(shape):,} values of {made.dtype}",
        )
    return made, ends[0], ends[1]


def _whole(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(number) is int and 0 <= number < 2**63 for number in numbers)


def _check_places(placed: list[tuple[WeightRow, int, int]], size: int) -> None:
    """Check that every byte after the header belongs to one tensor."""
    at = 0
    for made, first, end in sorted(placed, key=lambda one: one[1:]):
        if first != at:
            fault = "overlaps the one before it" if first < at else f"begins {first - at} bytes after the one before it"
            raise ModelError(f"{made.name} {fault}", expected="tensors that follow each other without gaps")
        at = end
    if at != size:
        raise ModelError(f"the tensors take {at:,} bytes, but the file has {size:,} after its header")
