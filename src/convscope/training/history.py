"""The training log of a run as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from convscope.errors import unknown
from convscope.view.parts import Column, Grid

SHOWN = 40
"""The most reports that are shown; of a longer log, evenly spaced ones and the last."""


@dataclass(frozen=True)
class History(Sequence[dict[str, Any]]):
    """The reports of a run, a dictionary each, in the order of the steps; prints itself.

    Attributes:
        rows: what ``metrics.jsonl`` has: step, epoch, loss and accuracy since the epoch began, learning rate, seconds.

    >>> log = History(({"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}))
    >>> log["loss"], log[-1]["step"], len(log)
    ([2.0, 1.0], 2, 2)
    >>> print(log)
    step  loss
       1     2
       2     1
    """

    rows: tuple[dict[str, Any], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in the order in which they first occur."""
        return tuple(dict.fromkeys(key for row in self.rows for key in row))

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...

    @overload
    def __getitem__(self, at: str) -> list[Any]: ...

    def __getitem__(self, at: int | slice | str) -> dict[str, Any] | list[Any]:
        """Return a report, several of them, or the values of a column.

        Raises:
            UnknownNameError: there is no such column.
            IndexError: there is no such report.
        """
        if isinstance(at, str):
            if at not in self.columns:
                raise unknown("column", at, self.columns)
            return [row.get(at) for row in self.rows]
        return list(self.rows[at]) if isinstance(at, slice) else self.rows[at]

    def to_csv(self) -> str:
        """Return the table as comma-separated values."""
        out = io.StringIO()
        writer = csv.DictWriter(out, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def to_json(self) -> list[dict[str, Any]]:
        """Return plain data."""
        return [dict(row) for row in self.rows]

    def grid(self) -> Grid:
        """Return the table that is shown."""
        step = max(1, -(-len(self.rows) // SHOWN))
        shown = [*self.rows[::step], *([self.rows[-1]] if self.rows and (len(self.rows) - 1) % step else [])]
        columns = tuple(Column(name.replace("_", " "), right=True) for name in self.columns)
        return Grid(columns, tuple(tuple(_text(row.get(name)) for name in self.columns) for row in shown))

    def __str__(self) -> str:
        return self.grid().to_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.grid().to_html()


def _text(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
