"""Sizes of operations that no rule takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.build.algebra import broadcast
from convscope.frontends.build.values import Const, Value
from convscope.frontends.onnx import fold_shape as given
from convscope.frontends.onnx.rules_shape import new_sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.frontends.onnx.call import Call

    Sizes = tuple[int, ...]

POINTWISE = {
    "Floor", "Ceil", "Round", "Sign", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Not",
    "IsNaN", "IsInf", "ThresholdedRelu", "Shrink", "Hardmax", "CumSum", "Trilu", "ScatterND", "ScatterElements",
    "MeanVarianceNormalization", "LpNormalization", "LRN", "ReverseSequence", "BitwiseNot", "RandomNormalLike",
    "RandomUniformLike", "Bernoulli", "EyeLike", "PRelu",
}  # fmt: skip
"""Operators whose output has the sizes of their first input."""

TOGETHER = {
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual",
    "Less", "LessOrEqual", "Where", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
}  # fmt: skip
"""Operators whose output has the sizes of all inputs together."""


def _at(call: Call, at: int = 0) -> Sizes:
    return call.tensor(at).sizes


def _all(call: Call) -> Sizes:
    found: Sizes = ()
    for one in call.inputs:
        if isinstance(one, Value | Const):
            found = broadcast(found, one.sizes)
    return found


def _gathered(call: Call) -> Sizes:
    have = _at(call)
    at = given.axis_of(call, 0, len(have))
    return (*have[:at], *_at(call, 1), *have[at + 1 :])


def _one_of(call: Call) -> Sizes:
    have = _at(call)
    at = given.axis_of(call, 0, len(have))
    keep = call.whole("keepdims", 1)
    return tuple(1 if i == at else n for i, n in enumerate(have) if keep or i != at)


def _padded(call: Call) -> Sizes:
    return tuple(n + lo + hi for n, (lo, hi) in zip(_at(call), given.padding(call, len(_at(call))), strict=True))


def _joined(call: Call) -> Sizes:
    every = [_at(call, at) for at in range(len(call.inputs))]
    at = given.axis_of(call, 0, len(every[0]))
    return (*every[0][:at], sum(one[at] for one in every), *every[0][at + 1 :])


def _few(call: Call) -> Sizes:
    have = _at(call)
    at = given.axis_of(call, -1, len(have))
    return (*have[:at], (call.ints(1) or [1])[0], *have[at + 1 :])


def _sampled(call: Call) -> Sizes:
    return (*_at(call)[:2], *_at(call, 1)[1:-1])


def _regions(call: Call) -> Sizes:
    return (_at(call, 1)[0], _at(call)[1], call.whole("output_height", 1), call.whole("output_width", 1))


def _whole_map(call: Call) -> Sizes:
    return (*_at(call)[:2], *[1] * (len(_at(call)) - 2))


def _product(call: Call) -> Sizes:
    x, y = _at(call, 0), _at(call, 1)
    return (*broadcast(x[:-2], y[:-2]), x[-2], y[-1])


def _statistic(call: Call) -> Sizes:
    have = _at(call)
    gone = {at % len(have) for at in call.listed("axes", 1) or range(len(have))}
    keep = call.whole("keepdims", 1)
    return tuple(1 if at in gone else size for at, size in enumerate(have) if keep or at not in gone)


def _states(call: Call) -> Sizes:
    directions, _, hidden = _at(call, 2)
    first, second, _ = _at(call)
    return (first, second, directions, hidden) if call.whole("layout", 0) else (first, directions, second, hidden)


SIZES: dict[str, Callable[[Call], Sizes]] = {
    **dict.fromkeys(POINTWISE, _at),
    **dict.fromkeys(TOGETHER, _all),
    "Gather": _gathered,
    "GatherElements": lambda call: _at(call, 1),
    "ArgMax": _one_of,
    "ArgMin": _one_of,
    "Pad": _padded,
    "Concat": _joined,
    "TopK": _few,
    "GridSample": _sampled,
    "RoiAlign": _regions,
    "MaxRoiPool": lambda call: (_at(call, 1)[0], _at(call)[1], *(call.wholes("pooled_shape") or ())),
    "GlobalLpPool": _whole_map,
    "MatMul": _product,
    "ReduceProd": _statistic,
    "Slice": lambda call: tuple(len(range(*cut)) for cut in given.slices(call, _at(call))),
    "RNN": _states,
    "LSTM": _states,
    "GRU": _states,
    "Resize": lambda call: tuple(new_sizes(call, call.value(0))[0]),
    "Upsample": lambda call: tuple(new_sizes(call, call.value(0))[0]),
    "GatherND": lambda call: (*_at(call, 1)[:-1], *_at(call)[_at(call, 1)[-1] :]),
}
"""By the name of the operator, the sizes of its outputs."""

FREE = POINTWISE | TOGETHER | {
    "Gather", "GatherElements", "GatherND", "ArgMax", "ArgMin", "Pad", "Concat", "TopK", "GlobalLpPool", "ReduceProd",
    "Slice", "Resize", "Upsample", "NonMaxSuppression", "MaxPool", "AveragePool", "Reshape", "Softmax",
}  # fmt: skip
"""Operators that multiply nothing with weights."""


def sizes_of(call: Call) -> Sizes | None:
    """Sizes of the outputs of an operation; None where they cannot be told."""
    found = SIZES.get(call.op)
    if found is None:
        return None
    try:
        sizes = found(call)
    except (ShapeError, ValueError, TypeError, LookupError, ZeroDivisionError):
        return None
    return sizes if 0 < math.prod(sizes) <= np.iinfo(np.int64).max and min(sizes, default=1) > 0 else None
