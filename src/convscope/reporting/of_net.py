"""The sections about a net in a report: notation, costs, layers, checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.memory import memory
from convscope.analyze.table import layer_table
from convscope.checks.gate import check
from convscope.diagram.drawing import figure_of
from convscope.inert import in_html
from convscope.reporting.page import Section
from convscope.view.figure import Figure
from convscope.view.layout import Down
from convscope.view.numbers import bytes_text, count_text
from convscope.view.parts import text_html
from convscope.view.ribbon import Names, Ribbon

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.net import Net

MOST = 120
"""The largest number of layers that a ribbon shows one by one."""


def net_facts(net: Net) -> tuple[tuple[str, str], ...]:
    """Return names and values."""
    totals = layer_table(net).totals()
    return (
        ("params", totals["params"]),
        ("MACs", totals["MACs"]),
        ("memory, inference", bytes_text(memory(net).inference)),
    )


def net_sections(net: Net) -> tuple[Section, ...]:
    """Return the sections in order."""
    checked = check(net)
    return (
        Section("The net", f"{figure_of(net).to_html()}<pre>{in_html(str(net))}</pre>{ribbons(net).to_html()}"),
        Section("Layers", layer_table(net).to_html(), "Shapes, parameters, multiply-adds, memory and receptive field."),
        Section("Checks", text_html(str(checked))),
    )


def ribbons(net: Net) -> Figure:
    """Draw params, MACs and activations by layer; layers of very deep nets are grouped."""
    rows = layer_table(net).rows
    each = -(-len(rows) // MOST)
    groups = [rows[at : at + each] for at in range(0, len(rows), each)]
    names = tuple(group[0].name for group in groups)
    kinds: tuple[tuple[str, list[list[int | None]], Callable[[float], str]], ...] = (
        ("params", [[row.params for row in group] for group in groups], count_text),
        ("MACs", [[row.macs for row in group] for group in groups], count_text),
        ("activations", [[row.activation_bytes for row in group] for group in groups], bytes_text),
    )
    drawn = tuple(_ribbon(kind, values, words, at) for at, (kind, values, words) in enumerate(kinds))
    unknown = [row.name for row in rows if row.params is None or row.macs is None]
    notes = [f"each position stands for {each} layers"] if each > 1 else []
    notes += (
        [f"unknown, and therefore not drawn: {', '.join(unknown[:6])}{' …' if len(unknown) > 6 else ''}"]
        if unknown
        else []
    )
    return Figure("Costs", Down((*drawn, Names(names)), gap=4), "\n".join(notes))


def _ribbon(kind: str, values: list[list[int | None]], words: Callable[[float], str], colour: int) -> Ribbon:
    """Draw one cost; unknown parts of a group are left out of its sum."""
    sums = [float(sum(value or 0 for value in group)) for group in values]
    return Ribbon(f"{kind} of each layer", tuple(sums), tuple(map(words, sums)), colour=colour)
