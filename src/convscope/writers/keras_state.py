"""The tensors of a layer in Keras's layout."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.pattern import parse
from convscope.ops.act import PReLU
from convscope.ops.attention import Attention
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from convscope.ops.recurrent import GRU, LSTM
from convscope.ops.scalar import Stored
from convscope.ops.source import Const
from convscope.ops.tensor import Mix
from convscope.ops.view import Tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.core.net import Layer
    from convscope.core.op import Op
    from convscope.writers.keras_context import Context

    Array = NDArray[Any]
    Own = dict[str, Array]


@singledispatch
def arrays(op: Op, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001 -- used below
    """Convert the tensors of a layer, by name, to the arguments of ``set_weights`` of the Keras layer."""
    raise TypeError(f"{op.keyword} of {layer.node.name} has no tensors")


@arrays.register(Conv)
@arrays.register(ConvTranspose)
def _conv(op: Conv | ConvTranspose, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001
    kernel = own["weight"].transpose(*range(2, own["weight"].ndim), 1, 0)
    return [kernel, *([own["bias"]] if op.bias else [])]


@arrays.register(Linear)
def _linear(op: Linear, layer: Layer, own: Own, context: Context) -> list[Array]:
    matrix = own["weight"]
    shape = context.orders.get(layer.node.name)
    if shape:
        matrix = np.moveaxis(matrix.reshape(-1, *shape), 1, -1).reshape(matrix.shape)
    return [matrix.T, *([own["bias"]] if op.bias else [])]


@arrays.register(BatchNorm)
@arrays.register(GroupNorm)
@arrays.register(InstanceNorm)
@arrays.register(LayerNorm)
@arrays.register(RMSNorm)
def _norm(op: Op, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001 -- in this order
    return [own[name] for name in ("weight", "bias", "running_mean", "running_var") if name in own]


@arrays.register(PReLU)
def _prelu(op: PReLU, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001 -- any context
    ones = (1,) * (len(layer.inputs[0]) - 1)
    return [own["weight"].reshape(*ones, op.count)]


@arrays.register(Stored)
@arrays.register(Tokens)
@arrays.register(Const)
def _stored(op: Stored | Tokens | Const, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001
    return [np.moveaxis(own["weight"], 0, -1)]


@arrays.register(Attention)
def _attention(op: Attention, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001
    channels = layer.inputs[0][0]
    found = []
    for matrix, bias in zip(np.split(own["in_proj_weight"], 3), np.split(own["in_proj_bias"], 3), strict=True):
        found += [matrix.T.reshape(channels, op.heads, -1), bias.reshape(op.heads, -1)]
    return [*found, own["out_proj.weight"].T.reshape(op.heads, -1, channels), own["out_proj.bias"]]


@arrays.register(LSTM)
def _lstm(op: LSTM, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001 -- the same gates
    found: list[Array] = []
    for back in ("", "_reverse")[: 1 + op.both]:
        found += [own[f"weight_ih_l0{back}"].T, own[f"weight_hh_l0{back}"].T]
        found += [own[f"bias_ih_l0{back}"] + own[f"bias_hh_l0{back}"]] if op.bias else []
    return found


@arrays.register(GRU)
def _gru(op: GRU, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001 -- any context
    def turned(array: Array) -> Array:
        reset, update, new = np.split(array, 3)
        return np.concatenate([update, reset, new])

    found: list[Array] = []
    for back in ("", "_reverse")[: 1 + op.both]:
        found += [turned(own[f"weight_{kind}_l0{back}"]).T for kind in ("ih", "hh")]
        found += [np.stack([turned(own[f"bias_{kind}_l0{back}"]) for kind in ("ih", "hh")])] if op.bias else []
    return found


@arrays.register(Mix)
def _mix(op: Mix, layer: Layer, own: Own, context: Context) -> list[Array]:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 3)
    matrix = own["weight"].reshape([pattern.sizes[letter] for letter in pattern.letters(pattern.parts[1])])
    if not op.bias:
        return [matrix]
    channels, *positions = pattern.output
    letters, added = "".join([*positions, channels]), op.added()
    order = sorted(range(len(added)), key=lambda at: letters.index(added[at]))
    bias = own["bias"].reshape([pattern.sizes[letter] for letter in added]).transpose(order)
    first = min(letters.index(letter) for letter in added)
    return [matrix, bias.reshape([pattern.sizes[c] if c in added else 1 for c in letters[first:]])]
