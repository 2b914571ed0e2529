"""Plots: lines, steps and bands over two axes; bars with names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from convscope.view.colours import NEGATIVE, POSITIVE, SERIES
from convscope.view.heat import short
from convscope.view.layout import SMALL, number, text

if TYPE_CHECKING:
    from collections.abc import Sequence

LEGEND = 18
"""Height of a row of a legend [pixel]."""

FLAT = 0.02
"""The span of values, relative to the largest, below which a curve counts as constant."""

LEFT, BOTTOM, TOP, RIGHT = 58, 40, 8, 14
"""Space for numbers and names of the axes [pixel]."""


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return ticks in a range at steps of 1, 2 or 5 times a power of ten: as many as allowed.

    >>> ticks(0, 1), ticks(-3, 12, 4), ticks(0.2, 16, 4)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 5.0, 10.0], [5.0, 10.0, 15.0])
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    for step in (power * factor for factor in (1, 2, 5, 10, 20)):
        places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(places) <= most:
            return [round(at * step, 12) + 0.0 for at in places]
    raise AssertionError("twenty times a power of ten is more than the range")


def tick_texts(values: Sequence[float]) -> list[str]:
    """Return ticks as text with the digits that distinguish them.

    >>> tick_texts([2.35, 2.352, 2.354]), tick_texts([0.0, 0.5, 1.0]), tick_texts([2500, 3000])
    (['2.350', '2.352', '2.354'], ['0', '0.5', '1'], ['2,500', '3,000'])
    """
    texts = [short(value) for value in values]
    exact = [float(words.replace(",", "")) == value for words, value in zip(texts, values, strict=True)]
    if all(exact) or len(values) < 2:
        return texts
    step = min(abs(high - low) for low, high in pairwise(values))
    return [f"{value:,.{max(0, math.ceil(-math.log10(step) - 1e-9))}f}" for value in values]


@dataclass(frozen=True)
class Line:
    """A line through points.

    Attributes:
        name: name in the legend; empty for none.
        xs: from left to right.
        ys: a value for each; NaN leaves a gap.
        colour: index into the list of colours.
        dashed: whether the line is dashed.
        steps: whether each value holds until the next ``x``, as in histograms.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: int = 0
    dashed: bool = False
    steps: bool = False


@dataclass(frozen=True)
class Band:
    """A shaded range of ``x``."""

    low: float
    high: float
    colour: int = 1


