"""The spelling of merges, views, tensor ops, attention and recurrent layers in ONNX."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import hold
from convscope.core.pattern import parse
from convscope.ops.attention import Attention, ScaledDotProduct
from convscope.ops.merge import Add, Cat, Div, Elementwise, Maximum, Minimum, Mul, Sub
from convscope.ops.pad import Crop, Pad, Roll, Slice
from convscope.ops.pick import Pick
from convscope.ops.recurrent import GRU, LSTM, Recurrent
from convscope.ops.running import CumSum
from convscope.ops.scalar import Map, Plus, Pow, Scale, Shift, Stored, Times
from convscope.ops.source import Const
from convscope.ops.tensor import Einsum, Mix, Rearrange, Reduce
from convscope.ops.view import ChannelShuffle, PixelShuffle, PixelUnshuffle, Take, Tokens
from convscope.writers.common import view_pattern
from convscope.writers.onnx_ops import emit, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.core.net import Layer
    from convscope.core.op import Op
    from convscope.core.pattern import Pattern
    from convscope.writers.onnx_build import Builder

    Names = tuple[str, ...]

_MERGES: dict[type[Op], str] = {Add: "Add", Mul: "Mul", Sub: "Sub", Div: "Div", Maximum: "Max", Minimum: "Min"}


@emit.register(Elementwise)
def _elementwise(op: Elementwise, layer: Layer, x: Names, b: Builder) -> str:
    """Join inputs from left to right; missing axes have length 1."""
    rank = max(map(len, layer.inputs))
    full = [
        name if len(shape) == rank else b.node("Unsqueeze", name, b.whole(range(len(shape) + 1, rank + 1)))
        for name, shape in zip(x, layer.inputs, strict=True)
    ]
    made = full[0]
    for other in full[1:]:
        made = b.node(_MERGES[type(op)], made, other)
    return made


@emit.register(Cat)
def _cat(op: Cat, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Concat", *x, axis=1 + op.along)


@emit.register(Pad)
def _pad(op: Pad, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    modes = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    return padded(x[0], op.sides, b, op.value, modes[op.mode])


@emit.register(Crop)
def _crop(op: Crop, layer: Layer, x: Names, b: Builder) -> str:
    found = x[0]
    for axis, (size, (before, after)) in enumerate(zip(layer.inputs[0][1:], op.sides, strict=True), 2):
        if before or after:
            found = b.sliced(found, axis, before, size - after)
    return found


@emit.register(Slice)
def _slice(op: Slice, layer: Layer, x: Names, b: Builder) -> str:
    found = x[0]
    sizes = zip(layer.inputs[0][1:], op.offset, op.stride, strict=True)
    for axis, (size, first, step) in enumerate(sizes, 2):
        if first or step > 1:
            found = b.sliced(found, axis, first, size, step)
    return found


@emit.register(Roll)
def _roll(op: Roll, layer: Layer, x: Names, b: Builder) -> str:
    found = x[0]
    for axis, (size, shift) in enumerate(zip(layer.inputs[0][1:], op.shift, strict=True), 2):
        if shift % size:
            cut = size - shift % size
            found = b.node("Concat", b.sliced(found, axis, cut, size), b.sliced(found, axis, 0, cut), axis=axis)
    return found


@emit.register(Take)
def _take(op: Take, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the range has the ends
    return b.sliced(x[0], 1, *op.range)


@emit.register(Pick)
def _pick(op: Pick, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the indices say all
    return b.node("Gather", x[0], b.whole(op.indices), axis=1 + op.along)


@emit.register(CumSum)
def _cumsum(op: CumSum, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("CumSum", x[0], b.whole(1 + op.along))


_FUNCTIONS = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "neg": "Neg", "sin": "Sin", "cos": "Cos", "erf": "Erf",
    "reciprocal": "Reciprocal", "softsign": "Softsign",
}  # fmt: skip


@emit.register(Map)
def _map(op: Map, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    (given,) = x
    if op.name == "rsqrt":
        return b.node("Reciprocal", b.node("Sqrt", given))
    if op.name == "square":
        return b.node("Mul", given, given)
    if op.name == "logsigmoid":
        return b.node("Neg", b.node("Softplus", b.node("Neg", given)))
    if op.name == "tanhshrink":
        return b.node("Sub", given, b.node("Tanh", given))
    return b.node(_FUNCTIONS[op.name], given)


@emit.register(Times)
def _times(op: Times, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Mul", x[0], b.constant(op.value))


@emit.register(Plus)
def _plus(op: Plus, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Add", x[0], b.constant(op.value))


@emit.register(Pow)
def _pow(op: Pow, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("Pow", x[0], b.constant(op.value))


def _tiled(op: Stored, layer: Layer, b: Builder) -> str:
    """Return the constant, repeated if it is shorter than the input and longer than 1."""
    pairs = zip(op.shape, layer.inputs[0], strict=True)
    times = [1 if mine == 1 else size // mine for mine, size in pairs]
    hold(4 * math.prod(layer.inputs[0]) * (max(times) > 1))
    return b.weight("weight") if max(times) == 1 else b.constant(np.tile(b.array("weight"), times))


@emit.register(Scale)
def _scale(op: Scale, layer: Layer, x: Names, b: Builder) -> str:
    return b.node("Mul", x[0], _tiled(op, layer, b))


@emit.register(Shift)
def _shift(op: Shift, layer: Layer, x: Names, b: Builder) -> str:
    return b.node("Add", x[0], _tiled(op, layer, b))


@emit.register(Tokens)
def _tokens(op: Tokens, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the weight has the sizes
    ones = b.whole([1] * b.array("weight").ndim)
    shape = b.node("Concat", b.node("Shape", x[0], start=0, end=1), ones, axis=0)
    return b.node("Concat", b.node("Expand", b.weight("weight"), shape), x[0], axis=2)


@emit.register(Const)
def _const(op: Const, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the weight has the sizes
    ones = b.whole([1] * b.array("weight").ndim)
    shape = b.node("Concat", b.node("Shape", x[0], start=0, end=1), ones, axis=0)
    return b.node("Expand", b.weight("weight"), shape)


def _arranged(text: str, x: str, b: Builder) -> str:
    pattern = parse(text, 2)
    axes = pattern.inputs[0]
    return b.joined(b.split(x, pattern, axes), pattern, pattern.letters(axes))


@emit.register(Rearrange)
def _rearrange(op: Rearrange, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the pattern has the sizes
    return _arranged(op.spec, x[0], b)


@emit.register(ChannelShuffle)
@emit.register(PixelUnshuffle)
def _view(op: ChannelShuffle | PixelUnshuffle, layer: Layer, x: Names, b: Builder) -> str:
    return _arranged(view_pattern(op, layer.inputs[0]), x[0], b)


@emit.register(PixelShuffle)
def _pixelshuffle(op: PixelShuffle, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- any shape
    return b.node("DepthToSpace", x[0], blocksize=op.factor, mode="CRD")


_STATS = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin", "l2": "ReduceL2"}


@emit.register(Reduce)
def _reduce(op: Reduce, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 2)
    letters = pattern.letters(pattern.inputs[0])
    gone = [at for at, letter in enumerate(letters, 1) if letter in pattern.dropped()]
    left = [letter for letter in letters if letter not in pattern.dropped()]
    split = b.split(x[0], pattern, pattern.inputs[0])
    if op.stat in _STATS:
        made = b.node(_STATS[op.stat], split, b.whole(gone), keepdims=0)
    else:
        far = b.node("Sub", split, b.node("ReduceMean", split, b.whole(gone), keepdims=1))
        made = b.node("ReduceMean", b.node("Mul", far, far), b.whole(gone), keepdims=0)
        made = b.node("Sqrt", made) if op.stat == "std" else made
    return b.joined(made, pattern, left)


def _equation(pattern: Pattern, batches: tuple[str, str]) -> str:
    names = ["".join(axes) for axes in pattern.parts]
    first, second = (f"{batch}{name}" for batch, name in zip(batches, names[:2], strict=True))
    return f"{first},{second}->x{names[2]}"  # no pattern contains the letter x


@emit.register(Einsum)
def _einsum(op: Einsum, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 3)
    parts = (b.split(name, pattern, axes) for name, axes in zip(x, pattern.inputs, strict=True))
    made = b.node("Einsum", *parts, equation=_equation(pattern, ("x", "x")))
    return b.joined(made, pattern, pattern.letters(pattern.output))


@emit.register(Mix)
def _mix(op: Mix, layer: Layer, x: Names, b: Builder) -> str:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 3)
    letters = pattern.letters(pattern.output)
    matrix = b.array("weight").reshape([pattern.sizes[letter] for letter in pattern.letters(pattern.parts[1])])
    split = b.split(x[0], pattern, pattern.parts[0])
    made = b.node("Einsum", split, b.constant(matrix), equation=_equation(pattern, ("x", "")))
    if op.bias:
        spread = [pattern.sizes[letter] if letter in op.added() else 1 for letter in letters]
        made = b.node("Add", made, b.constant(b.array("bias").reshape(spread)))
    return b.joined(made, pattern, letters)


def _tiling(op: Attention | ScaledDotProduct, layer: Layer) -> list[tuple[int, int]]:
    """Return the number of tiles along each axis, and of positions in each."""
    sides = zip(layer.inputs[0][1:], op.window, strict=True)
    return [(size // (window or size), window or size) for size, window in sides]


def _to_tiles(x: str, channels: int, tiles: list[tuple[int, int]], b: Builder) -> str:
    """Convert ``n c h w`` to ``n' positions c``."""
    split = b.reshape(x, (channels, *(part for pair in tiles for part in pair)))
    rank = len(tiles)
    order = [*range(2, 2 * rank + 1, 2), *range(3, 2 * rank + 2, 2), 1]
    return b.reshape(b.transpose(split, order), (math.prod(tile for _, tile in tiles), channels))


