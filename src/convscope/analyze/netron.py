"""A table of a net as the metrics file that Netron shows beside a model.

Netron (https://github.com/lutzroeder/netron) shows numbers of its own, such as parameters, under "Metrics" in the
sidebar of a model, a node or a tensor. From version 8.3 on it takes more of them from a file that is opened, or dropped
on its window, while the model is open. The name of the file ends in ``.json``, and it holds::

    {"signature": "netron:attachment",
     "metadata": [{"kind": "node", "target": "conv1", "name": "op", "value": "conv 8 3x3"}, ...],
     "metrics": [{"kind": "model", "target": "", "name": "MACs", "value": "97,344"}, ...]}

``kind`` is model, graph, node, value or tensor; ``target`` is the name of the node as Netron shows it, empty for the
whole model. A layer of a model that was read from a file has the name of its first operation there; layers of one
operation have one entry together, and those without an operation of a name have none. An entry for a name that the
model does not have is not shown. Of two entries of one name the last counts,
and ours for ``parameters`` stands in place of Netron's own, which counts every stored number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convscope.analyze.table import LayerTable, Row

SIGNATURE = "netron:attachment"

TITLES = {"params": "parameters", "RF": "receptive field", "local": "local field", "with gates": "field with gates"}
"""Headings of the table that say too little in a sidebar, and what stands there instead."""


def attachment(table: LayerTable, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What stands in the table, for each layer and in total, as Netron reads it.

    Args:
        table: of the net that the model holds.
        names: what the model calls a layer, for layers that have another name there; Netron finds a node by its name.

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
    """Rows by the names that the model has for them, those of one name in one."""
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
    """Two layers of one operation: costs added, the position of the second."""
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
    """The sum of two numbers; unknown where one of them is."""
    return None if first is None or second is None else first + second


def _entry(kind: str, target: str, name: str, value: str) -> dict[str, str]:
    return {"kind": kind, "target": target, "name": name, "value": value}
