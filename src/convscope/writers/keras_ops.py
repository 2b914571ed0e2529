"""The spelling of each op in Keras, channels last. Arguments follow Keras's names and defaults."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from convscope.core.axis import Window
from convscope.ops.act import (
    ELU,
    GELU,
    Clamp,
    Dropout,
    Identity,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
    SpatialSoftmax,
    Threshold,
)
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm, RMSNorm
from convscope.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.resize import Resize, Upsample
from convscope.ops.sliding import pads
from convscope.ops.view import Flatten
from convscope.writers.calls import Arg, Call
from convscope.writers.common import one, unwritten
from convscope.writers.keras_context import ACTIVATIONS

if TYPE_CHECKING:
    from convscope.core.net import Layer
    from convscope.core.op import Op
    from convscope.writers.keras_context import Context

    Calls = tuple[Call, ...]
    Pairs = tuple[tuple[int, int], ...]


@singledispatch
def spell(op: Op, layer: Layer, context: Context) -> Calls:
    """Return the calls that compute an op.

    Args:
        op: the op.
        layer: the layer with the shapes of the net; Keras has the channels last.
        context: facts about neighbouring layers.

    Raises:
        WriteError: Keras cannot express the op, or the op is unknown.
    """
    if op in ACTIVATIONS:
        if layer.node.name in context.absorbed:
            return ()
        return (Call("layers.Activation", (Arg(ACTIVATIONS[op]),), word=type(op).__name__, follows=True),)
    raise unwritten(op, "keras")


def tensors(layer: Layer) -> tuple[tuple[str, str], ...]:
    """Return the tensors of a layer; their layout in Keras is defined in :mod:`convscope.writers.keras_state`."""
    return tuple((weight.name, weight.name) for weight in layer.node.op.weights(layer.inputs) or ())


def rank(layer: Layer) -> int:
    """Return the number of spatial axes."""
    return len(layer.inputs[0]) - 1


def _sides(pairs: Pairs) -> Any:
    """Return padding for Keras: one number, or before and after for each axis."""
    if len({side for pair in pairs for side in pair}) == 1:
        return pairs[0][0]
    return pairs[0] if len(pairs) == 1 else pairs


def padded(pairs: Pairs) -> Calls:
    """Pad a map with zeros."""
    if not any(map(any, pairs)):
        return ()
    return (Call(f"layers.ZeroPadding{len(pairs)}D", (Arg(_sides(pairs), "padding"),), word="Pad"),)


def _taken_in(layer: Layer, context: Context) -> Arg:
    """Return the argument for the fused activation."""
    return Arg(context.activation.get(layer.node.name), name="activation")


def _with(args: tuple[Arg, ...]) -> tuple[Arg, ...]:
    """Return arguments without an empty activation."""
    return tuple(arg for arg in args if arg.name != "activation" or arg.value)


@spell.register(Conv)
def _conv(op: Conv, layer: Layer, context: Context) -> Calls:
    pairs = pads(op, layer.inputs[0])
    both = max(op.stride) > 1 and max(op.dilation) > 1  # Keras refuses this: compute all, select every n-th
    same = any(map(any, pairs)) and not both and (op.pad == "same" or _keeps(op, pairs, layer, context))
    args = (
        Arg(op.out, "channels"),
        Arg(one(op.kernel), "kernel"),
        Arg(1 if both else one(op.stride), "stride", "strides", 1),
        Arg("same" if same else "valid", name="padding", default="valid"),
        Arg(one(op.dilation), "dilation", "dilation_rate", 1),
        Arg(op.groups, "groups", "groups", 1),
        _taken_in(layer, context),
        Arg(op.bias, name="use_bias", default=True),
    )
    call = Call(f"layers.Conv{rank(layer)}D", _with(args), word="Conv", tensors=tensors(layer))
    steps = ", ".join(f"::{step}" if step > 1 else ":" for step in op.stride)
    every = (Call(f"{{x}}[:, {steps}]"),) if both else ()
    return (*(() if same else padded(pairs)), call, *every)


def _keeps(op: Conv, pairs: Pairs, layer: Layer, context: Context) -> bool:
    """Return whether Keras pads equally for every size of the map, and can express the padding."""
    return not context.explicit and pairs == pads(replace(op, pad="same"), layer.inputs[0])


@spell.register(ConvTranspose)
def _convt(op: ConvTranspose, layer: Layer, context: Context) -> Calls:
    if op.groups > 1:
        raise unwritten(op, "keras", "it has groups")
    if max(op.dilation) > 1 and max(op.stride) > 1:
        raise unwritten(op, "keras", "it has a stride and a dilation")
    crops, more = [], []
    sides = zip(layer.inputs[0][1:], layer.output[1:], op.kernel, op.stride, op.pad, op.dilation, strict=True)
    for size, out, kernel, stride, (before, _), dilation in sides:
        whole = (size - 1) * stride + max(dilation * (kernel - 1) + 1, stride)
        crops.append((before, max(0, whole - before - out)))
        more.append(max(0, out + before - whole))
    if any(extra for extra in more):
        raise unwritten(op, "keras", "its output padding is more than its padding")
    args = (
        Arg(op.out, "channels"),
        Arg(one(op.kernel), "kernel"),
        Arg(one(op.stride), "stride", "strides", 1),
        Arg(one(op.dilation), "dilation", "dilation_rate", 1),
        _taken_in(layer, context),
        Arg(op.bias, name="use_bias", default=True),
    )
    call = Call(f"layers.Conv{rank(layer)}DTranspose", _with(args), word="Up", tensors=tensors(layer))
    return (call, *cropped(tuple(crops)))


def cropped(pairs: Pairs) -> Calls:
    """Crop a border."""
    if not any(map(any, pairs)):
        return ()
    return (Call(f"layers.Cropping{len(pairs)}D", (Arg(_sides(pairs), "sides"),), word="Crop"),)


FLATTEN = Call("layers.Flatten", word="Flatten")


@spell.register(Linear)
def _linear(op: Linear, layer: Layer, context: Context) -> Calls:
    args = (Arg(op.out, "channels"), _taken_in(layer, context), Arg(op.bias, name="use_bias", default=True))
    call = Call("layers.Dense", _with(args), word="Linear", tensors=tensors(layer))
    flat = len(layer.inputs[0]) == 1 or layer.node.inputs[0] in context.lines
    return (call,) if flat else (FLATTEN, call)


@spell.register(Flatten)
def _flatten(op: Flatten, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- no field
    if rank(layer) == 0 or layer.node.inputs[0] in context.lines:
        return ()
    if layer.node.name in context.kept or max(layer.inputs[0][1:]) == 1:
        return (FLATTEN,)
    order = (rank(layer) + 1, *range(1, rank(layer) + 1))
    return (Call("layers.Permute", (Arg(order),)), FLATTEN)


def _over(op: MaxPool | AvgPool, layer: Layer) -> Pairs:
    """Return the padding before and after, including the overhang of a last window."""
    found = (read.relation for read in op.axes(layer.inputs)[0][1:])
    return tuple((window.lo, window.hi) for window in found if isinstance(window, Window))


def _steps(op: MaxPool | AvgPool) -> tuple[Arg, ...]:
    stride = () if op.stride == op.kernel else (Arg(one(op.stride), "stride", "strides"),)
    return (Arg(one(op.kernel), "kernel"), *stride)


SAME = Arg("same", name="padding")


@spell.register(MaxPool)
def _maxpool(op: MaxPool, layer: Layer, context: Context) -> Calls:
    if max(op.dilation) > 1:
        raise unwritten(op, "keras", "it has a dilation")
    pairs, name = _over(op, layer), f"layers.MaxPooling{rank(layer)}D"
    keeps = set(op.stride) == {1} and pairs == pads(replace(op, pad="same"), layer.inputs[0])
    if any(map(any, pairs)) and (keeps or (op.pad == "same" and not op.ceil)):
        return (Call(name, (*_steps(op), SAME), word="MaxPool"),)
    if not any(map(any, pairs)) or layer.node.inputs[0] in context.positive:
        return (*padded(pairs), Call(name, _steps(op), word="MaxPool"))
    sides = Arg(((0, 0), *pairs, (0, 0)), "sides")
    lowest = Call('ops.pad({x}, {0}, constant_values=float("-inf"))', (sides,))
    return (lowest, Call(name, _steps(op), word="MaxPool"))


@spell.register(AvgPool)
def _avgpool(op: AvgPool, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- known from its shapes
    pairs, full, name = pads(op, layer.inputs[0]), _over(op, layer), f"layers.AveragePooling{rank(layer)}D"
    if full == pairs and (op.count_pad or not any(map(any, pairs))):
        return (*padded(pairs), Call(name, _steps(op), word="AvgPool"))
    if not op.count_pad and full == pads(replace(op, pad="same"), layer.inputs[0]):
        return (Call(name, (*_steps(op), SAME), word="AvgPool"),)
    counted = pairs if op.count_pad else ((0, 0),) * rank(layer)
    over = tuple((a - b, c - d) for (a, c), (b, d) in zip(full, counted, strict=True))
    sides = (Arg(((0, 0), *part, (0, 0)), "sides") for part in (counted, over))
    args = (Arg(op.kernel, "kernel"), Arg(op.stride, "stride"), *sides)
    return (Call("uneven_average_pooling", args, word="AvgPool", helper="uneven_average_pooling"),)


def _global(name: str, layer: Layer, context: Context) -> Calls:
    line = layer.node.name in context.lines
    args = (Arg(not line, name="keepdims", default=False),)
    return (Call(f"layers.Global{name}Pooling{rank(layer)}D", args, word="Pool"),)


@spell.register(GlobalAvgPool)
def _gap(op: GlobalAvgPool, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- no field
    return _global("Average", layer, context)


@spell.register(GlobalMaxPool)
def _gmp(op: GlobalMaxPool, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- no field
    return _global("Max", layer, context)


@spell.register(AdaptiveAvgPool)
def _aavgpool(op: AdaptiveAvgPool, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call(f"layers.AdaptiveAveragePooling{rank(layer)}D", (Arg(one(op.size), "size"),), word="Pool"),)


@spell.register(AdaptiveMaxPool)
def _amaxpool(op: AdaptiveMaxPool, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call(f"layers.AdaptiveMaxPooling{rank(layer)}D", (Arg(one(op.size), "size"),), word="Pool"),)


def _norm(name: str, layer: Layer, *args: Arg, word: str) -> Calls:
    return (Call(f"layers.{name}", args, word=word, follows=True, tensors=tensors(layer)),)


def _affine(affine: bool) -> tuple[Arg, Arg]:  # noqa: FBT001 -- the field of the op
    return Arg(affine, name="center", default=True), Arg(affine, name="scale", default=True)


@spell.register(BatchNorm)
def _bn(op: BatchNorm, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    args = (Arg(0.9, name="momentum"), Arg(op.eps, name="epsilon"), *_affine(op.affine))
    return _norm("BatchNormalization", layer, *args, word="BN")


@spell.register(GroupNorm)
def _gn(op: GroupNorm, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    args = (Arg(op.groups, "norm_groups"), Arg(op.eps, name="epsilon"), *_affine(op.affine))
    return _norm("GroupNormalization", layer, *args, word="GN")


@spell.register(InstanceNorm)
def _instnorm(op: InstanceNorm, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    args = (Arg(-1), Arg(op.eps, name="epsilon"), *_affine(op.affine))
    return _norm("GroupNormalization", layer, *args, word="IN")


@spell.register(LayerNorm)
def _ln(op: LayerNorm, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    norm = _norm("LayerNormalization", layer, Arg(op.eps, name="epsilon"), *_affine(op.affine), word="LN")
    return _by_group(op.groups, layer, norm)


@spell.register(RMSNorm)
def _rmsnorm(op: RMSNorm, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    plain = f"{{x}} * ops.rsqrt(ops.mean(ops.square({{x}}), axis=-1, keepdims=True) + {op.eps!r})"
    norm = _norm("RMSNormalization", layer, Arg(op.eps, name="epsilon"), word="RMSNorm")
    return _by_group(op.groups, layer, norm if op.affine else (Call(plain, word="Times"),))


def _by_group(groups: int, layer: Layer, norm: Calls) -> Calls:
    """Write a norm over the last axis, which holds the channels of each group."""
    channels, *spatial = layer.inputs[0]
    if groups == 1:
        return norm
    split, whole = (-1, *spatial, groups, channels // groups), (-1, *spatial, channels)
    before, after = (Call("ops.reshape({x}, {0})", (Arg(shape),)) for shape in (split, whole))
    return (before, *norm, after)


@spell.register(LocalResponseNorm)
def _lrn(op: LocalResponseNorm, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    args = (Arg(op.size, "size"), Arg(op.alpha, name="alpha"), Arg(op.beta, name="beta"), Arg(op.k, name="k"))
    return (Call("local_response_norm", args, word="LRN", follows=True, helper="local_response_norm"),)


@spell.register(Identity)
def _id(op: Identity, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- no field
    return ()


@spell.register(ReLU)
def _relu(op: ReLU, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- no field
    return () if layer.node.name in context.absorbed else (Call("layers.ReLU", word="ReLU", follows=True),)


@spell.register(LeakyReLU)
def _leaky_relu(op: LeakyReLU, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("layers.LeakyReLU", (Arg(op.slope, "slope"),), word="LeakyReLU", follows=True),)


@spell.register(ELU)
def _elu(op: ELU, layer: Layer, context: Context) -> Calls:
    if layer.node.name in context.absorbed:
        return ()
    return (Call("layers.ELU", (Arg(op.alpha, "slope", default=1.0),), word="ELU", follows=True),)


@spell.register(GELU)
def _gelu(op: GELU, layer: Layer, context: Context) -> Calls:
    if op.approx:
        return (Call("ops.gelu({x}, approximate=True)", word="GELU", follows=True),)
    return (
        ()
        if layer.node.name in context.absorbed
        else (Call("layers.Activation", (Arg("gelu"),), word="GELU", follows=True),)
    )


@spell.register(PReLU)
def _prelu(op: PReLU, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    axes = tuple(range(1, len(layer.inputs[0]) + (op.count == 1)))
    shared = (Arg(axes, name="shared_axes"),) if axes else ()
    return (Call("layers.PReLU", shared, word="PReLU", follows=True, tensors=tensors(layer)),)


@spell.register(Threshold)
def _threshold(op: Threshold, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("ops.threshold({x}, {0}, 0.0)", (Arg(op.limit, "limit"),), word="Threshold", follows=True),)


@spell.register(Clamp)
def _clamp(op: Clamp, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("ops.clip({x}, {0}, {1})", (Arg(op.low, "low"), Arg(op.high, "high")), word="Clip", follows=True),)


@spell.register(Softmax)
def _softmax(op: Softmax, layer: Layer, context: Context) -> Calls:
    if op.groups > 1:
        spatial, channels = layer.inputs[0][1:], layer.inputs[0][0]
        before = Arg((-1, *spatial, op.groups, channels // op.groups))
        text = "ops.reshape(ops.softmax(ops.reshape({x}, {0})), {1})"
        return (Call(text, (before, Arg((-1, *spatial, channels)))),)
    return () if layer.node.name in context.absorbed else (Call("layers.Softmax", word="Softmax", follows=True),)


@spell.register(SpatialSoftmax)
def _spatial_softmax(op: SpatialSoftmax, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- no field
    channels, *spatial = layer.inputs[0]
    shapes = (Arg((-1, math.prod(spatial), channels)), Arg((-1, *spatial, channels)))
    return (Call("ops.reshape(ops.softmax(ops.reshape({x}, {0}), axis=1), {1})", shapes),)


@spell.register(Dropout)
def _dropout(op: Dropout, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("layers.Dropout", (Arg(op.p, "p"),), word="Dropout", follows=True),)


@spell.register(Upsample)
def _up(op: Upsample, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call(f"layers.UpSampling{rank(layer)}D", (Arg(one(op.factor), "factor"),), word="Up"),)


@spell.register(Resize)
def _resize(op: Resize, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    if op.mode == "nearest":
        sizes = zip(layer.inputs[0][1:], op.size, strict=True)
        return tuple(
            Call(f"ops.take({{x}}, np.arange({out}) * {n} // {out}, axis={axis})")
            for axis, (n, out) in enumerate(sizes, 1)
            if n != out
        )
    if op.mode == "bicubic" or op.align or rank(layer) != 2:
        raise unwritten(op, "keras", "it is not bilinear on a plane, or its corners are aligned")
    return (Call("ops.image.resize({x}, {0})", (Arg(op.size, "size"),), word="Up"),)
