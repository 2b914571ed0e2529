"""Operators of quantised models, read as float operators.

Most are a row: the float operator, and which inputs are tensors, scales (``_s``) and zero points (``_z``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.onnx import packed
from convscope.frontends.onnx.held import Held, Quantized, Scale, Zero
from convscope.frontends.onnx.quantized import (
    as_tensor,
    dequantized,
    dtype_of,
    floats,
    quantized,
    same,
    times,
)
from convscope.frontends.onnx.rules import MICROSOFT, RULES
from convscope.frontends.onnx.tensors import DTYPES
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.algebra import binary
from convscope.frontends.tensors.integers import ONE, Affine, clamped, limits
from convscope.frontends.tensors.products import attention
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.frontends.onnx.call import Call, Given

    Rule = Callable[[Call], list[Any]]

OPSET = 13
"""The version of ONNX's own operators for the rules in the rows."""


def _const(given: Given) -> Const:
    """Return a stored scale or zero point.

    Raises:
        ShapeError: it is computed or missing.
    """
    if not isinstance(given, Const):
        raise ShapeError("a scale or zero point that depends on the input is not supported")
    return given


def _maybe(given: Given) -> Const | None:
    return None if given is None else _const(given)


def _value(call: Call, given: Given) -> Value:
    """Return integers as a tensor of the net."""
    found = as_tensor(call.builder, given)
    if not isinstance(found, Value):
        raise ShapeError("the integers must be a tensor")
    return found


def _fits(held: Quantized, zero: Given) -> bool:
    return isinstance(zero, Const | Held | None) and same(held.zero, zero)


def as_floats(call: Call, given: Sequence[Given], axis: int) -> Value | Const:
    """Return the floats that integers represent, with their scale and zero point."""
    x, scale, zero = (*given, None)[:3]
    if isinstance(x, Const):
        return dequantized(x, Affine(_const(scale), _maybe(zero), axis, call.whole("block_size", 0)))
    if isinstance(x, Quantized) and isinstance(scale, Const | Held) and same(x.scale, scale) and _fits(x, zero):
        return x.value
    return floats(call.builder, _value(call, x), Affine(_const(scale), _maybe(zero), axis))


def _quantized(call: Call, value: Value, scale: Given, zero: Given, axis: int = 1) -> Quantized:
    """Quantise a float tensor: clamp it to the range of the integers."""
    by = Affine(_const(scale), _maybe(zero), axis)
    if call.whole("saturate", 1):  # otherwise values too large for a small float become NaN
        value = clamped(call.builder, value, by, limits(dtype_of(by.zero, _wanted(call))))
    return Quantized(value, by.scale, by.zero, axis)


def _wanted(call: Call) -> str:
    return DTYPES.get(call.whole("output_dtype", 0), "uint8")


def quantize(call: Call) -> list[Any]:
    """See the operator QuantizeLinear."""
    x, scale, zero = call.get(0), call.get(1), call.get(2)
    axis = call.whole("axis", 1)
    if isinstance(x, Const):
        by = Affine(_const(scale), _maybe(zero), axis, call.whole("block_size", 0))
        return [quantized(x, by, dtype_of(by.zero, _wanted(call)))]
    return [_quantized(call, _value(call, x), scale, zero, axis)]


def dequantize(call: Call) -> list[Any]:
    """See the operator DequantizeLinear."""
    return [as_floats(call, call.inputs, call.whole("axis", 1))]


def quantize_dynamic(call: Call) -> list[Any]:
    """See the operator DynamicQuantizeLinear: the range is that of the values, so nothing is clamped."""
    x = call.value(0)
    scale, zero = Scale(x, (object(),)), Zero(x)
    return [Quantized(x, scale, zero), scale, zero]


