"""The spelling of each op in ONNX."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import hold
from convscope.core.axis import Window
from convscope.ops.act import (
    ELU,
    GELU,
    SELU,
    Clamp,
    Dropout,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyReLU,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SpatialSoftmax,
    Tanh,
    Threshold,
)
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm, RMSNorm
from convscope.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.resize import Resize, Upsample
from convscope.ops.sliding import pads
from convscope.ops.view import Flatten
from convscope.writers.common import unwritten

if TYPE_CHECKING:
    from convscope.core.net import Layer
    from convscope.core.op import Op
    from convscope.writers.onnx_build import Builder

    Pairs = tuple[tuple[int, int], ...]


@singledispatch
def emit(op: Op, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- the emitters below use it
    """Write an op; return the name of its output.

    Args:
        op: the op.
        layer: the layer with its shapes.
        x: names of its inputs.
        b: the graph builder.

    Raises:
        WriteError: it is unknown what the op computes.
    """
    raise unwritten(op, "onnx")


def _sides(pairs: Pairs) -> list[int]:
    """Return all padding before, then all after."""
    return [side for part in zip(*pairs, strict=True) for side in part]


def _kernel(op: Conv | ConvTranspose) -> dict[str, Any]:
    return {"kernel_shape": op.kernel, "strides": op.stride, "dilations": op.dilation, "group": op.groups}


@emit.register(Conv)
def _conv(op: Conv, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    names = [b.weight("weight"), *([b.weight("bias")] if op.bias else [])]
    return b.node("Conv", x[0], *names, pads=_sides(pads(op, layer.inputs[0])), **_kernel(op))


@emit.register(ConvTranspose)
def _convt(op: ConvTranspose, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    names = [b.weight("weight"), *([b.weight("bias")] if op.bias else [])]
    return b.node("ConvTranspose", x[0], *names, pads=_sides(op.pad), output_padding=op.output_pad, **_kernel(op))


@emit.register(Linear)
def _linear(op: Linear, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    flat = b.node("Flatten", x[0], axis=1) if len(layer.inputs[0]) > 1 else x[0]
    names = [b.weight("weight"), *([b.weight("bias")] if op.bias else [])]
    return b.node("Gemm", flat, *names, transB=1)


@emit.register(Flatten)
def _flatten(op: Flatten, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Flatten", x[0], axis=1)


def _over(op: MaxPool | AvgPool, layer: Layer) -> Pairs:
    """Return the padding before and after, including the overhang of a last window."""
    found = (read.relation for read in op.axes(layer.inputs)[0][1:])
    return tuple((window.lo, window.hi) for window in found if isinstance(window, Window))


def padded(x: str, pairs: Pairs, b: Builder, value: float = 0.0, mode: str = "constant") -> str:
    """Pad a map; negative padding crops."""
    if not any(map(any, pairs)):
        return x
    sides = b.whole(_sides(((0, 0), (0, 0), *pairs)))
    return b.node("Pad", x, sides, *([b.constant(value)] if mode == "constant" else []), mode=mode)


@emit.register(MaxPool)
def _maxpool(op: MaxPool, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    full, given = _over(op, layer), x[0]
    if any(side >= kernel for kernel, pair in zip(op.kernel, full, strict=True) for side in pair):
        given, full = padded(given, full, b, -math.inf), ((0, 0),) * len(full)
    sizes: dict[str, Any] = {"kernel_shape": op.kernel, "strides": op.stride, "dilations": op.dilation}
    return b.node("MaxPool", given, pads=_sides(full), **sizes)


@emit.register(AvgPool)
def _avgpool(op: AvgPool, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    counted = pads(op, layer.inputs[0]) if op.count_pad else ((0, 0),) * len(op.kernel)
    over = tuple((a - c, d - e) for (a, d), (c, e) in zip(_over(op, layer), counted, strict=True))
    sizes: dict[str, Any] = {"kernel_shape": op.kernel, "strides": op.stride}
    if not any(map(any, over)):
        return str(
            b.node("AveragePool", x[0], pads=_sides(counted), count_include_pad=int(any(map(any, counted))), **sizes)
        )
    return b.node("AveragePool", padded(x[0], counted, b), pads=_sides(over), count_include_pad=0, **sizes)


@emit.register(GlobalAvgPool)
def _gap(op: GlobalAvgPool, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("GlobalAveragePool", x[0])


@emit.register(GlobalMaxPool)
def _gmp(op: GlobalMaxPool, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("GlobalMaxPool", x[0])


def _shares(n: int, out: int) -> list[range]:
    """Return the windows of an adaptive pooling along one axis."""
    return [range(at * n // out, -(-(at + 1) * n // out)) for at in range(out)]


@emit.register(AdaptiveAvgPool)
def _aavgpool(op: AdaptiveAvgPool, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    found = x[0]
    letters = "ncdhw"[: len(layer.inputs[0]) + 1]
    for axis, (n, out) in enumerate(zip(layer.inputs[0][1:], op.size, strict=True), 2):
        hold(8 * n * out)
        share = np.zeros((n, out))
        for at, window in enumerate(_shares(n, out)):
            share[list(window), at] = 1 / len(window)
        made = letters[:axis] + "o" + letters[axis + 1 :]
        found = b.node("Einsum", found, b.constant(share), equation=f"{letters},{letters[axis]}o->{made}")
    return found


@emit.register(AdaptiveMaxPool)
def _amaxpool(op: AdaptiveMaxPool, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    found = x[0]
    for axis, (n, out) in enumerate(zip(layer.inputs[0][1:], op.size, strict=True), 2):
        width = -(-n // out) + 1  # the widest window, or one more
        hold(64 * out * width)
        windows = _shares(n, out)
        width = max(map(len, windows))
        positions = [[window[min(at, len(window) - 1)] for at in range(width)] for window in windows]
        found = b.node("Gather", found, b.whole(positions), axis=axis)
        found = b.node("ReduceMax", found, b.whole([axis + 1]), keepdims=0)
    return found


def _scale_and_shift(op: Any, channels: int, b: Builder) -> tuple[str, str]:
    """Return the learned vectors of a norm, or ones and zeros."""
    if op.affine:
        return b.weight("weight"), b.weight("bias")
    hold(16 * channels)
    return b.constant(np.ones(channels)), b.constant(np.zeros(channels))


@emit.register(BatchNorm)
def _bn(op: BatchNorm, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    names = (*_scale_and_shift(op, layer.inputs[0][0], b), b.weight("running_mean"), b.weight("running_var"))
    return b.node("BatchNormalization", x[0], *names, epsilon=op.eps)


@emit.register(GroupNorm)
def _gn(op: GroupNorm, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    given = b.reshape(x[0], (*layer.inputs[0], 1)) if len(layer.inputs[0]) == 1 else x[0]
    names = _scale_and_shift(op, layer.inputs[0][0], b)
    made = b.node("GroupNormalization", given, *names, num_groups=op.groups, epsilon=op.eps)
    return b.reshape(made, layer.inputs[0]) if len(layer.inputs[0]) == 1 else made


@emit.register(InstanceNorm)
def _instnorm(op: InstanceNorm, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    names = _scale_and_shift(op, layer.inputs[0][0], b)
    return b.node("InstanceNormalization", x[0], *names, epsilon=op.eps)


def _grouped(x: str, layer: Layer, groups: int, b: Builder) -> tuple[str, list[int]]:
    """Bring the channels of each group to the last axis; return also the permutation that reverts this."""
    channels, *spatial = layer.inputs[0]
    if groups > 1:
        x = b.reshape(x, (groups, channels // groups, *spatial))
    rank, first = len(spatial) + (groups > 1) + 1, 1 + (groups > 1)
    order = [at for at in range(1, rank + 1) if at != first] + [first]
    back = sorted(range(rank), key=order.__getitem__)
    return b.transpose(x, order), [at + 1 for at in back]


@emit.register(LayerNorm)
def _ln(op: LayerNorm, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    given, back = _grouped(x[0], layer, op.groups, b)
    names = _scale_and_shift(op, layer.inputs[0][0] // op.groups, b)
    made = b.transpose(b.node("LayerNormalization", given, *names, axis=-1, epsilon=op.eps), back)
    return b.reshape(made, layer.inputs[0]) if op.groups > 1 else made


@emit.register(RMSNorm)
def _rmsnorm(op: RMSNorm, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    given, back = _grouped(x[0], layer, op.groups, b)
    mean = b.node("ReduceMean", b.node("Mul", given, given), b.whole([-1]), keepdims=1)
    made = b.node("Div", given, b.node("Sqrt", b.node("Add", mean, b.constant(op.eps))))
    made = b.transpose(b.node("Mul", made, b.weight("weight")) if op.affine else made, back)
    return b.reshape(made, layer.inputs[0]) if op.groups > 1 else made


@emit.register(LocalResponseNorm)
def _lrn(op: LocalResponseNorm, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    """Write out the mean, since ONNX's own operator reads one channel further after for even sizes."""
    channels, *spatial = layer.inputs[0]
    lines = b.reshape(b.node("Mul", x[0], x[0]), (1, channels, math.prod(spatial)))
    before = op.size // 2
    sides = [before, 0, op.size - 1 - before, 0]
    mean = b.node("AveragePool", lines, kernel_shape=[op.size, 1], strides=[1, 1], pads=sides, count_include_pad=1)
    energy = b.reshape(mean, layer.inputs[0])
    total = b.node("Add", b.node("Mul", energy, b.constant(op.alpha)), b.constant(op.k))
    return b.node("Div", x[0], b.node("Pow", total, b.constant(op.beta)))


