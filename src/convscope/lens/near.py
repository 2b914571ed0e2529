"""The training images that are nearest to others, by the values that the last layer reads."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch

from convscope.analyze.cost import net_macs
from convscope.data.facts import at_hand
from convscope.errors import FieldError
from convscope.training.batches import scaled
from convscope.training.evaluate import BATCH
from convscope.training.unlike import last_weights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from convscope.backends.torch import TorchNet
    from convscope.data import Dataset
    from convscope.training.run import Run

NEAREST, AMONG = 6, 10_000
"""Number of nearest images, and the most training images that are searched, evenly spaced."""

WORK, VALUES = 2 * 10**10, 5 * 10**7
"""The most multiply-adds, and the most values that are held."""

AWAY = "Nearest training images are left out: the training images are not at hand."
LONG = "Nearest training images are left out: searching them takes long for this net."


def near(model: TorchNet, run: Run, images: NDArray[np.uint8]) -> list[list[tuple[int, float]]] | str:
    """Return index and distance of the nearest training images for each image, or why they were not searched.

    Args:
        model: the trained net.
        run: the run.
        images: uint8 ``n c h w``.
    """
    train = at_hand(run.dataset, "train")
    if isinstance(train, str):
        return AWAY
    rows = np.unique(np.linspace(0, len(train.images) - 1, min(AMONG, len(train.images))).astype(int))
    try:
        _, layer = last_weights(run.net)
    except FieldError:
        return LONG
    if len(rows) * max(net_macs(run.net).value / WORK, prod(run.net.shape(layer)) / VALUES) > 1:
        return LONG
    parts = (train.images[rows[at : at + BATCH]] for at in range(0, len(rows), BATCH))
    known, asked = (values(model, layer, batches, run.dataset) for batches in (parts, [images]))
    return [[(int(rows[at]), far) for at, far in row] for row in nearest(asked, known)]


def values(model: TorchNet, layer: str, batches: Iterable[NDArray[np.uint8]], dataset: Dataset) -> NDArray[np.float64]:
    """Return the values of a layer for batches of uint8 images ``n c h w``: ``n d``."""
    start = model.net.inputs[0].name
    with torch.inference_mode():
        parts = [
            model.values({start: scaled(torch.from_numpy(np.array(one)), dataset)}, [layer])[layer].flatten(1).numpy()
            for one in batches
        ]
    return np.concatenate(parts).astype(np.float64)


def nearest(asked: NDArray[np.float64], known: NDArray[np.float64]) -> list[list[tuple[int, float]]]:
    """Return index and Euclidean distance of the nearest rows of ``n d``, for each row of ``m d``.

    >>> nearest(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    [[(1, 1.0), (0, 5.0)]]
    """
    found = []
    for row in asked:
        apart = np.linalg.norm(known - row, axis=1)
        order = np.argsort(apart, kind="stable")[:NEAREST]
        found.append([(int(at), float(apart[at])) for at in order])
    return found
