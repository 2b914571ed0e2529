"""Elementwise functions and reductions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.values import Const, Value, length
from convscope.ops import act
from convscope.ops.scalar import Map

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.frontends.tensors.builder import Builder

Ints = int | list[int] | tuple[int, ...]


def pointwise(op: Op) -> Callable[..., Value]:
    return lambda b, x, *_, **__: unary(b, op, x)


def clamp(b: Builder, x: Value, low: Any = None, high: Any = None) -> Value:
    if isinstance(low, Const | Value) or isinstance(high, Const | Value):
        found = x if low is None else binary(b, "maximum", x, low)
        return found if high is None else binary(b, "minimum", found, high)
    if (low, high) in {(0, None), (0.0, None)}:
        return unary(b, act.ReLU(), x)
    if (low, high) == (0, 6):
        return unary(b, act.ReLU6(), x)
    largest = float(np.finfo(np.float32).max)
    return unary(b, act.Clamp(-largest if low is None else float(low), largest if high is None else float(high)), x)


def gelu(b: Builder, x: Value, *, approximate: str = "none") -> Value:
    return unary(b, act.GELU(approximate == "tanh"), x)


def elu(b: Builder, x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Value:
    if (scale, input_scale) != (1, 1):
        raise ShapeError("an ELU with scale or input_scale is not supported")
    return unary(b, act.ELU(float(alpha)), x)


def softplus(b: Builder, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    if (beta, threshold) != (1, 20):
        raise ShapeError("a softplus with beta or threshold is not supported")
    return unary(b, act.Softplus(), x)


def threshold(b: Builder, x: Value, limit: float, value: float = 0) -> Value:
    if value != 0:
        raise ShapeError("a threshold with a non-zero replacement value is not supported")
    return unary(b, act.Threshold(float(limit)), x)


def hardshrink(b: Builder, x: Value, lambd: float = 0.5) -> Value:
    """Soft shrinkage: the excess of ``x`` over the threshold, minus that of ``-x``."""
    above, below = (unary(b, act.Threshold(float(lambd)), one) for one in (x, unary(b, Map("neg"), x)))
    return binary(b, "sub", above, below)


def prelu(b: Builder, x: Value, weight: Const) -> Value:
    count = math.prod(weight.sizes)
    ready = layers.by_channel(b, x) if count > 1 else x
    return unary(b, act.PReLU(count), ready, {"weight": weight.then((count,), np.ravel)})


def softmax(b: Builder, x: Value, at: int, *_: object, **__: object) -> Value:
    return layers.softmax(b, x, shapes.positive(at, len(x.dims)))


def log_softmax(b: Builder, x: Value, at: int, *_: object) -> Value:
    return unary(b, Map("log"), softmax(b, x, at))


def dropout_rule(b: Builder, x: Value, p: float, *_: object) -> Value:
    return unary(b, act.Dropout(float(p)), x) if 0 < p < 1 else x


def named_dims(x: Value, at: Ints | None) -> list[int]:
    if at is None or at == []:
        return list(range(len(x.dims)))
    return [at] if isinstance(at, int) else list(at)


def stat(stat: str) -> Callable[..., Value]:
    def rule(b: Builder, x: Value, at: Ints | None = None, keepdim: bool = False, **_: object) -> Value:
        return shapes.reduced(b, x, stat, named_dims(x, at), keep=keepdim)

    return rule


def extreme(stat: str) -> Callable[..., Any]:
    def rule(b: Builder, x: Value, at: Any = None, keepdim: bool = False) -> Any:
        if isinstance(at, Value | Const):
            return binary(b, "maximum" if stat == "max" else "minimum", x, at)
        if at is None:
            return shapes.reduced(b, x, stat, named_dims(x, None), keep=False)
        return shapes.reduced(b, x, stat, named_dims(x, at), keep=keepdim), None

    return rule


def var_rule(stat: str) -> Callable[..., Value]:
    def rule(b: Builder, x: Value, at: Any = None, *args: object, **named: Any) -> Value:
        keep = bool(named.get("keepdim", args[1] if len(args) > 1 else False))
        unbiased = at if isinstance(at, bool) else args[0] if args else None
        taken = named.get("correction") if unbiased is None else int(bool(unbiased))
        taken = 1 if taken is None else taken
        gone = named_dims(x, None if isinstance(at, bool) else at)
        count = math.prod(length(x.dims[one]) for one in gone)
        if count <= taken:
            raise ShapeError("the variance is taken over too few values")
        found = shapes.reduced(b, x, stat, gone, keep=keep)
        if not taken:
            return found
        factor = count / (count - taken)
        return binary(b, "mul", found, factor if stat == "var" else math.sqrt(factor))

    return rule


def var_mean(b: Builder, x: Value, at: Any = None, *args: object, **named: Any) -> tuple[Value, Value]:
    keep = bool(named.get("keepdim", args[1] if len(args) > 1 else False))
    return var_rule("var")(b, x, at, *args, **named), shapes.reduced(b, x, "mean", named_dims(x, at), keep=keep)


def norm_rule(b: Builder, x: Value, p: float = 2, at: Ints | None = None, keepdim: bool = False, **_: object) -> Value:
    if p not in {1, 2}:
        raise ShapeError("a norm of a power other than 1 or 2 is not supported")
    return shapes.reduced(
        b, x if p == 2 else unary(b, Map("abs"), x), "l2" if p == 2 else "sum", named_dims(x, at), keep=keepdim
    )


def cast(b: Builder, x: Value, *args: Any, **named: Any) -> Value:
    """Change the dtype, which keeps the values unless they become integers."""
    if any(not getattr(kind, "is_floating_point", True) for kind in (*args, *named.values())):
        raise ShapeError("a cast to integers is not supported")
    return x


def same(b: Builder, x: Value, *_: object, **__: object) -> Value:
    return x
