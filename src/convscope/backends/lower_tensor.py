"""Lowering of attention, recurrent layers and ops on tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from torch import Tensor, nn

from convscope.backends.lower import Function, lower
from convscope.core.pattern import parse
from convscope.ops.attention import Attention, ScaledDotProduct
from convscope.ops.pick import Pick
from convscope.ops.recurrent import GRU, LSTM, Recurrent
from convscope.ops.running import CumSum
from convscope.ops.scalar import Map, Plus, Pow, Scale, Shift, Stored, Times
from convscope.ops.source import Const
from convscope.ops.tensor import Einsum, Mix, Rearrange, Reduce
from convscope.ops.view import ChannelShuffle, PixelShuffle, PixelUnshuffle, Take, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.op import Weight
    from convscope.core.pattern import Axes, Pattern
    from convscope.core.shape import Shape

    Shapes = tuple[Shape, ...]


def _by_tiles(x: Tensor, tiles: tuple[int, ...], mix: Callable[[Tensor], Tensor]) -> Tensor:
    """Split a map into tiles, apply ``mix: n positions c -> n positions c'`` to each, and put them back."""
    n, c, *spatial = x.shape
    counts = [size // tile for size, tile in zip(spatial, tiles, strict=True)]
    split = [part for pair in zip(counts, tiles, strict=True) for part in pair]
    rank = len(spatial)
    order = [0, *(2 + 2 * axis for axis in range(rank)), *(3 + 2 * axis for axis in range(rank)), 1]
    tokens = x.reshape(n, c, *split).permute(order)
    mixed = mix(tokens.reshape(n * math.prod(counts), math.prod(tiles), c))
    back = sorted(range(len(order)), key=order.__getitem__)
    return mixed.reshape(*tokens.shape[:-1], -1).permute(back).reshape(n, -1, *spatial)


class _MapAttention(nn.MultiheadAttention):
    """Self-attention between the positions of each tile of a map."""

    tiles: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override] # one map in, one map out
        """``x: n c h w -> y: n c h w``."""
        ask = super().forward
        return _by_tiles(x, self.tiles, lambda t: ask(t, t, t, need_weights=False)[0])


