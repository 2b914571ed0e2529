"""The spelling of merges, views, tensor ops, attention and recurrent layers in Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.core.order import Moves, moves, moves_back
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
from convscope.writers.calls import Arg, Call, literal
from convscope.writers.common import unwritten, view_pattern
from convscope.writers.ends import GIVEN, Arrival, Given, Return, moved, nested
from convscope.writers.keras_ops import cropped, padded, rank, spell, tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convscope.core.net import Layer
    from convscope.core.op import Op
    from convscope.core.pattern import Axes, Pattern
    from convscope.core.shape import Shape
    from convscope.writers.ends import Move
    from convscope.writers.keras_context import Context

    Calls = tuple[Call, ...]


def last(axes: tuple[str, ...] | Shape) -> tuple[str | int, ...]:
    """Return axes in Keras's order: channels last.

    >>> last((16, 7, 5))
    (7, 5, 16)
    """
    return (*axes[1:], *axes[:1])


_MERGES: dict[type[Op], str] = {
    Add: "layers.Add()([{}])",
    Mul: "layers.Multiply()([{}])",
    Sub: "layers.Subtract()([{}])",
    Div: "ops.divide({})",
    Maximum: "layers.Maximum()([{}])",
    Minimum: "layers.Minimum()([{}])",
}


@spell.register(Elementwise)
def _elementwise(op: Elementwise, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    full = max(map(len, layer.inputs))
    texts, args = [], list[Arg]()
    for at, shape in enumerate(layer.inputs):
        if len(shape) == full:
            texts.append(f"{{x{at}}}")
            continue
        sizes = ", ".join(map(str, (*shape[1:], *(1,) * (full - len(shape)))))
        texts.append(f"layers.Reshape(({sizes}, {{{len(args)}}}))({{x{at}}})")
        args.append(Arg(shape[0], "channels"))
    text = _MERGES[type(op)].replace("{}", ", ".join(texts))
    return (Call(text, tuple(args), word=type(op).__name__),)


@spell.register(Cat)
def _cat(op: Cat, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    axis = f"axis={op.along}" if op.along else ""
    inputs = ", ".join(f"{{x{at}}}" for at in range(len(layer.inputs)))
    return (Call(f"layers.Concatenate({axis})([{inputs}])", word="Cat"),)


@spell.register(Pad)
def _pad(op: Pad, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    if op.value:
        sides = Arg(((0, 0), *op.sides, (0, 0)), "sides")
        return (Call("ops.pad({x}, {0}, constant_values={1})", (sides, Arg(op.value, "value"))),)
    if op.mode == "zero":
        return padded(op.sides)
    if op.mode == "reflect" and rank(layer) < 3:
        return (Call('ops.pad({x}, {0}, mode="reflect")', (Arg(((0, 0), *op.sides, (0, 0)), "sides"),)),)
    pairs = enumerate(zip(layer.inputs[0][1:], op.sides, strict=True), 1)
    return tuple(
        Call(f"ops.take({{x}}, {_beyond(op.mode, size, before, after)}, axis={axis})")
        for axis, (size, (before, after)) in pairs
        if before or after
    )


def _beyond(mode: str, size: int, before: int, after: int) -> str:
    """Write positions from before an axis to after it, mapped back."""
    positions = f"np.arange({-before}, {size + after})"
    if mode == "circular":
        return f"{positions} % {size}"
    if mode == "replicate":
        return f"np.clip({positions}, 0, {size - 1})"
    return f"{size - 1} - np.abs({size - 1} - np.abs({positions}))"


@spell.register(Crop)
def _crop(op: Crop, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return cropped(op.sides)


@spell.register(Slice)
def _slice(op: Slice, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    pairs = zip(op.offset, op.stride, strict=True)
    every = ", ".join(f"{first or ''}:" + (f":{step}" if step > 1 else "") for first, step in pairs)
    return (Call(f"{{x}}[:, {every}]", word="Slice"),)


@spell.register(Roll)
def _roll(op: Roll, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    axes = tuple(range(1, 1 + rank(layer)))
    return (Call("ops.roll({x}, {0}, axis={1})", (Arg(op.shift, "shift"), Arg(axes))),)


@spell.register(Take)
def _take(op: Take, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    first, end, step = op.range
    ends = f"{first or ''}:{'' if end == layer.inputs[0][0] else end}" + (f":{step}" if step > 1 else "")
    return (Call(f"{{x}}[..., {ends}]"),)


@spell.register(Pick)
def _pick(op: Pick, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    axis = op.along or -1
    if op.turns(layer.inputs[0][op.along]):
        return (Call(f"ops.flip({{x}}, axis={axis})"),)
    return (Call(f"ops.take({{x}}, {list(op.indices)}, axis={axis})"),)


@spell.register(CumSum)
def _cumsum(op: CumSum, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call(f"ops.cumsum({{x}}, axis={op.along or -1})"),)


_WORDS = {"logsigmoid": "log_sigmoid", "tanhshrink": "tanh_shrink", "neg": "negative"}
"""Functions with another name in Keras."""


@spell.register(Map)
def _map(op: Map, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call(f"ops.{_WORDS.get(op.name, op.name)}({{x}})", follows=True),)


@spell.register(Times)
def _times(op: Times, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("{x} * {0}", (Arg(op.value, "factor"),), word="Times"),)


@spell.register(Plus)
def _plus(op: Plus, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("{x} - {0}" if op.value < 0 else "{x} + {0}", (Arg(abs(op.value), "offset"),), word="Plus"),)


@spell.register(Pow)
def _pow(op: Pow, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("ops.power({x}, {0})", (Arg(op.value, "power"),)),)


def _stored(name: str, op: Stored, layer: Layer) -> Calls:
    times = tuple(n // mine for n, mine in zip(layer.inputs[0], op.shape, strict=True))
    plain = all(mine == 1 or count == 1 for mine, count in zip(op.shape, times, strict=True))
    args = (
        Arg(last(op.shape), "shape"),
        Arg(() if plain else last(times), "repeats", "repeats", ()),
        Arg(not op.fixed, name="trainable", default=True),
    )
    return (Call(name, args, word=name, follows=True, tensors=tensors(layer), helper=name),)


@spell.register(Scale)
def _scale(op: Scale, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return _stored("Scale", op, layer)


@spell.register(Shift)
def _shift(op: Shift, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return _stored("Shift", op, layer)


@spell.register(Tokens)
def _tokens(op: Tokens, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call("Tokens", (Arg(op.count, "count"),), word="Tokens", tensors=tensors(layer), helper="Tokens"),)


@spell.register(Const)
def _const(op: Const, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    args = (Arg(last(op.out), "shape"), Arg(op.fixed, name="fixed", default=False))
    return (Call("Const", args, word="Const", tensors=tensors(layer), helper="Const"),)


@spell.register(Given)
def _given(op: Given, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    return (Call(f"{{{op.name}}}", word=GIVEN),)


def _laid(function: str) -> Move:
    return lambda x, sizes: f"ops.{function}({x}, {literal(sizes)})"


RESHAPE, PERMUTE = _laid("reshape"), _laid("transpose")


def _axes(shape: Shape) -> tuple[int, ...]:
    """Return the axes of ``n c h w`` in Keras's order."""
    return (0, *range(2, len(shape) + 1), 1)


