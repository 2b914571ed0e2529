"""Random programs of tensor operations, as modules of torch, for the tests of the reader.

A program is a list of steps. Each is the name of an operation and its arguments; dimensions and sizes fit, because
every step is tried on a tensor without numbers while it is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from hypothesis import strategies as st
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 6000
"""Numbers of a tensor up to which a program goes on."""

SIZES = st.sampled_from([1, 2, 3, 4, 6])


@dataclass(frozen=True)
class Step:
    """One operation on the tensor of the step before.

    Attributes:
        name: of a function below, or of a method of tensors.
        args: after the tensor.
        weight: shape of a learned tensor that it takes too.
    """

    name: str
    args: tuple[Any, ...] = ()
    weight: tuple[int, ...] | None = None

    def __call__(self, x: Tensor, weight: Tensor | None) -> Tensor:
        more = () if weight is None else (weight,)
        own = OWN.get(self.name)
        found: Tensor = own(x, *more, *self.args) if own else getattr(x, self.name)(*more, *self.args)
        return found


class Program(nn.Module):
    """The steps one after the other, each with a learned tensor of its own where it takes one."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.steps = steps
        random = torch.Generator().manual_seed(0)
        for at, step in enumerate(steps):
            if step.weight is not None:
                self.register_parameter(f"w{at}", nn.Parameter(torch.rand(step.weight, generator=random) + 0.1))

    def forward(self, x: Tensor) -> Tensor:
        for at, step in enumerate(self.steps):
            x = step(x, getattr(self, f"w{at}", None))
        return x


def part(x: Tensor, how: str, sizes: Any, dim: int, which: int) -> Tensor:
    """One of several parts."""
    found: tuple[Tensor, ...] = getattr(x, how)(sizes, dim)
    return found[which]


def cut(x: Tensor, dim: int, start: int, stop: int, step: int) -> Tensor:
    """Indexing with a slice."""
    index = [slice(None)] * x.dim()
    index[dim] = slice(start, stop, step)
    return x[tuple(index)]


def beside(x: Tensor, dim: int) -> Tensor:
    """Joined with something else of the same shape."""
    return torch.cat([x, 2 * x], dim)


def ends(x: Tensor, dim: int) -> Tensor:
    """The last index put in front."""
    return torch.cat([x.narrow(dim, x.size(dim) - 1, 1), x], dim)


def on_top(x: Tensor, dim: int) -> Tensor:
    """A new dimension of two."""
    return torch.stack([x, x + 1], dim)


def softened(x: Tensor, dim: int) -> Tensor:
    """Softmax, far from its ends, as weights of what it is made from."""
    return x * torch.softmax(0.01 * x, dim)


def plus_part(x: Tensor, dim: int, index: int) -> Tensor:
    """The sum with a part of itself, spread along a dimension."""
    return x + x.select(dim, index).unsqueeze(dim)


