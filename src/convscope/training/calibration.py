"""Calibration: whether a net is right as often as its confidence suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

BINS = 15
"""Number of bins of equal width, each including its upper end, as in Guo et al. 2017 (arXiv 1706.04599)."""


def calibration_error(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the expected calibration error, 0 to 1.

    Images are put into :data:`BINS` bins by the probability of the predicted class. Each bin gives the
    distance between its mean probability and its accuracy; the error is their mean over all images.

    Args:
        confidence: ``n``, the probability of the predicted class, above 0 and at most 1.
        right: ``n``, whether the prediction was right.

    Two images at 0.7 and 0.9, of which the second is misclassified: half of 0.3 and half of 0.9.

    >>> round(calibration_error([0.7, 0.9], [True, False]), 6)
    0.6
    """
    claimed, was = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    bins = np.digitize(claimed, np.linspace(0, 1, BINS + 1)[1:-1], right=True)
    gaps = np.bincount(bins, weights=claimed - was, minlength=BINS)
    return float(np.abs(gaps).sum() / len(claimed))
