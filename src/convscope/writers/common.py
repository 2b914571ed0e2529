"""What the writers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.errors import WriteError

if TYPE_CHECKING:
    from convscope.core.op import Op


def one(values: tuple[Any, ...]) -> Any:
    """A single number where all are the same.

    >>> one((3, 3)), one((1, 3))
    (3, (1, 3))
    """
    return values[0] if len(set(values)) == 1 else values


def evenly(pairs: tuple[tuple[int, int], ...]) -> bool:
    """As much before as behind, along every axis."""
    return all(lo == hi for lo, hi in pairs)


def unwritten(op: Op, language: str, why: str = "") -> WriteError:
    """The error for an op that a language has no words for."""
    reason = why or ("what it computes is unknown" if op.keyword == "opaque" else "")
    return WriteError(f"{op.keyword} has no spelling in {language}" + (f": {reason}" if reason else ""))
