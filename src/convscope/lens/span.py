"""The range and sign of an array, stated with every figure of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Span:
    """The range of the values of an array.

    Attributes:
        low: the smallest finite value; 0 if there is none.
        high: the largest finite value.
        broken: number of values that are not finite.

    >>> print(Span.of(np.array([-0.5, 0.25])))
    -0.5 … 0.25, both signs
    >>> print(Span.of(np.array([-0.5, 0.0])))
    -0.5 … 0, no positive values
    """

    low: float
    high: float
    broken: int = 0

    @classmethod
    def of(cls, values: NDArray[Any]) -> Span:
        """Return the span of an array."""
        finite = values[np.isfinite(values)]
        if not finite.size:
            return cls(0.0, 0.0, values.size)
        return cls(float(finite.min()), float(finite.max()), values.size - finite.size)

    @property
    def sign(self) -> str:
        """The signs that occur, in words."""
        if self.low == self.high == 0:
            return "all zero"
        if self.high <= 0:
            return "no positive values"
        return "no negative values" if self.low >= 0 else "both signs"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"low": self.low, "high": self.high, "sign": self.sign, "not_finite": self.broken}

    def __str__(self) -> str:
        broken = f", {self.broken:,} values are not finite" if self.broken else ""
        return f"{number(self.low)} … {number(self.high)}, {self.sign}{broken}"


def number(value: float) -> str:
    """Three significant digits.

    >>> number(0.123456), number(-1234.5), number(0), number(2e-9)
    ('0.123', '-1.23e+03', '0', '2e-09')
    """
    return f"{value:.3g}"
