"""How sure a net is: probabilities of its predictions, and what the loss would be if all its scores were multiplied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.cost import net_macs
from convscope.explorer.document_run import Sureness

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convscope.core.net import Net
    from convscope.training.evaluate import Predicted

    Scores = Callable[[NDArray[np.uint8]], NDArray[np.float64]]

FACTORS = tuple(tenths / 10 for tenths in range(1, 101))
"""By which all scores are multiplied."""

LEAST, WORK = 100, 5 * 10**10
"""The fewest images for a loss, and the most multiply-adds that are spent on it."""


def sureness(predicted: Predicted, images: NDArray[np.uint8], net: Net, scores: Scores) -> Sureness:
    """Return how sure a net is of its predictions.

    Args:
        predicted: the predictions for all images.
        images: uint8 ``n c h w``.
        net: the net, for the price of an image.
        scores: what it gives for some images, ``n classes``.
    """
    right = predicted.right
    count = min(len(images), WORK // max(1, net_macs(net).value))
    rows = np.unique(np.linspace(0, len(images) - 1, max(count, 1)).astype(int))
    enough = len(rows) >= min(LEAST, len(images))
    losses = scaled_losses(scores(images[rows]), predicted.labels[rows]) if enough else ()
    return Sureness(
        correct=hundredths(predicted.confidence[right]),
        wrong=hundredths(predicted.confidence[~right]),
        mean_correct=_mean(predicted.confidence[right]),
        mean_wrong=_mean(predicted.confidence[~right]),
        scaled=losses,
        scaled_images=len(rows) if losses else 0,
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
