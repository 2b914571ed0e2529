"""How long to train on images of one's own, and in which steps: by the number of the images.

A net needs some hundreds of steps to learn anything, however few images there are; one epoch of 200 images in batches
of 128 is a single step. So small sets are passed over more often, in smaller batches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from convscope.training.plan import Steps

LEAST_STEPS = 300
"""Steps below which no training is planned."""

BATCHES = ((20_000, 128), (4_000, 64), (600, 32), (0, 16))
"""Images per step, by the least number of training images."""

EPOCHS = (4, 60)
"""Limits of the passes over the images, unless these are fewer than the least steps need."""

EFFORT = 900.0
"""The passes over a set, times the square root of its images."""

RATE = 0.012
"""Peak learning rate at 128 images per step; it falls with the square root of the batch."""


@dataclass(frozen=True)
class Duration:
    """A schedule.

    Attributes:
        epochs: passes over the training images.
        batch: images per step.
        learning_rate: the peak.
    """

    epochs: float
    batch: int
    learning_rate: float


def duration(images: int, *, epochs: float | None = None, batch: int | None = None) -> Duration:
    """Return the schedule for a number of training images.

    Args:
        images: number of training images.
        epochs: passes over the images, if the user states them.
        batch: images per step, if the user states them.

    >>> duration(240), duration(60_000)
    (Duration(epochs=58, batch=16, learning_rate=0.0042), Duration(epochs=4, batch=128, learning_rate=0.012))
    """
    size = batch or min(next(size for least, size in BATCHES if images >= least), max(2, images // 2))
    per_epoch = Steps.of(samples=images, batch=size, epochs=1, even=True).per_epoch
    usual = min(EPOCHS[1], max(EPOCHS[0], round(EFFORT / math.sqrt(images))))
    passes = max(usual, math.ceil(LEAST_STEPS / per_epoch))
    return Duration(epochs or passes, size, float(f"{RATE * math.sqrt(min(size, 512) / 128):.2g}"))
