"""Sets of indices as runs of neighbours; the memory depends on the number of runs and not on that of indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import hold, spend

if TYPE_CHECKING:
    from convscope.core.axis import Indices

FEW = 1024
"""Number of runs that take no more than any layer takes."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Indices ``start .. stop - 1`` of each run, in ascending order; runs neither touch nor overlap.

    Attributes:
        starts: the first index of each run.
        stops: the index after each run.

    >>> runs_of(np.array([4, 0, 2]), np.array([6, 3, 4])), Runs.whole(3).listed().tolist()
    (Runs(0-5), [0, 1, 2])
    """

    starts: Indices
    stops: Indices

    @classmethod
    def whole(cls, size: int) -> Runs:
        """Return all indices of an axis."""
        return cls(np.array([0]), np.array([size])) if size > 0 else NO_RUNS

    def __bool__(self) -> bool:
        return len(self.starts) > 0

    def __repr__(self) -> str:
        pairs = zip(self.starts.tolist(), (self.stops - 1).tolist(), strict=True)
        return f"Runs({'.'.join(f'{first}-{last}' if first < last else str(first) for first, last in pairs)})"

    def covers(self, size: int) -> bool:
        """Return whether these are all indices of a non-empty axis, and no others."""
        return len(self.starts) == 1 and self.starts[0] == 0 and self.stops[0] == size

    @property
    def count(self) -> int:
        """The number of indices."""
        return int((self.stops - self.starts).sum())

    def listed(self) -> Indices:
        """Return the indices one by one.

        Raises:
            LimitError: there are too many.
        """
        spend(0, elements=4 * self.count)
        lengths = self.stops - self.starts
        ends = np.cumsum(lengths)
        found: Indices = np.arange(self.count) + np.repeat(self.starts - (ends - lengths), lengths)
        return found

    def within(self, size: int) -> Runs:
        """Return the indices from 0 up to a size."""
        starts, stops = np.maximum(self.starts, 0), np.minimum(self.stops, size)
        return Runs(starts[starts < stops], stops[starts < stops])


NO_RUNS = Runs(np.arange(0), np.arange(0))


def runs_of(starts: Indices, stops: Indices) -> Runs:
    """Normalise runs in any order that may overlap; runs that end before they begin are left out."""
    some = starts < stops
    order = np.argsort(starts[some], kind="stable")
    starts, stops = starts[some][order], np.maximum.accumulate(stops[some][order]) if some.any() else stops[some]
    opens = np.flatnonzero(np.concatenate([[True], starts[1:] > stops[:-1]])) if len(starts) else np.arange(0)
    if len(opens) > FEW:
        hold(16 * len(opens))
    return Runs(starts[opens], stops[np.append(opens[1:] - 1, len(stops) - 1)] if len(opens) else stops)


def runs_in(indices: Indices) -> Runs:
    """Convert sorted indices without repeats to runs.

    >>> runs_in(np.array([0, 1, 5]))
    Runs(0-1.5)
    """
    if not len(indices):
        return NO_RUNS
    opens = np.flatnonzero(np.concatenate([[True], np.diff(indices) > 1]))
    if len(opens) > FEW:
        hold(16 * len(opens))
    return Runs(indices[opens], indices[np.append(opens[1:] - 1, len(indices) - 1)] + 1)


def progressions(starts: Indices, counts: Indices, step: int, size: int | None = None) -> Indices:
    """Return the distinct numbers ``start + step*j``, ``0 <= j < count``, of many progressions, sorted.

    Args:
        starts: first numbers.
        counts: number of terms of each.
        step: difference between neighbours.
        size: if given, only numbers from 0 up to it are returned.

    >>> progressions(np.array([0, 2, 3]), np.array([3, 2, 1]), 2).tolist()
    [0, 2, 3, 4]
    """
    if size is not None:
        skipped = np.maximum(0, -(starts // step))
        starts, counts = starts + step * skipped, counts - skipped
        counts = np.minimum(counts, np.maximum(0, -(-(size - starts) // step)))
    some = counts > 0
    starts, counts = starts[some], counts[some]
    spend(0, elements=16 * len(starts))
    if step == 1 or not len(starts):
        return runs_of(starts, starts + counts).listed()
    turn, rest = np.divmod(starts, step)
    turns = int((turn + counts).max()) - int(turn.min()) + 2  # so that different remainders do not touch
    at = turn - turn.min() + rest * turns
    found = runs_of(at, at + counts)
    spend(0, elements=16 * found.count)
    rest, turn = np.divmod(found.listed(), turns)
    return np.sort((turn + int((starts // step).min())) * step + rest)
