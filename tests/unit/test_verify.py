"""Claims against modules: what agrees, what is found, and what is left as it was."""

import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

import convscope as cs
from convscope.analyze.support import support
from convscope.backends.torch import TorchNet
from convscope.cli import run
from convscope.core.net import Net
from convscope.errors import ConvscopeError, FieldError, ShapeError, UnknownNameError
from convscope.verification import Probe, compare, verify
from strategies import geometry_texts

torch.set_num_threads(1)

LARGEST = 6000
"""Numbers in a layer of a random net."""


class Functional(nn.Module):
    """A module whose forward is a function."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.function = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def box(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    lines = (np.flatnonzero(mask.any(1 - axis)) for axis in (0, 1))
    return [(int(line[0]), int(line[-1])) for line in lines]


def drawn(text: str) -> Net:
    try:
        net = cs.read(text)
    except ConvscopeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise
    assume(all(math.prod(layer.output) <= LARGEST for layer in net))
    # a map of one place has no place to lose: whether it was pooled or shrunk shows in the layers only
    assume(all(min(layer.output[1:], default=2) > 1 for layer in net))
    return net


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(geometry_texts())
def test_random_nets_of_every_geometry_agree(text: str) -> None:
    found = verify(drawn(text), units=6)
    assert found.passed, f"{text}\n{found}"
    assert not found.doubts


def perturbed(module: nn.Module, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels change which numbers of the output, found by changing one pixel after another."""
    random = torch.Generator().manual_seed(3)
    base = torch.rand(1, *shape, dtype=torch.float64, generator=random) + 0.5
    places = math.prod(shape[1:])
    changes = torch.eye(places, dtype=torch.float64).reshape(places, 1, *shape[1:])
    with torch.no_grad():
        plain = module(base)
        outputs = torch.cat([module(base + 0.5 * change) for change in changes])
    found: NDArray[np.bool_] = ((outputs - plain).abs() > 1e-11).reshape(places, -1).T.numpy()
    return found


def probed(module: nn.Module, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    result = Probe(module, shape).run()
    output = result.places[""].shape
    return np.stack([result.mask("", place).ravel() for place in np.ndindex(output)])


def seeded(module: nn.Module) -> nn.Module:
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.1)
    return module.double().eval()


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
    mixed = F.scaled_dot_product_attention(*self.qkv(tokens).chunk(3, dim=-1))
    return torch.roll(whole(mixed, 2, *x.shape[2:]), (1, 1), (2, 3)) + x


def assigned(self: Any, x: Tensor) -> Tensor:  # noqa: ARG001 -- called as a method
    out = torch.ones(x.shape[0], 2, 4, 4, dtype=x.dtype)
    out[:, 0] = x[:, 0]
    out[:, 1, ::2] += x[:, 1, 1::2]
    out[:, :, 3].mul_(x[:, :, 0])
    return out


def written(self: Any, x: Tensor) -> Tensor:
    y = self.conv(x)
    left, right = y.chunk(2, dim=1)
    left.add_(x.roll(1, 3).repeat(1, 2, 1, 1)[:, :2])
    right.transpose(2, 3)[:, 0].mul_(x[:, 1])
    return y


def gathered(self: Any, x: Tensor) -> Tensor:  # noqa: ARG001 -- called as a method
    order = torch.tensor([3, 1, 0, 2])
    return torch.cat([x[:, :, order], x.index_select(3, order), x.flip(2), x.cumsum(3)], dim=1)


