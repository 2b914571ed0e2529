"""Activations, by name or as layers of their own; dropout and noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.graph import Own
from convscope.errors import ModelError
from convscope.frontends.keras.here import BeyondError
from convscope.frontends.keras.opaque import unknown
from convscope.frontends.keras.settings import shown
from convscope.frontends.keras.spec import inner
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, unary
from convscope.ops import act
from convscope.ops.scalar import Map, Times

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.frontends.keras.here import Here
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Value

LARGEST = float(np.finfo(np.float32).max)


def _plain(op: Op) -> Callable[..., Value]:
    return lambda b, x: unary(b, op, x)


def relu(b: Builder, x: Value, slope: float = 0.0, highest: float | None = None, threshold: float = 0.0) -> Value:
    """``x`` above the threshold, clipped to a maximum; the slope times the distance below the threshold."""
    if threshold:
        return _jumping_relu(b, x, slope, highest, threshold)
    if slope:
        x = unary(b, act.LeakyReLU(slope), x)
        return x if highest is None else unary(b, act.Clamp(-LARGEST, highest), x)
    if highest is None:
        return unary(b, act.ReLU(), x)
    return unary(b, act.ReLU6() if highest == 6 else act.Clamp(0.0, highest), x)


def _jumping_relu(b: Builder, x: Value, slope: float, highest: float | None, limit: float) -> Value:
    """``x`` above the limit, minus the slope times the distance below it."""
    kept = unary(b, act.Threshold(limit), x)
    if highest is not None:
        kept = unary(b, act.Clamp(0.0, highest), kept)
    if not slope:
        return kept
    below = unary(b, act.ReLU(), binary(b, "sub", limit, x))
    return binary(b, "sub", kept, binary(b, "mul", below, slope))


def hard_shrink(b: Builder, x: Value, threshold: float = 0.5) -> Value:
    """``x`` if its magnitude is above the threshold, otherwise 0."""
    above, below = (unary(b, act.Threshold(threshold), one) for one in (x, unary(b, Map("neg"), x)))
    return binary(b, "sub", above, below)


def threshold(b: Builder, x: Value, threshold: float = 0.0, default_value: float = 0.0) -> Value:
    """``x`` above the threshold, otherwise another value."""
    if default_value:
        raise BeyondError
    return unary(b, act.Threshold(threshold), x)


def celu(b: Builder, x: Value, alpha: float = 1.0) -> Value:
    """``alpha * elu(x / alpha)``."""
    if alpha == 1:
        return unary(b, act.ELU(), x)
    return unary(b, Times(alpha), unary(b, act.ELU(), unary(b, Times(1 / alpha), x)))


def glu(b: Builder, x: Value, axis: int = -1) -> Value:
    """The first half of a dimension times the sigmoid of the second."""
    at = shapes.positive(axis, len(x.dims))
    half = x.sizes[at] // 2
    first, second = (shapes.sliced(b, x, at, start, start + half, 1) for start in (0, half))
    return binary(b, "mul", first, unary(b, act.Sigmoid(), second))


def squareplus(b: Builder, x: Value, b_: float = 4.0) -> Value:
    """``(x + sqrt(x^2 + b)) / 2``."""
    root = unary(b, Map("sqrt"), binary(b, "add", unary(b, Map("square"), x), b_))
    return binary(b, "mul", binary(b, "add", x, root), 0.5)


def soft_shrink(b: Builder, x: Value, threshold: float = 0.5) -> Value:
    """The excess of ``x`` over the threshold, in either direction."""
    return binary(b, "sub", x, unary(b, act.Clamp(-threshold, threshold), x))


def sparse_plus(b: Builder, x: Value) -> Value:
    """0 below -1, ``(x + 1)^2 / 4`` up to 1, then ``x``."""
    middle = unary(b, Map("square"), binary(b, "add", unary(b, act.Clamp(-1.0, 1.0), x), 1.0))
    above = unary(b, act.ReLU(), binary(b, "sub", x, 1.0))
    return binary(b, "add", binary(b, "mul", middle, 0.25), above)


def _line(slope: float) -> Callable[..., Value]:
    """``slope * x + 1/2`` between 0 and 1."""
    return lambda b, x: unary(b, act.Clamp(0.0, 1.0), binary(b, "add", binary(b, "mul", x, slope), 0.5))


def softmax(b: Builder, x: Value, axis: int = -1) -> Value:
    """Softmax along a dimension."""
    return layers.softmax(b, x, shapes.positive(axis, len(x.dims)))


def log_softmax(b: Builder, x: Value, axis: int = -1) -> Value:
    """Log-softmax along a dimension."""
    return unary(b, Map("log"), softmax(b, x, axis))


NAMES: dict[str, Callable[..., Value]] = {
    "relu": relu,
    "relu6": _plain(act.ReLU6()),
    "leaky_relu": lambda b, x, slope=0.2: unary(b, act.LeakyReLU(slope), x),
    "elu": lambda b, x, alpha=1.0: unary(b, act.ELU(alpha), x),
    "selu": _plain(act.SELU()),
    "celu": celu,
    "gelu": lambda b, x, approximate=False: unary(b, act.GELU(bool(approximate)), x),
    "silu": _plain(act.SiLU()),
    "swish": _plain(act.SiLU()),
    "mish": _plain(act.Mish()),
    "glu": glu,
    "sigmoid": _plain(act.Sigmoid()),
    "hard_sigmoid": _plain(act.Hardsigmoid()),
    "hard_silu": _plain(act.Hardswish()),
    "hard_swish": _plain(act.Hardswish()),
    "hard_tanh": _plain(act.Clamp(-1.0, 1.0)),
    "sparse_sigmoid": _line(0.5),
    "log_sigmoid": _plain(Map("logsigmoid")),
    "tanh": _plain(act.Tanh()),
    "tanh_shrink": _plain(Map("tanhshrink")),
    "soft_shrink": soft_shrink,
    "hard_shrink": hard_shrink,
    "threshold": threshold,
    "softplus": _plain(act.Softplus()),
    "sparse_plus": sparse_plus,
    "squareplus": squareplus,
    "softsign": _plain(Map("softsign")),
    "exponential": _plain(Map("exp")),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "linear": lambda b, x: x,  # noqa: ARG005 -- nothing is added
}
"""Activations by Keras's names, except ``sparsemax``, which sorts."""


