"""Initial weights for a net."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import FieldError, WriteError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from convscope.core.net import Net
    from convscope.core.op import Weight

MAX_BYTES = 2**31 - 2**20
"""The most that is written into one file; ONNX holds no more."""

ONES = ("weight", "running_var")
"""Vectors of norms that are initialised to one; all others are initialised to zero."""


def refuse_large(size: int) -> None:
    """Refuse weights that no file is made of.

    Raises:
        WriteError: they take more bytes than that.
    """
    if size > MAX_BYTES:
        raise WriteError(f"the weights take {size:,} bytes", expected="at most 2 GiB in one file")


def size_of(net: Net) -> int:
    """Bytes of all weights in float32."""
    return sum(weight.count * 4 for layer in net for weight in layer.node.op.weights(layer.inputs) or ())


def initial(net: Net, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return random weights by ``layer.tensor``: normal with variance 2 / fan-in (He et al., arXiv 1502.01852).

    Scales and variances of norms are one; all other vectors are zero.

    Raises:
        FieldError: the seed is below 0.

    >>> import convscope as cs
    >>> found = initial(cs.read("input 8x8x1, conv 4 3x3 bn"))
    >>> found["conv1.weight"].shape, found["bn1.running_var"].tolist()
    ((4, 1, 3, 3), [1.0, 1.0, 1.0, 1.0])
    """
    if seed < 0:
        raise FieldError(f"seed {seed} cannot be used", expected="an integer from 0")
    random = np.random.default_rng(seed)
    return {
        f"{layer.node.name}.{weight.name}": _start(weight, random)
        for layer in net
        for weight in layer.node.op.weights(layer.inputs) or ()
    }


def _start(weight: Weight, random: np.random.Generator) -> NDArray[Any]:
    if len(weight.shape) < 2:
        start = np.ones if weight.name in ONES else np.zeros
        return start(weight.shape, dtype=np.int64 if not weight.shape else np.float32)
    numbers: NDArray[Any] = random.normal(0, (2 / weight.fan_in) ** 0.5, weight.shape).astype(np.float32)
    return numbers


def stored(net: Net) -> dict[str, NDArray[Any]] | None:
    """Return the weights of an imported net; None if there are none.

    A model that was read by name is on the meta device and has shapes only.
    """
    if net.tensors is None:
        return None
    try:
        return net.tensors()
    except NotImplementedError:  # torch's message for a meta tensor
        return None


def checked(net: Net, tensors: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Check that tensors are those of the net.

    Raises:
        WriteError: a tensor is missing or has another shape.
    """
    for layer in net:
        for weight in layer.node.op.weights(layer.inputs) or ():
            key = f"{layer.node.name}.{weight.name}"
            if key not in tensors:
                raise WriteError(f"there is no tensor {key}", expected="every tensor of the net, by layer.tensor")
            if tuple(tensors[key].shape) != weight.shape:
                raise WriteError(f"{key} has the shape {tuple(tensors[key].shape)}", expected=f"{weight.shape}")
    return tensors