@dataclass(frozen=True)
class Plot:
    """Lines over two linear axes; the default range is that of the values.

    Attributes:
        lines: the lines.
        x: name of the horizontal axis, with its unit.
        y: name of the vertical axis, with its unit.
        wide: total width [pixel].
        high: total height [pixel].
        bands: shaded ranges.
        xlim: ends of the horizontal axis.
        ylim: ends of the vertical axis.
    """

    lines: tuple[Line, ...]
    x: str = ""
    y: str = ""
    wide: float = 420.0
    high: float = 240.0
    bands: tuple[Band, ...] = ()
    xlim: tuple[float, float] | None = None
    ylim: tuple[float, float] | None = None

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self.wide

    @property
    def height(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self.high + LEGEND * len(self._legend())

    def _legend(self) -> list[list[tuple[float, Line]]]:
        """Return the rows of the legend, each entry with its distance from the left axis."""
        rows: list[list[tuple[float, Line]]] = []
        at = 0.0
        for line in (line for line in self.lines if line.name):
            room = 37 + 6.2 * len(line.name)
            if not rows or at + room - 14 > self.wide - LEFT:
                rows.append([])
                at = 0.0
            rows[-1].append((at, line))
            at += room
        return rows

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        legend, rows = [], self._legend()
        for row, entries in enumerate(rows):
            top = y + LEGEND * row
            for off, line in entries:
                at = x + LEFT + off
                dash = ' stroke-dasharray="5 3"' if line.dashed else ""
                legend.append(
                    f'<path d="M{number(at)} {number(top + 7)}h18" fill="none" stroke-width="2" '
                    f'stroke="{SERIES[line.colour % len(SERIES)]}"{dash}/>'
                    + text(at + 23, top + 11, line.name, size=SMALL)
                )
        drawn = _Canvas(self, x, y + LEGEND * len(rows))
        return (
            "".join(legend) + drawn.axes() + "".join(map(drawn.band, self.bands)) + "".join(map(drawn.line, self.lines))
        )


class _Canvas:
    """The frame of a plot, which maps values to positions."""

    def __init__(self, plot: Plot, x: float, y: float) -> None:
        self.plot = plot
        self.left, self.top = x + LEFT, y + TOP
        self.wide, self.high = plot.wide - LEFT - RIGHT, plot.high - TOP - BOTTOM
        self.xlim = plot.xlim or _range([value for line in plot.lines for value in line.xs])
        self.ylim = plot.ylim or _range([value for line in plot.lines for value in line.ys], room=0.04)

    def across(self, value: float) -> float:
        low, high = self.xlim
        return self.left + self.wide * (value - low) / (high - low)

    def up(self, value: float) -> float:
        low, high = self.ylim
        return self.top + self.high * (high - min(max(value, low), high)) / (high - low)

    def axes(self) -> str:
        drawn = []
        bottom = self.top + self.high
        across = ticks(*self.xlim, most=max(2, int(self.wide / 55)))
        for value, words in zip(across, tick_texts(across), strict=True):
            at = self.across(value)
            drawn.append(f'<path class="faint" d="M{number(at)} {number(self.top)}V{number(bottom)}"/>')
            drawn.append(text(at, bottom + 14, words, size=SMALL, anchor="middle"))
        up = ticks(*self.ylim, most=max(2, int(self.high / 34)))
        for value, words in zip(up, tick_texts(up), strict=True):
            at = self.up(value)
            drawn.append(f'<path class="faint" d="M{number(self.left)} {number(at)}h{number(self.wide)}"/>')
            drawn.append(text(self.left - 5, at + 4, words, size=SMALL, anchor="end"))
        frame = f"M{number(self.left)} {number(self.top)}V{number(bottom)}h{number(self.wide)}"
        drawn.append(f'<path class="rule" d="{frame}"/>')
        middle = self.left + self.wide / 2
        drawn.append(text(middle, bottom + 31, self.plot.x, size=SMALL, anchor="middle"))
        if self.plot.y:
            x, y = self.left - LEFT + 11, self.top + self.high / 2
            turn = f' transform="rotate(-90 {number(x)} {number(y)})"'
            drawn.append(text(x, y, self.plot.y, size=SMALL, anchor="middle", extra=turn))
        return "".join(drawn)

    def band(self, band: Band) -> str:
        low, high = (min(max(self.across(value), self.left), self.left + self.wide) for value in (band.low, band.high))
        return (
            f'<rect x="{number(low)}" y="{number(self.top)}" width="{number(high - low)}" '
            f'height="{number(self.high)}" fill="{SERIES[band.colour % len(SERIES)]}" fill-opacity=".14"/>'
        )

    def line(self, line: Line) -> str:
        path, pen, before = [], "M", 0.0
        for x, y in zip(line.xs, line.ys, strict=True):
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            across, up = self.across(x), self.up(y)
            if line.steps and pen == "L":
                path.append(f"L{number(across)} {number(before)}")
            path.append(f"{pen}{number(across)} {number(up)}")
            pen, before = "L", up
        dash = ' stroke-dasharray="5 3"' if line.dashed else ""
        look = f'stroke="{SERIES[line.colour % len(SERIES)]}" stroke-width="1.8" stroke-linejoin="round"{dash}'
        return f'<path d="{"".join(path)}" fill="none" {look}/>'


def _range(values: list[float], room: float = 0.0) -> tuple[float, float]:
    """Return the ends of an axis for some values; it does not go below zero if they do not.

    A curve that moves by less than a fiftieth of its values is drawn flat, on an axis from zero.

    >>> _range([2.0, 2.01]), _range([0.0]), _range([0.0, 1.0], 0.04), _range([-1.0, 1.0])
    ((0.0, 4.01), (0.0, 1.0), (0.0, 1.04), (-1.0, 1.0))
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high == 0:
        high = 1.0
    elif high - low < FLAT * max(abs(low), abs(high)):
        low, high = min(0.0, low + high), max(0.0, low + high)
    extra = room * (high - low)
    return (max(0.0, low - extra) if low >= 0 else low - extra), high + extra


@dataclass(frozen=True)
class Bars:
    """Named values as bars from zero: red to the right, or blue to the left for negative ones, as in maps.

    Attributes:
        names: a name for each bar.
        values: a value for each bar.
        words: text after each bar; by default the values.
        wide: width of the longest bars [pixel].
    """

    names: tuple[str, ...]
    values: tuple[float, ...]
    words: tuple[str, ...] = ()
    wide: float = 260.0
    thick: float = 15.0

    def _name_room(self) -> float:
        return 10 + 6.4 * max((len(name) for name in self.names), default=0)

    def _said(self) -> tuple[str, ...]:
        return self.words or tuple(map(short, self.values))

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self._name_room() + self.wide + 10 + 6.4 * max((len(word) for word in self._said()), default=0)

    @property
    def height(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return (self.thick + 4) * len(self.values)

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        low, high = min(0.0, *self.values, 0.0), max(0.0, *self.values, 0.0)
        scale = self.wide / ((high - low) or 1.0)
        left = x + self._name_room()
        zero, drawn = left - low * scale, []
        for at, (name, value, said) in enumerate(zip(self.names, self.values, self._said(), strict=True)):
            top = y + at * (self.thick + 4)
            base = top + self.thick - 4
            start, long = (zero, value * scale) if value >= 0 else (zero + value * scale, -value * scale)
            drawn.append(text(left - 8, base, name, size=SMALL, anchor="end"))
            drawn.append(
                f'<rect x="{number(start)}" y="{number(top)}" width="{number(long)}" height="{number(self.thick)}" '
                f'fill="{NEGATIVE if value < 0 else POSITIVE}"/>'
            )
            drawn.append(text(max(zero, start + long) + 5, base, said, size=SMALL))
        drawn.append(f'<path class="rule" d="M{number(zero)} {number(y - 2)}V{number(y + self.height)}"/>')
        return "".join(drawn)
