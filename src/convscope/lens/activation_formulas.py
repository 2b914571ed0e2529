"""Values and derivatives of activation functions in closed form; the tests compare them with torch's layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.ops import act

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convscope.core.op import Op

    Values = NDArray[np.float64]
    Formula = Callable[[Any, Values], tuple[Values, Values]]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""Constants of SELU (Klambauer et al. 2017, arXiv 1706.02515)."""

PRELU_SLOPE = 0.25
"""The slope of a PReLU before training."""


def values_of(op: Op, xs: Values) -> tuple[Values, Values]:
    """Return values and derivatives at ``xs``; at a kink, the derivative is the one that training uses.

    >>> from convscope.ops.act import LeakyReLU
    >>> values_of(LeakyReLU(slope=0.1), np.array([-2.0, 3.0]))
    (array([-0.2,  3. ]), array([0.1, 1. ]))
    """
    return FORMULAS[type(op)](op, np.asarray(xs, np.float64))


def _identity(_: Op, x: Values) -> tuple[Values, Values]:
    return x.copy(), np.ones_like(x)


def _relu(_: Op, x: Values) -> tuple[Values, Values]:
    return np.maximum(x, 0), (x > 0).astype(float)


def _bent(slope: float, x: Values) -> tuple[Values, Values]:
    """A piecewise linear function with a kink at zero."""
    derivative = np.where(x > 0, 1.0, slope)
    return x * derivative, derivative


def _between(low: float, high: float, x: Values, inside: NDArray[np.bool_]) -> tuple[Values, Values]:
    return np.minimum(np.maximum(x, low), high), inside.astype(float)


def _clamp(op: act.Clamp, x: Values) -> tuple[Values, Values]:
    return _between(op.low, op.high, x, (x >= op.low) & (x <= op.high))


def _threshold(op: act.Threshold, x: Values) -> tuple[Values, Values]:
    return np.where(x > op.limit, x, 0.0), (x > op.limit).astype(float)


def _exponential(scale: float, alpha: float, x: Values) -> tuple[Values, Values]:
    """ELU and SELU: an exponential below zero."""
    below = np.minimum(x, 0)
    return scale * np.where(x > 0, x, alpha * np.expm1(below)), scale * np.where(x > 0, 1.0, alpha * np.exp(below))


def _logistic(x: Values) -> Values:
    """``1 / (1 + exp(-x))`` without overflow."""
    found: Values = np.exp(-np.logaddexp(0, -x))
    return found


def _sigmoid(_: Op, x: Values) -> tuple[Values, Values]:
    return _logistic(x), _logistic(x) * _logistic(-x)


def _hardsigmoid(_: Op, x: Values) -> tuple[Values, Values]:
    return np.clip(x + 3, 0, 6) / 6, np.where(np.abs(x) < 3, 1 / 6, 0.0)


def _tanh(_: Op, x: Values) -> tuple[Values, Values]:
    return np.tanh(x), 1 - np.tanh(x) ** 2


def _softplus(_: Op, x: Values) -> tuple[Values, Values]:
    return np.logaddexp(0, x), _logistic(x)


def _gelu(op: act.GELU, x: Values) -> tuple[Values, Values]:
    if not op.approx:
        share = np.array(np.frompyfunc(math.erfc, 1, 1)(-x / math.sqrt(2)), np.float64) / 2
        return x * share, share + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    factor, cubic = math.sqrt(2 / math.pi), 0.044715
    bent = np.tanh(factor * (x + cubic * x**3))
    return x * (1 + bent) / 2, (1 + bent) / 2 + x * (1 - bent**2) * factor * (1 + 3 * cubic * x * x) / 2


def _silu(_: Op, x: Values) -> tuple[Values, Values]:
    share = _logistic(x)
    return x * share, share + x * share * _logistic(-x)


def _hardswish(_: Op, x: Values) -> tuple[Values, Values]:
    return x * np.clip(x + 3, 0, 6) / 6, np.where(x <= -3, 0.0, np.where(x < 3, x / 3 + 0.5, 1.0))


def _mish(_: Op, x: Values) -> tuple[Values, Values]:
    bent = np.tanh(np.logaddexp(0, x))
    return x * bent, bent + x * (1 - bent**2) * _logistic(x)


FORMULAS: dict[type[Op], Formula] = {
    act.ReLU: _relu,
    act.LeakyReLU: lambda op, x: _bent(op.slope, x),
    act.PReLU: lambda _, x: _bent(PRELU_SLOPE, x),
    act.ReLU6: lambda _, x: _between(0, 6, x, (x > 0) & (x < 6)),
    act.Threshold: _threshold,
    act.Clamp: _clamp,
    act.ELU: lambda op, x: _exponential(1.0, op.alpha, x),
    act.SELU: lambda _, x: _exponential(SELU_SCALE, SELU_ALPHA, x),
    act.Sigmoid: _sigmoid,
    act.Hardsigmoid: _hardsigmoid,
    act.Tanh: _tanh,
    act.Softplus: _softplus,
    act.GELU: _gelu,
    act.SiLU: _silu,
    act.Hardswish: _hardswish,
    act.Mish: _mish,
    act.Identity: _identity,
}
"""The formula of each elementwise op."""
