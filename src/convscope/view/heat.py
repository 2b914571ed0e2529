"""Heat maps: values as colours, with range and sign written beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.view.colours import AMOUNT, SIGNED, coloured
from convscope.view.layout import SMALL, Raster, number, text

if TYPE_CHECKING:
    from numpy.typing import NDArray

THIN = 12
"""Width of a colour bar [pixel]."""


@dataclass(frozen=True)
class Scale:
    """A mapping from values to colours, shared by maps that are to be compared.

    Attributes:
        low: the value at the dark (or blue) end.
        high: the value at the bright (or red) end.
        stops: colours from one end to the other.
    """

    low: float
    high: float
    stops: tuple[tuple[int, ...], ...] = AMOUNT

    @classmethod
    def of(cls, values: NDArray[Any]) -> Scale:
        """Choose blue to red with white at zero for both signs, otherwise a scale from zero. Nothing is clipped.

        >>> Scale.of(np.array([-1.0, 3.0])).low, Scale.of(np.array([1.0, 3.0])).low
        (-3.0, 0.0)
        """
        finite = np.asarray(values, float)
        finite = finite[np.isfinite(finite)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if low < 0:
            most = max(-low, high)
            return cls(-most, most, SIGNED)
        return cls(0.0, high, AMOUNT)

    def pixels(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Map values ``h w`` to ``h w 3``."""
        return coloured(values, self.low, self.high, self.stops)

    def raster(self, values: NDArray[Any], zoom: float = 1.0) -> Raster:
        """Draw a map ``h w``."""
        return Raster(self.pixels(values), zoom)


@dataclass(frozen=True)
class Bar:
    """The colour bar of a scale with its values."""

    scale: Scale
    long: float = 120.0

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return THIN + 8 + 7 * max(len(short(value)) for value in self._marks())

    @property
    def height(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return max(self.long, 40.0)

    def _marks(self) -> tuple[float, ...]:
        scale = self.scale
        return (scale.high, 0.0, scale.low) if scale.low < 0 < scale.high else (scale.high, scale.low)

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        scale, high = self.scale, self.height
        ramp = scale.pixels(np.linspace(scale.high, scale.low, 64)[:, None])
        bar = Raster(ramp, 1).draw(x, y).replace('width="1"', f'width="{THIN}"', 1)
        bar = bar.replace('height="64"', f'height="{number(high)}"', 1)
        frame = f'<rect class="rule" x="{number(x)}" y="{number(y)}" width="{THIN}" height="{number(high)}"/>'
        span = (scale.high - scale.low) or 1.0
        words = []
        for value in self._marks():
            at = y + high * (scale.high - value) / span
            words.append(text(x + THIN + 5, min(max(at + 4, y + 9), y + high), short(value), size=SMALL))
        return bar + frame + "".join(words)


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image ``c h w`` of bytes as pixels ``h w 3``; one channel, or the first of more than three, is grey."""
    shown = image if len(image) == 3 else image[:1].repeat(3, axis=0)
    return np.ascontiguousarray(shown.transpose(1, 2, 0))


def short(value: float) -> str:
    """Return a short form of a number.

    >>> short(0.0), short(1234.5), short(-0.012345), short(2.0)
    ('0', '1,230', '-0.0123', '2')
    """
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else str(value)
    if abs(value) >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"