@spell.register(Arrival)
def _arrival(op: Arrival, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    step = moves_back(op.order, _axes(layer.inputs[0]))
    return (Call(moved("{x0}", step, RESHAPE, PERMUTE), word="Order"),)


@spell.register(Return)
def _return(op: Return, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    def said(at: int) -> str:
        order = op.outputs[at].order
        step = moves(order, _axes(layer.inputs[at])) if order else Moves(None, None, None)
        return moved(f"{{x{at}}}", step, RESHAPE, PERMUTE)

    return (Call(nested(op.outputs, said), word="Return"),)


def _reshaped(sizes: Sequence[int]) -> Call:
    return Call("ops.reshape({x}, {0})", (Arg((-1, *sizes)),))


def _split(pattern: Pattern, axes: Axes) -> Calls:
    """Reshape to an axis for each letter."""
    if all(len(axis) == 1 for axis in axes):
        return ()
    return (_reshaped([pattern.sizes[letter] for letter in pattern.letters(axes)]),)


def _joined(pattern: Pattern, have: Sequence[str]) -> Iterator[Call]:
    """Bring letters into the order of the output, repeat new ones, and join them to its axes."""
    axes = last(pattern.output)
    wanted = "".join(map(str, axes))
    order = [have.index(letter) + 1 for letter in wanted if letter in have]
    if order != sorted(order):
        yield Call("ops.transpose({x}, {0})", (Arg((0, *order)),))
    for at, letter in enumerate(wanted, 1):
        if letter not in have:
            yield Call(f"ops.repeat(ops.expand_dims({{x}}, {at}), {pattern.sizes[letter]}, axis={at})")
    if any(len(str(axis)) != 1 for axis in axes):
        yield _reshaped([pattern.size(str(axis)) for axis in axes])


def arranged(text: str) -> Calls:
    """Return the calls of a pattern that only moves values."""
    pattern = parse(text, 2)
    axes = tuple(map(str, last(pattern.inputs[0])))
    return (*_split(pattern, axes), *_joined(pattern, pattern.letters(axes)))


@spell.register(Rearrange)
def _rearrange(op: Rearrange, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- the pattern has the sizes
    return arranged(op.spec)


@spell.register(ChannelShuffle)
@spell.register(PixelShuffle)
@spell.register(PixelUnshuffle)
def _view(op: ChannelShuffle | PixelShuffle | PixelUnshuffle, layer: Layer, context: Context) -> Calls:  # noqa: ARG001
    return arranged(view_pattern(op, layer.inputs[0]))


_STATS = {
    "mean": "ops.mean({x}, axis={0})", "sum": "ops.sum({x}, axis={0})", "max": "ops.max({x}, axis={0})",
    "min": "ops.min({x}, axis={0})", "var": "ops.var({x}, axis={0})", "std": "ops.std({x}, axis={0})",
    "l2": "ops.sqrt(ops.sum(ops.square({x}), axis={0}))",
}  # fmt: skip


@spell.register(Reduce)
def _reduce(op: Reduce, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 2)
    axes = tuple(map(str, last(pattern.inputs[0])))
    letters = pattern.letters(axes)
    gone = tuple(at for at, letter in enumerate(letters, 1) if letter in pattern.dropped())
    left = [letter for letter in letters if letter not in pattern.dropped()]
    return (*_split(pattern, axes), Call(_STATS[op.stat], (Arg(gone),)), *_joined(pattern, left))


def _batch(pattern: Pattern) -> str:
    return next(letter for letter in "nxN" if letter not in pattern.sizes)


@spell.register(Einsum)
def _einsum(op: Einsum, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 3)
    sides = [tuple(map(str, last(axes))) for axes in pattern.parts]
    names = [_batch(pattern) + "".join(axes) for axes in sides]
    texts = []
    for at, axes in enumerate(sides[:2]):
        sizes = (-1, *(pattern.sizes[letter] for letter in pattern.letters(axes)))
        whole = all(len(axis) == 1 for axis in axes)
        texts.append(f"{{x{at}}}" if whole else f"ops.reshape({{x{at}}}, {sizes})")
    product = f'ops.einsum("{names[0]},{names[1]}->{names[2]}", {", ".join(texts)})'
    return (Call(product, word="Einsum"), *_joined(pattern, pattern.letters(sides[2])))


@spell.register(Mix)
def _mix(op: Mix, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 3)
    whole, _, out = (tuple(map(str, last(axes))) for axes in pattern.parts)
    batch, letters = _batch(pattern), "".join(out)
    args = (
        Arg(f"{batch}{''.join(whole)},{''.join(pattern.parts[1])}->{batch}{letters}"),
        Arg(tuple(pattern.sizes[letter] for letter in letters), "shape"),
        Arg(op.added() if op.bias else None, name="bias_axes"),
    )
    made = tuple(arg for arg in args if arg.value is not None)
    call = Call("layers.EinsumDense", made, word="Mix", tensors=tensors(layer))
    return (*_split(pattern, whole), call, *_joined(pattern, letters))


def _window(op: Attention | ScaledDotProduct, layer: Layer) -> tuple[int, ...]:
    """Return the window of the attention; the entire map without a window."""
    return tuple(window or size for window, size in zip(op.window, layer.inputs[0][1:], strict=True))


@spell.register(Attention)
def _attention(op: Attention, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    window = _window(op, layer)
    whole = window == layer.inputs[0][1:] and not op.plain
    name = "plain_attention" if op.plain else "self_attention" if whole else "window_attention"
    args = (Arg(op.heads, "heads"), *(() if whole else (Arg(window, "window"),)))
    return (Call(name, args, word="Attention", tensors=tensors(layer), helper=name),)


@spell.register(ScaledDotProduct)
def _sdpa(op: ScaledDotProduct, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    args = (Arg(op.heads, "heads"), Arg(_window(op, layer), "window"))
    return (Call("dot_product_attention", args, word="Attention", helper="dot_product_attention"),)


@spell.register(LSTM)
@spell.register(GRU)
def _recurrent(op: Recurrent, layer: Layer, context: Context) -> Calls:  # noqa: ARG001 -- any context
    if op.layers > 1 or rank(layer) > 1:
        raise unwritten(op, "keras", "it has several layers or runs over a map")
    args = (
        Arg(op.hidden, "channels"),
        Arg(True, name="return_sequences"),  # noqa: FBT003 -- the value is written to the code
        Arg(op.bias, name="use_bias", default=True),
    )
    kind = type(op).__name__
    if op.both:
        held = _Written(f"layers.{kind}({', '.join(str(arg) for arg in args if arg.needed)})")
        return (Call("layers.Bidirectional", (Arg(held),), word="Bidirectional", tensors=tensors(layer)),)
    return (Call(f"layers.{kind}", args, word=kind, tensors=tensors(layer)),)


@dataclass(frozen=True)
class _Written:
    """Return an argument that is an expression."""

    text: str

    def __repr__(self) -> str:
        return self.text
