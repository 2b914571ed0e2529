"""Tracking of channels in layers whose channels see different pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import for_now, spend
from convscope.core.axis import All, Table, Window
from convscope.core.runs import NO_RUNS, Runs, runs_in, runs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.core.axis import Indices, Relation


def reading(relation: Relation, mask: Runs) -> Runs:
    """Return the outputs that read any of some inputs.

    >>> reading(Window(4, kernel=2, stride=2), Runs.whole(1))
    Runs(0)
    """
    if not mask or isinstance(relation, All):
        return Runs.whole(relation.extent) if mask else NO_RUNS
    if isinstance(relation, Table):
        return _by_blocks(relation, mask) if relation.blocks else _by_ends(relation, mask)
    if relation == Window(relation.size):
        return mask
    joined = relation.kernel >= relation.up and (relation.dilation == 1 or relation.kernel == 1)
    if joined and relation.edge == "zero":
        return _by_windows(relation, mask)
    return _by_taps(relation, mask)


def _by_blocks(table: Table, mask: Runs) -> Runs:
    """Return outputs in blocks of equal reads: from the first block that reaches a run up to the last one."""
    assert table.blocks
    outputs, inputs, shift = table.blocks
    first = -(-(mask.starts - table.width + 1 - shift) // inputs)
    last = (mask.stops - 1 - shift) // inputs
    return runs_of(first * outputs, (last + 1) * outputs).within(table.extent)


def _by_ends(table: Table, mask: Runs) -> Runs:
    """Return outputs of a table, examined one by one."""
    spend(0, elements=16 * table.extent)
    with for_now(64 * table.extent):
        first, last = table.ends(np.arange(table.extent))
        at = np.searchsorted(mask.stops, first, side="right")  # the first run that ends after the first index
        starts = np.append(mask.starts, np.iinfo(np.intp).max)
        return runs_in(np.flatnonzero((first <= last) & (starts[at] <= last)))


def _by_windows(window: Window, mask: Runs) -> Runs:
    """Return outputs whose windows meet a run, for dense windows or single taps."""
    low, high = mask.starts * window.up, (mask.stops - 1) * window.up
    first = -(-(low - window.kernel + 1 + window.lo) // window.stride)
    last = (high + window.lo) // window.stride
    return runs_of(first, last + 1).within(window.extent)


def _by_taps(window: Window, mask: Runs) -> Runs:
    """Return outputs of any window, examined tap by tap."""
    spend(4 * window.kernel, elements=16 * window.kernel * window.extent)
    with for_now(40 * window.extent):
        return runs_in(np.flatnonzero(_hit(window, mask)))


def _hit(window: Window, mask: Runs) -> NDArray[np.bool_]:
    outputs = np.arange(window.extent)
    hit = np.zeros(window.extent, np.bool_)
    starts = np.append(mask.starts, np.iinfo(np.intp).max)
    for tap in range(window.kernel):
        at = window.stride * outputs - window.lo + window.dilation * tap
        read = at // window.up
        hit |= (at % window.up == 0) & (starts[np.searchsorted(mask.stops, read, side="right")] <= read)
    return hit


def told_apart(rows: Sequence[Runs], size: int) -> list[tuple[tuple[bool, ...], Runs]]:
    """Return the distinct columns of some rows, in order, and the indices of each.

    >>> told_apart([runs_in(np.array([0, 2])), Runs.whole(3)], 3)
    [((False, True), Runs(1)), ((True, True), Runs(0.2))]
    """
    if all(one.covers(size) for one in rows):
        return [((True,) * len(rows), Runs.whole(size))]
    bounds = np.unique(np.concatenate([[0, size], *(one.starts for one in rows), *(one.stops for one in rows)]))
    spend(0, elements=8 * len(bounds) * len(rows))
    on = np.stack([_covers(one, bounds[:-1]) for one in rows])
    kinds, which = columns(on)
    starts, stops = bounds[:-1], bounds[1:]
    return [
        (tuple(kind), runs_of(starts[which == number], stops[which == number]))
        for number, kind in enumerate(kinds.T.tolist())
    ]


def _covers(runs: Runs, positions: Indices) -> NDArray[np.bool_]:
    """Return whether positions lie in some run."""
    starts = np.append(runs.starts, np.iinfo(np.intp).max)
    found: NDArray[np.bool_] = starts[np.searchsorted(runs.stops, positions, side="right")] <= positions
    return found


def columns(rows: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Indices]:
    """Return the distinct columns of some rows, in order, and the number of each column among them.

    >>> found, which = columns(np.array([[True, False, True], [True, True, True]]))
    >>> found.T.tolist(), which.tolist()
    ([[False, True], [True, True]], [1, 0, 1])
    """
    number = np.zeros(rows.shape[1], np.intp)
    for at in range(0, len(rows), 32):  # as many bits of a column as fit into one number
        some = rows[at : at + 32]
        bits = (1 << np.arange(len(some))[::-1]) @ some
        number = np.unique((number << len(some)) + bits, return_inverse=True)[1]
    _, first, which = np.unique(number, return_index=True, return_inverse=True)
    return rows[:, first], which
