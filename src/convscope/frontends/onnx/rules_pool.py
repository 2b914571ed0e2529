"""Poolings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import hold
from convscope.core.graph import Own
from convscope.errors import ModelError, ShapeError
from convscope.frontends.onnx.consts import WIDTH, known, lazy, passing
from convscope.frontends.onnx.sliding import pads_of, per_axis, positions
from convscope.frontends.tensors import layers
from convscope.frontends.tensors.algebra import binary
from convscope.frontends.tensors.unknown import opaque

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.core.op import Op
    from convscope.core.spell import Pads, PerAxis
    from convscope.frontends.onnx.call import Call
    from convscope.frontends.tensors.values import Value


@dataclass(frozen=True)
class _Window:
    """The geometry of a pooling. A layer pads by at most half of the kernel; larger padding is a separate layer.

    Attributes:
        kernel: along each axis.
        stride: as above.
        dilation: as above.
        pads: of the layer.
        ceil: whether a last window may extend beyond the end.
        before: padding of a separate layer before it; none without such a layer.
        inside: for each axis and position, the number of window positions inside the map.
        counted: likewise, inside the map with the operator's padding.
    """

    kernel: PerAxis
    stride: PerAxis
    dilation: PerAxis
    pads: Pads
    ceil: bool
    before: tuple[tuple[int, int], ...] = ()
    inside: tuple[NDArray[Any], ...] = ()
    counted: tuple[NDArray[Any], ...] = ()


def _window(call: Call, x: Value) -> _Window:
    rank = positions(x)
    kernel, stride = per_axis(call, "kernel_shape", rank, 0), per_axis(call, "strides", rank)
    spread, ceil = per_axis(call, "dilations", rank), bool(call.whole("ceil_mode", 0))
    pads = pads_of(call, rank, x.sizes[2:], kernel)
    found = _Window(kernel, stride, spread, pads, ceil)
    if isinstance(pads, str) or all(max(pair) <= k // 2 for pair, k in zip(pads, kernel, strict=True)):
        return found
    if min(map(min, pads)) < 0 or any(
        max(pair) >= d * (k - 1) + 1 for pair, k, d in zip(pads, kernel, spread, strict=True)
    ):
        raise ModelError(
            f"the padding {pads} is not smaller than the window {kernel}", expected="padding smaller than the window"
        )
    before, inside, counted = [], [], []
    for n, k, s, d, (lo, hi) in zip(x.sizes[2:], kernel, stride, spread, pads, strict=True):
        out = -((d * (k - 1) + 1 - n - lo - hi) // s if ceil else -((n + lo + hi - d * (k - 1) - 1) // s)) + 1
        out -= ceil and (out - 1) * s >= n + lo
        hold(2 * WIDTH * out)
        with passing(2 * out * k):
            taps = s * np.arange(out)[:, None] - lo + d * np.arange(k)
            inside.append(((taps >= 0) & (taps < n)).sum(1))
            counted.append((taps < n + hi).sum(1))
        before.append((lo, (out - 1) * s + d * (k - 1) + 1 - n - lo))
    none = ((0, 0),) * rank
    return replace(found, pads=none, ceil=False, before=tuple(before), inside=tuple(inside), counted=tuple(counted))


def max_pool(call: Call) -> Any:
    """See the operator MaxPool; the indices of maxima are unknown, except for their number."""
    x = image = call.value(0)
    how = _window(call, x)
    if how.before:
        x = layers.padded(call.builder, x, how.before, "zero", -math.inf)
    found = layers.max_pool(
        call.builder, x, how.kernel, stride=how.stride, pad=how.pads, dilation=how.dilation, ceil=how.ceil
    )
    return found if call.outputs < 2 else [found, opaque(call.builder, [image], found.sizes, Own((), 0))]


def average_pool(call: Call) -> Value:
    """See the operator AveragePool."""
    x = call.value(0)
    how = _window(call, x)
    if set(how.dilation) != {1}:
        raise ShapeError("average pooling with dilation is not supported")
    nothing = not how.ceil and not isinstance(how.pads, str) and not any(side for pair in how.pads for side in pair)
    counted = nothing or bool(call.whole("count_include_pad", 0))
    if how.before:
        x = layers.padded(call.builder, x, how.before, "zero")
    found = layers.avg_pool(
        call.builder, x, how.kernel, stride=how.stride, pad=how.pads, ceil=how.ceil, count_pad=counted
    )
    return _without_padding(call, found, how) if how.before else found


def _without_padding(call: Call, found: Value, how: _Window) -> Value:
    """Correct means that counted zeros beyond the map."""
    counted = how.counted if call.whole("count_include_pad", 0) else how.inside
    shares = [known(k / np.maximum(counts, 1)) for k, counts in zip(how.kernel, counted, strict=True)]
    if all((one.numbers == 1).all() for one in shares):
        return found

    def work(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.asarray(reduce(np.multiply.outer, arrays)[None, None], dtype=np.float32)

    sizes = (1, 1, *(one.sizes[0] for one in shares))
    return binary(call.builder, "mul", found, lazy(sizes, shares, work))


def global_pool(op: Op) -> Callable[[Call], Value]:
    """Pool entire maps."""

    def rule(call: Call) -> Value:
        ready = layers.maps(call.builder, call.value(0), positions(call.value(0)))
        return layers.as_maps(call.value(0), call.builder.emit(op, [ready.node]))

    return rule
