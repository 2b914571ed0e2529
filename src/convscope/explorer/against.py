"""A second run on the same test images, and whether the difference is more than luck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.explorer.document_run import Against, Paired
from convscope.explorer.of_run import Found, Predictions, evaluated, found_in, part_of
from convscope.training import paired
from convscope.training.evaluate_run import predictions_of

if TYPE_CHECKING:
    from convscope.training.evaluate import Predicted
    from convscope.training.run import Run

DIFFERING = 200
"""The most images that are named of those that only one of two runs classifies correctly."""


def compared(run: Run, other: Run) -> tuple[Found, Against]:
    """Return what the document says of a run, and of another on the same test images.

    Raises:
        DataError: the runs have no test images or classes in common, or their images cannot be read.
        RunError: the weights do not fit the net.
    """
    paired.comparable(run, other)
    known, beyond = Predictions.of(run), Predictions.of(other, predictions_of(other, run.dataset))
    first, second = known.predicted, beyond.predicted
    differing: list[int] = np.flatnonzero(first.right != second.right).tolist()
    found = found_in(run, known, differing[:DIFFERING])
    beside, _ = part_of(other, evaluated(other, beyond))
    result = paired.compared(run, other, run.dataset, (first, second))
    (only_first, only_second), hits, count = result.only, result.evaluation[0].hits, result.evaluation[0].count
    return found, Against(
        run=beside,
        notation=str(other.net),
        paired=Paired(
            both=hits - only_first,
            only_first=only_first,
            only_second=only_second,
            neither=count - hits - only_second,
            difference=result.difference,
            interval=result.interval,
            p=result.p,
            images=tuple(_pair(at, first, second) for at in differing[:DIFFERING]),
        ),
    )


def _pair(at: int, first: Predicted, second: Predicted) -> tuple[int, int, int, int]:
    return at, int(first.labels[at]), int(first.predicted[at]), int(second.predicted[at])
