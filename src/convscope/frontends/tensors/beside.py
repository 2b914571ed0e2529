"""Concatenation of constants with tensors that depend on the input.

Prepended learned positions are tokens. A single value before or after a map is padding. Everything else is a constant
of its own with the layout of its neighbour.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.tensors.constant import placed
from convscope.frontends.tensors.settle import is_whole, settled
from convscope.frontends.tensors.values import Const, Value, whole
from convscope.ops.pad import Pad
from convscope.ops.source import Const as ConstOp
from convscope.ops.view import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.tensors.builder import Builder

SMALL = 2**24
"""The most values of a constant that are checked for equality."""


def as_layers(builder: Builder, values: Sequence[Value | Const], at: int) -> list[Value]:
    """Concatenate tensors along a dimension, with constants as layers or as padding of others.

    Raises:
        ShapeError: they differ in another dimension, such as when a constant has several samples.
    """
    sizes = {(*value.sizes[:at], *value.sizes[at + 1 :]) for value in values}
    if len(sizes) > 1:
        raise ShapeError(f"tensors cannot be concatenated whose other dimensions are {sorted(sizes)[:4]}")
    *lead, last = values
    if isinstance(last, Value) and _are_tokens(lead, last, at):
        return [_with_tokens(builder, [value for value in lead if isinstance(value, Const)], last, at)]
    found = list(values)
    while any(isinstance(value, Const) for value in found):
        number = next((one for one, value in enumerate(found) if _pads(found, one, at)), None)
        if number is None:
            break
        _pad(builder, found, number, at)
    like = next(value for value in found if isinstance(value, Value))
    return [value if isinstance(value, Value) else _beside(builder, value, like, at) for value in found]


def _are_tokens(lead: Sequence[Value | Const], last: Value, at: int) -> bool:
    """Return whether a constant is one sample of learned positions along the positions of another tensor."""
    if not lead or not at or last.dims[0] or any(factor.axis == 0 for factor in last.dims[at]):
        return False
    alike = all((*one.sizes[:at], *one.sizes[at + 1 :]) == (*last.sizes[:at], *last.sizes[at + 1 :]) for one in lead)
    return alike and all(isinstance(one, Const) and one.roots for one in lead)


def _neighbour(values: Sequence[Value | Const], number: int) -> int | None:
    """Return the nearest tensor that depends on the input."""
    beside = (one for one in (number + 1, number - 1) if 0 <= one < len(values))
    return next((one for one in beside if isinstance(values[one], Value)), None)


def _pads(values: Sequence[Value | Const], number: int, at: int) -> bool:
    """Return whether a constant is a single value beside a map, along one of its axes."""
    const, other = values[number], _neighbour(values, number)
    if not isinstance(const, Const) or const.roots or other is None or math.prod(const.sizes) > SMALL:
        return False
    value = values[other]
    assert isinstance(value, Value)
    dim = value.dims[at]
    if len(dim) != 1 or dim[0].axis < 1 or not is_whole(value, dim[0].axis, dim):
        return False
    numbers = np.asarray(const.load())
    return bool(numbers.dtype.kind in "fiub" and np.isfinite(numbers.flat[0]) and (numbers == numbers.flat[0]).all())


def _pad(builder: Builder, values: list[Value | Const], number: int, at: int) -> None:
    """Merge a constant of one value into its neighbour as padding."""
    const, other = values[number], _neighbour(values, number)
    assert isinstance(const, Const)
    assert other is not None
    value = values[other]
    assert isinstance(value, Value)
    axis, count = value.dims[at][0].axis, const.sizes[at]
    side = (count, 0) if number < other else (0, count)
    sides = tuple(side if one == axis else (0, 0) for one in range(1, len(value.shape)))
    made = builder.emit(Pad(sides, value=float(np.asarray(const.load()).flat[0])), [value.node])
    dims = (*value.dims[:at], whole(made.shape)[axis], *value.dims[at + 1 :])
    values[other] = Value(made.node, made.shape, dims)
    del values[number]


def _beside(builder: Builder, const: Const, like: Value, at: int) -> Value:
    """Make a layer of a constant, with the axes of another tensor."""
    axes = [dim[0].axis if len(dim) == 1 else None if dim else -1 for dim in like.dims]
    plain = all(
        axis is not None and (axis == -1 or is_whole(like, axis, dim))
        for axis, dim in zip(axes, like.dims, strict=True)
    )
    if not plain or axes[at] == -1 or len(const.sizes) != len(like.dims):
        return placed(builder, const, batch=True)
    dims = {axis: number for number, axis in enumerate(axes) if axis != -1}
    shape = tuple(const.sizes[dims[axis]] if axis in dims else 1 for axis in range(len(like.shape)))
    order = [dims[axis] for axis in sorted(dims)]  # type: ignore[type-var] # none of them is None here
    order += [number for number in range(len(const.sizes)) if number not in order]
    sizes = const.sizes
    weight = const.then(
        shape, lambda numbers: numbers.reshape(sizes).transpose(order).reshape(shape).astype("float32", copy=False)
    )
    made = builder.emit(ConstOp(shape, not const.roots), [builder.inputs[0].name], {"weight": weight})
    every = whole(made.shape)
    return Value(made.node, made.shape, tuple(every[axis] if axis is not None and axis >= 0 else () for axis in axes))


def _with_tokens(builder: Builder, lead: Sequence[Const], last: Value, at: int) -> Value:
    """Prepend learned positions."""
    others = [one for one in range(1, len(last.dims)) if one != at]
    if not is_whole(last, 1, last.dims[at]) or len(last.shape) != len(others) + 1:
        last = settled(builder, last, [last.dims[others[-1]], last.dims[at], *(last.dims[one] for one in others[:-1])])
    order = [factor.axis for one in range(1, len(last.dims)) for factor in last.dims[one]]
    for const in reversed(lead):
        count = const.sizes[at]
        turn = [order.index(axis) for axis in range(len(last.shape))]
        shape = (last.shape[0], count, *last.shape[2:])
        inner = const.sizes[1:]
        weight = const.then(shape, lambda numbers, inner=inner, turn=turn: numbers.reshape(inner).transpose(turn))  # type: ignore[misc] # bound now
        made = builder.emit(Tokens(count), [last.node], {"weight": weight})
        dims = tuple(whole(made.shape)[dim[0].axis] if dim else dim for dim in last.dims)
        last = Value(made.node, made.shape, dims)
    return last
