"""Sets of positions of a layer as unions of *regions*: products of an index set for each axis.

An index set without gaps is a ``range`` of any length, and one with gaps is a sorted array without repeats; so equal
sets have equal representations, and an entire axis takes no memory.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Union

import numpy as np

from convscope.analyze.spread import taps
from convscope.budget import for_now, spend
from convscope.core.axis import EMPTY_EDGES, All, Table, Window, beyond_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from convscope.core.axis import Indices, Read, Relation

Index = Union[range, "Indices"]
"""A non-empty set of positions along one axis."""

Region = tuple[Index, ...]
"""One index set for each axis."""

MANY = 48
"""Number of regions from which a union is rewritten as the fewest products of equal slices."""

MANY_POSITIONS = 2**16
"""Number of outputs from which it is checked first whether a part of them reads everything."""

MAX_CUT = 2**16
"""The most outputs whose reads are split into products; the reads of more are bounded by one product."""

MAX_MASK = 2**24
"""The most positions of a mask that is split into products; a larger one is bounded by one product."""


def index_set(positions: Indices) -> Index | None:
    """Return sorted positions without repeats as an index set; None if there are none.

    >>> index_set(np.array([3, 4, 5])), index_set(np.array([3, 5]))
    (range(3, 6), array([3, 5]))
    """
    if not len(positions):
        return None
    first, last = int(positions[0]), int(positions[-1])
    return range(first, last + 1) if last - first == len(positions) - 1 else positions


def _set(positions: Indices) -> Index:
    found = index_set(positions)
    assert found is not None, "an empty set"
    return found


def listed(positions: Index) -> Indices:
    """Return the positions one by one.

    Raises:
        LimitError: there are too many.
    """
    if not isinstance(positions, range):
        return positions
    spend(0, elements=16 * len(positions))
    with for_now(32 * len(positions)):
        return np.arange(positions.start, positions.stop)


def same(a: Index, b: Index) -> bool:
    """Return whether two sets are equal."""
    if isinstance(a, range) or isinstance(b, range):
        return isinstance(a, range) and isinstance(b, range) and a == b
    return np.array_equal(a, b)


def contains(outer: Index, inner: Index) -> bool:
    """Return whether one set contains the other."""
    if not (outer[0] <= inner[0] and outer[-1] >= inner[-1] and len(outer) >= len(inner)):
        return False
    return isinstance(outer, range) or bool(np.isin(listed(inner), outer, assume_unique=True).all())


def joined(a: Index, b: Index) -> Index:
    """Return the union of two sets."""
    if contains(a, b):
        return a
    if contains(b, a):
        return b
    if isinstance(a, range) and isinstance(b, range) and max(a.start, b.start) <= min(a.stop, b.stop):
        return range(min(a.start, b.start), max(a.stop, b.stop))
    return _set(np.union1d(listed(a), listed(b)))


def pulled(relation: Relation, outputs: Index) -> Index | None:
    """Return the input positions that any of the outputs reads; None for none."""
    if relation == Window(relation.size):
        return outputs
    if isinstance(relation, All):
        return range(relation.size)
    if isinstance(relation, Window) and isinstance(outputs, range) and _leaves_no_gaps(relation, len(outputs)):
        return _slid(relation, outputs)
    if isinstance(relation, Table):
        if isinstance(outputs, range) and (found := _between(relation, outputs)) is not None:
            return found or None
        runs = relation.pulled(listed(outputs))
        return index_set(runs.listed()) if len(runs.starts) != 1 else range(int(runs.starts[0]), int(runs.stops[0]))
    return index_set(relation.pull(listed(outputs)))


def _between(table: Table, outputs: range) -> range | None:
    """Return what neighbours read, from the first index of the first to the last of the last; None with gaps."""
    if table.blocks and table.edge in EMPTY_EDGES:
        step, inputs, shift = table.blocks
        if table.width >= inputs or outputs[0] // step == outputs[-1] // step:
            first, last = outputs[0] // step * inputs + shift, outputs[-1] // step * inputs + shift + table.width
            return range(max(0, first), min(table.size, last))
    if table.flows:
        ends = table.ends(np.array([outputs[0], outputs[-1]]))
        return range(max(0, int(ends[0][0])), min(table.size, int(ends[1][-1]) + 1))
    return range(table.size) if _shows_all(table, outputs) else None


def _leaves_no_gaps(window: Window, outputs: int) -> bool:
    """Return whether this many neighbours reach all positions of the stretched input from the first to the last."""
    if window.dilation == 1:
        return outputs == 1 or window.kernel >= window.stride
    return window.stride == 1 and outputs >= window.dilation


def _slid(window: Window, outputs: range) -> Index | None:
    """Return what neighbours without gaps read."""
    start = -(-(window.stride * outputs[0] - window.lo) // window.up)
    stop = (window.stride * outputs[-1] - window.lo + window.span - 1) // window.up + 1
    if window.edge in EMPTY_EDGES or (start >= 0 and stop <= window.size):
        return range(max(0, start), min(window.size, stop)) or None
    if (start <= 0 and stop >= window.size) or (window.edge == "wrap" and stop - start >= window.size):
        return range(window.size)
    spend(0, elements=64 * min(stop - start, 4 * window.size))
    # beyond the border, every position that is read is also read within twice the length of the input
    few = (
        np.arange(start, min(stop, start + 4 * window.size)) if window.edge != "clamp" else np.array([start, stop - 1])
    )
    read, _ = beyond_each(few, window.size, window.edge)
    return range(int(read[0]), int(read[-1]) + 1) if window.edge == "clamp" else index_set(np.unique(read))


def _shows_all(table: Table, outputs: range) -> bool:
    """Return whether there are enough outputs that some of them, at equal steps, already read the full axis."""
    few = 4 * table.size
    if len(outputs) <= MANY_POSITIONS or few > MANY_POSITIONS:
        return False
    steps = itertools.takewhile(lambda step: step * few <= len(outputs), (4**power for power in itertools.count()))
    return any(len(table.pull(outputs.start + step * np.arange(few))) == table.size for step in steps)


def pull(region: Region, reads: Sequence[Read]) -> tuple[list[Region], bool]:
    """Return what a region reads of one input, and whether that is exact.

    If several axes of the input follow one output axis (flattening), the reads of some outputs are not a product of the
    reads along each axis. They are split into products then, or bounded by one if these would be too many.
    """
    sets = [pulled(read.relation, region[read.follows]) for read in reads]
    found = tuple(one for one in sets if one is not None)
    if len(found) < len(sets):
        return [], True
    cut, exact = [found], True
    for axis in {read.follows for read in reads}:
        members = [at for at, read in enumerate(reads) if read.follows == axis and read.relation.size > 1]
        members = [at for at in members if not isinstance(reads[at].relation, All) and len(found[at]) > 1]
        if len(members) < 2:
            continue
        if len(region[axis]) == reads[members[0]].relation.extent:
            continue  # all outputs together read everything that is read along any axis
        parts = _cut([reads[at].relation for at in members], region[axis])
        exact &= parts is not None
        positions = [dict(zip(members, part, strict=True)) for part in parts or ()]
        if positions:
            cut = [tuple(part.get(at, one) for at, one in enumerate(old)) for old in cut for part in positions]
    return cut, exact


def _cut(relations: list[Relation], outputs: Index) -> list[Region] | None:
    """Return what outputs read along several axes that follow theirs, as products; None if these would be too many."""
    if len(outputs) > MAX_CUT:
        return None
    each = [list(taps(relation, listed(outputs))) for relation in relations if not isinstance(relation, All)]
    ends = [
        (min(int(at[on].min()) for at, on in steps if on.any()), max(int(at[on].max()) for at, on in steps if on.any()))
        for steps in each
    ]
    if math.prod(last - first + 1 for first, last in ends) * math.prod(map(len, each)) > MAX_MASK:
        return None
    mask = np.zeros([last - first + 1 for first, last in ends], np.bool_)
    spend(0, elements=8 * mask.size + 8 * len(outputs) * math.prod(map(len, each)))
    for combination in itertools.product(*each):
        on = np.logical_and.reduce([inside for _, inside in combination])
        mask[tuple(at[on] - first for (at, _), (first, _) in zip(combination, ends, strict=True))] = True
    found = list(itertools.islice(products(mask), MANY))
    if len(found) == MANY:
        return None
    return [tuple(_set(part + first) for part, (first, _) in zip(one, ends, strict=True)) for one in found]


def simplified(regions: list[Region]) -> list[Region]:
    """Return the union in fewer regions: contained ones are dropped, those that differ along one axis are joined."""
    if len(regions) < 2:
        return regions
    spend(2 * len(regions) * min(len(regions), MANY))
    kept: list[Region] = []
    for region in regions if len(regions) <= MANY else ():
        _absorb(kept, region)
    return kept or _rewritten(regions)


def _absorb(kept: list[Region], region: Region) -> None:
    """Add a region to a union, unless it is contained; join it with one that differs along a single axis."""
    position = 0
    while position < len(kept):
        other = kept[position]
        differing = [axis for axis, pair in enumerate(zip(region, other, strict=True)) if not same(*pair)]
        if len(differing) <= 1:
            pairs = zip(region, other, strict=True)
            region = tuple(joined(a, b) if axis in differing else a for axis, (a, b) in enumerate(pairs))
        elif all(map(contains, other, region)):
            return
        elif not all(map(contains, region, other)):
            position += 1
            continue
        kept.pop(position)
        position = 0
    kept.append(region)


def _rewritten(regions: list[Region]) -> list[Region]:
    """Return the same union, drawn as a mask and split into products."""
    drawn, axes = drawn_small(regions)
    return [
        tuple(_positions(positions, of, chosen) for (positions, of), chosen in zip(axes, product, strict=True))
        for product in products(drawn)
    ]


def _positions(positions: Indices, of: Indices, chosen: Indices) -> Index:
    return _set(positions[np.isin(of, chosen)])


def drawn_small(regions: Sequence[Region]) -> tuple[NDArray[np.bool_], list[tuple[Indices, Indices]]]:
    """Return a union as a mask over kinds of positions (positions of one kind are in the same regions), with both.

    >>> mask, axes = drawn_small([(range(0, 4), range(0, 2)), (range(2, 9), range(1, 2))])
    >>> mask.astype(int).tolist(), [np.bincount(of).tolist() for _, of in axes]
    ([[1, 1], [1, 1], [0, 1]], [[2, 2, 5], [1, 1]])
    """
    axes, members = [], []
    for sets in zip(*regions, strict=True):
        positions, of, member = _kinds(sets)
        axes.append((positions, of))
        members.append(member)
    count = math.prod(member.shape[1] for member in members)
    spend(0, elements=count)
    with for_now(8 * count):
        mask = np.zeros(tuple(member.shape[1] for member in members), np.bool_)
        for number in range(len(regions)):
            mask[np.ix_(*(np.flatnonzero(member[number]) for member in members))] = True
    return mask, axes


def _kinds(sets: Sequence[Index]) -> tuple[Indices, Indices, NDArray[np.bool_]]:
    """Return all positions of some sets, the kind of each, and which set has which kind."""
    different = list({id(one): one for one in sets}.values())
    start, stop = min(int(one[0]) for one in different), max(int(one[-1]) for one in different) + 1
    spend(0, elements=64 * (stop - start) * len(different))
    with for_now(40 * (stop - start)):
        return _numbered(sets, different, start, stop)


def _numbered(
    sets: Sequence[Index], different: list[Index], start: int, stop: int
) -> tuple[Indices, Indices, NDArray[np.bool_]]:
    number = np.zeros(stop - start, np.intp)  # the sets that contain each position, as a key
    for one in different:
        row = np.zeros(stop - start, np.intp)
        row[slice(one.start - start, one.stop - start) if isinstance(one, range) else one - start] = 1
        number = np.unique(2 * number + row, return_inverse=True)[1]
    _, first, of = np.unique(number, return_index=True, return_inverse=True)
    order = np.argsort(first)
    of, first = np.argsort(order)[of], first[order] + start
    member = np.stack([np.isin(first, listed(one)) for one in sets])
    some: NDArray[np.bool_] = np.logical_or.reduce(member, 0)
    keep = some[of]
    return np.arange(start, stop)[keep], (np.cumsum(some) - 1)[of[keep]], member[:, some]


def products(mask: NDArray[np.bool_]) -> Iterable[tuple[Indices, ...]]:
    """Split a mask into products; equal slices share one."""
    if mask.ndim == 1:
        found = np.flatnonzero(mask)
        if len(found):
            yield (found,)
        return
    patterns, which = np.unique(mask.reshape(len(mask), -1), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.ravel() == number)
        for rest in products(pattern.reshape(mask.shape[1:])):
            yield (rows, *rest)


def counted(regions: Sequence[Region]) -> int:
    """Return the number of positions of a union."""
    if len(regions) < 2:
        return sum(math.prod(map(len, region)) for region in regions)
    mask, axes = drawn_small(regions)
    found = mask.astype(np.int64)
    for _, of in reversed(axes):
        found = found @ np.bincount(of, minlength=found.shape[-1])
    return int(found)
