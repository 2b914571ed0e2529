"""Functions that change the shape of tensors: views, slices, concatenation, reductions."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from convscope.errors import ShapeError
from convscope.frontends.tensors.beside import as_layers
from convscope.frontends.tensors.settle import (
    Spelling,
    by_axis,
    few,
    fine,
    is_whole,
    parts,
    plain,
    settled,
    without_repeats,
)
from convscope.frontends.tensors.values import (
    Const,
    Factor,
    Value,
    bounded,
    divided,
    joined,
    length,
    repetition,
    whole,
)
from convscope.ops.merge import Cat
from convscope.ops.pad import Crop, Roll, Slice
from convscope.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool
from convscope.ops.scalar import Map, Times
from convscope.ops.tensor import Reduce
from convscope.ops.view import Take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.op import Op
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Dim


def positive(at: int, rank: int) -> int:
    """Return a dimension counted from the front."""
    return at + rank if at < 0 else at


def permuted(value: Value, order: Sequence[int]) -> Value:
    """Permute the dimensions."""
    rank = len(value.dims)
    return replace(value, dims=tuple(value.dims[positive(at, rank)] for at in order))


def swapped(value: Value, first: int, second: int) -> Value:
    """Swap two dimensions."""
    order = list(range(len(value.dims)))
    order[first], order[second] = order[second], order[first]
    return permuted(value, order)


def resolved(sizes: Sequence[int], total: int) -> tuple[int, ...]:
    """Resolve a -1 in sizes."""
    known = math.prod(size for size in sizes if size != -1)
    return tuple(total // max(1, known) if size == -1 else size for size in sizes)


def viewed(builder: Builder, value: Value, sizes: Sequence[int]) -> Value:
    """Reshape the tensor, with its values in the same order."""
    target = resolved(sizes, math.prod(value.sizes))
    if math.prod(target) != math.prod(value.sizes):
        raise ShapeError(f"{math.prod(value.sizes)} values cannot be viewed as {'x'.join(map(str, target))}")
    dims = divided([factor for dim in value.dims for factor in dim], target)
    if dims is None:  # the boundaries do not match: the dimensions become axes, then one
        value = settled(builder, value, [tuple(factor for dim in value.dims for factor in dim)])
        dims = divided(whole(value.shape)[0], target)
    assert dims is not None
    return replace(value, dims=dims)


def unsqueezed(value: Value, at: int) -> Value:
    """Insert a dimension of length 1."""
    at = positive(at, len(value.dims) + 1)
    return bounded(replace(value, dims=(*value.dims[:at], (), *value.dims[at:])))


def squeezed(value: Value, at: Sequence[int] | None = None) -> Value:
    """Remove dimensions of length 1: all, or the given ones."""
    rank = len(value.dims)
    named = range(rank) if at is None else {positive(one, rank) for one in at}
    return replace(value, dims=tuple(dim for position, dim in enumerate(value.dims) if dim or position not in named))


def sliced(builder: Builder, value: Value, at: int, start: int, stop: int, step: int) -> Value:
    """Select every ``step``-th index of a dimension from ``start`` to ``stop``, exclusive."""
    size = length(value.dims[at])
    start, stop = max(0, start), min(size, stop)
    if (start, stop, step) == (0, size, 1):
        return value
    if start >= stop:
        raise ShapeError("the slice is empty")
    value = without_repeats(builder, value)
    dim = value.dims[at]
    count = len(range(start, stop, step))
    if len(dim) != 1:
        return sliced(builder, _own_axis(builder, value, at), at, start, stop, step)
    factor = dim[0]
    axis = factor.axis
    if axis and is_whole(value, axis, dim):
        return _sliced_positions(builder, value, at, (start, stop, step))
    if step > 1 and (axis or factor.step > 1 or factor.size < value.shape[0]):
        return _every(builder, value, at, (start, stop, step))
    if axis and factor.step == 1 and count == 1:  # one phase of an axis: every size-th position
        return _phase(builder, value, at, start)
    block, full = factor.step, factor.step * factor.size
    if axis or full < value.shape[0]:
        return sliced(builder, _own_axis(builder, value, at), at, start, stop, step)
    made = builder.emit(Take((start * block, stop * block if step == 1 else stop, step)), [value.node])
    new: Dim = (Factor(0, count, block),) if count > 1 else ()
    return Value(made.node, made.shape, (*value.dims[:at], new, *value.dims[at + 1 :]))


def _sliced_positions(builder: Builder, value: Value, at: int, cut: tuple[int, int, int]) -> Value:
    start, stop, step = cut
    axis = value.dims[at][0].axis
    size = value.shape[axis]
    positions = range(1, len(value.shape))
    if step > 1:
        stop = min(size, start + (len(range(start, stop, step)) - 1) * step + step)
    made = value
    if step == 1 or stop < size:
        lo = start if step == 1 else 0
        sides = tuple((lo, size - stop) if one == axis else (0, 0) for one in positions)
        made = builder.emit(Crop(sides), [made.node])
    if step > 1:
        steps = tuple(step if one == axis else 1 for one in positions)
        offsets = tuple(start if one == axis else 0 for one in positions)
        made = builder.emit(Slice(steps, offsets), [made.node])
    new = whole(made.shape)[axis]
    return Value(made.node, made.shape, (*value.dims[:at], new, *value.dims[at + 1 :]))


def _every(builder: Builder, value: Value, at: int, cut: tuple[int, int, int]) -> Value:
    """Select every n-th index of a part of an axis as one index of a smaller part."""
    start, stop, step = cut
    size = length(value.dims[at])
    if size % step or start >= step or len(range(start, stop, step)) < size // step:
        raise ShapeError("a slice whose step does not divide the axis is not supported")
    sizes = value.sizes
    found = viewed(builder, value, (*sizes[:at], size // step, step, *sizes[at + 1 :]))
    return picked(builder, found, at + 1, start)


def _phase(builder: Builder, value: Value, at: int, index: int) -> Value:
    """Select one index of the last part of a spatial axis by a strided slice."""
    factor = value.dims[at][0]
    positions = range(1, len(value.shape))
    steps = tuple(factor.size if one == factor.axis else 1 for one in positions)
    offsets = tuple(index if one == factor.axis else 0 for one in positions)
    made = builder.emit(Slice(steps, offsets), [value.node])
    dims = tuple(
        tuple(Factor(d.axis, d.size, d.step // factor.size) if d.axis == factor.axis else d for d in dim)
        for dim in value.dims
    )
    return Value(made.node, made.shape, (*dims[:at], (), *dims[at + 1 :]))


def _own_axis(builder: Builder, value: Value, at: int) -> Value:
    """Bring one dimension to an axis, or to the most significant part of the channels."""
    dim = value.dims[at]
    rest = [tuple(factor for factor in axis if factor not in dim) for axis in by_axis(value)]
    if all(factor.axis > 0 for factor in dim):
        first = min(factor.axis for factor in dim)
        groups = [rest[0], *(axis for number, axis in enumerate(rest[1:], 1) if axis or number == first)]
        position = 1 + sum(bool(axis) for axis in rest[1:first])
        if not any(rest[first]):
            groups[position] = dim
            return settled(builder, value, groups)
    return settled(builder, value, few([(*dim, *rest[0]), *(axis for axis in rest[1:] if axis)]))


def picked(builder: Builder, value: Value, at: int, index: int) -> Value:
    """Select one index of a dimension, and remove the dimension."""
    found = sliced(builder, value, at, index, index + 1, 1)
    return replace(found, dims=(*found.dims[:at], *found.dims[at + 1 :]))


def _is_position(value: Value, at: int) -> bool:
    """Return whether a dimension is a spatial axis or has length 1."""
    dim = value.dims[at]
    return not dim or (dim[0].axis > 0 and is_whole(value, dim[0].axis, dim))


def _turned(builder: Builder, value: Value, at: int, shift: int) -> Value:
    """Roll channels or parts of axes by concatenating the end before the beginning."""
    size = length(value.dims[at])
    shift %= size
    if not shift:
        return value
    parts = [sliced(builder, value, at, size - shift, size, 1), sliced(builder, value, at, 0, size - shift, 1)]
    return concatenated(builder, parts, at)


def rolled(builder: Builder, value: Value, shifts: Sequence[int], at: Sequence[int]) -> Value:
    """Roll positions along dimensions."""
    rank = len(value.dims)
    by: Counter[int] = Counter()
    for one, shift in zip(at, shifts, strict=True):
        by[positive(one, rank)] += shift
    if not all(_is_position(value, one) for one in by):
        value = plain(builder, value)
    for one in [one for one in by if not _is_position(value, one)]:
        value = _turned(builder, value, one, by.pop(one))
    axes = {value.dims[one][0].axis: shift for one, shift in by.items() if value.dims[one]}
    moves = tuple(axes.get(axis, 0) % value.shape[axis] for axis in range(1, len(value.shape)))
    return replace(value, node=builder.emit(Roll(moves), [value.node]).node) if any(moves) else value


def concatenated(builder: Builder, values: Sequence[Value | Const], at: int) -> Value:
    """Concatenate tensors along a dimension."""
    values = [value for value in values if not (isinstance(value, Const) and 0 in value.sizes)]
    if len(values) == 1 and isinstance(values[0], Value):
        return values[0]
    if any(isinstance(value, Const) for value in values):
        return concatenated(builder, as_layers(builder, values, at), at)
    ready = [without_repeats(builder, value) for value in values if isinstance(value, Value)]
    return _along_one_axis(builder, ready, at) or _along_own_axis(builder, ready, at)


def _along_one_axis(builder: Builder, values: list[Value], at: int) -> Value | None:
    """Concatenate if the dimension is an axis of every layer, or the first part of its channels, all else equal."""
    rest = {(*value.dims[:at], *value.dims[at + 1 :]) for value in values}
    dims = [value.dims[at] for value in values]
    if len(rest) > 1 or len({len(value.shape) for value in values}) > 1:
        return None
    inner = {factor for dim in next(iter(rest)) for factor in dim if factor.axis == 0}
    block = math.prod(factor.size for factor in inner)
    axes = {factor.axis for dim in dims for factor in dim}
    axis = next(iter(axes), 0)
    if len(axes) > 1 or any(len(dim) > 1 for dim in dims):
        return None
    if axis:
        if not all(is_whole(value, axis, dim) for value, dim in zip(values, dims, strict=True)):
            return None
        block = 1
    elif not all(
        value.shape[0] == length(dim) * block and (not dim or dim[0].step == block)
        for value, dim in zip(values, dims, strict=True)
    ):
        return None
    made = builder.emit(Cat(axis), [value.node for value in values])
    new = (Factor(axis, sum(map(length, dims)), block),)
    return Value(made.node, made.shape, (*values[0].dims[:at], new, *values[0].dims[at + 1 :]))


def _along_own_axis(builder: Builder, values: list[Value], at: int) -> Value:
    """Concatenate after bringing the dimension to the front of the channels, or to an axis if it holds positions."""
    first = values[0]
    if any(factor.axis > 0 for value in values for factor in value.dims[at]):
        others = [one for one in range(1, len(first.dims)) if one != at]
        order = [others[-1], at, *others[:-1]] if others else [at]
        if first.dims[at] and len(others) == 2 and at > 1 and not any(d.axis for d in first.dims[1]):
            order = [1, *range(2, len(first.dims))]
        settle = [settled(builder, value, [value.dims[one] for one in order]) for value in values]
    else:
        settle = [_front(builder, value, at) for value in values]
    found = _along_one_axis(builder, settle, at)
    if found is None:
        found = _along_one_axis(builder, [plain(builder, value) for value in values], at)
    if found is None:
        raise ShapeError("concatenating along part of a spatial axis is not supported")
    return found


def _front(builder: Builder, value: Value, at: int) -> Value:
    dim = value.dims[at]
    rest = [tuple(factor for factor in axis if factor not in dim) for axis in by_axis(value)]
    return settled(builder, value, [(*dim, *rest[0]), *rest[1:]])


def reduced(builder: Builder, value: Value, stat: str, at: Sequence[int], *, keep: bool) -> Value:
    """Reduce dimensions by one of :data:`convscope.ops.tensor.STATS`."""
    rank = len(value.dims)
    gone = {positive(one, rank) for one in at}
    value = without_repeats(builder, value)
    factors = {factor for one in gone for factor in value.dims[one]}
    if factors:
        found = _pooled(builder, value, stat, factors) or _reduced(builder, value, stat, factors)
    else:
        found = _of_one(builder, value, stat)
    dims = [() if position in gone else dim for position, dim in enumerate(found.dims)]
    return replace(found, dims=tuple(dim for position, dim in enumerate(dims) if keep or position not in gone))


def _of_one(builder: Builder, value: Value, stat: str) -> Value:
    """Return the statistic of each single value."""
    if stat in {"mean", "sum", "max", "min"}:
        return value
    op = Map("abs") if stat == "l2" else Times(0.0)
    return Value(builder.emit(op, [value.node]).node, value.shape, value.dims)


def _pooled(builder: Builder, value: Value, stat: str, factors: set[Factor]) -> Value | None:
    """Reduce entire spatial axes by a pooling, for a mean or maximum."""
    axes = whole(value.shape)
    hit = [axis for axis in range(1, len(axes)) if axes[axis] and set(axes[axis]) <= factors]
    if stat not in {"mean", "max"} or {factor for axis in hit for factor in axes[axis]} != factors:
        return None
    every = all(axis in hit or not axes[axis] for axis in range(1, len(axes)))
    op: Op
    if every:
        op = GlobalAvgPool() if stat == "mean" else GlobalMaxPool()
    else:
        sizes = tuple(1 if axis in hit else value.shape[axis] for axis in range(1, len(axes)))
        op = AdaptiveAvgPool(sizes) if stat == "mean" else AdaptiveMaxPool(sizes)
    made = builder.emit(op, [value.node])
    return Value(made.node, made.shape, value.dims)


def _reduced(builder: Builder, value: Value, stat: str, factors: set[Factor]) -> Value:
    axes = parts(value.shape, (factor for dim in value.dims for factor in dim))
    gone = set(fine(factors, axes))
    spelling = Spelling()
    before = spelling.axes([[(spelling.letter(0, factor), factor.size) for factor in axis] for axis in axes])
    left = [[factor for factor in axis if factor not in gone] for axis in axes]
    after = spelling.axes([[(spelling.letter(0, factor), factor.size) for factor in axis] for axis in left])
    made = builder.emit(Reduce(f"{before}:{after}", stat), [value.node])
    position: dict[Factor, Factor] = {}
    for axis, group in enumerate(left):
        step = 1
        for factor in reversed(group):
            position[factor] = Factor(axis, factor.size, step)
            step *= factor.size
    dims = tuple(joined(position[factor] for factor in fine(dim, axes) if factor in position) for dim in value.dims)
    return Value(made.node, made.shape, dims)


def repeated(value: Value, at: int, times: int) -> Value:
    """Repeat each index of a dimension a number of times in a row."""
    dim = (*value.dims[at], repetition(times))
    return bounded(replace(value, dims=(*value.dims[:at], dim, *value.dims[at + 1 :])))


def tiled(value: Value, at: int, times: int) -> Value:
    """Repeat a dimension a number of times."""
    if times == 1:
        return value
    dim = (repetition(times), *value.dims[at])
    return bounded(replace(value, dims=(*value.dims[:at], dim, *value.dims[at + 1 :])))
