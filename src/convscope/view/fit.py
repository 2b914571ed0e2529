"""Fitting a grid into a width: the columns that are shown, their widths, and the columns that are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.view.numbers import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.view.parts import Column

GAP = 2
"""Number of blanks between columns."""

LEAST = 12
"""Width to which a column of text is shortened before the grid is split into blocks [character]."""

Cells = tuple[str, ...]
Block = tuple[tuple[int, Cells], ...]
"""Columns beside each other: the position of each, and its cells below the title."""


def fitted(columns: Sequence[Column], lines: Sequence[Cells], width: int | None) -> tuple[list[Block], list[str]]:
    """Arrange columns in blocks no wider than ``width``; return them and the names of the columns left out.

    First, columns that may be hidden are hidden one by one; then columns of text are shortened, if this suffices;
    otherwise columns are split into blocks, each of which repeats the first column.

    >>> from convscope.view.parts import Column
    >>> lines = (("name", "MACs", "start"), ("conv1", "97,344", "0"))
    >>> fitted((Column("name"), Column("MACs", right=True), Column("start", hide=1)), lines, 15)
    ([((0, ('name', 'conv1')), (1, ('MACs', '97,344')))], ['start'])
    """
    all_cells = dict(enumerate(zip(*lines, strict=True)))
    hidden: list[int] = []
    if width is None:
        return [tuple(all_cells.items())], []
    kept = dict(all_cells)
    for at in sorted(kept, key=lambda at: (-columns[at].hide, at)):
        if _wide(kept) <= width or not columns[at].hide:
            break
        hidden.append(at)
        del kept[at]
    short = _shortened(columns, kept, width) if _wide(kept) > width else kept
    blocks = [tuple(short.items())] if _wide(short) <= width else _blocks(columns, kept, width)
    return blocks, [columns[at].name for at in sorted(hidden)]


def _width(cells: Cells) -> int:
    return max(map(len, cells))


def _wide(kept: dict[int, Cells]) -> int:
    """Return the width of a row [character]."""
    return sum(map(_width, kept.values())) + GAP * (len(kept) - 1)


def _shortened(columns: Sequence[Column], kept: dict[int, Cells], width: int) -> dict[int, Cells]:
    """Shorten the widest columns of text in the middle of their cells as far as necessary."""
    widths = {at: _width(cells) for at, cells in kept.items() if not columns[at].right}
    over = _wide(kept) - width
    while over > 0 and widths:
        at = max(widths, key=lambda at: widths[at])
        if widths[at] <= LEAST:
            break
        widths[at] -= 1
        over -= 1
    return {
        at: tuple(shortened(cell, widths[at]) for cell in cells) if at in widths else cells
        for at, cells in kept.items()
    }


def _blocks(columns: Sequence[Column], kept: dict[int, Cells], width: int) -> list[Block]:
    """Split columns into blocks if they do not fit beside each other; each block repeats the first column.

    The first column says what a row is, so it may take half of the width. Titles of numbers are shortened so that
    several columns fit into a block.
    """
    (first, names), *others = kept.items()
    widest = max((_width(cells) for _, cells in others), default=0)
    values = max((_width(cells[1:] or cells) for at, cells in others if columns[at].right), default=0)
    room = max(1, min(width - GAP - values, max(width // 2, width - GAP - widest)))
    head = (first, tuple(shortened(name, room) for name in names))
    left = max(1, width - GAP - _width(head[1]))
    blocks: list[list[tuple[int, Cells]]] = [[head]]
    for at, (title, *cells) in others:
        if columns[at].right:
            most = min(max(left // 3, LEAST), left)
            column = (at, (shortened(title, max(most, *map(len, cells), 1)), *cells))
        else:
            column = (at, tuple(shortened(cell, left) for cell in (title, *cells)))
        if len(blocks[-1]) > 1 and _wide(dict([*blocks[-1], column])) > width:
            blocks.append([head])
        blocks[-1].append(column)
    return [tuple(block) for block in blocks]
