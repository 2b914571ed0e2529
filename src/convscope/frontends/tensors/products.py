"""Products of tensors with labelled dimensions: matrix products, attention."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, contract, mixed
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.tensors.algebra import Labels
    from convscope.frontends.tensors.builder import Builder

    Tensor = Value | Const


def sizes_of(tensor: Tensor) -> tuple[int, ...]:
    """Return the sizes of a tensor of either kind."""
    return tensor.sizes


def einsum(builder: Builder, operands: Sequence[Tensor], labels: Sequence[Labels], out: Labels) -> Value:
    """Multiply one or two tensors, one of which depends on the input, over labelled dimensions.

    Raises:
        ShapeError: there are more than two tensors, or one of them is summed or indexed alone.
    """
    if len(operands) == 1 and isinstance(operands[0], Value):
        return _summed(builder, operands[0], labels[0], out)
    if len(operands) != 2:
        raise ShapeError("a product of more than two tensors is not supported")
    alone = [name for mine, its in (labels, labels[::-1]) for name in mine if name not in {*its, *out}]
    if alone or any(len(set(names)) < len(names) for names in labels):
        raise ShapeError("an einsum that sums or takes the diagonal of one operand is not supported")
    x, y = operands
    if isinstance(x, Value) and isinstance(y, Value):
        if set(out) >= {*labels[0], *labels[1]}:  # nothing is summed: elementwise
            return binary(builder, "mul", _aligned(x, labels[0], out), _aligned(y, labels[1], out))
        return contract(builder, x, y, (labels[0], labels[1], out))
    if isinstance(x, Value) and isinstance(y, Const):
        return mixed(builder, x, y, (labels[0], labels[1], out))
    assert isinstance(x, Const)
    assert isinstance(y, Value)
    return mixed(builder, y, x, (labels[1], labels[0], out))


def _summed(builder: Builder, value: Value, labels: Labels, out: Labels) -> Value:
    if len(set(labels)) < len(labels):
        raise ShapeError("taking the diagonal of a tensor is not supported")
    found = shapes.reduced(builder, value, "sum", [at for at, name in enumerate(labels) if name not in out], keep=False)
    left = [name for name in labels if name in out]
    return shapes.permuted(found, [left.index(name) for name in out])


def _aligned(value: Value, labels: Labels, out: Labels) -> Value:
    missing = [name for name in out if name not in labels]
    have = [*labels, *missing]
    full = replace(value, dims=(*value.dims, *[()] * len(missing)))
    return shapes.permuted(full, [have.index(name) for name in out])


def matmul(builder: Builder, x: Tensor, y: Tensor) -> Value:
    """``x @ y`` over any leading dimensions, aligned at the end; a constant matrix ``y`` makes it a linear map."""
    rank_x, rank_y = len(sizes_of(x)), len(sizes_of(y))
    if isinstance(x, Value) and isinstance(y, Const) and rank_y == 2:
        return layers.linear(builder, x, y.then(y.sizes[::-1], np.transpose), None)
    lead = max(rank_x, rank_y) - 2
    names = [f"d{at}" for at in range(lead)]
    rows = [*names[lead - rank_x + 2 :], "rows", "inner"] if rank_x > 1 else ["inner"]
    columns = [*names[lead - rank_y + 2 :], "inner", "columns"] if rank_y > 1 else ["inner"]
    out = [*names, *(["rows"] if rank_x > 1 else []), *(["columns"] if rank_y > 1 else [])]
    return einsum(builder, [x, y], [rows, columns], out)


def attention(
    builder: Builder,
    q: Tensor,
    k: Value,
    v: Tensor,
    *,
    mask: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Value:
    """Add ``softmax(scale * q k' + mask) v`` over the last two dimensions; the scale defaults to ``1/sqrt(d)``."""
    factor = 1 / math.sqrt(k.sizes[-1]) if scale is None else scale
    rank = len(k.dims)
    scaled = binary(builder, "mul", q, factor) if isinstance(q, Value) else q
    scores = matmul(builder, scaled, shapes.swapped(k, rank - 2, rank - 1))
    if isinstance(q, Const):
        scores = binary(builder, "mul", scores, factor)
    if causal:
        rows, columns = scores.sizes[-2:]
        future = Const((rows, columns), lambda: np.triu(np.full((rows, columns), -np.inf, np.float32), 1))
        scores = binary(builder, "add", scores, future)
    if mask is not None:
        scores = binary(builder, "add", scores, mask)
    return matmul(builder, layers.softmax(builder, scores, len(scores.dims) - 1), v)
