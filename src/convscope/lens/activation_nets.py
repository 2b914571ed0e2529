"""Pre-activations: the inputs of the activation functions in a trained net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from convscope.backends.device import CPU
from convscope.core.op import spelled
from convscope.data.facts import at_hand
from convscope.errors import RunError
from convscope.lens.activation_curves import FUNCTIONS, curve
from convscope.training.evaluate import logits
from convscope.training.train import model_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from convscope.backends.device import Device
    from convscope.core.net import Layer
    from convscope.training.run import Run

IMAGES, PART = 500, 50
"""The most test images that are used, and how many at a time."""

BINS, REACH = 120, 5.0
"""Number of bins of a histogram, and the least range to either side."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The distribution of a layer's pre-activations in a trained net, over all positions of all images.

    Attributes:
        layer: name of the activation.
        function: as the notation writes it.
        edges: edges of the bins, one more than counts; outliers are in the first and the last bin.
        counts: number of values in each bin.
        dead: fraction in the dead zone.
        saturated: fraction in the saturated zone.
        silent: number of channels (of maps) or units that are in a flat zone for every image, at all positions.
        channels: number of channels or units.
    """

    layer: str
    function: str
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    dead: float
    saturated: float
    silent: int
    channels: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "layer": self.layer,
            "function": self.function,
            "edges": self.edges.tolist(),
            "counts": self.counts.tolist(),
            "dead": self.dead,
            "saturated": self.saturated,
            "silent": self.silent,
            "channels": self.channels,
        }


class _Tally:
    """Counts the pre-activations of one layer, a batch at a time."""

    def __init__(self, layer: Layer) -> None:
        self.layer, self.curve = layer, curve(layer.node.op)
        self.alive = np.zeros(layer.inputs[0][0], bool)
        self.flat, self.total = {"dead": 0, "saturated": 0}, 0
        self.edges: NDArray[np.float64] | None = None
        self.counts = np.zeros(BINS, np.int64)

    def __call__(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        rows = inputs[0].detach().movedim(1, 0).flatten(1).cpu().numpy()
        if self.edges is None:
            self.edges = _edges(rows)
        zones = self.curve.flat(rows)
        for kind, inside in zones.items():
            self.flat[kind] += int(inside.sum())
        self.alive |= ~(zones["dead"] | zones["saturated"]).all(1)
        self.total += rows.size
        self.counts += np.histogram(np.clip(rows, self.edges[0], self.edges[-1]), self.edges)[0]

    def seen(self) -> Seen:
        assert self.edges is not None, "the net has run"
        dead, saturated = (self.flat[kind] / self.total for kind in ("dead", "saturated"))
        name, function = self.layer.node.name, spelled(self.layer.node.op)
        silent = int((~self.alive).sum())
        return Seen(name, function, self.edges, self.counts, dead, saturated, silent, len(self.alive))


def _edges(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Choose bins from -5 to 5, or as wide as 99.8 % of the first values."""
    low, high = np.quantile(rows.ravel()[:: max(1, rows.size // 100_000)], (0.001, 0.999))
    return np.linspace(min(-REACH, float(low)), max(REACH, float(high)), BINS + 1)


def layers_of(run: Run) -> tuple[Layer, ...]:
    """Return the activations of a run's net.

    Raises:
        RunError: the net has none.
    """
    found = tuple(layer for layer in run.net if layer.node.op.keyword in FUNCTIONS and layer.node.op.keyword != "id")
    if not found:
        raise RunError(f"{run.path} has no activation function", given=str(run.net))
    return found


def pre_activations(run: Run, layers: Iterable[Layer], device: Device = CPU) -> tuple[Seen, ...]:
    """Run a trained net on evenly spaced test images and count the pre-activations of these layers.

    Without test images at hand, there is nothing to count, and the result is empty.

    Raises:
        RunError: the weights do not belong to the net.
        DataError: the user named images, and they are not those of the run.
    """
    model, split = model_of(run, device), at_hand(run.dataset, "test", few=True)
    if isinstance(split, str):
        return ()
    positions = np.linspace(0, len(split.images) - 1, min(IMAGES, len(split.images))).astype(int)
    tallies = [_Tally(layer) for layer in layers]
    for tally in tallies:
        model.parts[model.names.index(tally.layer.node.name)].register_forward_pre_hook(tally)
    with device.exact():
        for at in range(0, len(positions), PART):
            logits(model, torch.from_numpy(split.images[positions[at : at + PART]].copy()), run.dataset)
    return tuple(tally.seen() for tally in tallies)
