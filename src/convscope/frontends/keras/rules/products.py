"""Products of tensors over labelled dimensions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convscope.errors import ModelError
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, contract, mixed
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.tensors.builder import Builder

Operand = Value | Const | float


def _rank(x: Operand) -> int:
    if isinstance(x, Value):
        return len(x.dims)
    return len(x.sizes) if isinstance(x, Const) else 0


def matmul(b: Builder, x: Operand, y: Operand) -> Value:
    """``x @ y`` over any leading dimensions, aligned at the end."""
    rank_x, rank_y = _rank(x), _rank(y)
    names = [f"d{at}" for at in range(max(0, max(rank_x, rank_y) - 2))]
    rows = [*names[len(names) - rank_x + 2 :], "rows", "inner"] if rank_x > 1 else ["inner"]
    columns = [*names[len(names) - rank_y + 2 :], "inner", "columns"] if rank_y > 1 else ["inner"]
    out = [*names, *(["rows"] if rank_x > 1 else []), *(["columns"] if rank_y > 1 else [])]
    if isinstance(x, Value) and isinstance(y, Const) and rank_y == 2:
        return layers.linear(b, x, y.then(y.sizes[::-1], np.transpose), None)
    return einsum(b, [x, y], [rows, columns], out)


def einsum(b: Builder, operands: Sequence[Operand], labels: list[list[str]], out: list[str]) -> Value:
    """Multiply one or two tensors and sum over the labels that the result lacks.

    Raises:
        ModelError: the labels do not match the dimensions.
    """
    if len(operands) != len(labels) or any(_rank(x) != len(names) for x, names in zip(operands, labels, strict=True)):
        raise ModelError("the equation does not match the number of dimensions of its tensors")
    first, *rest = operands
    if not rest:
        assert isinstance(first, Value)
        return _summed(b, first, labels[0], out)
    second = rest[0]
    if len(rest) > 1 or isinstance(first, float) or isinstance(second, float):
        raise ModelError(f"a product of {len(operands)} tensors is not supported")
    if isinstance(first, Value) and isinstance(second, Value):
        if set(out) >= {*labels[0], *labels[1]}:  # nothing is summed
            pairs = zip((first, second), labels, strict=True)
            return binary(b, "mul", *(_aligned(x, names, out) for x, names in pairs))
        return contract(b, first, second, (labels[0], labels[1], out))
    if isinstance(first, Value):
        assert isinstance(second, Const)
        return mixed(b, first, second, (labels[0], labels[1], out))
    assert isinstance(second, Value)
    return mixed(b, second, first, (labels[1], labels[0], out))


def _summed(b: Builder, x: Value, names: list[str], out: list[str]) -> Value:
    found = shapes.reduced(b, x, "sum", [at for at, name in enumerate(names) if name not in out], keep=False)
    left = [name for name in names if name in out]
    return shapes.permuted(found, [left.index(name) for name in out])


def _aligned(x: Value, names: list[str], out: list[str]) -> Value:
    """Return the tensor with a dimension for each label of the result."""
    missing = [name for name in out if name not in names]
    full = [*names, *missing]
    return shapes.permuted(replace(x, dims=(*x.dims, *[()] * len(missing))), [full.index(name) for name in out])
