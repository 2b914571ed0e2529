"""Quantisation as clamping of floats to the range of integers, without rounding.

An integer stands for ``scale * (integer - zero point)``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import spend
from convscope.errors import ShapeError
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.values import Const
from convscope.ops import act, merge, pad, pick, pool, resize, tensor, view

if TYPE_CHECKING:
    from convscope.core.op import Op
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Value

FLOATS = {
    "float4e2m1": 6.0, "float8e4m3fn": 448.0, "float8e4m3fnuz": 240.0, "float8e5m2": 57344.0, "float8e5m2fnuz": 57344.0,
}  # fmt: skip
"""The largest value of each small float dtype for quantised tensors."""

Ends = tuple[float, float]
"""Return the smallest and the largest integer."""


def as_written(number: float) -> float:
    """Return the shortest decimal with the same float32: 1e-05, as the author wrote it, and not 9.999999747378752e-06.

    >>> as_written(9.999999747378752e-06)
    1e-05
    """
    return float(str(np.float32(number)))


def limits(dtype: str) -> Ends:
    """Return the smallest and the largest value of a dtype.

    Raises:
        ShapeError: quantisation to that dtype is not supported.

    >>> limits("uint8"), limits("int4")
    ((0, 255), (-8, 7))
    """
    found = re.fullmatch(r"(u?)int(\d+)", dtype)
    if found:
        span = 2 ** int(found[2])
        return (0, span - 1) if found[1] else (-span // 2, span // 2 - 1)
    if dtype in FLOATS:
        return -FLOATS[dtype], FLOATS[dtype]
    raise ShapeError(f"quantisation to {dtype} is not supported")


ONE = Const((), lambda: np.ones((), np.float32))
"""The scale of integers that represent themselves."""


@dataclass(frozen=True, slots=True)
class Affine:
    """The representation of floats by stored integers: ``scale * (integer - zero)``.

    Attributes:
        scale: a number, or one for each index along an axis, or for each block of indices.
        zero: the zero point; None for 0.
        axis: the dimension along which a scale varies.
        block: number of indices that share a scale; 0 for one.
    """

    scale: Const = ONE
    zero: Const | None = None
    axis: int = 1
    block: int = 0


def along(const: Const, rank: int, axis: int) -> Const:
    """Return a scale or a zero point as floats, broadcastable along one dimension of a tensor of a given rank."""
    if math.prod(const.sizes) == 1:
        return Const((), lambda: np.asarray(as_written(const.load().item()), dtype=np.float64))
    if len(const.sizes) != 1 or rank == 0:
        raise ShapeError("an activation with one scale per block is not supported")
    sizes = tuple(const.sizes[0] if at == axis % rank else 1 for at in range(rank))
    return Const(sizes, lambda: np.asarray(const.load(), dtype=np.float32).reshape(sizes))


def clamped(builder: Builder, value: Value, by: Affine, ends: Ends, *, relu: bool = False) -> Value:
    """Clamp a float tensor to the range of integers between two ends and, after a ReLU, to non-negative values.

    Raises:
        ShapeError: the scale is negative or NaN, or there is one for each block.
    """
    lowest, highest = (_end(by, end, len(value.dims)) for end in ends)
    if lowest.sizes:
        return binary(builder, "minimum", binary(builder, "maximum", value, lowest), highest)
    low, high = (as_written(end.load().item()) for end in (lowest, highest))
    if not low <= high:
        raise ShapeError(f"the scale gives an empty range, from {low} to {high}")
    low = max(low, 0.0) if relu else low
    return value if _within(builder, value.node, low, high) else unary(builder, act.Clamp(low, high), value)


def _end(by: Affine, end: float, rank: int) -> Const:
    """Return the float that the smallest or the largest integer represents."""
    scale, zero = along(by.scale, rank, by.axis), along(by.zero, rank, by.axis) if by.zero else ONE
    sizes = np.broadcast_shapes(scale.sizes, zero.sizes)
    offset = zero.load if by.zero else lambda: np.zeros(())
    return Const(sizes, lambda: np.asarray((end - offset()) * scale.load(), dtype=np.float32))


KEEPS: tuple[type[Op], ...] = (
    act.Identity, act.Dropout, pool.MaxPool, pool.GlobalMaxPool, pad.Crop, pad.Slice, pad.Roll, pick.Pick, view.Flatten,
    view.Take, view.ChannelShuffle, view.PixelShuffle, view.PixelUnshuffle, resize.Upsample, tensor.Rearrange,
    merge.Cat,
)  # fmt: skip
"""Ops that only return values of their inputs."""


def _within(builder: Builder, node: str, low: float, high: float) -> bool:
    """Return whether the output of a layer is known to lie between two ends, since it was clamped before."""
    left, seen = [node], {node}
    while left:
        layer = builder.find(left.pop())
        op = layer.node.op if layer else None
        if layer and isinstance(op, KEEPS):
            fresh = [name for name in dict.fromkeys(layer.node.inputs) if name not in seen]
            left += fresh
            seen.update(fresh)
            spend(len(layer.node.inputs))
        elif not isinstance(op, act.Clamp) or op.low < low or high < op.high:
            return False
    return True
