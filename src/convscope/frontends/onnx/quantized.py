"""Quantised tensors: integers that represent ``scale * (integer - zero point)``.

The reader returns the float function of a quantised model. A tensor of integers is represented by its float tensor,
with scale and zero point, and operations on integers become operations on floats. Apart from rounding, quantisation
clamps a float to the range of the integers; that clamp is a layer of the net. An operation without a rule for quantised
tensors gets the integers themselves through two more layers: division by the scale, and addition of the zero point.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.graph import Own
from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import Known, lazy
from convscope.frontends.onnx.held import Held, Quantized, Scale, Zero
from convscope.frontends.tensors.algebra import binary
from convscope.frontends.tensors.integers import FLOATS, Affine, along, limits
from convscope.frontends.tensors.unknown import opaque
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.frontends.onnx.call import Call, Given
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Root

    Numbers = NDArray[Any]

_NOTHING = Own((), 0)

LARGEST = 2**16
"""The most values of scales that are compared."""


def dtype_of(zero: Const | None, otherwise: str = "uint8") -> str:
    """Return the dtype of integers, which is that of their zero point.

    Raises:
        ShapeError: the operations of the zero point do not determine it.
    """
    if zero is None:
        return otherwise
    if zero.origin is not None:
        return zero.origin.dtype
    if isinstance(zero, Known) and zero.numbers.dtype.itemsize < 4:
        return str(zero.numbers.dtype)
    raise ShapeError("the dtype of the zero point is unknown")


def same(first: Const | Held | None, second: Const | Held | None) -> bool:
    """Return whether two scales or zero points are equal; a missing one is 0."""
    if first is second:
        return True
    if isinstance(first, Held) or isinstance(second, Held):
        return False
    given = [one for one in (first, second) if one is not None]
    if max(math.prod(one.sizes) for one in given) > LARGEST:
        return False
    a, b = (np.zeros(()) if one is None else one.load() for one in (first, second))
    return np.array_equal(np.unique(a), np.unique(b)) if min(a.size, b.size) <= 1 else np.array_equal(a, b)


def times(first: Const, second: Const, *, divided: bool = False) -> Const:
    """Return the product or the quotient of two scales."""
    sizes = np.broadcast_shapes(first.sizes, second.sizes)
    if sizes not in {first.sizes, second.sizes}:
        raise ShapeError(f"scales of sizes {first.sizes} and {second.sizes} do not match")

    def work() -> Numbers:
        a, b = (one.load().astype(np.float32) for one in (first, second))
        return np.asarray(a / b if divided else a * b)

    return Const(sizes, work)


def floats(builder: Builder, given: Value, by: Affine) -> Value:
    """Compute the floats that integers represent."""
    rank = len(given.dims)
    shifted = binary(builder, "sub", given, along(by.zero, rank, by.axis)) if by.zero else given
    return binary(builder, "mul", shifted, along(by.scale, rank, by.axis))


def integers(builder: Builder, held: Held) -> Value:
    """Return the values of a symbolic tensor; unknown if they depend on an entire tensor."""
    if not isinstance(held, Quantized):
        return opaque(builder, [held.value], (), _NOTHING)
    if isinstance(held.scale, Scale) or isinstance(held.zero, Zero):
        return opaque(builder, [held.value], held.value.sizes, _NOTHING)
    rank = len(held.value.dims)
    divided = binary(builder, "div", held.value, along(held.scale, rank, held.axis))
    return binary(builder, "add", divided, along(held.zero, rank, held.axis)) if held.zero else divided


def as_tensor(builder: Builder, given: Given) -> Given:
    """Return the values of a symbolic tensor; any other tensor is unchanged."""
    return integers(builder, given) if isinstance(given, Held) else given


def with_integers(call: Call) -> Call:
    """Apply an operation to the integers themselves."""
    if not any(isinstance(one, Held) for one in call.inputs):
        return call
    return replace(call, inputs=tuple(as_tensor(call.builder, one) for one in call.inputs))


def with_floats(call: Call) -> Call:
    """Apply an operation to the floats that integers represent, if only their sizes matter."""
    floating = (one.value if isinstance(one, Quantized) else one for one in call.inputs)
    return with_integers(replace(call, inputs=tuple(floating)))


def dequantized(x: Const, by: Affine) -> Const:
    """Convert a constant of integers to floats. It is learned; its scale and zero point are auxiliary."""

    def work(arrays: Sequence[Numbers]) -> Numbers:
        steps, *offset = (_spread(one.astype(np.float32), x.sizes, by) for one in arrays[1:])
        shifted = arrays[0].astype(np.float32) - (offset[0] if offset else 0)
        return np.asarray(shifted * steps, dtype=np.float32)

    parents = [one for one in (x, by.scale, by.zero) if one is not None]
    return replace(lazy(x.sizes, parents, work), roots=_learned(x, by))


def quantized(x: Const, by: Affine, dtype: str) -> Const:
    """Represent a constant of floats as integers, as in quantisation-aware models."""
    low, high = limits(dtype)

    def work(arrays: Sequence[Numbers]) -> Numbers:
        steps, *offset = (_spread(one.astype(np.float32), x.sizes, by) for one in arrays[1:])
        found = np.clip(np.rint(arrays[0] / steps) + (offset[0] if offset else 0), low, high)
        return np.asarray(found if dtype in FLOATS else found.astype(np.int32))

    parents = [one for one in (x, by.scale, by.zero) if one is not None]
    return replace(lazy(x.sizes, parents, work), roots=x.roots)


def _learned(x: Const, by: Affine) -> tuple[Root, ...]:
    """Return the learned tensors of quantised weights; only a bias is stored in int32."""
    own = x.roots or ((x.origin,) if x.origin is not None and x.sizes else ())
    beside = (one.origin for one in (by.scale, by.zero) if one is not None and own)
    return (*own, *(replace(one, trained=False) for one in beside if one is not None))


def _spread(given: Numbers, sizes: Sequence[int], by: Affine) -> Numbers:
    """Broadcast a scale or a zero point to a constant."""
    if given.size == 1:
        return given.reshape(())
    rank = len(sizes)
    if by.block:
        given = given.take(np.arange(sizes[by.axis]) // by.block, by.axis)
    elif given.ndim < 2:
        given = given.reshape([-1 if at == by.axis % rank else 1 for at in range(rank)])
    if np.broadcast_shapes(given.shape, sizes) != tuple(sizes):
        raise ShapeError(f"a scale of shape {given.shape} does not fit a tensor of shape {tuple(sizes)}")
    return given
