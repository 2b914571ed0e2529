"""Small modules, one for each thing that the reader of torch claims to read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from torch import Tensor, nn

from functional import Functional, windowed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLAIMS", "MAP", "Claim", "Functional", "conv"]

Shape = tuple[int, ...]
MAP: Shape = (4, 6, 6)


@dataclass(frozen=True)
class Claim:
    """A module that is read in full.

    Attributes:
        build: makes it.
        input: shape ``c h w``.
    """

    build: Callable[[], nn.Module]
    input: Shape = MAP


class Learned(Functional):
    """A module whose forward is a function of it, with learned tensors of its own."""

    def __init__(self, forward: Callable[..., Any], parts: dict[str, nn.Module] | None = None, **sizes: Shape) -> None:
        super().__init__(forward, **(parts or {}))
        random = torch.Generator().manual_seed(0)
        for name, shape in sizes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape, generator=random)))


def conv(channels: int = 4, out: int = 4, kernel: int = 3, **settings: Any) -> nn.Conv2d:
    """A convolution that keeps the size of a map."""
    return nn.Conv2d(channels, out, kernel, **{"padding": kernel // 2, **settings})


def tied() -> nn.Module:
    """Two linear layers with one weight, and its transposed."""
    module = Functional(lambda self, x: F.linear(self.b(self.a(x).relu()), self.a.weight.t()))
    module.a, module.b = nn.Linear(6, 6), nn.Linear(6, 6)
    module.b.weight = module.a.weight
    return module


def in_place(self: Any, x: Any) -> Any:
    """Every kind of change in place: through slices, rows, views, views of views, and before and after a view."""
    x = self.conv(x)
    x[:, :2] += 1
    x.view(-1)[3:70].mul_(2)
    seen = x.view(1, 4, 36).transpose(1, 2)
    x[:, 1] = x[:, 2] * 3
    x.permute(0, 2, 3, 1)[..., 1:3].relu_()
    copied = x.permute(0, 2, 3, 1).contiguous()
    copied -= 1
    x.transpose(2, 3).add_(copied.movedim(3, 1), alpha=0.5)
    return x.mul_(2) + seen.transpose(1, 2).unflatten(2, (6, 6))


class Statistics(nn.Module):
    """Variances, deviations and norms as torch has them by default, and otherwise."""

    def forward(self, x: Any) -> Any:
        spread = torch.stack([x.var(unbiased=False), x.var(), x.std(), x.std(correction=0)])
        rows = x.var(3, unbiased=False) + x.var(2, correction=2) + x.norm(dim=2) + x.norm(1, 3)
        mean, ones = torch.var_mean(x, 1, unbiased=False)[1], x[:, :1].std(1, unbiased=False)
        return rows.sum((1, 2)) + spread.sum() + (mean + ones + x[:, :1].norm(dim=1)).amax((1, 2))


class Masks(nn.Module):
    """Masks of truths and of numbers, filled in and added."""

    mask: Tensor
    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(36, 36).tril().bool())
        self.register_buffer("bias", torch.linspace(-1, 1, 36))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)[:, None]
        found = F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=self.mask)
        found = found + F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=self.bias.expand(36, 36))
        scores = (tokens @ tokens.transpose(2, 3)).masked_fill(~self.mask, -math.inf).softmax(-1)
        return (scores @ found).masked_fill(self.bias[:, None] > 0.9, -1e4) * (self.bias < 0.5)[:, None]


class Recurrent(nn.Module):
    """Two recurrent layers, of one the output, of one the state."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.GRU(6, 5, 2, batch_first=True, bidirectional=True)
        self.second = nn.LSTM(10, 3, bidirectional=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        steps, _ = self.first(x[:, 0])
        _, (state, _) = self.second(steps.transpose(0, 1))
        found: Tensor = self.head(state[-1] + state[0])
        return found


class Stepped(nn.Module):
    """A recurrent layer that begins with a learned state, one with projections, and a plain one: step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 5, batch_first=True)
        self.small = nn.LSTM(5, 4, batch_first=True, proj_size=2)
        self.plain = nn.RNN(2, 3, batch_first=True)
        self.state = nn.Parameter(torch.ones(1, 1, 5))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.plain(self.small(self.lstm(x[:, 0], (self.state, 2 * self.state))[0])[0])[0]
        return found


class Stored(nn.Module):
    """Numbers that are made and changed while the model runs, of every kind and where the input is."""

    turn: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(4, 1, 1) + 0.5)
        self.register_buffer("turn", torch.zeros(()))
        self.conv = conv()

    def forward(self, x: Tensor) -> Tensor:
        self.turn += 1
        x = (x - torch.tensor([0.1, 0.2, 0.3, 0.4], device=x.device).view(1, 4, 1, 1)) / x.new_tensor(3.0)
        x = x * self.scale.expand_as(x[0]) + self.scale.type_as(x) + self.scale.to(x) * self.turn
        mask, found = torch.zeros(6), torch.zeros_like(x)
        for column in range(3):
            mask.zero_()
            mask[column] = column + 1
            found = found + self.conv(x) * mask
        return found / torch.arange(1, 5)[:, None, None] + torch.arange(6, dtype=x.dtype, device=x.device)


def shifted(self: Any, x: Any) -> Any:
    """Channels that move by a place, written into a canvas, and a whole one."""
    canvas = torch.empty_like(x)
    canvas.copy_(self.conv(x))
    torch.add(canvas, x, out=canvas)
    return canvas + x


def einsums(self: Any, x: Any) -> Any:
    """Products with and without an ellipsis, of three, with what only one of them has, of one."""
    one = torch.einsum("bchw,cd->bdhw", x, self.a) + torch.einsum("...w,wv->...v", x, self.b)
    two = torch.einsum("bchw,wi,ij->bchj", x, self.b, self.b) + torch.einsum("bchw,bciw->bchi", x, one)
    return two + torch.einsum("bchw,kw->bch", x, self.b)[..., None] + torch.einsum("bchw->bch", x)[..., None]


def shuffled(self: Any, x: Any) -> Any:
    """Groups of channels in turn, by hand; halves of the channels of which one is passed on."""
    x = self.conv(x)
    n, c, h, w = x.shape
    x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
    left, right = x.chunk(2, dim=1)
    return torch.cat([left, self.small(right)], 1)


def last_channels(self: Any, x: Any) -> Any:
    """A block with its channels last."""
    y = self.norm(x.permute(0, 2, 3, 1))
    y = self.down(F.gelu(self.up(y))) * self.gamma
    return x + y.permute(0, 3, 1, 2)


def block() -> nn.Module:
    return Learned(
        last_channels, {"norm": nn.LayerNorm(4), "up": nn.Linear(4, 16), "down": nn.Linear(16, 4)}, gamma=(4,)
    )


def limits(self: Any, x: Any) -> Any:
    """Clamps to numbers and to learned tensors, casts that keep numbers."""
    x = torch.maximum(x, self.low) + torch.minimum(x, self.low * 2).double().float()
    return x.clamp(max=0.7) + x.clamp(self.low, None) + torch.minimum(x, torch.tensor(0.2)) + F.relu6(x)


def norms(self: Any, x: Any) -> Any:
    """Norms with one of scale and shift, over maps, over all, over one number, of statistics of their own."""
    x = F.group_norm(x, 2, self.scale) + F.layer_norm(x, (6,), self.rows) + F.layer_norm(x, (6, 6))
    x = x + F.layer_norm(x, x.shape[1:]) + F.rms_norm(x, (6,), self.rows) + F.instance_norm(x, weight=self.scale)
    turned = F.prelu(x.permute(0, 2, 1, 3), torch.linspace(0, 1, 6)).transpose(1, 2)
    return turned + F.batch_norm(x, None, None, training=True)


def sampled(_: Any, x: Tensor) -> Tensor:
    """Sizes by factors that end at whole pixels, and by sizes that do not."""
    x = F.interpolate(x, scale_factor=(1.5, 2), mode="bilinear") + F.interpolate(x, size=(15, 20), mode="nearest")
    x = F.interpolate(x, scale_factor=0.7, mode="bicubic", recompute_scale_factor=True)
    return F.interpolate(x, size=(7, 9), mode="bilinear", align_corners=True)


def pools() -> nn.Module:
    means = [
        nn.AvgPool2d(3, 1, 1, divisor_override=3, count_include_pad=False),
        nn.AvgPool2d(2, 1, padding=1, count_include_pad=False, ceil_mode=True),
        nn.MaxPool2d(2, 2, dilation=2, ceil_mode=True),
        nn.AdaptiveAvgPool2d((3, None)),
        nn.AdaptiveMaxPool2d((1, 2)),
    ]
    return nn.Sequential(*means)


def convolutions() -> nn.Module:
    layers = [
        nn.Conv2d(4, 6, 4, padding="same", dilation=2, padding_mode="circular"),
        nn.Conv2d(6, 4, (2, 3), padding="same", groups=2),
        nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=2, padding_mode="reflect", stride=2),
        nn.Conv2d(4, 2, 3, padding="valid"),
    ]
    return nn.Sequential(*layers)


def normalised() -> nn.Module:
    weighted, spectral = nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm
    return nn.Sequential(weighted(conv()), spectral(conv()), nn.utils.parametrizations.orthogonal(nn.Linear(6, 6)))


def attentions() -> nn.Module:
    def forward(self: Any, x: Tensor) -> Tensor:
        tokens: Any = x.flatten(2).transpose(1, 2)
        tokens = self.first(tokens, tokens, tokens)[0]
        tokens = self.second(tokens.transpose(0, 1), *[tokens.transpose(0, 1)] * 2, need_weights=False)[0]
        found = self.layer(tokens.transpose(0, 1))
        return F.scaled_dot_product_attention(found[:, None], found[:, None], found[:, None], is_causal=True, scale=0.3)

    return Functional(
        forward,
        first=nn.MultiheadAttention(4, 2, batch_first=True, bias=False),
        second=nn.MultiheadAttention(4, 1, kdim=4, vdim=4),
        layer=nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True),
    )


def grouped_queries(_: Any, x: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(x, x[:, :2], x[:, 2:], enable_gqa=True)


def deep() -> nn.Module:
    return nn.Sequential(*(layer for _ in range(100) for layer in (conv(bias=False), nn.ReLU(inplace=True))))


def reused() -> nn.Module:
    def forward(self: Any, x: Any) -> Any:
        for _ in range(2):
            x = self.act(self.norm(self.conv(input=x)))
        return self.conv(x)

    return Functional(forward, conv=conv(), norm=nn.BatchNorm2d(4), act=nn.ReLU(inplace=True))


def dropped() -> nn.Module:
    return nn.Sequential(nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout(), conv(), nn.FeatureAlphaDropout())


CLAIMS: dict[str, Claim] = {
    "reused": Claim(reused),
    "in place": Claim(lambda: Functional(in_place, conv=conv())),
    "out": Claim(lambda: Functional(shifted, conv=conv())),
    "tied": Claim(tied),
    "einsum": Claim(lambda: Learned(einsums, a=(4, 4), b=(6, 6))),
    "attention": Claim(attentions),
    "grouped queries": Claim(lambda: Functional(grouped_queries)),
    "masks": Claim(Masks),
    "recurrent": Claim(Recurrent),
    "step by step": Claim(Stepped),
    "channels last": Claim(block),
    "shuffle": Claim(lambda: Functional(shuffled, conv=conv(), small=conv(2, 2))),
    "windows": Claim(lambda: Functional(windowed, qkv=nn.Linear(4, 12))),
    "stored": Claim(Stored),
    "statistics": Claim(Statistics),
    "limits": Claim(lambda: Learned(limits, low=(4, 1, 1))),
    "norms": Claim(lambda: Learned(norms, scale=(4,), rows=(6,))),
    "sampled": Claim(lambda: Functional(sampled), (4, 10, 10)),
    "pools": Claim(pools, (4, 13, 12)),
    "convolutions": Claim(convolutions, (4, 9, 9)),
    "normalised weights": Claim(normalised),
    "pixels": Claim(lambda: nn.Sequential(conv(4, 8), nn.PixelShuffle(2), nn.PixelUnshuffle(3), nn.ChannelShuffle(3))),
    "local response": Claim(lambda: nn.Sequential(nn.LocalResponseNorm(3), nn.Softmax2d(), nn.Softmin(1))),
    "dropout": Claim(dropped),
    "one axis": Claim(
        lambda: nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(28, 2)),
        (3, 16),
    ),
    "three axes": Claim(
        lambda: nn.Sequential(nn.Conv3d(2, 4, 3), nn.BatchNorm3d(4), nn.AdaptiveAvgPool3d(1), nn.Flatten()),
        (2, 5, 6, 7),
    ),
    "flat": Claim(
        lambda: nn.Sequential(nn.Linear(784, 10), nn.BatchNorm1d(10), nn.PReLU(10), nn.Linear(10, 3)), (784,)
    ),
    "deep": Claim(deep),
    "scripted": Claim(lambda: nn.Sequential(cast("nn.Module", torch.jit.script(reused_plain())), conv())),
    # "eager": what the compiler makes of it is not read, and takes half a minute
    "compiled": Claim(lambda: nn.Sequential(cast("nn.Module", torch.compile(reused_plain(), backend="eager")), conv())),
    "parallel": Claim(lambda: nn.DataParallel(reused_plain())),
}


def reused_plain() -> nn.Module:
    return nn.Sequential(
        conv(), nn.Dropout(), nn.BatchNorm2d(4), nn.Hardswish(), nn.Mish(), nn.ELU(0.3), nn.GELU("tanh")
    )
