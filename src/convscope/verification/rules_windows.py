"""Rules of operators that read windows of positions: convolution, pooling, resizing, sampling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F  # noqa: N812 -- torch's own convention

from convscope.verification.call import Call, shared
from convscope.verification.rules import rule
from convscope.verification.signals import Signal, apart
from convscope.verification.sliding import Window, convolved, each_axis, pool_window, pooled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ROUNDING = 1e-12
"""Weights of a resizing below this are rounding: at an integer position, the neighbour weighs 1e-17."""


@rule("convolution", "_convolution", "convolution_overrideable", "mkldnn_convolution", "cudnn_convolution")
def _convolution(call: Call) -> Signal:
    """Convolve: every tap reads; a computed kernel is another path, shared by all positions."""
    signal, weight = call.get("input", "self"), call.get("weight")
    transposed, groups = bool(call.get("transposed")), call.get("groups")
    rank = len(weight.shape) - 2
    stride, pad, dilation, extra = (
        each_axis(call.get(name) or [0], rank) for name in ("stride", "padding", "dilation", "output_padding")
    )
    window = Window(tuple(weight.shape[2:]), stride, pad, pad, dilation, transposed, extra)
    out = weight.shape[1] * groups if transposed else weight.shape[0]
    paths = [shared(part, rank + 2) for part in (weight, call.get("bias")) if isinstance(part, Signal)]
    if signal.shape[1] != (weight.shape[0] if transposed else weight.shape[1] * groups):
        raise ValueError(f"a kernel of {tuple(weight.shape)} in {groups} groups does not fit {tuple(signal.shape)}")
    if isinstance(signal, Signal):
        paths.insert(0, signal.each(lambda value: convolved(value, window, out, groups)))
        return call.merge(paths, paths[0].shape)
    return call.merge(paths, call.on_numbers().shape)


@rule("max_pool2d_with_indices", "max_pool3d_with_indices")
def _max_pool(call: Call) -> list[Any]:
    values, positions = call.on_numbers()
    return [_pool(call, values.shape), positions]


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "mkldnn_max_pool2d")
def _plain_pool(call: Call) -> Signal:
    return _pool(call, call.on_numbers().shape)


def _pool(call: Call, shape: Sequence[int]) -> Signal:
    signal: Signal = call.get("self")
    rank = int(call.name.partition("pool")[2][0])
    settings = (call.get("kernel_size"), call.get("stride"), call.get("padding"), call.get("dilation") or [1])
    window = pool_window(signal.shape[-rank:], shape[-rank:], settings)
    return signal.each(lambda value: pooled(value, window, shape[-rank:]))


_ADAPTIVE: dict[int, Any] = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


@rule("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d")
def _adaptive(call: Call) -> Signal:
    signal, size = call.get("self"), call.get("output_size")
    axes = range(-len(size), 0)
    found: Signal = signal.each(lambda value: apart(value, axes, lambda part: _ADAPTIVE[len(size)](part, tuple(size))))
    whole = any(out == 1 < before for out, before in zip(size, signal.shape[-len(size) :], strict=True))
    return replace(found, lost=found.lost or whole)


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def _adaptive_max(call: Call) -> list[Any]:
    return [_adaptive(call), call.on_numbers()[1]]


@rule(
    "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "upsample_linear1d", "upsample_bilinear2d",
    "upsample_trilinear3d", "upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa",
)  # fmt: skip
def _resized(call: Call) -> Signal:
    """Resize with a matrix along each axis, whose negative weights (bicubic) count as positive."""
    signal = call.get("self", "input")
    sizes = call.on_numbers().shape[2:]
    factors = call.get("scale_factors") or [
        call.get(name) for name in ("scales", "scales_d", "scales_h", "scales_w") if call.has(name)
    ]
    factors = factors or [None] * len(sizes)
    matrices = [
        _matrix(call, signal.shape[axis], size, factor)
        for axis, (size, factor) in enumerate(zip(sizes, factors, strict=True), 2)
    ]

    def work(value: Tensor) -> Tensor:
        for axis, matrix in enumerate(matrices, 2):
            value = (value.movedim(axis, -1) @ matrix).movedim(-1, axis)
        return value

    found: Signal = signal.each(lambda value: apart(value, range(2, value.ndim), work))
    return found


def _matrix(call: Call, size: int, out: int, factor: float | None) -> Tensor:
    """Return the weights ``size out`` of a resizing along one axis, found by resizing an identity."""
    others = [2] * (int(call.name.removesuffix("_aa")[-2]) - 1)  # antialiasing fails if an axis has length 1
    lines = torch.eye(size, dtype=torch.float64).reshape(size, 1, size, *[1] * len(others))
    align = () if call.get("align_corners") is None else (call.get("align_corners"),)
    scales = factor, *[None] * len(others)
    found: Tensor = call.func.overloadpacket.default(
        lines.expand(size, 1, size, *others).contiguous(), [out, *others], *align, *scales
    )
    weights = found.reshape(size, out, -1)[..., 0].abs()
    return torch.where(weights > ROUNDING, weights, 0.0)


@rule("grid_sampler_2d", "grid_sampler_3d")
def _sampled(call: Call) -> Signal:
    """Sample at stored positions with torch; at computed ones, every position may read everything."""
    signal, grid = call.get("input"), call.get("grid")
    if isinstance(grid, Signal):
        call.doubts["computed positions (grid_sample) may lie anywhere"] = None
        return call.everything(call.on_numbers().shape)
    positions = grid.detach().double().cpu()
    found: Signal = signal.each(lambda value: call.func(value, positions, *call.args[2:]))
    return found