MODULES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "attention": (Functional(attended, attention=nn.MultiheadAttention(2, 1, batch_first=True)), (2, 3, 3)),
    "windows": (Functional(windowed, qkv=nn.Linear(2, 6)), (2, 4, 4)),
    "assignment": (Functional(assigned), (2, 4, 4)),
    "writing into views": (Functional(written, conv=nn.Conv2d(2, 4, 1)), (2, 4, 4)),
    "indices": (Functional(gathered), (2, 4, 4)),
    "unfold": (Functional(lambda _, x: F.unfold(x, 2, dilation=2, padding=1)), (1, 4, 5)),
    "fold": (Functional(lambda _, x: F.fold(F.unfold(x, 3, padding=1), (4, 5), 3, padding=1)), (1, 4, 5)),
    "shuffles": (Functional(lambda _, x: F.channel_shuffle(F.pixel_unshuffle(x, 2), 2)), (2, 4, 4)),
    "einsum": (Functional(lambda _, x: torch.einsum("nchw,ndhw->ncd", x, x.square())), (2, 3, 4)),
    "matmul": (Functional(lambda _, x: x @ x.transpose(2, 3)), (2, 3, 4)),
    "gate": (Functional(lambda _, x: x * x.mean((2, 3), keepdim=True).sigmoid()), (2, 3, 4)),
    "rows": (Functional(lambda _, x: x / x.norm(dim=3, keepdim=True)), (2, 3, 4)),
    "fourier": (Functional(lambda _, x: torch.fft.irfft(torch.fft.rfft(x, dim=3) * torch.tensor([1.3, 2 - 0.7j, 0.9]), dim=3)), (1, 3, 4)),
    "lstm": (Functional(lambda self, x: self.lstm(x.flatten(2).transpose(1, 2))[0], lstm=nn.LSTM(2, 2)), (2, 2, 3)),
    "gru": (Functional(lambda self, x: self.gru(x[:, :, 0].transpose(1, 2))[0], gru=nn.GRU(2, 2, batch_first=True)),
            (2, 2, 5)),
    "bilinear": (nn.Upsample(scale_factor=1.6, mode="bilinear"), (1, 5, 4)),
    "bicubic": (nn.Upsample(size=(7, 5), mode="bicubic", align_corners=True), (1, 5, 4)),
    "nearest": (nn.Upsample(size=(7, 3)), (1, 5, 4)),
    "antialias": (Functional(lambda _, x: F.interpolate(x, (3, 4), mode="bilinear", antialias=True)), (1, 6, 4)),
    "lp pool": (nn.LPPool2d(2, 2, ceil_mode=True), (1, 5, 4)),
    "average pool": (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (1, 6, 5)),
    "adaptive pool": (nn.AdaptiveAvgPool2d((2, 3)), (1, 5, 4)),
    "instance norm": (nn.InstanceNorm2d(2), (2, 3, 3)),
    "group norm": (nn.GroupNorm(2, 4), (4, 2, 3)),
    "layer norm": (nn.LayerNorm(3), (2, 3, 3)),
    "rms norm": (nn.RMSNorm((2, 3)), (2, 2, 3)),
    "local norm": (nn.LocalResponseNorm(3), (4, 2, 3)),
    "transposed": (nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, groups=2), (2, 3, 3)),
    "grouped": (nn.Conv2d(4, 4, (1, 3), padding=(0, 2), dilation=2, groups=2, padding_mode="reflect"), (4, 3, 4)),
    "same": (nn.Conv2d(1, 2, (1, 3), padding="same", dilation=2), (1, 3, 5)),
    "volume": (nn.Conv3d(1, 1, (1, 2, 3), stride=(1, 1, 2)), (1, 2, 3, 4)),
    "line": (nn.Sequential(nn.Conv1d(2, 4, 3, 2, 1), nn.GLU(1)), (2, 7)),
    "mixer": (Functional(lambda self, x: self.places(x.flatten(2)), places=nn.Linear(6, 6)), (2, 2, 3)),
    "sampled": (Functional(lambda _, x: F.grid_sample(x, F.affine_grid(
        torch.tensor([[[0.7, 0.1, 0.0], [0.0, 0.6, 0.2]]], dtype=torch.float64), [1, 1, 3, 3], align_corners=False),
        align_corners=False)), (1, 4, 4)),
    "own kernel": (Functional(lambda _, x: F.conv2d(x, x.mean((2, 3)).reshape(1, 2, 1, 1))), (2, 3, 3)),
    "softmax": (nn.Softmax(3), (1, 3, 4)),
    "where": (Functional(lambda _, x: torch.where(torch.eye(3, dtype=torch.bool), x, x.amax(3, keepdim=True))),
              (1, 3, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_probe_finds_what_changes_of_single_pixels_find(name: str) -> None:
    module, shape = MODULES[name]
    true, found = perturbed(seeded(module), shape), probed(module, shape)
    if name == "where":  # the largest is one number, at each input another
        assert not (true & ~found).any()
    else:
        assert np.array_equal(true, found), f"{np.argwhere(true != found)[:8].tolist()}"
