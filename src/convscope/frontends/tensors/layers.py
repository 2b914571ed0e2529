"""Layers that exist in every framework: convolution, pooling, norms, linear maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.tensors.algebra import binary, mixed, unary
from convscope.frontends.tensors.settle import by_axis, few, is_whole, settled, without_repeats
from convscope.frontends.tensors.values import Const, Factor, Value, joined, length, whole
from convscope.ops.act import Softmax, SpatialSoftmax
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from convscope.ops.pad import Pad
from convscope.ops.pool import AvgPool, MaxPool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.op import Op
    from convscope.core.spell import Pads, PerAxis
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Dim


@lru_cache(maxsize=4096, typed=True)
def one(kind: Callable[..., Op], *fields: Any) -> Op:
    """Return an op; memoised by its fields, since blocks repeat."""
    return kind(*fields)


NO_BATCHES = Const((), lambda: np.asarray(0))
"""The tensor that counts the batches of a norm."""

LOWEST = float(np.finfo(np.float32).min)
"""The value for minus infinity in the padding of a pooling."""


def maps(builder: Builder, value: Value, rank: int) -> Value:
    """Bring a tensor ``n c ...`` with this number of spatial dimensions to the output of a layer with these axes.

    Raises:
        ShapeError: the batch contains positions of the image.
    """
    if len(value.dims) not in {rank + 1, rank + 2}:
        raise ShapeError(f"the tensor has {len(value.dims)} dimensions, but {rank + 2} are needed")
    if len(value.dims) == rank + 2 and value.dims[0]:
        raise ShapeError("a batch that holds parts of one sample is not supported here")
    return settled(builder, value, value.dims[-rank - 1 :])


def as_maps(value: Value, made: Value) -> Value:
    """Return a layer's output with the dimensions of its input, with or without a batch."""
    lead: tuple[Dim, ...] = ((),) if len(value.dims) > len(made.dims) else ()
    return Value(made.node, made.shape, (*lead, *made.dims))


Make = Callable[[int], tuple["Op", dict[str, Const] | None]]
"""An op and its weights for maps with further leading spatial axes, along which nothing slides."""


def sliding(builder: Builder, value: Value, make: Make, rank: int) -> Value:
    """Apply a layer to maps of this number of spatial dimensions. Parts of a sample in the batch become an axis."""
    if len(value.dims) == rank + 2 and value.dims[0]:
        if rank > 2:
            raise ShapeError("a batch that holds parts of one sample is not supported here")
        batch, channels, *positions = value.dims
        ready = settled(builder, without_repeats(builder, value), [channels, batch, *positions])
        op, weights = make(1)
        made = builder.emit(op, [ready.node], weights)
        dims = whole(made.shape)
        return replace(made, dims=(dims[1], dims[0], *dims[2:]))
    ready = maps(builder, value, rank)
    op, weights = make(0)
    return as_maps(value, builder.emit(op, [ready.node], weights))


def _kernel(weight: Const, further: int) -> Const:
    """Prepend axes of length 1 to a kernel."""
    if not further:
        return weight
    sizes = (*weight.sizes[:2], *(1,) * further, *weight.sizes[2:])
    return weight.then(sizes, lambda numbers: numbers.reshape(sizes))


def _front(values: Any, further: int, fill: Any) -> Any:
    """Prepend settings of further axes."""
    return values if isinstance(values, str) else (*(fill,) * further, *values)


def conv(
    builder: Builder,
    value: Value,
    weight: Const,
    bias: Const | None,
    *,
    stride: PerAxis,
    pad: Pads,
    dilation: PerAxis,
    groups: int,
) -> Value:
    """Add a convolution; ``weight: out in/groups kernel...``."""
    out, _, *kernel = weight.sizes

    def make(further: int) -> tuple[Op, dict[str, Const] | None]:
        size, step, spread = (_front(numbers, further, 1) for numbers in (kernel, stride, dilation))
        op = one(Conv, out, size, step, _front(pad, further, (0, 0)), spread, groups, bias is not None)
        return op, _weights(_kernel(weight, further), bias)

    return sliding(builder, value, make, len(kernel))


