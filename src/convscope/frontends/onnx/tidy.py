"""Fusion of layers that an exporter decomposed: activations, norms, a linear layer and its bias.

Every pattern is matched at its last layer, and only if nothing else reads its inner layers.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from convscope.core.graph import Node, Own
from convscope.core.net import Layer, fitted
from convscope.core.pattern import parse
from convscope.ops import act
from convscope.ops.conv import Conv
from convscope.ops.linear import Linear
from convscope.ops.merge import Add, Cat, Div, Mul, Sub
from convscope.ops.norm import GroupNorm, InstanceNorm, LayerNorm
from convscope.ops.pad import Crop, Roll
from convscope.ops.scalar import Map, Plus, Pow, Scale, Shift, Times
from convscope.ops.tensor import Einsum, Reduce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from convscope.core.op import Op
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Const

CLOSE = 1e-4
"""Tolerance for numbers in formulas."""


@dataclass(frozen=True)
class Found:
    """A layer that replaces several.

    Attributes:
        op: the fused op.
        inputs: its inputs.
        gone: the replaced layers; the first one that is in the source gives the name.
        weights: the weights of its lowering.
        own: the source's facts.
    """

    op: Op
    inputs: tuple[str, ...]
    gone: tuple[Layer, ...]
    weights: dict[str, Const] = field(default_factory=dict)
    own: Own = field(default_factory=Own)


class Net:
    """The layers during fusion."""

    def __init__(self, builder: Builder, outputs: Iterable[str]) -> None:
        self.builder: Builder = builder
        self.layers: dict[str, Layer] = {}
        self.uses: Counter[str] = Counter(outputs)
        self.taken: Counter[str] = Counter()
        for layer in builder.layers:
            self.uses.update(layer.node.inputs)
        _drop_unread(builder, self.uses)

    def __getitem__(self, name: str) -> Layer | None:
        return self.layers.get(name)

    def free(self, name: str) -> None:
        """Release the name of a layer; lower numbers of numbered names stay reserved."""
        plain, _, number = name.rpartition("_")
        if number.isdecimal():
            self.taken[plain] = max(0, min(self.taken[plain], int(number[:9]) - 2))

    def before(self, layer: Layer | None, op: type[Op], at: int = 0) -> Layer | None:
        """Return the layer that another one reads, if it is of a kind."""
        found = self.layers.get(layer.node.inputs[at]) if layer and at < len(layer.node.inputs) else None
        return found if found and isinstance(found.node.op, op) else None

    def lone(self, gone: tuple[Layer, ...]) -> bool:
        """Return whether nothing else reads these layers, except the last one."""
        own = Counter(name for layer in gone for name in layer.node.inputs)
        return all(self.uses[layer.node.name] == own[layer.node.name] for layer in gone[:-1])


def _times(layer: Layer | None, number: float, made: type[Times | Plus] = Times) -> bool:
    op = layer and layer.node.op
    return isinstance(op, made) and math.isclose(op.value, number, rel_tol=CLOSE)


def _plus(layer: Layer | None, number: float) -> bool:
    return _times(layer, number, Plus)


def _drop_unread(builder: Builder, uses: Counter[str]) -> None:
    """Remove layers without weights that nothing reads, such as unused parts of a split tensor."""
    kept = []
    for layer in reversed(builder.layers):
        if uses[layer.node.name] or layer.weights != ():
            kept.append(layer)
        else:
            uses.subtract(layer.node.inputs)
    builder.layers[:] = reversed(kept)


def tidied(builder: Builder, outputs: Sequence[str], patterns: Patterns) -> dict[str, str]:
    """Fuse layers in a builder by some patterns; return the renamed layers."""
    net = Net(builder, outputs)
    names: dict[str, str] = {}
    for layer in builder.layers:
        inputs = tuple(names.get(name, name) for name in layer.node.inputs)
        now = layer if inputs == layer.node.inputs else replace(layer, node=replace(layer.node, inputs=inputs))
        net.layers[layer.node.name] = now
        found = next(filter(None, (look(net, now) for look in patterns.get(type(now.node.op), ()))), None)
        while found:
            now = _put_together(net, found)
            names[layer.node.name] = now.node.name
            found = next(filter(None, (look(net, now) for look in patterns.get(type(now.node.op), ()))), None)
    builder.layers[:] = net.layers.values()
    return names


def _put_together(net: Net, found: Found) -> Layer:
    first, last = found.gone[0], found.gone[-1]
    for layer in found.gone:
        del net.layers[layer.node.name]
        net.free(layer.node.name)
        net.builder.loaders.pop(layer.node.name, None)
        net.uses.subtract(layer.node.inputs)
    name = _name(net, first, found.op)
    shapes = {one: shape for layer in found.gone for one, shape in zip(layer.node.inputs, layer.inputs, strict=True)}
    sources = tuple(dict.fromkeys(one for layer in found.gone for one in layer.node.sources))
    node = Node(name, found.op, found.inputs, None, found.own, sources)
    made = fitted(node, tuple(shapes[one] for one in found.inputs))
    net.layers[name] = made
    net.uses.update(found.inputs)
    net.uses[name] = net.uses.pop(last.node.name)
    if found.weights:
        net.builder.loaders[name] = found.weights
    return made


def _name(net: Net, layer: Layer, op: Op) -> str:
    """Return the name of the first layer; a name that is a keyword becomes that of the fused op."""
    lead, _, own = layer.node.name.rpartition(".")
    plain, _, number = own.partition("_")
    if plain != layer.node.op.keyword or (number and not number.isdigit()):
        return layer.node.name
    plain = wanted = f"{lead}.{op.keyword}" if lead else op.keyword
    at = net.taken[plain]
    while wanted in net.layers:
        at += 1
        wanted = f"{plain}_{at + 1}"
    net.taken[plain] = at
    return wanted


def _ways(layer: Layer) -> tuple[tuple[str, str], ...]:
    """Return the two inputs of a layer in both orders; none if it has more."""
    names = layer.node.inputs
    return ((names[0], names[1]), (names[1], names[0])) if len(names) == 2 else ()


def _gated(net: Net, layer: Layer) -> Found | None:
    """``x * f(x)``."""
    for x, gate in _ways(layer):
        inner = net[gate]
        soft = net.before(inner, act.Softplus)
        op = GATES.get(type(inner.node.op)) if inner else None
        if inner and soft and isinstance(inner.node.op, act.Tanh):
            op = act.Mish()
        gone = (*([soft] if soft else []), *([inner] if inner else []), layer)
        if op and gone[0].node.inputs == (x,) and net.lone(gone):
            return Found(op, (x,), gone)
    return None


GATES: dict[type[Op], Op] = {act.Sigmoid: act.SiLU(), act.Hardsigmoid: act.Hardswish()}


def _hard(net: Net, layer: Layer) -> Found | None:
    """``relu6(x + 3) / 6``, or ``x * relu6(x + 3) / 6``."""
    product = net.before(layer, Mul)
    ends = (net.before(product, act.ReLU6, 0), net.before(product, act.ReLU6, 1), net.before(layer, act.ReLU6))
    inner = next(filter(None, ends), None)
    plus = net.before(inner, Plus)
    if not _times(layer, 1 / 6) or not inner or not plus or not _plus(plus, 3):
        return None
    x = plus.node.inputs[0]
    if product is None:
        found = Found(act.Hardsigmoid(), (x,), (plus, inner, layer))
    elif (x, inner.node.name) in _ways(product):
        found = Found(act.Hardswish(), (x,), (plus, inner, product, layer))
    else:
        return None
    return found if net.lone(found.gone) else None


def _normal(net: Net, name: str) -> tuple[bool, tuple[Layer, ...], str] | None:
    """Match ``1 + erf(x/sqrt 2)``, or its form with tanh; return which, its layers, and x."""
    one = net[name]
    curve = net.before(one, Map) or net.before(one, act.Tanh)
    scaled = net.before(curve, Times)
    if not one or not _plus(one, 1) or not curve or not scaled:
        return None
    if curve.node.op == Map("erf") and _times(scaled, math.sqrt(0.5)):
        return False, (scaled, curve, one), scaled.node.inputs[0]
    total = net.before(scaled, Add)
    if not isinstance(curve.node.op, act.Tanh) or not _times(scaled, math.sqrt(2 / math.pi)) or not total:
        return None
    for x, other in _ways(total):
        cubes = _cubed(net, net.before(net[other], Pow) or net.before(net[other], Mul), x)
        small = net[other]
        if small and cubes and _times(small, 0.044715):
            return True, (*cubes, small, total, scaled, curve, one), x
    return None


def _cubed(net: Net, layer: Layer | None, x: str) -> tuple[Layer, ...]:
    """Return the layers of ``x^3``; none for anything else."""
    if layer is None:
        return ()
    if layer.node.op == Pow(3.0) and layer.node.inputs == (x,):
        return (layer,)
    for left, other in _ways(layer):
        inner = net[other]
        if inner and left == x and (inner.node.op == Map("square") or isinstance(inner.node.op, Mul)):
            return (inner, layer) if set(inner.node.inputs) == {x} else ()
    return ()


def _gelu(net: Net, layer: Layer) -> Found | None:
    """Match ``x/2 * (1 + erf(x/sqrt 2))`` with the half at any position, or the formula with tanh."""
    if isinstance(layer.node.op, Mul):
        return _gelu_of(net, layer, None)
    product = net.before(layer, Mul)
    return _gelu_of(net, product, layer) if product and _times(layer, 0.5) else None


def _gelu_of(net: Net, product: Layer, half: Layer | None) -> Found | None:
    for left, right in _ways(product):
        ways = [(left, right, half)] if half else _halves(net, left, right)
        for x, inner, halved in ways:
            found = _normal(net, inner)
            if found and found[2] == x and halved:
                gone = (*found[1], product, halved) if half else (*found[1], halved, product)
                if net.lone(gone):
                    return Found(act.GELU(found[0]), (x,), gone)
    return None


def _halves(net: Net, left: str, right: str) -> list[tuple[str, str, Layer | None]]:
    """Return both factors without the halving of one, and the layer that halves."""
    one, other = net[left], net[right]
    found: list[tuple[str, str, Layer | None]] = []
    if one and _times(one, 0.5):
        found.append((one.node.inputs[0], right, one))
    if other and _times(other, 0.5):
        found.append((left, other.node.inputs[0], other))
    return found


def per_channel(layer: Layer | None, *, fixed: bool = False) -> bool:
    """Return a constant with a value for each channel, learned or also fixed."""
    op = layer.node.op if layer else None
    if not layer or not isinstance(op, Scale | Shift) or (op.fixed and not fixed):
        return False
    return math.prod(op.shape) == op.shape[0] == layer.output[0]


def owned(*layers: Layer) -> Own:
    """Combine the source's facts about several layers."""
    macs = layers[0].node.own.macs  # of a weight that is computed from others
    if all(layer.node.own.weights is None for layer in layers):
        return Own(macs=macs)
    return Own(tuple(weight for layer in layers for weight in layer.weights or ()), macs)


