"""Steps of a net: a layer that does work, with what merely follows it, such as ``conv bn relu``."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.core.op import spelled
from convscope.ops import act, attention, conv, linear, merge, norm, pad, pool, recurrent, resize

if TYPE_CHECKING:
    from convscope.core.net import Layer, Net
    from convscope.core.op import Op
    from convscope.core.shape import Shape

KINDS: tuple[tuple[str, tuple[type[Op], ...]], ...] = (
    ("conv", (conv.Conv, conv.ConvTranspose)),
    ("linear", (linear.Linear,)),
    ("pool", (pool.MaxPool, pool.AvgPool, pool.GlobalAvgPool, pool.GlobalMaxPool)),
    ("pool", (pool.AdaptiveAvgPool, pool.AdaptiveMaxPool)),
    ("up", (resize.Upsample, resize.Resize)),
    ("cat", (merge.Cat,)),
    ("sum", (merge.Elementwise,)),
    ("mix", (attention.Attention, attention.ScaledDotProduct, recurrent.Recurrent)),
)
"""How steps look, by the op of their main layer; all others are plain."""

SIGNS: dict[type[Op], str] = {merge.Add: "+", merge.Mul: "\N{MULTIPLICATION SIGN}", merge.Sub: "-", merge.Div: "/"}
"""Signs of elementwise merges; a dot for the others."""


@dataclass(frozen=True)
class Step:
    """A layer that does work, with padding before it, and norms, activations and views after it.

    Attributes:
        layers: its layers, in order.
        main: the layer that does the work.
        kind: how it is drawn.
    """

    layers: tuple[Layer, ...]
    main: Layer
    kind: str

    @property
    def name(self) -> str:
        """The name of the main layer."""
        return self.main.node.name

    @property
    def out(self) -> Shape:
        """The shape ``c h w`` of its output."""
        return self.layers[-1].output

    def words(self) -> tuple[str, ...]:
        """Return the settings of the main layer, and the ops that follow it.

        >>> import convscope as cs
        >>> steps_of(cs.read("input 8x8x1, conv 4 3x3 s2 nobias bn relu"))[0].words()
        ('3x3 s2', 'bn relu')
        """
        after = self.layers[self.layers.index(self.main) + 1 :]
        followed = " ".join(one.node.op.keyword.replace("_", " ") for one in after)
        return tuple(filter(None, (_settings(self.main.node.op, self.name, self.kind), followed)))


def _settings(op: Op, name: str, kind: str) -> str:
    """Return the op in the notation without its channels, and without its word where its name or its look says it."""
    word, *words = spelled(op).split()
    words = words[1:] if kind in {"conv", "linear"} else words
    known = kind in {"conv", "pool"} or name.startswith(word)
    return " ".join(one for one in ("" if known else word, *words) if one not in {"", "nobias"})


def kind_of(op: Op) -> str:
    """Return how an op is drawn.

    >>> kind_of(pool.MaxPool((2, 2))), kind_of(act.ReLU())
    ('pool', 'plain')
    """
    return next((kind for kind, ops in KINDS if isinstance(op, ops)), "plain")


def steps_of(net: Net) -> tuple[Step, ...]:
    """Return the steps of a net, in order; every layer is in one of them.

    >>> import convscope as cs
    >>> [step.name for step in steps_of(cs.read("input 9x9x3, conv 4 3x3 bn relu, add( conv 4 3x3 p1 | id ) relu"))]
    ['conv1', 'conv2', 'add1']
    """
    readers = Counter(name for layer in net for name in dict.fromkeys(layer.node.inputs))
    readers.update(one.node for one in net.outputs)
    rows: list[list[Layer]] = []
    ends: dict[str, int] = {}  # the steps that may still grow, by the name of their last layer
    for layer in net:
        source = layer.node.inputs[0]
        at = ends.get(source) if readers[source] == 1 and len(layer.node.inputs) == 1 else None
        if at is not None and (_follows(layer) or all(isinstance(one.node.op, pad.Pad) for one in rows[at])):
            rows[at].append(layer)
            del ends[source]
        else:
            at = len(rows)
            rows.append([layer])
        ends[layer.node.name] = at
    return tuple(_step(tuple(row)) for row in rows)


def _step(layers: tuple[Layer, ...]) -> Step:
    main = next((layer for layer in layers if not isinstance(layer.node.op, pad.Pad)), layers[0])
    return Step(layers, main, kind_of(main.node.op))


FOLLOWING = (norm.BatchNorm, norm.GroupNorm, norm.InstanceNorm, norm.LayerNorm, norm.RMSNorm, norm.LocalResponseNorm)
"""Norms, some of which read more than their own position."""


def _follows(layer: Layer) -> bool:
    """Return whether a layer merely follows another: a norm, an activation, or the same values in another shape."""
    op = layer.node.op
    if layer.pointwise or isinstance(op, (*FOLLOWING, act.Softmax, act.SpatialSoftmax)):
        return True
    same = math.prod(layer.output) == math.prod(layer.inputs[0])
    return same and kind_of(op) == "plain" and not layer.weights and not op.merges
