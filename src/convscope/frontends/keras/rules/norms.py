"""Norms, and layers that shift and scale values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.graph import Own
from convscope.core.op import Weight
from convscope.errors import ModelError
from convscope.frontends.keras.here import BeyondError, several
from convscope.frontends.keras.rules.acts import LARGEST
from convscope.frontends.keras.settings import array, shown
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.settle import is_whole, without_repeats
from convscope.frontends.tensors.values import Const, Value
from convscope.ops.act import Clamp
from convscope.ops.norm import BatchNorm, GroupNorm
from convscope.ops.scalar import Scale, Shift

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.frontends.keras.here import Here

EPS = 1e-3
"""Keras's default term added to a variance."""


def filled(sizes: tuple[int, ...], number: float) -> Const:
    """Return a constant tensor for the missing scale of a norm."""
    return Const(sizes, lambda: np.full(sizes, number, dtype=np.float32))


def _affine(here: Here, sizes: tuple[int, ...], stored: tuple[str, ...] = ()) -> dict[str, Const]:
    """Return the tensors of a norm for a layer of the net; empty if it neither scales nor shifts."""
    scale, center = (here.settings.flag(name, default=True) for name in ("scale", "center"))
    names = [*(["gamma"] if scale else []), *(["beta"] if center else []), *stored]
    found = here.weights(dict.fromkeys(names, sizes), stored=stored)
    wanted = {"weight": found.get("gamma", filled(sizes, 1.0)), "bias": found.get("beta", filled(sizes, 0.0))}
    kept = {f"running_{name.removeprefix('moving_').replace('iance', '')}": found[name] for name in stored}
    return {**(wanted if scale or center else {}), **kept}


def _batch_norm(here: Here, x: Value) -> Value:
    if here.settings.flag("renorm"):
        raise BeyondError
    at = here.settings.axis("axis", len(x.dims), -1)
    eps = here.settings.real("epsilon", EPS)
    found = _affine(here, (x.sizes[at],), ("moving_mean", "moving_variance"))
    ready, turn = here.along_channels(x, at)
    weights = {name: turn(const) for name, const in found.items()}
    weights["num_batches_tracked"] = Const((), lambda: np.asarray(0))
    return unary(here.builder, BatchNorm("weight" in weights, eps), ready, weights)


def _layer_norm(here: Here, x: Value) -> Value:
    if here.settings.flag("rms_scaling"):
        raise BeyondError
    axes = here.settings.axes("axis", len(x.dims), -1)
    found = _affine(here, tuple(x.sizes[at] for at in axes))
    return _over(here, x, axes, found, rms=False)


def _over(here: Here, x: Value, axes: tuple[int, ...], found: dict[str, Const], *, rms: bool) -> Value:
    """Add a norm over some dimensions, which are moved to the end."""
    rank = len(x.dims)
    eps = here.settings.real("epsilon", 1e-6 if rms else EPS)
    if axes == tuple(range(1, rank)) and rank > 2 and not rms:
        return _over_all(here, x, found, eps)
    order = [*(at for at in range(rank) if at not in axes), *axes]
    moved = shapes.permuted(x, order)
    made = layers.layer_norm(here.builder, moved, len(axes), found.get("weight"), found.get("bias"), eps, rms=rms)
    return shapes.permuted(made, [order.index(at) for at in range(rank)])


def _over_all(here: Here, x: Value, found: dict[str, Const], eps: float) -> Value:
    """Add a norm over an entire sample, with a factor and a summand for each value."""
    made = unary(here.builder, GroupNorm(1, affine=False, eps=eps), without_repeats(here.builder, x))
    with here.aside():
        for join, name in (("mul", "weight"), ("add", "bias")):
            made = binary(here.builder, join, made, found[name]) if found.get(name) and found[name].roots else made
    return made


def _rms_norm(here: Here, x: Value) -> Value:
    axes = here.settings.axes("axis", len(x.dims), -1)
    found = here.weights({"scale": tuple(x.sizes[at] for at in axes)})
    return _over(here, x, axes, {"weight": found["scale"]}, rms=True)


def _group_norm(here: Here, x: Value) -> Value:
    at = here.settings.axis("axis", len(x.dims), -1)
    channels = x.sizes[at]
    groups = here.settings.get("groups", 32)
    groups = channels if groups == -1 else here.settings.whole("groups", 32)
    found = _affine(here, (channels,))
    ready, turn = here.along_channels(x, at)
    if len(ready.shape) > 1 and not is_whole(ready, 0, ready.dims[at]):
        raise BeyondError
    weights = {name: turn(const) for name, const in found.items()}
    op = GroupNorm(groups, bool(weights), here.settings.real("epsilon", EPS))
    return unary(here.builder, op, ready, weights)


@several
def _unit_norm(here: Here, x: Value) -> Value:
    """Divide by the root of the sum of squares."""
    return unit(here, x, here.settings.axes("axis", len(x.dims), -1))


def unit(here: Here, x: Value, axes: tuple[int, ...], least: float = 1e-6) -> Value:
    """Normalise a tensor to length 1 along dimensions; a tensor below the least length is divided by that."""
    b = here.builder
    length = shapes.reduced(b, x, "l2", axes, keep=True)
    return binary(b, "div", x, unary(b, Clamp(least, LARGEST), length))


