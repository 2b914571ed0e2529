"""The shape of activation functions: curve, derivative, range, and where the derivative vanishes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.op import REGISTRY, spelled, usage
from convscope.errors import ConvscopeError, FieldError, UnknownNameError, unknown
from convscope.frontends import read
from convscope.frontends.text.hints import OTHER_NAMES
from convscope.lens.activation_formulas import FORMULAS, values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.core.op import Op

FUNCTIONS = tuple(op.keyword for op in FORMULAS)
"""The elementwise ops."""

ALIASES = OTHER_NAMES | {"hardtanh": "clamp", "linear": "id", "logistic": "sigmoid"}

FLAT = 0.05
"""A derivative that tends to zero counts as saturated below this; three such layers leave less than a thousandth."""

SHOWN, FAR = 6.0, 1e4
"""Ends of the curve that is drawn, and of the range in which limits are searched."""


@dataclass(frozen=True)
class End:
    """The behaviour of the derivative towards one end of the axis.

    Attributes:
        kind: ``dead`` (zero beyond the edge), ``saturated`` (it tends to zero and is below 0.05 beyond the edge) or
            ``passes`` (it does not tend to zero).
        edge: where this zone begins; None if the derivative passes.
        derivative: its value at the end of the axis.
    """

    kind: str
    edge: float | None
    derivative: float


@dataclass(frozen=True)
class Curve:
    """One activation function.

    Attributes:
        name: as the notation writes it.
        xs: positions from -6 to 6.
        ys: values at ``xs``.
        derivatives: derivatives at ``xs``.
        low: lower end of the range, or ``-inf``.
        high: upper end of the range, or ``inf``.
        below: behaviour towards minus infinity.
        above: behaviour towards infinity.
        steepest: the largest absolute derivative.
    """

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    derivatives: tuple[float, ...]
    low: float
    high: float
    below: End
    above: End
    steepest: float

    def to_json(self) -> dict[str, Any]:
        """Return plain data; an infinite end is None."""
        ends = {name: {"kind": end.kind, "edge": end.edge, "derivative": end.derivative} for name, end in self._ends()}
        span = [value if math.isfinite(value) else None for value in (self.low, self.high)]
        points = {"x": list(self.xs), "y": list(self.ys), "derivative": list(self.derivatives)}
        return {"name": self.name, "range": span, **ends, "steepest": self.steepest, "curve": points}

    def _ends(self) -> tuple[tuple[str, End], ...]:
        return ("below", self.below), ("above", self.above)

    @property
    def span(self) -> str:
        """The range in words."""
        return " … ".join(f"{round(value, 3) + 0:g}".replace("inf", "∞") for value in (self.low, self.high))

    @property
    def zones(self) -> str:
        """The zones in which it is dead or saturated, in words."""
        low, high = self.below, self.above
        if low.edge is not None and low.edge == -(high.edge or 0.0) and low.kind == high.kind:
            return f"{low.kind} beyond ±{high.edge:.3g}"
        told = [f"{end.kind} {side} {end.edge:.3g}" for side, end in self._ends() if end.edge is not None]
        return ", ".join(told) or "no flat zone"

    def flat(self, values: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
        """Return which values lie in a dead zone, and which in a saturated one."""
        found = {kind: np.zeros(values.shape, bool) for kind in ("dead", "saturated")}
        if self.below.edge is not None:
            found[self.below.kind] |= values <= self.below.edge
        if self.above.edge is not None:
            found[self.above.kind] |= values >= self.above.edge
        return found


def op_of(text: str) -> Op:
    """Parse a function and return its op; parameters follow after colons or blanks.

    Raises:
        UnknownNameError: there is no such function.
        FieldError: it does not accept such a parameter.

    >>> op_of("leaky_relu:0.1"), op_of("clamp:-1:1")
    (LeakyReLU(slope=0.1), Clamp(low=-1.0, high=1.0))
    """
    name, *words = re.split(r"[:\s]+", text.strip())
    if name in REGISTRY and name not in FUNCTIONS:
        raise UnknownNameError(f"{name} is not an elementwise function", expected=f"one of {', '.join(FUNCTIONS)}")
    if name not in FUNCTIONS:
        raise unknown("activation", name, FUNCTIONS, ALIASES)
    try:
        net = read(f"input 1, {' '.join([name, *words])}\n")
    except ConvscopeError as error:
        raise FieldError(f"{text.strip()}: {error.what}", expected=usage(REGISTRY[name])) from None
    if len(net) > 1:
        raise FieldError(f"{text.strip()} names more than one function", expected=usage(REGISTRY[name]))
    return net.layers[0].node.op


def curve(op: Op) -> Curve:
    """Analyse a function on a grid of step 1/64 within 32 of zero and of step 1 beyond.

    >>> sigmoid = curve(op_of("sigmoid"))  # s (1 - s) = 0.05 where s = 0.0528, and ln(0.0528 / 0.9472) = -2.887
    >>> sigmoid.span, sigmoid.zones
    ('0 … 1', 'saturated beyond ±2.89')
    >>> curve(op_of("relu")).zones, curve(op_of("leaky_relu")).zones
    ('dead below 0', 'no flat zone')
    """
    xs = np.linspace(-SHOWN, SHOWN, 193)
    ys, derivatives = values_of(op, xs)
    grid = np.concatenate(
        [-np.arange(32, FAR + 1)[::-1], np.arange(-32 * 64, 32 * 64 + 1) / 64, np.arange(32, FAR + 1)]
    )
    wide, steep = values_of(op, grid)
    below, above = _end(op, grid, steep, -1), _end(op, grid, steep, 1)
    ends = [float(wide.min()), float(wide.max())]
    for side, end in ((-1, below), (1, above)):
        if end.kind == "passes" and end.derivative:
            upwards = side * end.derivative > 0
            ends[upwards] = math.inf if upwards else -math.inf
    steepest = float(grid[np.abs(steep).argmax()])
    near = values_of(op, np.linspace(steepest - 1 / 64, steepest + 1 / 64, 1001))[1]
    x, y, derivative = (tuple(values.tolist()) for values in (xs, ys, derivatives))
    return Curve(spelled(op), x, y, derivative, ends[0], ends[1], below, above, float(np.abs(near).max()))


def _end(op: Op, grid: NDArray[np.float64], derivatives: NDArray[np.float64], side: int) -> End:
    """Analyse the derivative towards minus (-1) or plus infinity (1)."""
    last = float(derivatives[0 if side < 0 else -1])
    if abs(last) > 1e-6:
        return End("passes", None, last)
    steep = np.flatnonzero(np.abs(derivatives) >= FLAT)
    outer = float(grid[steep[0 if side < 0 else -1]]) if len(steep) else 0.0
    edge = _bisected(op, outer, outer + side)
    beyond = values_of(op, np.array([edge + side * 1e-4]))[1][0]
    return End("saturated" if beyond else "dead", round(edge, 6) + 0.0, last)


def _bisected(op: Op, steep: float, flat: float) -> float:
    """Find where the derivative falls below 0.05, between a position above and one below."""
    for _ in range(40):
        middle = (steep + flat) / 2
        if abs(values_of(op, np.array([middle]))[1][0]) >= FLAT:
            steep = middle
        else:
            flat = middle
    return flat
