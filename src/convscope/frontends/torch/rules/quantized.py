"""Operations on quantised tensors, read as operations on the floats that they represent.

Apart from rounding, quantisation clamps a float to the range of the integers; that clamp is a layer. Weights that torch
packed for its kernels are unpacked and dequantised.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.errors import ShapeError
from convscope.frontends.tensors import layers
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.integers import Affine, clamped, limits
from convscope.frontends.tensors.products import matmul
from convscope.frontends.tensors.values import Const, Root, Value
from convscope.frontends.torch.rules.numbers import clamp, elu, prelu, softmax
from convscope.frontends.torch.rules.slide import (
    batch_norm,
    conv_rule,
    conv_transpose,
    group_norm,
    layer_norm,
    pool_rule,
    recurrent,
)
from convscope.frontends.torch.rules.views import cat_rule
from convscope.ops import act
from convscope.ops.recurrent import GRU, LSTM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.frontends.tensors.builder import Builder

    Rule = Callable[..., Any]


def stored(given: Any) -> Const:
    """Return a scale or a zero point, given as a number or as a tensor.

    Raises:
        ShapeError: it depends on the input.
    """
    if isinstance(given, Value):
        raise ShapeError("a scale that depends on the input is not supported")
    return given if isinstance(given, Const) else Const((), lambda: np.asarray(given))


def dtype_of(kind: torch.dtype) -> str:
    """Return the integer dtype of a quantised dtype.

    >>> dtype_of(torch.quint8), dtype_of(torch.qint32)
    ('uint8', 'int32')
    """
    return re.sub(r"^torch\.q?", "", str(kind)).partition("x")[0]


def quantize(b: Builder, x: Value, scale: Any, zero: Any, kind: torch.dtype) -> Value:
    b.quantized = dtype_of(kind)
    return expressed(b, x, scale, zero)


def expressed(b: Builder, x: Value, scale: Any, zero: Any, *, relu: bool = False) -> Value:
    """Clamp a float tensor to the range of the model's integers."""
    return clamped(b, x, Affine(stored(scale), stored(zero)), limits(b.quantized), relu=relu)


def quantize_per_channel(b: Builder, x: Value, scale: Const, zero: Const, axis: int, kind: torch.dtype) -> Value:
    b.quantized = dtype_of(kind)
    return clamped(b, x, Affine(scale, zero, axis), limits(b.quantized))


def fake(b: Builder, x: Value, scale: Any, zero: Any, low: int, high: int) -> Value:
    return clamped(b, x, Affine(stored(scale), stored(zero)), (low, high))


def fake_or_not(b: Builder, x: Value, scale: Const, zero: Const, on: Const, low: int, high: int) -> Any:
    return (fake(b, x, scale, zero, low, high) if np.any(on.load()) else x), None


def fake_by_channel(b: Builder, x: Value, scale: Const, zero: Const, axis: int, low: int, high: int) -> Any:
    return clamped(b, x, Affine(scale, zero, axis), (low, high)), None


def observed(b: Builder, x: Value, watched: Const, on: Const, *rest: Any) -> Any:
    """Return the input: a range that is still observed moves with it, so nothing is clamped."""
    _, _, scale, zero, _, low, high, axis, *_ = rest
    if not np.any(on.load()) or np.any(watched.load()):
        return x, None
    return fake_by_channel(b, x, scale, zero, axis, low, high)


def unpacked(b: Builder, packed: Any) -> tuple[Const, Const | None]:
    """Return weight and bias that torch packed for its kernels, as floats."""
    weight, bias = packed.unpack()
    return _weight(b, "weight", weight), None if bias is None else _bias(b, "bias", bias)


def _root(b: Builder, name: str, tensor: Tensor, dtype: str) -> Root:
    """Return a packed tensor, identified by position and values, since torch unpacks it at each call."""
    numbers = (tensor.int_repr() if tensor.is_quantized else tensor).detach().numpy()
    path = f"{b.scope}.{name}" if b.scope else name
    return Root((path, blake2b(numbers.tobytes()).digest()), path, tuple(tensor.shape), dtype=dtype)