def conv_transpose(
    builder: Builder,
    value: Value,
    weight: Const,
    bias: Const | None,
    *,
    stride: PerAxis,
    pad: tuple[tuple[int, int], ...],
    dilation: PerAxis,
    output_pad: PerAxis,
    groups: int,
) -> Value:
    """Add a transposed convolution; ``weight: in out/groups kernel...``."""
    _, out, *kernel = weight.sizes

    def make(further: int) -> tuple[Op, dict[str, Const] | None]:
        size, step, spread = (_front(numbers, further, 1) for numbers in (kernel, stride, dilation))
        pads, more = _front(pad, further, (0, 0)), _front(output_pad, further, 0)
        op = one(ConvTranspose, out * groups, size, step, pads, spread, more, groups, bias is not None)
        return op, _weights(_kernel(weight, further), bias)

    return sliding(builder, value, make, len(kernel))


def max_pool(
    builder: Builder,
    value: Value,
    kernel: PerAxis,
    *,
    stride: PerAxis,
    pad: Pads,
    dilation: PerAxis,
    ceil: bool = False,
) -> Value:
    """Add a max-pooling."""

    def make(further: int) -> tuple[Op, None]:
        size, step, spread = (_front(numbers, further, 1) for numbers in (kernel, stride, dilation))
        return MaxPool(size, step, _front(pad, further, (0, 0)), spread, ceil), None

    return sliding(builder, value, make, len(kernel))


def avg_pool(
    builder: Builder,
    value: Value,
    kernel: PerAxis,
    *,
    stride: PerAxis,
    pad: Pads,
    ceil: bool = False,
    count_pad: bool = True,
) -> Value:
    """Add an average pooling."""

    def make(further: int) -> tuple[Op, None]:
        size, step = (_front(numbers, further, 1) for numbers in (kernel, stride))
        return AvgPool(size, step, _front(pad, further, (0, 0)), ceil, count_pad), None

    return sliding(builder, value, make, len(kernel))


def _weights(weight: Const | None, bias: Const | None) -> dict[str, Const]:
    return {name: const for name, const in (("weight", weight), ("bias", bias)) if const is not None}


def _both(weight: Const | None, bias: Const | None) -> dict[str, Const]:
    """Return scales and shifts of a norm; the source may have only one of them.

    Raises:
        ShapeError: there are no scales.
    """
    if weight is None and bias is not None:
        raise ShapeError("a norm with bias but no weight is not supported")
    if weight is not None and bias is None:
        sizes = weight.sizes
        bias = Const(sizes, lambda: np.zeros(sizes, np.float32))
    return _weights(weight, bias)


def linear(builder: Builder, value: Value, weight: Const, bias: Const | None) -> Value:
    """Add a linear map of the last dimension; ``weight: out in``."""
    out = weight.sizes[0]
    value = without_repeats(builder, value)
    last = value.dims[-1]
    everything = joined(factor for axis in whole(value.shape) for factor in axis)
    lead = value.dims[:-1]
    if last == everything and not any(lead):
        made = builder.emit(Linear(out, bias is not None), [value.node], _weights(weight, bias))
        return Value(made.node, made.shape, (*lead, *made.dims))
    if all(factor.axis > 0 for factor in last) or _partial(value, last):
        return _linear_along(builder, value, weight, bias)
    if not is_whole(value, 0, last):
        value = _as_channels(builder, value)
    ones = (1,) * (len(value.shape) - 1)
    if not ones:
        op: Op = Linear(out, bias is not None)
        made = builder.emit(op, [value.node], _weights(weight, bias))
    else:
        full = (*weight.sizes, *ones)
        kernel = weight.then(full, lambda numbers: numbers.reshape(full))
        made = builder.emit(Conv(out, ones, bias=bias is not None), [value.node], _weights(kernel, bias))
    new: Dim = (Factor(0, out, 1),) if out > 1 else ()
    return Value(made.node, made.shape, (*value.dims[:-1], new))


