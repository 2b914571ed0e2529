"""Boxes of components of an image: how they are joined to digits and ordered; and Otsu's threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Values = NDArray[np.float32]
    Box = tuple[int, int, int, int]


def height(box: Box) -> int:
    """Return the height."""
    return box[2] - box[0]


def width(box: Box) -> int:
    """Return the width."""
    return box[3] - box[1]


def longer(box: Box) -> int:
    """Return the longer side."""
    return max(height(box), width(box))


def box_of(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest box around what is true; it must not be empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def box_from(part: Any) -> Box:
    """Return the box of two slices."""
    rows, columns = part
    return rows.start, columns.start, rows.stop, columns.stop


def joined(kept: Iterable[int], boxes: list[Box]) -> Iterator[tuple[list[int], Box]]:
    """Join components that belong to one digit: one lies above the other, or inside of it, or close to it."""
    groups = [([at], boxes[at - 1]) for at in kept]
    changed = True
    while changed:
        changed = False
        for i in range(len(groups)):
            for j in range(i + 1, len(groups)):
                if belong(groups[i][1], groups[j][1]):
                    names, box = groups[i]
                    others, other = groups.pop(j)
                    groups[i] = ([*names, *others], around(box, other))
                    changed = True
                    break
            if changed:
                break
    yield from groups


def around(a: Box, b: Box) -> Box:
    """Return the smallest box around two."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def belong(a: Box, b: Box) -> bool:
    """Return whether two components are parts of one digit.

    >>> belong((155, 316, 199, 421), (233, 253, 344, 348))  # the bar of a five above its bow
    True
    >>> belong((0, 0, 100, 60), (0, 90, 100, 150))  # two digits
    False
    """
    if _is_bar(a, b) or _is_bar(b, a):
        return True
    size = max(height(a), height(b), width(a), width(b))
    across = min(a[3], b[3]) - max(a[1], b[1])
    down = min(a[2], b[2]) - max(a[0], b[0])
    overlap = across / max(1, min(width(a), width(b)))
    return (overlap > 0.5 and down > -0.25 * size) or (across > -0.05 * size and down > 0 and overlap > 0)


def _is_bar(a: Box, b: Box) -> bool:
    """Return whether one component is the bar of a five, which some write last: flat, above the other, not far off."""
    if height(a) > 0.5 * min(width(a), height(b)) or width(a) < 0.5 * width(b):
        return False
    across, gap = min(a[3], b[3]) - max(a[1], b[1]), b[0] - a[2]
    return across > 0.25 * min(width(a), width(b)) and 0 <= gap < 0.4 * height(b)


def in_order(found: list[tuple[Box, Values]]) -> list[tuple[Box, Values]]:
    """Order groups as one reads: lines from the top, each from left to right."""
    left = sorted(found, key=lambda one: one[0][0])
    ordered: list[tuple[Box, Values]] = []
    while left:
        top = left[0][0]
        middle = (top[0] + top[2]) / 2
        line = [one for one in left if one[0][0] <= middle <= one[0][2] or top[0] <= sum(one[0][::2]) / 2 <= top[2]]
        ordered += sorted(line, key=lambda one: one[0][1])
        left = [one for one in left if all(one is not other for other in line)]
    return ordered


def otsu(values: Values) -> float:
    """Return the threshold between two groups of values that are farthest apart (Otsu 1979).

    >>> bool(0.1 <= otsu(np.array([0.1, 0.1, 0.9], np.float32)) <= 0.9)
    True
    """
    if values.size < 2 or values.min() == values.max():
        return float(values.min()) - 1e-3 if values.size else 0.0
    counts, edges = np.histogram(values, 256)
    middle = (edges[:-1] + edges[1:]) / 2
    below, mean = np.cumsum(counts) / values.size, np.cumsum(counts * middle) / values.size
    apart = (mean[-1] * below - mean) ** 2 / np.maximum(below * (1 - below), 1e-12)
    best = np.flatnonzero(apart >= apart.max() * (1 - 1e-6))
    return float(middle[best].mean())
