"""Which channels read which, where channels of one layer see different pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.core.axis import All, Table, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.core.axis import Indices, Relation


def reading(relation: Relation, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The outputs that read any of the inputs in a mask.

    >>> reading(Window(4, kernel=2, stride=2), np.array([True, False, False, False])).tolist()
    [True, False]
    """
    if isinstance(relation, All):
        return np.full(relation.extent, mask.any())
    outputs = np.arange(relation.extent)
    if isinstance(relation, Table):
        first, last = relation.ends(outputs)
        before = np.concatenate([[0], np.cumsum(mask)])
        found: NDArray[np.bool_] = (first <= last) & (before[np.maximum(last, first - 1) + 1] > before[first])
        return found
    if relation == Window(relation.size):
        return mask
    starts = relation.stride * outputs - relation.lo
    taps = starts[:, None] + relation.dilation * np.arange(relation.kernel)
    inside = (taps >= 0) & (taps < relation.size)
    hit: NDArray[np.bool_] = (inside & mask[np.clip(taps, 0, relation.size - 1)]).any(1)
    return hit


def told_apart(rows: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Indices]:
    """The different columns of some rows, in order, and which of them each column is.

    >>> columns, which = told_apart(np.array([[True, False, True], [True, True, True]]))
    >>> columns.T.tolist(), which.tolist()
    ([[False, True], [True, True]], [1, 0, 1])
    """
    number = np.zeros(rows.shape[1], np.intp)
    for at in range(0, len(rows), 32):  # a column as the bits of one number, as many as fit
        some = rows[at : at + 32]
        bits = (1 << np.arange(len(some))[::-1]) @ some
        number = np.unique((number << len(some)) + bits, return_inverse=True)[1]
    _, first, which = np.unique(number, return_index=True, return_inverse=True)
    return rows[:, first], which