def _partial(value: Value, dim: Dim) -> bool:
    """Return whether a dimension is a part of the channels, and other dimensions have the rest."""
    return all(factor.axis == 0 for factor in dim) and length(dim) < value.shape[0]


def _as_channels(builder: Builder, value: Value) -> Value:
    """Make the last dimension the channels; the other factors stay on their axes, the rest goes in front."""
    last = value.dims[-1]
    rest = [[factor for factor in axis if factor not in last] for axis in by_axis(value)]
    groups = [last, *(tuple(axis) for axis in rest[1:] if axis)]
    if rest[0]:
        groups.append(tuple(rest[0]))
    return settled(builder, value, few(groups))


def _linear_along(builder: Builder, value: Value, weight: Const, bias: Const | None) -> Value:
    names = [f"d{at}" for at in range(len(value.dims))]
    found = mixed(builder, value, weight, (names, ["new", names[-1]], [*names[:-1], "new"]))
    return found if bias is None else binary(builder, "add", found, bias)


def by_channel(builder: Builder, value: Value) -> Value:
    """Return the tensor as the output of a layer whose channels are dimension 1, or the only one."""
    value = without_repeats(builder, value)
    if is_whole(value, 0, value.dims[min(1, len(value.dims) - 1)]):
        return value
    batch, channels, *positions = value.dims
    return settled(builder, value, few([channels, *([batch] if batch else []), *positions]))


def batch_norm(builder: Builder, value: Value, weights: dict[str, Const], eps: float) -> Value:
    """Add a norm by stored statistics of dimension 1."""
    value = by_channel(builder, value)
    stored = {**weights, "num_batches_tracked": NO_BATCHES}
    return unary(builder, one(BatchNorm, "weight" in weights, eps), value, stored)


def layer_norm(
    builder: Builder,
    value: Value,
    count: int,
    weight: Const | None,
    bias: Const | None,
    eps: float,
    *,
    rms: bool = False,
) -> Value:
    """Add a norm over a number of last dimensions."""
    value = without_repeats(builder, value)
    names = joined(factor for dim in value.dims[-count:] for factor in dim)
    over_maps = _over_maps(value, names, eps)
    if over_maps and not rms:
        found = unary(builder, over_maps, value)
        for name, const in (("mul", weight), ("add", bias)):
            found = binary(builder, name, found, const) if const is not None else found
        return found
    groups = _groups(value, names)
    if groups is None:
        if count > 1 or len(by_axis(value)) > 4:
            raise ShapeError("a norm over dimensions other than the channels is not supported")
        value = _as_channels(builder, value)
        groups = 1
    affine = weight is not None
    if rms:
        return unary(builder, RMSNorm(affine, groups, eps), value, _weights(weight, None))
    return unary(builder, LayerNorm(affine, groups, eps), value, _both(weight, bias))


def _over_maps(value: Value, names: Dim, eps: float) -> Op | None:
    """Return the norm over entire maps, of all channels or of each; None for other statistics."""
    axes = whole(value.shape)
    if not names or not any(axes[1:]):
        return None
    if names == joined(factor for axis in axes for factor in axis):
        return GroupNorm(1, affine=False, eps=eps)
    positions = joined(factor for axis in axes[1:] for factor in axis)
    return InstanceNorm(affine=False, eps=eps) if names == positions else None


def _groups(value: Value, dim: Dim) -> int | None:
    """Return the number of groups of neighbouring channels in a dimension; None if it is not such a part."""
    if not dim:
        return value.shape[0] if value.shape[0] >= 1 else None
    if len(dim) == 1 and dim[0].axis == 0 and dim[0].step == 1:
        return value.shape[0] // dim[0].size
    return None


