"""Nested results: from the paths of outputs to a tuple, a list or a dict of anything."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from convscope.core.graph import is_position

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.core.graph import Output

_T = TypeVar("_T")


def fold(
    outputs: Sequence[Output], leaf: Callable[[Output], _T], join: Callable[[str, dict[str, _T]], _T], depth: int = 0
) -> _T:
    """Assemble a representation of all outputs from those of each.

    Args:
        outputs: in order; those of one tuple, list or dict are adjacent.
        leaf: represents one output.
        join: represents several, given ``tuple``, ``list`` or ``dict`` and the entries by their steps.
        depth: number of steps of the paths that are already handled.

    >>> from convscope.core.graph import Output
    >>> outputs = (Output("a", ("cls",)), Output("b", ("box", 0)), Output("c", ("box", 1)))
    >>> fold(outputs, lambda one: one.node, lambda kind, inside: f"{kind}({', '.join(inside.values())})")
    'dict(a, tuple(b, c))'
    """
    first = outputs[0]
    if len(first.path) == depth:
        return leaf(first)
    step = first.path[depth]
    kind = "tuple" if isinstance(step, int) else "list" if is_position(step) else "dict"
    groups = ((str(key), list(group)) for key, group in groupby(outputs, lambda one: one.path[depth]))
    return join(kind, {key: fold(group, leaf, join, depth + 1) for key, group in groups})
