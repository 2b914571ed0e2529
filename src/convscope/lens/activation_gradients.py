"""Gradient attenuation in deep nets, from the table in the package or measured.

The nets are ``n*( linear 64 FUNCTION )``, fully connected. For random inputs, a random gradient at the output is
compared with the gradient at the input. Everything is float64, so that nothing underflows.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.op import spelled
from convscope.lens.activation_formulas import values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.core.op import Op
    from convscope.lens.activation_curves import Curve

    Values = NDArray[np.float64]
    Layers = list[tuple[Values, Values]]

DEPTHS, WIDTH, BATCH, SEEDS = (10, 50), 64, 64, 9
"""Depths of the nets, units per layer, number of inputs, number of seeds."""

VERSION = 1
"""Version of the table; it is incremented with each change of the measurement."""

TABLE = Path(__file__).with_name("activation_gradients.json")
"""The table, written by ``benchmarks/activation_gradients.py``."""

KEPT = 1e3
"""A gradient that shrinks or grows by less than this factor in the deepest net counts as kept."""


@dataclass(frozen=True)
class Left:
    """The fraction of a gradient that remains after some layers, ``|dL/dx_0| / |dL/dx_n|``.

    Attributes:
        depth: number of layers.
        init: ``default`` (PyTorch's own for linear layers), ``He`` or ``Xavier``.
        median: median over seeds of the weights.
        low: the smallest value.
        high: the largest value.
    """

    depth: int
    init: str
    median: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"depth": self.depth, "init": self.init, "median": self.median, "low": self.low, "high": self.high}

    @property
    def verdict(self) -> str:
        """Return whether the gradient vanishes, explodes, is kept or varies over all nets, in a word.

        >>> Left(50, "He", 0.6, 0.5, 0.7).verdict, Left(50, "Xavier", 3e-32, 1e-32, 5e-32).verdict
        ('kept', 'vanishes')
        >>> Left(50, "He", 3e-4, 6e-7, 0.9).verdict
        'varies'
        """
        found = {_verdict(ratio) for ratio in (self.low, self.high)}
        return found.pop() if len(found) == 1 else "varies"

    def __str__(self) -> str:
        return f"{self.median:.2g} ({self.low:.2g} … {self.high:.2g})"


def _verdict(ratio: float) -> str:
    return "vanishes" if ratio * KEPT < 1 else "grows" if ratio > KEPT else "kept"


def stored(op: Op) -> tuple[Left, ...]:
    """Read the attenuation from the table; empty if it lacks this function.

    >>> from convscope.ops.act import ReLU, LeakyReLU
    >>> [left.depth for left in stored(ReLU())], stored(LeakyReLU(slope=0.123))
    ([10, 50, 10, 50], ())
    """
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return tuple(Left(**entry) for entry in table["functions"].get(spelled(op), ()))


def measure(op: Op, found: Curve) -> tuple[Left, ...]:
    """Backpropagate gradients through nets and measure the attenuation.

    Weights are PyTorch's default, ``U(-1/8, 1/8)``, and, without biases, normal with variance ``2/64`` (He et al. 2015,
    arXiv 1502.01852), or ``1/64`` (Glorot and Bengio 2010) for functions that are flat at both ends.
    """
    flat = found.below.edge is not None and found.above.edge is not None
    second = ("Xavier", 1.0) if flat else ("He", 2.0)
    return tuple(_left(op, depth, init, gain) for init, gain in (("default", 0.0), second) for depth in DEPTHS)


def _left(op: Op, depth: int, init: str, gain: float) -> Left:
    ratios = []
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        layers = [_drawn(random, gain) for _ in range(depth)]
        x, last = (random.standard_normal((BATCH, WIDTH)) for _ in range(2))
        first = through(op, layers, x, last)
        ratios.append(float(np.linalg.norm(first) / np.linalg.norm(last)))
    return Left(depth, init, float(np.median(ratios)), min(ratios), max(ratios))


def _drawn(random: np.random.Generator, gain: float) -> tuple[Values, Values]:
    """Draw weights ``out in`` and biases: PyTorch's default, or normal without biases, of variance ``gain / WIDTH``."""
    if gain:
        return random.normal(0.0, math.sqrt(gain / WIDTH), (WIDTH, WIDTH)), np.zeros(WIDTH)
    bound = 1 / math.sqrt(WIDTH)
    return random.uniform(-bound, bound, (WIDTH, WIDTH)), random.uniform(-bound, bound, WIDTH)


def through(op: Op, layers: Layers, x: Values, last: Values) -> Values:
    """Return the gradient at the input ``x`` of ``linear FUNCTION`` layers, given the gradient ``last`` at the end."""
    derivatives = []
    for weight, bias in layers:
        x, derivative = values_of(op, x @ weight.T + bias)
        derivatives.append(derivative)
    for (weight, _), derivative in zip(reversed(layers), reversed(derivatives), strict=True):
        last = (last * derivative) @ weight
    return last
