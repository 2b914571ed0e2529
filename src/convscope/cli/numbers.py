"""Numbers on the command line, with ranges and errors for anything else."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

from convscope.errors import FieldError
from convscope.view.numbers import amount, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 2**31
"""The largest integer, as in the notation."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_REAL = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,5})?")


class Bounded(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """A number from ``low`` to ``high``.

    Args:
        low: the least.
        high: the largest.
        whole: no fraction.
    """

    def __init__(self, low: float, high: float, *, whole: bool = True) -> None:
        self.low: float = low
        self.high: float = high
        self.whole: bool = whole
        self.name: str = "integer" if whole else "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See :class:`click.ParamType`."""
        number = self._number(value)
        if number is None or not self.low <= number <= self.high:
            self.fail(f'"{shortened(str(value), 40)}" is not {self._expected()}.', param, ctx)
        return number

    def _number(self, value: Any) -> float | None:
        """Parse a number; None if it is not of this kind."""
        if isinstance(value, str) and not (_WHOLE if self.whole else _REAL).fullmatch(value):
            return self._amount(value)
        kind: Callable[[Any], float] = int if self.whole else float
        try:
            number = kind(value)
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None

    def _amount(self, text: str) -> float | None:
        """Parse a number with separators or a unit prefix: ``20,000``, ``1.5k``."""
        try:
            number = amount(text)
        except FieldError:
            return None
        if text[-1].isalpha() or "." not in text:
            return number if self.whole else float(number)
        return None if self.whole else float(re.sub("[,_]", "", text))

    def _expected(self) -> str:
        kind = "an integer" if self.whole else "a finite number"
        least = f" from {self.low:g}" if math.isfinite(self.low) else ""
        return f"{kind}{least}" + (f" to {self.high:.0f}" if math.isfinite(self.high) else "")


def whole(low: int = 1, high: int = MOST) -> Bounded:
    """An integer.

    >>> whole().convert("12", None, None), whole().convert("60,000", None, None), whole().convert("1.5k", None, None)
    (12, 60000, 1500)
    """
    return Bounded(low, high)


SHARE = Bounded(0, 1, whole=False)
"""A share or a probability."""


def real(low: float = -math.inf) -> Bounded:
    """A finite number.

    >>> real().convert("0.5", None, None), real().convert("1_000.5", None, None)
    (0.5, 1000.5)
    """
    return Bounded(low, math.inf, whole=False)


SEED = whole(0)
"""A seed of random numbers."""


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """A count or a number of bytes, such as ``20k``, ``20,000`` or ``64KiB``.

    >>> Amount().convert("64KiB", None, None)
    65536
    """

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002 -- click's
        """See :class:`click.ParamType`."""
        return value if isinstance(value, int) else amount(value)


AMOUNT = Amount()
"""A count or a number of bytes."""
