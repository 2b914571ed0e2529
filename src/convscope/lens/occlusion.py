"""Occlusion: the drop in score when a patch is covered (Zeiler and Fergus, arXiv 1311.2901)."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.lens.score import Score

PATCHES = 14
"""Approximate default number of patches along an axis."""


def window(side: int) -> tuple[int, int]:
    """Return the default patch and step along an axis: neighbours overlap by half.

    >>> window(28), window(224), window(1)
    ((4, 2), (32, 16), (1, 1))
    """
    step = max(1, side // PATCHES)
    return min(side, 2 * step), step


def occlusion(  # noqa: PLR0913 -- the parts of the question
    score: Score, x: Tensor, nothing: Tensor, size: tuple[int, int], step: tuple[int, int], *, batch: int = 16
) -> Tensor:
    """``x: 1 c h w -> h w``: the drop in score, averaged over the patches that cover a pixel.

    Args:
        score: the score of a class.
        x: the image.
        nothing: the value that covers the patch, ``1 c 1 1``.
        size: height and width of a patch.
        step: from patch to patch; the last one is cut off at the border.
        batch: patches at a time.

    >>> image = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    >>> occlusion(lambda x: x.sum((1, 2, 3)), image, torch.zeros(1, 1, 1, 1), (1, 1), (1, 1)).tolist()
    [[1.0, 2.0, 3.0]]
    """
    positions = list(product(*(_starts(*axis) for axis in zip(x.shape[2:], size, step, strict=True))))
    falls, counts = torch.zeros(x.shape[2:], dtype=torch.float64), torch.zeros(x.shape[2:])
    with torch.inference_mode():
        whole = score(x)
        for at in range(0, len(positions), batch):
            some = positions[at : at + batch]
            covered = x.repeat(len(some), 1, 1, 1)
            for one, (top, left) in zip(covered, some, strict=True):
                one[:, top : top + size[0], left : left + size[1]] = nothing[0]
            for fall, (top, left) in zip((whole - score(covered)).cpu().tolist(), some, strict=True):
                falls[top : top + size[0], left : left + size[1]] += fall
                counts[top : top + size[0], left : left + size[1]] += 1
    return (falls / counts.clamp(min=1)).to(x.dtype)


def _starts(length: int, size: int, step: int) -> range:
    """Return the first pixels of patches along an axis that cover every pixel."""
    return range(0, math.ceil(max(0, length - size) / step) * step + 1, step)