def _biased(net: Net, layer: Layer) -> Found | None:
    """Match a linear layer followed by a per-channel bias."""
    before = net.before(layer, Linear) or net.before(layer, Conv)
    if not before or not per_channel(layer) or not net.lone((before, layer)):
        return None
    op = before.node.op
    if not isinstance(op, Linear | Conv) or op.bias or (isinstance(op, Conv) and math.prod(op.kernel) > 1):
        return None
    loaders, size = net.builder.loaders, (layer.output[0],)
    bias = loaders[layer.node.name]["weight"].then(size, lambda numbers: numbers.reshape(size))
    weights = {**loaders[before.node.name], "bias": bias}
    return Found(replace(op, bias=True), before.node.inputs, (before, layer), weights, owned(before, layer))


def _affine(net: Net, layer: Layer) -> Found | None:
    """Match a norm followed by a per-channel factor and bias."""
    scale = net.before(layer, Scale)
    norm = net.before(scale, GroupNorm) or net.before(scale, LayerNorm) or net.before(scale, InstanceNorm)
    if not scale or not norm or not (per_channel(scale) and per_channel(layer)) or not net.lone((norm, scale, layer)):
        return None
    op = norm.node.op
    assert isinstance(op, GroupNorm | LayerNorm | InstanceNorm)
    if op.affine or (isinstance(op, LayerNorm) and op.groups > 1) or math.prod(layer.output[1:]) == 1:
        return None
    loaders, size = net.builder.loaders, (layer.output[0],)
    names = (("weight", scale), ("bias", layer))
    weights = {n: loaders[one.node.name]["weight"].then(size, lambda a: a.reshape(size)) for n, one in names}
    return Found(replace(op, affine=True), norm.node.inputs, (norm, scale, layer), weights, owned(scale, layer))