@dataclass(frozen=True)
class Row:
    """An operator on integers.

    Attributes:
        op: the float operator.
        inputs: names separated by blanks: a tensor ``x`` with ``x_s`` and ``x_z``; ``y`` is the output; ``b`` is a
            bias.
        axis: axis of the second tensor along which its scale varies.
        sums: whether outputs are sums of products of integers, without a scale.
        rule: a rule of its own, if the operator is more than a float operator on quantised tensors.
    """

    op: str
    inputs: str
    axis: Callable[[Call], int] = lambda _: 0
    sums: bool = False
    rule: Rule | None = None

    def __call__(self, call: Call) -> list[Any]:
        """Return the outputs by the rule of the float operator."""
        if self.rule is not None:
            return self.rule(call)
        names = self.inputs.split()
        given = dict(zip(names, call.inputs, strict=False))
        tensors = [name for name in names if len(name) == 1 and name != "b"]
        made = [self._operand(call, given, name, self.axis(call) if at else 1) for at, name in enumerate(tensors)]
        bias = given.get("b")
        operands: list[Given] = [one for one, _ in made]
        if bias is not None and self.op in {"Conv", "Gemm"}:  # a bias of integers, with the scale of the product
            scale = times(*(_flat(_const(given[f"{name}_s"])) for name in tensors))
            operands.append(dequantized(_const(bias), Affine(scale, axis=0)))
        value = _applied(call, self.op, operands)
        if bias is not None and len(operands) == len(made):
            value = binary(call.builder, "add", value, _const(bias))
        if given.get("y_s") is not None:
            return [_quantized(call, value, given["y_s"], given.get("y_z"))]
        return [Quantized(value, product_of(made[0][1], made[1][1]))] if self.sums else [value]

    def _operand(
        self, call: Call, given: dict[str, Given], name: str, axis: int
    ) -> tuple[Value | Const, Const | Scale]:
        """Return a tensor as floats, and the scale by which they are too large."""
        tensor, zero = given.get(name), given.get(f"{name}_z")
        if f"{name}_s" in given:
            return as_floats(call, (tensor, given[f"{name}_s"], zero), axis), ONE
        if isinstance(tensor, Const):
            return dequantized(tensor, Affine(ONE, _maybe(zero), axis)), ONE
        if isinstance(tensor, Quantized) and _fits(tensor, zero):
            return tensor.value, tensor.scale
        if isinstance(tensor, Value) and not self.sums:  # a float that the operator itself quantises
            return tensor, ONE
        return floats(call.builder, _value(call, tensor), Affine(ONE, _maybe(zero), axis)), ONE


def _flat(scale: Const) -> Const:
    """Return a scale as a vector or a number."""
    count = int(np.prod(scale.sizes, dtype=np.int64))
    sizes = (count,) if count > 1 else ()
    return scale.then(sizes, lambda numbers: numbers.reshape(sizes))


def _applied(call: Call, op: str, operands: Sequence[Given]) -> Value:
    """Apply the rule of a float operator to float tensors; with ``channels_last``, the first has its channels last."""
    last = bool(call.whole("channels_last", 0))
    inputs = (_moved_channels(operands[0], -1, 1), *operands[1:]) if last else tuple(operands)
    made = RULES[op](replace(call, op=op, opset=call.whole("opset", OPSET), inputs=inputs))
    value = made[0] if isinstance(made, list) else made
    if not isinstance(value, Value):
        raise ShapeError(f"{call.op} of constants is not supported")
    return _moved_channels(value, 1, -1) if last else value


def _moved_channels(given: Given, source: int, target: int) -> Value:
    """Move the channels to another dimension."""
    if not isinstance(given, Value) or len(given.dims) < 3:
        raise ShapeError("channels_last needs a tensor with spatial positions")
    order = list(range(len(given.dims)))
    channels = order.pop(source)
    order.insert(target % (len(order) + 1), channels)
    return shapes.permuted(given, order)


def pooled(call: Call) -> list[Any]:
    """See the operator NhwcMaxPool: the maximum of integers, with channels last."""
    x = call.get(0)
    value = x.value if isinstance(x, Quantized) else call.value(0)
    found = _applied(replace(call, attrs={**call.attrs, "channels_last": 1}), "MaxPool", [value])
    return [replace(x, value=found) if isinstance(x, Quantized) else found]


def product_of(first: Const | Scale, second: Const | Scale) -> Const | Scale:
    """Return the scale of a product."""
    if isinstance(first, Scale) and isinstance(second, Scale):
        return Scale(first.value, (*first.runs, *second.runs), times(first.factor, second.factor))
    if isinstance(first, Scale) and isinstance(second, Const):
        return replace(first, factor=times(first.factor, second))
    if isinstance(second, Scale):
        return product_of(second, first)
    assert isinstance(first, Const)
    return times(first, second)


def concatenate(call: Call) -> list[Any]:
    """See the operator QLinearConcat: the output's scale and zero point, then three inputs for each tensor."""
    parts = [as_floats(call, call.inputs[at : at + 3], 1) for at in range(2, len(call.inputs), 3)]
    return [_quantized(call, _applied(call, "Concat", parts), call.get(0), call.get(1))]


def choose(call: Call) -> list[Any]:
    """See the operator QLinearWhere."""
    x, y = (as_floats(call, call.inputs[at : at + 3], 1) for at in (1, 4))
    return [_quantized(call, _applied(call, "Where", [call.get(0), x, y]), call.get(7), call.get(8))]


def recurrent(call: Call) -> list[Any]:
    """See the operator DynamicQuantizeLSTM, whose weights are ``direction input gate``."""
    weights = []
    for at, scale, zero in ((1, 8, 9), (2, 10, 11)):
        steps, offset = (_each_direction(call.const(one)) for one in (scale, zero))
        found = dequantized(call.const(at), Affine(steps, offset, 2))
        directions, inputs, gates = found.sizes
        weights.append(found.then((directions, gates, inputs), lambda numbers: np.swapaxes(numbers, 1, 2)))
    ready = replace(call, op="LSTM", opset=OPSET, inputs=(call.get(0), *weights, *call.inputs[3:8]))
    return list(RULES["LSTM"](ready))


