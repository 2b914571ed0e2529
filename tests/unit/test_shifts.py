"""CS010: a shift that is meant is not reported, one that is not is; half a unit of an up-sampling is a note."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import convscope as cs
from convscope.checks.finding import NOTE, WARNING
from convscope.core.net import Net


def levels(net: Net) -> list[str]:
    return [found.level for found in cs.check(net).findings if found.code == "CS010"]


class Own(nn.Module):
    """Layers by name, and what is done with them."""

    def __init__(self, run: Callable[["Own", Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.layers, self.run = nn.ModuleDict(layers), run

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


CAUSAL = ", ".join(f"add( pad {2 * d}:0, conv 4 3 d{d} | id )" for d in (1, 2, 4, 8))

MEANT = {
    "causal convolutions": f"input 64x4, {CAUSAL}",
    "causal along the rows": "input 16x16x4, add( pad 2:0x1, conv 4 3x3 | id )",
    "causal, the ends cut off": "input 32x4, add( conv 4 3 d2 p4, crop 0:4 | id )",
    "causal, without padding": "input 32x4, add( conv 4 3 d2 | crop 4:0 )",
    "a difference": "input 9x9x3, conv 4 3x3, sub( crop 1:0x0 | crop 0:1x0 )",
    "space to depth by slices": "input 8x8x3, conv 4 3x3 p1, cat( slice s2 | slice s2 o1 ), conv 4 3x3",
}

NOT_MEANT = {
    "a crop on the wrong side": "input 9x9x1, add( conv 1 3x3 | crop 0:2 )",
    "padding on one side of one path": "input 9x9x4, cat( conv 4 3x3 p2:0 | conv 4 3x3 p1 )",
    "a whole coarse unit after an up-sampling": "input 37x37x4, cat( crop 0:5 | conv 4 7x7 s2, up 2 )",
    "strides": "input 8x8x4, cat( crop 2 | conv 4 2x2 s2 )",
}


@pytest.mark.parametrize("name", MEANT)
def test_a_shift_that_is_meant(name: str) -> None:
    assert levels(cs.read(MEANT[name])) == []


@pytest.mark.parametrize("name", NOT_MEANT)
def test_a_shift_that_is_not(name: str) -> None:
    assert levels(cs.read(NOT_MEANT[name])) == [WARNING]


@pytest.mark.parametrize(
    "paths",
    [
        "conv 4 3x3 s2 same | conv 4 1x1 s2",  # as TensorFlow pads
        "conv 4 5x5 s2 p2 | avgpool 2, conv 4 1x1",  # the shortcut of ResNet-D
        "conv 4 4x4 same | id",
    ],
)
def test_less_than_a_unit_is_a_note(paths: str) -> None:
    assert levels(cs.read(f"input 32x32x4, add( {paths} )")) == [NOTE]


@pytest.mark.parametrize("up", ["up 2", "convt 4 2x2 s2", "resize 32 bilinear"])
def test_half_a_unit_of_an_up_sampling_is_a_note(up: str) -> None:
    assert levels(cs.read(f"input 32x32x4, conv 4 3x3 p1, cat( id | conv 8 3x3 s2 p1, {up} )")) == [NOTE]
    assert cs.check(cs.read(f"input 32x32x4, cat( id | conv 8 3x3 s2 p1, {up} )"), ignore=["CS001"]).passed


def haar(own: Own, x: Tensor) -> Tensor:
    x = own.layers["c"](x)
    a, b, c, d = x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]
    return torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], 1) / 2


def attention(own: Own, x: Tensor) -> Tensor:
    q, k, v = (own.layers[name](x) for name in "qkv")
    return torch.einsum("bnm,bcm->bcn", torch.einsum("bcn,bcm->bnm", q, k).softmax(-1), v)


def temporal_shift(own: Own, x: Tensor) -> Tensor:
    x = own.layers["c"](x)
    z = torch.zeros_like(x[:, :2, :1])
    moved = torch.cat([torch.cat([x[:, :2, 1:], z], 2), torch.cat([z, x[:, 2:4, :-1]], 2), x[:, 4:]], 1)
    out: Tensor = own.layers["d"](moved) + x
    return out


def heads(own: Own, x: Tensor) -> Tensor:
    a = own.layers["a"](x)
    return torch.cat([a.flatten(2), own.layers["b"](a).flatten(2)], 2)


MODULES = {
    "wavelets": (Own(haar, c=nn.Conv2d(3, 4, 3, padding=1)), "16x16x3"),
    "attention": (Own(attention, q=nn.Conv1d(3, 8, 3, padding=1), k=nn.Conv1d(3, 8, 4), v=nn.Conv1d(3, 8, 4)), "20x3"),
    "temporal shift": (Own(temporal_shift, c=nn.Conv1d(3, 8, 1), d=nn.Conv1d(8, 8, 3, padding=1)), "20x3"),
    "heads": (Own(heads, a=nn.Conv2d(3, 4, 3, padding=1), b=nn.Conv2d(4, 4, 3, stride=2, padding=1)), "8x8x3"),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_whose_shift_is_meant(name: str) -> None:
    model, size = MODULES[name]
    assert levels(cs.read(model, input=size)) == []
