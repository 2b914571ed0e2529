"""Grad-CAM: the maps of a layer, weighted by the gradient of the score (Selvaraju et al., arXiv 1610.02391)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from convscope.analyze.field import fields

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.analyze.field import AxisField
    from convscope.backends.torch import TorchNet
    from convscope.core.net import Net
    from convscope.lens.score import Target


def gradcam(model: TorchNet, x: Tensor, target: Target, layer: str) -> Tensor:
    """``x: n c h w -> n h' w'``: Grad-CAM on the map of a layer, before negative values are clipped.

    The weight of a channel is the mean gradient of the score over its positions. The maps come from one pass of a net
    in which each use of a layer has a value of its own, without hooks, even if a layer is used twice or works in place.
    """
    weights, maps = _weighed(model, x, target, layer)
    return (weights * maps).sum(1)


def _weighed(model: TorchNet, x: Tensor, target: Target, layer: str) -> tuple[Tensor, Tensor]:
    """Return the weight of each channel, ``n c 1 1``, and the maps, ``n c h w``."""
    leaf = x.detach().clone().requires_grad_()
    last = model.net.layer().node.name
    with torch.enable_grad():
        found = model.values({model.net.inputs[0].name: leaf}, [layer, last])
        score = target.of(found[last]).sum()
        (slopes,) = torch.autograd.grad(score, found[layer], allow_unused=True, materialize_grads=True)
    return slopes.mean((2, 3), keepdim=True), found[layer].detach()


def why_empty(model: TorchNet, x: Tensor, target: Target, layer: str) -> str:
    """Explain why Grad-CAM is empty on the map of a layer; returns an empty text if it is not."""
    weights, maps = _weighed(model, x, target, layer)
    if ((weights * maps).sum(1) > 0).any():
        return ""
    if not maps.any():
        return "all of its maps are zero for this image"
    if not weights.any():
        return "the score does not change with any of its maps"
    return "at every position its weighted maps add up to no more than zero"


def on_image(net: Net, layer: str, units: NDArray[np.float32]) -> NDArray[np.float32]:
    """``h' w' -> h w``: each pixel of the image gets the value of the unit whose field centre is nearest.

    >>> import convscope as cs
    >>> on_image(cs.read("input 1x6x1, maxpool 1x3"), "maxpool1", np.array([[1, 2]], np.float32)).tolist()
    [[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]]
    """
    axes = fields(net)[layer]
    rows, columns = (
        _nearest(axis, pixels, count) for axis, pixels, count in zip(axes, net.input[1:], units.shape, strict=True)
    )
    found: NDArray[np.float32] = units[np.ix_(rows, columns)]
    return found


def _nearest(axis: AxisField, pixels: int, units: int) -> NDArray[np.intp]:
    """Return, for each pixel, the unit whose field centre is nearest; without a fixed stride, use equal parts."""
    positions = np.arange(pixels)
    if axis.stride is None or axis.centre is None or axis.stride <= 0:
        return positions * units // pixels
    found: NDArray[np.intp] = np.clip(np.round((positions - float(axis.centre)) / float(axis.stride)), 0, units - 1)
    return found.astype(np.intp)
