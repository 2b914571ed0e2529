"""Operators that are layers: convolution, norms, linear maps, attention."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ModelError, ShapeError
from convscope.frontends.onnx.consts import Known, at_hand
from convscope.frontends.onnx.sliding import need, pads_of, per_axis
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.products import attention, matmul
from convscope.frontends.tensors.settle import is_whole, settled
from convscope.frontends.tensors.values import Const, Value, joined, whole
from convscope.ops.act import PReLU
from convscope.ops.norm import GroupNorm, LocalResponseNorm
from convscope.ops.pad import Crop
from convscope.ops.scalar import Map

if TYPE_CHECKING:
    from convscope.core.spell import PerAxis
    from convscope.frontends.onnx.call import Call


def _bias(const: Const | None) -> Const | None:
    """Return the bias; none for zeros that are not learned, which some exporters write instead of no bias."""
    no_bias = isinstance(const, Known) and not const.roots and not const.numbers.any()
    return None if no_bias else const


def conv(call: Call) -> Value:
    """See the operator Conv."""
    x, weight = call.value(0), call.const(1)
    rank = len(weight.sizes) - 2
    kernel = tuple(weight.sizes[2:])
    groups = call.whole("group", 1)
    need(weight.sizes[1:2], (x.sizes[1] // max(1, groups),), "the input-channel axis of the weight")
    if rank < 1 or tuple(call.wholes("kernel_shape") or kernel) != kernel:
        raise ModelError(f"kernel_shape={call.wholes('kernel_shape')} with weights of {weight.sizes}")
    bias = call.maybe(2)
    if bias is not None:
        need(bias.sizes, weight.sizes[:1], "the bias")
    return layers.conv(
        call.builder, x, weight, _bias(bias),
        stride=per_axis(call, "strides", rank),
        pad=pads_of(call, rank, x.sizes[2:], kernel),
        dilation=per_axis(call, "dilations", rank),
        groups=groups,
    )  # fmt: skip


def conv_transpose(call: Call) -> Value:
    """See the operator ConvTranspose. Uneven cropping becomes a layer after it."""
    x, weight = call.value(0), call.const(1)
    rank, kernel = len(weight.sizes) - 2, weight.sizes[2:]
    need(weight.sizes[:1], x.sizes[1:2], "the input-channel axis of the weight")
    bias, groups = call.maybe(2), call.whole("group", 1)
    if bias is not None:
        need(bias.sizes, (weight.sizes[1] * groups,), "the bias")
    stride, dilation = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
    extra = per_axis(call, "output_padding", rank, 0)
    cuts = _transposed_cuts(call, x.sizes[2:], kernel, stride, dilation, extra)
    pads, more, crops = [], [], []
    for (lo, hi), add, step, spread in zip(cuts, extra, stride, dilation, strict=True):
        out = lo - hi + add
        even = 0 <= out < max(step, spread) and lo >= 0
        pads.append((lo, lo) if even else (0, 0))
        more.append(out if even else 0)
        crops.append((0, 0) if even else (lo, hi - add))
    if any(side < 0 for pair in crops for side in pair):
        raise ShapeError("a transposed convolution that pads its output is not supported")
    found = layers.conv_transpose(
        call.builder, x, weight, _bias(bias), stride=stride, pad=tuple(pads), dilation=dilation,
        output_pad=tuple(more), groups=groups,
    )  # fmt: skip
    if not any(side for pair in crops for side in pair):
        return found
    return layers.as_maps(x, call.builder.emit(Crop(tuple(crops)), [found.node]))


def _transposed_cuts(  # noqa: PLR0913 -- the parameters of a transposed convolution
    call: Call, sizes: PerAxis, kernel: PerAxis, stride: PerAxis, dilation: PerAxis, extra: PerAxis
) -> tuple[tuple[int, int], ...]:
    """Return the cropping before and after each axis."""
    word, wanted = call.word("auto_pad", "NOTSET"), call.wholes("output_shape")
    if word not in {"SAME_UPPER", "SAME_LOWER"} and not wanted:
        pads = pads_of(call, len(kernel), sizes, kernel)
        assert not isinstance(pads, str)
        return pads
    found = []
    out = wanted or [n * s for n, s in zip(sizes, stride, strict=True)]
    for n, k, s, d, add, size in zip(sizes, kernel, stride, dilation, extra, out[-len(kernel) :], strict=True):
        total = s * (n - 1) + add + (k - 1) * d + 1 - size
        total = total if wanted else max(0, total)  # in ONNX Runtime, a kernel below its stride gives a short map
        first = total // 2 if word == "SAME_UPPER" else total - total // 2
        found.append((first, total - first))
    return tuple(found)


def _fixed(const: Const) -> Const:
    """Make a constant that is not learned."""
    return replace(const, roots=())


def batch_norm(call: Call) -> Any:
    """See the operator BatchNormalization."""
    names = ("weight", "bias", "running_mean", "running_var")
    found = {name: call.const(at) for at, name in enumerate(names, 1)}
    for name, const in found.items():
        need(const.sizes, call.value(0).sizes[1:2], name)
    if call.whole("training_mode", 0):
        return layers.instance_norm(
            call.builder, call.value(0), found["weight"], found["bias"], call.real("epsilon", 1e-5)
        )
    if not call.whole("spatial", 1):
        raise ShapeError("a norm of each position by itself is not supported")
    found |= {name: _fixed(found[name]) for name in names[2:]}
    return [layers.batch_norm(call.builder, call.value(0), found, call.real("epsilon", 1e-5)), None, None]


def _ones_and_zeros(weight: Const | None, bias: Const | None) -> bool:
    """Return whether the scale is ones and the shift zeros, and neither is learned."""
    ones = weight is None or (isinstance(weight, Known) and not weight.roots and bool((weight.numbers == 1).all()))
    zeros = bias is None or (isinstance(bias, Known) and not bias.roots and not bias.numbers.any())
    return ones and zeros


def instance_norm(call: Call) -> Value:
    """See the operator InstanceNormalization. With groups of channels in one dimension, it is a group norm."""
    x, weight, bias, eps = call.value(0), call.const(1), call.const(2), call.real("epsilon", 1e-5)
    need(weight.sizes, x.sizes[1:2], "the scale")
    without = _ones_and_zeros(weight, bias)
    everything = joined(factor for axis in whole(x.shape) for factor in axis)
    flat = joined(factor for dim in x.dims for factor in dim)
    groups = x.sizes[1] if len(x.dims) > 2 else 0
    if without and flat == everything and groups > 0 and (groups, *x.sizes[2:]) != x.shape and not x.dims[0]:
        return unary(call.builder, GroupNorm(groups, affine=False, eps=eps), x)
    return layers.instance_norm(call.builder, x, None if without else weight, None if without else bias, eps)


def layer_norm(call: Call) -> Any:
    """See the operator LayerNormalization."""
    x = call.value(0)
    count = len(x.dims) - shapes.positive(call.whole("axis", -1), len(x.dims))
    weight, bias, eps = call.maybe(1), call.maybe(2), call.real("epsilon", 1e-5)
    if _ones_and_zeros(weight, bias):
        weight = bias = None
    found = layers.layer_norm(call.builder, x, count, weight, bias, eps)
    if call.outputs < 2:
        return found
    over = range(len(x.dims) - count, len(x.dims))
    return [found, shapes.reduced(call.builder, x, "mean", over, keep=True)]


def rms_norm(call: Call) -> Value:
    """See the operator RMSNormalization."""
    x = call.value(0)
    count = len(x.dims) - shapes.positive(call.whole("axis", -1), len(x.dims))
    return layers.layer_norm(call.builder, x, count, call.const(1), None, call.real("epsilon", 1e-5), rms=True)


def group_norm(call: Call) -> Value:
    """See the operator GroupNormalization; before version 21 it had a scale for each group."""
    x, groups = call.value(0), call.whole("num_groups", 0)
    weight, bias = call.const(1), call.const(2)
    each = x.sizes[1] // max(1, groups)
    if call.opset < 21 and each > 1 and weight.sizes == (groups,):
        weight, bias = (one.then((x.sizes[1],), lambda numbers: np.repeat(numbers, each)) for one in (weight, bias))
    without = _ones_and_zeros(weight, bias)
    return layers.group_norm(
        call.builder, x, groups, None if without else weight, None if without else bias, call.real("epsilon", 1e-5)
    )


def lrn(call: Call) -> Value:
    """See the operator LRN."""
    size = call.whole("size", 0)
    if size % 2 == 0:  # the middle differs from torch's
        raise ShapeError("a norm over an even number of neighbours is not supported")
    op = LocalResponseNorm(size, call.real("alpha", 1e-4), call.real("beta", 0.75), call.real("bias", 1.0))
    return unary(call.builder, op, layers.by_channel(call.builder, call.value(0)))


def prelu(call: Call) -> Value:
    """See the operator PRelu: one slope, or one for each channel."""
    x, slope = call.value(0), call.const(1)
    count = math.prod(slope.sizes)
    per_channel = (1,) * (len(x.dims) - len(slope.sizes)) + slope.sizes
    if count > 1 and per_channel[1] != count:
        raise ShapeError("slopes that differ between positions are not supported")
    if count > 1 and not is_whole(x, 0, x.dims[1]):
        x = settled(call.builder, x, [x.dims[1], *x.dims[2:]])
    return unary(call.builder, PReLU(count), x, {"weight": slope.then((count,), np.ravel)})


def softmax(call: Call) -> Value:
    """See the operator Softmax; before version 13, it covers all dimensions from one on together."""
    x = call.value(0)
    rank = len(x.dims)
    at = shapes.positive(call.whole("axis", -1 if call.opset >= 13 else 1), rank)
    if call.opset >= 13 or at == rank - 1:
        return layers.softmax(call.builder, x, at)
    flat = shapes.viewed(call.builder, x, (*x.sizes[:at], math.prod(x.sizes[at:])))
    return shapes.viewed(call.builder, layers.softmax(call.builder, flat, at), x.sizes)


def log_softmax(call: Call) -> Value:
    """See the operator LogSoftmax."""
    return unary(call.builder, Map("log"), softmax(call))


def gemm(call: Call) -> Value:
    """See the operator Gemm."""
    x, y, bias = call.value(0), call.tensor(1), call.get(2)
    alpha, beta = call.real("alpha", 1.0), call.real("beta", 1.0)
    if call.whole("transA", 0):
        x = shapes.swapped(x, 0, 1)
    turn = bool(call.whole("transB", 0))
    if isinstance(y, Value):
        found = matmul(call.builder, x, shapes.swapped(y, 0, 1) if turn else y)
        found = binary(call.builder, "mul", found, alpha)
        bias = bias.then(bias.sizes, lambda numbers: beta * numbers) if isinstance(bias, Const) else bias
        return found if bias is None else binary(call.builder, "add", found, call.tensor(2))
    weight = y if turn else y.then(y.sizes[::-1], np.transpose)
    weight = weight if alpha == 1 else weight.then(weight.sizes, lambda numbers: alpha * numbers)
    out = weight.sizes[0]
    need(weight.sizes[1:], x.sizes[1:], "the input axis of the weight")
    if isinstance(bias, Const) and math.prod(bias.sizes) in {1, out}:
        added = bias.then((out,), lambda numbers: np.broadcast_to(beta * numbers.reshape(-1), (out,)).copy())
        return layers.linear(call.builder, x, weight, added if _bias(bias) is not None else None)
    found = layers.linear(call.builder, x, weight, None)
    if bias is None:
        return found
    assert isinstance(bias, Value | Const)
    scaled = binary(call.builder, "mul", bias, beta) if isinstance(bias, Value) else bias
    return binary(call.builder, "add", found, scaled)


def dot(call: Call) -> Value:
    """See the operator MatMul."""
    x, y = call.tensor(0), call.tensor(1)
    need(x.sizes[-1:], y.sizes[-2:][:1], "the last axis of the left matrix")
    return matmul(call.builder, x, y)


def _heads(call: Call, value: Value | Const, name: str) -> Value:
    """Return queries, keys or values as ``n heads positions channels``."""
    if not isinstance(value, Value):
        raise ShapeError("attention to constants is not supported")
    if len(value.dims) == 4:
        return value
    n, positions, channels = value.sizes
    heads = call.whole(name, 1)
    return shapes.swapped(shapes.viewed(call.builder, value, (n, positions, heads, channels // heads)), 1, 2)


def attend(call: Call) -> Any:
    """See the operator Attention."""
    if any(call.get(at) is not None for at in (4, 5, 6)) or call.real("softcap", 0.0):
        raise ShapeError("attention with a KV cache or soft-capping is not supported")
    q = _heads(call, call.tensor(0), "q_num_heads")
    k, v = (_heads(call, call.tensor(at), "kv_num_heads") for at in (1, 2))
    if q.sizes[1] != k.sizes[1]:
        raise ShapeError("grouped-query attention is not supported")
    mask = call.get(3)
    if isinstance(mask, Const) and at_hand(mask).dtype == np.bool_:
        mask = mask.then(mask.sizes, lambda numbers: np.where(numbers, 0.0, -np.inf).astype(np.float32))
    assert mask is None or isinstance(mask, Value | Const)
    scale = call.real("scale", 0.0) or None
    found = attention(call.builder, q, k, v, mask=mask, causal=bool(call.whole("is_causal", 0)), scale=scale)
    if len(call.tensor(0).sizes) == 4:
        return [found, None, None, None]
    n, heads, positions, each = found.sizes
    return [shapes.viewed(call.builder, shapes.swapped(found, 1, 2), (n, positions, heads * each)), None, None, None]
