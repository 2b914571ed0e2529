"""The spelling of tensor ops, merges, attention and recurrent layers in torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.core.order import Moves, moves, moves_back
from convscope.core.pattern import parse
from convscope.ops.attention import Attention, ScaledDotProduct
from convscope.ops.merge import Add, Cat, Div, Maximum, Minimum, Mul, Sub
from convscope.ops.pad import Crop, Roll, Slice
from convscope.ops.pick import Pick
from convscope.ops.recurrent import GRU, LSTM
from convscope.ops.running import CumSum
from convscope.ops.scalar import Map, Plus, Pow, Scale, Shift, Times
from convscope.ops.source import Const
from convscope.ops.tensor import Einsum, Mix, Rearrange, Reduce
from convscope.ops.view import ChannelShuffle, PixelShuffle, PixelUnshuffle, Take, Tokens
from convscope.writers.calls import Arg, Call
from convscope.writers.ends import GIVEN, Arrival, Given, Return, moved, nested
from convscope.writers.torch_ops import spell, tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convscope.core.op import Op
    from convscope.core.pattern import Axes, Pattern
    from convscope.core.shape import Shape
    from convscope.ops.recurrent import Recurrent
    from convscope.ops.scalar import Stored

    Shapes = tuple[Shape, ...]
    Calls = tuple[Call, ...]


def _full(inputs: Shapes) -> list[str]:
    """Return the inputs of a merge, with axes of length 1 if one has fewer than another."""
    rank = max(map(len, inputs))
    return [
        f"{{x{at}}}"
        + (f"[:, :{', :' * (len(shape) - 1)}{', None' * (rank - len(shape))}]" if len(shape) < rank else "")
        for at, shape in enumerate(inputs)
    ]


_SIGNS: dict[type[Op], str] = {Add: "+", Sub: "-", Mul: "*", Div: "/"}
"""Merges with a Python operator."""

for _made, _sign in _SIGNS.items():
    spell.register(
        _made,
        lambda op, inputs, sign=_sign: (Call(f" {sign} ".join(_full(inputs)), word=type(op).__name__),),
    )


@spell.register(Maximum)
@spell.register(Minimum)
def _extreme(op: Maximum | Minimum, inputs: Shapes) -> Calls:
    text, *more = _full(inputs)
    for other in more:
        text = f"torch.{op.keyword}({text}, {other})"
    return (Call(text, word=type(op).__name__),)


@spell.register(Cat)
def _cat(op: Cat, inputs: Shapes) -> Calls:
    return (Call(f"torch.cat([{', '.join(_full(inputs))}], dim={1 + op.along})", word="Cat"),)


@spell.register(Crop)
def _crop(op: Crop, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    sides = ", ".join(f"{lo or ''}:{-hi or ''}" for lo, hi in op.sides)
    return (Call(f"{{x}}[:, :, {sides}]"),)


@spell.register(Slice)
def _slice(op: Slice, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    pairs = zip(op.offset, op.stride, strict=True)
    every = ", ".join(f"{first or ''}:" + (f":{step}" if step > 1 else "") for first, step in pairs)
    return (Call(f"{{x}}[:, :, {every}]", word="Slice"),)


@spell.register(Roll)
def _roll(op: Roll, inputs: Shapes) -> Calls:
    axes = tuple(range(2, 1 + len(inputs[0])))
    return (Call("{x}.roll({0}, dims={1})", (Arg(op.shift, "shift"), Arg(axes))),)


@spell.register(ChannelShuffle)
def _shuffle(op: ChannelShuffle, inputs: Shapes) -> Calls:
    if len(inputs[0]) == 1:
        return (Call("{x}.unflatten(1, ({0}, -1)).transpose(1, 2).flatten(1)", (Arg(op.groups, "groups"),)),)
    return (Call("nn.ChannelShuffle", (Arg(op.groups, "groups"),), word="Shuffle"),)


@spell.register(PixelShuffle)
def _pixelshuffle(op: PixelShuffle, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call("nn.PixelShuffle", (Arg(op.factor, "factor"),), "F.pixel_shuffle", word="Up"),)


@spell.register(PixelUnshuffle)
def _pixelunshuffle(op: PixelUnshuffle, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call("nn.PixelUnshuffle", (Arg(op.factor, "factor"),), "F.pixel_unshuffle", word="Down"),)


def _tiled(op: Attention | ScaledDotProduct, inputs: Shapes) -> tuple[Arg, ...]:
    """Return the argument for windows, if any."""
    sizes = inputs[0][1:]
    tiles = tuple(window or size for window, size in zip(op.window, sizes, strict=True))
    return () if tiles == sizes else (Arg(tiles, "window", "window"),)


@spell.register(Attention)
def _attention(op: Attention, inputs: Shapes) -> Calls:
    window = _tiled(op, inputs)
    if op.plain:
        args = (Arg(op.heads, "heads"), *window)
        return (Call("PlainAttention", args, word="Attention", helper="PlainAttention"),)
    args = (Arg(inputs[0][0], "channels"), Arg(op.heads, "heads"), *window)
    name = "WindowAttention" if window else "SelfAttention"
    return (Call(name, args, word="Attention", tensors=tensors(op, inputs), helper=name),)


@spell.register(ScaledDotProduct)
def _sdpa(op: ScaledDotProduct, inputs: Shapes) -> Calls:
    args = (Arg(op.heads, "heads"), *_tiled(op, inputs))
    return (Call("DotProductAttention", args, word="Attention", helper="DotProductAttention"),)


_METHODS = {"logsigmoid": "LogSigmoid", "softsign": "Softsign", "tanhshrink": "Tanhshrink"}
"""Functions that are modules in torch and not methods of a tensor."""


@spell.register(Map)
def _map(op: Map, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    if op.name in _METHODS:
        return (Call(f"nn.{_METHODS[op.name]}", function=f"F.{op.name}", word=_METHODS[op.name], follows=True),)
    return (Call(f"{{x}}.{op.name}()"),)


@spell.register(Times)
def _times(op: Times, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call("{x} * {0}", (Arg(op.value, "factor"),), word="Times"),)


@spell.register(Plus)
def _plus(op: Plus, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call("{x} - {0}" if op.value < 0 else "{x} + {0}", (Arg(abs(op.value), "offset"),), word="Plus"),)


@spell.register(Pow)
def _pow(op: Pow, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call("{x}.pow({0})", (Arg(op.value, "power"),)),)


def _stored(name: str, op: Stored, inputs: Shapes) -> Calls:
    """Write a tensor of the layer's own, repeated if it is shorter than the input and longer than 1."""
    times = tuple(n // mine for n, mine in zip(inputs[0], op.shape, strict=True))
    plain = all(mine == 1 or count == 1 for mine, count in zip(op.shape, times, strict=True))
    whole = op.shape[0] == inputs[0][0]
    sizes = (Arg(size, "channels" if whole and not at else "size") for at, size in enumerate(op.shape))
    args = (*sizes, *(() if plain else (Arg(times, "repeats", "repeats"),)))
    helper = f"{'Fixed' if op.fixed else ''}{'' if plain else 'Tiled'}{name}"
    return (Call(helper, args, word=name, follows=True, tensors=tensors(op, inputs), helper=helper),)


@spell.register(Scale)
def _scale(op: Scale, inputs: Shapes) -> Calls:
    return _stored("Scale", op, inputs)


@spell.register(Shift)
def _shift(op: Shift, inputs: Shapes) -> Calls:
    return _stored("Shift", op, inputs)


@spell.register(Tokens)
def _tokens(op: Tokens, inputs: Shapes) -> Calls:
    args = (Arg(op.weights(inputs)[0].shape, "shape"),)
    return (Call("Tokens", args, word="Tokens", tensors=tensors(op, inputs), helper="Tokens"),)


@spell.register(Const)
def _const(op: Const, inputs: Shapes) -> Calls:
    name = "FixedConst" if op.fixed else "Const"
    return (Call(name, (Arg(op.out, "shape"),), word="Const", tensors=tensors(op, inputs), helper=name),)


@spell.register(Given)
def _given(op: Given, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call(f"{{{op.name}}}", word=GIVEN),)


def _reshaped(x: str, sizes: tuple[int, ...]) -> str:
    return f"{x}.reshape({', '.join(map(str, sizes)) or '()'})"


def _permuted(x: str, axes: tuple[int, ...]) -> str:
    return f"{x}.permute({', '.join(map(str, axes))})"


@spell.register(Arrival)
def _arrival(op: Arrival, inputs: Shapes) -> Calls:
    step = moves_back(op.order, range(len(inputs[0]) + 1))
    return (Call(moved("{x0}", step, _reshaped, _permuted), word="Order"),)


@spell.register(Return)
def _return(op: Return, inputs: Shapes) -> Calls:
    return (Call(nested(op.outputs, lambda at: _laid(op.outputs[at].order, inputs[at], at)), word="Return"),)


def _laid(order: str, shape: Shape, at: int) -> str:
    """Write an output in the layout of the source."""
    if not order:
        return f"{{x{at}}}"
    step = moves(order, range(len(shape) + 1))
    if step == Moves(None, None, (-1, math.prod(shape))):
        return f"{{x{at}}}.flatten(1)"
    return moved(f"{{x{at}}}", step, _reshaped, _permuted)


@spell.register(Take)
def _take(op: Take, inputs: Shapes) -> Calls:
    first, last, step = op.range
    ends = f"{first or ''}:{'' if last == inputs[0][0] else last}" + (f":{step}" if step > 1 else "")
    return (Call(f"{{x}}[:, {ends}]"),)


@spell.register(Pick)
def _pick(op: Pick, inputs: Shapes) -> Calls:
    if op.turns(inputs[0][op.along]):
        return (Call(f"{{x}}.flip({1 + op.along})", word="Flip"),)
    return (Call(f"{{x}}[:{', :' * op.along}, {list(op.indices)}]", word="Pick"),)


@spell.register(CumSum)
def _cumsum(op: CumSum, inputs: Shapes) -> Calls:  # noqa: ARG001 -- any shape
    return (Call(f"{{x}}.cumsum({1 + op.along})", word="CumSum"),)


def _recurrent(base: str, op: Recurrent, inputs: Shapes) -> Calls:
    """Write a recurrent layer over a sequence, or along one axis of a map."""
    line = len(inputs[0]) == 2
    args = (
        Arg(inputs[0][0], "channels"),
        Arg(op.hidden, "channels"),
        *(() if line else (Arg(op.along, "along", "along"),)),
        Arg(op.layers, "num_layers", "num_layers", 1),
        Arg(op.bias, name="bias", default=True),
        Arg(op.both, name="bidirectional", default=False),
    )
    name = f"{'Sequence' if line else 'Map'}{base}"
    return (Call(name, args, word=base, tensors=tensors(op, inputs), helper=name),)


@spell.register(LSTM)
def _lstm(op: LSTM, inputs: Shapes) -> Calls:
    return _recurrent("LSTM", op, inputs)


@spell.register(GRU)
def _gru(op: GRU, inputs: Shapes) -> Calls:
    return _recurrent("GRU", op, inputs)


def _split(pattern: Pattern, axes: Axes) -> str:
    """Write the method that gives each letter an axis and removes axes without letters."""
    if sum(len(axis) != 1 for axis in axes) > 1:
        return f".reshape({_numbers(pattern, pattern.letters(axes))})"
    return "".join(_split_axis(pattern, axis, at) for at, axis in enumerate(axes, 1))


def _numbers(pattern: Pattern, axes: Sequence[str]) -> str:
    return ", ".join(map(str, (-1, *map(pattern.size, axes))))


def _split_axis(pattern: Pattern, axis: str, at: int) -> str:
    if len(axis) == 1:
        return ""
    return f".unflatten({at}, {pattern.shape(tuple(axis))})" if axis else f".squeeze({at})"


def _joined(pattern: Pattern, have: Sequence[str]) -> str:
    """Write the methods that bring letters, after the batch, into the order of the output and join them to its axes."""
    wanted = pattern.letters(pattern.output)
    order = [have.index(letter) + 1 for letter in wanted if letter in have]
    return _ordered(order) + "".join(_repeated(pattern, wanted, have)) + _closed(pattern)


def _ordered(order: list[int]) -> str:
    """Write a permutation of the axes after the batch."""
    moved = [at for at, source in enumerate(order, 1) if at != source]
    if len(moved) == 2:
        return f".transpose({moved[0]}, {moved[1]})"
    return f".permute({', '.join(map(str, (0, *order)))})" if moved else ""


def _repeated(pattern: Pattern, wanted: Sequence[str], have: Sequence[str]) -> Iterator[str]:
    """Write the repetition along new letters."""
    new = [at for at, letter in enumerate(wanted, 1) if letter not in have]
    yield from (f".unsqueeze({at})" for at in new)
    if new:
        sizes = [-1, *(pattern.sizes[letter] if at in new else -1 for at, letter in enumerate(wanted, 1))]
        yield f".expand({', '.join(map(str, sizes))})"


def _closed(pattern: Pattern) -> str:
    """Write the method that joins letters to axes; an axis without letters has length 1."""
    axes = pattern.output
    changed = [at for at, axis in enumerate(axes, 1) if len(axis) != 1]
    if len(changed) > 1:
        return f".reshape({_numbers(pattern, axes)})"
    at = changed[0] if changed else 0
    joined = f".flatten({at}, {at + len(axes[at - 1]) - 1})" if at and axes[at - 1] else f".unsqueeze({at})"
    return joined if changed else ""


@spell.register(Rearrange)
def _rearrange(op: Rearrange, inputs: Shapes) -> Calls:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 2)
    axes = pattern.inputs[0]
    methods = _split(pattern, axes) + _joined(pattern, pattern.letters(axes))
    return (Call(f"{{x}}{methods}"),) if methods else ()


