"""Defaults of libraries for image folders, typed again as plain PyTorch, each within a given time.

fastai: ``vision_learner(dls, resnet34, pretrained=False).fit_one_cycle(n)`` with ``Resize(224)``: batches of 64, Adam
with decoupled decay of .01 and momentum that follows the rate, one cycle up to 1e-3 with a quarter of warm-up.
Ultralytics: ``yolo classify train``: 224 pixels, batches of 16, AdamW, a linear rate down to a hundredth, crops of half
the area and more, mirror images, colours changed, parts erased; its smallest net is typed again without its scripts.
Tutorial: the two convolutions and three linear layers of PyTorch's own introduction, Adam of 1e-3, batches of 64.

Weights that were trained elsewhere would help the first two, and cannot be had without a network.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Split:
    """Images ``n c h w`` of 0 to 1 and labels, for training and for testing."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int

    def sized(self, side: int) -> Split:
        """Return the same images, squeezed to a square."""
        sized = [
            functional.interpolate(one, (side, side), mode="bilinear", antialias=True) for one in (self.x, self.x_test)
        ]
        return Split(sized[0], self.y, sized[1], self.y_test, self.classes)


def accuracy(model: nn.Module, split: Split, mean: Tensor, std: Tensor) -> float:
    """Share of test images that are classified rightly."""
    model.eval()
    with torch.no_grad():
        found = torch.cat([model((part - mean) / std).argmax(1) for part in torch.split(split.x_test, 256)])
    return float((found == split.y_test).float().mean())


def trained(  # noqa: PLR0913 -- what the libraries set
    model: nn.Module,
    split: Split,
    seconds: float,
    *,
    batch: int,
    optimizer: torch.optim.Optimizer,
    rate: Callable[[float], float],
    changed: Callable[[Tensor], Tensor] = lambda x: x,
) -> float:
    """Train until the time is over, with a rate that follows the share of it that is spent; return the accuracy."""
    mean, std = split.x.mean((0, 2, 3), keepdim=True), split.x.std((0, 2, 3), keepdim=True)
    base = [group["lr"] for group in optimizer.param_groups]
    began, spent = time.perf_counter(), 0.0
    while spent < 1:
        for at in torch.split(torch.randperm(len(split.x)), batch):
            if len(at) < 2 or spent >= 1:  # a norm needs two values
                break
            for group, lr in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = lr * rate(spent)
            model.train()
            loss = functional.cross_entropy(model((changed(split.x[at]) - mean) / std), split.y[at])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
            optimizer.step()
            spent = (time.perf_counter() - began) / seconds
    return accuracy(model, split, mean, std)


def residual(channels: int, width: int, stride: int) -> nn.Module:
    """A basic block of a residual net."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.main = nn.Sequential(
                nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
            )  # fmt: skip
            same = stride == 1 and channels == width
            short = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            self.short = nn.Identity() if same else short

        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(self.main(x) + self.short(x))

    return Block()


def resnet34(channels: int, classes: int) -> nn.Module:
    """The net of He et al. (2016) with fastai's head, without trained weights."""
    layers: list[nn.Module] = [nn.Conv2d(channels, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    width = 64
    for out, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for at in range(count):
            layers.append(residual(width, out, stride if at == 0 else 1))
            width = out
    head = [
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(512),
        nn.Dropout(0.25),
        nn.Linear(512, 512),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers, *head, nn.BatchNorm1d(512), nn.Dropout(0.5), nn.Linear(512, classes))


def one_cycle(spent: float) -> float:
    """Share of the highest rate: cosines up from a 25th in a quarter of the time, then down to nothing."""
    if spent < 0.25:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * spent / 0.25)) / 2
    return (1 + math.cos(math.pi * min(1.0, (spent - 0.25) / 0.75))) / 2


