"""Tensors that do not depend on the input, as layers of a net."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from convscope.frontends.build.values import Const, Value, divided, whole
from convscope.ops.source import Const as ConstOp

if TYPE_CHECKING:
    from convscope.frontends.build.builder import Builder


def placed(builder: Builder, const: Const, *, batch: bool = False) -> Value:
    """A stored tensor as the output of a layer, so that it can meet what depends on the input.

    Args:
        builder: takes the layer.
        const: the tensor; its last dimension becomes the channels, those before it become places.
        batch: its first dimension, of length 1, stands for the samples.

    Raises:
        ShapeError: a dimension has length 0.
    """
    lead = 1 if batch and const.sizes[:1] == (1,) else 0
    inner = const.sizes[lead:] or (1,)
    places, channels = inner[:-1], inner[-1]
    joined = (*places[:2], math.prod(places[2:])) if len(places) > 3 else places
    shape = (channels, *joined)
    order = (len(joined), *range(len(joined)))
    flat = (*joined, channels)
    weight = const.then(shape, lambda numbers: numbers.reshape(flat).transpose(order).astype("float32", copy=False))
    made = builder.emit(ConstOp(shape, not const.roots), [builder.inputs[0].name], {"weight": weight})
    dims = whole(made.shape)
    places_dims = dims[1:]
    if len(places) > 3:
        tail = divided(dims[3], places[2:])
        assert tail is not None, "the parts of a product divide it"
        places_dims = (*dims[1:3], *tail)
    every = (*places_dims, dims[0]) if const.sizes[lead:] else ()
    return replace(made, dims=(*[()] * lead, *every))
