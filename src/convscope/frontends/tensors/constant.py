"""Constants as layers of a net."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from convscope.frontends.tensors.values import Const, Value, divided, whole
from convscope.ops.source import Const as ConstOp

if TYPE_CHECKING:
    from convscope.frontends.tensors.builder import Builder


def placed(builder: Builder, const: Const, *, batch: bool = False) -> Value:
    """Return a constant as the output of a layer, so that it can be joined with tensors that depend on the input.

    Args:
        builder: takes the layer.
        const: the tensor; its last dimension becomes the channels, those before it become positions.
        batch: whether its first dimension, of length 1, is the batch.

    Raises:
        ShapeError: a dimension has length 0.
    """
    lead = 1 if batch and const.sizes[:1] == (1,) else 0
    inner = const.sizes[lead:] or (1,)
    positions, channels = inner[:-1], inner[-1]
    joined = (*positions[:2], math.prod(positions[2:])) if len(positions) > 3 else positions
    shape = (channels, *joined)
    order = (len(joined), *range(len(joined)))
    flat = (*joined, channels)
    weight = const.then(shape, lambda numbers: numbers.reshape(flat).transpose(order).astype("float32", copy=False))
    made = builder.emit(ConstOp(shape, not const.roots), [builder.inputs[0].name], {"weight": weight})
    dims = whole(made.shape)
    positions_dims = dims[1:]
    if len(positions) > 3:
        tail = divided(dims[3], positions[2:])
        assert tail is not None, "the parts of a product divide it"
        positions_dims = (*dims[1:3], *tail)
    every = (*positions_dims, dims[0]) if const.sizes[lead:] else ()
    return replace(made, dims=(*[()] * lead, *every))
