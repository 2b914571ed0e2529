"""An output of a file, as a layer whose axes it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.frontends.tensors.settle import plain
from convscope.frontends.tensors.values import Value, joined, whole

if TYPE_CHECKING:
    from convscope.frontends.tensors.builder import Builder


def settled_output(builder: Builder, value: Value) -> Value:
    """The output, rearranged where parts of its axes have other positions in it.

    Axes in another order, and axes that are one dimension, are another way to write the same.
    """
    axes = whole(value.shape)
    same = joined(factor for dim in value.dims for factor in dim) == joined(factor for axis in axes for factor in axis)
    if same or {dim for dim in value.dims if dim} == {axis for axis in axes if axis}:
        return value
    return plain(builder, value)
