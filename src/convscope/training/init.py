"""Weights before the first step, where a recipe wants others than torch draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from convscope.errors import FieldError
from convscope.training.batches import scaled

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.backends.torch import TorchNet
    from convscope.data import Dataset, Split
    from convscope.training.recipe import Recipe

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
IMAGES = 5000
"""Whose patches are looked at."""

LEAST = 5e-4
"""Added to each variance, so that directions in which nothing happens are not blown up."""


def begin(model: TorchNet, split: Split, dataset: Dataset, recipe: Recipe) -> None:
    """Set the weights as the recipe wants them.

    Raises:
        FieldError: the net has no convolution that can be set so.
    """
    convs = [part for part in model.parts if isinstance(part, CONVS)]
    if recipe.dirac:
        for conv in convs:
            dirac(conv)
    if recipe.whiten:
        if not convs:
            raise FieldError("whiten: the net has no convolution")
        whiten(convs[0], split, dataset)


@torch.no_grad()
def dirac(conv: nn.Module) -> None:
    """The first output channels repeat the input (Dirac kernels); layers of groups stay as they are."""
    weight = conv.weight
    assert isinstance(weight, torch.Tensor)
    if conv.groups == 1:
        nn.init.dirac_(weight[: weight.shape[1]])


@torch.no_grad()
def whiten(conv: nn.Module, split: Split, dataset: Dataset) -> None:
    """The kernels become the main directions of the set's patches, once with each sign, scaled to variance 1, and stay.

    Source: Jordan, arXiv 2404.00498, after Page, "How to train your ResNet", part 8.

    Raises:
        FieldError: the convolution has no use for so many directions, or is not one on images.
    """
    if not isinstance(conv, nn.Conv2d) or conv.groups > 1 or conv.out_channels % 2:
        raise FieldError("whiten: the first convolution must be two-dimensional, with an even number of channels")
    count = conv.out_channels // 2
    patches = _patches(scaled(torch.from_numpy(np.array(split.images[:IMAGES])), dataset), conv.kernel_size)
    if count > patches.shape[1]:
        raise FieldError(f"whiten: a patch has {patches.shape[1]} values, so at most {2 * patches.shape[1]} channels")
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    main = (vectors / (values + LEAST).sqrt()).T.flip(0)[:count]
    kernels = main.reshape(count, *conv.weight.shape[1:])
    conv.weight.copy_(torch.cat([kernels, -kernels]))
    conv.weight.requires_grad_(False)  # noqa: FBT003 -- torch's own


def _patches(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """``patches numbers`` in the order of a kernel."""
    found = images.unfold(2, size[0], 1).unfold(3, size[1], 1)  # n c y x kh kw
    return found.permute(0, 2, 3, 1, 4, 5).reshape(-1, images.shape[1] * size[0] * size[1])
