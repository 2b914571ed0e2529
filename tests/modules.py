"""Modules of torch in which hooks go wrong: layers used twice, in place, functional."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from torch import Tensor, nn


class Reused(nn.Module):
    """One ReLU after three layers, one convolution twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.twice = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.last = nn.Linear(8 * 4 * 4, 5)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.first(x)))
        x = self.relu(self.twice(x))
        x = self.pool(self.relu(self.twice(x)))
        found: Tensor = self.last(x.flatten(1))
        return found


class InPlace(nn.Module):
    """A residual block whose activations write over their inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 5, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.inner = nn.Conv2d(6, 6, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        y = self.inner(x)
        y += x
        found: Tensor = self.head(F.relu_(y).mean((2, 3)))
        return found


class Functional(nn.Module):
    """Two paths that meet, all without modules but for the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(1, 4, 3, padding=1)
        self.right = nn.Conv2d(1, 4, 5, padding=2)
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([F.relu(self.left(x)), F.max_pool2d(F.relu(self.right(x)), 3, 1, 1)], 1)
        return F.adaptive_avg_pool2d(self.head(F.avg_pool2d(both, 2)), 1).flatten(1)


class Gated(nn.Module):
    """Squeeze and excite, a smooth activation, a stride, groups."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 3, stride=2, padding=1, groups=2)
        self.gate = nn.Linear(8, 8)
        self.deep = nn.Conv2d(8, 6, 3)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.stem(x))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        found: Tensor = self.head(F.gelu(self.deep(x)).amax((2, 3)))
        return found


MODULES: dict[str, tuple[type[nn.Module], str]] = {
    "reused": (Reused, "16x16x3"),
    "in place": (InPlace, "15x13x3"),
    "functional": (Functional, "12x10x1"),
    "gated": (Gated, "14x14x2"),
}
"""Module and size of its input."""


def made(name: str) -> tuple[nn.Module, str]:
    """A module with weights of a fixed seed, ready to be asked."""
    torch.manual_seed(3)
    kind, size = MODULES[name]
    module = kind().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean = torch.randn(part.num_features)
            part.running_var = torch.rand(part.num_features) + 0.5
    return module, size