def _over_channels(layer: Layer | None) -> bool:
    """Match a mean over all channels that keeps positions."""
    op = layer.node.op if layer else None
    if not isinstance(op, Reduce) or op.stat != "mean":
        return False
    pattern = parse(op.spec, 2)
    before, after = pattern.parts
    return after == ("", *before[1:])


def _layer_norm(net: Net, layer: Layer) -> Found | None:
    """``(x - mean) / sqrt(mean((x - mean)^2) + eps)`` over the channels."""
    root = net.before(layer, Map, 1)
    eps = net.before(root, Plus)
    spread = net.before(eps, Reduce)
    square = net.before(spread, Map) or net.before(spread, Pow)
    away = net.before(layer, Sub)
    mean = net.before(away, Reduce, 1)
    if not (root and eps and spread and square and away and mean and _over_channels(spread) and _over_channels(mean)):
        return None
    wanted = (
        root.node.op == Map("sqrt"),
        square.node.op in {Map("square"), Pow(2.0)},
        square.node.inputs[0] == away.node.name,
    )
    x = away.node.inputs[0]
    if not all(wanted) or mean.node.inputs != (x,) or not isinstance(eps.node.op, Plus) or eps.node.op.value < 0:
        return None
    gone = (mean, away, square, spread, eps, root, layer)
    if not net.lone(gone):
        return None
    return Found(LayerNorm(affine=False, eps=eps.node.op.value), (x,), gone)


