"""Views, slices and concatenation of tensors."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from convscope.errors import ModelError, ShapeError
from convscope.frontends.tensors import layers, reorder, shapes
from convscope.frontends.tensors.algebra import expanded
from convscope.frontends.tensors.values import Const, Value, length
from convscope.frontends.torch.stored import NumbersLostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.tensors.builder import Builder

MAX_CHOSEN = 2**20
"""The most indices of a dimension."""

Ints = int | list[int] | tuple[int, ...]


def cat_rule(b: Builder, tensors: list[Value | Const], at: int = 0) -> Value:
    first = next(tensor for tensor in tensors if isinstance(tensor, Value))
    return shapes.concatenated(b, tensors, shapes.positive(at, len(first.dims)))


def stack_rule(b: Builder, tensors: list[Value], at: int = 0) -> Value:
    if not all(isinstance(tensor, Value) for tensor in tensors):
        raise ShapeError("stacking a constant with a tensor is not supported")
    at = shapes.positive(at, len(tensors[0].dims) + 1)
    return shapes.concatenated(b, [shapes.unsqueezed(tensor, at) for tensor in tensors], at)


def slice_rule(
    b: Builder, x: Value, at: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Value | Const:
    at = shapes.positive(at, len(x.dims))
    size = length(x.dims[at])
    first, last, _ = slice(start, stop).indices(size)
    if first >= last:  # empty, as in code for missing tokens
        sizes = (*x.sizes[:at], 0, *x.sizes[at + 1 :])
        return Const(sizes, lambda: np.zeros(sizes, np.float32))
    return shapes.sliced(b, x, at, first, last, step)


def select_rule(b: Builder, x: Value, at: int, index: int) -> Value:
    at = shapes.positive(at, len(x.dims))
    return shapes.picked(b, x, at, shapes.positive(index, length(x.dims[at])))


def narrow(b: Builder, x: Value, at: int, start: int, count: int) -> Value | Const:
    return slice_rule(b, x, at, start, start + count)


def split_rule(b: Builder, x: Value, sizes: Ints, at: int = 0) -> list[Value]:
    at = shapes.positive(at, len(x.dims))
    full = length(x.dims[at])
    counts = [sizes] * -(-full // sizes) if isinstance(sizes, int) else list(sizes)
    found, start = [], 0
    for count in counts:
        found.append(shapes.sliced(b, x, at, start, start + count, 1))
        start += count
    return found


def chunk(b: Builder, x: Value, count: int, at: int = 0) -> list[Value]:
    return split_rule(b, x, max(1, -(-length(x.dims[shapes.positive(at, len(x.dims))]) // count)), at)


def tensor_split(b: Builder, x: Value, parts: Ints, at: int = 0) -> list[Value | Const]:
    """Split into a number of parts, the first ones longer by one if necessary, or at these indices."""
    size = length(x.dims[shapes.positive(at, len(x.dims))])
    if isinstance(parts, int):
        cuts = [size // parts * part + min(part, size % parts) for part in range(parts + 1)]
    else:
        cuts = [0, *(slice(cut).indices(size)[1] for cut in parts), size]
    return [slice_rule(b, x, at, start, stop) for start, stop in pairwise(cuts)]


def unbind(b: Builder, x: Value, at: int = 0) -> list[Value]:
    at = shapes.positive(at, len(x.dims))
    return [shapes.picked(b, x, at, index) for index in range(length(x.dims[at]))]


def flatten(b: Builder, x: Value, first: int = 0, last: int = -1) -> Value:
    rank = len(x.dims)
    first, last = shapes.positive(first, rank), shapes.positive(last, rank)
    sizes = x.sizes
    return shapes.viewed(b, x, (*sizes[:first], math.prod(sizes[first : last + 1]), *sizes[last + 1 :]))


def unflatten(b: Builder, x: Value, at: int, sizes: Sequence[int]) -> Value:
    at = shapes.positive(at, len(x.dims))
    inner = shapes.resolved(sizes, x.sizes[at])
    return shapes.viewed(b, x, (*x.sizes[:at], *inner, *x.sizes[at + 1 :]))


def movedim(b: Builder, x: Value, source: Ints, target: Ints) -> Value:
    rank = len(x.dims)
    come = [shapes.positive(at, rank) for at in ([source] if isinstance(source, int) else source)]
    go = [shapes.positive(at, rank) for at in ([target] if isinstance(target, int) else target)]
    order = [at for at in range(rank) if at not in come]
    for position, at in sorted(zip(go, come, strict=True)):
        order.insert(position, at)
    return shapes.permuted(x, order)


def expand(b: Builder, x: Value, sizes: Sequence[int], **_: object) -> Value:
    have = (1,) * (len(sizes) - len(x.dims)) + x.sizes
    return expanded(x, [mine if size == -1 else size for size, mine in zip(sizes, have, strict=True)])


def repeat_rule(b: Builder, x: Value, times: Sequence[int]) -> Value:
    found = replace(x, dims=(*[()] * (len(times) - len(x.dims)), *x.dims))
    for at, count in enumerate(times):
        found = shapes.tiled(found, at, count)
    return found


def repeat_interleave(b: Builder, x: Value, count: int, at: int, **_: object) -> Value:
    if not isinstance(count, int):
        raise ShapeError("repeats given by a tensor are not supported")
    return shapes.repeated(x, shapes.positive(at, len(x.dims)), count)


def pad_rule(b: Builder, x: Value, sides: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
    words = {"constant": "zero", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
    pairs = [(sides[at], sides[at + 1]) for at in range(0, len(sides), 2)][::-1]
    return layers.padded(b, x, pairs, words[mode], float(value or 0))


def roll_rule(b: Builder, x: Value, shifts: Ints, at: Ints = ()) -> Value:
    positions = [at] if isinstance(at, int) else list(at)
    if not positions:
        raise ShapeError("a roll of the flattened tensor is not supported")
    return shapes.rolled(b, x, [shifts] if isinstance(shifts, int) else list(shifts), positions)


def flip_rule(b: Builder, x: Value, at: Ints) -> Value:
    return reorder.flipped(b, x, [shapes.positive(one, len(x.dims)) for one in ([at] if isinstance(at, int) else at)])


def rot90(b: Builder, x: Value, times: int = 1, at: Sequence[int] = (0, 1)) -> Value:
    first, second = (shapes.positive(one, len(x.dims)) for one in at)
    if times % 2 == 0:
        return reorder.flipped(b, x, [first, second] if times % 4 else [])
    turned = shapes.swapped(x, first, second)
    return reorder.flipped(b, turned, [first if times % 4 == 1 else second])


def index_select(b: Builder, x: Value, at: int, index: Const) -> Value:
    return _chosen(b, x, shapes.positive(at, len(x.dims)), index)


def index_rule(b: Builder, x: Value, indices: Sequence[Const | None]) -> Value:
    """``x[:, index]`` with one constant of indices, or of Booleans along one dimension."""
    ((at, index),) = [(at, index) for at, index in enumerate(indices) if index is not None]
    return _chosen(b, x, at, index)


def _chosen(b: Builder, x: Value, at: int, index: Const) -> Value:
    if math.prod(index.sizes) > MAX_CHOSEN:
        raise ShapeError(
            f"a list of {math.prod(index.sizes):,} indices is not supported", expected=f"at most {MAX_CHOSEN:,}"
        )
    try:
        numbers = np.asarray(index.load())
    except ModelError:  # a list of indices that torch put on the meta device
        raise NumbersLostError from None
    if numbers.dtype == np.bool_:
        if numbers.ndim != 1:
            raise ShapeError("a boolean mask over several dimensions is not supported")
        numbers = np.flatnonzero(numbers)
    size = length(x.dims[at])
    found = reorder.chosen(b, x, at, [one + size * (one < 0) for one in numbers.ravel().tolist()])
    return shapes.viewed(b, found, (*x.sizes[:at], *numbers.shape, *x.sizes[at + 1 :]))


def cumsum_rule(b: Builder, x: Value, at: int, **_: object) -> Value:
    return reorder.running(b, x, shapes.positive(at, len(x.dims)))


def pixel_shuffle(b: Builder, x: Value, factor: int) -> Value:
    n, c, h, w = x.sizes
    parts = shapes.viewed(b, x, (n, c // factor**2, factor, factor, h, w))
    return shapes.viewed(b, shapes.permuted(parts, (0, 1, 4, 2, 5, 3)), (n, c // factor**2, h * factor, w * factor))


def pixel_unshuffle(b: Builder, x: Value, factor: int) -> Value:
    n, c, h, w = x.sizes
    parts = shapes.viewed(b, x, (n, c, h // factor, factor, w // factor, factor))
    return shapes.viewed(b, shapes.permuted(parts, (0, 1, 3, 5, 2, 4)), (n, c * factor**2, h // factor, w // factor))


def channel_shuffle(b: Builder, x: Value, groups: int) -> Value:
    n, c, *positions = x.sizes
    parts = shapes.viewed(b, x, (n, groups, c // groups, *positions))
    return shapes.viewed(b, shapes.swapped(parts, 1, 2), (n, c, *positions))
