"""Products and sums of tensors, and attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.tensors import layers, products
from convscope.frontends.tensors.algebra import binary, unary
from convscope.frontends.tensors.values import Const, Value
from convscope.ops.scalar import Map, Pow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convscope.frontends.tensors.builder import Builder

Ints = int | list[int] | tuple[int, ...]


def einsum_rule(b: Builder, equation: str, operands: list[Value | Const], **_: object) -> Value:
    text = equation.replace(" ", "")
    if "." in text:
        raise ShapeError("an einsum with an ellipsis is not supported")
    inputs, arrow, out = text.partition("->")
    labels = [list(part) for part in inputs.split(",")]
    if not arrow:
        every = "".join(inputs.split(","))
        out = "".join(sorted(letter for letter in set(every) if every.count(letter) == 1))
    return products.einsum(b, operands, labels, list(out))


def linear(b: Builder, x: Value, weight: Const, bias: Const | None = None) -> Value:
    return layers.linear(b, x, weight, bias)


def addmm(
    b: Builder, bias: Value | Const, x: Value | Const, y: Value | Const, *, beta: float = 1, alpha: float = 1
) -> Value:
    if (
        isinstance(bias, Const)
        and isinstance(x, Value)
        and isinstance(y, Const)
        and (beta, alpha) == (1, 1)
        and len(bias.sizes) == 1
    ):
        return layers.linear(b, x, y.then(y.sizes[::-1], np.transpose), bias)
    found = binary(b, "mul", products.matmul(b, x, y), alpha)
    if beta == 0:
        return found
    return binary(b, "add", found, binary(b, "mul", bias, beta) if isinstance(bias, Value) else scaled(bias, beta))


def attention(
    b: Builder,
    q: Value | Const,
    k: Value | Const,
    v: Value | Const,
    mask: Value | Const | None = None,
    dropout: float = 0.0,
    causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    if enable_gqa or not isinstance(k, Value):
        raise ShapeError("grouped-query attention is not supported")
    if isinstance(mask, Const):
        mask = mask.then(mask.sizes, allowed)
    return products.attention(b, q, k, v, mask=mask, causal=causal, scale=scale)


def allowed(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return a mask as a summand; a boolean one marks positions to attend to."""
    return np.where(numbers, np.float32(0), np.float32(-np.inf)) if numbers.dtype == np.bool_ else numbers


def binary_rule(name: str) -> Callable[..., Value]:
    def rule(b: Builder, x: Any, y: Any, *, alpha: float = 1, **_: object) -> Value:
        if alpha != 1:
            y = binary(b, "mul", y, alpha) if isinstance(y, Value) else scaled(y, alpha)
        return binary(b, name, x, y)

    return rule


def scaled(y: Any, alpha: float) -> Any:
    return y.then(y.sizes, lambda numbers: numbers * alpha) if isinstance(y, Const) else y * alpha


def rsub(b: Builder, x: Value, y: Any, alpha: float = 1) -> Value:
    return binary_rule("sub")(b, y, x, alpha=alpha)


def div(b: Builder, x: Any, y: Any, *, rounding_mode: str | None = None) -> Value:
    if rounding_mode:
        raise ShapeError("a division with a rounding mode is not supported")
    return binary(b, "div", x, y)


def pow_rule(b: Builder, x: Any, exponent: Any) -> Value:
    if not isinstance(x, Value) or not isinstance(exponent, int | float):
        raise ShapeError("a power with a tensor as exponent is not supported")
    return unary(b, Map("square") if exponent == 2 else Pow(float(exponent)), x)


def lerp(b: Builder, x: Value, y: Value, weight: Any) -> Value:
    return binary(b, "add", x, binary(b, "mul", binary(b, "sub", y, x), weight))


def addcmul(b: Builder, x: Any, y: Any, z: Any, *, value: float = 1) -> Value:
    return binary(b, "add", binary(b, "mul", binary(b, "mul", y, z), value), x)


def masked_fill(b: Builder, x: Value, mask: Any, number: Any) -> Value:
    value = float(number.load()) if isinstance(number, Const) else number
    if not isinstance(mask, Const) or not isinstance(value, int | float):
        raise ShapeError("a mask that depends on the input is not supported")
    if math.isfinite(value):
        kept = mask.then(mask.sizes, lambda numbers: np.where(numbers, 0.0, 1.0).astype(np.float32))
        x = binary(b, "mul", x, kept)
    return binary(b, "add", x, mask.then(mask.sizes, lambda numbers: np.where(numbers, value, 0.0).astype(np.float32)))