def fastai(split: Split, seconds: float, seed: int, *, native: bool) -> float:
    """Return the accuracy with the defaults of fastai."""
    torch.manual_seed(seed)
    split = split.sized(max(32, *split.x.shape[2:]) if native else 224)
    model = resnet34(split.x.shape[1], split.classes)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.99), eps=1e-5, weight_decay=0.01)
    return trained(model, split, seconds, batch=64, optimizer=optimizer, rate=one_cycle)


def conv(channels: int, width: int, kernel: int = 1, stride: int = 1) -> nn.Module:
    """A convolution with norm and SiLU."""
    layers = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width), nn.SiLU()
    return nn.Sequential(*layers)


class Partial(nn.Module):
    """A block that sends half of the channels through bottlenecks and joins all that it has seen."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        half = channels // 2
        self.first, self.last = conv(channels, channels), conv((2 + count) * half, channels)
        pairs = [nn.Sequential(conv(half, half, 3), conv(half, half, 3)) for _ in range(count)]
        self.bottlenecks = nn.ModuleList(pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes ``n c h w -> n c h w``."""
        seen = list(self.first(x).chunk(2, 1))
        for one in self.bottlenecks:
            seen.append(seen[-1] + one(seen[-1]))
        found: Tensor = self.last(torch.cat(seen, 1))
        return found


def augmented(x: Tensor) -> Tensor:
    """One crop for each batch, and mirror images, brightness and an erased part for each image."""
    n, _, height, width = x.shape
    share = math.sqrt(0.5 + 0.5 * float(torch.rand(())))
    h, w = max(1, int(height * share)), max(1, int(width * share))
    top, left = (int(torch.randint(size - kept + 1, ())) for size, kept in ((height, h), (width, w)))
    x = functional.interpolate(x[..., top : top + h, left : left + w], (height, width), mode="bilinear")
    x = torch.where(torch.rand(n, 1, 1, 1) < 0.5, x.flip(3), x)
    x = (x * (0.6 + 0.8 * torch.rand(n, 1, 1, 1))).clamp(0, 1)
    for one in torch.flatten((torch.rand(n) < 0.4).nonzero()):
        y, z = int(torch.randint(height, ())), int(torch.randint(width, ()))
        x[one, :, y : y + height // 3, z : z + width // 3] = float(torch.rand(()))
    return x


def ultralytics(split: Split, seconds: float, seed: int, *, native: bool) -> float:
    """Return the accuracy with the defaults of Ultralytics' classifier."""
    torch.manual_seed(seed)
    split = split.sized(max(32, *split.x.shape[2:]) if native else 224)
    model = nn.Sequential(
        conv(split.x.shape[1], 16, 3, 2), conv(16, 32, 3, 2), Partial(32, 1), conv(32, 64, 3, 2), Partial(64, 2),
        conv(64, 128, 3, 2), Partial(128, 2), conv(128, 256, 3, 2), Partial(256, 1),
        conv(256, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, split.classes),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), 0.002 * 5 / (4 + split.classes), (0.9, 0.999), weight_decay=5e-4)
    rate = lambda spent: 1 - 0.99 * spent  # noqa: E731 -- one line, as its documentation has it
    return trained(model, split, seconds, batch=16, optimizer=optimizer, rate=rate, changed=augmented)


def tutorial(split: Split, seconds: float, seed: int, *, native: bool) -> float:
    """Return the accuracy of a loop that was written by hand."""
    torch.manual_seed(seed)
    split = split.sized(max(16, *split.x.shape[2:]) if native else 32)
    model = nn.Sequential(
        nn.Conv2d(split.x.shape[1], 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.LazyLinear(120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, split.classes),
    )  # fmt: skip
    model(split.x[:1])
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    return trained(model, split, seconds, batch=64, optimizer=optimizer, rate=lambda _: 1.0)


def linear(split: Split) -> float:
    """Return the accuracy of logistic regression on pixels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(split.x.flatten(1).numpy(), split.y.numpy())
    return float(model.score(split.x_test.flatten(1).numpy(), split.y_test.numpy()))


PEERS = {"fastai's defaults": fastai, "Ultralytics' defaults": ultralytics, "tutorial": tutorial}
