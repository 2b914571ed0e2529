"""The trained module of a run, for use in any program with torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from convscope.training.export import channel_scale
from convscope.training.train import model_of

if TYPE_CHECKING:
    from convscope.data import Dataset
    from convscope.training.run import Run


class Scale(nn.Module):
    """Images of 0 to 255, uint8 or float, ``n c h w``, to those that the net was trained on."""

    mean: Tensor
    std: Tensor

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        mean, std = (torch.tensor(values, dtype=torch.float32) for values in channel_scale(dataset))
        across = (-1,) + (1,) * (len(dataset.shape) - 1)
        self.register_buffer("mean", (255 * mean).view(across))
        self.register_buffer("std", (255 * std).view(across))

    def forward(self, images: Tensor) -> Tensor:
        """Return the scaled images in float32."""
        scaled: Tensor = (images.float() - self.mean) / self.std
        return scaled


def module_of(run: Run, *, scaled: bool = True) -> nn.Module:
    """Return the trained module of a run, in evaluation mode: images ``n c h w`` to logits ``n classes``.

    Args:
        run: the run.
        scaled: whether it takes images of 0 to 255; else it takes images that :class:`Scale` has scaled.

    Raises:
        RunError: the weights do not fit the net.
    """
    net = nn.Sequential(model_of(run), nn.Flatten(1))
    return (nn.Sequential(Scale(run.dataset), *net) if scaled else net).eval()
