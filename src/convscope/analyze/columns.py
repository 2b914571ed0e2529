"""The presentation of a net's table: its columns, and the lines below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.analyze.reach import local_text, pair_text, sizes_text
from convscope.core.shape import to_text
from convscope.errors import unknown
from convscope.inert import inert
from convscope.view.numbers import bytes_text, count_text
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convscope.analyze.cost import Total
    from convscope.analyze.table import LayerTable, Row

NAME = 50
"""The most characters of a name in a terminal; other formats show it in full."""

MOST_OUTPUTS = 6
"""The most outputs that the text names."""

LEAST_SHARE = 0.1
"""The smallest percentage that is printed as a number; smaller ones print as "below" it, since they are not zero."""

HINT = "--wide shows them"


def always(_: LayerTable) -> bool:
    """Return whether the column is in every table."""
    return True


def spatial(table: LayerTable) -> bool:
    """Return whether the input has positions, and layers therefore fields."""
    return len(table.input) > 1


def has_gates(table: LayerTable) -> bool:
    """Return whether gates widen the field of a layer."""
    return spatial(table) and any(row.gated != row.field for row in table.rows)


def has_frozen(table: LayerTable) -> bool:
    """Return whether some parameters are frozen."""
    return any(row.frozen for row in table.rows)


@dataclass(frozen=True)
class Kind:
    """A column of the table.

    Attributes:
        column: its heading.
        cell: returns the cell for the row of a layer.
        when: returns whether a table has the column.
    """

    column: Column
    cell: Callable[[Row, LayerTable], str]
    when: Callable[[LayerTable], bool] = always


def _number(title: str, key: str = "", hide: int = 0) -> Column:
    return Column(title, right=True, key=key, hide=hide)


KINDS = (
    Kind(Column("name", widest=NAME), lambda row, _: row.name),
    Kind(Column("op"), lambda row, _: row.op),
    Kind(Column("output"), lambda row, _: to_text(row.out)),
    Kind(_number("params"), lambda row, _: _count(row, "params", row.params)),
    Kind(_number("%", "params%", hide=2), lambda row, table: _share(row, "params", table.params)),
    Kind(_number("frozen", hide=1), lambda row, _: _count(row, "frozen", row.frozen), has_frozen),
    Kind(_number("stored", hide=1), lambda row, _: _stored(row), lambda table: not table.float32),
    Kind(_number("MACs", "macs"), lambda row, _: _count(row, "macs", row.macs)),
    Kind(_number("%", "macs%", hide=2), lambda row, table: _share(row, "macs", table.macs)),
    Kind(_number("activations", hide=4), lambda row, _: bytes_text(row.activation_bytes)),
    Kind(Column("local", hide=3), lambda row, _: local_text(row.field), spatial),
    Kind(Column("RF", key="rf"), lambda row, _: sizes_text(row.field), spatial),
    Kind(Column("with gates", key="gates", hide=1), lambda row, _: sizes_text(row.gated), has_gates),
    Kind(_number("stride", hide=5), lambda row, _: pair_text(axis.stride for axis in row.field), spatial),
    Kind(_number("start", hide=6), lambda row, _: pair_text(axis.start for axis in row.field), spatial),
    Kind(_number("centre", hide=7), lambda row, _: pair_text(axis.centre for axis in row.field), spatial),
)
"""The columns in order. ``hide`` ranks what a narrow terminal omits: positions, then map sizes, then shares."""

NAMES = tuple(kind.column.name for kind in KINDS)
"""The names of the columns for users."""


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Parse names of columns, in the order given.

    Raises:
        UnknownNameError: there is no such column.

    >>> check_names(["name", "MACs"])
    ('name', 'macs')
    """
    known = {name.lower() for name in NAMES}
    found = tuple(name.strip().lower() for name in names)
    for name in found:
        if name not in known:
            raise unknown("column", name, NAMES, {"field": "rf", "flops": "macs", "shape": "output", "layer": "name"})
    return found


