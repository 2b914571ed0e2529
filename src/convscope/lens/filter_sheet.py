"""A contact sheet: one image through every preset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.lens.filter_kernels import PRESETS, kernel_of
from convscope.lens.filters import Filtered, filtered
from convscope.view.figure import Figure
from convscope.view.layout import Padded, Raster, Titled, tiles

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE, COLUMNS = 300, 3
"""Longest side of an image on the sheet [pixel], and images in a row."""


def sheet(image: str | Path | NDArray[np.generic], *, border: str = "reflect", flip: bool = False) -> Figure:
    """Filter the image, shrunk if it is large, with each preset; show kernels and responses.

    Args:
        image: as in :func:`convscope.filter`.
        border: likewise.
        flip: likewise.

    Raises:
        ConvscopeError: likewise.
    """
    whole = filtered(image, "identity", response="clip")
    shown = _shrunk(whole)
    found = [filtered(shown, name, border=border, response=_response(name), flip=flip) for name in PRESETS]
    kind = "true convolution, kernels flipped" if flip else "cross-correlation, as conv layers compute it"
    size = "x".join(map(str, shown.shape[:2]))
    name = image if not isinstance(image, np.ndarray) else "array"
    drawn = tuple(map(_tile, found))
    widest = max(tile.width for tile in drawn)
    small = f"shrunk to {size} pixels first; " if shown.shape[:2] != whole.array.shape[:2] else ""
    return Figure(
        f"{name} through the classic filters",
        tiles(tuple(Padded(tile, widest) for tile in drawn), COLUMNS, gap=18),
        note=f"{small}{kind}; border {border}\nabsolute: the sign is dropped; clip: clipped to black and white",
    )


def _response(name: str) -> str:
    return "clip" if kernel_of(name).sum else "absolute"


def _tile(found: Filtered) -> Titled:
    kernel = found.kernel
    taps = "; ".join(" ".join(f"{tap:.3g}" for tap in row) for row in kernel.rows)
    noted = taps if len(taps) < 40 and kernel.name != "identity" else "x".join(map(str, kernel.shape))
    note = "original" if kernel.name == "identity" else f"{noted}\n{found.response}"
    return Titled(Raster(_rgb(found)), kernel.name, note)


def _shrunk(found: Filtered) -> NDArray[np.uint8]:
    """Return the means of squares of pixels, transparent parts on white."""
    step = -(-max(found.array.shape[:2]) // SIDE)
    pixels = _rgb(found)
    high, wide = (max(1, side // step) for side in pixels.shape[:2])
    squares = pixels[: high * step, : wide * step].reshape(high, min(step, len(pixels)), wide, -1, 3)
    made: NDArray[np.uint8] = np.rint(squares.mean((1, 3))).astype(np.uint8)
    return made


def _rgb(found: Filtered) -> NDArray[np.uint8]:
    """Convert to ``h w 3``, on white where it is transparent."""
    pixels = found.pixels()
    shown = (pixels >> 8 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
    colours = shown[..., :1].repeat(3, -1) if shown.shape[2] < 3 else shown[..., :3]
    if shown.shape[2] in {2, 4}:
        share = shown[..., -1:] / 255
        colours = np.rint(colours * share + 255 * (1 - share)).astype(np.uint8)
    return np.ascontiguousarray(colours)
