"""Sums over the outputs that read each input position: of random keys, which distinguish kinds, and of weights."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import spend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.core.axis import Indices

    Weights = NDArray[np.float64]
    Keys = NDArray[np.uint64]


def keys_of(kinds: Indices, share: Weights) -> Keys:
    """Return a random number for each position; it is equal for positions of one kind with equally many shares."""
    found = kinds.astype(np.uint64) + share.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):  # the mixer of splitmix64
        found = (found ^ (found >> np.uint64(shift))) * np.uint64(factor)
    return found


def gathered(weight: Weights, outputs: tuple[Indices, Weights], pairs: tuple[Indices, Indices], count: int) -> Weights:
    """Return, for each of ``count`` input positions, the sum over the outputs that read it, from pairs of both.

    Outputs are given by their kinds and shares.
    """
    kinds, share = outputs
    spend(0, elements=len(pairs[0]) * weight[0].size // 8 + 8 * len(pairs[0]))
    order = np.argsort(pairs[0], kind="stable")
    targets, sources = (side[order] for side in pairs)
    turn = np.arange(len(targets)) - np.searchsorted(targets, targets)  # a position's first reader, its second, …
    found = np.zeros((count, *weight.shape[1:]))
    if int(turn.max(initial=-1)) >= count:  # few positions with many readers: position by position
        bounds = np.searchsorted(targets, np.arange(count + 1))
        for position, (begin, end) in enumerate(itertools.pairwise(bounds.tolist())):
            mine = sources[begin:end]
            found[position] = np.tensordot(share[mine], weight[kinds[mine]], 1)
        return found
    order = np.argsort(turn, kind="stable")
    bounds = np.searchsorted(turn[order], np.arange(int(turn.max(initial=-1)) + 2))
    for begin, end in itertools.pairwise(bounds.tolist()):
        now = order[begin:end]
        part = share[sources[now]].reshape(-1, *[1] * (weight.ndim - 1))
        found[targets[now]] += weight[kinds[sources[now]]] * part
    return found