def _one_factor(net: Net, layer: Layer) -> Found | None:
    """Merge factors on both sides of a product into one on its first side."""
    first, second = net.before(layer, Times, 0), net.before(layer, Times, 1)
    if not first or not second or not net.lone((first, second, layer)):
        return None
    assert isinstance(first.node.op, Times)
    assert isinstance(second.node.op, Times)
    value = first.node.op.value * second.node.op.value
    joined = fitted(replace(first.node, op=Times(value)), first.inputs)
    net.layers[first.node.name] = joined
    return Found(layer.node.op, (first.node.name, second.node.inputs[0]), (second, layer), own=layer.node.own)


def _rolled(net: Net, layer: Layer) -> Found | None:
    """Match a swap of the two parts of a map along one axis."""
    first, second = net.before(layer, Crop, 0), net.before(layer, Crop, 1)
    if not first or not second or len(layer.node.inputs) != 2 or first.node.inputs != second.node.inputs:
        return None
    assert isinstance(layer.node.op, Cat)
    assert isinstance(first.node.op, Crop)
    assert isinstance(second.node.op, Crop)
    at, shape = layer.node.op.along, first.inputs[0]
    if not at:
        return None
    shift = shape[at] - first.node.op.sides[at - 1][0]
    none = ((0, 0),) * (len(shape) - 1)
    wanted = [(*none[: at - 1], pair, *none[at:]) for pair in ((shape[at] - shift, 0), (0, shift))]
    if [first.node.op.sides, second.node.op.sides] != wanted or not net.lone((first, second, layer)):
        return None
    moves = tuple(shift if one == at else 0 for one in range(1, len(shape)))
    return Found(Roll(moves), first.node.inputs, (first, second, layer))


def _rolled_on(net: Net, layer: Layer) -> Found | None:
    """Match rolls along one axis and then along another."""
    first = net.before(layer, Roll)
    if not first or not net.lone((first, layer)):
        return None
    assert isinstance(first.node.op, Roll)
    assert isinstance(layer.node.op, Roll)
    pairs = zip(first.node.op.shift, layer.node.op.shift, first.output[1:], strict=True)
    return Found(Roll(tuple((a + b) % size for a, b, size in pairs)), first.node.inputs, (first, layer))


Patterns = dict[type["Op"], tuple["Callable[[Net, Layer], Found | None]", ...]]
"""Patterns by the op of their last layer."""

PATTERNS: Patterns = {
    Mul: (_gated, _gelu),
    Times: (_hard, _gelu),
    Shift: (_biased, _affine),
    Div: (_layer_norm,),
    Einsum: (_one_factor,),
    Cat: (_rolled,),
    Roll: (_rolled_on,),
}
"""Patterns by the op of their last layer."""