def _from_tiles(x: str, channels: int, tiles: list[tuple[int, int]], b: Builder) -> str:
    rank = len(tiles)
    split = b.reshape(x, (*(count for count, _ in tiles), *(tile for _, tile in tiles), channels))
    order = [2 * rank + 1, *(side for axis in range(1, rank + 1) for side in (axis, axis + rank))]
    return b.reshape(b.transpose(split, order), (channels, *(count * tile for count, tile in tiles)))


def _attend(parts: Sequence[str], channels: int, heads: int, positions: int, b: Builder) -> str:
    """Write attention of queries, keys and values ``n positions c`` in several heads."""
    width = channels // heads
    q, k, v = (b.reshape(part, (positions, heads, width)) for part in parts)
    scores = b.node("MatMul", b.transpose(q, (2, 1, 3)), b.transpose(k, (2, 3, 1)))
    shares = b.node("Softmax", b.node("Mul", scores, b.constant(width**-0.5)), axis=-1)
    mixed = b.node("MatMul", shares, b.transpose(v, (2, 1, 3)))
    return b.reshape(b.transpose(mixed, (2, 1, 3)), (positions, channels))


@emit.register(Attention)
def _attention(op: Attention, layer: Layer, x: Names, b: Builder) -> str:
    channels, tiles = layer.inputs[0][0], _tiling(op, layer)
    positions = math.prod(tile for _, tile in tiles)
    given = _to_tiles(x[0], channels, tiles, b)
    if op.plain:
        return _from_tiles(_attend([given] * 3, channels, op.heads, positions, b), channels, tiles, b)
    projected = b.node(
        "Add", b.node("MatMul", given, b.constant(b.array("in_proj_weight").T)), b.weight("in_proj_bias")
    )
    parts = b.several("Split", 3, projected, axis=2, num_outputs=3)
    mixed = _attend(parts, channels, op.heads, positions, b)
    out = b.node("MatMul", mixed, b.constant(b.array("out_proj.weight").T))
    return _from_tiles(b.node("Add", out, b.weight("out_proj.bias")), channels, tiles, b)