def activated(here: Here, x: Value) -> Value:
    """Apply the activation of a layer to its output."""
    with here.aside():
        return activation(here, here.settings.get("activation"), x)


def activation(here: Here, given: Any, x: Value) -> Value:
    """Apply an activation of a configuration; an unknown one becomes an opaque layer."""
    if isinstance(given, dict) and given.get("class_name") != "function":  # a layer such as LeakyReLU
        held = inner(given, here.spec, "activation")
        found: Value = here.run(held, [x], {}, lead=here.lead, sizes=((None, *x.sizes[1:]),))
        return found
    if given is None:
        return x
    if not isinstance(given, str | dict):
        raise ModelError(f"activation={shown(given)}", expected="the name of a function")
    if isinstance(given, dict) or given not in NAMES:  # a user's own function, or one that no layers compute
        return unknown(here, [x], x.sizes[1:], Own((), 0))
    if given == "hard_sigmoid" and here.spec.old:  # Keras 2 has another slope
        return _line(0.2)(here.builder, x)
    return NAMES[given](here.builder, x)


def _activation(here: Here, x: Value) -> Value:
    return activation(here, here.settings.get("activation"), x)


def _relu(here: Here, x: Value) -> Value:
    highest = here.settings.get("max_value")
    if highest is not None:
        highest = here.settings.real("max_value")
    slope, threshold = (here.settings.real(name, 0.0) for name in ("negative_slope", "threshold"))
    return relu(here.builder, x, slope, highest, threshold)


def _leaky_relu(here: Here, x: Value) -> Value:
    slope = here.settings.real("negative_slope", here.settings.get("alpha", 0.3))
    return unary(here.builder, act.LeakyReLU(slope), x)


def _prelu(here: Here, x: Value) -> Value:
    """Learned slopes for each value of the sample, or shared along axes."""
    rank = len(x.dims)
    given = here.settings.get("shared_axes")
    shared = () if given in (None, []) else here.settings.axes("shared_axes", rank)
    sizes = tuple(1 if at in shared else size for at, size in enumerate(x.sizes) if at)
    alpha = here.weights({"alpha": sizes})["alpha"]
    b = here.builder
    if all(size == 1 or at == rank - 2 for at, size in enumerate(sizes)):  # one for each channel, or for all
        found, turn = here.along_channels(x, rank - 1) if sizes[-1] > 1 else (x, lambda const: const)
        count = math.prod(sizes)
        flat = alpha.then((count,), lambda numbers: numbers.reshape(count))
        return unary(b, act.PReLU(count), found, {"weight": turn(flat)})
    above = unary(b, act.ReLU(), x)
    below = unary(b, act.ReLU(), unary(b, Map("neg"), x))
    return binary(b, "sub", above, binary(b, "mul", below, alpha))


def _elu(here: Here, x: Value) -> Value:
    return unary(here.builder, act.ELU(here.settings.real("alpha", 1.0)), x)


def _softmax(here: Here, x: Value) -> Value:
    axes = here.settings.axes("axis", len(x.dims), -1)
    if len(axes) > 1:
        raise BeyondError
    return layers.softmax(here.builder, x, axes[0])


def _dropout(here: Here, x: Value) -> Value:
    rate = here.settings.real("rate", 0.5)
    return unary(here.builder, act.Dropout(rate), x) if 0 < rate < 1 else x


def unchanged(here: Here, x: Value) -> Value:
    """Add a layer that is the identity in inference."""
    return unary(here.builder, act.Identity(), x)


def _masking(here: Here, x: Value) -> Value:
    """Set masked steps to zero; if the mask value is zero, nothing changes."""
    if here.settings.real("mask_value", 0.0) != 0:
        raise BeyondError
    return unchanged(here, x)


LAYERS: dict[str, Callable[..., Any]] = {
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "ELU": _elu,
    "Softmax": _softmax,
    **dict.fromkeys(
        ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"),
        _dropout,
    ),
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization", "Identity", "StochasticDepth"), unchanged),
    "Masking": _masking,
}
"""Layers by class."""
