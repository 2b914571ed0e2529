"""Images that are unlike all that a net was trained on: their distance in the channels that its last layer reads.

The rule is that of `Lee et al. 2018 <https://arxiv.org/abs/1807.03888>`_: the squared Mahalanobis distance to the
nearest class mean, with the covariance within classes, of the channels that the last layer with weights reads. Means
and covariance are those of training images. An image is unlike them if it is farther than 99 % of the run's own test
images, so 1 % of images like those are refused as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.backends.device import device_of
from convscope.data import registry
from convscope.errors import FieldError
from convscope.ops.conv import Conv
from convscope.ops.linear import Linear
from convscope.training.batches import scaled
from convscope.training.evaluate import BATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.backends.torch import TorchNet
    from convscope.core.net import Net
    from convscope.data import Dataset, Split
    from convscope.training.run import Run

AMONG = 5_000
"""The most training images that are used, and the most test images, evenly spaced over each set."""

QUANTILE = 0.99
"""The share of the run's own test images that are within the limit."""

MOST = 512
"""The most features; more are projected on this many random directions."""

FLOOR = 1e-3
"""The least variance along any direction, as a share of the largest."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """A measure of how far images are from those that a net was trained on.

    Attributes:
        layer: the layer whose channels are compared.
        limit: the distance within which 99 % of the run's own test images are.
        whitener: turns features into axes of equal variance, ``d d``.
        means: of the classes that have images, in these axes, ``k d``.
        model: the net.
        dataset: the set that it was trained on, for the scale.
    """

    layer: str
    limit: float
    whitener: NDArray[np.float64] = field(repr=False)
    means: NDArray[np.float64] = field(repr=False)
    model: TorchNet = field(repr=False)
    dataset: Dataset = field(repr=False)

    def distances(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the squared distance of each image ``n c h w`` to the nearest class mean."""
        return _nearest(features(self.model, self.layer, images, self.dataset) @ self.whitener, self.means)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"rule": "mahalanobis", "layer": self.layer, "quantile": QUANTILE, "limit": self.limit}


def likeness(run: Run, model: TorchNet) -> Likeness:
    """Measure training and test images of a run.

    Args:
        run: the run, whose images are read.
        model: its net with its weights.

    Raises:
        DataError: the images cannot be read, or are not those of the run.
        FieldError: the net has no layer with weights, or there is no test image.
    """
    dataset, layer = run.dataset, last_weights(model.net)[1]
    train, test = (registry.load(dataset, split) for split in ("train", "test"))
    if not len(test.images):
        raise FieldError("the limit of the distance needs test images, and the run has none")
    images, labels = _some(train)
    found = features(model, layer, images, dataset)
    known = np.unique(labels)
    means = np.stack([found[labels == one].mean(0) for one in known])
    within = found - means[np.searchsorted(known, labels)]
    values, axes = np.linalg.eigh(within.T @ within / len(within))
    whitener = axes / np.sqrt(np.maximum(values, max(FLOOR * values.max(), 1e-12)))
    own = features(model, layer, _some(test)[0], dataset)
    limit = float(np.quantile(_nearest(own @ whitener, means @ whitener), QUANTILE))
    return Likeness(layer, limit, whitener, means @ whitener, model, dataset)


def last_weights(net: Net) -> tuple[str, str]:
    """Return the last layer that weights channels, and the layer that it reads.

    Raises:
        FieldError: the net has no such layer.

    >>> import convscope as cs
    >>> last_weights(cs.read("input 8x8x1, conv 4 3x3, relu, gap, linear 2"))
    ('linear1', 'gap1')
    """
    for layer in reversed(net.layers):
        if isinstance(layer.node.op, Linear | Conv):
            return layer.node.name, layer.node.inputs[0]
    raise FieldError("no layer of this net weights its channels", expected="a linear layer or a convolution")


def features(model: TorchNet, layer: str, images: NDArray[np.uint8], dataset: Dataset) -> NDArray[np.float64]:
    """Return the channels of a layer for each image, ``n d``; the mean over positions of a map."""
    start, place = model.net.inputs[0].name, device_of(model)
    parts = []
    with torch.inference_mode():
        for at in range(0, len(images), BATCH):
            x = scaled(torch.from_numpy(np.array(images[at : at + BATCH])).to(place), dataset)
            value = model.values({start: x}, [layer])[layer]
            parts.append((value.flatten(2).mean(2) if value.ndim > 2 else value).cpu().double().numpy())
    found = np.concatenate(parts)
    if found.shape[1] <= MOST:
        return found
    return found @ np.random.default_rng(0).normal(scale=MOST**-0.5, size=(found.shape[1], MOST))


def _some(split: Split) -> tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]:
    rows = np.linspace(0, len(split.images) - 1, min(AMONG, len(split.images))).astype(int)
    return split.images[rows], np.asarray(split.labels)[rows]


def _nearest(points: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared distance of each point to the nearest mean."""
    apart = (points**2).sum(1)[:, None] - 2 * points @ means.T + (means**2).sum(1)
    nearest: NDArray[np.float64] = np.maximum(apart, 0).min(1)
    return nearest
