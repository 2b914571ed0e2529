"""The gradient of a score with respect to each pixel (Simonyan, Vedaldi and Zisserman, arXiv 1312.6034)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.lens.score import Score


def gradient(score: Score, x: Tensor) -> Tensor:
    """``x: n c h w -> n c h w``: the gradient of the score of each image.

    >>> gradient(lambda x: (3 * x).sum((1, 2, 3)), torch.zeros(1, 1, 1, 2)).tolist()
    [[[[3.0, 3.0]]]]
    """
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        total = score(leaf).sum()
        if not total.requires_grad:  # no path leads from the image to the score
            return torch.zeros_like(leaf)
        (found,) = torch.autograd.grad(total, leaf, allow_unused=True, materialize_grads=True)
    return found


def strongest(values: Tensor) -> Tensor:
    """``n c h w -> n h w``: the largest absolute gradient over each pixel's channels."""
    return values.abs().amax(1)