def _each_direction(const: Const) -> Const:
    """Return a scale or a zero point of a recurrent weight: one for each direction, or for each gate."""
    sizes = (const.sizes[0], 1, const.sizes[1] if len(const.sizes) > 1 else 1)
    return replace(const.then(sizes, lambda numbers: numbers.reshape(sizes)), origin=const.origin)


def attend(call: Call) -> list[Any]:
    """See the operator QAttention: queries, keys and values from one product, and multi-head attention."""
    if any(call.get(at) is not None for at in (5, 8)) or call.whole("do_rotary", 0):
        raise ShapeError("attention with a mask or a KV cache is not supported")
    x = as_floats(call, (call.get(0), call.get(3), call.get(6)), 1)
    weight = as_floats(call, (call.get(1), call.get(4), call.get(7)), -1)
    found = binary(call.builder, "add", _applied(call, "MatMul", [x, weight]), call.const(2))
    n, positions, channels = found.sizes
    heads, width = call.whole("num_heads", 1), channels // 3
    each = []
    for at in range(3):
        part = shapes.sliced(call.builder, found, 2, at * width, (at + 1) * width, 1)
        each.append(shapes.swapped(shapes.viewed(call.builder, part, (n, positions, heads, width // heads)), 1, 2))
    causal, scale = bool(call.whole("unidirectional", 0)), call.real("scale", 0.0) or None
    made = shapes.swapped(attention(call.builder, *each, causal=causal, scale=scale), 1, 2)
    return [shapes.viewed(call.builder, made, (n, positions, width)), None]


def _last(_: Call) -> int:
    return -1


def _columns(call: Call) -> int:
    return 1 - call.whole("transB", 0)


ONE_TENSOR = "x x_s x_z y_s y_z"
TWO_TENSORS = "a a_s a_z c c_s c_z y_s y_z"
CONV = Row("Conv", "x x_s x_z w w_s w_z y_s y_z b")
QUANTIZE = Row("", "x x_s x_z", rule=quantize)
DEQUANTIZE = Row("", "x x_s x_z", rule=dequantize)

OWN: dict[str, Row] = {
    "QuantizeLinear": QUANTIZE,
    "DequantizeLinear": DEQUANTIZE,
    "DynamicQuantizeLinear": Row("", "x", rule=quantize_dynamic),
    "QLinearConv": CONV,
    "QLinearMatMul": Row("MatMul", TWO_TENSORS, _last),
    "ConvInteger": Row("Conv", "x w x_z w_z", sums=True),
    "MatMulInteger": Row("MatMul", "a c a_z c_z", _last, sums=True),
}
"""ONNX's own quantised operators, by name."""

CONTRIBUTED: dict[str, Row] = {
    "QuantizeLinear": QUANTIZE,
    "DequantizeLinear": DEQUANTIZE,
    "QLinearConv": CONV,
    "QGemm": Row("Gemm", "a a_s a_z c c_s c_z b y_s y_z", _columns),
    "MatMulIntegerToFloat": Row("MatMul", "a c a_s c_s a_z c_z b", _last),
    "DynamicQuantizeMatMul": Row("MatMul", "a c c_s c_z b", _last),
    "QLinearAdd": Row("Add", TWO_TENSORS),
    "QLinearMul": Row("Mul", TWO_TENSORS),
    "QLinearAveragePool": Row("AveragePool", ONE_TENSOR),
    "QLinearGlobalAveragePool": Row("GlobalAveragePool", ONE_TENSOR),
    "NhwcMaxPool": Row("", "x", rule=pooled),
    "QLinearReduceMean": Row("ReduceMean", ONE_TENSOR),
    "QLinearSigmoid": Row("Sigmoid", ONE_TENSOR),
    "QLinearLeakyRelu": Row("LeakyRelu", ONE_TENSOR),
    "QLinearSoftmax": Row("Softmax", ONE_TENSOR),
    "QLinearConcat": Row("", f"y_s y_z {'x x_s x_z ' * 64}", rule=concatenate),
    "QLinearWhere": Row("", "c a a_s a_z x x_s x_z y_s y_z", rule=choose),
    "DynamicQuantizeLSTM": Row("", "x w r b n h c p w_s w_z r_s r_z", rule=recurrent),
    "MatMulNBits": Row("", "x w w_s w_z g b", rule=packed.product),
    "QAttention": Row("", "x w b x_s w_s m x_z w_z p", rule=attend),
}
"""ONNX Runtime's quantised operators, by name."""

ROWS = {("", op): row for op, row in OWN.items()} | {(MICROSOFT, op): row for op, row in CONTRIBUTED.items()}
"""Quantised operators by domain and name."""


@lru_cache(maxsize=1024)
def settings(domain: str, op: str) -> frozenset[int]:
    """Return which inputs of an operator are scales and zero points.

    >>> settings("", "QLinearConv") == {1, 2, 4, 5, 6, 7}
    True
    """
    row = ROWS.get((domain, op))
    return frozenset(at for at, name in enumerate(row.inputs.split()) if "_" in name) if row else frozenset()