def _weight(b: Builder, name: str, weight: Tensor) -> Const:
    """Return a weight as floats; packed weights that are not quantised are in half precision."""
    root = _root(b, name, weight, dtype_of(weight.dtype) if weight.is_quantized else "float16")

    def load() -> NDArray[Any]:
        found: NDArray[Any] = (weight.dequantize() if weight.is_quantized else weight).detach().float().numpy()
        return found

    return Const(root.shape, load, (root, *(_beside(root, weight) if weight.is_quantized else ())))


def _beside(root: Root, weight: Tensor) -> list[Root]:
    """Return the scale and zero point of a weight, or of each channel, as torch stores them."""
    each = weight.qscheme() in {torch.per_channel_affine, torch.per_channel_affine_float_qparams}
    shape = tuple(weight.q_per_channel_scales().shape) if each else ()
    return [
        Root((root.key, name), f"{root.name}.{name}", shape, dtype=dtype, trained=False)
        for name, dtype in (("scale", "float64"), ("zero_point", "int64"))
    ]


def _bias(b: Builder, name: str, bias: Tensor) -> Const:
    root = _root(b, name, bias, dtype_of(bias.dtype))
    return Const(root.shape, lambda: bias.detach().float().numpy(), (root,))


def conv(rank: int, *, transposed: bool = False) -> Rule:
    def rule(b: Builder, x: Value, packed: Any, *_: Any) -> Value:
        weight, bias = unpacked(b, packed)
        if len(weight.sizes) > rank + 2:  # torch packs one dimension as two
            weight = weight.then((*weight.sizes[:2], *weight.sizes[3:]), lambda numbers: numbers.squeeze(2))
        settings = (packed.stride(), packed.padding(), packed.dilation(), packed.output_padding())
        stride, padding, dilation, more = (list(one[-rank:]) for one in settings)
        if transposed:
            return conv_transpose(rank)(b, x, weight, bias, stride, padding, more, packed.groups(), dilation)
        return conv_rule(rank)(b, x, weight, bias, stride, padding, dilation, packed.groups())

    return rule


def linear(b: Builder, x: Value, packed: Any, *_: Any) -> Value:
    weight, bias = unpacked(b, packed)
    if x.sizes[-1] != weight.sizes[1]:  # no kernel runs here that would report it
        raise ShapeError(f"the linear layer takes {weight.sizes[1]} features, but the input has {x.sizes[-1]}")
    return layers.linear(b, x, weight, bias)


def cells(made: type[LSTM | GRU], gates: int) -> Rule:
    """Add a recurrent layer whose directions have packed weights."""
    inner = recurrent(made, gates)

    def rule(b: Builder, x: Value, state: Any, params: Sequence[Any], has_bias: bool, *rest: Any, **_: Any) -> Any:
        found: list[Const] = []
        for at, cell in enumerate(params):
            pairs = [one.__getstate__()[0] for one in cell.__getstate__()[0][4]]  # the products with input and state
            parts = list(zip(("ih", "hh"), pairs, strict=True))
            found += [_weight(b, f"weight_{part}_{at}", one[0]) for part, one in parts]
            found += [_bias(b, f"bias_{part}_{at}", one[1]) for part, one in parts] if has_bias else []
        return inner(b, x, state, found, has_bias, *rest)

    return rule


def then_quantized(inner: Rule, *, relu: bool = False) -> Rule:
    """Return a rule whose last two arguments are the scale and zero point of the output."""

    def rule(b: Builder, *args: Any) -> Value:
        *given, scale, zero = args
        found: Value = inner(b, *given)
        if scale is None:
            return unary(b, act.ReLU(), found) if relu else found
        return expressed(b, found, scale, zero, relu=relu)

    return rule


def then_relu(inner: Rule) -> Rule:
    return lambda b, *args: unary(b, act.ReLU(), inner(b, *args))


