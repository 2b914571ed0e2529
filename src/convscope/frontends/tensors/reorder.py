"""Reordering of indices along a dimension, and cumulative sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convscope.budget import hold, spend
from convscope.core.words import INDEX, MAX_INDICES, MAX_RUNS, Runs
from convscope.errors import ShapeError
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.settle import by_axis, few, is_whole, settled, without_repeats
from convscope.frontends.tensors.values import Factor, Value, length, repetition
from convscope.ops.pick import Pick
from convscope.ops.running import CumSum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.tensors.builder import Builder


MANY = 2048
"""The most irregular indices for which further layers are added."""


def flipped(builder: Builder, value: Value, at: Sequence[int]) -> Value:
    """Reverse dimensions."""
    for one in at:
        value = chosen(builder, value, one, range(length(value.dims[one]))[::-1])
    return value


def chosen(builder: Builder, value: Value, at: int, indices: Sequence[int]) -> Value:
    """Select indices of a dimension, in the order given.

    Raises:
        ShapeError: an index is out of range, there are none, or the list is too long for a layer.
    """
    size, count = length(value.dims[at]), len(indices)
    if count > MAX_INDICES:
        raise ShapeError(f"{count:,} indices are taken from a dimension", expected=f"at most {MAX_INDICES:,}")
    spend(count / 4)
    if not indices or not all(0 <= index < size for index in indices):
        raise ShapeError(
            f"an index is out of range for a dimension of {size}", expected=f"indices from 0 to {size - 1}"
        )
    if count == size and tuple(indices) == tuple(range(size)):
        return value
    if size == 1:
        return replace(value, dims=(*value.dims[:at], (repetition(len(indices)),), *value.dims[at + 1 :]))
    value, axis, block = _on_an_axis(builder, value, at)
    if count * block > MAX_INDICES:
        raise ShapeError(f"{count * block:,} indices are taken from an axis", expected=f"at most {MAX_INDICES:,}")
    spend(count * block)
    hold(INDEX * count * block)
    every = tuple(index * block + inner for index in indices for inner in range(block))
    if len(indices) > 1 and len(Runs().word(every)) > MAX_RUNS:
        return _in_halves(builder, value, at, indices)
    made = builder.emit(Pick(every, axis), [value.node])
    new = (Factor(axis, len(indices), block),) if len(indices) > 1 else ()
    return Value(made.node, made.shape, (*value.dims[:at], new, *value.dims[at + 1 :]))


def _in_halves(builder: Builder, value: Value, at: int, indices: Sequence[int]) -> Value:
    """Split a list that is too long for one layer into two that are concatenated."""
    if len(indices) > MANY:
        raise ShapeError(f"{len(indices):,} indices without a regular pattern are not supported")
    cut = len(indices) // 2
    halves = [chosen(builder, value, at, part) for part in (indices[:cut], indices[cut:])]
    return shapes.concatenated(builder, halves, at)


def running(builder: Builder, value: Value, at: int) -> Value:
    """Add a cumulative sum along a dimension."""
    if not value.dims[at]:
        return value
    value, axis, block = _on_an_axis(builder, value, at)
    if block > 1 or not is_whole(value, axis, value.dims[at]):
        dim = value.dims[at]
        rest = [tuple(factor for factor in axis if factor not in dim) for axis in by_axis(value)]
        value = settled(builder, value, few([rest[0], *filter(None, rest[1:]), dim]))
        axis = value.dims[at][0].axis
    if not is_whole(value, axis, value.dims[at]):
        raise ShapeError("a cumulative sum along part of an axis is not supported")
    return replace(value, node=builder.emit(CumSum(axis), [value.node]).node)


def _on_an_axis(builder: Builder, value: Value, at: int) -> tuple[Value, int, int]:
    """Bring a dimension to an axis, or to the first part of the channels; return also the axis and its rest."""
    value = without_repeats(builder, value)
    dim = value.dims[at]
    if len(dim) != 1 or not _leads(value, dim[0]):
        rest = [tuple(factor for factor in axis if factor not in dim) for axis in by_axis(value)]
        alone = all(factor.axis > 0 for factor in dim) and len(value.shape) < 4
        groups = [rest[0], dim, *filter(None, rest[1:])] if alone else [(*dim, *rest[0]), *filter(None, rest[1:])]
        value = settled(builder, value, few(groups))
    factor = value.dims[at][0]
    if len(value.dims[at]) != 1 or not _leads(value, factor):
        raise ShapeError("indexing a dimension that spans several axes is not supported")
    return value, factor.axis, factor.step


def _leads(value: Value, factor: Factor) -> bool:
    """Return whether the factor is the first part of the channels, or an entire spatial axis."""
    full = factor.size * factor.step == value.shape[factor.axis] if factor.axis >= 0 else False
    return full and (factor.axis == 0 or factor.step == 1)
