"""How sure a net is: probabilities of its predictions, and what the loss would be if all its scores were multiplied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.cost import net_macs
from convscope.explorer.document_run import Sureness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.core.net import Net
    from convscope.training.evaluate import Predicted

FACTORS = tuple(tenths / 10 for tenths in range(1, 101))
"""By which all scores are multiplied."""

LEAST, WORK, VALUES = 100, 5 * 10**10, 2 * 10**7
"""The fewest images for a loss, and the most multiply-adds and scores that are spent on it."""


def rows_of(net: Net, count: int, classes: int) -> NDArray[np.intp]:
    """Return the images whose scores are computed: all, evenly spaced ones, or none if they would be too few.

    >>> import convscope as cs
    >>> rows_of(cs.read("input 8x8x1, gap, linear 2"), 3, 2).tolist()
    [0, 1, 2]
    """
    most = min(count, WORK // max(1, net_macs(net).value), VALUES // classes)
    enough = most >= min(LEAST, count)
    return np.unique(np.linspace(0, count - 1, most if enough else 0).astype(np.intp))


def sureness(predicted: Predicted, rows: NDArray[np.intp], scores: NDArray[np.float64]) -> Sureness:
    """Return how sure a net is of its predictions.

    Args:
        predicted: the predictions for all images.
        rows: the images whose scores are known, as of :func:`rows_of`.
        scores: their scores, ``n classes``.
    """
    right = predicted.right
    return Sureness(
        correct=hundredths(predicted.confidence[right]),
        wrong=hundredths(predicted.confidence[~right]),
        mean_correct=_mean(predicted.confidence[right]),
        mean_wrong=_mean(predicted.confidence[~right]),
        scaled=scaled_losses(scores, predicted.labels[rows]) if len(rows) else (),
        scaled_images=len(rows),
    )


def hundredths(confidence: NDArray[np.float64]) -> tuple[int, ...]:
    """Count probabilities by hundredth, 1 in the last.

    >>> hundredths(np.array([0.004, 0.995, 1.0]))[::99]
    (1, 2)
    """
    at = np.minimum(99, np.floor(100 * confidence)).astype(int)
    return tuple(np.bincount(at, minlength=100).tolist())


def scaled_losses(scores: NDArray[np.float64], labels: NDArray[Any]) -> tuple[float, ...]:
    """Return the mean cross-entropy for each of :data:`FACTORS` [nat].

    Two classes with the same score: ln 2, whatever the factor.

    >>> {round(one, 4) for one in scaled_losses(np.zeros((3, 2)), np.array([0, 1, 1]))}
    {0.6931}
    """
    centred = scores - scores.max(1, keepdims=True)
    own = centred[np.arange(len(labels)), labels]
    return tuple(float(np.mean(np.log(np.exp(factor * centred).sum(1)) - factor * own)) for factor in FACTORS)


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
