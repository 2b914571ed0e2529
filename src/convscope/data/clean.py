"""Strokes on an even background, such as a scan or a drawing: they are cut out with their exact shades."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from convscope.data.components import box_of
from convscope.data.strokes import Strokes, tone

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from convscope.data.components import Box

LARGE = 8_000_000
"""The most pixels that are examined."""

SMALL = 64
"""An image whose shorter side is below this shows one digit [pixel]."""

EVEN = 0.1
"""The largest deviation of the rim from its median for the background to count as even, as a share of the ink."""

FAINT = 16
"""The least difference of ink from its background [grey levels]."""

PLAINLY = 0.35
"""The least peak of a stroke, as a share of the strongest one."""

RINGING = 0.04
"""Share of the strongest stroke below which a signal near it may be a JPEG artefact."""


def clean(image: Image, found: tuple[Strokes, ...]) -> tuple[Strokes, ...]:
    """Return strokes with their exact shades if the background is even; otherwise the strokes that were found.

    Args:
        image: upright, ``L``, ``RGB`` or ``RGBA``.
        found: its strokes.
    """
    small = min(image.size) < SMALL
    if not small and len(found) != 1:
        return found
    blocks = math.ceil(math.sqrt(image.width * image.height / LARGE))
    grey = tone(image.reduce(blocks) if blocks > 1 else image)
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = float(np.median(rim))
    dark = ground > 127 if small else found[0].dark
    ink = ground - grey if dark else grey - ground
    if not small:
        ink = _within(ink, found[0].box, blocks)
    peak = float(ink.max())
    if peak < FAINT:
        return () if small else found
    grain = float(np.quantile(np.abs(rim - ground), 0.99)) / peak
    if grain > EVEN and not small:
        return found
    strokes = np.clip(ink, 0, None) / peak
    # a signal no stronger than the noise of the rim or the JPEG ringing around a stroke is not a stroke
    strokes[strokes < max(RINGING, 1.5 * min(grain, 0.4))] = 0
    if not small:
        strokes = _joined(strokes)
    top, left, bottom, right = box_of(strokes > 0)
    whole = (blocks * top, blocks * left, min(image.height, blocks * bottom), min(image.width, blocks * right))
    return (Strokes(strokes[top:bottom, left:right].astype(np.float32), whole, dark),)


def _joined(strokes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return strokes without what hangs together with none of them: single pixels that are noisier than the rim."""
    from scipy import ndimage

    named, count = ndimage.label(strokes > 0, np.ones((3, 3)))
    strongest = np.concatenate([[0], ndimage.maximum(strokes, named, range(1, count + 1))])
    return np.where((strongest >= PLAINLY)[named], strokes, np.float32(0))


def _within(ink: NDArray[np.float32], box: Box, blocks: int) -> NDArray[np.float32]:
    """Return the ink in and near a box; nothing elsewhere."""
    top, left, bottom, right = (side // blocks for side in box)
    more = max(2, max(bottom - top, right - left) // 5)
    rows = slice(max(0, top - more), bottom + 1 + more)
    columns = slice(max(0, left - more), right + 1 + more)
    found = np.zeros_like(ink)
    found[rows, columns] = ink[rows, columns]
    return found
