"""The nets that analysers are compared on: seven by hand, five of torchvision.

The hand nets are small enough to work out on paper what is true of them (tests/truth/hand_nets.json). Each has a thing
that trips an analyser: branches, dilation with groups, a transposed convolution, functional calls, weights without a
module, attention. The others are the usual ones; torchvision's table has their params and multiply-adds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from torch import Tensor, nn

Shape = tuple[int, int, int]


def vgg() -> nn.Module:
    """A plain stack."""
    widths = ((3, 16), (16, 16), (16, 32), (32, 32))
    a, b, c, d = (nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU()) for i, o in widths)
    return nn.Sequential(*a, *b, nn.MaxPool2d(2), *c, *d)


class Residual(nn.Module):
    """A stem and a block with a strided shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.conv1 = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.shortcut = nn.Sequential(nn.Conv2d(16, 32, 1, stride=2, bias=False), nn.BatchNorm2d(32))

    def forward(self, x: Tensor) -> Tensor:
        """Both paths, added."""
        x = self.stem(x)
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Inception(nn.Module):
    """Branches of different kernels, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.branches = nn.ModuleList(
            [
                nn.Conv2d(8, 8, 1),
                nn.Conv2d(8, 8, 3, padding=1),
                nn.Conv2d(8, 8, 5, padding=2),
                nn.Sequential(nn.Conv2d(8, 8, (3, 1), padding=(1, 0)), nn.Conv2d(8, 8, (1, 3), padding=(0, 1))),
                nn.Conv2d(8, 8, (7, 1), padding=(3, 0)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """All branches on the stem."""
        x = self.stem(x)
        return torch.cat([branch(x) for branch in self.branches], 1)


class UNet(nn.Module):
    """One level down and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 16, 3, padding=1)
        self.pool = nn.AvgPool2d(2)
        self.middle = nn.Conv2d(16, 32, 3, dilation=2, padding=2, groups=4)
        self.up = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.out = nn.Conv2d(32, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """The skip beside the way down and up."""
        skip = self.down(x)
        joined = torch.cat([skip, self.up(self.middle(self.pool(skip)))], 1)
        out: Tensor = self.out(joined)
        return out


class Functional(nn.Module):
    """Weights without a module, and functions only."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(8, 3, 3, 3))
        self.mix = nn.Parameter(torch.randn(8, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Convolution, interpolation, attention of the map to itself, an einsum."""
        x = F.relu(F.conv2d(x, self.kernel, stride=2, padding=1))
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
        tokens = x.flatten(2).transpose(1, 2)
        weights = torch.softmax(tokens @ tokens.transpose(1, 2) / 8**0.5, -1)
        return torch.einsum("bchw,cd->bdhw", (weights @ tokens).transpose(1, 2).reshape(x.shape), self.mix)


def grid() -> nn.Module:
    """Two dilated convolutions: holes."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, dilation=2, padding=2, bias=False), nn.Conv2d(4, 4, 3, dilation=2, padding=2, bias=False)
    )


class Attention(nn.Module):
    """Patches, the module of attention, and the function of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.project = nn.Linear(16, 48)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens to tokens."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        queries, keys, values = self.project(tokens).chunk(3, -1)
        return F.scaled_dot_product_attention(queries[:, None], keys[:, None], values[:, None])[:, 0]


@dataclass(frozen=True)
class Case:
    """A net to look at.

    Attributes:
        build: makes the module.
        input: shape ``c h w``.
        at: module whose output is the last map with places; None for the output of the net.
    """

    build: Callable[[], nn.Module]
    input: Shape = (3, 224, 224)
    at: str | None = None


def _torchvision(name: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from peers.zoo import make_importable

        make_importable()
        from torchvision.models import get_model

        module: nn.Module = get_model(name)
        return module

    return build


def published(name: str) -> dict[str, Any]:
    """Params and multiply-adds [MAC, in thousands of millions, three places] of torchvision's table.

    The table calls the latter GFLOPS.
    """
    from peers.zoo import make_importable

    make_importable()
    from torchvision.models import get_model_weights

    row = get_model_weights(name).DEFAULT.meta
    return {"params": row["num_params"], "gmacs": row["_ops"]}


SMALL: Shape = (3, 32, 32)
HAND = {
    "vgg": Case(vgg, SMALL),
    "res": Case(Residual, SMALL),
    "incep": Case(Inception, SMALL),
    "unet": Case(UNet, SMALL),
    "func": Case(Functional, (3, 16, 16)),
    "grid": Case(grid, SMALL),
    "sdpa": Case(Attention, SMALL),
}
PUBLISHED = {
    name: Case(_torchvision(name), at=at)
    for name, at in {
        "resnet50": "layer4",
        "mobilenet_v3_large": "features",
        "convnext_tiny": "features",
        "swin_t": "features",
        "vit_b_16": "encoder",
    }.items()
}
NETS = HAND | PUBLISHED


def billion(device: str) -> nn.Module:
    """A module of a thousand million parameters whose memory nobody has touched.

    Seven 3x3 convolutions of 4096 channels: 1,056,993,280 params. On ``cpu`` the pages are asked for and never written.
    """
    with torch.device("meta"):
        module = nn.Sequential(*(nn.Conv2d(4096, 4096, 3, padding=1) for _ in range(7)))
    return module if device == "meta" else module.to_empty(device=device)
