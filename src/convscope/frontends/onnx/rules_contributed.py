"""Fused operators that the optimiser of ONNX Runtime writes into saved models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convscope.errors import ShapeError
from convscope.frontends.onnx import rules_layers as layers
from convscope.frontends.onnx import rules_math as numbers
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.integers import as_written
from convscope.frontends.tensors.values import Value
from convscope.ops import act

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.frontends.onnx.call import Call
    from convscope.frontends.tensors.values import Const

    Rule = Callable[[Call], Any]


def _activated(call: Call, value: Value) -> Value:
    """Apply an activation that is named in attributes; parameters are a list, or have names."""
    word = call.word("activation", "")
    listed = call.attrs.get("activation_params") or []
    named = [call.attrs[name] for name in ("activation_alpha", "activation_beta") if name in call.attrs]
    given = [as_written(one) for one in (listed or named)]
    plain = {"": None, "Relu": act.ReLU(), "Tanh": act.Tanh(), "Sigmoid": act.Sigmoid()}
    if word in plain:
        op = plain[word]
        return value if op is None else unary(call.builder, op, value)
    if word == "LeakyRelu":
        return unary(call.builder, act.LeakyReLU(*(given or [0.01])), value)
    if word == "Clip" and len(given) == 2:
        return numbers.clamped(call, value, *given)
    if word == "HardSigmoid" and len(given) == 2:
        return numbers.hard_sigmoid(
            replace(call, inputs=(value,), attrs=dict(zip(("alpha", "beta"), given, strict=True)))
        )
    raise ShapeError(f"the activation {word} is unknown")


def fused_conv(call: Call) -> Value:
    """``activation(conv(x, w, b) + z)``."""
    found = layers.conv(call)
    if call.get(3) is not None:
        found = binary(call.builder, "add", found, call.tensor(3))
    return _activated(call, found)


def fused_gemm(call: Call) -> Value:
    """``activation(alpha x y + beta c)``."""
    return _activated(call, layers.gemm(call))


def _turned(tensor: Value | Const) -> Value | Const:
    """Transpose the last two dimensions."""
    last = len(tensor.sizes) - 1
    if isinstance(tensor, Value):
        return shapes.swapped(tensor, last - 1, last)
    sizes = (*tensor.sizes[:-2], tensor.sizes[-1], tensor.sizes[-2])
    return tensor.then(sizes, lambda array: array.swapaxes(-1, -2))


def fused_matmul(call: Call) -> Value:
    """``alpha x y``, with either factor transposed."""
    if call.whole("transBatchA", 0) or call.whole("transBatchB", 0):
        raise ShapeError("a product with the batch after the rows is not supported")
    given = [call.tensor(at) for at in range(2)]
    pairs = zip(given, ("transA", "transB"), strict=True)
    ready = tuple(_turned(one) if call.whole(name, 0) else one for one, name in pairs)
    found = layers.dot(replace(call, inputs=ready))
    alpha = call.real("alpha", 1.0)
    return found if alpha == 1 else binary(call.builder, "mul", found, numbers.number(alpha))


def _biased(call: Call) -> Value:
    """Return the first input plus the second, an optional bias."""
    return call.value(0) if call.get(1) is None else binary(call.builder, "add", call.value(0), call.tensor(1))


def gelu(*, approx: bool) -> Rule:
    """Apply GELU to the input plus a bias, exactly or by the formula with tanh."""
    return lambda call: unary(call.builder, act.GELU(approx=approx), _biased(call))


def quick_gelu(call: Call) -> Value:
    """``x * sigmoid(1.702 x)``."""
    alpha = call.real("alpha", 1.702)
    gate = unary(call.builder, act.Sigmoid(), binary(call.builder, "mul", call.value(0), numbers.number(alpha)))
    return binary(call.builder, "mul", call.value(0), gate)


def skip_norm(*, rms: bool) -> Rule:
    """Normalise the sum of two tensors and a bias; the fourth output is the sum itself."""

    def rule(call: Call) -> Any:
        weight, shift, bias = (call.get(2), None, call.get(3)) if rms else (call.get(2), call.get(3), call.get(4))
        total = _biased(call)
        total = total if bias is None else binary(call.builder, "add", total, call.tensor(3 if rms else 4))
        inner = replace(call, inputs=(total, weight, shift), attrs={"epsilon": call.real("epsilon", 1e-12)})
        found = layers.rms_norm(inner) if rms else layers.layer_norm(replace(inner, outputs=1))
        return [found, None, None, total]

    return rule


CONTRIBUTED: dict[str, Rule] = {
    "FusedConv": fused_conv,
    "FusedGemm": fused_gemm,
    "FusedMatMul": fused_matmul,
    "TransposeMatMul": fused_matmul,
    "Gelu": gelu(approx=False),
    "BiasGelu": gelu(approx=False),
    "FastGelu": gelu(approx=True),
    "QuickGelu": quick_gelu,
    "BiasAdd": _biased,
    "SkipLayerNormalization": skip_norm(rms=False),
    "SkipSimplifiedLayerNormalization": skip_norm(rms=True),
}
"""Rules by the name of the operator in the domain ``com.microsoft``."""
