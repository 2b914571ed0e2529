"""Tables with fewer rows: layers folded into modules, rows sorted by cost, the first few rows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from convscope.errors import FieldError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convscope.analyze.table import LayerTable, Row

_PARTS = re.compile(r"[./]")
"""Separators in names of modules: a dot in torch and our notation, a slash in ONNX and Keras."""

KEYS = {"params": "params", "macs": "macs", "activations": "activation_bytes", "stored": "stored_bytes"}
"""The keys for sorting rows, with the attribute of a row."""


def folded(table: LayerTable, depth: int) -> LayerTable:
    """Return one row for each module, named by the first ``depth`` parts of its layers' names.

    Costs are sums, which are lower bounds if a part is unknown; output and receptive field are those of the last layer.
    Rows are in the order of their first layers.

    Raises:
        FieldError: ``depth`` is less than 1.
    """
    if depth < 1:
        raise FieldError(f"depth={depth} leaves no row", expected="at least 1")
    groups: dict[str, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(_module(row.name, depth), []).append(row)
    return replace(table, rows=tuple(_joined(name, rows) for name, rows in groups.items()))


def _module(name: str, depth: int) -> str:
    """Return the first parts of a name.

    >>> _module("layer1.0.conv1", 2), _module("/layer1/0/conv1/Conv", 1), _module("conv1", 3)
    ('layer1.0', '/layer1', 'conv1')
    """
    ends = [found.start() for found in _PARTS.finditer(name) if found.start()]
    return name[: ends[depth - 1]] if len(ends) >= depth else name


def _joined(name: str, rows: Sequence[Row]) -> Row:
    last = rows[-1]
    if len(rows) == 1:
        return replace(last, layers=last.layers or 1)
    params, frozen, stored, macs = (
        _sum(getattr(row, key) for row in rows) for key in ("params", "frozen", "stored_bytes", "macs")
    )
    count = sum(row.layers or 1 for row in rows)
    bounds = {"params": params, "frozen": frozen, "stored_bytes": stored, "macs": macs}
    partly = {key for key, (value, exact) in bounds.items() if value is not None and not exact}
    return replace(
        last,
        name=name,
        op=f"{count} layers",
        params=params[0],
        frozen=frozen[0],
        stored_bytes=stored[0],
        macs=macs[0],
        activation_bytes=sum(row.activation_bytes for row in rows),
        field=tuple(replace(axis, local=None) for axis in last.field),
        sources=tuple(source for row in rows for source in row.sources),
        layers=count,
        at_least=frozenset(partly.union(*(row.at_least for row in rows))),
    )


def _sum(values: Iterable[int | None]) -> tuple[int | None, bool]:
    """Return the sum of known values, or None without any, and whether all are known.

    >>> _sum([1, 2]), _sum([1, None]), _sum([None])
    ((3, True), (1, False), (None, False))
    """
    every = list(values)
    known = [value for value in every if value is not None]
    return (sum(known) if known else None), len(known) == len(every)


def ordered(table: LayerTable, key: str) -> LayerTable:
    """Sort rows by cost, largest first; unknown costs come before all others, since they may be of any size.

    Raises:
        UnknownNameError: rows have no such cost.
    """
    if key.lower() not in KEYS:
        raise unknown("cost", key, KEYS)
    attribute = KEYS[key.lower()]

    def size(row: Row) -> tuple[bool, int]:
        value = getattr(row, attribute)
        return (value is not None, -(value or 0))

    return replace(table, rows=tuple(sorted(table.rows, key=size)))


def first(table: LayerTable, count: int) -> LayerTable:
    """Return the first rows.

    Raises:
        FieldError: ``count`` is less than 1.
    """
    if count < 1:
        raise FieldError(f"the first {count} rows are none", expected="at least 1")
    return replace(table, rows=table.rows[:count])
