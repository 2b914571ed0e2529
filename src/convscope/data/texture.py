"""Whether what was found in an image is handwriting: drawings, landscapes and screenshots have strokes, too.

Handwriting stands alone on its ground, with the width of one pen, and is not a frame. The measures of this need no net;
their limits leave room beyond 3,000 training digits of MNIST (``benchmarks/nothing.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.data.components import Box

    Values = NDArray[np.float32]
    Found = tuple[Box, Values]

SIMILAR = 0.5
"""What has at least this share of the contrast of the strokes is compared with them."""

ALONE = 0.5
"""The least share of strokes in all that has a similar contrast; with less, they are part of a texture."""

ALMOST = 0.85
"""The same of strokes whose width is unusual."""

UNEVEN, VERY_UNEVEN = 0.5, 0.9
"""Standard deviations of the width along a stroke, as shares of its mean, that are unusual, and that no digit has."""

THIN, WIDE, BLOCK = 0.04, 0.33, 0.55
"""Median widths, as shares of the longer side of the box, below and above which is unusual, and that no digit has."""

FRAME, SLIM = 0.65, 0.4
"""The straightest outline on every side (:func:`straight`) of a box that is not as slim as a one."""

MOST = 0.5
"""The least share of an edge of the image along which a frame lies."""

NEAR = 50
"""What is within this part of the longer side lies on one line."""

RIDGE = 5
"""Side of the window in which the middle of a stroke is farthest from its edges [pixel]."""


def written(found: list[Found], signal: Values) -> list[Found]:
    """Return the groups of strokes that can be handwriting; none if they are a small part of a texture.

    Args:
        found: boxes and ink, 0 to 1.
        signal: ``h w``, by how much each pixel differs from its background, as a share of that.
    """
    if not found:
        return []
    alone = share(found, signal)
    kept = []
    for box, ink in shaped(found):
        uneven, wide = widths(ink > 0.5)
        unusual = uneven > UNEVEN or not THIN <= wide <= WIDE
        if uneven <= VERY_UNEVEN and (alone >= ALMOST or not unusual):
            kept.append((box, ink))
    return kept if alone >= ALONE else []


def shaped(found: list[Found]) -> list[Found]:
    """Return the groups of strokes that are neither blocks nor frames, such as the paper in a dark frame."""
    return [
        (box, ink)
        for box, ink in found
        if widths(ink > 0.5)[1] <= BLOCK and (slim(ink) or straight(ink > 0.5) <= FRAME)  # a one may be a bar
    ]


def share(found: list[Found], signal: Values) -> float:
    """Return the share of strokes in what has a similar contrast, without frames."""
    from scipy import ndimage

    mine = np.zeros(signal.shape, bool)
    for box, ink in found:
        mine[box[0] : box[2], box[1] : box[3]] |= ink > 0.5
    if not mine.any():
        return 0.0
    similar = signal > SIMILAR * float(np.median(signal[mine]))
    mine = ndimage.binary_dilation(mine, iterations=3)
    named, _ = ndimage.label(similar, np.ones((3, 3)))
    others = similar & ~mine & ~np.isin(named, _frames(named))
    own = int((similar & mine).sum())
    return own / max(1, own + int(others.sum()))


def _frames(named: NDArray[np.int32]) -> NDArray[Any]:
    """Return the numbers of components that have a corner of the image, or lie along most of one of its edges."""
    edges = (named[0], named[-1], named[:, 0], named[:, -1])
    along = [np.flatnonzero(np.bincount(edge) > MOST * len(edge)) for edge in edges]
    numbers = np.unique(np.concatenate([named[[0, 0, -1, -1], [0, -1, 0, -1]], *along]))
    return numbers[numbers > 0]


def slim(ink: Values) -> bool:
    """Return whether a box is so slim that a single stroke fills it."""
    return bool(min(ink.shape) <= SLIM * max(ink.shape))


def straight(stroke: NDArray[np.bool_]) -> float:
    """Return how straight the outline is on each of the four sides, of the least straight one; 1 for a frame.

    It is the largest share of rows (or columns) whose first pixel of the stroke lies on a line along that side.

    >>> ring = np.ones((20, 20), bool)
    >>> ring[4:16, 4:16] = False
    >>> straight(ring)
    1.0
    """
    near = max(1, max(stroke.shape) // NEAR) + 1
    found = []
    for turned in (stroke, stroke[:, ::-1], stroke.T, stroke.T[:, ::-1]):
        first = np.bincount(turned.argmax(1)[turned.any(1)], minlength=turned.shape[1])
        found.append(int(np.convolve(first, np.ones(near)).max()) / len(turned))
    return min(found)


def widths(stroke: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how much the width varies along a stroke, and its median as a share of the longer side.

    The width is twice the distance of a ridge, the middle of the stroke, from the edge.

    >>> line = np.zeros((40, 40), bool)
    >>> line[4:36, 18:22] = True
    >>> widths(line)
    (0.0, 0.1)
    """
    from scipy import ndimage

    inside = np.pad(stroke, 1)
    if not inside.any():
        return 0.0, 0.0
    away = ndimage.distance_transform_edt(inside)
    ridge = away[(away == ndimage.maximum_filter(away, RIDGE)) & inside]
    return float(ridge.std() / ridge.mean()), float(2 * np.median(ridge) / max(stroke.shape))
