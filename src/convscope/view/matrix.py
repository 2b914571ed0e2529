"""A matrix of counts: coloured cells with their values."""

from __future__ import annotations

import math
from dataclasses import dataclass

from convscope.view.colours import SERIES
from convscope.view.layout import SMALL, number, text


@dataclass(frozen=True)
class Matrix:
    """A matrix of counts with the same names for rows and columns; cells off the diagonal stand out.

    Attributes:
        names: names of rows and columns.
        counts: ``counts[row][column]``.
        row: what the rows are.
        column: what the columns are.
        side: side of a cell [pixel].
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    row: str = "true"
    column: str = "predicted"
    side: float = 34.0

    def _left(self) -> float:
        return 26 + 6.6 * max(map(len, self.names))

    def _turned(self) -> bool:
        """Whether names of columns are written upwards, since they are wider than a cell."""
        return 6.6 * max(map(len, self.names)) > self.side

    def _top(self) -> float:
        return 20 + (8 + 6.6 * max(map(len, self.names)) if self._turned() else 16)

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self._left() + self.side * len(self.names)

    @property
    def height(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self._top() + self.side * len(self.names)

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        side, left, top = self.side, x + self._left(), y + self._top()
        middle = side * len(self.names) / 2
        turn = f' transform="rotate(-90 {number(x + 11)} {number(top + middle)})"'
        drawn = [
            text(left + middle, y + 12, self.column, size=SMALL, anchor="middle"),
            text(x + 11, top + middle, self.row, size=SMALL, anchor="middle", extra=turn),
        ]
        for at, name in enumerate(self.names):
            centre = left + side * (at + 0.5)
            if self._turned():
                up = f' transform="rotate(-90 {number(centre + 4)} {number(top - 5)})"'
                drawn.append(text(centre + 4, top - 5, name, size=SMALL, extra=up))
            else:
                drawn.append(text(centre, top - 5, name, size=SMALL, anchor="middle"))
            drawn.append(text(left - 6, top + side * (at + 0.5) + 4, name, size=SMALL, anchor="end"))
        worst = max((n for r, row in enumerate(self.counts) for c, n in enumerate(row) if r != c), default=0)
        for r, row in enumerate(self.counts):
            for c, count in enumerate(row):
                drawn.append(self._cell(left + side * c, top + side * r, count, right=r == c, worst=worst))
        return "".join(drawn)

    def _cell(self, x: float, y: float, count: int, *, right: bool, worst: int) -> str:
        """Return a cell's colour: mistakes redden with the root of their number, so that single ones are visible."""
        share = 0.16 if right else 0.85 * math.sqrt(count / worst) if worst else 0.0
        fill = f'fill="{SERIES[2 if right else 1]}" fill-opacity="{share:.2f}"' if count else 'fill="none"'
        at, up, wide = number(x), number(y), number(self.side - 1)
        cell = f'<rect class="faint" x="{at}" y="{up}" width="{wide}" height="{wide}" {fill} style="{_paint(fill)}"/>'
        if not count:
            return cell
        return cell + text(x + self.side / 2, y + self.side / 2 + 4, f"{count:,}", size=SMALL, anchor="middle")


def _paint(fill: str) -> str:
    """Return the attributes as a style, which overrides that of the class."""
    return fill.replace('="', ":").replace('" ', ";").replace('"', "")
