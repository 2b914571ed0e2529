"""Folding of operations that move values or create tensors of given sizes."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import MOST, at_hand, known
from convscope.frontends.onnx.fold import NUMBERS, Fold, sizes_at
from convscope.frontends.tensors.values import Const

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.frontends.onnx.call import Call

    Numbers = NDArray[Any]
    Sizes = tuple[int, ...]


def axis_of(call: Call, default: int, rank: int) -> int:
    """Return the attribute ``axis``, counted from the front.

    Raises:
        ShapeError: there is no such dimension.
    """
    at = call.whole("axis", default)
    if not -rank <= at < max(1, rank):
        raise ShapeError(f"a tensor of {rank} dimensions has no axis {at}")
    return at + rank if at < 0 else at


def reshaped(call: Call, have: Sizes) -> Sizes:
    """Return the sizes after a Reshape: 0 keeps a size, -1 takes the rest.

    Raises:
        ShapeError: the number of values differs.
    """
    target = call.wholes("shape") or call.ints(1) or []
    if not call.whole("allowzero", 0):
        target = [have[at] if size == 0 and at < len(have) else size for at, size in enumerate(target)]
    total, inner = math.prod(have), math.prod(size for size in target[1:] if size != -1)
    whole = total % max(1, inner) == 0 if -1 in target[1:] else inner == total
    if call.batch > 1 and target[:1] == [call.batch] and have[:1] == (1,) and whole:
        target = [1, *target[1:]]  # the file is for a batch of several samples
    fixed = math.prod(size for size in target if size != -1)
    found = tuple(total // max(1, fixed) if size == -1 else size for size in target)
    if math.prod(found) != total or min(found, default=0) < 0 or target.count(-1) > 1:
        raise ShapeError(f"{total} values cannot be viewed as {'x'.join(map(str, target[:8]))}")
    return found


def squeezed(call: Call, have: Sizes) -> list[int]:
    """Return the dimensions that a Squeeze removes."""
    axes = call.listed("axes", 1)
    if axes is None:
        return [at for at, size in enumerate(have) if size == 1]
    found = [at % max(1, len(have)) for at in axes]
    if any(have[at] != 1 for at in found):
        raise ShapeError(f"only dimensions of size 1 can be squeezed, not {[have[at] for at in found]}")
    return found


def unsqueezed(call: Call, have: Sizes) -> list[int]:
    """Return the sorted positions of dimensions that an Unsqueeze adds."""
    axes = call.listed("axes", 1) or []
    rank = len(have) + len(axes)
    if rank > 64 or any(not -rank <= at < rank for at in axes):
        raise ShapeError(f"dimensions {axes[:8]} cannot be inserted into a tensor of {rank} dimensions")
    return sorted(at % rank for at in axes)


def with_ones(have: Sizes, positions: Sequence[int]) -> Sizes:
    """Insert 1 into sizes at positions.

    >>> with_ones((3, 4), [0, 3])
    (1, 3, 4, 1)
    """
    found = list(have)
    for at in positions:
        found.insert(at, 1)
    return tuple(found)


def slices(call: Call, have: Sizes) -> list[tuple[int, int, int]]:
    """Return start, stop and step for each dimension, as for ``range``."""
    starts, stops = call.listed("starts", 1) or [], call.listed("ends", 2) or []
    axes = call.listed("axes", 3) or list(range(len(starts)))
    steps = call.ints(4) or [1] * len(starts)
    found = [(0, size, 1) for size in have]
    for start, stop, at, step in zip(starts, stops, axes, steps, strict=True):
        found[at] = slice(start, stop, step).indices(have[at])
    return found


def split_sizes(call: Call, full: int) -> list[int]:
    """Return the lengths of the parts of a Split, one for each output."""
    given = call.listed("split", 1)
    count = call.whole("num_outputs", call.outputs) if given is None else len(given)
    if count != call.outputs or not count:
        raise ShapeError(f"the operator has {call.outputs} outputs, but {count} parts are given")
    if given is not None:
        if sum(given) != full or min(given) < 0:
            raise ShapeError(f"a dimension of {full} cannot be split into parts of {given[:8]}")
        return given
    each = -(-full // count)
    return [min(each, max(0, full - at * each)) for at in range(count)]


def _split_sizes(call: Call) -> list[Sizes]:
    have = sizes_at(call)
    at = axis_of(call, 0, len(have))
    return [(*have[:at], count, *have[at + 1 :]) for count in split_sizes(call, have[at])]


def _split(call: Call, given: Sequence[Any]) -> list[Numbers]:
    at = axis_of(call, 0, given[0].ndim)
    *ends, _ = accumulate(split_sizes(call, given[0].shape[at]))
    return list(np.split(given[0], ends, at))


def padding(call: Call, rank: int) -> list[tuple[int, int]]:
    """Return the padding before and after each dimension."""
    flat = call.listed("pads", 1) or call.wholes("paddings") or []
    axes = call.ints(3)
    positions = list(range(rank)) if axes is None else [at % max(1, rank) for at in axes]
    if len(flat) != 2 * len(positions):
        raise ShapeError(f"{len(flat)} paddings are given for {len(positions)} dimensions")
    found = [(0, 0)] * rank
    for number, at in enumerate(positions):
        found[at] = flat[number], flat[number + len(positions)]
    return found


def _padded(call: Call, given: Sequence[Any]) -> Any:
    number = given[2] if len(given) > 2 and given[2] is not None else np.asarray(call.attrs.get("value", 0))
    pairs = padding(call, given[0].ndim)
    cut = tuple(slice(max(0, -lo), size - max(0, -hi)) for size, (lo, hi) in zip(given[0].shape, pairs, strict=True))
    grown = [(max(0, lo), max(0, hi)) for lo, hi in pairs]
    return np.pad(given[0][cut], grown, constant_values=number.reshape(-1)[0].astype(given[0].dtype))


def _padded_sizes(call: Call) -> list[Sizes]:
    if call.word("mode", "constant") != "constant":
        raise ShapeError("padding a constant with its own values is not supported")
    have = sizes_at(call)
    return [tuple(n + lo + hi for n, (lo, hi) in zip(have, padding(call, len(have)), strict=True))]


def target(call: Call, at: int) -> Sizes:
    """Return sizes that are given as values.

    Raises:
        ShapeError: a size is too large or negative.
    """
    found = tuple(call.ints(at) or ())
    if min(found, default=0) < 0 or math.prod(found) > MOST or len(found) > 64:
        raise ShapeError(f"a tensor cannot have the sizes {found[:8]}")
    return found


def _expanded_sizes(call: Call) -> list[Sizes]:
    wanted = target(call, 1)
    have = sizes_at(call)
    if call.batch > 1 and len(wanted) > 1 and wanted[0] == call.batch and have[:1] == (1,):
        wanted = (1, *wanted[1:])
    return [np.broadcast_shapes(have, wanted)]


def _filled(call: Call, _: Sequence[Any]) -> Any:
    value = call.attrs.get("value")
    number = at_hand(value).reshape(-1)[0] if isinstance(value, Const) else np.float32(0)
    return np.full(target(call, 0), number)


def _range_ends(call: Call) -> tuple[Any, Any, Any]:
    ends = [(call.numbers(at) or [0])[0] for at in range(3)]
    if not ends[2]:
        raise ShapeError("the step of a range is 0")
    return ends[0], ends[1], ends[2]


def _range_sizes(call: Call) -> list[Sizes]:
    start, stop, step = _range_ends(call)
    return [(max(0, math.ceil((stop - start) / step)),)]


def _range(call: Call, given: Sequence[Any]) -> Any:
    start, _, step = _range_ends(call)
    return (start + np.arange(_range_sizes(call)[0][0]) * step).astype(given[0].dtype)


def _gather_sizes(call: Call) -> list[Sizes]:
    have, index = sizes_at(call), sizes_at(call, 1)
    at = axis_of(call, 0, len(have))
    return [(*have[:at], *index, *have[at + 1 :])]


def _positions(index: Numbers, at: int) -> tuple[Numbers, ...]:
    """Return, for each dimension of a tensor, the indices of values that are selected along one of them."""
    found: list[Numbers] = list(np.indices(index.shape, sparse=True))
    found[at] = index
    return tuple(found)


def _gather_elements(call: Call, given: Sequence[Any]) -> Any:
    return given[0][_positions(given[1], axis_of(call, 0, given[0].ndim))]


def _scattered_sizes(call: Call) -> list[Sizes]:
    if call.word("reduction", "none") != "none":
        raise ShapeError("a scatter with a reduction is not supported")
    return [sizes_at(call)]


def _scatter_elements(call: Call, given: Sequence[Any]) -> Any:
    found = given[0].copy()
    found[_positions(given[1], axis_of(call, 0, found.ndim))] = given[2]
    return found


def _concat_sizes(call: Call) -> list[Sizes]:
    all_sizes = [one.sizes for one in call.inputs if isinstance(one, Const)]
    at = axis_of(call, 0, len(all_sizes[0]))
    if len({(*one[:at], *one[at + 1 :]) for one in all_sizes}) > 1:
        raise ShapeError(f"tensors of sizes {all_sizes[:4]} cannot be concatenated")
    return [(*all_sizes[0][:at], sum(one[at] for one in all_sizes), *all_sizes[0][at + 1 :])]


def flat_sizes(call: Call, have: Sizes) -> Sizes:
    """Return the sizes after a Flatten."""
    at = call.whole("axis", 1)
    return math.prod(have[:at]), math.prod(have[at:])


def _turned(call: Call, have: Sizes) -> list[int]:
    order = call.wholes("perm") or list(range(len(have)))[::-1]
    if sorted(order) != list(range(len(have))):
        raise ShapeError(f"{order[:8]} is not an order of {len(have)} dimensions")
    return order


def _viewed(sizes: Any) -> Fold:
    return Fold(lambda c: [sizes(c, sizes_at(c))], lambda c, g: g[0].reshape(sizes(c, g[0].shape)))


def _without(call: Call, have: Sizes) -> Sizes:
    gone = squeezed(call, have)
    return tuple(size for at, size in enumerate(have) if at not in gone)


def _sliced(call: Call, given: Sequence[Any]) -> Any:
    found = given[0]
    for at, cut in enumerate(slices(call, found.shape)):
        if cut != (0, found.shape[at], 1):
            found = found.take(np.arange(*cut), at)
    return found


SHAPES: dict[str, Fold] = {
    "Reshape": _viewed(reshaped),
    "Flatten": _viewed(flat_sizes),
    "Squeeze": _viewed(_without),
    "Unsqueeze": _viewed(lambda c, have: with_ones(have, unsqueezed(c, have))),
    "Transpose": Fold(
        lambda c: [tuple(sizes_at(c)[at] for at in _turned(c, sizes_at(c)))],
        lambda c, g: g[0].transpose(_turned(c, g[0].shape)),
    ),
    "Expand": Fold(_expanded_sizes, lambda c, g: np.broadcast_to(g[0], _expanded_sizes(c)[0])),
    "Tile": Fold(
        lambda c: [tuple(n * times for n, times in zip(sizes_at(c), target(c, 1), strict=True))],
        lambda _, g: np.tile(g[0], g[1]),
    ),
    "Concat": Fold(_concat_sizes, lambda c, g: np.concatenate(g, c.whole("axis", 0))),
    "Slice": Fold(lambda c: [tuple(len(range(*cut)) for cut in slices(c, sizes_at(c)))], _sliced),
    "Split": Fold(_split_sizes, _split),
    "Gather": Fold(_gather_sizes, lambda c, g: np.take(g[0], g[1], c.whole("axis", 0))),
    "GatherElements": Fold(lambda c: [sizes_at(c, 1)], _gather_elements),
    "ScatterElements": Fold(_scattered_sizes, _scatter_elements),
    "Pad": Fold(_padded_sizes, _padded),
    "ConstantOfShape": Fold(lambda c: [target(c, 0)], _filled),
    "Range": Fold(_range_sizes, _range),
}
"""Moving operations by the name of the operator."""

FOLDS: dict[str, Fold] = {**NUMBERS, **SHAPES}


def constant(call: Call) -> Const:
    """Return the tensor of a Constant.

    Raises:
        ShapeError: its kind is not supported.
    """
    value = call.attrs.get("value")
    if isinstance(value, Const):
        return value
    for name, kind in (("value_float", "f4"), ("value_floats", "f4"), ("value_int", "i8"), ("value_ints", "i8")):
        if name in call.attrs:
            return known(np.asarray(call.attrs[name], dtype=kind))
    raise ShapeError("constants of text and sparse constants are not supported")
