"""The learning rate over the steps."""

from __future__ import annotations

FLOOR = 0.02
"""Fraction of the peak at the first and at the last step, so that no step is wasted on a rate of zero."""


def triangle(step: int, steps: int, warmup: float) -> float:
    """Return the fraction of the peak rate at ``step`` of ``steps``: linear up during ``warmup``, then linear down.

    >>> [round(triangle(step, 11, 0.2), 2) for step in (0, 2, 10)]
    [0.02, 1.0, 0.02]
    """
    at = step / max(1, steps - 1)
    slope = at / warmup if at < warmup else (1 - at) / (1 - warmup)
    return FLOOR + (1 - FLOOR) * slope
