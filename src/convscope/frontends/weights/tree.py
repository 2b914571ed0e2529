"""Flattening of tensors in dictionaries and lists into rows with dotted names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convscope.budget import about, hold, spend
from convscope.errors import ModelError
from convscope.frontends.weights.pickled import Tensor
from convscope.frontends.weights.result import MAX_NAME, ROW, row, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.frontends.weights.result import WeightRow

MAX_DEPTH = 32
"""The deepest nesting of dictionaries; that of an optimizer is 4."""

_INSIDE, _VISIT, _TENSOR = 8, 3, 12
"""Steps for a dictionary or list, for each value in it, and for a tensor among them. A dictionary that holds another
twice, which holds another twice, is short as a pickle."""


def rows_of(found: Any) -> tuple[WeightRow, ...]:
    """Return the tensors in nested dictionaries and lists; other values are skipped.

    Raises:
        ModelError: the nesting is too deep.
        LimitError: there are too many values for the size of the file.

    >>> kernel = Tensor((8, 1, 3, 3), "float32", 288, ("0", 0, (9, 9, 3, 1)))
    >>> [(row.name, row.same_as) for row in rows_of({"epoch": 3, "net": {"a.weight": kernel, "b.weight": kernel}})]
    [('net.a.weight', ''), ('net.b.weight', 'net.a.weight')]
    """
    first: dict[str, str] = {}  # by text: a file could choose numbers that have one hash, and not texts
    made: list[WeightRow] = []
    for name, tensor in _tensors(found):
        with about(f"tensor {len(made) + 1:,}, {shown(name)}"):
            spend(_TENSOR)
            hold(ROW)
        same = name if 0 in tensor.shape else first.setdefault(repr(tensor), name)  # what is empty shares nothing
        one = row(name, tensor.shape, tensor.dtype, stored=tensor.stored, same_as=same if same != name else "")
        made.append(replace(one, bytes=tensor.stored) if tensor.sparse else one)
    return tuple(made)


def _tensors(found: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors by name, in order."""
    left: list[tuple[str, str | int, int, Any]] = [("", "", 0, found)]
    while left:
        above, key, depth, value = left.pop()
        if not isinstance(value, Tensor | dict | list | tuple):
            continue
        name = _joined(above, key)
        if isinstance(value, Tensor):
            yield name, value
        elif depth > MAX_DEPTH:
            raise ModelError(f"dictionaries are nested more than {MAX_DEPTH} deep")
        else:
            with about(f"{shown(name)}, {len(value):,} values"):
                spend(_INSIDE + _VISIT * len(value))
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            left += [(name, inner, depth + 1, one) for inner, one in reversed(list(pairs))]


def _joined(above: str, key: str | int) -> str:
    text = str(key)
    if len(above) + len(text) > MAX_NAME:  # before it is put together: the same long key may stand in many places
        raise ModelError(f"a name has more than {MAX_NAME:,} characters: {shown(text)}")
    return f"{above}.{text}" if above else text