def _constant(value: Any, name: str) -> Const | float:
    """Return a number or a tensor from the settings."""
    found = array(value)
    if found is None or not np.isfinite(found).all():
        raise ModelError(f"{name}={shown(value)}", expected="numbers")
    return float(found) if found.ndim == 0 else Const(found.shape, lambda: found)


def _unstored(here: Here, value: Value, before: Value) -> Value:
    """Make a constant of numbers in the settings, which are not stored weights."""
    if value.node != before.node:
        here.builder.spend(value, Own(()))
    return value


def shifted(here: Here, x: Value, name: str, const: Const | float) -> Value:
    """Join a tensor with numbers of the settings."""
    return _unstored(here, binary(here.builder, name, x, const), x)


def _rescaling(here: Here, x: Value) -> Value:
    scale, offset = (_constant(here.settings.get(name, at), name) for name, at in (("scale", 1.0), ("offset", 0.0)))
    x = shifted(here, x, "mul", scale)
    with here.aside():
        return shifted(here, x, "add", offset)


@several
def _normalization(here: Here, x: Value) -> Value:
    """``(x - mean) / deviation``, with given values, or with stored measured ones."""
    rank = len(x.dims)
    axes = here.settings.axes("axis", rank) if here.settings.get("axis") not in (None, []) else ()
    mean, variance = (here.settings.get(name) for name in ("mean", "variance"))
    if (mean is None) != (variance is None):
        raise ModelError("mean and variance must be given together")
    if mean is None:
        return _measured(here, x, axes)
    center, spread = (_spread(_array(one), axes, rank) for one in (mean, variance))
    if spread.min() < 0:
        raise ModelError(f"variance={shown(variance)}", expected="no negative values")
    deviation = np.maximum(np.sqrt(spread), np.float32(1e-7))
    inverse = here.settings.flag("invert")
    factor, before, after = (deviation, 0, center) if inverse else (1 / deviation, -center, 0)
    for name, numbers in (("add", before), ("mul", factor), ("add", after)):
        x = shifted(here, x, name, _constant(numbers, name))
    return x


def _array(value: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    found = array(value)
    if found is None:
        raise ModelError(f"{shown(value)} is not a tensor")
    return found


def _spread(numbers: np.ndarray[Any, Any], axes: tuple[int, ...], rank: int) -> np.ndarray[Any, Any]:
    """Lay values out along some dimensions of a tensor, with length 1 along the others."""
    sizes = [1] * rank
    for at, size in zip(reversed(axes), reversed(numbers.shape), strict=False):
        sizes[at] = size
    full = numbers.reshape(sizes)
    return full.reshape(()) if full.size == 1 else full


def _measured(here: Here, x: Value, axes: tuple[int, ...]) -> Value:
    """Lay stored mean and variance out along the axes of the layer without loading them."""
    x = without_repeats(here.builder, x)
    sizes = tuple(x.sizes[at] for at in axes)
    positions = [x.dims[at][0].axis for at in axes if x.dims[at]]
    if not all(is_whole(x, x.dims[at][0].axis, x.dims[at]) for at in axes if x.dims[at]):
        raise BeyondError
    found = here.weights({"mean": sizes, "variance": sizes}, stored=("mean", "variance"))
    shape = tuple(size if axis in positions else 1 for axis, size in enumerate(x.shape))
    turn = sorted(range(len(positions)), key=positions.__getitem__)

    def laid(const: Const, change: Callable[..., Any]) -> Const:
        kept = [size for size in sizes if size > 1]
        return const.then(shape, lambda numbers: change(numbers.reshape(kept).transpose(turn).reshape(shape)))

    invert = here.settings.flag("invert")
    center = laid(found["mean"], np.positive if invert else np.negative)
    spread = laid(found["variance"], lambda v: np.maximum(np.sqrt(v), 1e-7) ** (1 if invert else -1))
    steps: list[tuple[Any, Const, str]] = [(Shift, center, "mean"), (Scale, spread, "variance")]
    for op, const, name in reversed(steps) if invert else steps:
        x = unary(here.builder, op(shape, fixed=True), x, {"weight": const})
        scope = here.spec.owner.scope
        stored = (Weight(f"{scope}.{name}", sizes, trained=False),)
        more = (Weight(f"{scope}.count", (), trained=False),) if name == "variance" else ()
        here.builder.spend(x, Own(stored + more))
    return x


def _layer_scale(here: Here, x: Value) -> Value:
    """A learned factor for each channel (arXiv 2103.17239)."""
    gamma = here.weights({"gamma": (here.settings.whole("projection_dim"),)})["gamma"]
    return binary(here.builder, "mul", x, gamma)


def _custom_scale(here: Here, inputs: list[Value]) -> Value:
    """Add a scaled second tensor to the first one, as in the residual of Inception-ResNet."""
    first, second = inputs
    b = here.builder
    with here.aside():
        scaled = binary(b, "mul", second, here.settings.real("scale"))
    return binary(b, "add", first, scaled)


LAYERS: dict[str, Callable[..., Any]] = {
    "BatchNormalization": _batch_norm,
    "SyncBatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "GroupNormalization": _group_norm,
    "UnitNormalization": _unit_norm,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "LayerScale": _layer_scale,
    "CustomScaleLayer": _custom_scale,
}
"""Layers by class; the last two are those of Keras's model zoo."""
