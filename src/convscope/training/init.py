"""Initial weights of recipes that do not use torch's own initialisation."""

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
"""Number of images whose patches are used."""

LEAST = 5e-4
"""Added to each variance, so that directions of almost no variance are not amplified."""


def begin(model: TorchNet, split: Split, dataset: Dataset, recipe: Recipe) -> None:
    """Initialise the weights as the recipe states.

    Raises:
        FieldError: the net has no convolution that can be initialised this way.
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
    """Make the first output channels copy the input (Dirac kernels); grouped convolutions keep their weights."""
    weight = conv.weight
    assert isinstance(weight, torch.Tensor)
    if conv.groups == 1:
        nn.init.dirac_(weight[: weight.shape[1]])


@torch.no_grad()
def whiten(conv: nn.Module, split: Split, dataset: Dataset) -> None:
    """Set the kernels to the principal directions of patches, with both signs, at variance 1, and freeze them.

    Source: Jordan, arXiv 2404.00498, after Page, "How to train your ResNet", part 8.

    Raises:
        FieldError: the convolution has more channels than there are directions, or is not two-dimensional.
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
    """Return ``patches values`` in the order of a kernel."""
    found = images.unfold(2, size[0], 1).unfold(3, size[1], 1)  # n c y x kh kw
    return found.permute(0, 2, 3, 1, 4, 5).reshape(-1, images.shape[1] * size[0] * size[1])
