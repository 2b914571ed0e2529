"""Integrated gradients: gradients integrated from a baseline to the image (Sundararajan et al., 1703.01365)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from convscope.lens.saliency import gradient

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.lens.score import Score

STEPS = 50
"""Number of points on the path at which gradients are evaluated."""


def integrated(score: Score, x: Tensor, nothing: Tensor, *, steps: int = STEPS, batch: int = 16) -> Tensor:
    """``x: 1 c h w -> 1 c h w``: each value's contribution to the score; they add up to its change from the baseline.

    The integral is approximated by Gauss-Legendre quadrature.

    Args:
        score: the score of a class.
        x: the image.
        nothing: the baseline, ``1 c h w`` or ``1 c 1 1``.
        steps: number of points on the path.
        batch: number of points at a time.

    For the square and the baseline 0, it returns the square itself, 9:

    >>> integrated(lambda x: (x**2).sum((1, 2, 3)), torch.full((1, 1, 1, 1), 3.0), torch.zeros(1, 1, 1, 1)).item()
    9.0
    """
    positions, weights = np.polynomial.legendre.leggauss(steps)
    way = x - nothing
    total = torch.zeros(x.shape, dtype=torch.float64)  # on the CPU: some devices have no float64
    for at in range(0, steps, batch):
        some = torch.tensor((1 + positions[at : at + batch]) / 2, dtype=x.dtype).view(-1, 1, 1, 1).to(x.device)
        gradients = gradient(score, nothing + some * way)
        shares = torch.tensor(weights[at : at + batch] / 2).view(-1, 1, 1, 1)
        total += (shares * gradients.cpu()).sum(0, keepdim=True)
    return (total * way.cpu()).to(x.dtype)
