"""95 % intervals for a proportion of images and for the difference of two proportions."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054
"""Number of standard deviations on both sides that hold 95 % of a normal distribution."""


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson 1927): the true proportions consistent with the count.

    With ``q = Z²``: centre ``(hits + q/2) / (count + q)``, half its width ``Z / (count + q)`` times the square root of
    ``hits · (count - hits) / count + q/4``.

    Raises:
        ValueError: the count is zero.

    None of ten: from 0 to ``q / (10 + q)``, with ``q = 3.84``.

    >>> [round(end, 3) for end in wilson(0, 10)]
    [0.0, 0.278]
    """
    if count < 1:
        raise ValueError("the interval of zero trials is not defined")
    square = Z * Z
    centre = (hits + square / 2) / (count + square)
    half = Z / (count + square) * sqrt(hits * (count - hits) / count + square / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def paired_difference(gained: int, lost: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two proportions of the same images, second minus first.

    The adjusted Wald interval of Bonett and Price (J. Educ. Behav. Stat. 37, 2012): one image is added to those
    that changed in each direction, then ``d ± Z · sqrt((p + q - d²) / (count + 2))`` with ``d = p - q``.

    Args:
        gained: images that only the second classified correctly.
        lost: images that only the first classified correctly.
        count: all images.

    Two nets that agree on all of 98 images: ``p = q = 0.01``, and ``Z · sqrt(0.02 / 100)`` is 0.0277.

    >>> [round(end, 4) for end in paired_difference(0, 0, 98)]
    [-0.0277, 0.0277]
    """
    up, down = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    middle = up - down
    half = Z * sqrt((up + down - middle**2) / (count + 2))
    return max(-1.0, middle - half), min(1.0, middle + half)
