"""Optimizers: AdamW for all weights, or Muon for kernels that are followed by a norm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import AdamW, Optimizer

from convscope.backends.device import FUSED
from convscope.errors import FieldError
from convscope.ops.norm import BatchNorm
from convscope.ops.pool import AvgPool, MaxPool
from convscope.training.head import head_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from convscope.backends.torch import TorchNet
    from convscope.training.recipe import Recipe

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration that brings singular values close to 1 (K. Jordan, "Muon", 2024)."""

ROUNDS = 3
MOMENTUM = 0.6
"""Settings of the CIFAR-10 record for which Muon was made (K. Jordan, cifar10-airbench)."""

COUNTED = "step"
MEANS, MOMENTA = frozenset({COUNTED, "exp_avg", "exp_avg_sq"}), frozenset({"momentum"})
"""The state that AdamW and Muon keep for each weight, shaped like the weight, except the step count."""


class Optimizers:
    """The optimizers of a model as one; their rates are fractions of the recipe's peak rates."""

    def __init__(self, model: TorchNet, recipe: Recipe) -> None:
        free = {id(weight) for weight in scale_free(model)} if recipe.muon_rate else set()
        learned = [weight for weight in model.parameters() if weight.requires_grad]
        rest = [weight for weight in learned if id(weight) not in free]
        self.all: list[Optimizer] = [_adamw(rest, recipe, _head(model) if recipe.head_rate else set())] if rest else []
        if free:
            self.all.append(Muon([weight for weight in learned if id(weight) in free], rate=recipe.muon_rate))
        self.peaks: list[list[float]] = [[group["lr"] for group in one.param_groups] for one in self.all]

    def step(self, share: float) -> None:
        """Take a step.

        Args:
            share: fraction of the peak rates.
        """
        for one, peaks in zip(self.all, self.peaks, strict=True):
            for group, peak in zip(one.param_groups, peaks, strict=True):
                group["lr"] = share * peak
            one.step()

    def forget(self) -> None:
        """Clear all gradients."""
        for one in self.all:
            one.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Return the state that later steps depend on, by ``optimizer.weight.name``."""
        return {
            f"{at}.{index}.{key}": tensor
            for at, one in enumerate(self.all)
            for index, kept in one.state_dict()["state"].items()
            for key, tensor in kept.items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Resume from a state; means have the memory order of their weights, since a fused step goes value by value.

        Raises:
            ValueError: the state belongs to other weights.
        """
        kept: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.all]
        weights = [[weight for group in one.param_groups for weight in group["params"]] for one in self.all]
        for name, tensor in tensors.items():
            at, index, key = name.split(".", 2)
            like = weights[int(at)][int(index)]
            if tensor.shape != (() if key == COUNTED else like.shape) or tensor.dtype != torch.float32:
                raise ValueError(f"optimizer.{name} is {tensor.dtype} {tuple(tensor.shape)}")
            moved = tensor if key == COUNTED else torch.empty_like(like, requires_grad=False).copy_(tensor)
            kept[int(at)].setdefault(int(index), {})[key] = moved
        for one, state in zip(self.all, kept, strict=True):
            names = {frozenset(found) for found in state.values()}
            if names - {MOMENTA if isinstance(one, Muon) else MEANS}:
                raise ValueError(f"the optimizer has {', '.join(sorted(set().union(*names)))}")
            one.load_state_dict({"state": state, "param_groups": one.state_dict()["param_groups"]})


def _head(model: TorchNet) -> set[int]:
    """Return the parameters of the head.

    Raises:
        FieldError: the net has no head with weights of its own.
    """
    head = head_of(model.net)
    if head is None:
        raise FieldError("the net has no head that could have a learning rate of its own", attempt="without lr_head")
    part = model.parts[model.names.index(head.node.name)]
    return {id(weight) for weight in part.parameters()}


def _adamw(weights: list[torch.nn.Parameter], recipe: Recipe, head: set[int]) -> AdamW:
    """Apply weight decay to kernels and matrices only, and a rate of its own to the head."""
    groups: list[dict[str, Any]] = []
    for of_head in (False, True):
        own = [weight for weight in weights if (id(weight) in head) is of_head]
        rate = {"lr": recipe.head_rate} if of_head else {}
        groups += [
            {"params": [one for one in own if one.dim() > 1], "weight_decay": recipe.weight_decay, **rate},
            {"params": [one for one in own if one.dim() <= 1], "weight_decay": 0.0, **rate},
        ]
    fused = weights[0].device.type in FUSED
    return AdamW(
        [group for group in groups if group["params"]], lr=recipe.learning_rate, betas=recipe.betas, fused=fused
    )


def scale_free(model: TorchNet) -> list[torch.nn.Parameter]:
    """Return kernels and matrices whose norm is irrelevant because a batch norm follows, directly or after pooling."""
    readers: dict[str, list[str]] = {}
    for layer in model.net:
        for name in layer.node.inputs:
            readers.setdefault(name, []).append(layer.node.name)
    ops = {layer.node.name: layer.node.op for layer in model.net}

    def leads(name: str) -> bool:
        found = readers.get(name, [])
        return bool(found) and all(
            isinstance(ops[reader], BatchNorm) or (isinstance(ops[reader], MaxPool | AvgPool) and leads(reader))
            for reader in found
        )

    parts = zip(model.names, model.parts, strict=True)
    alone = [(name, list(part.parameters())) for name, part in parts]
    return [
        weights[0]
        for name, weights in alone
        if len(weights) == 1 and weights[0].dim() > 1 and weights[0].requires_grad and leads(name)
    ]


class Muon(Optimizer):
    """Steps along the orthogonal matrix nearest to the momentum, on kernels of fixed norm.

    A kernel counts as a matrix with one row for each output channel. Its norm is kept at the square root of the number
    of rows, so that a rate is an angle; before a normalisation this changes nothing.
    """

    def __init__(self, weights: Iterable[torch.nn.Parameter], *, rate: float) -> None:
        super().__init__(weights, {"lr": rate})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override] # there is no closure
        """Update every weight that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].mul_(MOMENTUM).add_(weight.grad)
                ahead = weight.grad.add(momentum, alpha=MOMENTUM)
                weight.mul_(math.sqrt(len(weight)) / weight.norm().clamp_min(1e-12))
                weight.add_(orthogonal(ahead.reshape(len(weight), -1)).view_as(weight), alpha=-group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """Approximate the nearest orthogonal matrix in float32: singular values end up between 0.7 and 1.2.

    >>> found = orthogonal(torch.diag(torch.tensor([1.0, 2.0])))
    >>> bool(((found.diagonal() - 1).abs() < 0.35).all()), float(found[0, 1])
    (True, 0.0)
    """
    a, b, c = NEWTON_SCHULZ
    x = matrix.T if len(matrix) > matrix.shape[1] else matrix
    x = x / x.norm().clamp_min(1e-12)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = x.T if len(matrix) > matrix.shape[1] else x
    return found
