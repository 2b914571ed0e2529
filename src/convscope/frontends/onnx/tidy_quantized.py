"""Fusion for quantised models: the scale of a product, and the bias after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convscope.core.op import FLOAT32
from convscope.core.pattern import parse
from convscope.frontends.onnx.tidy import PATTERNS, Found, owned, per_channel
from convscope.ops.conv import Conv
from convscope.ops.linear import Linear
from convscope.ops.scalar import Scale, Shift, Times
from convscope.ops.tensor import Mix

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convscope.core.net import Layer
    from convscope.core.op import Op
    from convscope.core.shape import Shape
    from convscope.frontends.onnx.tidy import Net

    Pattern = Callable[[Net, Layer], Found | None]


def _product(net: Net, layer: Layer) -> Layer | None:
    """Return the product with quantised weights that only this layer reads."""
    before = next(filter(None, (net.before(layer, op) for op in (Linear, Conv, Mix))), None)
    if not before or not net.lone((before, layer)):
        return None
    quantised = any(weight.trained and weight.dtype != FLOAT32 for weight in before.weights or ())
    return before if quantised else None


def _along(product: Op, scale: Op, output: Shape) -> int | None:
    """Return the axis of a product's weight along which a stored scale varies; None for none or several."""
    if not isinstance(scale, Scale) or not scale.fixed:
        return None
    axes = [at for at, size in enumerate(scale.shape) if size > 1]
    if len(axes) != 1 or scale.shape[axes[0]] != output[axes[0]]:
        return None
    if not isinstance(product, Mix):
        return 0 if axes == [0] else None
    pattern = parse(product.spec, 3)
    letters = pattern.output[axes[0]]
    return pattern.parts[1].index(letters) if letters in pattern.parts[1] else None


def _scaled(net: Net, layer: Layer) -> Found | None:
    """Match a product of integers followed by the scale of its weights, as a product of floats."""
    before, op = _product(net, layer), layer.node.op
    axis = _along(before.node.op, op, layer.output) if before else None
    if not before or not (isinstance(op, Times) or axis is not None):
        return None
    scale = net.builder.loaders.get(layer.node.name, {}).get("weight")

    def scaled(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        if scale is None:
            assert isinstance(op, Times)
            return np.asarray(numbers * np.float32(op.value))
        return np.asarray(numbers * scale.load().reshape([-1 if at == axis else 1 for at in range(numbers.ndim)]))

    found = net.builder.loaders[before.node.name]
    weights = {name: const.then(const.sizes, scaled) for name, const in found.items()}
    return Found(before.node.op, before.node.inputs, (before, layer), weights, owned(before, layer))


def _biased(net: Net, layer: Layer) -> Found | None:
    """Match a product with quantised weights followed by a bias."""
    before = _product(net, layer)
    if not before or not per_channel(layer, fixed=True):
        return None
    op = before.node.op
    if not isinstance(op, Linear | Conv) or op.bias:
        return None
    loaders, size = net.builder.loaders, (layer.output[0],)
    bias = loaders[layer.node.name]["weight"].then(size, lambda numbers: numbers.reshape(size))
    weights = {**loaders[before.node.name], "bias": bias}
    return Found(replace(op, bias=True), before.node.inputs, (before, layer), weights, owned(before, layer))


def with_quantized() -> dict[type[Op], tuple[Pattern, ...]]:
    """The patterns of all models and of quantised ones."""
    more: dict[type[Op], tuple[Pattern, ...]] = {Times: (_scaled,), Scale: (_scaled,), Shift: (_biased,)}
    return {**PATTERNS, **{op: (*found, *PATTERNS.get(op, ())) for op, found in more.items()}}
