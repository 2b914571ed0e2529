"""The costs of a net, with a bar for each layer."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.view.colours import SERIES
from convscope.view.layout import SMALL, number, text

FILLED = 0.72
"""Fraction of a layer's width that its bar takes."""

LEAST = 1.0
"""Least height of a bar that is not zero [pixel]."""

NAMED = 3
"""The most bars whose value is written."""


@dataclass(frozen=True)
class Ribbon:
    """One cost by layer, in order.

    Attributes:
        title: the cost, with its total.
        values: a non-negative value for each layer.
        words: the values as text.
        wide: total width [pixel].
        high: height of the tallest bar [pixel].
        colour: index into the list of colours.
    """

    title: str
    values: tuple[float, ...]
    words: tuple[str, ...]
    wide: float = 860.0
    high: float = 54.0
    colour: int = 0

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self.wide

    @property
    def height(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self.high + 36

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        pitch, most = self.wide / max(1, len(self.values)), max(self.values, default=0) or 1.0
        ground = y + 34 + self.high
        high = [self.high * value / most for value in self.values]
        bars = "".join(
            f"M{number(x + pitch * (at + (1 - FILLED) / 2))} {number(ground)}v{number(-max(size, LEAST))}"
            f"h{number(pitch * FILLED)}v{number(max(size, LEAST))}Z"
            for at, size in enumerate(high)
            if size
        )
        drawn = [
            text(x, y + 12, self.title, size=SMALL),
            f'<path class="faint" d="M{number(x)} {number(ground)}h{number(self.wide)}"/>',
            f'<path d="{bars}" fill="{SERIES[self.colour]}" fill-opacity=".8"/>',
        ]
        drawn += [
            text(x + pitch * (at + 0.5), ground - high[at] - 4, self.words[at], size=SMALL, anchor="middle")
            for at in self._named(pitch)
        ]
        return "".join(drawn)

    def _named(self, pitch: float) -> list[int]:
        """Return the layers whose value is written: the costliest ones whose texts do not touch."""
        chosen: list[int] = []
        for at in sorted(range(len(self.values)), key=lambda at: -self.values[at]):
            room = all(
                abs(at - other) * pitch > 3.3 * (len(self.words[at]) + len(self.words[other])) for other in chosen
            )
            if self.values[at] and room and len(chosen) < NAMED:
                chosen.append(at)
        return chosen


@dataclass(frozen=True)
class Names:
    """Names of layers below ribbons, written upwards; some are omitted if space is short.

    Attributes:
        names: a name for each layer.
        wide: width of the ribbons [pixel].
    """

    names: tuple[str, ...]
    wide: float = 860.0

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self.wide

    @property
    def height(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return 6 + 6.4 * max(map(len, self.names), default=0)

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        pitch = self.wide / max(1, len(self.names))
        every = max(1, round(13 / pitch + 0.49))
        drawn = []
        for at in range(0, len(self.names), every):
            across, down = x + pitch * (at + 0.5) + 4, y + 4
            turn = f' transform="rotate(-90 {number(across)} {number(down)})"'
            drawn.append(text(across, down, self.names[at], size=SMALL, anchor="end", extra=turn))
        return "".join(drawn)
