"""Tables that are wider than a terminal: what a row is stays readable."""

from __future__ import annotations

import pytest

from convscope.view.parts import Column, Grid

CLASSES = tuple(
    f"{kind} of the {where}"
    for kind in ("Common kingfisher", "Greater flamingo", "Lesser spotted woodpecker")
    for where in ("northern lakes", "southern coast", "islands")
)


def confusion() -> Grid:
    columns = (Column("true"), *(Column(name, right=True) for name in CLASSES), Column("accuracy", right=True))
    counts = ("1,017", *["."] * (len(CLASSES) - 1))
    return Grid(columns, tuple((name, *counts, "98.25 %") for name in CLASSES))


@pytest.mark.parametrize("width", [100, 120])
def test_long_names_of_classes_are_whole_in_front_of_every_row(width: int) -> None:
    rows = confusion().to_text(width).splitlines()
    assert max(map(len, rows)) <= width
    blocks = rows.count("") + 1
    assert blocks > 1
    for name in CLASSES:
        assert sum(row.startswith(name) for row in rows) == blocks


def test_at_80_columns_names_differ_and_values_are_whole() -> None:
    rows = confusion().to_text(80).splitlines()
    assert max(map(len, rows)) <= 80
    first = {row[:40].rstrip() for row in rows[1 : 1 + len(CLASSES)]}
    assert len(first) == len(CLASSES)
    assert len(first & set(CLASSES)) >= 7
    assert rows.count("") <= 4
    assert sum("98.25 %" in row for row in rows) == len(CLASSES)
    assert sum("1,017" in row for row in rows) == len(CLASSES)


def test_text_is_shortened_where_that_is_enough() -> None:
    grid = Grid((Column("layer"), Column("params", right=True)), (("block1/conv/kernel", "1,017"),))
    assert grid.to_text(20).splitlines()[1] == "bloc…/kernel   1,017"


def test_names_without_any_room() -> None:
    rows = confusion().to_text(20).splitlines()
    assert max(map(len, rows)) <= 20
