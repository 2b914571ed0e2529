"""The costs of a net: a bar for each layer."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.view.colours import SERIES
from convscope.view.layout import SMALL, number, text

FILLED = 0.72
"""Share of a layer's room that its bar takes."""

LEAST = 1.0
"""Height of a bar that is not zero [pixel]."""

NAMED = 3
"""So many of the widest places have their number written."""


@dataclass(frozen=True)
class Ribbon:
    """One cost over the layers, in their order.

    Attributes:
        title: what is shown, with its total.
        values: one a layer, none below zero.
        words: the same to read.
        wide: of the whole [pixel].
        high: of the tallest bar [pixel].
        colour: number in the list of colours.
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
        """Layers whose number is written: the costliest, so far as their words do not touch."""
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
    """Names of layers below ribbons, written upwards; where there is no room for all, some are left out.

    Attributes:
        names: one a layer.
        wide: as that of the ribbons [pixel].
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
