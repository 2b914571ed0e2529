"""Sliding windows: convolution and pooling as averages with uneven weights, for all channels of a group at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812 -- torch's own convention

from convscope.verification.signals import apart, mean, repeating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_SLIDE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_SPREAD = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution or pooling, with an entry for each axis.

    Attributes:
        kernel: taps. stride: steps of the window.
        lo: zeros before the first index.
        hi: zeros after the last.
        dilation: steps between taps.
        transposed: whether it scatters instead of gathers; ``lo`` is then cropped, and ``extra`` added after.
        extra: output padding of a transposed convolution.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    lo: tuple[int, ...]
    hi: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool = False
    extra: tuple[int, ...] = ()

    def slide(self, value: Tensor) -> Tensor:
        """``x: n 1 sizes -> y: n 1 sizes'``."""
        weights = taps(self.kernel)
        rank = len(self.kernel)
        if self.transposed:
            found: Tensor = _SPREAD[rank](
                value, weights, None, self.stride, self.lo, self.extra, dilation=self.dilation
            )
            return found
        sides = [side for pair in zip(reversed(self.lo), reversed(self.hi), strict=True) for side in pair]
        padded = F.pad(value, sides) if any(sides) else value
        gathered: Tensor = _SLIDE[rank](padded, weights, None, self.stride, dilation=self.dilation)
        return gathered


@cache
def taps(kernel: tuple[int, ...]) -> Tensor:
    """Return positive weights of sum 1, uneven so that two windows over the same pixels differ in their centres.

    They are products of weights along each axis, so that cropping along one axis does not move the centre along
    another.
    """
    weights = torch.ones(1, 1, *[1] * len(kernel), dtype=torch.float64)
    for axis, size in enumerate(kernel):
        random = torch.Generator().manual_seed(size + axis)
        line = torch.rand(size, dtype=torch.float64, generator=random) + 0.5
        weights = weights * line.reshape(size, *[1] * (len(kernel) - 1 - axis))
    return weights / weights.sum()


def convolved(value: Tensor, window: Window, out: int, groups: int) -> Tensor:
    """Convolve: each of ``out`` channels averages over the channels of its group."""
    n, channels, *sizes = value.shape
    if groups == 1 or (repeating(value) and value.stride(1) == 0):
        found = window.slide(mean(value, (1,)))
        return found.expand(n, out, *found.shape[2:])
    parts = value.reshape(n, groups, channels // groups, *sizes).mean(2)
    found = window.slide(parts.reshape(n * groups, 1, *sizes))
    wide = found.reshape(n, groups, 1, *found.shape[2:]).expand(n, groups, out // groups, *found.shape[2:])
    return wide.reshape(n, out, *found.shape[2:])


def pooled(value: Tensor, window: Window, sizes: Sequence[int]) -> Tensor:
    """Pool every channel (and sample) independently to ``sizes`` positions."""
    rank = len(sizes)

    def work(part: Tensor) -> Tensor:
        found = window.slide(part.reshape(-1, 1, *part.shape[-rank:]))
        for axis, size in enumerate(sizes, 2):
            found = found.narrow(axis, 0, size)
        return found.reshape(*part.shape[:-rank], *sizes)

    return apart(value, range(-rank, 0), work)


def pool_window(sizes: Sequence[int], out: Sequence[int], settings: tuple[Sequence[int], ...]) -> Window:
    """Return the window of a pooling with ``out`` positions, including any overhang (``ceil``).

    Args:
        sizes: sizes of the input, without channels.
        out: sizes of the output.
        settings: kernel, stride (empty for the kernel), padding and dilation.
    """
    kernel, stride, pad, dilation = settings
    rank = len(sizes)
    kernels, pads, dilations = (each_axis(each, rank) for each in (kernel, pad, dilation))
    strides = each_axis(stride, rank) if stride else kernels
    needed = (
        (positions - 1) * step + far * (taps - 1) + 1 - size - lo
        for size, positions, taps, step, lo, far in zip(sizes, out, kernels, strides, pads, dilations, strict=True)
    )
    hi = tuple(max(lo, more) for lo, more in zip(pads, needed, strict=True))
    return Window(kernels, strides, pads, hi, dilations)


def each_axis(entries: Sequence[int], rank: int) -> tuple[int, ...]:
    """Return an entry for each axis, if one stands for all."""
    return tuple(entries) if len(entries) == rank else tuple(entries) * rank
