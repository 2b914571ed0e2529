"""Weights propagated back through all axes of a layer at once, even if several input axes follow one output axis."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from convscope.analyze.spread import Kinds, Spread, handed_back, taps, widths
from convscope.budget import hold, spend
from convscope.core.axis import All, Table, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.analyze.spread import Tap
    from convscope.core.axis import Read, Relation


def pulled_back(spread: Spread, reads: Sequence[Read]) -> Spread | None:
    """Return the weights of a layer on the positions of one input; None if all weight is lost.

    Every unit distributes its weight equally over the positions that it reads. Weights along an output axis that no
    input axis follows are summed; if several input axes follow one (flattening), each output reads the combinations of
    its positions along all of them.

    Raises:
        LimitError: too many positions would have to be examined one by one.
    """
    followers = [[at for at, read in enumerate(reads) if read.follows == axis] for axis in range(len(spread.axes))]
    kept = tuple(kinds for kinds, members in zip(spread.axes, followers, strict=True) if members)
    found: Spread | None = Spread(kept, spread.summed(axis for axis, members in enumerate(followers) if not members))
    order: list[int] = []
    for members in filter(None, followers):
        found = found and _fanned_out(found, len(order), [reads[at].relation for at in members])
        order += members
    if not found:
        return None
    turn = [order.index(axis) for axis in range(len(order))]
    return Spread(tuple(found.axes[axis] for axis in turn), found.weight.transpose(turn))


def _fanned_out(spread: Spread, axis: int, relations: list[Relation]) -> Spread | None:
    """Map the weights along one axis to the input axes that follow it, which replace it."""
    if len(relations) == 1:
        return handed_back(spread, axis, relations[0])
    sizes = [relation.size for relation in relations]
    whole = [at for at, relation in enumerate(relations) if isinstance(relation, All)]
    apart = [(at, relation) for at, relation in enumerate(relations) if not isinstance(relation, All)]
    if _is_even(spread, axis, relations):
        total = np.expand_dims(spread.summed([axis]), axis) / math.prod(sizes)
        return _with(spread, axis, [Kinds.one(0, size - 1) for size in sizes], total)
    found = spread
    if len(apart) == 1:
        back = handed_back(spread, axis, apart[0][1])
    else:
        back = _scattered(spread, axis, [relation for _, relation in apart])
    if not back:
        return None
    found = back
    for at in whole:  # in ascending order, so that each gets to its position
        weight = np.expand_dims(found.weight, axis + at) / sizes[at]
        axes = (*found.axes[: axis + at], Kinds.one(0, sizes[at] - 1), *found.axes[axis + at :])
        found = Spread(axes, weight)
    return found


def _with(spread: Spread, axis: int, kinds: list[Kinds], weight: NDArray[np.float64]) -> Spread:
    """Replace one axis with others; ``weight`` has an axis of length 1 there."""
    shape = (*weight.shape[:axis], *[1] * len(kinds), *weight.shape[axis + 1 :])
    return Spread((*spread.axes[:axis], *kinds, *spread.axes[axis + 1 :]), weight.reshape(shape))


def _is_even(spread: Spread, axis: int, relations: list[Relation]) -> bool:
    """Return the even spread if an axis has one kind, and each output reads one input position or all of them."""
    if all(isinstance(relation, All) for relation in relations):
        return True
    even = spread.weight.shape[axis] == 1 and len(spread.axes[axis].of) == relations[0].extent
    return even and _renames(relations)


def _renames(relations: list[Relation]) -> bool:
    """Return whether each of the outputs reads exactly one of as many positions, which is a permutation."""
    single = all(_width(relation) == 1 for relation in relations)
    return single and math.prod(relation.size for relation in relations) == relations[0].extent


def _width(relation: Relation) -> int:
    """Return the most positions that one output reads."""
    if isinstance(relation, Window):
        return relation.kernel
    return relation.width if isinstance(relation, Table) else relation.size


def _scattered(spread: Spread, axis: int, relations: Sequence[Window | Table]) -> Spread | None:
    """Map each position individually to all combinations of what it reads along several axes."""
    kinds = spread.axes[axis]
    outputs = kinds.positions()
    read: list[list[Tap]] = [list(taps(relation, outputs)) for relation in relations]
    ends = [_ends(steps) for steps in read]
    if not all(first <= last for first, last in ends):
        return None
    sizes = [last - first + 1 for first, last in ends]
    weight = np.moveaxis(spread.weight, axis, 0)
    count, taps_of = math.prod(sizes) * weight[0].size, math.prod(map(len, read))
    spend(8 * taps_of, elements=4 * count + 32 * taps_of * len(outputs))
    hold(8 * count)
    share = math.prod((1 / widths(relation, outputs) for relation in relations), start=np.ones(len(outputs)))
    found = np.zeros((math.prod(sizes), *weight.shape[1:]))
    for combination in itertools.product(*read):
        on = np.logical_and.reduce([inside for _, inside in combination])
        at = np.ravel_multi_index(
            tuple(positions[on] - first for (positions, _), (first, _) in zip(combination, ends, strict=True)), sizes
        )
        np.add.at(found, at, weight[kinds.of[on]] * share[on].reshape(-1, *[1] * (weight.ndim - 1)))
    laid = found.reshape(*sizes, *weight.shape[1:])
    back = np.moveaxis(laid, range(len(sizes)), range(axis, axis + len(sizes)))
    axes = [Kinds.each(first, size) for (first, _), size in zip(ends, sizes, strict=True)]
    return Spread((*spread.axes[:axis], *axes, *spread.axes[axis + 1 :]), back)


def _ends(steps: list[Tap]) -> tuple[int, int]:
    """Return the first and last position that is read at all."""
    some = [positions[inside] for positions, inside in steps if inside.any()]
    return (min(int(one.min()) for one in some), max(int(one.max()) for one in some)) if some else (0, -1)