_STATS = {
    "mean": "mean({})", "sum": "sum({})", "max": "amax({})", "min": "amin({})",
    "var": "var({}, correction=0)", "std": "std({}, correction=0)", "l2": "norm(dim={})",
}  # fmt: skip


@spell.register(Reduce)
def _reduce(op: Reduce, inputs: Shapes) -> Calls:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 2)
    letters = pattern.letters(pattern.inputs[0])
    gone = tuple(at for at, letter in enumerate(letters, 1) if letter in pattern.dropped())
    left = [letter for letter in letters if letter not in pattern.dropped()]
    stat = _STATS[op.stat].format(gone[0] if len(gone) == 1 else gone)
    return (Call(f"{{x}}{_split(pattern, pattern.inputs[0])}.{stat}{_joined(pattern, left)}"),)


def _equation(pattern: Pattern, *parts: str) -> str:
    """Write an equation with an unused letter for the batch."""
    batch = next(letter for letter in "nxN" if letter not in pattern.sizes)
    names = ["".join(axes) for axes in pattern.parts]
    return ",".join(part + name for part, name in zip(parts, names, strict=False)).replace("@", batch) + (
        f"->{batch}{names[-1]}"
    )


@spell.register(Einsum)
def _einsum(op: Einsum, inputs: Shapes) -> Calls:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 3)
    first, second = (_split(pattern, axes) for axes in pattern.inputs)
    product = f'torch.einsum("{_equation(pattern, "@", "@")}", {{x0}}{first}, {{x1}}{second})'
    return (Call(product, word="Einsum"), *_methods(_closed(pattern)))


