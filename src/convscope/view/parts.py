"""Parts of figures that know how to draw themselves: grids, as text, Markdown, CSV and HTML."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.inert import in_csv, in_html, in_markdown, inert
from convscope.view.numbers import shortened

_STYLE = """
.convscope { overflow-x: auto; margin: .5em 0; color: inherit }
.convscope table { border-collapse: collapse; border: 0; font-variant-numeric: tabular-nums }
.convscope th, .convscope td { padding: .2em .7em; border: 0; text-align: left; white-space: nowrap; color: inherit }
.convscope th { border-bottom: 1px solid rgb(128 128 128 / .7); font-weight: 600 }
.convscope td { border-bottom: 1px solid rgb(128 128 128 / .2) }
.convscope .number { text-align: right }
.convscope tbody tr:hover td { background: rgb(128 128 128 / .15) }
.convscope p, .convscope pre { margin: .7em; color: inherit; background: none; white-space: pre-wrap }
.convscope pre { white-space: pre }
"""
"""Greys that are half transparent and colours that are inherited: it reads on a light and on a dark page."""


@dataclass(frozen=True)
class Column:
    """A heading.

    Attributes:
        title: above the cells.
        right: numbers, aligned to the right.
        widest: letters that a cell has at most in a terminal, where there is such a limit; the middle is left out.
    """

    title: str
    right: bool = False
    widest: int | None = None

    def short(self, cell: str) -> str:
        """A cell as a terminal shows it."""
        cell = inert(cell)
        return cell if self.widest is None else shortened(cell, self.widest)


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
        cells = (tuple(map(Column.short, self.columns, row)) for row in self.rows)
        lines = (tuple(map(inert, self._titles())), *cells)
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
        cells = [" | ".join(map(in_markdown, line)) for line in (self._titles(), *self.rows)]
        return "\n".join([f"| {cells[0]} |", f"|{rule}|", *(f"| {line} |" for line in cells[1:])])

    def to_csv(self) -> str:
        """Comma-separated values; a text with which a spreadsheet would begin a formula has an apostrophe before it."""
        return "\n".join(",".join(map(in_csv, line)) for line in (self._titles(), *self.rows))

    def to_html(self, note: str = "") -> str:
        """A table for a page, as a fragment that needs nothing else and runs no script; ``note`` stands below it.

        >>> "<td>a &lt; b</td>" in Grid((Column("what"),), (("a < b",),)).to_html()
        True
        """
        marks = [' class="number"' if column.right else "" for column in self.columns]

        def line(tag: str, cells: tuple[str, ...]) -> str:
            filled = (f"<{tag}{mark}>{in_html(cell)}</{tag}>" for cell, mark in zip(cells, marks, strict=True))
            return f"<tr>{''.join(filled)}</tr>"

        head, body = line("th", self._titles()), "\n".join(line("td", row) for row in self.rows)
        table = f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        return _fragment(f"{table}\n<p>{in_html(note)}</p>" if note else table)


def text_html(text: str) -> str:
    """A result that has no grid, as a fragment of a page: its text, as in a terminal.

    >>> "<pre>1 &lt; 2</pre>" in text_html("1 < 2")
    True
    """
    return _fragment(f"<pre>{in_html(text)}</pre>")


def page_html(title: str, fragment: str) -> str:
    """A fragment as a file of its own, in the colours that the reader's system prefers."""
    head = (
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{in_html(title)}</title>",
        "<style>body { margin: 1.5em; font: 15px/1.45 system-ui, sans-serif }</style>",
    )
    return "\n".join(["<!doctype html>", '<html lang="en">', *head, fragment, "</html>"])


def _fragment(body: str) -> str:
    return f'<div class="convscope" tabindex="0">\n<style>{_STYLE}</style>\n{body}\n</div>'
