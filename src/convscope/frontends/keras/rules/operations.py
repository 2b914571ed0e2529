"""Functions of ``keras.ops`` that are called on tensors of a model, in which they appear like layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import spend
from convscope.errors import ModelError
from convscope.frontends.keras.here import BeyondError
from convscope.frontends.keras.opaque import FURTHER
from convscope.frontends.keras.rules import acts, order
from convscope.frontends.keras.rules.norms import unit
from convscope.frontends.keras.rules.pools import pooled, resized
from convscope.frontends.keras.rules.products import einsum, matmul
from convscope.frontends.keras.settings import number, shown, whole
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, expanded, unary
from convscope.frontends.tensors.constant import placed
from convscope.frontends.tensors.values import MAX_RANK, Const, Value
from convscope.ops import act
from convscope.ops.scalar import Map, Pow

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.frontends.keras.here import Here


def operand(value: Any) -> Value | Const | float:
    """Return a tensor, or numbers of the configuration.

    Raises:
        ModelError: the value is neither.
    """
    if isinstance(value, Value | Const):
        return value
    if isinstance(value, np.ndarray):
        return Const(value.shape, lambda: value)
    found = number(value)
    if found is None:
        raise ModelError(f"{shown(value)} is not a tensor")
    return found


def _binary(name: str) -> Callable[..., Value]:
    return lambda here, x, y: binary(here.builder, name, operand(x), operand(y))


def _unary(op: Op) -> Callable[..., Value]:
    return lambda here, x: unary(here.builder, op, x)


def _act(name: str, **settings: float) -> Callable[..., Value]:
    """Make a rule for an activation with settings and their defaults."""

    def rule(here: Here, x: Value) -> Value:
        given = [here.settings.get(key, default) for key, default in settings.items()]
        return acts.NAMES[name](here.builder, x, *given)

    return rule


def _power(here: Here, x: Any, exponent: Any) -> Value:
    power = number(exponent)
    if not isinstance(x, Value) or power is None:
        raise BeyondError
    return unary(here.builder, Map("square") if power == 2 else Pow(power), x)


def _clip(here: Here, x: Value) -> Value:
    low, high = (number(here.settings.get(name)) for name in ("x_min", "x_max"))
    if low == 0:
        return acts.relu(here.builder, x, highest=high)
    op = act.Clamp(-acts.LARGEST if low is None else low, acts.LARGEST if high is None else high)
    return unary(here.builder, op, x)


def _relu(here: Here, x: Value) -> Value:
    highest = here.settings.get("max_value")
    slope, threshold = (here.settings.real(name, 0.0) for name in ("negative_slope", "threshold"))
    return acts.relu(here.builder, x, slope, highest if highest is None else float(highest), threshold)


def _axes(here: Here, x: Value, name: str = "axis") -> tuple[int, ...]:
    if here.settings.get(name) is None:
        return tuple(range(1, len(x.dims)))
    return here.settings.axes(name, len(x.dims))


def _stat(stat: str) -> Callable[..., Value]:
    def rule(here: Here, x: Value) -> Value:
        axes = _axes(here, x)
        if 0 in axes or here.settings.get("axis") is None:
            raise BeyondError  # over the batch
        return shapes.reduced(here.builder, x, stat, axes, keep=here.settings.flag("keepdims"))

    return rule


def _same(here: Here, x: Value, *_: Any, **__: Any) -> Value:  # noqa: ARG001 -- the same numbers
    return x


def _sizes(here: Here, name: str) -> tuple[int, ...]:
    given = here.settings.get(name)
    found = [-1 if one is None else whole(one) for one in (given if isinstance(given, list | tuple) else [given])]
    known = tuple(one for one in found if one is not None)
    if len(known) != len(found) or len(known) > 32:
        raise ModelError(f"{name}={shown(given)}", expected="integers")
    return known


def _reshape(here: Here, x: Value) -> Value:
    sizes = _sizes(here, "newshape")
    if sizes.count(-1) > 1:
        sizes = (1, *sizes[1:])
    if sizes.count(-1) > 1 or any(size < 1 and size != -1 for size in sizes):
        raise BeyondError
    return shapes.viewed(here.builder, x, sizes)


def _transpose(here: Here, x: Value) -> Value:
    rank = len(x.dims)
    given = here.settings.get("axes")
    axes = range(rank)[::-1] if given is None else [shapes.positive(at, rank) for at in _sizes(here, "axes")]
    if sorted(axes) != list(range(rank)):
        raise ModelError(f"axes={shown(given)}", expected="each dimension once")
    return shapes.permuted(x, axes)


def _expand_dims(here: Here, x: Value) -> Value:
    for at in sorted(shapes.positive(one, len(x.dims) + 1) for one in _sizes(here, "axis")):
        x = shapes.unsqueezed(x, at)
    return x


def _squeeze(here: Here, x: Value) -> Value:
    if here.settings.get("axis") is None:
        return shapes.squeezed(x, [at for at, size in enumerate(x.sizes) if at and size == 1])
    return shapes.squeezed(x, here.settings.axes("axis", len(x.dims)))


def _swapaxes(here: Here, x: Value) -> Value:
    first, second = (here.settings.axis(name, len(x.dims)) for name in ("axis1", "axis2"))
    return shapes.swapped(x, first, second)


def _moveaxis(here: Here, x: Value) -> Value:
    rank = len(x.dims)
    come, go = ([shapes.positive(at, rank) for at in _sizes(here, name)] for name in ("source", "destination"))
    order = [at for at in range(rank) if at not in come]
    for position, at in sorted(zip(go, come, strict=True)):
        order.insert(position, at)
    return shapes.permuted(x, order)


def _tensors(here: Here, values: Any) -> list[Value]:
    """Return operands as tensors of the net; constants become layers."""
    found = [operand(one) for one in values]
    if any(isinstance(one, float) for one in found):
        raise BeyondError
    spend(FURTHER * sum(isinstance(one, Const) for one in found))
    with here.aside():
        return [placed(here.builder, one, batch=True) if isinstance(one, Const) else one for one in found]  # type: ignore[misc] # there are no floats


def _concatenate(here: Here, values: Any) -> Value:
    found = _tensors(here, values)
    return shapes.concatenated(here.builder, found, here.settings.axis("axis", len(found[0].dims), 0))


def _stack(here: Here, values: Any) -> Value:
    found = _tensors(here, values)
    at = here.settings.axis("axis", len(found[0].dims) + 1, 0)
    return shapes.concatenated(here.builder, [shapes.unsqueezed(one, at) for one in found], at)


def _split(here: Here, x: Value) -> list[Value]:
    at = here.settings.axis("axis", len(x.dims), 0)
    size, given = x.sizes[at], here.settings.get("indices_or_sections")
    parts = whole(given)
    if parts is not None and (parts < 1 or size % parts):
        raise ModelError(f"a dimension of {size} cannot be split into {parts} equal parts")
    spend(FURTHER * (parts or 0))
    cuts = [size // parts * one for one in range(1, parts)] if parts else list(_sizes(here, "indices_or_sections"))
    pairs = zip([0, *cuts], [*cuts, size], strict=True)
    return [shapes.sliced(here.builder, x, at, start, stop, 1) for start, stop in pairs]


def _unstack(here: Here, x: Value) -> list[Value]:
    at = here.settings.axis("axis", len(x.dims), 0)
    spend(FURTHER * x.sizes[at])
    return [shapes.picked(here.builder, x, at, index) for index in range(x.sizes[at])]


def _get_item(here: Here, x: Value, key: Any) -> Value:
    """``x[key]`` with slices and single indices, except for the batch."""
    keys = list(key) if isinstance(key, list | tuple) else [key]
    if len(keys) > 2 * MAX_RANK:
        raise ModelError(f"{len(keys)} indices are given", expected=f"one for each of {len(x.dims)} dimensions")
    counted = sum(one is not None and one is not Ellipsis for one in keys)
    missing = [slice(None)] * (len(x.dims) - counted)
    at = next((at for at, one in enumerate(keys) if one is Ellipsis), len(keys))
    keys = [*keys[:at], *missing, *keys[at + 1 :]]
    position = 0
    for one in keys:
        x, moved = _one_key(here, x, position, one)
        position += moved
    return x


def _one_key(here: Here, x: Value, position: int, key: Any) -> tuple[Value, bool]:
    if key is None:
        return shapes.unsqueezed(x, position), True
    if isinstance(key, slice):
        start, stop, step = key.indices(x.sizes[position])
        if step < 1 or (not position and (start, stop, step) != (0, 1, 1)):
            raise BeyondError
        return shapes.sliced(here.builder, x, position, start, stop, step), True
    index = whole(key)
    if index is None or not position or not -x.sizes[position] <= index < x.sizes[position]:
        raise BeyondError
    return shapes.picked(here.builder, x, position, index % x.sizes[position]), False


def _repeat(here: Here, x: Value) -> Value:
    return shapes.repeated(x, here.settings.axis("axis", len(x.dims)), here.settings.whole("repeats"))


def _tile(here: Here, x: Value) -> Value:
    times = _sizes(here, "repeats")
    for _ in range(len(times) - len(x.dims)):
        x = shapes.unsqueezed(x, 0)
    for at, count in enumerate((*(1,) * (len(x.dims) - len(times)), *times)):
        x = shapes.tiled(x, at, count)
    return x


def _broadcast(here: Here, x: Value) -> Value:
    sizes = _sizes(here, "shape")
    have = (1,) * (len(sizes) - len(x.dims)) + x.sizes
    if len(sizes) < len(x.dims) or any(mine not in {1, size} for mine, size in zip(have, sizes, strict=True)):
        raise ModelError(f"a tensor of shape {x.sizes} cannot be broadcast to shape={sizes}")
    return expanded(x, sizes)


def _pad(here: Here, x: Value, constant_values: Any = None) -> Value:
    modes = {"constant": "zero", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    mode = here.settings.get("mode", "constant")
    given = here.settings.get("pad_width")
    if constant_values or mode not in modes or not isinstance(given, list | tuple):
        raise BeyondError
    pairs = [(whole(one[0]), whole(one[-1])) if isinstance(one, list | tuple) else (whole(one),) * 2 for one in given]
    sides = [(lo, hi) for lo, hi in pairs if lo is not None and hi is not None]
    if len(sides) != len(x.dims) or any(sides[0]):
        raise BeyondError
    return layers.padded(here.builder, x, sides[1:], modes[mode])


def _roll(here: Here, x: Value) -> Value:
    axes, shifts = _axes(here, x), _sizes(here, "shift")
    if here.settings.get("axis") is None or len(axes) != len(shifts):
        raise BeyondError
    return shapes.rolled(here.builder, x, shifts, axes)


def _matmul(here: Here, x: Any, y: Any) -> Value:
    return matmul(here.builder, operand(x), operand(y))


def _einsum(here: Here, *operands: Any) -> Value:
    text = here.settings.get("subscripts")
    if not isinstance(text, str) or "." in text or "->" not in text:
        raise BeyondError
    inputs, _, out = text.replace(" ", "").partition("->")
    labels = [list(part) for part in inputs.split(",")]
    return einsum(here.builder, [operand(one) for one in operands], labels, list(out))


def _normalize(here: Here, x: Value) -> Value:
    if here.settings.get("order", 2) != 2:
        raise BeyondError
    return unit(here, x, here.settings.axes("axis", len(x.dims), -1), math.sqrt(here.settings.real("epsilon", 1e-12)))


def _resize(here: Here, x: Value) -> Value:
    kept = here.settings.get("crop_to_aspect_ratio") or here.settings.get("pad_to_aspect_ratio")
    if kept or here.settings.get("antialias"):
        raise BeyondError
    return resized(here, x, here.settings.ints("size", 2), str(here.settings.get("interpolation", "bilinear")))


def _blocks(here: Here, x: Value, *, deep: bool) -> Value:
    """Convert depth to space, or back: blocks of a map as channels, with the channel last within a block."""
    f = here.settings.whole("block_size")
    ready = here.maps(x, 2)
    n, c, h, w = ready.sizes
    b = here.builder
    if deep:
        parts = shapes.viewed(b, ready, (n, f, f, c // (f * f), h, w))
        found = shapes.permuted(parts, (0, 3, 4, 1, 5, 2))
        return here.back(shapes.viewed(b, found, (n, c // (f * f), h * f, w * f)))
    parts = shapes.viewed(b, ready, (n, c, h // f, f, w // f, f))
    found = shapes.permuted(parts, (0, 3, 5, 1, 2, 4))
    return here.back(shapes.viewed(b, found, (n, f * f * c, h // f, w // f)))


def _pool(kind: str) -> Callable[..., Value]:
    return lambda here, x: pooled(here, x, len(x.dims) - here.lead - 1, kind)


OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: _unary(op) for name, op in {
        "Relu": act.ReLU(), "Relu6": act.ReLU6(), "Sigmoid": act.Sigmoid(), "Tanh": act.Tanh(), "Silu": act.SiLU(),
        "Selu": act.SELU(), "Softplus": act.Softplus(), "Mish": act.Mish(), "HardSigmoid": act.Hardsigmoid(),
        "HardSilu": act.Hardswish(), "HardTanh": act.Clamp(-1.0, 1.0), "Softsign": Map("softsign"),
        "LogSigmoid": Map("logsigmoid"), "TanhShrink": Map("tanhshrink"), "Exp": Map("exp"), "Log": Map("log"),
        "Sqrt": Map("sqrt"), "Rsqrt": Map("rsqrt"), "Absolute": Map("abs"), "Abs": Map("abs"), "Negative": Map("neg"),
        "Square": Map("square"), "Sin": Map("sin"), "Cos": Map("cos"), "Erf": Map("erf"),
        "Reciprocal": Map("reciprocal"),
    }.items()},
    "ReLU": _relu,
    "LeakyRelu": _act("leaky_relu", negative_slope=0.2),
    "Elu": _act("elu", alpha=1.0),
    "Celu": _act("celu", alpha=1.0),
    "Gelu": _act("gelu", approximate=True),
    "Glu": _act("glu", axis=-1),
    "SoftShrink": _act("soft_shrink", threshold=0.5),
    "HardShrink": _act("hard_shrink", threshold=0.5),
    "Threshold": _act("threshold", threshold=0.0, default_value=0.0),
    "SparsePlus": _act("sparse_plus"),
    "SparseSigmoid": _act("sparse_sigmoid"),
    "Squareplus": _act("squareplus", b=4.0),
    "Softmax": _act("softmax", axis=-1),
    "LogSoftmax": _act("log_softmax", axis=-1),
    "Add": _binary("add"),
    "Subtract": _binary("sub"),
    "Multiply": _binary("mul"),
    "Divide": _binary("div"),
    "TrueDivide": _binary("div"),
    "Maximum": _binary("maximum"),
    "Minimum": _binary("minimum"),
    "Power": _power,
    "Clip": _clip,
    "Mean": _stat("mean"),
    "Sum": _stat("sum"),
    "Max": _stat("max"),
    "Min": _stat("min"),
    "Amax": _stat("max"),
    "Amin": _stat("min"),
    "Var": _stat("var"),
    "Std": _stat("std"),
    "Reshape": _reshape,
    "Transpose": _transpose,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Swapaxes": _swapaxes,
    "Moveaxis": _moveaxis,
    "Concatenate": _concatenate,
    "Stack": _stack,
    "Split": _split,
    "Unstack": _unstack,
    "GetItem": _get_item,
    "Repeat": _repeat,
    "Tile": _tile,
    "BroadcastTo": _broadcast,
    "Pad": _pad,
    "Roll": _roll,
    **order.FUNCTIONS,
    "Matmul": _matmul,
    "Einsum": _einsum,
    "Normalize": _normalize,
    "Resize": _resize,
    "DepthToSpace": lambda here, x: _blocks(here, x, deep=True),
    "SpaceToDepth": lambda here, x: _blocks(here, x, deep=False),
    "MaxPool": _pool("max"),
    "AveragePool": _pool("mean"),
    **dict.fromkeys(("Cast", "SaturateCast", "Copy", "StopGradient", "ConvertToTensor"), _same),
}  # fmt: skip
"""Functions by class."""
