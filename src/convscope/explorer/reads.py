"""The reads of a net as plain data, each distinct one once.

Tables are functions, since a flattened map has millions of outputs. What repeats regularly becomes ``blocks``, which is
exact and short; the rest is listed up to a length, and beyond that an upper bound that is marked as one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from convscope.core import axis
from convscope.explorer.document_reads import All, Blocks, Read, Table, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from convscope.core.axis import Read as Given

LISTED = 2**14
"""The most outputs of a table that is listed."""

COMPARED = 2**21
"""The most outputs of a table that is examined for repetition."""


@dataclass
class Reads:
    """Collects reads; equal ones get the same index.

    >>> from convscope.core.axis import Read, Window
    >>> reads = Reads()
    >>> reads.add([Read(0, Window(8)), Read(1, Window(8)), Read(0, Window(8))])
    (0, 1, 0)
    """

    found: list[Read] = field(default_factory=list)
    places: dict[Read, int] = field(default_factory=dict)
    known: dict[int, tuple[Given, int]] = field(default_factory=dict)

    def add(self, reads: Iterable[Given]) -> tuple[int, ...]:
        """Return the index of each read."""
        return tuple(map(self._place, reads))

    def _place(self, given: Given) -> int:
        if id(given) in self.known:  # blocks repeat, and what is fitted once is one object
            return self.known[id(given)][1]
        made = plain(given)
        place = self.places.setdefault(made, len(self.found))
        if place == len(self.found):
            self.found.append(made)
        self.known[id(given)] = given, place
        return place


def plain(given: Given) -> Read:
    """Return a read as data.

    >>> from convscope.core.axis import Read, Window
    >>> plain(Read(1, Window(28, kernel=3, lo=1, hi=1))).edge
    'zero'
    """
    follows, relation = given.follows, given.relation
    if isinstance(relation, axis.Window):
        w = relation
        return Window(
            follows=follows, size=w.size, kernel=w.kernel, stride=w.stride, dilation=w.dilation, lo=w.lo, hi=w.hi,
            up=w.up, edge=w.edge,  # type: ignore[arg-type] # one of the words that the ops use
        )  # fmt: skip
    if isinstance(relation, axis.All):
        return All(follows=follows, size=relation.size, extent=relation.extent, bound=False)
    return _table(follows, relation)


def _table(follows: int, table: axis.Table) -> Read:
    """Return a table as blocks if it repeats, else as a list, else as an upper bound."""
    if table.blocks:
        run, step, shift = table.blocks
        return _blocks(follows, table, run=run, turn=None, step=step, shift=shift, width=table.width)
    if table.extent > COMPARED:
        return All(follows=follows, size=table.size, extent=table.extent, bound=True)
    first, last = table.ends(np.arange(table.extent))
    if table.edge == "clamp":
        first, last = np.clip(first, 0, table.size - 1), np.clip(last, 0, table.size - 1)
    first, last = np.maximum(first, 0), np.minimum(last, table.size - 1)
    repeated = _repetition(first)
    width = int(last[0] - first[0]) + 1
    if repeated and width > 0 and np.array_equal(last, first + (width - 1)):
        run, turn, step = repeated
        return _blocks(follows, table, run=run, turn=turn, step=step, shift=int(first[0]), width=width)
    if table.extent > LISTED:
        return All(follows=follows, size=table.size, extent=table.extent, bound=True)
    return Table(
        follows=follows, size=table.size, extent=table.extent, first=tuple(first.tolist()), last=tuple(last.tolist())
    )


def _blocks(  # noqa: PLR0913 -- the numbers of a repetition
    follows: int, table: axis.Table, *, run: int, turn: int | None, step: int, shift: int, width: int
) -> Blocks:
    return Blocks(
        follows=follows, size=table.size, extent=table.extent, run=run, turn=turn, step=step, shift=shift, width=width
    )


def _repetition(first: NDArray[np.intp]) -> tuple[int, int | None, int] | None:
    """Return run, turn and step if ``first`` is ``o // run % turn * step + first[0]`` for every output ``o``.

    >>> _repetition(np.array([0, 0, 2, 2, 0, 0, 2, 2])), _repetition(np.array([0, 1, 3]))
    ((2, 2, 2), None)
    """
    changed = np.flatnonzero(first != first[0])
    if not len(changed):
        return len(first), None, 0
    run = int(changed[0])
    step = int(first[run] - first[0])
    again = np.flatnonzero(first[run:] == first[0])
    turn = (run + int(again[0])) // run if len(again) else None
    at = np.arange(len(first)) // run
    made = (at if turn is None else at % turn) * step + first[0]
    return (run, turn, step) if np.array_equal(made, first) else None