def joined(name: str, *, relu: bool = False) -> Rule:
    """Join two tensors elementwise, or a tensor and a number, which keeps the tensor's quantisation."""

    def rule(b: Builder, x: Any, y: Any, *output: Any) -> Value:
        found = binary(b, name, x, y)
        if output:
            return expressed(b, found, *output, relu=relu)
        return unary(b, act.ReLU(), found) if relu else found

    return rule


def in_first(inner: Rule) -> Rule:
    """Return a rule whose scale and zero point precede the settings of the function."""
    return lambda b, x, scale, zero, *rest: expressed(b, inner(b, x, *rest), scale, zero)


def _normed(b: Builder, x: Value, weight: Const, bias: Const, mean: Const, var: Const, eps: float) -> Value:
    return batch_norm(b, x, weight, bias, mean, var, eps=eps)


def _leaky(b: Builder, x: Value, slope: float, *_: Any) -> Value:
    return unary(b, act.LeakyReLU(float(slope)), x)


CONVS: dict[str, Rule] = {
    **{f"conv{rank}d": conv(rank) for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": conv(rank, transposed=True) for rank in (1, 2, 3)},
    "linear": linear,
}

PRODUCTS: dict[str, Rule] = {
    **{name: then_quantized(rule) for name, rule in CONVS.items()},
    **{f"{name}_relu": then_quantized(rule, relu=True) for name, rule in CONVS.items()},
    **{f"{name}_dynamic": rule for name, rule in CONVS.items()},
    "linear_relu_dynamic": then_relu(linear),
    "linear_dynamic_fp16": linear,
    "linear_relu_dynamic_fp16": then_relu(linear),
}

NORMS = {f"batch_norm{rank}": _normed for rank in ("", "1d", "2d", "3d")}

PLAIN: dict[str, Rule] = {
    **PRODUCTS,
    **{name: then_quantized(rule) for name, rule in NORMS.items()},
    **{f"{name}_relu": then_quantized(rule, relu=True) for name, rule in NORMS.items()},
    **{f"{name}{form}": joined(name) for name in ("add", "mul") for form in ("", "_scalar")},
    **{f"{name}{form}_relu": joined(name, relu=True) for name in ("add", "mul") for form in ("", "_scalar")},
    **{f"max_pool{rank}d": pool_rule(rank, "max") for rank in (1, 2)},
    "matmul": then_quantized(matmul),
    "cat": then_quantized(cat_rule),
    "cat_relu": then_quantized(cat_rule, relu=True),
    "layer_norm": then_quantized(layer_norm),
    "group_norm": then_quantized(group_norm),
    "instance_norm": then_quantized(layers.instance_norm),
    "hardswish": then_quantized(lambda b, x: unary(b, act.Hardswish(), x)),
    "sigmoid": then_quantized(lambda b, x: unary(b, act.Sigmoid(), x)),
    "softmax": then_quantized(softmax),
    "leaky_relu": then_quantized(_leaky),
    "prelu": then_quantized(prelu),
    "elu": in_first(elu),
    "relu6": lambda b, x, *_: unary(b, act.ReLU6(), x),
    "clamp": clamp,
}
"""Rules for operations of torch's library ``quantized``, by name."""

QUANTIZED: dict[str, Rule] = {
    **{f"quantized_{name}": rule for name, rule in PLAIN.items()},
    "quantize_per_tensor": quantize,
    "quantize_per_channel": quantize_per_channel,
    "quantize_per_tensor_dynamic": lambda b, x, *_: x,
    "dequantize": lambda b, x: x,
    "fake_quantize_per_tensor_affine": fake,
    "fake_quantize_per_tensor_affine_cachemask": lambda b, *args: (fake(b, *args), None),
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams": fake_or_not,
    "fake_quantize_per_channel_affine_cachemask": fake_by_channel,
    "_fused_moving_avg_obs_fq_helper": observed,
    "quantized_lstm": cells(LSTM, 4),
    "quantized_gru": cells(GRU, 3),
}
"""Rules by the name of the operation; those of the library ``quantized`` begin with its name."""
