"""Test-time augmentation: a net's mean prediction over several views of each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from torch import nn

from convscope.errors import FieldError, ShapeError
from convscope.training.loop import layout

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.training.recipe import Recipe

VIEWS = (1, 2, 6)
"""The image itself; with its mirror image; with both shifted by a pixel towards two corners."""

PLANE = 3
"""Number of axes of an image with height and width."""


class Augmented(nn.Module):
    """A net that evaluates several views of each image and returns its mean scores.

    With six views, the unshifted image weighs as much as the two that are shifted up left and down right by a pixel
    with replicated edges (Jordan, arXiv 2404.00498).

    Args:
        model: returns scores ``n classes`` for ``n c h w``.
        count: number of views, one of :data:`VIEWS`.

    >>> import torch
    >>> left = lambda images: images[:, 0, :, :1].sum(1)  # the net: the sum of the left column
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> Augmented(left, 1)(image)
    tensor([[4.]])
    >>> Augmented(left, 2)(image)  # 1 + 3 and, mirrored, 2 + 4
    tensor([[5.]])
    """

    def __init__(self, model: nn.Module, count: int) -> None:
        super().__init__()
        self.model: nn.Module = model
        self.count: int = count

    def forward(self, images: Tensor) -> Tensor:
        """Return scores ``n classes``."""
        if self.count <= 2:
            return self._both(images)
        wide = F.pad(images, (1, 1, 1, 1), mode="replicate")
        moved = self._both(wide[:, :, :-2, :-2]) + self._both(wide[:, :, 2:, 2:])
        return 0.5 * self._both(images) + 0.25 * moved

    def _both(self, images: Tensor) -> Tensor:
        """Return the mean scores of the images and their mirror images."""
        scores: Tensor = self.model(layout(images))
        if self.count == 1:
            return scores
        mirrored: Tensor = self.model(layout(images.flip(-1)))
        return 0.5 * (scores + mirrored)


def check_tta(count: int, recipe: Recipe, shape: tuple[int, ...]) -> None:
    """Check that a run can be evaluated with this many views.

    Raises:
        FieldError: this number is not supported, or the net was not trained on mirror images.
        ShapeError: the images have no height and width.
    """
    if count not in VIEWS:
        raise FieldError(
            f"test-time augmentation cannot use {count} views", expected=f"one of {', '.join(map(str, VIEWS))}"
        )
    if count == 1:
        return
    if len(shape) != PLANE:
        raise ShapeError("mirror images and shifts need images with height and width")
    if not recipe.flip:
        raise FieldError(
            f"{count} views include mirror images, and this run was not trained on any",
            attempt="1 view, or a recipe with flip = true",
        )
