"""Alignment of two sequences: the longest run that they share, then the same before and after it.

The result is that of ``difflib.SequenceMatcher`` (Ratcliff and Metzener 1988), but computed with arrays, so that
frequent words do not slow it down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import spend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.axis import Indices

Stretch = tuple[int, int, int, int]
"""Start and stop in the first sequence, start and stop in the second."""


def aligned(first: Sequence[str], second: Sequence[str]) -> list[Stretch]:
    """Return equal runs and those between them in order; each sequence is covered once.

    >>> aligned("abxcd", "abcd")
    [(0, 2, 0, 2), (2, 3, 2, 2), (3, 5, 2, 4)]
    """
    if first == second:
        return [(0, len(first), 0, len(second))] if first else []
    number = {word: at for at, word in enumerate(dict.fromkeys([*first, *second]))}
    a, b = (np.array([number[word] for word in words]) for words in (first, second))
    found: list[Stretch] = []
    at = (0, 0)
    for start, stop, begin, end in [*_joined(_blocks(a, b)), (len(a), len(a), len(b), len(b))]:
        if at[0] < start or at[1] < begin:
            found.append((at[0], start, at[1], begin))
        if start < stop:
            found.append((start, stop, begin, end))
        at = stop, end
    return found


def _blocks(a: Indices, b: Indices) -> list[Stretch]:
    """Return equal runs in order."""
    found, left = [], [(0, len(a), 0, len(b))]
    while left:
        low, high, start, stop = left.pop()
        begin, other, size = _longest(a[low:high], b[start:stop])
        if size:
            begin, other = begin + low, other + start
            found.append((begin, begin + size, other, other + size))
            left += [(low, begin, start, other), (begin + size, high, other + size, stop)]
    return sorted(found)


def _longest(a: Indices, b: Indices) -> tuple[int, int, int]:
    """Return where the longest equal run begins in both sequences, the first of several, and its length."""
    best = (0, 0, 0)
    if not len(b):
        return best
    spend(4 * len(a), elements=4 * len(a) * len(b))
    lengths = np.zeros(len(b) + 1, np.int32)  # of the run that ends at each position
    for at, word in enumerate(a.tolist()):
        lengths[1:] = (lengths[:-1] + 1) * (b == word)
        longest = int(lengths.max())
        if longest > best[2]:
            best = at - longest + 1, int(lengths.argmax()) - longest, longest
    return best


def _joined(blocks: list[Stretch]) -> list[Stretch]:
    """Join runs that follow each other in both sequences."""
    found: list[Stretch] = []
    for block in blocks:
        last = found[-1] if found else None
        if last and (last[1], last[3]) == (block[0], block[2]):
            found[-1] = last[0], block[1], last[2], block[3]
        else:
            found.append(block)
    return found
