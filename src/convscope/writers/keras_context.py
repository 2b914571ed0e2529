"""Facts about neighbouring layers: a fused activation, maps written as vectors, the order of a flattened map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convscope.ops.act import (
    ELU,
    GELU,
    SELU,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyReLU,
    Mish,
    Pointwise,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear
from convscope.ops.merge import Add, Cat, Mul
from convscope.ops.pool import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from convscope.ops.sliding import pads
from convscope.ops.view import Flatten

if TYPE_CHECKING:
    from convscope.core.net import Layer, Net
    from convscope.core.op import Op
    from convscope.core.shape import Shape

ACTIVATIONS: dict[Op, str] = {
    ReLU(): "relu", Sigmoid(): "sigmoid", Tanh(): "tanh", Softmax(): "softmax", GELU(): "gelu", SiLU(): "silu",
    ReLU6(): "relu6", Hardswish(): "hard_silu", Hardsigmoid(): "hard_sigmoid", SELU(): "selu", Softplus(): "softplus",
    Mish(): "mish", ELU(): "elu",
}  # fmt: skip
"""Activations that Keras has by name."""

POSITIVE = (ReLU, ReLU6, Sigmoid, Hardsigmoid, Softmax, Softplus)
"""Ops whose output is never negative."""

THROUGH = (MaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, Identity, Cat, Add, Mul)
"""Ops whose output is not negative if no input is."""


@dataclass(frozen=True)
class Context:
    """Facts about layers by name.

    Attributes:
        activation: the activation that is fused into a convolution or linear layer.
        absorbed: activations that are fused into the layer before them.
        lines: layers with a single position whose value is a vector of channels in Keras.
        orders: maps ``c h w`` that a linear layer reads, flattened in Keras's order.
        kept: flattened maps that need no other order, since only linear layers read them.
        positive: layers whose output is never negative.
        explicit: whether padding is always written as separate layers.
    """

    activation: dict[str, str]
    absorbed: frozenset[str]
    lines: frozenset[str]
    orders: dict[str, Shape]
    kept: frozenset[str]
    positive: frozenset[str]
    explicit: bool


def context_of(net: Net) -> Context:
    """Analyse a net.

    >>> import convscope as cs
    >>> found = context_of(cs.read("input 8x8x1, conv 4 3x3 relu, gap, linear 10"))
    >>> found.activation, sorted(found.lines)
    ({'conv1': 'relu'}, ['gap1'])
    """
    layers = {layer.node.name: layer for layer in net}
    readers: dict[str, list[Layer]] = {name: [] for name in (*(one.name for one in net.inputs), *layers)}
    for layer in net:
        for source in layer.node.inputs:
            readers[source].append(layer)
    pairs = [(layer.node.name, readers[layer.node.name][0]) for layer in net if _takes_in(layer, readers)]
    lines, kept, orders = _lines(net, readers)
    return Context(
        activation={name: ACTIVATIONS[reader.node.op] for name, reader in pairs},
        absorbed=frozenset(reader.node.name for _, reader in pairs),
        lines=lines,
        orders=orders,
        kept=kept,
        positive=_positive(net),
        explicit=any(isinstance(layer.node.op, Conv) and not _is_same(layer.node.op, layer) for layer in net),
    )


def _takes_in(layer: Layer, readers: dict[str, list[Layer]]) -> bool:
    after = readers[layer.node.name]
    kind = isinstance(layer.node.op, Conv | ConvTranspose | Linear)
    return kind and len(after) == 1 and after[0].node.op in ACTIVATIONS


def _is_same(op: Conv, layer: Layer) -> bool:
    """Return whether Keras pads the same way by itself for any size of the map, or there is no padding."""
    found = pads(op, layer.inputs[0])
    if op.pad == "same" or not any(map(any, found)):
        return True
    return set(op.stride) == {1} and found == pads(replace(op, pad="same"), layer.inputs[0])


def _ends(layer: Layer, readers: dict[str, list[Layer]]) -> tuple[set[str], list[Layer | None]]:
    """Return the readers of a value behind pointwise ops, and these ops; None stands for the output of the net."""
    between, ends, todo = set[str](), list["Layer | None"](), [layer]
    while todo:
        now = todo.pop()
        if not readers[now.node.name]:
            ends.append(None)
        for reader in readers[now.node.name]:
            if isinstance(reader.node.op, Pointwise | LeakyReLU):
                between.add(reader.node.name)
                todo.append(reader)
            else:
                ends.append(reader)
    return between, ends


def _lines(net: Net, readers: dict[str, list[Layer]]) -> tuple[frozenset[str], frozenset[str], dict[str, Shape]]:
    lines, kept = set[str](), set[str]()
    orders = {layer.node.name: layer.inputs[0] for layer in net if isinstance(layer.node.op, Linear)}
    orders = {name: shape for name, shape in orders.items() if len(shape) > 1}
    for layer in net:
        between, ends = _ends(layer, readers)
        last = layer.node.op
        if isinstance(last, GlobalAvgPool | GlobalMaxPool) and all(
            end is not None and isinstance(end.node.op, Linear | Flatten) for end in ends
        ):
            lines |= {layer.node.name, *between}
        if isinstance(last, Flatten) and all(end is not None and isinstance(end.node.op, Linear) for end in ends):
            kept.add(layer.node.name)
            orders |= {end.node.name: layer.inputs[0] for end in ends if end is not None}
    return frozenset(lines), frozenset(kept), orders


def _positive(net: Net) -> frozenset[str]:
    found = set[str]()
    for layer in net:
        op = layer.node.op
        through = isinstance(op, THROUGH) and found.issuperset(layer.node.inputs)
        if isinstance(op, POSITIVE) or through:
            found.add(layer.node.name)
    return frozenset(found)
