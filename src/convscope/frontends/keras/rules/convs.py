"""Layers with kernels: convolutions of all kinds, and dense layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import FieldError
from convscope.frontends.keras.here import ordered
from convscope.frontends.keras.rules.acts import activated
from convscope.frontends.tensors import layers
from convscope.frontends.tensors.settle import without_repeats
from convscope.frontends.tensors.values import Const, Factor, Value
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.pad import Crop

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.spell import Pads
    from convscope.frontends.keras.here import Here

Pair = tuple[int, int]


def _kernel(here: Here, const: Const) -> Const:
    """Convert a kernel ``k... in out`` to ``out in k...``, with one tap along times."""
    *taps, coming, going = const.sizes
    shape = (going, coming, *here.spread(taps))
    return const.then(shape, lambda numbers: np.moveaxis(numbers, (-1, -2), (0, 1)).reshape(shape))


def _depthwise(here: Here, const: Const) -> Const:
    """Convert a kernel ``k... in multiplier`` to ``in*multiplier 1 k...``."""
    *taps, coming, times = const.sizes
    shape = (coming * times, 1, *here.spread(taps))
    return const.then(shape, lambda numbers: np.moveaxis(numbers, (-2, -1), (0, 1)).reshape(shape))


def _pads(here: Here, taps: tuple[int, ...], dilation: tuple[int, ...]) -> Pads:
    word = here.settings.word("padding", ("valid", "same", "causal"))
    if word == "causal":
        return tuple((step * (count - 1), 0) for count, step in zip(taps, dilation, strict=True))
    return "same" if word == "same" else tuple((0, 0) for _ in taps)


def _window(here: Here, rank: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Pads]:
    """Return the taps, strides, dilation and padding of a kernel."""
    taps = here.settings.ints("kernel_size", rank)
    strides, dilation = (here.spread(here.settings.ints(name, rank, 1)) for name in ("strides", "dilation_rate"))
    return taps, strides, dilation, _pads(here, here.spread(taps), dilation)


def _tensors(kernel: Const, bias: Const | None) -> dict[str, Const]:
    return {"weight": kernel} if bias is None else {"weight": kernel, "bias": bias}


def _conv(rank: int) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        ready = here.maps(x, rank)
        out, groups = here.settings.whole("filters"), here.settings.whole("groups", 1)
        taps, strides, dilation, pads = _window(here, rank)
        bias = here.settings.flag("use_bias", default=True)
        shapes = {"kernel": (*taps, ready.shape[0] // groups, out)} | ({"bias": (out,)} if bias else {})
        found = here.weights(shapes)
        op = Conv(out, here.spread(taps), strides, pads, dilation, groups, bias)
        made = here.emit(op, ready, _tensors(_kernel(here, found["kernel"]), found.get("bias")))
        return activated(here, here.back(made))

    return rule


def _depthwise_conv(rank: int) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        ready = here.maps(x, rank)
        coming, times = ready.shape[0], here.settings.whole("depth_multiplier", 1)
        taps, strides, dilation, pads = _window(here, rank)
        bias = here.settings.flag("use_bias", default=True)
        name = "depthwise_kernel" if here.spec.old else "kernel"
        found = here.weights({name: (*taps, coming, times)} | ({"bias": (coming * times,)} if bias else {}))
        op = Conv(coming * times, here.spread(taps), strides, pads, dilation, coming, bias)
        made = here.emit(op, ready, _tensors(_depthwise(here, found[name]), found.get("bias")))
        return activated(here, here.back(made))

    return rule


def _separable_conv(rank: int) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        ready = here.maps(x, rank)
        coming, times = ready.shape[0], here.settings.whole("depth_multiplier", 1)
        out = here.settings.whole("filters")
        taps, strides, dilation, pads = _window(here, rank)
        bias = here.settings.flag("use_bias", default=True)
        shapes = {"depthwise_kernel": (*taps, coming, times), "pointwise_kernel": (*(1,) * rank, coming * times, out)}
        found = here.weights(shapes | ({"bias": (out,)} if bias else {}))
        ones = here.spread((1,) * rank)
        with here.aside("depthwise"):
            op = Conv(coming * times, here.spread(taps), strides, pads, dilation, coming, bias=False)
            made = here.emit(op, ready, {"weight": _depthwise(here, found["depthwise_kernel"])})
        with here.aside("pointwise"):
            weights = _tensors(_kernel(here, found["pointwise_kernel"]), found.get("bias"))
            made = here.emit(Conv(out, ones, bias=bias), made, weights)
        return activated(here, here.back(made))

    return rule


def transposed_cut(taps: int, stride: int, dilation: int, extra: int | None, *, same: bool) -> Pair:
    """Return the cropping, before and after, of an unpadded transposed convolution; negative numbers add zeros.

    Keras's rule: ``valid`` gives ``(n - 1)*stride + max(kernel, stride)``, ``same`` gives ``n*stride``, with output
    padding ``(n - 1)*stride + kernel % 2 + padding``; an odd one goes after.

    >>> transposed_cut(3, 2, 1, None, same=True), transposed_cut(2, 3, 1, None, same=False)
    ((0, 1), (0, -1))
    """
    span = (taps - 1) * dilation + 1
    if not same:
        return 0, -(max(span, stride) - span if extra is None else extra)
    total = stride + span - 2 if extra is None else span + span % 2 - 2 + extra
    before = min(total // 2 + total % 2, span - 1)
    return span - 1 - before, span - 1 - (total - before)


def _settled_cut(cut: Pair, stride: int, dilation: int) -> tuple[int, int, Pair]:
    """Split cropping into padding on both sides, output padding after, and remaining cropping."""
    before, after = cut
    if 0 <= before - after < max(stride, dilation):
        return before, before - after, (0, 0)
    if after < 0:
        return 0, -after, (before, 0)
    both = min(cut)
    return both, 0, (before - both, after - both)


def _conv_transpose(rank: int) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        ready = here.maps(x, rank)
        out = here.settings.whole("filters")
        taps, strides, dilation, pads = _window(here, rank)
        given = here.settings.get("output_padding")
        extra = (None,) * rank if given is None else here.settings.ints("output_padding", rank, least=0)
        axes = zip(here.spread(taps), strides, dilation, (*(None,) * (here.lead - 1), *extra), strict=True)
        cuts = [_settled_cut(transposed_cut(k, s, d, o, same=pads == "same"), s, d) for k, s, d, o in axes]
        bias = here.settings.flag("use_bias", default=True)
        found = here.weights({"kernel": (*taps, out, ready.shape[0])} | ({"bias": (out,)} if bias else {}))
        sides, outputs = tuple((side, side) for side, _, _ in cuts), tuple(more for _, more, _ in cuts)
        op = ConvTranspose(out, here.spread(taps), strides, sides, dilation, outputs, 1, bias)
        made = here.emit(op, ready, _tensors(_kernel(here, found["kernel"]), found.get("bias")))
        if any(any(rest) for _, _, rest in cuts):
            with here.aside():
                made = here.emit(Crop(tuple(rest for _, _, rest in cuts)), made)
        return activated(here, here.back(made))

    return rule


def dense(here: Here, x: Value, weight: Const, bias: Const | None) -> Value:
    """Add a linear map of the last dimension; ``weight: out in``.

    If the last dimension is a flattened map with channels last, the columns of the weight are permuted to channels
    first, and the map is used directly.
    """
    x = without_repeats(here.builder, x)
    if any(x.dims[:-1]) or x.sizes[-1] != math.prod(x.shape):
        return layers.linear(here.builder, x, weight, bias)
    steps = [math.prod(x.shape[axis + 1 :]) for axis in range(len(x.shape))]
    order = ordered(tuple(Factor(0, factor.size, factor.step * steps[factor.axis]) for factor in x.dims[-1]))
    turned = weight.then(weight.sizes, lambda matrix: np.ascontiguousarray(matrix[:, order()]))
    made = here.builder.emit(Linear(weight.sizes[0], bias is not None), [x.node], _tensors(turned, bias))
    return Value(made.node, made.shape, (*x.dims[:-1], *made.dims))


def _dense(here: Here, x: Value) -> Value:
    units = here.settings.whole("units")
    if len(x.dims) < 2:
        raise FieldError("a dense layer takes a batch and channels")
    coming = x.sizes[-1]
    bias = here.settings.flag("use_bias", default=True)
    found = here.weights({"kernel": (coming, units)} | ({"bias": (units,)} if bias else {}))
    weight = found["kernel"].then((units, coming), lambda numbers: np.ascontiguousarray(numbers.T))
    return activated(here, dense(here, x, weight, found.get("bias")))


LAYERS: dict[str, Callable[..., Any]] = {
    "Dense": _dense,
    **{f"Conv{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Convolution{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _conv_transpose(rank) for rank in (1, 2, 3)},
    **{f"Convolution{rank}DTranspose": _conv_transpose(rank) for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": _depthwise_conv(rank) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _separable_conv(rank) for rank in (1, 2)},
    **{f"SeparableConvolution{rank}D": _separable_conv(rank) for rank in (1, 2)},
}
"""Layers by class."""