def grid(table: LayerTable) -> Grid:
    """Return the rows with the columns of the table, or with the requested ones."""
    kinds = {kind.column.name: kind for kind in KINDS}
    if table.shown:
        shown = tuple(kinds[name] for name in table.shown)
    else:
        shown = tuple(kind for kind in KINDS if kind.when(table))
    rows = tuple(tuple(kind.cell(row, table) for kind in shown) for row in table.rows)
    return Grid(tuple(kind.column for kind in shown), rows, _costly(table), "" if table.shown else HINT)


def _costly(table: LayerTable) -> frozenset[int]:
    """Return the row with the most multiply-adds or, in a net without any, the most parameters."""
    for values in ([row.macs or 0 for row in table.rows], [row.params or 0 for row in table.rows]):
        if len(values) > 1 and max(values) > 0:
            return frozenset({values.index(max(values))})
    return frozenset()


def _count(row: Row, key: str, value: int | None) -> str:
    return "unknown" if value is None else f"{'≥ ' if key in row.at_least else ''}{value:,}"


def _share(row: Row, key: str, total: Total) -> str:
    """Return the percentage of the total; it is an upper bound if the total has unknown parts.

    A lower bound relative to a lower bound says nothing.
    """
    value: int | None = getattr(row, key)
    if value is None or key in row.at_least:
        return "unknown"
    percent = 100 * value / total.value if value else 0
    share = "0" if not value else f"{percent:.1f}" if percent >= LEAST_SHARE else f"<{LEAST_SHARE}"
    return share if total.exact or not value or percent < LEAST_SHARE else f"≤ {share}"


def _stored(row: Row) -> str:
    bound = "≥ " if "stored_bytes" in row.at_least else ""
    return "unknown" if row.stored_bytes is None else bound + bytes_text(row.stored_bytes)


def totals(table: LayerTable) -> dict[str, str]:
    """Return the totals as texts with their qualifications."""
    sizes = f"{bytes_text(table.activation_bytes)} (float32, batch 1)"
    params = _total(table.params)
    if table.frozen:
        params += f", of which {table.params.value - table.frozen:,} trained and {table.frozen:,} frozen"
    bound = "" if table.stored_bytes.exact else "≥ "
    stored = {} if table.float32 else {"weights as stored": bound + bytes_text(table.stored_bytes.value)}
    flops = f"{'' if table.macs.exact else '≥ '}{count_text(2 * table.macs.value)}"
    return {"params": params, **stored, "MACs": _total(table.macs), "FLOPs": flops, "activations": sizes}


def below(table: LayerTable) -> str:
    """Return the lines below the table."""
    parts = [
        _inputs_text(table),
        *_outputs_text(table),
        _layers_text(table),
        *(f"{name} {value}" for name, value in totals(table).items()),
    ]
    missing = sorted({*table.params.missing, *table.macs.missing})
    without = [f"unknown, so not in the totals: {', '.join(missing)}"] if missing else []
    return "\n".join(map(inert, [" · ".join(parts), *without, *table.notes]))


def _layers_text(table: LayerTable) -> str:
    count = table.layers or len(table.rows)
    text = f"{count:,} layer{'' if count == 1 else 's'}"
    if count == len(table.rows):
        return text
    folded = sum(row.layers for row in table.rows) == count
    return f"{text} in {len(table.rows)} rows" if folded else f"{len(table.rows)} rows shown of {text}"


def _inputs_text(table: LayerTable) -> str:
    if len(table.inputs) < 2:
        return f"input {to_text(table.input)}"
    return f"inputs {', '.join(f'{one.name} {to_text(one.shape)}' for one in table.inputs)} · RF on {table.of}"


def _outputs_text(table: LayerTable) -> list[str]:
    """Return names and sizes of several outputs, at most the first few."""
    few = [f"{one.name} {to_text(shape)}" for one, shape in table.outputs[:MOST_OUTPUTS]]
    more = [f"and {len(table.outputs) - MOST_OUTPUTS} more"] if len(table.outputs) > MOST_OUTPUTS else []
    return [f"outputs {', '.join([*few, *more])}"] if len(table.outputs) > 1 else []


def _total(value: Total) -> str:
    """Return the sum, exact and rounded; a lower bound if parts are unknown."""
    exact = f"{value.value:,}"
    rounded = f" ({count_text(value.value)})" if value.value >= 10_000 else ""
    return f"{'' if value.exact else '≥ '}{exact}{rounded}"
