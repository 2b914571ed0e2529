"""What is doubtful about the result of a training, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.data.classes import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.progress import Progress
    from convscope.training.evaluate import Evaluation

FEW = 100
"""Steps below which a net has hardly begun to learn, unless its accuracy says otherwise."""

LEARNED = 0.95
"""Accuracy at which it has learned, in however few steps."""

APART = 0.15
"""How far the accuracy in validation may be below that in training."""

LEAST = 300
"""Steps that a warning about too few of them recommends."""


def findings(evaluation: Evaluation, last: Progress, per_epoch: int) -> list[str]:
    """Return what a user should know before they believe the result, a sentence each.

    Args:
        evaluation: of the trained net on the test set.
        last: the last report of the training.
        per_epoch: steps of an epoch.
    """
    found = []
    if last.step < FEW and evaluation.accuracy < LEARNED:
        steps = "1 step is" if last.step == 1 else f"{last.step:,} steps are"
        found.append(f"{steps} few for a net to learn: --epochs {math.ceil(LEAST / per_epoch)} trains {LEAST} or more")
    if last.loss > 2 * math.log(len(evaluation.classes)):
        found.append(f"the training loss ends at {last.loss:.3g}, as if it had diverged: try a lower --lr")
    return [*found, *_about_classes(evaluation), *_about_validation(last)]


def _about_classes(evaluation: Evaluation) -> list[str]:
    """Describe a net that does not tell the classes apart, or never predicts one."""
    true = [sum(row) for row in evaluation.confusion]
    largest = max(range(len(true)), key=true.__getitem__)
    if evaluation.interval[0] <= true[largest] / evaluation.count:
        name, share = listed([evaluation.classes[largest]]), 100 * true[largest] / evaluation.count
        return [
            f"an accuracy of {100 * evaluation.accuracy:.2f} % may be chance: predicting only {name} is {share:.2f} %"
        ]
    never = _never(evaluation.confusion, evaluation.classes)
    return [f"no test image is predicted as {listed(never)}"] if never else []


def _never(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> list[str]:
    """Return classes that have test images and are never predicted.

    >>> _never(((5, 0), (2, 0)), ("a", "b"))
    ['b']
    """
    predicted = [sum(column) for column in zip(*confusion, strict=True)]
    return [name for name, row, count in zip(classes, confusion, predicted, strict=True) if sum(row) and not count]


def _about_validation(last: Progress) -> list[str]:
    """Describe a net that knows its training images better than others."""
    if last.val_accuracy is None or last.accuracy - last.val_accuracy <= APART:
        return []
    both = f"{100 * last.accuracy:.1f} % in training and {100 * last.val_accuracy:.1f} % in validation"
    return [f"the accuracy is {both}: the net remembers its images; more of them, or fewer parameters, help most"]
