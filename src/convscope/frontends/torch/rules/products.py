"""Products and sums of tensors, and attention."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.build import layers, shapes
from convscope.frontends.build.algebra import binary, contract, mixed, unary
from convscope.frontends.build.values import Const, Value
from convscope.ops.scalar import Map, Pow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.frontends.build.builder import Builder

Ints = int | list[int] | tuple[int, ...]


def dim_names(count: int, start: int = 0) -> list[str]:
    return [f"d{start + at}" for at in range(count)]


def matmul(b: Builder, x: Value | Const, y: Value | Const) -> Value:
    """``x @ y`` over any leading dimensions, aligned at the end."""
    rank_x, rank_y = rank_of(x), rank_of(y)
    lead = max(rank_x, rank_y) - 2
    names = dim_names(max(0, lead))
    rows = [*names[lead - rank_x + 2 :], "rows", "inner"] if rank_x > 1 else ["inner"]
    columns = [*names[lead - rank_y + 2 :], "inner", "columns"] if rank_y > 1 else ["inner"]
    out = [*names, *(["rows"] if rank_x > 1 else []), *(["columns"] if rank_y > 1 else [])]
    return einsum(b, [x, y], [rows, columns], out)


def rank_of(x: Value | Const) -> int:
    return len(x.dims) if isinstance(x, Value) else len(x.sizes)


def einsum(b: Builder, operands: Sequence[Value | Const], labels: list[list[str]], out: list[str]) -> Value:
    """A product of one or two tensors over labelled dimensions."""
    if len(operands) == 1 and isinstance(operands[0], Value):
        only, names = operands[0], labels[0]
        if len(set(names)) < len(names):
            raise ShapeError("a diagonal")
        found = shapes.reduced(b, only, "sum", [at for at, name in enumerate(names) if name not in out], keep=False)
        left = [name for name in names if name in out]
        return shapes.permuted(found, [left.index(name) for name in out])
    if len(operands) != 2:
        raise ShapeError("a product of more than two tensors")
    alone = [name for mine, its in (labels, labels[::-1]) for name in mine if name not in {*its, *out}]
    if alone or any(len(set(names)) < len(names) for names in labels):
        raise ShapeError("a sum, or a diagonal, of one tensor alone")
    x, y = operands
    if isinstance(x, Value) and isinstance(y, Value):
        if set(out) >= {*labels[0], *labels[1]}:  # nothing is summed: number by number
            full = [
                shapes.permuted(
                    replace(t, dims=(*t.dims, *[()] * sum(name not in names for name in out))),
                    [[*names, *(n for n in out if n not in names)].index(name) for name in out],
                )
                for t, names in ((x, labels[0]), (y, labels[1]))
            ]
            return binary(b, "mul", full[0], full[1])
        return contract(b, x, y, (labels[0], labels[1], out))
    if isinstance(x, Value):
        assert isinstance(y, Const)
        if labels[1][:1] == ["inner"] and len(labels[1]) == 2 and labels[0][-1] == "inner" and out[-1] == "columns":
            turned = y.then(y.sizes[::-1], np.transpose)
            return layers.linear(b, x, turned, None)
        return mixed(b, x, y, (labels[0], labels[1], out))
    assert isinstance(y, Value)
    return mixed(b, y, x, (labels[1], labels[0], out))


def einsum_rule(b: Builder, equation: str, operands: list[Value | Const], **_: object) -> Value:
    text = equation.replace(" ", "")
    if "." in text:
        raise ShapeError("an einsum with an ellipsis")
    inputs, arrow, out = text.partition("->")
    labels = [list(part) for part in inputs.split(",")]
    if not arrow:
        every = "".join(inputs.split(","))
        out = "".join(sorted(letter for letter in set(every) if every.count(letter) == 1))
    return einsum(b, operands, labels, list(out))


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
    found = binary(b, "mul", matmul(b, x, y), alpha)
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
        raise ShapeError("attention with groups of queries")
    factor = 1 / math.sqrt(k.sizes[-1]) if scale is None else scale
    rank = len(k.dims)
    scores = matmul(
        b, binary(b, "mul", q, factor) if isinstance(q, Value) else q, shapes.swapped(k, rank - 2, rank - 1)
    )
    if isinstance(q, Const):
        scores = binary(b, "mul", scores, factor)
    if causal:
        rows, columns = scores.sizes[-2:]
        mask = Const((rows, columns), lambda: np.triu(np.full((rows, columns), -np.inf, np.float32), 1))
    if isinstance(mask, Const):
        mask = mask.then(mask.sizes, allowed)
    if mask is not None:
        scores = binary(b, "add", scores, mask)
    return matmul(b, layers.softmax(b, scores, rank - 1), v)


def allowed(numbers: NDArray[Any]) -> NDArray[Any]:
    """A mask as what is added: one of truths says where to look."""
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
        raise ShapeError("a division that rounds")
    return binary(b, "div", x, y)


def pow_rule(b: Builder, x: Any, exponent: Any) -> Value:
    if not isinstance(x, Value) or not isinstance(exponent, int | float):
        raise ShapeError("a power of a tensor")
    return unary(b, Map("square") if exponent == 2 else Pow(float(exponent)), x)


def lerp(b: Builder, x: Value, y: Value, weight: Any) -> Value:
    return binary(b, "add", x, binary(b, "mul", binary(b, "sub", y, x), weight))


def addcmul(b: Builder, x: Any, y: Any, z: Any, *, value: float = 1) -> Value:
    return binary(b, "add", binary(b, "mul", binary(b, "mul", y, z), value), x)


def masked_fill(b: Builder, x: Value, mask: Any, number: Any) -> Value:
    value = float(number.load()) if isinstance(number, Const) else number
    if not isinstance(mask, Const) or not isinstance(value, int | float):
        raise ShapeError("a mask that depends on the input")
    if math.isfinite(value):
        kept = mask.then(mask.sizes, lambda numbers: np.where(numbers, 0.0, 1.0).astype(np.float32))
        x = binary(b, "mul", x, kept)
    return binary(b, "add", x, mask.then(mask.sizes, lambda numbers: np.where(numbers, value, 0.0).astype(np.float32)))