def group_norm(
    builder: Builder, value: Value, groups: int, weight: Const | None, bias: Const | None, eps: float
) -> Value:
    """Add a norm over groups of channels and the entire map."""
    ready = settled(builder, value, value.dims[1:])
    op = GroupNorm(groups, weight is not None, eps)
    return as_maps(value, builder.emit(op, [ready.node], _both(weight, bias)))


def instance_norm(builder: Builder, value: Value, weight: Const | None, bias: Const | None, eps: float) -> Value:
    """Add a norm of each channel over its map."""
    ready = settled(builder, value, value.dims[1:])
    op = InstanceNorm(weight is not None, eps)
    return as_maps(value, builder.emit(op, [ready.node], _both(weight, bias)))


def softmax(builder: Builder, value: Value, at: int) -> Value:
    """Add a softmax over one dimension."""
    value = without_repeats(builder, value)
    dim = value.dims[at]
    groups = _groups(value, dim)
    if groups is not None:
        return unary(builder, Softmax(groups), value)
    positions = joined(factor for axis in whole(value.shape)[1:] for factor in axis)
    if dim == positions and len(value.shape) > 1:
        return unary(builder, SpatialSoftmax(), value)
    rest = [tuple(factor for factor in axis if factor not in dim) for axis in by_axis(value)]
    groups_of = [(*rest[0], *dim), *(axis for axis in rest[1:] if axis)]
    value = settled(builder, value, few(groups_of))
    return unary(builder, Softmax(value.shape[0] // length(dim)), value)


def _own(value: Value, at: int) -> bool:
    """Return whether a dimension is exactly one spatial axis of the layer."""
    dim = value.dims[at]
    return len(dim) == 1 and dim[0].axis > 0 and is_whole(value, dim[0].axis, dim)


def as_axis(builder: Builder, value: Value, at: int) -> Value:
    """Return the tensor with one dimension as an additional last spatial axis."""
    dim = value.dims[at]
    rest = [tuple(factor for factor in axis if factor not in dim) for axis in by_axis(value)]
    groups = [rest[0], *(axis for axis in rest[1:] if axis), dim]
    if not dim or len(groups) > 4:
        raise ShapeError("the dimension cannot become a spatial axis")
    return settled(builder, value, groups)


def padded(builder: Builder, value: Value, sides: Sequence[tuple[int, int]], mode: str, number: float = 0.0) -> Value:
    """Pad the last dimensions, before and after each; negative numbers crop.

    Raises:
        ShapeError: a dimension cannot be a spatial axis.
    """
    from convscope.frontends.tensors.shapes import sliced

    value = without_repeats(builder, value)
    start = len(value.dims) - len(sides)
    for offset, (lo, hi) in enumerate(sides):
        if lo < 0 or hi < 0:
            size = length(value.dims[start + offset])
            value = sliced(builder, value, start + offset, max(0, -lo), size - max(0, -hi), 1)
    grow = {start + at: (max(0, lo), max(0, hi)) for at, (lo, hi) in enumerate(sides) if lo > 0 or hi > 0}
    if not grow:
        return value
    axes: dict[int, tuple[int, int]] = {}
    for at in grow:
        if not _own(value, at):
            value = as_axis(builder, value, at)
    for at, pair in grow.items():
        if not _own(value, at):
            raise ShapeError("padding part of an axis is not supported")
        axes[value.dims[at][0].axis] = pair
    pads = tuple(axes.get(axis, (0, 0)) for axis in range(1, len(value.shape)))
    made = builder.emit(Pad(pads, mode, max(number, LOWEST)), [value.node])
    fresh = whole(made.shape)
    dims = [fresh[dim[0].axis] if len(dim) == 1 and is_whole(value, dim[0].axis, dim) else dim for dim in value.dims]
    return Value(made.node, made.shape, tuple(dims))
