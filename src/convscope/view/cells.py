"""A table as a part of a figure: the cells of a grid in columns below a rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.view.figure import Figure
from convscope.view.layout import LETTER, NORMAL, number, text

if TYPE_CHECKING:
    from convscope.view.parts import Grid

LINE = 22
"""Height of a row [pixel]."""

BETWEEN = 22
"""Space between columns [pixel]."""

BOLD = 1.1
"""Width of bold letters relative to regular ones."""


@dataclass(frozen=True)
class Cells:
    """A grid drawn as a table; columns of numbers are right-aligned.

    >>> from convscope.view.parts import Column, Grid
    >>> part = Cells(Grid((Column("name"), Column("params", right=True)), (("conv1", "160"),)))
    >>> part.height, '>160</text>' in part.draw(0, 0)
    (44, True)
    """

    grid: Grid

    def _widths(self) -> list[int]:
        titles = [len(column.title) * BOLD for column in self.grid.columns]
        columns = zip(titles, *([len(cell) for cell in self._short(row)] for row in self.grid.rows), strict=True)
        return [math.ceil(max(column) * NORMAL * LETTER) for column in columns]

    def _short(self, row: tuple[str, ...]) -> list[str]:
        return [column.short(cell) for column, cell in zip(self.grid.columns, row, strict=True)]

    @property
    def width(self) -> float:
        """See :class:`convscope.view.layout.Part`."""
        widths = self._widths()
        return sum(widths) + BETWEEN * max(0, len(widths) - 1)

    @property
    def height(self) -> float:
        """See :class:`convscope.view.layout.Part`."""
        return LINE * (1 + len(self.grid.rows))

    def draw(self, x: float, y: float) -> str:
        """See :class:`convscope.view.layout.Part`."""
        titles = [column.title for column in self.grid.columns]
        drawn = [self._line(x, y, titles, ' font-weight="600"')]
        for at in range(len(self.grid.rows)):
            kind, top = "faint" if at else "rule", number(y + LINE * (at + 1))
            drawn.append(f'<path class="{kind}" d="M{number(x)} {top}H{number(x + self.width)}"/>')
        drawn += [self._line(x, y + LINE * (at + 1), self._short(row)) for at, row in enumerate(self.grid.rows)]
        return "".join(drawn)

    def _line(self, x: float, y: float, cells: list[str], extra: str = "") -> str:
        drawn = []
        for column, width, cell in zip(self.grid.columns, self._widths(), cells, strict=True):
            at, anchor = (x + width, "end") if column.right else (x, "start")
            drawn.append(text(at, y + LINE * 0.7, cell, anchor=anchor, extra=extra))
            x += width + BETWEEN
        return "".join(drawn)


def table_figure(title: str, grid: Grid, note: str = "") -> Figure:
    """Return a grid as a figure with a title above and a note below."""
    return Figure(title, Cells(grid), note, grid)
