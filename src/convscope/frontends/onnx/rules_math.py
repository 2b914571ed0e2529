"""Elementwise operators and reductions."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import Known, at_hand, known, lazy
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.integers import as_written
from convscope.frontends.tensors.products import einsum
from convscope.frontends.tensors.values import Const, Value
from convscope.ops import act
from convscope.ops.scalar import Map, Pow

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.frontends.onnx.call import Call

LARGEST = float(np.finfo(np.float32).max)


def plain(op: Op) -> Callable[[Call], Value]:
    """Apply an elementwise function."""
    return lambda call: unary(call.builder, op, call.value(0))


def same(call: Call) -> Value:
    """Return the input: a change of dtype, or an operation without effect in a net."""
    return call.value(0)


def cast_like(call: Call) -> Value | Const:
    """See the operator CastLike; tensors that depend on the image are floats."""
    found = call.tensor(0)
    if isinstance(found, Value):
        return found
    if isinstance(found, Known):
        return known(found.numbers.astype(np.float32), found.roots)
    return lazy(found.sizes, [found], lambda arrays: arrays[0].astype(np.float32))


def operand(call: Call, at: int) -> Value | Const | float:
    """Return an input as a tensor, or as a number."""
    found = call.tensor(at)
    if isinstance(found, Const) and math.prod(found.sizes) == 1 and not found.roots:
        numbers = at_hand(found)
        if len(found.sizes) <= max(len(one.sizes) for one in call.inputs if isinstance(one, Value)):
            return as_written(float(numbers.reshape(())))
        return known(numbers)
    return found


def number(value: float) -> Const:
    """Make a tensor of a number, in its original precision."""
    return known(np.asarray(value, dtype=np.float64))


def arithmetic(name: str) -> Callable[[Call], Value]:
    """Join two or more tensors elementwise."""

    def rule(call: Call) -> Value:
        first, *rest = (operand(call, at) for at in range(len(call.inputs)))
        found = number(first) if isinstance(first, float) else first
        for other in rest:
            if not isinstance(found, Value) and not isinstance(other, Value):
                raise ShapeError("a constant as the first operand is not supported")
            found = binary(call.builder, name, found, number(other) if isinstance(other, float) else other)
        assert isinstance(found, Value)
        return found

    return rule


def mean(call: Call) -> Value:
    """See the operator Mean."""
    return binary(call.builder, "mul", arithmetic("add")(call), number(1 / len(call.inputs)))


def power(call: Call) -> Value:
    """See the operator Pow."""
    exponent = operand(call, 1)
    if not isinstance(exponent, float):
        raise ShapeError("a power with a tensor as exponent is not supported")
    return unary(call.builder, Map("square") if exponent == 2 else Pow(exponent), call.value(0))


def extreme(name: str) -> Callable[[Call], Value]:
    """Return the maximum or minimum of tensors; with a number, a clamp."""
    both = arithmetic(name)

    def rule(call: Call) -> Value:
        numbers = [one for one in map(lambda at: operand(call, at), range(len(call.inputs))) if isinstance(one, float)]  # noqa: C417 -- operand takes the call
        values = [one for one in call.inputs if isinstance(one, Value)]
        if len(numbers) == 1 and len(values) == 1 and len(call.inputs) == 2:
            ends = (numbers[0], math.inf) if name == "maximum" else (-math.inf, numbers[0])
            return clamped(call, values[0], *ends)
        return both(call)

    return rule


def clamped(call: Call, value: Value, low: float, high: float) -> Value:
    """Clamp values to two ends."""
    if (low, high) == (-math.inf, math.inf):
        return value
    if (low, high) == (0, math.inf):
        return unary(call.builder, act.ReLU(), value)
    if (low, high) == (0, 6):
        return unary(call.builder, act.ReLU6(), value)
    return unary(call.builder, act.Clamp(max(low, -LARGEST), min(high, LARGEST)), value)


def clip(call: Call) -> Value:
    """See the operator Clip, whose ends are attributes in old versions and inputs in new ones."""
    ends = []
    for at, name, default in ((1, "min", -math.inf), (2, "max", math.inf)):
        found = call.numbers(at)
        number = found[0] if found else call.attrs.get(name, default)
        ends.append(as_written(number) if abs(number) < LARGEST else math.copysign(math.inf, number))
    return clamped(call, call.value(0), *ends)


def leaky_relu(call: Call) -> Value:
    """See the operator LeakyRelu."""
    return unary(call.builder, act.LeakyReLU(call.real("alpha", 0.01)), call.value(0))


def thresholded(call: Call) -> Value:
    """See the operator ThresholdedRelu."""
    return unary(call.builder, act.Threshold(call.real("alpha", 1.0)), call.value(0))


def elu(call: Call) -> Value:
    """See the operator Elu."""
    return unary(call.builder, act.ELU(call.real("alpha", 1.0)), call.value(0))


def celu(call: Call) -> Value:
    """See the operator Celu: ``alpha`` times the ELU of ``x/alpha``."""
    alpha = call.real("alpha", 1.0)
    inner = unary(call.builder, act.ELU(1.0), binary(call.builder, "div", call.value(0), number(alpha)))
    return binary(call.builder, "mul", inner, number(alpha))


def selu(call: Call) -> Value:
    """See the operator Selu."""
    alpha, gamma = call.real("alpha", 1.67326319), call.real("gamma", 1.05070102)
    if abs(alpha - 1.67326319) > 1e-6 or abs(gamma - 1.05070102) > 1e-6:
        return binary(call.builder, "mul", unary(call.builder, act.ELU(alpha), call.value(0)), number(gamma))
    return unary(call.builder, act.SELU(), call.value(0))


def hard_sigmoid(call: Call) -> Value:
    """See the operator HardSigmoid: ``min(max(alpha x + beta, 0), 1)``."""
    alpha, beta = call.real("alpha", 0.2), call.real("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return unary(call.builder, act.Hardsigmoid(), call.value(0))
    line = binary(call.builder, "add", binary(call.builder, "mul", call.value(0), number(alpha)), number(beta))
    return unary(call.builder, act.Clamp(0.0, 1.0), line)


def gelu(call: Call) -> Value:
    """See the operator Gelu."""
    return unary(call.builder, act.GELU(call.word("approximate", "none") == "tanh"), call.value(0))


def swish(call: Call) -> Value:
    """``x * sigmoid(alpha * x)``."""
    alpha = call.real("alpha", 1.0)
    if alpha == 1:
        return unary(call.builder, act.SiLU(), call.value(0))
    gate = unary(call.builder, act.Sigmoid(), binary(call.builder, "mul", call.value(0), number(alpha)))
    return binary(call.builder, "mul", call.value(0), gate)


def dropout(call: Call) -> Any:
    """See the operator Dropout; it is the identity in inference, but stays a layer."""
    found = call.numbers(1)
    ratio = as_written(found[0]) if found else call.real("ratio", 0.5)
    x = call.value(0)
    mask = Const(x.sizes, lambda: np.ones(x.sizes, np.bool_))
    training = any(call.numbers(2) or [])
    return [unary(call.builder, act.Dropout(ratio), x) if 0 < ratio < 1 else x, None if training else mask]


def where(call: Call) -> Value:
    """See the operator Where, with a condition that does not depend on the image."""
    mask = call.const(0)
    x, y = operand(call, 1), operand(call, 2)
    if isinstance(y, Value) and not isinstance(x, Value):
        mask = mask.then(mask.sizes, np.logical_not)
        x, y = y, x
    if not isinstance(x, Value) or not isinstance(y, float):
        raise ShapeError("a choice between two tensors is not supported")
    if y > -1e3 and math.isfinite(y):
        x = binary(call.builder, "mul", x, mask.then(mask.sizes, lambda hit: np.where(hit, 1, 0).astype(np.float32)))
    if not y:
        return x
    return binary(call.builder, "add", x, mask.then(mask.sizes, lambda hit: np.where(hit, 0, y).astype(np.float32)))


def _axes(call: Call, rank: int) -> list[int] | None:
    """Return the dimensions of a reduction; None for a no-op."""
    found = call.listed("axes", 1)
    if found:
        return found
    return None if call.whole("noop_with_empty_axes", 0) else list(range(rank))


def reduced(stat: str, before: str = "", after: str = "") -> Callable[[Call], Value]:
    """Reduce dimensions, with elementwise functions before and after."""

    def rule(call: Call) -> Value:
        x = call.value(0)
        axes = _axes(call, len(x.dims))
        if axes is None:
            return x
        ready = unary(call.builder, Map(before), x) if before else x
        found = shapes.reduced(call.builder, ready, stat, axes, keep=bool(call.whole("keepdims", 1)))
        return unary(call.builder, Map(after), found) if after else found

    return rule


def named_product(call: Call) -> Value:
    """See the operator Einsum."""
    text = call.word("equation", "").replace(" ", "")
    inputs, arrow, out = text.partition("->")
    terms = inputs.split(",")
    operands = [call.tensor(at) for at in range(len(call.inputs))]
    if len(terms) != len(operands):
        raise ShapeError(f"the equation names {len(terms)} tensors, but {len(operands)} are given")
    labels = [_labels(term, len(one.sizes)) for term, one in zip(terms, operands, strict=True)]
    longest = max((one for one in labels if one), key=lambda one: sum(name.isdigit() for name in one))
    dots = [name for name in longest if name.isdigit()]
    if arrow:
        wanted = [name for part in _split_dots(out) for name in (dots if part == "..." else [part])]
    else:
        every = [name for one in labels for name in one]
        times = Counter(every)
        wanted = [*dots, *sorted(name for name in times if times[name] == 1 and not name.isdigit())]
    return einsum(call.builder, operands, labels, wanted)


def _split_dots(term: str) -> list[str]:
    before, dots, after = term.partition("...")
    return [*before, *([dots] if dots else []), *after]


def _labels(term: str, rank: int) -> list[str]:
    """Return a label for each dimension; those of an ellipsis are numbers, counted from the end."""
    parts = _split_dots(term)
    count = rank - len(parts) + 1
    found = [name for part in parts for name in ([str(at) for at in range(count, 0, -1)] if part == "..." else [part])]
    if len(found) != rank:
        raise ShapeError(f"{len(found)} letters are given for a tensor of {rank} dimensions")
    return found
