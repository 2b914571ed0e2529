"""The weights of the positions of a layer, stored only if not zero, and once for positions of equal weight.

Along each axis, channels included, the positions of the window are sorted into *kinds*: positions of one kind have
equal weight, whatever the position along the other axes. The weights are an array over the kinds. So the cost of a unit
depends on its field and not on the size of the image, and a global pooling, after which all positions are of one kind,
costs almost nothing.

Input positions are of one kind if the sums of random 64-bit keys over the outputs that read them are equal, with one
key for each kind of output. The generator is fixed; the probability that two of a million kinds get equal sums is 3e-8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from convscope.analyze.gathered import gathered, keys_of
from convscope.analyze.shares import columns
from convscope.budget import for_now, spend
from convscope.core.axis import EMPTY_EDGES, All, Table, Window, beyond_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from convscope.core.axis import Indices, Relation

    Weights = NDArray[np.float64]
    Keys = NDArray[np.uint64]
    Tap = tuple[Indices, NDArray[np.bool_]]

MANY_OUTPUTS = 2**16
"""Length from which an axis that is passed on unchanged is not examined."""

MANY_POSITIONS = 2**24
"""The most taps that are followed one by one; more are followed by their ends."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """The positions ``start, start + 1, …`` of an axis that have a weight, with their kinds.

    Attributes:
        start: first position.
        of: kind of each position, from 0; positions outside the window have no weight.
    """

    start: int
    of: Indices

    @classmethod
    def one(cls, first: int, last: int) -> Kinds:
        """Return a window from first to last, inclusive, of one kind; it takes no memory."""
        return cls(first, np.broadcast_to(np.intp(0), last - first + 1))

    @classmethod
    def each(cls, start: int, count: int) -> Kinds:
        """Whether every position is a kind of its own."""
        return cls(start, np.arange(count))

    @property
    def stop(self) -> int:
        """The position after the last one."""
        return self.start + len(self.of)

    def positions(self) -> Indices:
        """Return the positions.

        Raises:
            LimitError: there are too many.
        """
        spend(0, elements=16 * len(self.of))
        with for_now(64 * len(self.of)):
            return np.arange(self.start, self.stop)

    def counts(self, kinds: int) -> Weights:
        """The number of positions of each kind."""
        if kinds == 1:
            return np.array([float(len(self.of))])
        return np.bincount(self.of, minlength=kinds).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Spread:
    """The weights of the positions of a layer.

    Attributes:
        axes: channels first.
        weight: weight of one position, by its kind along each axis.
    """

    axes: tuple[Kinds, ...]
    weight: Weights

    @classmethod
    def even(cls, ends: Sequence[tuple[int, int]]) -> Spread:
        """Distribute a weight of 1 equally over the positions from first to last along each axis."""
        count = math.prod(last - first + 1 for first, last in ends)
        return cls(tuple(Kinds.one(*pair) for pair in ends), np.full((1,) * len(ends), 1 / count))

    def counts(self, axis: int) -> Weights:
        """Return the number of positions of each kind along an axis, shaped for broadcasting."""
        return self.axes[axis].counts(self.weight.shape[axis])

    def total(self) -> float:
        """Return the sum over all positions."""
        return float(self.summed(range(len(self.axes))))

    def summed(self, axes: Iterable[int]) -> Weights:
        """Return the sums over positions along some axes, by the kinds along the others."""
        found = self.weight
        for axis in sorted(axes, reverse=True):
            found = np.tensordot(found, self.counts(axis), (axis, 0))
        return found

    def dense(self, axis: int) -> Spread:
        """Return the same weights with every position along one axis as a kind of its own."""
        kinds = self.axes[axis]
        kinds.positions()
        return self.along(axis, Kinds.each(kinds.start, len(kinds.of)), np.take(self.weight, kinds.of, axis))

    def along(self, axis: int, kinds: Kinds, weight: Weights) -> Spread:
        """Return the weights with other kinds along one axis."""
        return Spread((*self.axes[:axis], kinds, *self.axes[axis + 1 :]), weight)


def added(a: Spread, b: Spread) -> Spread:
    """Add weights of one layer."""
    sides = [a.weight, b.weight]
    axes = []
    for axis, pair in enumerate(zip(a.axes, b.axes, strict=True)):
        if pair[0] is pair[1]:
            axes.append(pair[0])
            continue
        kinds, picks = _joint(*pair, tuple(side.shape[axis] for side in sides))
        axes.append(kinds)
        sides = [_picked(side, axis, pick) for side, pick in zip(sides, picks, strict=True)]
    return Spread(tuple(axes), sides[0] + sides[1])


def _joint(a: Kinds, b: Kinds, counts: tuple[int, ...]) -> tuple[Kinds, tuple[Indices, Indices]]:
    """Return common kinds of two windows and, for each, its kind on either side, or the number of kinds for none."""
    if counts == (1, 1) and (a.start, a.stop) == (b.start, b.stop):
        return a, (np.zeros(1, np.intp), np.zeros(1, np.intp))
    start, stop = min(a.start, b.start), max(a.stop, b.stop)
    spend(0, elements=64 * (stop - start))
    with for_now(64 * (stop - start)):
        sides = []
        for side, count in zip((a, b), counts, strict=True):
            whole = np.full(stop - start, count)
            whole[side.start - start : side.stop - start] = side.of
            sides.append(whole)
        of, first = _numbered(sides[0] * (counts[1] + 1) + sides[1])
        return Kinds(start, of), (sides[0][first], sides[1][first])


def _numbered(keys: NDArray[np.integer]) -> tuple[Indices, Indices]:
    """Return the kind of each position by its key, and a position of each kind; in order if all keys differ."""
    values, first, of = np.unique(keys, return_index=True, return_inverse=True)
    if len(values) == len(keys):
        every = np.arange(len(keys))
        return every, every
    return of, first


def _picked(weight: Weights, axis: int, pick: Indices) -> Weights:
    """Return weights of kinds, zero beyond the last."""
    beyond = pick == weight.shape[axis]
    found: Weights = np.take(weight, np.where(beyond, 0, pick), axis)
    if beyond.any():
        found[(slice(None),) * axis + (beyond,)] = 0
    return found


def split(spread: Spread, axis: int, marks: NDArray[np.bool_]) -> tuple[Spread, NDArray[np.bool_]]:
    """Refine kinds so that they distinguish marked positions (a row of marks each); also return the marks by kind."""
    kinds = spread.axes[axis]
    apart, which = columns(marks.T)
    of, first = _numbered(kinds.of * apart.shape[1] + which)
    return spread.along(axis, Kinds(kinds.start, of), np.take(spread.weight, kinds.of[first], axis)), marks[first]


def taps(relation: Window | Table, outputs: Indices) -> Iterator[Tap]:
    """Yield, for each tap, the input index of each output and whether it is read at all."""
    if isinstance(relation, Window):
        start = relation.stride * outputs - relation.lo
        first, step = relation.hits(start)
        for more in range(0, relation.kernel, step):
            at = start + relation.dilation * (first + more)
            read, inside = beyond_each(at // relation.up, relation.size, relation.edge)
            yield read, inside & (first >= 0) & (first + more < relation.kernel)
        return
    first, last = relation.ends(outputs)
    for step in range(int((last - first).max(initial=-1)) + 1):
        read, inside = beyond_each(first + step, relation.size, relation.edge)
        yield read, inside & (first + step <= last)


def widths(relation: Window | Table, outputs: Indices) -> Weights:
    """Return how many positions each output reads, those beyond the borders included, to divide its weight by."""
    if isinstance(relation, Table):
        first, last = relation.ends(outputs)
        return np.asarray(np.maximum(1, last - first + 1), dtype=np.float64)
    if relation.up == 1:
        return np.full(len(outputs), float(relation.kernel))
    first, step = relation.hits(relation.stride * outputs - relation.lo)
    return np.where(first < 0, 1.0, (relation.kernel - 1 - first) // step + 1.0)


def reads_some(relation: Relation, kinds: Kinds) -> NDArray[np.bool_] | None:
    """Return the positions of a window that read anything; None for all."""
    if isinstance(relation, All) or relation == Window(relation.size):
        return None
    outputs = kinds.positions()
    if isinstance(relation, Table) and relation.edge in EMPTY_EDGES:
        first, last = relation.ends(outputs)
        found = (first <= last) & (first < relation.size) & (last >= 0)
    else:
        found = np.zeros(len(outputs), np.bool_)
        for _, inside in taps(relation, outputs):
            found |= inside
    return None if found.all() else found


def handed_back(spread: Spread, axis: int, relation: Relation) -> Spread | None:
    """Map the weights along one axis of a layer to the input positions that it reads; None if all weight is lost."""
    if relation == Window(relation.size) or _renumbers(spread.axes[axis], relation):
        return spread
    if isinstance(relation, All):
        total = np.expand_dims(spread.summed([axis]), axis) / relation.size
        return spread.along(axis, Kinds.one(0, relation.size - 1), total)
    kinds = spread.axes[axis]
    outputs = kinds.positions()
    if isinstance(relation, Table) and _is_long(relation, outputs):
        return _over_ranges(spread, axis, relation)
    share = 1 / widths(relation, outputs)
    keys = keys_of(kinds.of, share)
    reading: _Slide | _Steps = _Slide(relation) if _on_the_input(relation, outputs) else _Steps.of(relation, outputs)
    start, sums = reading.sums(outputs, keys)
    if not len(sums):
        return None
    of, first = _numbered(sums)
    targets, sources = reading.readers(outputs, start + first)
    weight = gathered(np.moveaxis(spread.weight, axis, 0), (kinds.of, share), (targets, sources), len(first))
    stretch = Kinds(start, of) if len(first) > 1 else Kinds.one(start, start + len(of) - 1)
    return spread.along(axis, stretch, np.moveaxis(weight, 0, axis))


def _renumbers(kinds: Kinds, relation: Relation) -> bool:
    """Return whether many outputs each read the input of their own number, so that no sums are needed."""
    return isinstance(relation, Table) and relation.one_to_one and len(kinds.of) > MANY_OUTPUTS


def _is_long(table: Table, outputs: Indices) -> bool:
    return table.edge in EMPTY_EDGES and _longest(table, outputs) * len(outputs) > MANY_POSITIONS


def _over_ranges(spread: Spread, axis: int, table: Table) -> Spread | None:
    """Sum weights over long ranges by the differences at their beginnings and ends."""
    kinds = spread.axes[axis]
    outputs = kinds.positions()
    first, last = table.ends(outputs)
    some = (first <= last) & (first < table.size) & (last >= 0)
    if not some.any():
        return None
    start, stop = max(0, int(first[some].min())), min(table.size, int(last[some].max()) + 1)
    weight = np.moveaxis(spread.weight, axis, 0)
    share = (1 / widths(table, outputs)).reshape(-1, *[1] * (weight.ndim - 1))
    changes = np.zeros((stop - start + 1, *weight.shape[1:]))
    parts = (weight[kinds.of] * share)[some]
    np.add.at(changes, np.maximum(first[some], start) - start, parts)
    np.subtract.at(changes, np.minimum(last[some] + 1, stop) - start, parts)
    found = np.maximum(np.cumsum(changes[:-1], axis=0), 0)  # rounding may leave less than zero
    return spread.along(axis, Kinds.each(start, stop - start), np.moveaxis(found, 0, axis))


def _on_the_input(relation: Window | Table, outputs: Indices) -> TypeGuard[Window]:
    """Return whether nothing beyond the borders is read, or only zeros."""
    if isinstance(relation, Table):
        return False
    first, last = relation.stride * outputs[[0, -1]] - relation.lo
    inside = first >= 0 and (last + relation.span - 1) // relation.up < relation.size
    return relation.edge in EMPTY_EDGES or bool(inside)


@dataclass(frozen=True)
class _Slide:
    """A zero-padded window, inverted by arithmetic."""

    window: Window

    def sums(self, outputs: Indices, keys: Keys) -> tuple[int, Keys]:
        """Return the first input position that is read and, from there on, the sums over the outputs that read each."""
        window, steps = self.window, self.window.stride * (len(outputs) - 1) + 1
        length = steps + window.span - 1
        spend(2 * min(window.kernel, len(outputs)), elements=4 * window.kernel * len(outputs) + 4 * length)
        with for_now(8 * length):
            found = np.zeros(length, np.uint64)
        if window.kernel > len(outputs):
            for at, key in enumerate(keys):
                found[window.stride * at :][: window.span : window.dilation] += key
        else:
            for tap in range(window.kernel):
                at = window.dilation * tap
                found[at : at + steps : window.stride] += keys
        begin = window.stride * int(outputs[0]) - window.lo
        start, stop = max(0, -(-begin // window.up)), min(window.size, -(-(begin + len(found)) // window.up))
        offset = start * window.up - begin
        return start, found[offset : offset + max(0, stop - start) * window.up : window.up]

    def readers(self, outputs: Indices, positions: Indices) -> tuple[Indices, Indices]:
        """Return pairs of input positions and the outputs that read them, by number."""
        window = self.window
        # tap t of output o is at position p if dilation*t = p*up + lo - stride*o: every ``step``-th tap from ``tap`` on
        common = math.gcd(window.dilation, window.stride)
        step, start = window.stride // common, positions * window.up + window.lo
        some = start % common == 0
        tap = np.where(some, start // common * pow(window.dilation // common, -1, step) % step, 0)
        low = np.maximum(0, -(-(start - window.stride * outputs[-1]) // window.dilation))
        high = np.minimum(window.kernel - 1, (start - window.stride * outputs[0]) // window.dilation)
        tap = tap + np.maximum(0, -((tap - low) // step)) * step  # the first of these outputs that is not too late
        counts = np.where(some, np.maximum(0, (high - tap) // step + 1), 0)
        total = int(counts.sum())
        spend(0, elements=16 * total)
        with for_now(32 * total):
            targets = np.repeat(np.arange(len(positions)), counts)
            turn = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
            at = (start[targets] - window.dilation * (tap[targets] + step * turn)) // window.stride
        return targets, at - outputs[0]


@dataclass(frozen=True)
class _Steps:
    """A read of any kind, inverted tap by tap."""

    steps: tuple[Tap, ...]

    @classmethod
    def of(cls, relation: Window | Table, outputs: Indices) -> _Steps:
        """Return the taps, if their number is within the limit.

        Raises:
            LimitError: there are too many.
        """
        width = relation.kernel if isinstance(relation, Window) else _longest(relation, outputs)
        spend(24 * width, elements=16 * width * len(outputs))
        with for_now(18 * width * len(outputs)):
            return cls(tuple(taps(relation, outputs)))

    def sums(self, outputs: Indices, keys: Keys) -> tuple[int, Keys]:  # noqa: ARG002 -- the steps are those of the outputs
        """See :class:`_Slide`."""
        some = [read[on] for read, on in self.steps if on.any()]
        start, stop = (
            min((int(one.min()) for one in some), default=0),
            max((int(one.max()) + 1 for one in some), default=0),
        )
        found = np.zeros(stop - start, np.uint64)
        for read, on in self.steps:
            np.add.at(found, read[on] - start, keys[on])
        return start, found

    def readers(self, outputs: Indices, positions: Indices) -> tuple[Indices, Indices]:  # noqa: ARG002 -- as above
        """See :class:`_Slide`."""
        order = np.argsort(positions)
        targets, sources = [], []
        for read, on in self.steps:
            mine = np.flatnonzero(on)
            at = np.minimum(np.searchsorted(positions, read[mine], sorter=order), len(positions) - 1)
            hit = positions[order[at]] == read[mine]
            targets.append(order[at[hit]])
            sources.append(mine[hit])
        return np.concatenate(targets), np.concatenate(sources)


def _longest(table: Table, outputs: Indices) -> int:
    first, last = table.ends(outputs)
    return int((last - first).max(initial=-1)) + 1
