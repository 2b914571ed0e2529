"""Products and sums of tensors: elementwise, and over shared dimensions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ModelError, ShapeError
from convscope.frontends.tensors.settle import Spelling, fine, parts, plain, settled, without_repeats
from convscope.frontends.tensors.values import (
    MAX_RANK,
    REPEATED,
    Const,
    Factor,
    Value,
    bounded,
    joined,
    length,
    refined,
    repetition,
)
from convscope.ops.act import Clamp, ReLU
from convscope.ops.merge import Add, Div, Maximum, Minimum, Mul, Sub
from convscope.ops.scalar import Map, Plus, Pow, Scale, Shift, Times
from convscope.ops.tensor import Einsum, Mix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.core.op import Op
    from convscope.core.shape import Shape
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Dim, Dims

LARGEST = float(np.finfo(np.float32).max)

JOINS: dict[str, type[Op]] = {"add": Add, "sub": Sub, "mul": Mul, "div": Div, "maximum": Maximum, "minimum": Minimum}
"""The ops that join two tensors, by name."""


def unary(builder: Builder, op: Op, value: Value, weights: dict[str, Const] | None = None) -> Value:
    """Apply an elementwise op, which leaves the dimensions unchanged."""
    return Value(builder.emit(op, (value.node,), weights).node, value.shape, value.dims)


def broadcast(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    """Return the broadcast sizes, with dimensions aligned at the end.

    Raises:
        ShapeError: the sizes do not match.
    """
    rank = max(len(first), len(second))
    pairs = zip(_right(first, rank), _right(second, rank), strict=True)
    found = tuple(b if a == 1 else a for a, b in pairs)
    if any(
        size not in {1, full} for sizes in (first, second) for size, full in zip(sizes[::-1], found[::-1], strict=False)
    ):
        raise ShapeError(f"tensors of sizes {tuple(first)} and {tuple(second)} cannot be broadcast together")
    return found


def _right(sizes: Sequence[int], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(sizes)) + tuple(sizes)


def expanded(value: Value, sizes: Sequence[int]) -> Value:
    """Broadcast the tensor along dimensions of length 1, with new ones in front."""
    dims: list[Dim] = [()] * (len(sizes) - len(value.dims)) + list(value.dims)
    if len(sizes) > MAX_RANK:
        raise ShapeError(f"a tensor has {len(sizes)} dimensions", expected=f"at most {MAX_RANK}")
    new = tuple(dim if dim or size == 1 else (repetition(size),) for dim, size in zip(dims, sizes, strict=True))
    return bounded(replace(value, dims=new))


def binary(builder: Builder, name: str, first: Value | Const | float, second: Value | Const | float) -> Value:
    """Join two tensors elementwise, at least one of which depends on the input.

    Args:
        builder: takes the layers.
        name: a key of :data:`JOINS`.
        first: left.
        second: right.
    """
    if isinstance(first, Value) and isinstance(second, Value):
        return _join(builder, JOINS[name], first, second)
    if isinstance(first, Value):
        return _with_const(builder, name, first, _as_const(second))
    assert isinstance(second, Value)
    if name == "sub":
        return _with_const(builder, "add", unary(builder, Times(-1.0), second), _as_const(first))
    if name == "div":
        return _with_const(builder, "mul", unary(builder, Map("reciprocal"), second), _as_const(first))
    return _with_const(builder, name, second, _as_const(first))


def _as_floats(numbers: NDArray[Any]) -> NDArray[Any]:
    return numbers.astype(np.float32)


def _as_const(number: Any) -> Const:
    if isinstance(number, Const):
        return number
    return Const((), lambda: np.asarray(number, dtype=np.float32))


def _join(builder: Builder, made: type[Op], first: Value, second: Value) -> Value:
    if first.dims == second.dims and first.shape == second.shape:
        return Value(builder.emit(made(), (first.node, second.node)).node, first.shape, first.dims)
    sizes = broadcast(first.sizes, second.sizes)
    host, other, swapped = _host(first, second, sizes)
    host = without_repeats(builder, expanded(host, sizes))
    for attempt in range(3):
        pairs = _paired(host, other)
        if pairs is not None:
            break
        if attempt == 0:
            other = plain(builder, other)
        else:
            host = plain(builder, host)
    else:
        raise ShapeError("two tensors are split in incompatible ways")
    axes = parts(host.shape, pairs or (factor for dim in host.dims for factor in dim))
    groups = [_group([pairs.get(part) for part in axis], axis) for axis in axes]
    while len(groups) > len(other.shape) and not groups[-1]:
        groups.pop()
    once = tuple(tuple(factor for factor in dim if factor.axis != REPEATED) for dim in other.dims)
    other = settled(builder, replace(other, dims=once), groups)  # the op itself broadcasts repetitions
    nodes = [other.node, host.node] if swapped else [host.node, other.node]
    return replace(host, node=builder.emit(made(), nodes).node)


def _host(first: Value, second: Value, sizes: tuple[int, ...]) -> tuple[Value, Value, bool]:
    """Return the tensor that gives the axes of the result, the other one, and whether they were swapped."""
    full = [value.sizes == sizes for value in (first, second)]
    ranks = [sum(size > 1 for size in value.shape) for value in (first, second)]
    if full[1] and (not full[0] or ranks[1] > ranks[0]):
        return second, first, True
    return first, second, False


def _paired(host: Value, other: Value) -> dict[Factor, Factor] | None:
    """Match factors of the host with those of the other tensor; None if they are split differently."""
    rank = len(host.dims)
    dims: list[Dim] = [()] * (rank - len(other.dims)) + list(other.dims)
    pairs: dict[Factor, Factor] = {}
    for mine, its in zip(host.dims, dims, strict=True):
        if not its:
            continue
        found = refined(mine, its)
        if found is None:
            return None
        pairs.update((x, y) for x, y in zip(*found, strict=True) if y.axis != REPEATED)
    return pairs


def _group(found: list[Factor | None], axis: Dim) -> Dim:
    """Return the factors of another tensor for one axis; missing ones are repetitions."""
    if all(factor is None for factor in found):
        return ()
    pairs = zip(found, axis, strict=True)
    return joined(its or repetition(part.size) for its, part in pairs)


def _with_const(builder: Builder, name: str, value: Value, const: Const) -> Value:
    """Join a tensor with one that does not depend on the input."""
    number = _number(const) if broadcast(value.sizes, const.sizes) == value.sizes else None
    if number is not None:
        return _with_number(builder, name, value, number)
    if name in {"maximum", "minimum"}:
        return _limited(builder, name, value, const)
    if name not in {"add", "sub", "mul", "div"}:
        raise ShapeError(f"{name} with a constant is not supported")
    const = const.then(const.sizes, _as_floats)
    host = without_repeats(builder, expanded(value, broadcast(value.sizes, const.sizes)))
    laid = _laid_out(host, const)
    if laid is None:
        host = plain(builder, host)
        laid = _laid_out(host, const)
    if laid is None:
        raise ShapeError("the shape of a constant does not fit the tensor that it is combined with")
    shape, weight = laid
    if name in {"sub", "div"}:
        weight = weight.then(weight.sizes, np.negative if name == "sub" else np.reciprocal)
    made = Shift if name in {"add", "sub"} else Scale
    return unary(builder, made(shape, not const.roots), host, {"weight": weight})


def _number(const: Const) -> float | None:
    """Return the value of a constant that is a single known number and not learned; otherwise None."""
    if const.roots or math.prod(const.sizes) != 1:
        return None
    try:
        return float(const.load().reshape(()))
    except ModelError:  # the model has no values
        return None


def _limited(builder: Builder, name: str, value: Value, const: Const) -> Value:
    """Return the maximum of a tensor and a constant, ``relu(x - t) + t``, or the minimum, ``t - relu(t - x)``."""
    if name == "maximum":
        above = unary(builder, ReLU(), _with_const(builder, "sub", value, const))
        return _with_const(builder, "add", above, const)
    below = unary(builder, ReLU(), binary(builder, "sub", const, value))
    return binary(builder, "sub", const, below)


def _with_number(builder: Builder, name: str, value: Value, number: float) -> Value:
    ops: dict[str, Callable[[], Op]] = {
        "add": lambda: Plus(number),
        "sub": lambda: Plus(-number),
        "mul": lambda: Times(number),
        "div": lambda: Times(1.0 / number),
        "pow": lambda: Pow(number),
        "maximum": lambda: Clamp(number, LARGEST),
        "minimum": lambda: Clamp(-LARGEST, number),
    }
    if name not in ops or not math.isfinite(number) or (name == "div" and number == 0):
        raise ShapeError(f"{name} with the constant {number} is not supported")
    if (name in {"add", "sub"} and number == 0) or (name in {"mul", "div", "pow"} and number == 1):
        return value
    return unary(builder, ops[name](), value)


def _laid_out(host: Value, const: Const) -> tuple[Shape, Const] | None:
    """Lay a constant out along the axes of a layer; return its shape there and the constant."""
    rank = len(host.dims)
    sizes = _right(const.sizes, rank)
    order: list[Factor] = []
    for dim, size in zip(host.dims, sizes, strict=True):
        order += dim if size > 1 else ()
    axes = parts(host.shape, (factor for dim in host.dims for factor in dim))
    there = fine(order, axes)
    present = [[part in there for part in axis] for axis in axes]
    kept = [axis[flags.index(True) :] if any(flags) else () for axis, flags in zip(axes, present, strict=True)]
    flat = [part for axis in kept for part in axis]
    source = [part.size for part in there]
    turn = [there.index(part) for part in flat if part in there]
    open_shape = [part.size if part in there else 1 for part in flat]
    full_shape = [part.size for part in flat]
    shape = tuple(map(length, kept))

    def change(numbers: NDArray[Any]) -> NDArray[Any]:
        opened = numbers.reshape(source).transpose(turn).reshape(open_shape)
        return np.ascontiguousarray(np.broadcast_to(opened, full_shape).reshape(shape))

    return (shape, const.then(shape, change)) if math.prod(source) == math.prod(const.sizes) else None


Labels = list[str]
"""A label for each dimension; equal labels are matched."""


def contract(builder: Builder, first: Value, second: Value, labels: tuple[Labels, Labels, Labels]) -> Value:
    """Multiply two tensors and sum over the labels that the result lacks."""
    a, b = without_repeats(builder, first), without_repeats(builder, second)
    pairs = _shared(a, b, labels)
    if pairs is None:
        a, b = plain(builder, a), plain(builder, b)
        pairs = _shared(a, b, labels)
    if pairs is None:
        raise ShapeError("two tensors are split in incompatible ways")
    axes_a = parts(a.shape, [*(d for dim in a.dims for d in dim), *(x for x, _ in pairs)])
    axes_b = parts(b.shape, [*(d for dim in b.dims for d in dim), *(y for _, y in pairs)])
    spelling = Spelling()
    before = spelling.axes([[(spelling.letter(0, d), d.size) for d in axis] for axis in axes_a])
    for x, y in pairs:
        for mine, its in zip(fine([x], axes_a), fine([y], axes_b), strict=True):
            spelling.same(1, its, spelling.letter(0, mine))
    after = spelling.axes([[(spelling.letter(1, d), d.size) for d in axis] for axis in axes_b])
    kept = _kept(a, b, labels, axes_a, axes_b)
    letters = {spelling.letter(source, factor) for source, factor in kept}
    has_position = any(source == 0 and factor.axis for source, factor in kept)
    out: list[list[tuple[str, int]]] = [[] for _ in range(4)]
    for source, axes in ((0, axes_a), (1, axes_b)):
        for axis in axes:
            for factor in axis:
                letter = spelling.letter(source, factor)
                if letter in letters and not any(letter == other for group in out for other, _ in group):
                    out[0 if source and has_position else factor.axis].append((letter, factor.size))
    spread = [out[0], *(group for group in out[1:] if group)]
    made = builder.emit(Einsum(f"{before}:{after}:{spelling.axes(spread)}"), [a.node, b.node])
    positions = _positions(spread)
    dims = tuple(
        joined(
            positions[spelling.letter(source, factor)] for source, factor in _of(label, a, b, labels, axes_a, axes_b)
        )
        for label in labels[2]
    )
    return Value(made.node, made.shape, dims)


def _positions(axes: list[list[tuple[str, int]]]) -> dict[str, Factor]:
    """Return the position of each letter in axes."""
    found = {}
    for axis, group in enumerate(axes):
        step = 1
        for letter, size in reversed(group):
            found[letter] = Factor(axis, size, step)
            step *= size
    return found


def _dim(value: Value, labels: Labels, label: str) -> Dim:
    return value.dims[list(labels).index(label)] if label in labels else ()


def _shared(a: Value, b: Value, labels: tuple[Labels, Labels, Labels]) -> list[tuple[Factor, Factor]] | None:
    pairs: list[tuple[Factor, Factor]] = []
    for label in labels[0]:
        mine, its = _dim(a, labels[0], label), _dim(b, labels[1], label)
        if mine and its:
            found = refined(mine, its)
            if found is None:
                return None
            pairs += zip(*found, strict=True)
    return pairs


def _of(
    label: str, a: Value, b: Value, labels: tuple[Labels, Labels, Labels], axes_a: Dims, axes_b: Dims
) -> list[tuple[int, Factor]]:
    """Return the factors of a dimension of the result, with their side."""
    mine = _dim(a, labels[0], label)
    if mine:
        return [(0, factor) for factor in fine(mine, axes_a)]
    return [(1, factor) for factor in fine(_dim(b, labels[1], label), axes_b)]


def _kept(
    a: Value, b: Value, labels: tuple[Labels, Labels, Labels], axes_a: Dims, axes_b: Dims
) -> list[tuple[int, Factor]]:
    return [pair for label in labels[2] for pair in _of(label, a, b, labels, axes_a, axes_b)]


def mixed(builder: Builder, value: Value, weight: Const, labels: tuple[Labels, Labels, Labels]) -> Value:
    """Multiply a tensor with a constant and sum over the labels that the result lacks."""
    a = without_repeats(builder, value)
    axes = parts(a.shape, (factor for dim in a.dims for factor in dim))
    spelling = Spelling()
    before = spelling.axes([[(spelling.letter(0, factor), factor.size) for factor in axis] for axis in axes])
    fresh: dict[str, tuple[str, int]] = {}
    matrix: list[list[tuple[str, int]]] = []
    for label, size in zip(labels[1], weight.sizes, strict=True):
        mine = fine(_dim(a, labels[0], label), axes)
        if mine:
            if size > 1:
                matrix.append([(spelling.letter(0, factor), factor.size) for factor in mine])
        elif size > 1:
            fresh[label] = (spelling.new(), size)
            matrix.append([fresh[label]])
    weights = spelling.axes(matrix or [[]])
    left = {spelling.letter(0, factor) for label in labels[2] for factor in fine(_dim(a, labels[0], label), axes)}
    out = [[(spelling.letter(0, factor), factor.size) for factor in axis] for axis in axes]
    _replace(out, left, list(fresh.values()))
    spread = [out[0], *(group for group in out[1:] if group)]
    op = Mix(f"{before}:{weights}:{spelling.axes(spread)}")
    shape = tuple(math.prod(size for _, size in axis) for axis in (matrix or [[]]))
    made = builder.emit(op, [a.node], {"weight": weight.then(shape, lambda numbers: numbers.reshape(shape))})
    positions = _positions(spread)
    dims = []
    for label in labels[2]:
        own = [positions[fresh[label][0]]] if label in fresh else []
        dims.append(joined([*own, *(positions[spelling.letter(0, d)] for d in fine(_dim(a, labels[0], label), axes))]))
    return Value(made.node, made.shape, tuple(dims))


def _replace(out: list[list[tuple[str, int]]], left: set[str], fresh: list[tuple[str, int]]) -> None:
    """Replace the letters that are summed over with new ones, at the position of the first."""
    gone = [(axis, at) for axis, group in enumerate(out) for at, (letter, _) in enumerate(group) if letter not in left]
    axis, at = gone[0] if gone else (0, len(out[0]))
    out[axis][at:at] = fresh
    new = {letter for letter, _ in fresh}
    for group in out:
        group[:] = [pair for pair in group if pair[0] in left or pair[0] in new]
