"""The measured effective receptive field: the gradients of a unit, averaged over many images.

The map shows absolute gradients; the width that theory predicts is that of their squares. With random weights of mean
zero, each convolution spreads the expected square like a box filter, so that a stack of ``n`` convolutions of ``k``
taps has the variance ``n*(k*k - 1)/12`` along each axis (Luo, Li, Urtasun and Zemel, arXiv 1701.04128). Absolute
gradients are wider, near a Gaussian by the square root of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.analyze.effective import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.backends.torch import TorchNet

    Heat = NDArray[np.float64]

PARTS = 8
"""Number of groups of images, whose differences give the error of a width."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The response of a unit to each pixel; prints itself.

    Attributes:
        weights: the origin of the net's weights, in words.
        images: number of images.
        parts: mean absolute gradients of each group of images, ``groups h w``, summed over the image's channels.
        squares: mean squared gradients, likewise.
        area: number of pixels in the box of the exact support.
    """

    weights: str
    images: int
    parts: Heat = field(repr=False)
    squares: Heat = field(repr=False)
    area: int

    @property
    def heat(self) -> Heat:
        """Mean absolute gradient of each pixel, ``h w``."""
        found: Heat = self.parts.mean(0)
        return found

    @property
    def std(self) -> tuple[float, float]:
        """Standard deviation of the absolute gradients along each axis [input pixel]."""
        return widths(self.heat)

    @property
    def error(self) -> tuple[float, float]:
        """Standard error of :attr:`std`, from the groups of images (jackknife) [input pixel]."""
        return jackknife(self.parts)

    @property
    def power_std(self) -> tuple[float, float]:
        """Standard deviation of the squared gradients along each axis [input pixel]."""
        return widths(self.squares.mean(0))

    def shares(self) -> dict[int, float]:
        """For 20, 30, 50 and 99 % of the weight: the fewest pixels that hold it, as a fraction of the box."""
        total = float(self.heat.sum())
        if not self.area or not total:
            return {}
        falling = np.cumsum(np.sort(self.heat, axis=None)[::-1]) / total
        counts = {level: int(np.searchsorted(falling, level / 100 - 1e-12)) + 1 for level in LEVELS}
        return {level: count / self.area for level, count in counts.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "weights": self.weights,
            "images": self.images,
            "std": list(self.std),
            "error": None if math.isnan(self.error[0]) else list(self.error),
            "power_std": list(self.power_std),
            "box_share_for_percent": {str(level): share for level, share in self.shares().items()},
            "low": float(self.heat.min()),
            "high": float(self.heat.max()),
        }

    def __str__(self) -> str:
        if not self.heat.any():
            return f"weights {self.weights}: no gradient reaches the image"
        pairs = zip(self.std, self.error, strict=True)
        std = ", ".join(f"{value:.2f}" + ("" if math.isnan(error) else f" ± {error:.2f}") for value, error in pairs)
        power = ", ".join(f"{value:.2f}" for value in self.power_std)
        shares = ", ".join(f"{level} % in {100 * share:.1f} %" for level, share in self.shares().items())
        return f"weights {self.weights}: standard deviation {std} pixels (of squares {power}); {shares} of the box"

    __repr__ = __str__


def measured(  # noqa: PLR0913 -- the parts of the question
    model: TorchNet, layer: str, at: Sequence[slice], images: Tensor, *, weights: str, area: int, batch: int = 16
) -> Measured:
    """Measure the field of units of a layer, summed over all channels.

    Args:
        model: the net.
        layer: its name.
        at: the units along each axis of its map.
        images: scaled for the net, ``n c h w``.
        weights: the origin of the weights, in words.
        area: number of pixels in the box of the exact support.
        batch: images at a time.
    """
    groups = np.array_split(np.arange(len(images)), min(PARTS, len(images)))
    sums = [_means(model, layer, at, images[torch.from_numpy(group)], batch) for group in groups]
    parts, squares = (np.stack(column) for column in zip(*sums, strict=True))
    return Measured(weights, len(images), parts, squares, area)


def _means(model: TorchNet, layer: str, at: Sequence[slice], images: Tensor, batch: int) -> tuple[Heat, Heat]:
    """Return mean absolute and mean squared gradients, ``h w``."""
    absolute, squared = torch.zeros(images.shape[2:]).double(), torch.zeros(images.shape[2:]).double()
    for part in torch.split(images, batch):
        leaf = part.detach().clone().requires_grad_()
        with torch.enable_grad():
            value = model.values({model.net.inputs[0].name: leaf}, [layer])[layer]
            units = value[(slice(None), slice(None), *at)].sum()
            (slopes,) = torch.autograd.grad(units, leaf, allow_unused=True, materialize_grads=True)
        there = slopes.cpu().double()
        absolute += there.abs().sum((0, 1))
        squared += there.square().sum((0, 1))
    return (absolute / len(images)).numpy(), (squared / len(images)).numpy()


def widths(heat: Heat) -> tuple[float, float]:
    """Return the standard deviation of a heat map along each axis [input pixel]; 0 if the map is zero.

    A box of 3 pixels has the variance (9 - 1)/12:

    >>> round(widths(np.ones((3, 1)))[0] ** 2, 6)
    0.666667
    """
    total = float(heat.sum())
    found = []
    for axis in range(2):
        share = heat.sum(1 - axis) / (total or 1)
        positions = np.arange(len(share))
        found.append(math.sqrt(max(0.0, float(share @ (positions - share @ positions) ** 2))))
    return found[0], found[1]


def jackknife(parts: Heat) -> tuple[float, float]:
    """Return the standard error of the widths of the mean of heat maps ``groups h w``; NaN for one group."""
    count = len(parts)
    if count < 2:
        return math.nan, math.nan
    left_out = np.array([widths((parts.sum(0) - one) / (count - 1)) for one in parts])
    errors = np.sqrt((count - 1) / count * ((left_out - left_out.mean(0)) ** 2).sum(0))
    return float(errors[0]), float(errors[1])
