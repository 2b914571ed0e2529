"""The numbers of a run whose code looks at numbers: computed, as long as that does not take long.

The image of such a run is noise. What code decides by the numbers after a hundred convolutions of noise means nothing,
but it has to be able to decide; so convolutions beyond a budget give their bias and a little noise, as those of an
image on which there is next to nothing would. A detector then finds nothing, instead of hundreds of things.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.frontends.torch.call import Call

BUDGET = 2 * 10**9
"""Multiply-adds of convolutions that are computed: about a second on one core, without oneDNN."""

FAINT = 0.05
"""Part of the strength that noise keeps from a convolution that is not computed to the next."""

MANY = 2**16
"""Random numbers, which are repeated."""

CONVOLUTIONS = {
    "convolution", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
}  # fmt: skip


class Numbers:
    """Computes the operations of one run."""

    def __init__(self) -> None:
        self.left = BUDGET

    def of(self, call: Call) -> Any:
        """What an operation gives."""
        if call.name not in CONVOLUTIONS or len(call.args) < 2 or not call.args[0].is_floating_point():
            return call.run()
        room: Tensor = call.on_meta()
        weight = call.args[1]
        self.left -= room.numel() * math.prod(weight.shape[1:])
        return call.run() if self.left >= 0 else _noise(room, call.args[0], weight, _bias(call))


def _bias(call: Call) -> Tensor | None:
    found: Tensor | None = call.args[2] if len(call.args) > 2 else call.kwargs.get("bias")
    return found


def _noise(room: Tensor, image: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Noise around the bias, of a part of the strength that a convolution of noise has."""
    strength = FAINT * _strength(image) * _strength(weight) * math.prod(weight.shape[1:]) ** 0.5
    few = torch.randn(MANY, generator=torch.Generator().manual_seed(0)) * strength
    found: Tensor = few.repeat(-(-room.numel() // MANY))[: room.numel()].reshape(room.shape).to(room.dtype)
    if bias is None:
        return found
    around: Tensor = found + bias.reshape(-1, *[1] * (weight.dim() - 2))
    return around


def _strength(tensor: Tensor) -> float:
    """Root of the mean square."""
    length = float(torch.linalg.vector_norm(tensor))
    return length / math.sqrt(max(1, tensor.numel()))
