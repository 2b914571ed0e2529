"""The spelling of each op in torch. Arguments follow torch's names and defaults."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import spend
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
from convscope.ops.pad import Pad
from convscope.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.resize import Resize, Upsample
from convscope.ops.sliding import pads
from convscope.ops.view import Flatten
from convscope.writers.calls import Arg, Call
from convscope.writers.common import evenly, one, unwritten

if TYPE_CHECKING:
    from convscope.core.op import Op
    from convscope.core.shape import Shape

    Shapes = tuple[Shape, ...]
    Calls = tuple[Call, ...]
    Pairs = tuple[tuple[int, int], ...]


@singledispatch
def spell(op: Op, inputs: Shapes) -> Calls:  # noqa: ARG001 -- the spellings below use it
    """Return the calls that compute an op on inputs of these shapes ``c h w``.

    Raises:
        WriteError: torch cannot express the op, or the op is unknown.
    """
    raise unwritten(op, "torch")


def tensors(op: Op, inputs: Shapes) -> tuple[tuple[str, str], ...]:
    """Return the tensors of an op whose object uses the same names."""
    return tuple((weight.name, weight.name) for weight in op.weights(inputs) or ())


def _padded(name: str, pairs: Pairs, *more: Arg) -> Call:
    """Write a padding layer: ``nn.ZeroPad2d((left, right, top, bottom))``."""
    sides = tuple(side for pair in reversed(pairs) for side in pair)
    return Call(f"nn.{name}{len(pairs)}d", (Arg(one(sides), "sides"), *more), word="Pad")


@spell.register(Conv)
def _conv(op: Conv, inputs: Shapes) -> Calls:
    pairs = pads(op, inputs[0])
    even = evenly(pairs)
    args = (
        Arg(inputs[0][0], "channels"),
        Arg(op.out, "channels"),
        Arg(one(op.kernel), "kernel"),
        Arg(one(op.stride), "stride", "stride", 1),
        Arg(one(tuple(lo for lo, _ in pairs)) if even else 0, "padding", "padding", 0),
        Arg(one(op.dilation), "dilation", "dilation", 1),
        Arg(op.groups, "groups", "groups", 1),
        Arg(op.bias, name="bias", default=True),
    )
    call = Call(f"nn.Conv{len(pairs)}d", args, word="Conv", tensors=tensors(op, inputs))
    return (call,) if even else (_padded("ZeroPad", pairs), call)


@spell.register(ConvTranspose)
def _convt(op: ConvTranspose, inputs: Shapes) -> Calls:
    args = (
        Arg(inputs[0][0], "channels"),
        Arg(op.out, "channels"),
        Arg(one(op.kernel), "kernel"),
        Arg(one(op.stride), "stride", "stride", 1),
        Arg(one(tuple(lo for lo, _ in op.pad)), "padding", "padding", 0),
        Arg(one(op.output_pad), "output_padding", "output_padding", 0),
        Arg(op.groups, "groups", "groups", 1),
        Arg(op.bias, name="bias", default=True),
        Arg(one(op.dilation), "dilation", "dilation", 1),
    )
    return (Call(f"nn.ConvTranspose{len(op.kernel)}d", args, word="Up", tensors=tensors(op, inputs)),)


FLATTEN = Call("nn.Flatten", function="{x}.flatten(1)", word="Flatten")


@spell.register(Linear)
def _linear(op: Linear, inputs: Shapes) -> Calls:
    args = (
        Arg(math.prod(inputs[0]), "channels"),
        Arg(op.out, "channels"),
        Arg(op.bias, name="bias", default=True),
    )
    call = Call("nn.Linear", args, word="Linear", tensors=tensors(op, inputs))
    return (FLATTEN, call) if len(inputs[0]) > 1 else (call,)


def _windows(op: MaxPool | AvgPool, inputs: Shapes) -> Pairs:
    """Return the padding before and after, including the overhang of a last window."""
    found = (read.relation for read in op.axes(inputs)[0][1:])
    return tuple((window.lo, window.hi) for window in found if isinstance(window, Window))


def _steps(op: MaxPool | AvgPool) -> tuple[Arg, ...]:
    """Write the kernel, and the stride if it differs."""
    stride = () if op.stride == op.kernel else (Arg(one(op.stride), "stride", "stride"),)
    return (Arg(one(op.kernel), "kernel"), *stride)


@spell.register(MaxPool)
def _maxpool(op: MaxPool, inputs: Shapes) -> Calls:
    pairs, rank = pads(op, inputs[0]), len(op.kernel)
    even = evenly(pairs)
    args = (
        *_steps(op),
        Arg(one(tuple(lo for lo, _ in pairs)) if even else 0, "padding", "padding", 0),
        Arg(one(op.dilation), "dilation", "dilation", 1),
        Arg(op.ceil and even, name="ceil_mode", default=False),
    )
    call = Call(f"nn.MaxPool{rank}d", args, f"F.max_pool{rank}d", word="MaxPool")
    return (call,) if even else (_padded("ConstantPad", _windows(op, inputs), Arg(-math.inf, "value")), call)


@spell.register(AvgPool)
def _avgpool(op: AvgPool, inputs: Shapes) -> Calls:
    pairs, rank = pads(op, inputs[0]), len(op.kernel)
    small = rank == 3 and any(size < kernel for size, kernel in zip(inputs[0][1:], op.kernel, strict=True))
    if evenly(pairs) and not small:
        args = (
            *_steps(op),
            Arg(one(tuple(lo for lo, _ in pairs)), "padding", "padding", 0),
            Arg(op.ceil, name="ceil_mode", default=False),
            Arg(op.count_pad, name="count_include_pad", default=True),
        )
        return (Call(f"nn.AvgPool{rank}d", args, f"F.avg_pool{rank}d", word="AvgPool"),)
    full = _windows(op, inputs)
    if op.count_pad and full == pairs:
        pool = Call(f"nn.AvgPool{rank}d", _steps(op), f"F.avg_pool{rank}d", word="AvgPool")
        return (_padded("ZeroPad", pairs), pool)
    counted = pairs if op.count_pad else ((0, 0),) * rank
    over = tuple((a - b, c - d) for (a, c), (b, d) in zip(full, counted, strict=True))
    sides = (tuple(side for pair in reversed(part) for side in pair) for part in (counted, over))
    args = (Arg(op.kernel, "kernel"), Arg(op.stride, "stride"), *(Arg(part, "sides") for part in sides))
    return (Call("UnevenAvgPool", args, word="AvgPool", helper="UnevenAvgPool"),)


def _pool(name: str, function: str, size: Any, rank: int) -> Calls:
    return (Call(f"nn.{name}{rank}d", (Arg(size, "size"),), f"F.{function}{rank}d", word="Pool"),)


@spell.register(GlobalAvgPool)
def _gap(op: GlobalAvgPool, inputs: Shapes) -> Calls:  # noqa: ARG001 -- no field
    return _pool("AdaptiveAvgPool", "adaptive_avg_pool", 1, len(inputs[0]) - 1)


@spell.register(GlobalMaxPool)
def _gmp(op: GlobalMaxPool, inputs: Shapes) -> Calls:  # noqa: ARG001 -- no field
    return _pool("AdaptiveMaxPool", "adaptive_max_pool", 1, len(inputs[0]) - 1)


@spell.register(AdaptiveAvgPool)
def _aavgpool(op: AdaptiveAvgPool, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return _pool("AdaptiveAvgPool", "adaptive_avg_pool", one(op.size), len(op.size))


@spell.register(AdaptiveMaxPool)
def _amaxpool(op: AdaptiveMaxPool, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return _pool("AdaptiveMaxPool", "adaptive_max_pool", one(op.size), len(op.size))


def _norm(target: str, op: Op, inputs: Shapes, *args: Arg, word: str, helper: str = "") -> Calls:
    return (Call(target, args, word=word, follows=True, tensors=tensors(op, inputs), helper=helper),)


def _eps(value: float) -> Arg:
    return Arg(value, name="eps", default=1e-5)


@spell.register(BatchNorm)
def _bn(op: BatchNorm, inputs: Shapes) -> Calls:
    args = (Arg(inputs[0][0], "channels"), _eps(op.eps), Arg(op.affine, name="affine", default=True))
    return _norm(f"nn.BatchNorm{max(1, len(inputs[0]) - 1)}d", op, inputs, *args, word="BN")


@spell.register(GroupNorm)
def _gn(op: GroupNorm, inputs: Shapes) -> Calls:
    args = (
        Arg(op.groups, "norm_groups"),
        Arg(inputs[0][0], "channels"),
        _eps(op.eps),
        Arg(op.affine, name="affine", default=True),
    )
    return _norm("nn.GroupNorm", op, inputs, *args, word="GN")


@spell.register(InstanceNorm)
def _instnorm(op: InstanceNorm, inputs: Shapes) -> Calls:
    args = (Arg(inputs[0][0], "channels"), _eps(op.eps), Arg(op.affine, name="affine", default=False))
    return _norm(f"nn.InstanceNorm{len(inputs[0]) - 1}d", op, inputs, *args, word="IN")


@spell.register(LayerNorm)
def _ln(op: LayerNorm, inputs: Shapes) -> Calls:
    return _channel_norm(op, inputs, "LN", ("nn.LayerNorm", "ChannelNorm", "GroupedNorm"), _eps(op.eps))


@spell.register(RMSNorm)
def _rmsnorm(op: RMSNorm, inputs: Shapes) -> Calls:
    eps = Arg(op.eps, name="eps")
    return _channel_norm(op, inputs, "RMSNorm", ("nn.RMSNorm", "ChannelRMSNorm", "GroupedRMSNorm"), eps)


def _channel_norm(op: LayerNorm | RMSNorm, inputs: Shapes, word: str, names: tuple[str, str, str], eps: Arg) -> Calls:
    """Write a norm over the channels of a vector, of a map, or within groups."""
    name = names[2] if op.groups > 1 else names[len(inputs[0]) > 1]
    groups = (Arg(op.groups, "norm_groups"),) if op.groups > 1 else ()
    args = (Arg(inputs[0][0], "channels"), *groups, eps, Arg(op.affine, name="elementwise_affine", default=True))
    return _norm(name, op, inputs, *args, word=word, helper="" if name.startswith("nn.") else name)


@spell.register(LocalResponseNorm)
def _lrn(op: LocalResponseNorm, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    args = (
        Arg(op.size, "size"),
        Arg(op.alpha, name="alpha", default=1e-4),
        Arg(op.beta, name="beta", default=0.75),
        Arg(op.k, name="k", default=1.0),
    )
    return (Call("nn.LocalResponseNorm", args, "F.local_response_norm", word="LRN", follows=True),)


_PLAIN: dict[type[Op], tuple[str, str]] = {
    ReLU: ("ReLU", "F.relu"),
    Sigmoid: ("Sigmoid", "{x}.sigmoid()"),
    SiLU: ("SiLU", "F.silu"),
    Tanh: ("Tanh", "{x}.tanh()"),
    ReLU6: ("ReLU6", "F.relu6"),
    Hardswish: ("Hardswish", "F.hardswish"),
    Hardsigmoid: ("Hardsigmoid", "F.hardsigmoid"),
    SELU: ("SELU", "F.selu"),
    Softplus: ("Softplus", "F.softplus"),
    Mish: ("Mish", "F.mish"),
}
"""Activations without fields: module and function."""

for _made, (_module, _function) in _PLAIN.items():
    _call = Call(f"nn.{_module}", function=_function, word=_module, follows=True)
    spell.register(_made, lambda op, inputs, call=_call: (call,))  # noqa: ARG005 -- no field, any shape


@spell.register(Identity)
def _id(op: Identity, inputs: Shapes) -> Calls:  # noqa: ARG001 -- no field
    return ()


@spell.register(Flatten)
def _flatten(op: Flatten, inputs: Shapes) -> Calls:  # noqa: ARG001 -- no field
    return (FLATTEN,) if len(inputs[0]) > 1 else ()


@spell.register(LeakyReLU)
def _leaky_relu(op: LeakyReLU, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    slope = Arg(op.slope, "slope", default=0.01)
    return (Call("nn.LeakyReLU", (slope,), "F.leaky_relu", word="LeakyReLU", follows=True),)


@spell.register(GELU)
def _gelu(op: GELU, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    formula = Arg("tanh" if op.approx else "none", name="approximate", default="none")
    return (Call("nn.GELU", (formula,), "F.gelu", word="GELU", follows=True),)


@spell.register(ELU)
def _elu(op: ELU, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call("nn.ELU", (Arg(op.alpha, "slope", default=1.0),), "F.elu", word="ELU", follows=True),)


@spell.register(Threshold)
def _threshold(op: Threshold, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    args = (Arg(op.limit, "limit"), Arg(0.0, "value"))
    return (Call("nn.Threshold", args, "F.threshold", word="Threshold", follows=True),)


@spell.register(Clamp)
def _clamp(op: Clamp, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    args = (Arg(op.low, "low"), Arg(op.high, "high"))
    if op.low < op.high:
        return (Call("nn.Hardtanh", args, "{x}.clamp({0}, {1})", word="Hardtanh", follows=True),)
    return (Call("{x}.clamp({0}, {1})", args),)


@spell.register(PReLU)
def _prelu(op: PReLU, inputs: Shapes) -> Calls:
    slopes = Arg(op.count, "channels" if op.count > 1 else "", default=1)
    return (Call("nn.PReLU", (slopes,), word="PReLU", follows=True, tensors=tensors(op, inputs)),)


@spell.register(Softmax)
def _softmax(op: Softmax, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    if op.groups > 1:
        return (Call("{x}.unflatten(1, ({0}, -1)).softmax(2).flatten(1, 2)", (Arg(op.groups, "heads"),)),)
    return (Call("nn.Softmax", (Arg(1, name="dim"),), "{x}.softmax(1)", word="Softmax", follows=True),)


@spell.register(SpatialSoftmax)
def _spatial_softmax(op: SpatialSoftmax, inputs: Shapes) -> Calls:  # noqa: ARG001 -- no field
    return (Call("{x}.flatten(2).softmax(2).unflatten(2, {0})", (Arg(inputs[0][1:], "size"),)),)


@spell.register(Dropout)
def _dropout(op: Dropout, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call("nn.Dropout", (Arg(op.p, "p", default=0.5),), word="Dropout", follows=True),)


def _repeats(n: int, out: int) -> bool:
    """Return whether torch's nearest mode, which multiplies by a rounded fraction, finds the exact positions."""
    spend(0, elements=8 * out)
    positions = np.arange(out)
    return all(
        np.array_equal(np.floor(np.multiply(positions, n / out, dtype=kind)), positions * n // out)
        for kind in (np.float32, np.float64)
    )


def _picked(inputs: Shapes, out: tuple[int, ...]) -> Call:
    """Write positions by index along each axis."""
    text = "{x}"
    for axis, (n, size) in enumerate(zip(inputs[0][1:], out, strict=True)):
        if n != size:
            text += f"[{':, ' * (axis + 2)}torch.arange({size}) * {n} // {size}]"
    return Call(text)


@spell.register(Upsample)
def _up(op: Upsample, inputs: Shapes) -> Calls:
    out = tuple(n * f for n, f in zip(inputs[0][1:], op.factor, strict=True))
    if not all(map(_repeats, inputs[0][1:], out)):
        return (_picked(inputs, out),)
    factor = Arg(one(op.factor), "factor", "scale_factor")
    return (Call("nn.Upsample", (factor,), "F.interpolate", word="Up"),)


@spell.register(Resize)
def _resize(op: Resize, inputs: Shapes) -> Calls:
    if op.mode == "nearest" and not all(map(_repeats, inputs[0][1:], op.size)):
        return (_picked(inputs, op.size),)
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(op.size)]
    mode = linear if op.mode == "bilinear" else op.mode
    args = (
        Arg(one(op.size), "size", "size"),
        Arg(mode, name="mode", default="nearest"),
        Arg(op.align, name="align_corners", default=False),
    )
    return (Call("nn.Upsample", args, "F.interpolate", word="Up"),)


@spell.register(Pad)
def _pad(op: Pad, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    if op.value:
        return (_padded("ConstantPad", op.sides, Arg(op.value, "value")),)
    names = {"zero": "ZeroPad", "reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}
    return (_padded(names[op.mode], op.sides),)
