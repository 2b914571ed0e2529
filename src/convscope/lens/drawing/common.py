"""Parts shared by the drawings: images at a suitable size, heat beside its scale."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.view.colours import RED, SIGNED
from convscope.view.heat import Bar, Scale, grey, short
from convscope.view.layout import Across, Raster, Titled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.lens.image import InputImage
    from convscope.view.layout import Part

PALE = 0.78
"""Brightness of black in an image below a map."""

MOST = 448
"""Longest side of a drawn array; in larger arrays, blocks of pixels are averaged."""


def zoom(shape: tuple[int, ...], side: int) -> float:
    """Return the integer factor, at least 1, that enlarges the longer side to about ``side``.

    >>> zoom((28, 28), 200), zoom((96, 128), 210), zoom((300, 10), 200)
    (7, 2, 1)
    """
    return max(1, round(side / max(shape[-2:])))


def block(shape: tuple[int, ...], most: int = MOST) -> int:
    """Return the side of the blocks of pixels that are averaged.

    >>> block((28, 28)), block((1000, 10))
    (1, 3)
    """
    return math.ceil(max(shape[-2:]) / most)


def shrunk(values: NDArray[Any], most: int = MOST) -> NDArray[np.float64]:
    """Return the means of blocks of ``… h w``; blocks at the lower and right border may be smaller.

    >>> shrunk(np.array([[1.0, 3, 5]]), most=2).tolist()
    [[2.0, 5.0]]
    """
    size = block(values.shape, most)
    found = np.asarray(values, np.float64)
    for axis in (-2, -1):
        starts = np.arange(0, found.shape[axis], size)
        counts = np.diff([*starts, found.shape[axis]])
        sums = np.add.reduceat(found, starts, axis=axis)
        found = sums / (counts[:, None] if axis == -2 else counts)
    return found


def shown(image: InputImage, side: int) -> tuple[Raster, str]:
    """Return an image and a description of how it is drawn."""
    values, words = image.shown, []
    if values.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = (values - low) * (255 / ((high - low) or 1.0))
        words.append(f"black {short(low)}, white {short(high)}")
    if len(values) not in {1, 3}:
        words.append(f"channel 0 of {len(values)}")
    words += blocks(values.shape)
    pixels = grey(np.rint(shrunk(values)).astype(np.uint8))
    return Raster(pixels, zoom(pixels.shape[:2], side)), ", ".join(words)


def notes(text: str) -> list[str]:
    """Put a colon after the first word of each line of a result, since blanks do not align in a drawing.

    >>> notes("range      0 … 1")
    ['range: 0 … 1']
    """
    return [re.sub("  +", ": ", line, count=1) for line in text.splitlines()]


def even(count: int, most: int) -> int:
    """Return the number of columns for some tiles, up to a limit, so that rows are full if possible.

    >>> even(16, 13), even(64, 9), even(7, 13), even(14, 6)
    (8, 8, 7, 6)
    """
    most = max(1, min(count, most))
    return next((columns for columns in range(most, most // 2, -1) if count % columns == 0), most)


def blocks(shape: tuple[int, ...], most: int = MOST) -> list[str]:
    """Describe the reduction of a map that is drawn smaller."""
    size = block(shape, most)
    return [f"shown at reduced size, {size}x{size} pixels averaged into one"] if size > 1 else []


def bytes_raster(image: NDArray[np.uint8], side: int) -> Raster:
    """Draw an image ``c h w`` of a data set."""
    pixels = grey(np.rint(shrunk(image, side)).astype(np.uint8))
    return Raster(pixels, zoom(pixels.shape[:2], side))


def heat_raster(values: NDArray[Any], scale: Scale, side: int, most: int = MOST) -> Raster:
    """Draw a map ``h w`` in the colours of a scale."""
    small = shrunk(values, most)
    return scale.raster(small, zoom(small.shape, side))


def over(values: NDArray[Any], image: InputImage, scale: Scale, side: int) -> Raster:
    """Draw a map ``h w`` over an image in light grey: where the map is zero, only the image is seen."""
    small = scale.pixels(shrunk(values)).astype(np.float64)
    shade = shown(image, side)[0].pixels.mean(-1, keepdims=True) / 255
    pixels = np.rint(small * (PALE + (1 - PALE) * shade)).astype(np.uint8)
    return Raster(pixels, zoom(pixels.shape[:2], side))


def heat(values: NDArray[Any], title: str, note: str, side: int, image: InputImage) -> Part:
    """Draw a map over its image, with its own scale beside it: red above zero, blue below."""
    scale = Scale.of(values)
    scale = scale if scale.stops is SIGNED else Scale(scale.low, scale.high, RED)
    raster = over(values, image, scale, side)
    return Titled(Across((raster, Bar(scale, raster.height)), 8), title, "\n".join([note, *blocks(values.shape)]))
