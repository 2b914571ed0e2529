"""A table of a net as a pandas data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.extras import missing_module

if TYPE_CHECKING:
    import pandas as pd

    from convscope.analyze.table import LayerTable

COUNTS = ("params", "frozen", "macs", "activation_bytes", "stored_bytes")
"""Columns of integers, which may be unknown."""

LARGEST = 2**63 - 1
"""The largest integer of a pandas column; a column with a larger one holds Python integers."""


def frame(table: LayerTable) -> pd.DataFrame:
    """Return one row for each layer, with the keys of ``table.to_json()["rows"]`` as columns.

    Lists of per-axis values become tuples, so that a cell can be compared and hashed. Params, MACs and bytes are
    integers (``Int64``), and missing (``<NA>``) if unknown.

    Raises:
        MissingExtraError: pandas is not installed.

    >>> import convscope as cs
    >>> found = frame(cs.read("input 9x9x1, conv 4 3x3, relu").table())
    >>> found[["name", "params", "rf"]].values.tolist()
    [['conv1', 40, (3, 3)], ['relu1', 0, (3, 3)]]
    """
    try:
        import pandas as pd
    except ImportError:
        raise missing_module("pandas") from None
    rows = [{key: _frozen(value) for key, value in row.items()} for row in table.to_json()["rows"]]
    made = pd.DataFrame(rows)
    small = {name: "Int64" for name in COUNTS if all((row[name] or 0) <= LARGEST for row in rows)}
    return made.astype(small if rows else {})


def _frozen(value: Any) -> Any:
    """Convert lists to tuples recursively."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
