"""Stored tensors of a model: shapes are read eagerly, values on demand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.op import FLOAT32, bits
from convscope.errors import ModelError
from convscope.frontends.onnx.consts import MOST, known
from convscope.frontends.onnx.external import read_external
from convscope.frontends.onnx.names import shown
from convscope.frontends.tensors.values import Const, Root

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray
    from onnx import TensorProto

    from convscope.frontends.onnx.file import Source

SMALL = 4096
"""The most values of a tensor that is read eagerly."""

STRING = 8
DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16", 17: "float8e4m3fn", 18: "float8e4m3fnuz",
    19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2",
    26: "int2",
}  # fmt: skip
"""Names of dtypes, by their numbers in onnx.proto."""

WIDTHS = {kind: bits(name) for kind, name in DTYPES.items()}
"""Bits of a value, by the number of its dtype in onnx.proto."""

PLAIN = {
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8", 12: "<u4",
    13: "<u8",
}  # fmt: skip
"""Dtypes that NumPy has, with their layouts."""

FIELDS = {1: "float_data", 11: "double_data", 7: "int64_data", 12: "uint64_data", 13: "uint64_data"}
"""Fields for values of each dtype that are not raw; int32_data for all others."""

EXTERNAL = 1
REAL = {1, 10, 11, 16, 17, 18, 19, 20, 23, 24}
LEARNED = REAL | {2, 3, 21, 22, 25, 26}
"""Dtypes of weights: floats, and the small integers of quantised nets."""


def sizes(tensor: TensorProto) -> tuple[int, ...]:
    """Return the sizes of a tensor.

    Raises:
        ModelError: a size is negative, or their product is too large.
    """
    found = tuple(tensor.dims)
    if min(found, default=0) < 0 or math.prod(found) > MOST:
        raise ModelError(
            f'the tensor "{shown(tensor.name)}" has sizes {_short(found)}',
            expected="sizes that are not negative, and fit in memory",
        )
    return found


def _short(found: tuple[int, ...]) -> str:
    return "x".join(map(str, found[:8])) + ("…" if len(found) > 8 else "")


def stored(tensor: TensorProto, source: Source, key: Hashable, *, learned: bool) -> Const:
    """Make a constant. The size that the file states is checked; only few values are read eagerly.

    Args:
        tensor: the tensor in the file.
        source: the file.
        key: identifies the tensor.
        learned: whether it is a weight.

    Raises:
        ModelError: its dtype is unknown, or the number of values contradicts its sizes.
    """
    shape, kind = sizes(tensor), tensor.data_type
    root = Root(key, tensor.name or "constant", shape, dtype=DTYPES.get(kind, FLOAT32))
    return replace(_stored(tensor, source, shape), roots=(root,) if learned else (), origin=root)


def _stored(tensor: TensorProto, source: Source, shape: tuple[int, ...]) -> Const:
    name, count, kind = shown(tensor.name), math.prod(shape), tensor.data_type
    if kind == STRING:
        return Const(shape, lambda: _refuse(f'the tensor "{name}" holds text'))
    if kind not in WIDTHS or tensor.HasField("segment"):
        raise ModelError(f'the tensor "{name}" has an unknown dtype: {kind}')
    if tensor.data_location == EXTERNAL:
        bytes_ = -(-count * WIDTHS[kind] // 8)
        entries = {entry.key: entry.value for entry in tensor.external_data}
        return Const(shape, lambda: _numbers(read_external(source.path, entries, bytes_), kind, shape))
    cut = source.cuts.find(tensor.raw_data) if tensor.HasField("raw_data") else None
    _check_count(tensor, kind, count, cut)
    if cut:
        _, start, length = cut
        return Const(shape, lambda: _numbers(source.part(start, length), kind, shape))
    if count <= SMALL:
        return known(_inline(tensor, kind, shape))
    return Const(shape, lambda: _inline(tensor, kind, shape))


def _refuse(what: str) -> Any:
    raise ModelError(what, expected="a numeric tensor")


def _check_count(tensor: TensorProto, kind: int, count: int, cut: tuple[str, int, int] | None) -> None:
    """Check that the number of values matches the sizes."""
    need = -(-count * WIDTHS[kind] // 8)
    if cut:
        have = cut[2]
        fits = cut[0] == "raw" or (cut[0], kind) in {("float", 1), ("double", 11)}
    elif tensor.HasField("raw_data"):
        have, fits = len(tensor.raw_data), True
    else:
        entries = len(getattr(tensor, FIELDS.get(kind, "int32_data")))
        per_entry = max(1, 8 // WIDTHS[kind])
        need, have, fits = -(-count // per_entry), entries, True
    if need != have or not fits:
        raise ModelError(
            f'the tensor "{shown(tensor.name)}" of {_short(tuple(tensor.dims))} needs {need} '
            f"{'bytes' if cut or tensor.HasField('raw_data') else 'numbers'} and has {have}"
        )


def _inline(tensor: TensorProto, kind: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return values in the message."""
    if tensor.HasField("raw_data"):
        return _numbers(tensor.raw_data, kind, shape)
    entries = getattr(tensor, FIELDS.get(kind, "int32_data"))
    if kind in {1, 11}:
        return np.asarray(entries, dtype=np.float32).reshape(shape)
    whole = np.asarray(entries, dtype=np.uint64 if kind in {12, 13} else np.int64)
    if kind in {4, 10, 16}:
        return _numbers(whole.astype("<u2").tobytes(), kind, shape)
    if kind in PLAIN:
        return whole.astype(PLAIN[kind]).reshape(shape)
    return _numbers(whole.astype("u1").tobytes(), kind, shape)


def _numbers(data: bytes, kind: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return raw values; floats as float32."""
    if kind in PLAIN:
        found: NDArray[Any] = np.frombuffer(data, dtype=PLAIN[kind]).reshape(shape)
        return found.astype(np.float32) if kind in REAL else found
    if kind == 16:  # the upper half of a float32
        return (np.frombuffer(data, dtype="<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    from onnx import TensorProto, numpy_helper

    message = TensorProto(data_type=kind, dims=shape, raw_data=data)
    unusual: NDArray[Any] = numpy_helper.to_array(message)
    return unusual.astype(np.float32 if kind in REAL else np.int32)
