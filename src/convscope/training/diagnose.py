"""Find where values stopped being finite."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from convscope.backends.torch import TorchNet


def gradient_norm(model: nn.Module) -> float | None:
    """Return the norm of the gradient over all weights, or None before the first backward pass."""
    gradients = [one.grad.float().norm() for one in model.parameters() if one.grad is not None]
    return float(torch.stack(gradients).norm()) if gradients else None


def first_bad(model: TorchNet, images: Tensor) -> str:
    """Describe the first layer whose weight, or else whose output, is not finite.

    >>> import convscope as cs
    >>> from convscope.backends.torch import TorchNet
    >>> model = TorchNet(cs.read("input 2, relu, linear 2"))
    >>> first_bad(model, torch.ones(1, 2))
    'the output of every layer is finite'
    >>> _ = model.parts[1].bias.data.fill_(torch.inf)
    >>> first_bad(model, torch.ones(1, 2))
    'linear1.bias is not finite'
    """
    for name, part in zip(model.names, model.parts, strict=True):
        for key, weight in part.named_parameters():
            if not torch.isfinite(weight).all():
                return f"{name}.{key} is not finite"
    found: list[str] = []
    hooks = [
        part.register_forward_hook(partial(_note, name, found))
        for name, part in zip(model.names, model.parts, strict=True)
    ]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return f"the output of {found[0]} is not finite" if found else "the output of every layer is finite"


def _note(name: str, found: list[str], part: nn.Module, given: Any, output: Tensor) -> None:  # noqa: ARG001 -- torch's own
    if not torch.isfinite(output).all():
        found.append(name)
