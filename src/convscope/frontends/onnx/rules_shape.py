"""Operators that change the shape of tensors: views, slices, concatenation, padding, resizing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import spend
from convscope.core.net import MAX_SIDE
from convscope.errors import FieldError, ModelError, ShapeError
from convscope.frontends.onnx import fold_shape as given
from convscope.frontends.onnx.consts import at_hand, known, lazy, passing
from convscope.frontends.tensors import layers, reorder, shapes
from convscope.frontends.tensors.algebra import expanded
from convscope.frontends.tensors.integers import as_written
from convscope.ops import resize

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Op
    from convscope.frontends.onnx.call import Call
    from convscope.frontends.tensors.values import Const, Value


def shape(call: Call) -> Const:
    """See the operator Shape, which is known for any image."""
    return known(np.asarray(call.tensor(0).sizes[call.whole("start", 0) : call.attrs.get("end")], dtype=np.int64))


def size(call: Call) -> Const:
    """See the operator Size."""
    return known(np.asarray(math.prod(call.tensor(0).sizes), dtype=np.int64))


def reshape(call: Call) -> Value:
    """See the operator Reshape."""
    x = call.value(0)
    return shapes.viewed(call.builder, x, given.reshaped(call, x.sizes))


def flatten(call: Call) -> Value:
    """See the operator Flatten."""
    x = call.value(0)
    return shapes.viewed(call.builder, x, given.flat_sizes(call, x.sizes))


def transpose(call: Call) -> Value:
    """See the operator Transpose."""
    x = call.value(0)
    order = call.wholes("perm") or list(range(len(x.dims)))[::-1]
    if sorted(order) != list(range(len(x.dims))):
        raise ShapeError(f"{order[:8]} is not an order of {len(x.dims)} dimensions")
    return shapes.permuted(x, order)


def squeeze(call: Call) -> Value:
    """See the operator Squeeze."""
    x = call.value(0)
    return shapes.squeezed(x, given.squeezed(call, x.sizes))


def unsqueeze(call: Call) -> Value:
    """See the operator Unsqueeze."""
    x = call.value(0)
    for at in given.unsqueezed(call, x.sizes):
        x = shapes.unsqueezed(x, at)
    return x


def expand(call: Call) -> Value:
    """See the operator Expand."""
    x, wanted = call.value(0), given.target(call, 1)
    if call.batch > 1 and len(wanted) > 1 and wanted[0] == call.batch and len(wanted) == len(x.dims):
        wanted = (1, *wanted[1:])
    return expanded(x, np.broadcast_shapes(x.sizes, wanted))


def tile(call: Call) -> Value:
    """See the operator Tile."""
    x = call.value(0)
    for at, times in enumerate(given.target(call, 1)):
        x = shapes.tiled(x, at, times)
    return x


def concat(call: Call) -> Value:
    """See the operator Concat."""
    tensors = [call.tensor(at) for at in range(len(call.inputs))]
    return shapes.concatenated(call.builder, tensors, given.axis_of(call, 0, len(tensors[0].sizes)))


def split(call: Call) -> list[Value]:
    """See the operator Split."""
    x = call.value(0)
    at = given.axis_of(call, 0, len(x.dims))
    found, start = [], 0
    for count in given.split_sizes(call, x.sizes[at]):
        found.append(shapes.sliced(call.builder, x, at, start, start + count, 1))
        start += count
    return found


def cut(call: Call) -> Value:
    """See the operator Slice."""
    x = call.value(0)
    for at, (start, stop, step) in enumerate(given.slices(call, x.sizes)):
        if step < 0:
            x = reorder.chosen(call.builder, x, at, range(start, stop, step))
        else:
            x = shapes.sliced(call.builder, x, at, start, stop, step)
    return x


def gather(call: Call) -> Value:
    """See the operator Gather: one index, indices at equal steps, or a list of them."""
    x, where = call.value(0), call.const(1)
    at = given.axis_of(call, 0, len(x.dims))
    index = at_hand(where).reshape(-1)
    index = np.where(index < 0, index + x.sizes[at], index)
    if not index.size or not ((index >= 0) & (index < x.sizes[at])).all():
        raise ShapeError("the indices are missing or past the end")
    first = int(index[0])
    if not where.sizes:
        return shapes.picked(call.builder, x, at, first)
    step = int(index[1]) - first if index.size > 1 else 1
    if step < 1 or (np.diff(index) != step).any():
        spend(PICKED * index.size)
        try:
            found = reorder.chosen(call.builder, x, at, index.tolist())
        except FieldError as error:  # more than a layer can list, though the file is valid
            raise ShapeError(error.what) from None
    else:
        found = shapes.sliced(call.builder, x, at, first, int(index[-1]) + 1, step)
    return shapes.viewed(call.builder, found, (*x.sizes[:at], *where.sizes, *x.sizes[at + 1 :]))


def cumsum(call: Call) -> Value:
    """See the operator CumSum: from either end, inclusive or exclusive."""
    x = call.value(0)
    (at,) = at_hand(call.const(1)).reshape(-1).tolist()
    at = shapes.positive(int(at), len(x.dims))
    backwards, without = bool(call.whole("reverse", 0)), bool(call.whole("exclusive", 0))
    x = reorder.flipped(call.builder, x, [at]) if backwards else x
    x = reorder.running(call.builder, x, at)
    if without:
        sizes = (*x.sizes[:at], 1, *x.sizes[at + 1 :])
        zeros = lazy(sizes, [], lambda _: np.zeros(sizes, dtype=np.float32))
        x = shapes.sliced(call.builder, shapes.concatenated(call.builder, [zeros, x], at), at, 0, x.sizes[at], 1)
    return reorder.flipped(call.builder, x, [at]) if backwards else x


PICKED = 2
"""Steps for an index of an irregular list, which is stored with the layer."""

EDGES = {"constant": "zero", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(call: Call) -> Value:
    """See the operator Pad."""
    x = call.value(0)
    mode, number = call.word("mode", "constant"), call.numbers(2) or [call.attrs.get("value", 0)]
    if mode not in EDGES:
        raise ShapeError(f"the padding mode {mode} is not supported")
    fill = as_written(number[0]) if mode == "constant" else 0.0
    return layers.padded(call.builder, x, given.padding(call, len(x.dims)), EDGES[mode], fill)


def depth_to_space(call: Call) -> Value:
    """See the operator DepthToSpace: the block parts of the channels come first in one mode, last in the other."""
    x, f = call.value(0), call.whole("blocksize", 1)
    n, c, h, w = x.sizes
    if f < 1 or c % (f * f):
        raise ShapeError(f"{c} channels do not make blocks of {f}x{f}")
    first = call.word("mode", "DCR") == "DCR"
    parts = (n, f, f, c // f**2, h, w) if first else (n, c // f**2, f, f, h, w)
    order = (0, 3, 4, 1, 5, 2) if first else (0, 1, 4, 2, 5, 3)
    turned = shapes.permuted(shapes.viewed(call.builder, x, parts), order)
    return shapes.viewed(call.builder, turned, (n, c // f**2, h * f, w * f))


def space_to_depth(call: Call) -> Value:
    """See the operator SpaceToDepth, which has two orders from version 27 on."""
    x, f = call.value(0), call.whole("blocksize", 1)
    n, c, h, w = x.sizes
    if f < 1 or h % f or w % f:
        raise ShapeError(f"a map of {h}x{w} cannot be cut into blocks of {f}x{f}")
    parts = shapes.viewed(call.builder, x, (n, c, h // f, f, w // f, f))
    order = (0, 3, 5, 1, 2, 4) if call.word("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    return shapes.viewed(call.builder, shapes.permuted(parts, order), (n, c * f * f, h // f, w // f))


def resized(call: Call) -> Value:
    """See the operators Resize and Upsample; the channels may come last."""
    x = call.value(0)
    rank = len(x.dims) - 2
    sizes, scales = new_sizes(call, x)
    if rank > 0 and (sizes[-1], scales[-1]) == (x.sizes[-1], 1) and sizes[1] != x.sizes[1]:
        front, back = [0, rank + 1, *range(1, rank + 1)], [0, *range(2, rank + 2), 1]
        sizes, scales = ([one[at] for at in front] for one in (sizes, scales))
        return shapes.permuted(_interpolated(call, shapes.permuted(x, front), sizes, scales), back)
    return _interpolated(call, x, sizes, scales)


def _interpolated(call: Call, x: Value, sizes: list[int], scales: list[float]) -> Value:
    """Resize maps ``n c ...``."""
    rank = len(x.dims) - 2
    if sizes[:2] != list(x.sizes[:2]) or rank < 1:
        raise ShapeError("interpolation along channels is not supported")
    ready = layers.maps(call.builder, x, rank)
    op = _interpolation(call, ready.shape[1:], sizes[2:], scales[2:])
    return x if op is None else layers.as_maps(x, call.builder.emit(op, [ready.node]))


def new_sizes(call: Call, x: Value) -> tuple[list[int], list[float]]:
    """Return the sizes of all dimensions, and the operator's factors."""
    axes = call.wholes("axes") or list(range(len(x.dims)))
    old = call.op == "Upsample" or call.opset < 11
    scales = call.attrs.get("scales") or call.numbers(1 if old else 2) or []
    wanted = [] if old or scales else call.ints(3) or []
    if len(scales or wanted) != len(axes) or call.word("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise ShapeError("the sizes are missing, or do not cover every dimension")
    sizes, factors = list(x.sizes), [1.0] * len(x.dims)
    for number, at in enumerate(axes):
        have = x.sizes[at]
        sizes[at] = wanted[number] if wanted else math.floor(have * float(scales[number]) + 1e-6)
        factors[at] = wanted[number] / have if wanted else float(scales[number])
    return sizes, factors


def _interpolation(call: Call, have: tuple[int, ...], sizes: list[int], scales: list[float]) -> Op | None:
    """Return the op that reads the same positions; None for the identity.

    Raises:
        ShapeError: there is no such op.
    """
    mode = call.word("mode", "nearest")
    old = call.op == "Upsample" or call.opset < 11
    frame = call.word("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if list(have) == sizes and all(scale == 1 for scale in scales):
        return None
    if not 0 < min(sizes) <= max(sizes) <= MAX_SIDE:
        raise ModelError(f"the output is {max(sizes):,} long", expected=f"at most {MAX_SIDE} along an axis")
    if mode == "nearest":
        rounding = "floor" if old else call.word("nearest_mode", "round_prefer_floor")
        for n, out, scale in zip(have, sizes, scales, strict=True):
            if not np.array_equal(_nearest(n, out, scale, (frame, rounding)), np.arange(out) * n // out):
                raise ShapeError(f"nearest neighbours by {frame}, {rounding} are not supported")
        if all(out % n == 0 for out, n in zip(sizes, have, strict=True)):
            return resize.Upsample(tuple(out // n for out, n in zip(sizes, have, strict=True)))
        return resize.Resize(tuple(sizes))
    align = frame == "align_corners"
    exact = all(abs(n * scale - out) < 1e-4 for n, out, scale in zip(have, sizes, scales, strict=True))
    usual = align or frame == "half_pixel" or (frame == "pytorch_half_pixel" and min(sizes) > 1)
    cubic = call.real("cubic_coeff_a", -0.75) == -0.75 and not call.whole("exclude_outside", 0)
    if not exact or not usual or call.whole("antialias", 0) or (mode == "cubic" and not cubic):
        raise ShapeError(f"interpolation by {frame} is not supported")
    words = {"linear": "bilinear", "cubic": "bicubic"}
    return resize.Resize(tuple(sizes), words.get(mode, mode), align)


def _nearest(n: int, out: int, scale: float, how: tuple[str, str]) -> Any:
    """Return the input index of each output, by the formulas of the operator."""
    with passing(NEAREST * out):
        return _taken(n, out, scale, how)


NEAREST = 24
"""Values that are processed, or held, for each position of an axis in a search for nearest neighbours."""


def _taken(n: int, out: int, scale: float, how: tuple[str, str]) -> Any:
    frame, rounding = how
    o = np.arange(out)
    positions = {
        "half_pixel": (o + 0.5) / scale - 0.5,
        "half_pixel_symmetric": n / 2 * (1 - out / (n * scale)) + (o + 0.5) / scale - 0.5,
        "pytorch_half_pixel": (o + 0.5) / scale - 0.5 if out > 1 else o * 0.0,
        "asymmetric": o / scale,
        "align_corners": o * (n - 1) / max(1, out - 1),
    }
    rounds: dict[str, Callable[[Any], Any]] = {
        "round_prefer_floor": lambda x: np.ceil(x - 0.5),
        "round_prefer_ceil": lambda x: np.floor(x + 0.5),
        "floor": np.floor,
        "ceil": np.ceil,
    }
    if frame not in positions or rounding not in rounds:
        raise ShapeError(f"interpolation by {frame}, {rounding} is not supported")
    found = rounds[rounding](np.round(positions[frame], 9))
    return np.clip(found, 0, n - 1).astype(np.int64)