_PLAIN: dict[type[Op], tuple[str, dict[str, Any]]] = {
    ReLU: ("Relu", {}),
    Sigmoid: ("Sigmoid", {}),
    Tanh: ("Tanh", {}),
    Hardswish: ("HardSwish", {}),
    Hardsigmoid: ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    SELU: ("Selu", {}),
    Softplus: ("Softplus", {}),
    Mish: ("Mish", {}),
}
"""Operators of activations without fields."""

for _made, (_kind, _fields) in _PLAIN.items():
    emit.register(_made, lambda op, layer, x, b, kind=_kind, more=_fields: b.node(kind, x[0], **more))  # noqa: ARG005


@emit.register(Identity)
def _id(op: Identity, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Identity", x[0])


@emit.register(Dropout)
def _dropout(op: Dropout, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Dropout", x[0], b.constant(op.p))


@emit.register(LeakyReLU)
def _leaky_relu(op: LeakyReLU, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("LeakyRelu", x[0], alpha=op.slope)


@emit.register(ELU)
def _elu(op: ELU, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Elu", x[0], alpha=op.alpha)


@emit.register(GELU)
def _gelu(op: GELU, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Gelu", x[0], approximate="tanh" if op.approx else "none")


@emit.register(SiLU)
def _silu(op: SiLU, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Mul", x[0], b.node("Sigmoid", x[0]))


@emit.register(ReLU6)
def _relu6(op: ReLU6, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Clip", x[0], b.constant(0.0), b.constant(6.0))


@emit.register(Threshold)
def _threshold(op: Threshold, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("ThresholdedRelu", x[0], alpha=op.limit)


@emit.register(Clamp)
def _clamp(op: Clamp, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Min", b.node("Max", x[0], b.constant(op.low)), b.constant(op.high))


@emit.register(PReLU)
def _prelu(op: PReLU, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    slopes = b.array("weight").reshape(op.count, *(1,) * (len(layer.inputs[0]) - 1))
    return b.node("PRelu", x[0], b.constant(slopes))


@emit.register(Softmax)
def _softmax(op: Softmax, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    if op.groups == 1:
        return b.node("Softmax", x[0], axis=1)
    channels, *spatial = layer.inputs[0]
    split = b.reshape(x[0], (op.groups, channels // op.groups, *spatial))
    return b.reshape(b.node("Softmax", split, axis=2), layer.inputs[0])


@emit.register(SpatialSoftmax)
def _spatial_softmax(op: SpatialSoftmax, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001
    channels, *spatial = layer.inputs[0]
    flat = b.reshape(x[0], (channels, math.prod(spatial)))
    return b.reshape(b.node("Softmax", flat, axis=2), layer.inputs[0])


def _picked(x: str, layer: Layer, out: tuple[int, ...], b: Builder) -> str:
    """Select positions by index along each axis."""
    for axis, (n, size) in enumerate(zip(layer.inputs[0][1:], out, strict=True), 2):
        if n != size:
            hold(8 * size)
            x = b.node("Gather", x, b.whole(np.arange(size) * n // size), axis=axis)
    return x


@emit.register(Upsample)
def _up(op: Upsample, layer: Layer, x: tuple[str, ...], b: Builder) -> str:  # noqa: ARG001 -- any shape
    scales = b.constant([1, 1, *op.factor])
    ways: dict[str, Any] = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return b.node("Resize", x[0], "", scales, **ways)


@emit.register(Resize)
def _resize(op: Resize, layer: Layer, x: tuple[str, ...], b: Builder) -> str:
    if op.mode == "nearest":
        return _picked(x[0], layer, op.size, b)
    position = "align_corners" if op.align else "half_pixel"
    ways: dict[str, Any] = {
        "mode": "cubic" if op.mode == "bicubic" else "linear",
        "coordinate_transformation_mode": position,
    }
    axes = list(range(2, len(op.size) + 2))
    return b.node("Resize", x[0], "", "", b.whole(op.size), axes=axes, cubic_coeff_a=-0.75, **ways)
