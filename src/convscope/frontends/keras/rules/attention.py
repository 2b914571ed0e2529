"""Attention, and dense layers in the form of an einsum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ModelError
from convscope.frontends.keras.here import BeyondError, several
from convscope.frontends.keras.kept import Layout, by_letters
from convscope.frontends.keras.rules.acts import activated
from convscope.frontends.keras.rules.convs import dense
from convscope.frontends.keras.rules.norms import shifted
from convscope.frontends.keras.settings import shown, whole
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary, contract, mixed, unary
from convscope.frontends.tensors.settle import is_whole, settled, without_repeats
from convscope.frontends.tensors.values import Const, Value
from convscope.ops.act import Tanh
from convscope.ops.attention import Attention

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.frontends.keras.here import Here


def _causal(rows: int, columns: int) -> Const:
    """The value added to scores so that no position attends to a later one."""
    return Const((rows, columns), lambda: np.triu(np.full((rows, columns), -np.inf, np.float32), 1))


def _matrix(here: Here, name: str, coming: int, going: tuple[int, ...], *, bias: bool) -> tuple[Const, Const | None]:
    """Return the kernel of a projection as ``out in``, and its bias."""
    found = here.weights({"kernel": (coming, *going)} | ({"bias": going} if bias else {}), f"{name}_dense")
    out = math.prod(going)
    kernel = found["kernel"].then((out, coming), lambda n: np.ascontiguousarray(n.reshape(coming, out).T))
    return kernel, found["bias"].then((out,), lambda n: n.reshape(out)) if bias else None


def _back_matrix(here: Here, heads: tuple[int, int], out: int, *, bias: bool) -> tuple[Const, Const | None]:
    """Return the kernel of the projection after the heads as ``out in``, and its bias."""
    found = here.weights(
        {"kernel": (*heads, out)} | ({"bias": (out,)} if bias else {}), "output_dense", layout=Layout(math.prod(heads))
    )
    coming = math.prod(heads)
    kernel = found["kernel"].then((out, coming), lambda n: np.ascontiguousarray(n.reshape(coming, out).T))
    return kernel, found.get("bias")


def _multi_head(  # noqa: PLR0913 -- Keras's arguments
    here: Here,
    query: Value,
    value: Value,
    key: Value | None = None,
    *,
    use_causal_mask: bool = False,
    return_attention_scores: bool = False,
) -> Value:
    settings, rank = here.settings, len(query.dims)
    key = value if key is None else key
    axes = settings.get("attention_axes")
    every = axes is None or set(settings.axes("attention_axes", rank)) == set(range(1, rank - 1))
    special = settings.flag("use_gate") or settings.get("sliding_window") or return_attention_scores
    if special or not every or here.lead > 1:
        raise BeyondError
    heads, size = settings.whole("num_heads"), settings.whole("key_dim")
    inner = settings.whole("value_dim", size)
    out = settings.ints("output_shape", 1, query.sizes[-1])[0]
    bias = settings.flag("use_bias", default=True)
    alike = (heads * size, inner, out) == (query.sizes[-1], size, query.sizes[-1])
    own = all((one.node, one.dims) == (query.node, query.dims) for one in (value, key))
    if own and alike and bias and not use_causal_mask and rank <= 5:
        return _self_attention(here, query, heads)
    found = _heads(here, (query, key, value), (heads, size, inner), causal=use_causal_mask, bias=bias)
    with here.aside("attention_output"):
        found = layers.linear(here.builder, found, *_back_matrix(here, (heads, inner), out, bias=bias))
    return shapes.viewed(here.builder, found, (*query.sizes[:-1], out))


def _self_attention(here: Here, x: Value, heads: int) -> Value:
    """Add self-attention of all positions with as many channels in all heads as in the input, as one layer."""
    channels = x.sizes[-1]
    parts = [_matrix(here, name, channels, (heads, channels // heads), bias=True) for name in ("query", "key", "value")]
    kernel, bias = _back_matrix(here, (heads, channels // heads), channels, bias=True)
    assert bias
    weights = {
        "in_proj_weight": _stacked([kernel for kernel, _ in parts]),
        "in_proj_bias": _stacked([bias for _, bias in parts if bias]),
        "out_proj.weight": kernel,
        "out_proj.bias": bias,
    }
    x = without_repeats(here.builder, x)
    if not is_whole(x, 0, x.dims[-1]) or len(x.shape) == 1:  # the positions may lie in any order
        with here.aside():
            x = settled(here.builder, x, [x.dims[-1], *x.dims[1:-1]])
    return unary(here.builder, Attention(heads), x, weights)


def _stacked(parts: Sequence[Const]) -> Const:
    rows = sum(part.sizes[0] for part in parts)
    roots = tuple(root for part in parts for root in part.roots)
    return Const((rows, *parts[0].sizes[1:]), lambda: np.concatenate([part.load() for part in parts]), roots)


def _heads(
    here: Here, values: tuple[Value, Value, Value], sizes: tuple[int, int, int], *, causal: bool, bias: bool
) -> Value:
    """Add projections, scores and weighted values: ``1 positions heads*inner``."""
    b = here.builder
    count, size, inner = sizes
    made = []
    for name, x, width in zip(("query", "key", "value"), values, (size, size, inner), strict=True):
        flat = shapes.viewed(b, x, (1, math.prod(x.sizes[1:-1]), x.sizes[-1]))
        with here.aside(name):
            found = layers.linear(b, flat, *_matrix(here, name, x.sizes[-1], (count, width), bias=bias))
        made.append(shapes.viewed(b, found, (1, flat.sizes[1], count, width)))
    query, key, value = made
    with here.aside():
        query = binary(b, "mul", query, size**-0.5)
        scores = contract(b, query, key, (["n", "t", "h", "d"], ["n", "s", "h", "d"], ["n", "h", "t", "s"]))
        shares = _shares(here, scores, causal=causal)
        found = contract(b, shares, value, (["n", "h", "t", "s"], ["n", "s", "h", "d"], ["n", "t", "h", "d"]))
        return shapes.viewed(b, found, (1, found.sizes[1], count * inner))


def _shares(here: Here, scores: Value, *, causal: bool) -> Value:
    if causal:
        scores = shifted(here, scores, "add", _causal(*scores.sizes[-2:]))
    return layers.softmax(here.builder, scores, len(scores.dims) - 1)


@several
def _attention(here: Here, values: list[Value], *, use_causal_mask: bool = False) -> Value:
    """Attention by scores of queries with keys, with at most one learned factor."""
    if here.settings.word("score_mode", ("dot", "concat")) != "dot":
        raise BeyondError
    query, value, key = _three(values)
    b = here.builder
    scores = contract(b, query, key, (["n", "t", "d"], ["n", "s", "d"], ["n", "t", "s"]))
    if here.settings.flag("use_scale"):
        scores = binary(b, "mul", scores, here.weights({"scale": ()})["scale"])
    return _weighted(here, scores, value, causal=use_causal_mask)


@several
def _additive(here: Here, values: list[Value], *, use_causal_mask: bool = False) -> Value:
    """Attention by the sum of a query and a key (arXiv 1409.0473)."""
    query, value, key = _three(values)
    b = here.builder
    pairs = binary(b, "add", shapes.unsqueezed(query, 2), shapes.unsqueezed(key, 1))
    sums = unary(b, Tanh(), pairs)
    if here.settings.flag("use_scale", default=True):
        scale = here.weights({"scale": (query.sizes[-1],)})["scale"]
        scores = mixed(b, sums, scale, (["n", "t", "s", "d"], ["d"], ["n", "t", "s"]))
    else:
        scores = shapes.reduced(b, sums, "sum", [3], keep=False)
    return _weighted(here, scores, value, causal=use_causal_mask)


def _three(values: list[Value]) -> tuple[Value, Value, Value]:
    if len(values) not in {2, 3} or any(len(one.dims) != 3 for one in values):
        raise BeyondError
    return values[0], values[1], values[-1]


def _weighted(here: Here, scores: Value, value: Value, *, causal: bool) -> Value:
    shares = _shares(here, scores, causal=causal)
    return contract(here.builder, shares, value, (["n", "t", "s"], ["n", "s", "d"], ["n", "t", "d"]))


def _einsum_dense(here: Here, x: Value) -> Value:
    """Multiply the input with a learned tensor by an equation, such as ``abc,cde->abde``."""
    coming, matrix, out, tail = _equation(here, len(x.dims))
    sizes = dict(zip(coming, x.sizes, strict=True))
    given = here.settings.get("output_shape")
    stated = [whole(one) for one in (given if isinstance(given, list | tuple) else [given])]
    fresh = [name for name in out[1:] if name not in tail]
    for name, size in zip(reversed(fresh), reversed(stated), strict=False):
        sizes.setdefault(name, size or 0)
    if any(not sizes.get(name) for name in (*matrix, *out)):
        raise ModelError(f"output_shape={shown(given)}", expected="a size for each new letter")
    shapes_of = {"kernel": tuple(sizes[name] for name in matrix)}
    added = _bias_shape(here, out, tail, sizes)
    rows = math.prod(sizes[name] for name in matrix if name not in out)
    shapes_of |= {"bias": added} if added else {}
    found = here.weights(shapes_of, layout=Layout(rows, by_letters(matrix, out)))
    bias = found.get("bias")
    plain = len(matrix) == 2 and coming[-1] == matrix[0] and out == [*coming[:-1], matrix[1]]
    if plain and (not bias or len(added) == 1):
        kernel = found["kernel"].then(tuple(reversed(found["kernel"].sizes)), np.transpose)
        return activated(here, dense(here, x, kernel, bias))
    made = mixed(here.builder, x, found["kernel"], (coming, matrix, out))
    with here.aside():
        made = made if bias is None else binary(here.builder, "add", made, bias)
    return activated(here, made)


def _equation(here: Here, rank: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return labels of the dimensions of input, kernel and output, including those for a final ellipsis."""
    text = here.settings.get("equation")
    inputs, arrow, out = str(text).replace(" ", "").partition("->")
    first, comma, second = inputs.partition(",")
    hidden = max(0, rank - len(first.replace("...", "")))
    dots = [f"dot{at}" for at in range(hidden)] if "..." in first else []

    def names(part: str) -> list[str]:
        before, three, after = part.partition("...")
        return [*before, *(dots if three else []), *after]

    found = names(first), names(second), names(out)
    if not comma or not arrow or len(found[0]) != rank or any(len(set(one)) < len(one) for one in found):
        raise ModelError(f"equation={shown(text)}", expected="an equation such as abc,cd->abd")
    return *found, dots if first.endswith("...") else []


def _bias_shape(here: Here, out: list[str], tail: list[str], sizes: dict[str, int]) -> tuple[int, ...]:
    axes = here.settings.get("bias_axes")
    if not axes:
        return ()
    start = min(out.index(name) for name in str(axes))
    return tuple(sizes[name] if name in str(axes) and name not in tail else 1 for name in out[start:])


LAYERS: dict[str, Callable[..., Any]] = {
    "MultiHeadAttention": _multi_head,
    "Attention": _attention,
    "AdditiveAttention": _additive,
    "EinsumDense": _einsum_dense,
}
"""Layers by class."""
