"""Small modules whose forward is a function, for tests of what reads or probes modules."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows


class Functional(nn.Module):
    """A module whose forward is a function."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.function = forward

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def attended(self: Any, x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    found: Tensor = self.attention(tokens, tokens, tokens)[0]
    return found


def windows(x: Tensor, size: int) -> Tensor:
    n, c, h, w = x.shape
    cut = x.reshape(n, c, h // size, size, w // size, size).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(-1, size * size, c)


def whole(tokens: Tensor, size: int, height: int, width: int) -> Tensor:
    cut = tokens.reshape(-1, height // size, width // size, size, size, tokens.shape[-1])
    return cut.permute(0, 5, 1, 3, 2, 4).reshape(-1, tokens.shape[-1], height, width)


def windowed(self: Any, x: Tensor) -> Tensor:
    tokens = windows(torch.roll(x, (-1, -1), (2, 3)), 2)
    mixed: Tensor = F.scaled_dot_product_attention(*self.qkv(tokens).chunk(3, dim=-1))
    return torch.roll(whole(mixed, 2, *x.shape[2:]), (1, 1), (2, 3)) + x


def excited(self: Any, x: Tensor) -> Tensor:
    y = self.conv(x)
    found: Tensor = y * self.gate(y)
    return found


def gate() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1), nn.Sigmoid())