def plus_mean(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The sum with a mean of itself."""
    return x + x.mean(dims, keepdim=True)


def turned_sum(x: Tensor) -> Tensor:
    """The sum with itself turned, where the last two dimensions are alike."""
    return x + 3 * x.transpose(-1, -2)


def squared(x: Tensor) -> Tensor:
    """Every row with every row."""
    return x @ x.transpose(-1, -2)


def weighted(x: Tensor, weight: Tensor, dim: int) -> Tensor:
    """A matrix along any dimension, by an einsum."""
    letters = "abcdefg"[: x.dim()]
    return torch.einsum(f"{letters},{letters[dim]}z->{letters.replace(letters[dim], 'z')}", x, weight)


def folded(x: Tensor, first: int, second: int) -> Tensor:
    """Two dimensions against each other, by an einsum of a tensor with itself."""
    letters = "abcdefg"[: x.dim()]
    other = "".join(letter if at in {first, second} else letter.upper() for at, letter in enumerate(letters))
    kept = "".join(letter for at, letter in enumerate(letters) if at != first)
    return torch.einsum(f"{letters},{other[: x.dim()]}->{kept}", x, x.mean(_rest(x, first, second), keepdim=True))


def _rest(x: Tensor, *dims: int) -> tuple[int, ...]:
    return tuple(at for at in range(x.dim()) if at not in dims)


def joined_again(x: Tensor, dim: int) -> Tensor:
    """Halves in each other's place."""
    a, b = x.chunk(2, dim)
    return torch.cat([b, a], dim)


def normed(x: Tensor, weight: Tensor, kind: str, groups: int) -> Tensor:
    """A norm, by the name of its function in torch."""
    if kind == "layer":
        return F.layer_norm(x, weight.shape, weight, weight)
    if kind == "rms":
        return F.rms_norm(x, weight.shape, weight, 1e-5)
    if kind == "group":
        return F.group_norm(x, groups, weight, weight)
    if kind == "instance":
        return F.instance_norm(x, weight=weight, bias=weight)
    return F.batch_norm(x, weight.detach(), weight.detach(), weight, weight)


def slid(x: Tensor, weight: Tensor, stride: int, pad: int) -> Tensor:
    """A convolution over all dimensions but the first two."""
    convolve: Callable[..., Tensor] = getattr(F, f"conv{x.dim() - 2}d")
    return convolve(x, weight, None, stride, pad)


def pooled(x: Tensor, kind: str, size: int) -> Tensor:
    """A pooling over all dimensions but the first two."""
    pool: Callable[..., Tensor] = getattr(F, f"{kind}{x.dim() - 2}d")
    return pool(x, size)


OWN: dict[str, Callable[..., Tensor]] = {
    "part": part,
    "cut": cut,
    "beside": beside,
    "ends": ends,
    "on_top": on_top,
    "softened": softened,
    "plus_part": plus_part,
    "plus_mean": plus_mean,
    "turned_sum": turned_sum,
    "squared": squared,
    "weighted": weighted,
    "folded": folded,
    "joined_again": joined_again,
    "normed": normed,
    "slid": slid,
    "pooled": pooled,
    "attended": lambda x: F.scaled_dot_product_attention(x, x, x),
    "grown": lambda x, mode: F.interpolate(x, scale_factor=2, mode=mode),
    "prelu": F.prelu,
    "linear": F.linear,
    "pad": lambda x, sides: F.pad(x, sides, value=0.5),  # times zero would be no slope
    "add": lambda x, weight: x + weight,
    "mul": lambda x, weight: x * weight,
    "matmul": lambda x, weight: x @ weight,
}


@st.composite
def steps(draw: st.DrawFn, sizes: tuple[int, ...]) -> Step:
    """One operation that fits a tensor of these sizes."""
    kinds = [_views(sizes), _views(sizes), _parts(sizes), _sums(sizes), _products(sizes)]
    found: Step = draw(st.one_of(*kinds, *([_layers(sizes)] if len(sizes) > 1 else [])))
    return found


@st.composite
def programs(draw: st.DrawFn, longest: int = 6) -> tuple[tuple[int, ...], list[Step]]:
    """The shape ``c h w`` of an input, and steps that take it."""
    shape = tuple(draw(st.lists(SIZES, min_size=1, max_size=4)))
    found: list[Step] = []
    x = torch.empty(1, *shape, device="meta")
    for _ in range(draw(st.integers(1, longest))):
        step = draw(steps(tuple(x.shape)))
        weight = None if step.weight is None else torch.empty(step.weight, device="meta")
        made = step(x, weight)
        if not 0 < made.numel() <= MOST or not 0 < made.dim() <= 7:
            break
        found.append(step)
        x = made
    return shape, found or [Step("neg")]


def _dims(sizes: tuple[int, ...]) -> st.SearchStrategy[int]:
    return st.integers(0, len(sizes) - 1)


@st.composite
def _cuts(draw: st.DrawFn, total: int, longest: int = 4) -> tuple[int, ...]:
    """Sizes whose product is a number."""
    found: list[int] = []
    while total > 1 and len(found) < longest - 1:
        found.append(draw(st.sampled_from([n for n in range(1, total + 1) if total % n == 0])))
        total //= found[-1]
    return (*found, total)


@st.composite
def _views(draw: st.DrawFn, sizes: tuple[int, ...]) -> Step:
    rank, dim = len(sizes), draw(_dims(sizes))
    other = draw(_dims(sizes))
    found: Step = draw(
        st.one_of(
            _cuts(math.prod(sizes)).map(lambda cuts: Step("reshape", (cuts,))),
            _cuts(math.prod(sizes)).map(lambda cuts: Step("reshape", ((1, *cuts),))),
            st.permutations(range(rank)).map(lambda order: Step("permute", (tuple(order),))),
            st.just(Step("transpose", (dim, other))),
            st.just(Step("flatten", (min(dim, other), max(dim, other)))),
            _cuts(sizes[dim], 3).map(lambda cuts: Step("unflatten", (dim, cuts))),
            st.just(Step("unsqueeze", (dim,))),
            st.just(Step("squeeze", ())),
            st.just(Step("movedim", (dim, other))),
            st.just(Step("contiguous", ())),
            st.just(Step("expand", (3, *sizes))),
            st.just(Step("expand", tuple(2 if n == 1 else n for n in sizes))),
            st.just(Step("repeat", tuple(2 if at == dim else 1 for at in range(rank)))),
            st.just(Step("repeat_interleave", (2, dim))),
        )
    )
    return found


@st.composite
def _parts(draw: st.DrawFn, sizes: tuple[int, ...]) -> Step:
    dim = draw(_dims(sizes))
    size = sizes[dim]
    start = draw(st.integers(0, size - 1))
    stop, step = draw(st.integers(start + 1, size)), draw(st.integers(1, 3))
    choices = [
        Step("cut", (dim, start, stop, step)),
        Step("cut", (dim, start, stop, 1)),
        Step("select", (dim, start)),
        Step("narrow", (dim, start, stop - start)),
        Step("beside", (dim,)),
        Step("ends", (dim,)),
        Step("on_top", (dim,)),
        Step("roll", (draw(st.integers(-2, 3)), dim)),
        Step("roll", ((1, 2), (dim, draw(_dims(sizes))))),
        Step("pad", ((draw(st.integers(-1, 2)) if sizes[-1] > 1 else 1, draw(st.integers(0, 2))),)),
    ]
    if len(sizes) > 2 and sizes[-2] > 1:
        choices.append(Step("pad", ((0, 1, draw(st.integers(-1, 1)), 2),)))
    if size % 2 == 0:
        choices += [
            Step("joined_again", (dim,)),
            Step("part", ("chunk", 2, dim, draw(st.integers(0, 1)))),
            Step("part", ("split", 2, dim, draw(st.integers(0, size // 2 - 1)))),
        ]
    return draw(st.sampled_from(choices))


@st.composite
def _sums(draw: st.DrawFn, sizes: tuple[int, ...]) -> Step:
    dims = tuple(sorted(draw(st.sets(_dims(sizes), min_size=1, max_size=2))))
    dim, keep = dims[0], draw(st.booleans())
    choices = [
        Step("mean", (dims, keep)),
        Step("sum", (dims, keep)),
        Step("amax", (dims, keep)),
        Step("plus_mean", (dims,)),
        Step("plus_part", (dim, draw(st.integers(0, sizes[dim] - 1)))),
        Step("add", (), tuple(draw(st.sampled_from([1, n])) for n in sizes[-draw(st.integers(1, len(sizes))) :])),
        Step("mul", (), tuple(draw(st.sampled_from([1, n])) for n in sizes[-draw(st.integers(1, len(sizes))) :])),
        Step("mul", (), (2, *sizes)),
    ]
    if sizes[dim] > 1:
        choices.append(Step("softened", (dim,)))
    if len(sizes) > 1 and sizes[-1] == sizes[-2]:
        choices.append(Step("turned_sum"))
    return draw(st.sampled_from(choices))


@st.composite
def _products(draw: st.DrawFn, sizes: tuple[int, ...]) -> Step:
    dim, out = draw(_dims(sizes)), draw(SIZES)
    choices = [
        Step("linear", (), (out, sizes[-1])),
        Step("matmul", (), (sizes[-1], out)),
        Step("weighted", (dim,), (sizes[dim], out)),
    ]
    if len(sizes) > 1:
        other = draw(_dims(sizes).filter(lambda at: at != dim))
        choices += [Step("squared"), Step("folded", (dim, other))]
    if len(sizes) > 2:
        choices.append(Step("matmul", (), (*sizes[:-2], sizes[-1], out)))
    return draw(st.sampled_from(choices))


@st.composite
def _layers(draw: st.DrawFn, sizes: tuple[int, ...]) -> Step:
    channels, places = sizes[1], sizes[2:]
    last = draw(st.integers(1, len(sizes)))
    choices = [
        Step("normed", ("layer", 0), sizes[-last:]),
        Step("normed", ("rms", 0), sizes[-1:]),
        Step("normed", ("batch", 0), (channels,)),
        Step("prelu", (), (channels,)),
        Step("var", (draw(_dims(sizes)), False)),
        Step("std", (draw(_dims(sizes)), False)),
        Step("norm", (2, draw(_dims(sizes)), True)),
    ]
    if math.prod(places) > 1:
        choices.append(Step("normed", ("group", 1 if channels % 2 else 2), (channels,)))
        choices.append(Step("normed", ("instance", 0), (channels,)))
    if len(sizes) > 2:
        choices.append(Step("attended"))
    if len(sizes) in {3, 4, 5}:
        kernel = draw(st.sampled_from([1, 3]))
        pad, stride = kernel // 2, draw(st.integers(1, 2))
        out = draw(SIZES)
        choices.append(Step("slid", (stride, pad), (out, channels, *(kernel,) * len(places))))
        choices.append(Step("pooled", (f"adaptive_{draw(st.sampled_from(['avg', 'max']))}_pool", 2)))
        choices.append(Step("grown", (draw(st.sampled_from(["nearest", GROW[len(sizes)]])),)))
        if min(places) > 1:
            choices.append(Step("pooled", (f"{draw(st.sampled_from(['avg', 'max']))}_pool", 2)))
    return draw(st.sampled_from(choices))


GROW = {3: "linear", 4: "bilinear", 5: "trilinear"}
"""Interpolation for tensors of so many dimensions."""
