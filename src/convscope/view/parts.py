"""Parts of figures that know how to draw themselves: grids of text."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A heading; ``right`` aligns numbers."""

    title: str
    right: bool = False


@dataclass(frozen=True)
class Grid:
    """Rows of cells under headings.

    >>> grid = Grid((Column("name"), Column("params", right=True)), (("conv1", "160"),))
    >>> print(grid.to_text())
    name   params
    conv1     160
    >>> print(grid.to_markdown())
    | name | params |
    |---|---:|
    | conv1 | 160 |
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def _titles(self) -> tuple[str, ...]:
        return tuple(column.title for column in self.columns)

    def to_text(self) -> str:
        """Aligned columns, two blanks between."""
        lines = (self._titles(), *self.rows)
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if column.right else cell.ljust(width)
                for cell, width, column in zip(line, widths, self.columns, strict=True)
            ).rstrip()
            for line in lines
        )

    def to_markdown(self) -> str:
        """A pipe table."""
        rule = "|".join("---:" if column.right else "---" for column in self.columns)
        cells = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in (self._titles(), *self.rows)]
        return "\n".join([f"| {cells[0]} |", f"|{rule}|", *(f"| {line} |" for line in cells[1:])])

    def to_csv(self) -> str:
        """Comma-separated values."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows((self._titles(), *self.rows))
        return out.getvalue().rstrip("\n")
