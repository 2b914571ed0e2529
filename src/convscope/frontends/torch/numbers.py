"""Values of a run whose code depends on values; they are computed within a budget.

The image of such a run is noise. Decisions based on values after a hundred convolutions of noise are meaningless, but
the code must be able to make them; so convolutions beyond the budget return their bias and weak noise, as for an almost
empty image. A detector then finds nothing, instead of hundreds of objects.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.frontends.torch.call import Call

BUDGET = 2 * 10**9
"""Budget of multiply-adds in convolutions: about a second on one core without oneDNN."""

FAINT = 0.05
"""Factor on the strength of noise from one skipped convolution to the next."""

MANY = 2**16
"""Number of random values, which are repeated."""

CONVOLUTIONS = {
    "convolution", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
}  # fmt: skip


class Numbers:
    """Computes the operations of one run."""

    def __init__(self) -> None:
        self.left = BUDGET

    def of(self, call: Call) -> Any:
        """Return the result of an operation."""
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
    """Return weak noise around the bias, relative to a convolution of noise."""
    strength = FAINT * _strength(image) * _strength(weight) * math.prod(weight.shape[1:]) ** 0.5
    few = torch.randn(MANY, generator=torch.Generator().manual_seed(0)) * strength
    found: Tensor = few.repeat(-(-room.numel() // MANY))[: room.numel()].reshape(room.shape).to(room.dtype)
    if bias is None:
        return found
    around: Tensor = found + bias.reshape(-1, *[1] * (weight.dim() - 2))
    return around


def _strength(tensor: Tensor) -> float:
    """Return the root mean square."""
    length = float(torch.linalg.vector_norm(tensor))
    return length / math.sqrt(max(1, tensor.numel()))