@spell.register(Mix)
def _mix(op: Mix, inputs: Shapes) -> Calls:
    pattern = parse(op.spec, 3)
    whole, matrix, _ = pattern.parts
    if len(matrix) == 2 and matrix[0] == op.added() and not set(matrix[0]) & set("".join(whole)):
        return _linear(op, pattern, inputs)
    sizes = [pattern.sizes[letter] if letter in op.added() else 1 for letter in pattern.letters(pattern.output)]
    args = (
        Arg(_equation(pattern, "@", ""), "equation"),
        Arg(pattern.shape(matrix), "shape"),
        Arg(pattern.shape(pattern.letters(matrix)), "letters"),
        Arg(tuple(sizes) if op.bias else (), "bias", "bias", ()),
    )
    before, after = _split(pattern, whole), _closed(pattern)
    call = Call("Contraction", args, word="Mix", tensors=tensors(op, inputs), helper="Contraction")
    return (*_methods(before), call, *_methods(after))


def _methods(text: str) -> Calls:
    return (Call(f"{{x}}{text}"),) if text else ()


def _linear(op: Mix, pattern: Pattern, inputs: Shapes) -> Calls:
    """Write a linear layer along the last axis, to which the summed letters are moved."""
    out, inner = pattern.parts[1]
    letters = pattern.letters(pattern.inputs[0])
    left = [letter for letter in letters if letter not in inner]
    order = [letters.index(letter) + 1 for letter in (*left, *inner)]
    closed = f".flatten({len(left) + 1})" if len(inner) > 1 else ""
    before = _split(pattern, pattern.inputs[0]) + _ordered(order) + closed
    opened = f".unflatten({len(left) + 1}, {pattern.shape(tuple(out))})" if len(out) > 1 else ""
    after = opened + _joined(pattern, [*left, *out])
    args = (
        Arg(pattern.size(inner), "channels"),
        Arg(pattern.size(out), "channels"),
        Arg(op.bias, name="bias", default=True),
    )
    return (*_methods(before), Call("nn.Linear", args, word="Linear", tensors=tensors(op, inputs)), *_methods(after))
