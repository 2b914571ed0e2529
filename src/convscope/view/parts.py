"""Parts of results that draw themselves: grids and prose, as text, Markdown, CSV and HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from convscope.inert import in_csv, in_html, in_markdown, inert, inert_lines
from convscope.view.fit import fitted
from convscope.view.numbers import shortened
from convscope.view.wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

_STYLE = """
& { overflow-x: auto; margin: .5em 0; color: inherit }
& table { border-collapse: collapse; border: 0; margin: 0; font-variant-numeric: tabular-nums }
& tr { background: none }
& th, & td { padding: .2em .7em; border: 0; text-align: left; white-space: nowrap; color: inherit; max-width: none }
& th { border-bottom: 1px solid rgb(128 128 128 / .7); font-weight: 600 }
& td { border-bottom: 1px solid rgb(128 128 128 / .2) }
& th.number, & td.number { text-align: right }
& tbody tr:hover td { background: rgb(128 128 128 / .15) }
& p, & pre { margin: .7em; color: inherit; background: none; text-align: left; white-space: pre-wrap }
& pre { font: .92em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
""".replace("&", ".convscope" * 3)
"""The style of tables, with translucent greys and inherited colours, readable on light and dark pages.

The class is named three times, so that our rules override those of the surrounding page: Jupyter aligns every cell to
the right by ``.jp-RenderedHTMLCommon:not(.jp-RenderedMarkdown) td``, which outweighs a class named once or twice.
"""

HEAD, FAINT, COSTLY = "head", "faint", "costly"
"""Styles of text in a terminal with colours."""


class Span(NamedTuple):
    """A part of a line, with its style in a terminal; "" for none."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


@dataclass(frozen=True)
class Column:
    """A column of a grid.

    Attributes:
        title: heading above the cells.
        right: whether cells are numbers, aligned to the right.
        widest: the most characters of a cell in a terminal, if limited; the middle is omitted.
        key: name by which users select the column; by default the title.
        hide: if space is short, columns with a higher number are omitted first; 0 is always shown.
    """

    title: str
    right: bool = False
    widest: int | None = None
    key: str = ""
    hide: int = 0

    @property
    def name(self) -> str:
        """The name by which users select the column."""
        return self.key or self.title

    def short(self, cell: str) -> str:
        """Return a cell as a terminal shows it."""
        cell = inert(cell)
        return cell if self.widest is None else shortened(cell, self.widest)


@dataclass(frozen=True)
class Grid:
    """Rows of cells under headings.

    Attributes:
        columns: the columns.
        rows: cells, one for each column.
        costly: positions of rows that a terminal highlights.
        hint: how to show columns that were omitted for lack of space; "" if that is impossible.

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
    costly: frozenset[int] = field(default=frozenset())
    hint: str = ""

    def _titles(self) -> tuple[str, ...]:
        return tuple(column.title for column in self.columns)

    def select(self, places: tuple[int, ...]) -> Grid:
        """Select columns by position, in the order given."""
        rows = tuple(tuple(row[at] for at in places) for row in self.rows)
        return Grid(tuple(self.columns[at] for at in places), rows, self.costly, self.hint)

    def to_text(self, width: int | None = None) -> str:
        """Return aligned columns, separated by two blanks; no line is longer than ``width`` if that is given."""
        return _text(self.lines(width))

    def lines(self, width: int | None = None) -> Iterator[Line]:
        """Return the lines of :meth:`to_text` with their styles."""
        shown = (tuple(map(Column.short, self.columns, row)) for row in self.rows)
        cells = (tuple(map(inert, self._titles())), *shown)
        blocks, hidden = fitted(self.columns, cells, width)
        for number, block in enumerate(blocks):
            if number:
                yield ()
            yield from self._block(block)
        if hidden:
            names = ", ".join(hidden)
            hint = f" ({self.hint})" if self.hint else ""
            for line in wrapped(f"hidden: {names}{hint}", width).split("\n"):
                yield (Span(line, FAINT),)

    def _block(self, block: tuple[tuple[int, tuple[str, ...]], ...]) -> Iterator[Line]:
        """Return columns, each with its position and the cells below the title."""
        widths = [max(map(len, cells)) for _, cells in block]
        for row in range(len(self.rows) + 1):
            spans: list[Span] = []
            for (at, cells), width in zip(block, widths, strict=True):
                right = self.columns[at].right
                cell = cells[row].rjust(width) if right else cells[row].ljust(width)
                spans += [Span("  ")] if spans else []
                spans.append(Span(cell, self._style(row - 1, cells[row], right=right)))
            yield _stripped(spans)

    def _style(self, row: int, cell: str, *, right: bool) -> str:
        if row < 0:
            return HEAD
        zero = right and cell in {"0", ".", "-"}
        return FAINT if zero else COSTLY if row in self.costly else ""

    def to_markdown(self) -> str:
        """Return a Markdown table."""
        rule = "|".join("---:" if column.right else "---" for column in self.columns)
        cells = [" | ".join(map(in_markdown, line)) for line in (self._titles(), *self.rows)]
        return "\n".join([f"| {cells[0]} |", f"|{rule}|", *(f"| {line} |" for line in cells[1:])])

    def to_csv(self) -> str:
        """Return comma-separated values; text that a spreadsheet would treat as a formula gets an apostrophe."""
        return "\n".join(",".join(map(in_csv, line)) for line in (self._titles(), *self.rows))

    def to_html(self, note: str = "") -> str:
        """Return a self-contained fragment without scripts, with ``note`` below the table.

        >>> "<td>a &lt; b</td>" in Grid((Column("what"),), (("a < b",),)).to_html()
        True
        """
        return fragment(self._table() + (f"\n<p>{in_html(note)}</p>" if note else ""))

    def _table(self) -> str:
        marks = [' class="number"' if column.right else "" for column in self.columns]

        def line(tag: str, cells: tuple[str, ...]) -> str:
            filled = (f"<{tag}{mark}>{in_html(cell)}</{tag}>" for cell, mark in zip(cells, marks, strict=True))
            return f"<tr>{''.join(filled)}</tr>"

        head, body = line("th", self._titles()), "\n".join(line("td", row) for row in self.rows)
        return f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


@dataclass(frozen=True)
class Stack:
    """The representation of a result: grids and prose below each other.

    >>> stack = Stack((Grid((Column("name"),), (("conv1",),)), "", "one layer of three"))
    >>> print(stack.to_text(width=20))
    name
    conv1
    <BLANKLINE>
    one layer of three
    """

    parts: tuple[Grid | str, ...]

    def lines(self, width: int | None = None) -> Iterator[Line]:
        """Return lines with their styles, none longer than ``width`` if that is given and words allow it."""
        for part in self.parts:
            if isinstance(part, Grid):
                yield from part.lines(width)
            else:
                yield from ((Span(line),) for line in wrapped(inert_lines(part), width).split("\n"))

    def to_text(self, width: int | None = None) -> str:
        """Return the text for a terminal."""
        return _text(self.lines(width))

    def to_html(self) -> str:
        """Return a fragment of a page: tables, and prose as in a terminal."""
        shown = (part if isinstance(part, Grid) else part.strip("\n") for part in self.parts)
        return fragment(
            "\n".join(
                part._table() if isinstance(part, Grid) else f"<pre>{in_html(part)}</pre>"  # noqa: SLF001 -- of this file
                for part in shown
                if part
            )
        )


def _text(lines: Iterator[Line]) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


def _stripped(spans: list[Span]) -> Line:
    """Strip trailing blanks from spans."""
    while spans and not spans[-1].text.strip():
        spans.pop()
    return (*spans[:-1], Span(spans[-1].text.rstrip(), spans[-1].style)) if spans else ()


def text_html(text: str) -> str:
    """Return a fragment of a page for a result without a grid: its text, as in a terminal.

    >>> "<pre>1 &lt; 2</pre>" in text_html("1 < 2")
    True
    """
    return fragment(f"<pre>{in_html(text)}</pre>")


def page_html(title: str, fragment: str) -> str:
    """Return a fragment as a stand-alone file, in the colours that the reader's system prefers."""
    head = (
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{in_html(title)}</title>",
        "<style>body { margin: 1.5em; font: 15px/1.45 system-ui, sans-serif }</style>",
    )
    return "\n".join(["<!doctype html>", '<html lang="en">', *head, fragment, "</html>"])


def fragment(body: str) -> str:
    """Return HTML in the style of our tables, as a part of a page."""
    return f'<div class="convscope" tabindex="0">\n<style>{_STYLE}</style>\n{body}\n</div>'
