"""Values as colours: scales that keep zero in place and are safe for colour-blind readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of lines and bars, in this order (Okabe and Ito, "Color Universal Design", 2002)."""

SIGNED = ((33, 102, 172), (103, 169, 207), (247, 247, 247), (239, 138, 98), (178, 24, 43))
"""Blue below zero, white at zero, red above (ColorBrewer RdBu, safe for colour-blind readers)."""

POSITIVE, NEGATIVE = "#b2182b", "#2166ac"
"""Bars above and below zero, as in :data:`SIGNED`."""

AMOUNT = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""Dark for zero, bright for large values (five points of matplotlib's "inferno")."""

RED = ((247, 247, 247), (239, 138, 98), (178, 24, 43))
"""White for zero, red for large values: the upper half of :data:`SIGNED`, for maps that are drawn over images."""

INK = ((0, 0, 0), (255, 255, 255))
"""Black to white."""


def coloured(
    values: NDArray[np.floating], low: float, high: float, stops: tuple[tuple[int, ...], ...]
) -> NDArray[np.uint8]:
    """Map values ``h w`` to ``h w 3``; values outside the range get the colour of its end, NaN is grey.

    >>> coloured(np.array([[-1.0, 0.0, 1.0, 9.0]]), -1.0, 1.0, INK)[0, :, 0].tolist()
    [0, 128, 255, 255]
    """
    span = high - low
    at = np.clip((np.asarray(values, float) - low) / span if span else np.zeros(np.shape(values)), 0, 1)
    table, places = np.array(stops, float), np.linspace(0, 1, len(stops))
    channels = [np.interp(np.nan_to_num(at), places, table[:, channel]) for channel in range(3)]
    pixels: NDArray[np.uint8] = np.rint(np.stack(channels, -1)).astype(np.uint8)
    pixels[np.isnan(at)] = 128
    return pixels
