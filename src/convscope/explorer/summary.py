"""A document as text: what a terminal shows of an explorer, and a notebook that shows no pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.shape import to_text
from convscope.view.numbers import count_text
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from convscope.explorer.document import Document
    from convscope.explorer.document_net import Layer, Net

COLUMNS = (
    Column("name", widest=40),
    Column("op", widest=60),
    Column("output"),
    Column("params", right=True),
    Column("MACs", right=True),
    Column("RF"),
)


def grid(net: Net) -> Grid:
    """Return a row for each layer."""
    return Grid(COLUMNS, tuple(map(_row, net.layers)))


def _row(layer: Layer) -> tuple[str, ...]:
    field = "x".join(f"{'' if axis.exact else '≤ '}{axis.size:,}" for axis in layer.rf)
    return layer.name, layer.text, to_text(layer.out), _count(layer.params), _count(layer.macs), field or "-"


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def facts(document: Document) -> str:
    """Return the totals in a line."""
    net = document.net
    least = "" if net.totals.exact else "≥ "
    inputs = ", ".join(to_text(one.shape) for one in net.inputs)
    counts = f"{least}{count_text(net.totals.params)} params, {least}{count_text(net.totals.macs)} MACs"
    return f"input {inputs}; {_plural(net.layers, 'layer')}, {counts}; {_plural(document.images, 'image')}"


def _plural(many: tuple[object, ...], word: str) -> str:
    return f"{len(many):,} {word}{'' if len(many) == 1 else 's'}"


def as_text(document: Document) -> str:
    """Return title, totals, the table, and what is left out."""
    left = "".join(f"\n{sentence}" for sentence in document.left_out)
    return f"{document.title}\n{facts(document)}\n\n{grid(document.net).to_text()}{left}"
