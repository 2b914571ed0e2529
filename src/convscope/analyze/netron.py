"""A table of a net as a metrics file for Netron.

Netron (https://github.com/lutzroeder/netron) shows its own metrics, such as parameters, under "Metrics" in the sidebar
of a model, a node or a tensor. Since version 8.3, it adds metrics from a file that is opened, or dropped on its window,
while the model is open. The name of the file ends in ``.json``, and it contains::

    {"signature": "netron:attachment",
     "metadata": [{"kind": "node", "target": "conv1", "name": "op", "value": "conv 8 3x3"}, ...],
     "metrics": [{"kind": "model", "target": "", "name": "MACs", "value": "97,344"}, ...]}

``kind`` is model, graph, node, value or tensor; ``target`` is the name of the node as Netron shows it, empty for the
whole model. A layer of a model that was read from a file has the name of its first operation there; layers of one
operation share one entry, and layers without a named operation have none. Entries for names that the model lacks are
not shown. The last of several entries for a name counts, so ours for ``parameters`` replaces Netron's own, which counts
every stored value.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convscope.analyze.table import LayerTable, Row

SIGNATURE = "netron:attachment"

TITLES = {"params": "parameters", "RF": "receptive field", "local": "local field", "with gates": "field with gates"}
"""Headings of the table that are too short for a sidebar, with their replacements."""


def attachment(table: LayerTable, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Write the table, by layer and in total, for Netron.

    Args:
        table: table of the net in the model.
        names: the model's names of layers that have another name there; Netron finds a node by its name.

    >>> import convscope as cs
    >>> made = attachment(cs.read("input 9x9x1, conv 4 3x3").table())
    >>> made["signature"], made["metrics"][-1]["target"]
    ('netron:attachment', 'conv1')
    >>> [f"{entry['name']} {entry['value']}" for entry in made["metrics"] if entry["target"] == "conv1"][:2]
    ['parameters 40', 'MACs 1,764']
    """
    grid = replace(table, rows=_by_operation(table.rows, names or {}), shown=()).grid()
    titles = [TITLES.get(column.title, column.title) for column in grid.columns]
    layers = [dict(zip(titles, row, strict=True)) for row in grid.rows]
    metrics = [_entry("model", "", TITLES.get(name, name), value) for name, value in table.totals().items()]
    for layer in layers:
        numbers = {title: cell for title, cell in layer.items() if title not in {"name", "op", "output", "%"}}
        metrics += [_entry("node", layer["name"], title, cell) for title, cell in numbers.items()]
    return {
        "signature": SIGNATURE,
        "metadata": [
            _entry("node", layer["name"], title, layer[title]) for layer in layers for title in ("op", "output")
        ],
        "metrics": metrics,
    }


def _by_operation(rows: Iterable[Row], names: Mapping[str, str]) -> tuple[Row, ...]:
    """Group rows by their names in the model, merging rows of one name."""
    every = list(rows)
    from_file = any(row.sources for row in every)
    found: dict[str, Row] = {}
    for row in every:
        own = next(iter(row.sources), "") if from_file else row.name
        name = names.get(row.name, own)
        if name:
            found[name] = _together(found[name], row) if name in found else replace(row, name=name)
    return tuple(found.values())


def _together(first: Row, second: Row) -> Row:
    """Merge two layers of one operation: add the costs, keep the position of the second."""
    return replace(
        second,
        name=first.name,
        op=f"{first.op}, {second.op}",
        params=_sum(first.params, second.params),
        frozen=_sum(first.frozen, second.frozen),
        stored_bytes=_sum(first.stored_bytes, second.stored_bytes),
        macs=_sum(first.macs, second.macs),
        activation_bytes=first.activation_bytes + second.activation_bytes,
    )


def _sum(first: int | None, second: int | None) -> int | None:
    """Add two numbers; the sum is unknown if either is."""
    return None if first is None or second is None else first + second


def _entry(kind: str, target: str, name: str, value: str) -> dict[str, str]:
    return {"kind": kind, "target": target, "name": name, "value": value}
