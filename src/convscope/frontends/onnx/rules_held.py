"""Operations on symbolic tensors of quantised models."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import known
from convscope.frontends.onnx.held import Held, Quantized, Scale
from convscope.frontends.onnx.quantized import same, times
from convscope.frontends.onnx.rules import RULES
from convscope.frontends.onnx.rules_quantized import ROWS, as_floats, product_of
from convscope.frontends.tensors.algebra import binary
from convscope.frontends.tensors.integers import along
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from convscope.frontends.onnx.call import Call


def multiply(call: Call) -> list[Any] | None:
    """Multiply sums of products of integers, or a computed scale, with a scale."""
    if len(call.inputs) != 2 or not all(isinstance(one, Held | Const) for one in call.inputs):
        return None
    held, other = call.inputs if isinstance(call.inputs[0], Quantized) else call.inputs[::-1]
    if isinstance(held, Scale | Const) and isinstance(other, Scale | Const):
        return [product_of(held, other)]
    if not isinstance(held, Quantized) or held.zero is not None or not isinstance(other, Scale | Const):
        return None
    left = Counter(held.scale.runs if isinstance(held.scale, Scale) else ())
    left.subtract(other.runs if isinstance(other, Scale) else ())
    if min(left.values(), default=0) < 0:
        raise ShapeError("the scale does not match the one of the integers")
    factor = times(_factor(other), _factor(held.scale), divided=True)
    ready = factor if factor.sizes else along(factor, 0, 0)
    value = binary(call.builder, "mul", held.value, ready)
    runs = tuple(left.elements())
    return [Quantized(value, Scale(held.value, runs)) if runs else value]


def _factor(scale: Const | Scale) -> Const:
    return scale.factor if isinstance(scale, Scale) else scale


MOVES = {
    "Identity", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Expand", "Tile", "Slice", "Split", "Gather",
    "Shape", "Size", "MaxPool", "GlobalMaxPool", "DepthToSpace", "SpaceToDepth", "Dropout", "ReduceMax", "ReduceMin",
    "Concat", "Max", "Min", "Resize", "Upsample", "Pad",
}  # fmt: skip
"""Operators that only return input values and depend on their order, which a scale does not change."""


def moved(call: Call) -> list[Any] | None:
    """Apply a moving operation to the floats that integers represent; None if it does more."""
    first = call.get(0)
    held = [one for one in call.inputs if isinstance(one, Quantized)]
    if not isinstance(first, Quantized) or (call.op in {"Concat", "Max", "Min"} and len(held) < len(call.inputs)):
        return None
    alike = all(same(one.scale, first.scale) and same(one.zero, first.zero) for one in held)
    single = isinstance(first.scale, Scale) or int(np.prod(first.scale.sizes)) == 1
    mixes = call.op in {"Resize", "Upsample"} and call.word("mode", "nearest") != "nearest"
    if not alike or not single or mixes or (call.op == "Pad" and call.opset < 11):
        return None
    inputs = [one.value if isinstance(one, Quantized) else one for one in call.inputs]
    if call.op == "Pad":  # with an integer, which defaults to 0
        inputs[2:3] = [as_floats(call, (call.get(2) or known(np.zeros(())), first.scale, first.zero), 1)]
    made = RULES[call.op](replace(call, inputs=tuple(inputs)))
    found = made if isinstance(made, list) else [made]
    return [replace(first, value=one) if isinstance(one, Value) else one for one in found]


def quantised(call: Call) -> list[Any] | None:
    """Return the outputs of an operation of a quantised model; None if it is one on floats or plain integers."""
    row = ROWS.get((call.domain, call.op))
    if row is not None:
        return row(call)
    if call.domain or not any(isinstance(one, Held) for one in call.inputs):
        return None
    if call.op == "Cast":  # the values are unchanged
        return [call.inputs[0]]
    if call.op == "Mul":
        return multiply(call)
    return moved(call) if call.op in MOVES else None
