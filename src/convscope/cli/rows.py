"""Options for the rows and columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from convscope.analyze.columns import NAMES, check_names
from convscope.analyze.fold import KEYS
from convscope.cli.numbers import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.analyze.table import LayerTable

COLUMNS_HELP = f"Show these columns, in this order: {', '.join(NAMES)}."

OPTIONS = (
    click.option("--depth", type=whole(), metavar="N", help="Fold layers into modules N levels deep, with sums."),
    click.option("--sort", type=click.Choice(list(KEYS)), help="Put the rows with the largest cost first."),
    click.option("--top", type=whole(), metavar="N", help="Show the first N rows only."),
    click.option("--columns", metavar="A,B,…", help=COLUMNS_HELP),
    click.option("--wide", is_flag=True, help="Show every column, however narrow the terminal is."),
)


def row_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, in the order in which ``--help`` lists them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Shown:
    """The values of the options, as click passes them to the command."""

    depth: int | None
    sort: str | None
    top: int | None
    columns: str | None
    wide: bool

    @property
    def is_plain(self) -> bool:
        """Return whether every row and column is shown in order."""
        return not (self.depth or self.sort or self.top or self.columns)

    def of(self, table: LayerTable) -> LayerTable:
        """Return the table with the requested rows and columns.

        Raises:
            UnknownNameError: there is no such column.
        """
        if self.depth:
            table = table.fold(self.depth)
        if self.sort:
            table = table.sorted(self.sort)
        if self.top:
            table = table.top(self.top)
        return table.select(*self.columns.split(",")) if self.columns else table

    def check(self, form: str) -> None:
        """Raise for options that do not apply to a format, or are misspelt, before a net is read.

        Raises:
            UsageError: the format always has all layers, or all columns.
            UnknownNameError: there is no such column.
        """
        if self.columns is not None:
            check_names(self.columns.split(","))
        named: dict[str, object] = {"--columns": self.columns, "--wide": self.wide}
        rows: dict[str, object] = {"--depth": self.depth, "--sort": self.sort, "--top": self.top}
        without = {"json": named, "csv": named, "netron": {**named, **rows}}.get(form, {})
        for option, given in without.items():
            if given:
                raise click.UsageError(f"{option} cannot be used with the format {form}")
