"""Tensors within dictionaries and lists, as rows with dotted names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.weights.pickled import Tensor
from convscope.frontends.weights.result import MAX_NAME, MAX_TENSORS, row, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.frontends.weights.result import WeightRow

MAX_DEPTH = 32
"""Dictionaries in dictionaries; that of an optimizer has 4."""

MAX_VISITS = 4 * MAX_TENSORS
"""Values that are looked at. A dictionary that holds another twice, which holds another twice, is short as a pickle."""


def rows_of(found: Any) -> tuple[WeightRow, ...]:
    """The tensors in nested dictionaries and lists; other values are passed over.

    Raises:
        ModelError: nested too deeply, or too many.

    >>> kernel = Tensor((8, 1, 3, 3), "float32", 288, ("0", 0, (9, 9, 3, 1)))
    >>> [(row.name, row.same_as) for row in rows_of({"epoch": 3, "net": {"a.weight": kernel, "b.weight": kernel}})]
    [('net.a.weight', ''), ('net.b.weight', 'net.a.weight')]
    """
    first: dict[Any, str] = {}
    made = []
    for name, tensor in _tensors(found):
        same = first.setdefault((tensor, 0 in tensor.shape and name), name)  # what is empty shares nothing
        one = row(name, tensor.shape, tensor.dtype, stored=tensor.stored, same_as=same if same != name else "")
        made.append(replace(one, bytes=tensor.stored) if tensor.sparse else one)
        if len(made) > MAX_TENSORS:
            raise ModelError(f"more than {MAX_TENSORS} tensors")
    return tuple(made)


def _tensors(found: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors by name, in order."""
    left: list[tuple[str, str | int, int, Any]] = [("", "", 0, found)]
    for _ in range(MAX_VISITS):
        if not left:
            return
        above, key, depth, value = left.pop()
        if not isinstance(value, Tensor | dict | list | tuple):
            continue
        name = _joined(above, key)
        if isinstance(value, Tensor):
            yield name, value
        elif depth > MAX_DEPTH:
            raise ModelError(f"dictionaries in dictionaries, more than {MAX_DEPTH} deep")
        elif len(left) + len(value) > MAX_VISITS:
            break
        else:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            left += [(name, inner, depth + 1, one) for inner, one in reversed(list(pairs))]
    raise ModelError(f"more than {MAX_VISITS} values")


def _joined(above: str, key: str | int) -> str:
    text = str(key)
    if len(above) + len(text) > MAX_NAME:  # before it is put together: the same long key may stand in many places
        raise ModelError(f"a name of more than {MAX_NAME} characters: {shown(text)}")
    return f"{above}.{text}" if above else text