def _asked(queries_keys_values: tuple[Tensor, ...], heads: int) -> Tensor:
    """Attention without projections, on ``n positions c`` each."""
    n, places, c = queries_keys_values[0].shape
    q, k, v = (part.reshape(n, places, heads, c // heads).transpose(1, 2) for part in queries_keys_values)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def _tiling(windows: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    return tuple(window or size for window, size in zip(windows, shape[1:], strict=True))


@lower.register(Attention)
def _attention(op: Attention, inputs: Shapes) -> nn.Module:
    tiles = _tiling(op.window, inputs[0])
    if op.plain:
        return Function(lambda x: _by_tiles(x, tiles, lambda t: _asked((t, t, t), op.heads)))
    module = _MapAttention(inputs[0][0], op.heads, batch_first=True)
    module.tiles = tiles
    return module


@lower.register(ScaledDotProduct)
def _sdpa(op: ScaledDotProduct, inputs: Shapes) -> nn.Module:
    tiles = _tiling(op.window, inputs[0])
    return Function(lambda x: _by_tiles(x, tiles, lambda t: _asked(t.chunk(3, dim=-1), op.heads)))


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "logsigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
}
"""Functions that torch has under another name."""


@lower.register(Map)
def _map(op: Map, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(_FUNCTIONS.get(op.name) or getattr(torch, op.name))


@lower.register(Times)
def _times(op: Times, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x * op.value)


@lower.register(Plus)
def _plus(op: Plus, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x + op.value)


@lower.register(Pow)
def _pow(op: Pow, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x**op.value)


class _Stored(nn.Module):
    """An elementwise op with a tensor of the layer's own."""

    weight: Tensor

    def __init__(self, op: Stored, shape: Shape, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        start = torch.ones(op.shape) if join is torch.mul else torch.zeros(op.shape)
        if op.fixed:
            self.register_buffer("weight", start)
        else:
            self.weight = nn.Parameter(start)
        self.times = [size // mine for size, mine in zip(shape, op.shape, strict=True)]
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        """``x: n c h w -> y: n c h w``."""
        return self.join(x, self.weight.repeat(self.times))


@lower.register(Scale)
def _scale(op: Scale, inputs: Shapes) -> nn.Module:
    return _Stored(op, inputs[0], torch.mul)


@lower.register(Shift)
def _shift(op: Shift, inputs: Shapes) -> nn.Module:
    return _Stored(op, inputs[0], torch.add)


class _Tokens(nn.Module):
    """Prepended learned positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """``x: n c m -> y: n c count+m``."""
        return torch.cat([self.weight.expand(len(x), *self.weight.shape), x], dim=2)


class _Const(nn.Module):
    """A tensor that is the same for every sample."""

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        start = torch.randn(weight.shape) * 0.02
        if weight.trained:
            self.weight = nn.Parameter(start)
        else:
            self.register_buffer("weight", torch.zeros(weight.shape))

    def forward(self, x: Tensor) -> Tensor:
        """``x: n ... -> y: n c h w``."""
        return self.weight.repeat(len(x), *[1] * self.weight.dim())


@lower.register(Const)
def _const(op: Const, inputs: Shapes) -> nn.Module:
    return _Const(op.weights(inputs)[0])


@lower.register(Tokens)
def _tokens(op: Tokens, inputs: Shapes) -> nn.Module:
    return _Tokens(op.weights(inputs)[0].shape)


@lower.register(Take)
def _take(op: Take, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x[:, slice(*op.range)])


@lower.register(Pick)
def _pick(op: Pick, inputs: Shapes) -> nn.Module:
    dim = 1 + op.along
    if op.turns(inputs[0][op.along]):
        return Function(lambda x: x.flip(dim))
    return Function(lambda x: x.index_select(dim, torch.tensor(op.indices, device=x.device)))


@lower.register(CumSum)
def _cumsum(op: CumSum, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x.cumsum(1 + op.along))


def _split(x: Tensor, pattern: Pattern, axes: Axes) -> Tensor:
    """Reshape to an axis for each letter, the batch first."""
    return x.reshape(len(x), *(pattern.sizes[letter] for letter in pattern.letters(axes)))


def _arranged(x: Tensor, have: list[str], pattern: Pattern) -> Tensor:
    """Order letters, after the batch, as in the pattern's output; new ones are repeated."""
    wanted = pattern.letters(pattern.output)
    order = [have.index(letter) + 1 for letter in wanted if letter in have]
    x = x.permute(0, *order)
    for at, letter in enumerate(wanted, 1):
        if letter not in have:
            x = x.unsqueeze(at).expand(*x.shape[:at], pattern.sizes[letter], *x.shape[at:])
    return x.reshape(len(x), *pattern.shape(pattern.output))


@lower.register(Rearrange)
def _rearrange(op: Rearrange, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 2)
    axes = pattern.inputs[0]
    return Function(lambda x: _arranged(_split(x, pattern, axes), list(pattern.letters(axes)), pattern))


_STATS: dict[str, Callable[..., Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
    "max": torch.amax,
    "min": torch.amin,
    "var": lambda x, dim: x.var(dim, correction=0),
    "std": lambda x, dim: x.std(dim, correction=0),
    "l2": lambda x, dim: x.norm(dim=dim),
}


@lower.register(Reduce)
def _reduce(op: Reduce, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 2)
    axes = pattern.inputs[0]
    letters = pattern.letters(axes)
    gone = tuple(at for at, letter in enumerate(letters, 1) if letter in pattern.dropped())
    left = [letter for letter in letters if letter not in pattern.dropped()]
    stat = _STATS[op.stat]
    return Function(lambda x: _arranged(stat(_split(x, pattern, axes), gone), left, pattern))


@lower.register(Einsum)
def _einsum(op: Einsum, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- the pattern has the sizes
    pattern = parse(op.spec, 3)
    first, second = pattern.inputs
    names = ["".join(axes) for axes in pattern.parts]
    equation = f"X{names[0]},X{names[1]}->X{names[2]}"

    def call(a: Tensor, b: Tensor) -> Tensor:
        found = torch.einsum(equation, _split(a, pattern, first), _split(b, pattern, second))
        return found.reshape(len(a), *pattern.shape(pattern.output))

    return Function(call)


class _Mix(nn.Module):
    """A learned map along the letters of a pattern."""

    def __init__(self, op: Mix, inputs: Shapes) -> None:
        super().__init__()
        self.pattern = parse(op.spec, 3)
        names = ["".join(axes) for axes in self.pattern.parts]
        self.equation = f"X{names[0]},{names[1]}->X{names[2]}"
        weights = {weight.name: weight.shape for weight in op.weights(inputs)}
        reach = self.pattern.size(self.pattern.dropped()) ** -0.5
        self.weight = nn.Parameter(torch.empty(weights["weight"]).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.zeros(weights["bias"])) if op.bias else None
        added = op.added()
        self.spread = [self.pattern.sizes[letter] if letter in added else 1 for letter in names[2]]

    def forward(self, x: Tensor) -> Tensor:
        """``x: n c h w -> y: n c' h' w'``."""
        pattern = self.pattern
        matrix = self.weight.reshape([pattern.sizes[letter] for letter in pattern.letters(pattern.parts[1])])
        found = torch.einsum(self.equation, _split(x, pattern, pattern.parts[0]), matrix)
        if self.bias is not None:
            found = found + self.bias.reshape(self.spread)
        return found.reshape(len(x), *pattern.shape(pattern.output))


@lower.register(Mix)
def _mix(op: Mix, inputs: Shapes) -> nn.Module:
    return _Mix(op, inputs)


def _recurrent(made: type[Any]) -> Callable[[Recurrent, Shapes], nn.Module]:
    """A recurrent layer on ``n c positions`` that keeps the names of its weights."""

    class Sequence(made):  # type: ignore[misc] # the base is a parameter
        along: int

        def forward(self, x: Tensor) -> Tensor:
            last = x.movedim((self.along + 1, 1), (-2, -1))
            out, _ = super().forward(last.reshape(-1, *last.shape[-2:]))
            found: Tensor = out.reshape(*last.shape[:-1], -1).movedim((-2, -1), (self.along + 1, 1))
            return found

    def call(op: Recurrent, inputs: Shapes) -> nn.Module:
        module: nn.Module = Sequence(
            inputs[0][0], op.hidden, op.layers, bias=op.bias, batch_first=True, bidirectional=op.both
        )
        module.along = op.along  # type: ignore[assignment] # a plain attribute
        return module

    return call


lower.register(LSTM, _recurrent(nn.LSTM))
lower.register(GRU, _recurrent(nn.GRU))


@lower.register(ChannelShuffle)
def _channelshuffle(op: ChannelShuffle, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return Function(lambda x: x.unflatten(1, (op.groups, -1)).transpose(1, 2).flatten(1, 2))


@lower.register(PixelShuffle)
def _pixelshuffle(op: PixelShuffle, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.PixelShuffle(op.factor)


@lower.register(PixelUnshuffle)
def _pixelunshuffle(op: PixelUnshuffle, inputs: Shapes) -> nn.Module:  # noqa: ARG001 -- any shape
    return nn.PixelUnshuffle(op.factor)
