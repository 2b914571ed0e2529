"""Known facts about operations without a rule: output sizes, weights, cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.budget import spend
from convscope.core.graph import Own
from convscope.errors import ShapeError
from convscope.frontends.onnx import fold_shape as given
from convscope.frontends.onnx.consts import roots_of
from convscope.frontends.onnx.flow import flat
from convscope.frontends.onnx.infer import inferred
from convscope.frontends.onnx.rules_quantized import settings
from convscope.frontends.onnx.steps import LAYER
from convscope.frontends.tensors.unknown import opaque
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.frontends.onnx.call import Call, Given

    Sizes = tuple[int, ...]

FREE = {
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool",
    "BatchNormalization", "Bernoulli", "BitCast", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor",
    "Cast", "CastLike", "Ceil", "Celu", "CenterCropPad", "Clip", "Col2Im", "Compress", "Concat", "Cos", "Cosh",
    "CumProd", "CumSum", "DepthToSpace", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Expand", "EyeLike",
    "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Gelu", "GlobalAveragePool", "GlobalLpPool",
    "GlobalMaxPool", "Greater", "GreaterOrEqual", "GridSample", "GroupNormalization", "HardSigmoid", "HardSwish",
    "Hardmax", "Identity", "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "LogSoftmax", "LpNormalization", "LpPool", "Max", "MaxPool", "MaxRoiPool", "MaxUnpool",
    "Mean", "MeanVarianceNormalization", "Min", "Mish", "Mod", "Mul", "Multinomial", "Neg", "NonMaxSuppression",
    "NonZero", "Not", "OneHot", "Or", "PRelu", "Pad", "Pow", "RMSNormalization", "RandomNormalLike",
    "RandomUniformLike", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Resize",
    "ReverseSequence", "RoiAlign", "RotaryEmbedding", "Round", "Scatter", "ScatterElements", "ScatterND", "Selu",
    "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Slice", "Softmax", "Softplus", "Softsign",
    "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Swish", "Tan", "Tanh", "TensorScatter",
    "ThresholdedRelu", "Tile", "TopK", "Transpose", "Trilu", "Unique", "Unsqueeze", "Upsample", "Where", "Xor",
}  # fmt: skip
"""Operators without multiplication by weights."""

FEW = 8
"""The most layers for one operation."""

AS_GIVEN = {"GroupNormalization", "MeanVarianceNormalization"}
"""Operators whose output has the sizes of the first input, which ONNX's inference does not cover."""

SETTINGS: dict[str, set[int]] = {
    "CenterCropPad": {1},
    "Clip": {1, 2},
    "Dropout": {1, 2},
    "Expand": {1},
    "MaxRoiPool": {1},
    "NonMaxSuppression": {2, 3, 4},
    "OneHot": {1, 2},
    "Pad": {1, 2, 3},
    "Resize": {1, 2, 3},
    "RoiAlign": {1, 2},
    "Tile": {1, 2},
    "TopK": {1},
    "Trilu": {1},
    "Upsample": {1},
}
"""Inputs that are settings and never weights."""


def _kernel(given: Sequence[Sizes], out: Sizes) -> int:
    return math.prod(out) * math.prod(given[1][1:])


def _spread(given: Sequence[Sizes], _: Sizes) -> int:
    return math.prod(given[0]) * math.prod(given[1][1:])


def _states(given: Sequence[Sizes], _: Sizes) -> int:
    positions = math.prod(given[0][:2])
    return positions * sum(math.prod(one) for one in given[1:3])


MACS: dict[str, Callable[[Sequence[Sizes], Sizes], int]] = {
    "Conv": _kernel,
    "ConvTranspose": _spread,
    "DeformConv": _kernel,
    "MatMul": lambda given, out: math.prod(out) * given[0][-1],
    "Gemm": lambda given, out: math.prod(given[0]) * out[-1],
    "RNN": _states,
    "GRU": _states,
    "LSTM": _states,
}
"""Multiply-adds by the name of the operator, from the sizes of its inputs and of its first output [MAC]."""


def macs_of(call: Call, out: Sizes | None) -> int | None:
    """Return the multiply-adds of an operation [MAC]; None if unknown."""
    count = None if call.domain else MACS.get(call.op)
    if count is None or out is None:
        return 0 if call.op in FREE and not call.domain else None
    given = [one.sizes if isinstance(one, Value | Const) else () for one in call.inputs]
    try:
        return count(given, out)
    except LookupError:
        return None


def weights_among(call: Call) -> list[Const]:
    """Return the constant inputs of an operation, except settings."""
    left_out = settings(call.domain, call.op) or (set() if call.domain else SETTINGS.get(call.op, set()))
    given = (one for at, one in enumerate(call.inputs) if at not in left_out)
    return [one for one in flat(given) if isinstance(one, Const)]


def sizes_of(call: Call) -> list[Sizes | None]:
    """Return the output sizes of an operation; None for unknown ones."""
    if call.domain:
        return [None] * call.total
    if call.op == "Reshape":  # its target may contain the batch of the file
        try:
            return [given.reshaped(call, call.tensor(0).sizes)]
        except (ShapeError, ValueError, TypeError, LookupError):
            return [None]
    found = [one if one is not None and min(one, default=1) > 0 else None for one in inferred(call)]
    return [call.tensor(0).sizes] if found == [None] and call.op in AS_GIVEN else found


def opaque_outputs(
    call: Call, wanted: Sequence[int], declared: Sequence[Sizes | None], *, costs: bool
) -> dict[int, Value] | None:
    """Add opaque layers for some outputs of an operation; None if their sizes are unknown.

    Args:
        call: the operation.
        wanted: positions of the outputs.
        declared: sizes that the file states for each output.
        costs: whether the first layer gets the weights and multiply-adds of the operation, which are not counted yet.
    """
    guess = sizes_of(call)
    stated = [mine if mine is not None else its for mine, its in zip(guess, declared, strict=False)]
    if any(stated[at] is None for at in wanted):
        return None
    own = Own((), 0)
    if costs:
        roots = call.builder.fresh(roots_of(weights_among(call)))
        own = Own(tuple(root.weight() for root in roots), macs_of(call, stated[0]))
    values = [one for one in flat(call.inputs) if isinstance(one, Value)]
    if len(values) * len(wanted) > FEW:
        spend(LAYER * len(values) * len(wanted))
    found = {}
    for at in wanted:
        size = stated[at]
        assert size is not None
        found[at] = opaque(call.builder, values, size, own)
        own = Own((), 0)
    return found


def has(found: Sequence[Given], at: int) -> bool:
    """Return whether a rule returned the output at a position."""
    return at < len(found) and found[at] is not None
