"""Outputs of a file as layers with their axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.frontends.tensors.settle import plain
from convscope.frontends.tensors.values import Value, joined, whole

if TYPE_CHECKING:
    from convscope.frontends.tensors.builder import Builder


def settled_output(builder: Builder, value: Value) -> Value:
    """Return the output, rearranged if parts of its axes are in other positions.

    Permuted axes, and axes that share a dimension, need no rearrangement.
    """
    axes = whole(value.shape)
    same = joined(factor for dim in value.dims for factor in dim) == joined(factor for axis in axes for factor in axis)
    if same or {dim for dim in value.dims if dim} == {axis for axis in axes if axis}:
        return value
    return plain(builder, value)
