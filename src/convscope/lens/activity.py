"""What the channels of a trained net do on images: their mean and spread, dead channels and twins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.analyze.cost import net_macs
from convscope.analyze.memory import activation_bytes
from convscope.lens.activation_formulas import FORMULAS
from convscope.ops.act import Identity
from convscope.training.batches import scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.backends.torch import TorchNet
    from convscope.core.net import Net
    from convscope.data import Dataset

IMAGES, WORK, BYTES = 256, 10**10, 2**28
"""The most images, the most multiply-adds that are spent on them, and the most bytes of their values."""

LAYERS, CHANNELS = 48, 1024
"""The most layers, and the most channels of one."""

PLACES, PRODUCTS = 4096, 2**28
"""The most positions of all images at which channels are compared, and the most multiply-adds for that in a layer."""

ACTIVATIONS = frozenset(FORMULAS) - {Identity}

ALIKE, PAIRS = 0.999, 100
"""Correlation from which on channels are twins, and the most pairs of a layer."""


@dataclass(frozen=True)
class Activity:
    """The values of a layer over some images, one entry for each channel.

    Attributes:
        layer: the layer.
        images: number of images.
        mean: mean of the values.
        std: their standard deviation.
        positive: share of the values that are positive.
        dead: channels that have the same value at all positions of all images.
        twins: pairs of channels that rise and fall together (correlation of at least 0.999), dead ones left out.
        rank: effective rank of the channels: the exponential of the entropy of the eigenvalues of their covariance, as
            shares (Roy and Vetterli, EUSIPCO 2007); 0 if all are dead.
    """

    layer: str
    images: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    positive: tuple[float, ...]
    dead: tuple[int, ...]
    twins: tuple[tuple[int, int], ...]
    rank: float


def activity(
    model: TorchNet, net: Net, images: NDArray[np.uint8], dataset: Dataset
) -> tuple[tuple[Activity, ...], list[str]]:
    """Return the values of each activation over evenly spaced images, and a sentence on layers that are left out.

    Args:
        model: the trained net.
        net: the net.
        images: uint8 ``n c h w``.
        dataset: the set that the net was trained on, for the scale.
    """
    found = [layer for layer in net if type(layer.node.op) in ACTIVATIONS and layer.output[0] <= CHANNELS]
    if not found or not len(images):
        return (), []
    names = [layer.node.name for layer in found]
    size = sum(activation_bytes(layer.output) for layer in found[:LAYERS])
    count = max(1, min(IMAGES, len(images), WORK // max(1, net_macs(net).value), BYTES // size))
    rows = np.unique(np.linspace(0, len(images) - 1, count).astype(int))
    with torch.inference_mode():
        x = scaled(torch.from_numpy(np.stack([images[at] for at in rows])), dataset)
        values = model.values({net.inputs[0].name: x}, names[:LAYERS])
    told = (
        [f"Values of channels are given for the first {LAYERS} of {len(names)} activations."]
        if len(names) > LAYERS
        else []
    )
    return tuple(of_layer(name, values[name].numpy()) for name in names[:LAYERS]), told


def of_layer(name: str, values: NDArray[Any]) -> Activity:
    """Return the values of a layer ``n c h w`` by channel.

    >>> found = of_layer("relu1", np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 6.0]]))
    >>> found.dead, found.twins, found.positive
    ((0,), ((1, 2),), (0.0, 1.0, 1.0))
    """
    flat = values.reshape(*values.shape[:2], -1).swapaxes(0, 1).reshape(values.shape[1], -1).astype(np.float64)
    dead = flat.max(1) == flat.min(1)
    return Activity(
        layer=name,
        images=len(values),
        mean=tuple(flat.mean(1).tolist()),
        std=tuple(flat.std(1).tolist()),
        positive=tuple((flat > 0).mean(1).tolist()),
        dead=tuple(np.flatnonzero(dead).tolist()),
        twins=tuple(_twins(flat, dead)),
        rank=effective_rank(flat),
    )


def effective_rank(flat: NDArray[np.float64]) -> float:
    """Return how many channels ``c n`` there would be, if they were independent and of the same variance.

    >>> effective_rank(np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0], [2.0, 2.0, 2.0, 2.0]]))
    2.0
    """
    few = flat[:, :: max(1, flat.shape[1] // PLACES)]
    spectrum = np.linalg.eigvalsh(np.atleast_2d(np.cov(few, bias=True))).clip(min=0)
    if spectrum.sum() <= 0:
        return 0.0
    shares = spectrum[spectrum > 0] / spectrum.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _twins(flat: NDArray[np.float64], dead: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return pairs of channels ``c n`` that rise and fall together; none if there are too few values to tell."""
    alive = np.flatnonzero(~dead)
    if len(alive) < 2:
        return []
    most = min(PLACES, PRODUCTS // len(alive) ** 2)
    few = flat[alive][:, :: max(1, flat.shape[1] // most)]
    centred = few - few.mean(1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    first, second = np.nonzero(np.triu(unit @ unit.T >= ALIKE, 1))
    return [(int(alive[a]), int(alive[b])) for a, b in zip(first[:PAIRS], second[:PAIRS], strict=True)]
