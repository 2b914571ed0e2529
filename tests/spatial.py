"""Random modules of torch whose maps are cut, turned, moved, joined end to end, dilated and up-sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from hypothesis import strategies as st
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

CHANNELS = 2

Step = tuple[str, int, int]
"""What is done, along which dimension (2 or 3), and a number."""


def _ends(x: Tensor, dim: int, n: int) -> tuple[Tensor, Tensor]:
    return x.narrow(dim, 0, n), x.narrow(dim, x.size(dim) - n, n)


def _around(_: Any, x: Tensor, dim: int, n: int) -> Tensor:
    first, last = _ends(x, dim, n)
    return torch.cat([last, x, first], dim)


def _mirrored(_: Any, x: Tensor, dim: int, n: int) -> Tensor:
    first, last = _ends(x, dim, n)
    return torch.cat([first.flip(dim), x, last.flip(dim)], dim)


def _polar(_: Any, x: Tensor, dim: int, n: int) -> Tensor:
    """Beyond a pole a map goes on at the other side of the globe."""
    other = 5 - dim
    half = x.size(other) // 2
    first, last = (part.flip(dim).roll(half, other) for part in _ends(x, dim, n))
    return torch.cat([first, x, last], dim)


def _causal(_: Any, x: Tensor, dim: int, n: int) -> Tensor:
    return torch.cat([torch.zeros_like(x.narrow(dim, 0, n)), x], dim)


def _tiles(convolve: Any, x: Tensor, dim: int, n: int) -> Tensor:
    """Each part by itself."""
    return torch.cat([convolve(part) for part in x.tensor_split(n + 1, dim)], dim)


def _halves(convolve: Any, x: Tensor, dim: int, _: int) -> Tensor:
    """Of two paths one half each."""
    cut = x.size(dim) // 2
    return torch.cat([convolve(x).narrow(dim, 0, cut), x.narrow(dim, cut, x.size(dim) - cut)], dim)


def _coarse(_: Any, x: Tensor, dim: int, __: int) -> Tensor:
    """A coarser map after the fine one."""
    return torch.cat([x, F.avg_pool2d(x, (2, 1) if dim == 2 else (1, 2))], dim)


def _shifted(_: Any, x: Tensor, dim: int, n: int) -> Tensor:
    """A part of the channels moved on by some places, zeros in front."""
    moved = torch.cat([torch.zeros_like(x.narrow(dim, 0, n)), x.narrow(dim, 0, x.size(dim) - n)], dim)
    return torch.cat([x[:, :1], moved[:, 1:]], 1)


STEPS: dict[str, Callable[[Any, Tensor, int, int], Tensor]] = {
    "around": _around,
    "mirrored": _mirrored,
    "polar": _polar,
    "causal": _causal,
    "tiles": _tiles,
    "halves": _halves,
    "coarse": _coarse,
    "shifted": _shifted,
    "twice": lambda _, x, dim, __: torch.cat([x, x.flip(dim)], dim),
    "flip": lambda _, x, dim, __: x.flip(dim),
    "both ways": lambda convolve, x, dim, _: x + convolve(x.flip(dim)).flip(dim),
    "roll": lambda _, x, dim, n: x.roll(n, dim),
    "crop": lambda _, x, dim, n: x.narrow(dim, n, x.size(dim) - n),
    "dilated": lambda convolve, x, _, n: F.conv2d(x, convolve.weight, None, 1, n, n),
    "plain": lambda convolve, x, _, __: convolve(x),
    "strided": lambda convolve, x, _, n: F.conv2d(x, convolve.weight, None, n, 1),
    "up": lambda _, x, __, ___: F.interpolate(x, scale_factor=2),
    "smooth": lambda _, x, __, ___: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "pool": lambda _, x, __, ___: F.max_pool2d(x, 2),
    "residual": lambda convolve, x, _, __: x + convolve(x),
    "order": lambda _, x, dim, n: x.index_select(dim, torch.arange(x.size(dim)).roll(n)),
    "sums": lambda _, x, dim, __: x.cumsum(dim),
}


class Spatial(nn.Module):
    """The steps one after the other, each with a 3x3 convolution of its own."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.steps = steps
        self.convs = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in steps)

    def forward(self, x: Tensor) -> Tensor:
        for convolve, (name, dim, n) in zip(self.convs, self.steps, strict=True):
            x = STEPS[name](convolve, x, dim, n)
        return x


@st.composite
def spatial(draw: st.DrawFn, names: tuple[str, ...] = tuple(STEPS), longest: int = 6) -> tuple[str, list[Step]]:
    """The size ``HxWxC`` of an input, and steps that take it."""
    height, width = draw(st.integers(6, 14)), draw(st.integers(6, 14))
    shape = (height, width)
    steps: list[Step] = []
    x = torch.empty(1, CHANNELS, *shape, device="meta")
    module = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, device="meta")
    for _ in range(draw(st.integers(1, longest))):
        name, dim, n = draw(st.sampled_from(names)), draw(st.integers(2, 3)), draw(st.integers(1, 2))
        if min(x.shape[2:]) < 4 or max(x.shape[2:]) > 40:
            name = "plain"
        steps.append((name, dim, n))
        x = STEPS[name](module, x, dim, n)
    return f"{shape[0]}x{shape[1]}x{CHANNELS}", steps