@emit.register(ScaledDotProduct)
def _sdpa(op: ScaledDotProduct, layer: Layer, x: Names, b: Builder) -> str:
    channels, tiles = layer.inputs[0][0], _tiling(op, layer)
    parts = b.several("Split", 3, _to_tiles(x[0], channels, tiles, b), axis=2, num_outputs=3)
    positions = math.prod(tile for _, tile in tiles)
    return _from_tiles(_attend(parts, channels // 3, op.heads, positions, b), channels // 3, tiles, b)


def _gates(array: NDArray[Any], order: tuple[int, ...]) -> NDArray[Any]:
    """Bring torch's gates into the order of ONNX."""
    parts = np.split(array, len(order))
    return np.concatenate([parts[at] for at in order])


def _recurrent(  # noqa: PLR0913 -- the differences between two kinds of layers
    kind: str, order: tuple[int, ...], op: Recurrent, layer: Layer, x: str, b: Builder, **more: int
) -> str:
    """Write positions of one axis as a sequence, and those of the others as further samples."""
    channels, *spatial = layer.inputs[0]
    axes = [axis for axis in range(2, len(spatial) + 2) if axis != op.along + 1]
    perm = [0, *axes, op.along + 1, 1]
    lines = b.reshape(b.node("Transpose", x, perm=perm), (spatial[op.along - 1], channels))
    found = b.node("Transpose", lines, perm=[1, 0, 2])
    for at in range(op.layers):
        found = _recurrent_layer(kind, order, op, found, at, b, more)
    back = b.node("Transpose", found, perm=[1, 0, 2])
    whole = b.reshape(back, (*(layer.output[axis - 1] for axis in (*axes, op.along + 1)), layer.output[0]))
    return b.node("Transpose", whole, perm=sorted(range(len(perm)), key=perm.__getitem__))


def _recurrent_layer(  # noqa: PLR0913 -- the parts of one node
    kind: str, order: tuple[int, ...], op: Recurrent, x: str, at: int, b: Builder, more: dict[str, int]
) -> str:
    """Write one layer: ``positions n c`` to ``positions n c'``."""
    ways = ("", "_reverse")[: 1 + op.both]

    def stacked(name: str) -> NDArray[Any]:
        return np.stack([_gates(b.array(f"{name}_l{at}{way}"), order) for way in ways])

    names = [b.constant(stacked("weight_ih")), b.constant(stacked("weight_hh"))]
    if op.bias:
        names.append(b.constant(np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1)))
    direction = "bidirectional" if op.both else "forward"
    made = b.node(kind, x, *names, direction=direction, hidden_size=op.hidden, **more)
    lined = b.node("Transpose", made, perm=[0, 2, 1, 3])
    return b.node("Reshape", lined, b.whole([0, 0, len(ways) * op.hidden]))


@emit.register(LSTM)
def _lstm(op: LSTM, layer: Layer, x: Names, b: Builder) -> str:
    return _recurrent("LSTM", (0, 3, 1, 2), op, layer, x[0], b)


@emit.register(GRU)
def _gru(op: GRU, layer: Layer, x: Names, b: Builder) -> str:
    return _recurrent("GRU", (1, 0, 2), op, layer, x[0], b, linear_before_reset=1)
