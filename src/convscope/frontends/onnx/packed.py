"""Weights of a few bits, several to a byte, with a scale for each block: the operator MatMulNBits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import lazy
from convscope.frontends.tensors import layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.frontends.onnx.call import Call
    from convscope.frontends.tensors.values import Const, Root

    Numbers = NDArray[Any]


def unpacked(packed: Numbers, bits: int) -> Numbers:
    """Unpack integers along the last dimension, from the lowest bits of each byte.

    >>> unpacked(np.array([[0x21, 0x43]], np.uint8), 4).tolist()
    [[1, 2, 3, 4]]
    """
    positions = np.arange(0, 8, bits, dtype=np.uint8)
    found = (packed[..., None] >> positions) & np.uint8(2**bits - 1)
    return found.reshape(*packed.shape[:-1], -1)


def product(call: Call) -> list[Any]:
    """See the operator MatMulNBits: ``x: ... k``, weights ``n blocks bytes``, a scale for each block."""
    rows, columns = call.whole("N", 0), call.whole("K", 0)
    bits, block = call.whole("bits", 4), call.whole("block_size", 0)
    packed, scale, zero = call.const(1), call.const(2), call.maybe(3)
    if bits not in {2, 4, 8} or block < 1 or call.get(4) is not None:
        raise ShapeError(f"weights of {bits} bits in blocks of {block}, or reordered, are not supported")
    blocks = -(-columns // block)
    if packed.sizes != (rows, blocks, block * bits // 8) or call.value(0).sizes[-1] != columns:
        raise ShapeError(f"packed weights of sizes {packed.sizes} do not fit a matrix of {rows}x{columns}")

    def work(arrays: Sequence[Numbers]) -> Numbers:
        integers = unpacked(arrays[0], bits).astype(np.float32)
        steps = arrays[1].astype(np.float32).reshape(rows, blocks, 1)
        middle = _zeros(arrays[2], rows, blocks, bits) if zero is not None else np.float32(2 ** (bits - 1))
        return np.ascontiguousarray(((integers - middle) * steps).reshape(rows, -1)[:, :columns])

    parents = [one for one in (packed, scale, zero) if one is not None]
    weight = replace(lazy((rows, columns), parents, work), roots=_roots(packed, (rows, columns), bits, parents[1:]))
    return [layers.linear(call.builder, call.value(0), weight, call.maybe(5))]


def _zeros(given: Numbers, rows: int, blocks: int, bits: int) -> Numbers:
    """Return the zero point of each block, packed like the weights or as floats."""
    if given.dtype != np.uint8:
        return given.astype(np.float32).reshape(rows, blocks, 1)
    found = unpacked(given.reshape(rows, -1), bits)[:, :blocks]
    return found.astype(np.float32)[..., None]


def _roots(packed: Const, shape: tuple[int, ...], bits: int, beside: Sequence[Const]) -> tuple[Root, ...]:
    """Return the weights for counting, and their auxiliary tensors."""
    if packed.origin is None:
        return packed.roots
    own = replace(packed.origin, shape=shape, dtype=f"uint{bits}")
    return (own, *(replace(one.origin, trained=False) for one in beside if one.origin is not None))
