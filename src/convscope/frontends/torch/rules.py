"""What each operation of torch is, in layers; one row for each, by torch's own name.

A rule takes the builder and the operation's arguments, tensors as values or constants, and returns a value, or several.
It raises ShapeError where the operation is no layer as it stands; then it is written down as one that cannot be looked
into.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.build import layers, shapes
from convscope.frontends.build.algebra import binary, contract, expanded, mixed, unary
from convscope.frontends.build.settle import plain
from convscope.frontends.build.values import Const, Value, length, whole
from convscope.ops import act, pool, resize
from convscope.ops.norm import LocalResponseNorm
from convscope.ops.recurrent import GRU, LSTM
from convscope.ops.scalar import Map, Pow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.core.op import Op
    from convscope.frontends.build.builder import Builder

Ints = int | list[int] | tuple[int, ...]


def per_axis(value: Ints, rank: int) -> tuple[int, ...]:
    """One number for each axis; torch gives a list of one for all."""
    numbers = (value,) if isinstance(value, int) else tuple(value)
    return numbers * rank if len(numbers) == 1 else numbers


def _pads(value: Ints | str, rank: int) -> Any:
    if isinstance(value, str):
        return "same" if value == "same" else ((0, 0),)
    return tuple((side, side) for side in per_axis(value, rank))


def _conv(rank: int) -> Callable[..., Value]:
    def rule(  # noqa: PLR0913 -- torch's own parameters
        b: Builder,
        x: Value,
        weight: Const,
        bias: Const | None = None,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
    ) -> Value:
        return layers.conv(
            b, x, weight, bias, stride=per_axis(stride, rank), pad=_pads(padding, rank),
            dilation=per_axis(dilation, rank), groups=groups,
        )  # fmt: skip

    return rule


def _conv_transpose(rank: int) -> Callable[..., Value]:
    def rule(  # noqa: PLR0913 -- torch's own parameters
        b: Builder,
        x: Value,
        weight: Const,
        bias: Const | None = None,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        dilation: Ints = 1,
    ) -> Value:
        return layers.conv_transpose(
            b, x, weight, bias, stride=per_axis(stride, rank), pad=_pads(padding, rank),
            dilation=per_axis(dilation, rank), output_pad=per_axis(output_padding, rank), groups=groups,
        )  # fmt: skip

    return rule


def _convolution(  # noqa: PLR0913 -- torch's own parameters
    b: Builder,
    x: Value,
    weight: Const,
    bias: Const | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,  # noqa: FBT001 -- torch's own order
    output_padding: Ints,
    groups: int,
) -> Value:
    rank = len(weight.sizes) - 2
    if transposed:
        return _conv_transpose(rank)(b, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv(rank)(b, x, weight, bias, stride, padding, dilation, groups)


def _pool(rank: int, kind: str) -> Callable[..., Value]:
    def maximum(  # noqa: PLR0913 -- torch's own parameters
        b: Builder,
        x: Value,
        kernel: Ints,
        stride: Ints = (),
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil: bool = False,  # noqa: FBT001, FBT002 -- torch's own order
    ) -> Value:
        size = per_axis(kernel, rank)
        steps = per_axis(stride, rank) or size
        pads = _pads(padding, rank)
        return layers.max_pool(b, x, size, stride=steps, pad=pads, dilation=per_axis(dilation, rank), ceil=ceil)

    def mean(  # noqa: PLR0913 -- torch's own parameters
        b: Builder,
        x: Value,
        kernel: Ints,
        stride: Ints = (),
        padding: Ints = 0,
        ceil: bool = False,  # noqa: FBT001, FBT002 -- torch's own order
        count: bool = True,  # noqa: FBT001, FBT002 -- as above
        divisor: int | None = None,
    ) -> Value:
        size = per_axis(kernel, rank)
        steps = per_axis(stride, rank) or size
        pads = _pads(padding, rank)
        found = layers.avg_pool(b, x, size, stride=steps, pad=pads, ceil=ceil, count_pad=count)
        return found if not divisor else binary(b, "mul", found, math.prod(size) / divisor)

    return maximum if kind == "max" else mean


def _adaptive(rank: int, kind: str) -> Callable[..., Any]:
    def rule(b: Builder, x: Value, size: Ints) -> Any:
        ready = layers.maps(b, x, rank)
        sizes = tuple(n if s is None else s for s, n in zip(per_axis(size, rank), ready.shape[1:], strict=True))
        op: Op
        if set(sizes) == {1}:
            op = pool.GlobalMaxPool() if kind == "max" else pool.GlobalAvgPool()
        else:
            op = pool.AdaptiveMaxPool(sizes) if kind == "max" else pool.AdaptiveAvgPool(sizes)
        found = layers.as_maps(x, b.emit(op, [ready.node]))
        return (found, None) if kind == "max" else found  # torch gives the places of the maxima too

    return rule


def _batch_norm(  # noqa: PLR0913 -- torch's own parameters
    b: Builder,
    x: Value,
    weight: Const | None,
    bias: Const | None,
    mean: Const | None,
    var: Const | None,
    training: bool = False,  # noqa: FBT001, FBT002 -- torch's own order
    momentum: float = 0.1,  # noqa: ARG001 -- as above
    eps: float = 1e-5,
    cudnn: bool = False,  # noqa: ARG001, FBT001, FBT002 -- as above
) -> Value:
    if training or mean is None or var is None:  # a batch of one sample: its own statistics, of each channel
        return layers.instance_norm(b, x, weight, bias, eps)
    names = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": var}
    return layers.batch_norm(b, x, {name: const for name, const in names.items() if const is not None}, eps)


def _instance_norm(  # noqa: PLR0913 -- torch's own parameters
    b: Builder,
    x: Value,
    weight: Const | None,
    bias: Const | None,
    mean: Const | None,
    var: Const | None,
    use_input: bool,  # noqa: FBT001 -- torch's own order
    momentum: float,
    eps: float,
    cudnn: bool = False,  # noqa: FBT001, FBT002 -- as above
) -> Value:
    if not use_input:
        return _batch_norm(b, x, weight, bias, mean, var, False, momentum, eps, cudnn)  # noqa: FBT003 -- as above
    return layers.instance_norm(b, x, weight, bias, eps)


def _layer_norm(  # noqa: PLR0913 -- torch's own parameters
    b: Builder, x: Value, shape: Sequence[int], weight: Const | None = None, bias: Const | None = None,
    eps: float = 1e-5, cudnn: bool = True,  # noqa: ARG001, FBT001, FBT002 -- torch's own order
) -> Value:  # fmt: skip
    return layers.layer_norm(b, x, len(shape), weight, bias, eps)


def _rms_norm(
    b: Builder, x: Value, shape: Sequence[int], weight: Const | None = None, eps: float | None = None
) -> Value:
    return layers.layer_norm(
        b, x, len(shape), weight, None, float(np.finfo(np.float32).eps) if eps is None else eps, rms=True
    )


def _group_norm(  # noqa: PLR0913 -- torch's own parameters
    b: Builder, x: Value, groups: int, weight: Const | None = None, bias: Const | None = None,
    eps: float = 1e-5, cudnn: bool = True,  # noqa: ARG001, FBT001, FBT002 -- torch's own order
) -> Value:  # fmt: skip
    return layers.group_norm(b, x, groups, weight, bias, eps)


def _names(count: int, start: int = 0) -> list[str]:
    return [f"d{start + at}" for at in range(count)]


def _matmul(b: Builder, x: Value | Const, y: Value | Const) -> Value:
    """``x @ y`` over any leading dimensions, aligned at the end."""
    rank_x, rank_y = _rank(x), _rank(y)
    lead = max(rank_x, rank_y) - 2
    names = _names(max(0, lead))
    rows = [*names[lead - rank_x + 2 :], "rows", "inner"] if rank_x > 1 else ["inner"]
    columns = [*names[lead - rank_y + 2 :], "inner", "columns"] if rank_y > 1 else ["inner"]
    out = [*names, *(["rows"] if rank_x > 1 else []), *(["columns"] if rank_y > 1 else [])]
    return einsum(b, [x, y], [rows, columns], out)


def _rank(x: Value | Const) -> int:
    return len(x.dims) if isinstance(x, Value) else len(x.sizes)


def einsum(b: Builder, operands: Sequence[Value | Const], labels: list[list[str]], out: list[str]) -> Value:
    """A product of one or two tensors over labelled dimensions."""
    if len(operands) == 1 and isinstance(operands[0], Value):
        (x,), (names,) = operands, labels
        found = shapes.reduced(b, x, "sum", [at for at, name in enumerate(names) if name not in out], keep=False)
        left = [name for name in names if name in out]
        return shapes.permuted(found, [left.index(name) for name in out])
    if len(operands) != 2:
        raise ShapeError("a product of more than two tensors")
    x, y = operands
    if isinstance(x, Value) and isinstance(y, Value):
        if set(out) >= {*labels[0], *labels[1]}:  # nothing is summed: number by number
            full = [
                shapes.permuted(
                    replace(t, dims=(*t.dims, *[()] * sum(name not in names for name in out))),
                    [[*names, *(n for n in out if n not in names)].index(name) for name in out],
                )
                for t, names in ((x, labels[0]), (y, labels[1]))
            ]
            return binary(b, "mul", full[0], full[1])
        return contract(b, x, y, (labels[0], labels[1], out))
    if isinstance(x, Value):
        assert isinstance(y, Const)
        if labels[1][:1] == ["inner"] and len(labels[1]) == 2 and labels[0][-1] == "inner" and out[-1] == "columns":
            turned = y.then(y.sizes[::-1], np.transpose)
            return layers.linear(b, x, turned, None)
        return mixed(b, x, y, (labels[0], labels[1], out))
    assert isinstance(y, Value)
    return mixed(b, y, x, (labels[1], labels[0], out))


def _einsum(b: Builder, equation: str, operands: list[Value | Const], **_: object) -> Value:
    text = equation.replace(" ", "")
    if "." in text:
        raise ShapeError("an einsum with an ellipsis")
    inputs, arrow, out = text.partition("->")
    labels = [list(part) for part in inputs.split(",")]
    if not arrow:
        every = "".join(inputs.split(","))
        out = "".join(sorted(letter for letter in set(every) if every.count(letter) == 1))
    return einsum(b, operands, labels, list(out))


def _linear(b: Builder, x: Value, weight: Const, bias: Const | None = None) -> Value:
    return layers.linear(b, x, weight, bias)


def _addmm(  # noqa: PLR0913 -- torch's own parameters
    b: Builder, bias: Value | Const, x: Value | Const, y: Value | Const, *, beta: float = 1, alpha: float = 1
) -> Value:
    if (
        isinstance(bias, Const)
        and isinstance(x, Value)
        and isinstance(y, Const)
        and (beta, alpha) == (1, 1)
        and len(bias.sizes) == 1
    ):
        return layers.linear(b, x, y.then(y.sizes[::-1], np.transpose), bias)
    found = binary(b, "mul", _matmul(b, x, y), alpha)
    scaled = binary(b, "mul", bias, beta) if isinstance(bias, Value) else bias
    return found if beta == 0 else binary(b, "add", found, scaled)


def _attention(  # noqa: PLR0913 -- torch's own parameters
    b: Builder,
    q: Value | Const,
    k: Value | Const,
    v: Value | Const,
    mask: Value | Const | None = None,
    dropout: float = 0.0,  # noqa: ARG001 -- torch's own order
    causal: bool = False,  # noqa: FBT001, FBT002 -- as above
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    if enable_gqa or not isinstance(k, Value):
        raise ShapeError("attention with groups of queries")
    factor = 1 / math.sqrt(k.sizes[-1]) if scale is None else scale
    rank = len(k.dims)
    scores = _matmul(
        b, binary(b, "mul", q, factor) if isinstance(q, Value) else q, shapes.swapped(k, rank - 2, rank - 1)
    )
    if isinstance(q, Const):
        scores = binary(b, "mul", scores, factor)
    if causal:
        rows, columns = scores.sizes[-2:]
        mask = Const((rows, columns), lambda: np.triu(np.full((rows, columns), -np.inf, np.float32), 1))
    if mask is not None:
        scores = binary(b, "add", scores, mask)
    return _matmul(b, layers.softmax(b, scores, rank - 1), v)


def _binary(name: str) -> Callable[..., Value]:
    def rule(b: Builder, x: Any, y: Any, *, alpha: float = 1, **_: object) -> Value:
        if alpha != 1:
            y = binary(b, "mul", y, alpha) if isinstance(y, Value) else _times(y, alpha)
        return binary(b, name, x, y)

    return rule


def _times(y: Any, alpha: float) -> Any:
    return y.then(y.sizes, lambda numbers: numbers * alpha) if isinstance(y, Const) else y * alpha


def _rsub(b: Builder, x: Value, y: Any, alpha: float = 1) -> Value:
    return _binary("sub")(b, y, x, alpha=alpha)


def _div(b: Builder, x: Any, y: Any, *, rounding_mode: str | None = None) -> Value:
    if rounding_mode:
        raise ShapeError("a division that rounds")
    return binary(b, "div", x, y)


def _pow(b: Builder, x: Any, exponent: Any) -> Value:
    if not isinstance(x, Value) or not isinstance(exponent, int | float):
        raise ShapeError("a power of a tensor")
    return unary(b, Map("square") if exponent == 2 else Pow(float(exponent)), x)


def _lerp(b: Builder, x: Value, y: Value, weight: Any) -> Value:
    return binary(b, "add", x, binary(b, "mul", binary(b, "sub", y, x), weight))


def _addcmul(b: Builder, x: Any, y: Any, z: Any, *, value: float = 1) -> Value:
    return binary(b, "add", binary(b, "mul", binary(b, "mul", y, z), value), x)


def _plain(op: Op) -> Callable[..., Value]:
    return lambda b, x, *_, **__: unary(b, op, x)


def _clamp(b: Builder, x: Value, low: float | None = None, high: float | None = None) -> Value:
    if isinstance(low, Const | Value) or isinstance(high, Const | Value):
        raise ShapeError("a clamp to tensors")
    if (low, high) in {(0, None), (0.0, None)}:
        return unary(b, act.ReLU(), x)
    if (low, high) == (0, 6):
        return unary(b, act.ReLU6(), x)
    largest = float(np.finfo(np.float32).max)
    return unary(b, act.Clamp(-largest if low is None else float(low), largest if high is None else float(high)), x)


def _gelu(b: Builder, x: Value, *, approximate: str = "none") -> Value:
    return unary(b, act.GELU(approximate == "tanh"), x)


def _elu(b: Builder, x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Value:
    if (scale, input_scale) != (1, 1):
        raise ShapeError("an ELU with factors")
    return unary(b, act.ELU(float(alpha)), x)


def _softplus(b: Builder, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    if (beta, threshold) != (1, 20):
        raise ShapeError("a softplus with factors")
    return unary(b, act.Softplus(), x)


def _prelu(b: Builder, x: Value, weight: Const) -> Value:
    return unary(
        b, act.PReLU(math.prod(weight.sizes)), x, {"weight": weight.then((math.prod(weight.sizes),), np.ravel)}
    )


def _softmax(b: Builder, x: Value, at: int, *_: object, **__: object) -> Value:
    return layers.softmax(b, x, shapes.positive(at, len(x.dims)))


def _log_softmax(b: Builder, x: Value, at: int, *_: object) -> Value:
    return unary(b, Map("log"), _softmax(b, x, at))


def _dropout(b: Builder, x: Value, p: float, *_: object) -> Value:
    return unary(b, act.Dropout(float(p)), x) if 0 < p < 1 else x


def _dims(x: Value, at: Ints | None) -> list[int]:
    if at is None or at == []:
        return list(range(len(x.dims)))
    return [at] if isinstance(at, int) else list(at)


def _stat(stat: str) -> Callable[..., Value]:
    def rule(b: Builder, x: Value, at: Ints | None = None, keepdim: bool = False, **_: object) -> Value:  # noqa: FBT001, FBT002 -- torch's own order
        return shapes.reduced(b, x, stat, _dims(x, at), keep=keepdim)

    return rule


def _extreme(stat: str) -> Callable[..., Any]:
    def rule(b: Builder, x: Value, at: Any = None, keepdim: bool = False) -> Any:  # noqa: FBT001, FBT002 -- torch's own order
        if isinstance(at, Value | Const):
            return binary(b, "maximum" if stat == "max" else "minimum", x, at)
        if at is None:
            return shapes.reduced(b, x, stat, _dims(x, None), keep=False)
        return shapes.reduced(b, x, stat, _dims(x, at), keep=keepdim), None

    return rule


def _var(stat: str) -> Callable[..., Value]:
    def rule(b: Builder, x: Value, at: Any = None, *args: object, **named: Any) -> Value:
        unbiased = at if isinstance(at, bool) else args[0] if args and isinstance(args[0], bool) else True
        keep = bool(named.get("keepdim", args[1] if len(args) > 1 else False))
        correction = named.get("correction")
        correction = 1 if correction is None else correction
        gone = _dims(x, None if isinstance(at, bool) else at)
        found = shapes.reduced(b, x, stat, gone, keep=keep)
        count = math.prod(length(x.dims[one]) for one in gone)
        taken = correction if "correction" in named or not args else int(bool(unbiased))
        if not taken:
            return found
        factor = count / max(1, count - taken)
        return binary(b, "mul", found, factor if stat == "var" else math.sqrt(factor))

    return rule


def _var_mean(b: Builder, x: Value, at: Any = None, *args: object, **named: Any) -> tuple[Value, Value]:
    keep = bool(named.get("keepdim", args[1] if len(args) > 1 else False))
    return _var("var")(b, x, at, *args, **named), shapes.reduced(b, x, "mean", _dims(x, at), keep=keep)


def _norm(b: Builder, x: Value, p: float = 2, at: Ints | None = None, keepdim: bool = False, **_: object) -> Value:  # noqa: FBT001, FBT002 -- torch's own order
    if p not in {1, 2}:
        raise ShapeError("a norm of another power")
    return shapes.reduced(
        b, x if p == 2 else unary(b, Map("abs"), x), "l2" if p == 2 else "sum", _dims(x, at), keep=keepdim
    )


def _cat(b: Builder, tensors: list[Value | Const], at: int = 0) -> Value:
    first = next(tensor for tensor in tensors if isinstance(tensor, Value))
    return shapes.concatenated(b, tensors, shapes.positive(at, len(first.dims)))


def _stack(b: Builder, tensors: list[Value], at: int = 0) -> Value:
    if not all(isinstance(tensor, Value) for tensor in tensors):
        raise ShapeError("stored numbers that are stacked with a tensor")
    at = shapes.positive(at, len(tensors[0].dims) + 1)
    return shapes.concatenated(b, [shapes.unsqueezed(tensor, at) for tensor in tensors], at)


def _slice(  # noqa: PLR0913 -- torch's own parameters
    b: Builder, x: Value, at: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Value | Const:
    at = shapes.positive(at, len(x.dims))
    size = length(x.dims[at])
    first, last, _ = slice(start, stop).indices(size)
    if first >= last:  # nothing: as code has it for tokens that are not there
        sizes = (*x.sizes[:at], 0, *x.sizes[at + 1 :])
        return Const(sizes, lambda: np.zeros(sizes, np.float32))
    return shapes.sliced(b, x, at, first, last, step)


def _select(b: Builder, x: Value, at: int, index: int) -> Value:
    at = shapes.positive(at, len(x.dims))
    return shapes.picked(b, x, at, shapes.positive(index, length(x.dims[at])))


def _narrow(b: Builder, x: Value, at: int, start: int, count: int) -> Value:
    return _slice(b, x, at, start, start + count)


def _split(b: Builder, x: Value, sizes: Ints, at: int = 0) -> list[Value]:
    at = shapes.positive(at, len(x.dims))
    full = length(x.dims[at])
    counts = [sizes] * -(-full // sizes) if isinstance(sizes, int) else list(sizes)
    found, start = [], 0
    for count in counts:
        found.append(shapes.sliced(b, x, at, start, start + count, 1))
        start += count
    return found


def _chunk(b: Builder, x: Value, count: int, at: int = 0) -> list[Value]:
    return _split(b, x, max(1, -(-length(x.dims[shapes.positive(at, len(x.dims))]) // count)), at)


def _unbind(b: Builder, x: Value, at: int = 0) -> list[Value]:
    at = shapes.positive(at, len(x.dims))
    return [shapes.picked(b, x, at, index) for index in range(length(x.dims[at]))]


def _flatten(b: Builder, x: Value, first: int = 0, last: int = -1) -> Value:
    rank = len(x.dims)
    first, last = shapes.positive(first, rank), shapes.positive(last, rank)
    sizes = x.sizes
    return shapes.viewed(b, x, (*sizes[:first], math.prod(sizes[first : last + 1]), *sizes[last + 1 :]))


def _unflatten(b: Builder, x: Value, at: int, sizes: Sequence[int]) -> Value:
    at = shapes.positive(at, len(x.dims))
    inner = shapes.resolved(sizes, x.sizes[at])
    return shapes.viewed(b, x, (*x.sizes[:at], *inner, *x.sizes[at + 1 :]))


def _movedim(b: Builder, x: Value, source: Ints, target: Ints) -> Value:  # noqa: ARG001 -- a view
    rank = len(x.dims)
    come = [shapes.positive(at, rank) for at in ([source] if isinstance(source, int) else source)]
    go = [shapes.positive(at, rank) for at in ([target] if isinstance(target, int) else target)]
    order = [at for at in range(rank) if at not in come]
    for place, at in sorted(zip(go, come, strict=True)):
        order.insert(place, at)
    return shapes.permuted(x, order)


def _expand(b: Builder, x: Value, sizes: Sequence[int], **_: object) -> Value:  # noqa: ARG001 -- a view
    have = (1,) * (len(sizes) - len(x.dims)) + x.sizes
    return expanded(x, [mine if size == -1 else size for size, mine in zip(sizes, have, strict=True)])


def _repeat(b: Builder, x: Value, times: Sequence[int]) -> Value:  # noqa: ARG001 -- a view
    found = replace(x, dims=(*[()] * (len(times) - len(x.dims)), *x.dims))
    for at, count in enumerate(times):
        found = shapes.tiled(found, at, count)
    return found


def _repeat_interleave(b: Builder, x: Value, count: int, at: int, **_: object) -> Value:  # noqa: ARG001 -- a view
    if not isinstance(count, int):
        raise ShapeError("repeats given by a tensor")
    return shapes.repeated(x, shapes.positive(at, len(x.dims)), count)


def _pad(b: Builder, x: Value, sides: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
    words = {"constant": "zero", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
    pairs = [(sides[at], sides[at + 1]) for at in range(0, len(sides), 2)][::-1]
    return layers.padded(b, x, pairs, words[mode], float(value or 0))


def _roll(b: Builder, x: Value, shifts: Ints, at: Ints = ()) -> Value:
    places = [at] if isinstance(at, int) else list(at)
    if not places:
        raise ShapeError("a roll of all numbers")
    return shapes.rolled(b, x, [shifts] if isinstance(shifts, int) else list(shifts), places)


def _upsample(mode: str, rank: int) -> Callable[..., Value]:
    def rule(b: Builder, x: Value, size: Sequence[int] | None, *rest: Any, **_: object) -> Value:
        align = bool(rest[0]) if rest and isinstance(rest[0], bool) else False
        factors = next((one for one in reversed(rest) if isinstance(one, list | tuple)), None)
        ready = layers.maps(b, x, rank)
        sizes = tuple(size) if size else tuple(int(n * f) for n, f in zip(ready.shape[1:], factors or [], strict=True))
        op: Op
        if mode == "nearest" and all(out % n == 0 for out, n in zip(sizes, ready.shape[1:], strict=True)):
            op = resize.Upsample(tuple(out // n for out, n in zip(sizes, ready.shape[1:], strict=True)))
        else:
            op = resize.Resize(sizes, mode, align and mode != "nearest")
        return layers.as_maps(x, b.emit(op, [ready.node]))

    return rule


def _pixel_shuffle(b: Builder, x: Value, factor: int) -> Value:
    n, c, h, w = x.sizes
    parts = shapes.viewed(b, x, (n, c // factor**2, factor, factor, h, w))
    return shapes.viewed(b, shapes.permuted(parts, (0, 1, 4, 2, 5, 3)), (n, c // factor**2, h * factor, w * factor))


def _pixel_unshuffle(b: Builder, x: Value, factor: int) -> Value:
    n, c, h, w = x.sizes
    parts = shapes.viewed(b, x, (n, c, h // factor, factor, w // factor, factor))
    return shapes.viewed(b, shapes.permuted(parts, (0, 1, 3, 5, 2, 4)), (n, c * factor**2, h // factor, w // factor))


def _channel_shuffle(b: Builder, x: Value, groups: int) -> Value:
    n, c, *places = x.sizes
    parts = shapes.viewed(b, x, (n, groups, c // groups, *places))
    return shapes.viewed(b, shapes.swapped(parts, 1, 2), (n, c, *places))


def _recurrent(made: type[LSTM | GRU], gates: int) -> Callable[..., Any]:
    def rule(  # noqa: PLR0913 -- torch's own parameters
        b: Builder,
        x: Value,
        state: Any,  # noqa: ARG001 -- zeros, unless the model passes its own
        params: list[Const],
        has_bias: bool,  # noqa: FBT001 -- torch's own order
        count: int,
        dropout: float,  # noqa: ARG001 -- as above
        train: bool,  # noqa: ARG001, FBT001 -- as above
        both: bool,  # noqa: FBT001 -- as above
        batch_first: bool = False,  # noqa: FBT001, FBT002 -- as above
    ) -> Any:
        time, feature = (1, 2) if batch_first else (0, 2)
        batch = 0 if batch_first else 1
        hidden = params[0].sizes[0] // gates
        more = [x.dims[batch]] if x.dims[batch] else []
        groups = [x.dims[feature], x.dims[time], *more]
        if more and x.dims[time][0].axis > more[0][0].axis:  # places stay in the order that they have
            groups[1:] = groups[:0:-1]
        ready = layers.settled(b, x, groups)
        op = made(hidden, count, both, has_bias, groups.index(x.dims[time], 1))
        names = [weight.name for weight in op.weights((ready.shape,))]
        kinds = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if has_bias else [])]
        order = [
            f"{kind}_l{at}{back}" for at in range(count) for back in ("", "_reverse")[: 1 + both] for kind in kinds
        ]
        assert sorted(order) == sorted(names)
        found = b.emit(op, [ready.node], dict(zip(order, params, strict=True)))
        dims = whole(found.shape)
        steps = dims[op.along]
        rest = dims[3 - op.along] if more else ()
        out = replace(found, dims=(rest, steps, dims[0]) if batch_first else (steps, rest, dims[0]))
        return out, None, None

    return rule


def _masked_fill(b: Builder, x: Value, mask: Any, number: Any) -> Value:
    value = float(number.load()) if isinstance(number, Const) else number
    if not isinstance(mask, Const) or not isinstance(value, int | float):
        raise ShapeError("a mask that depends on the input")
    if value > -1e3 and math.isfinite(value):
        kept = mask.then(mask.sizes, lambda numbers: np.where(numbers, 0.0, 1.0).astype(np.float32))
        x = binary(b, "mul", x, kept)
    return binary(b, "add", x, mask.then(mask.sizes, lambda numbers: np.where(numbers, value, 0.0).astype(np.float32)))


def _same(b: Builder, x: Value, *_: object, **__: object) -> Value:  # noqa: ARG001 -- the same numbers
    return x


def _lrn(b: Builder, x: Value, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Value:
    return unary(b, LocalResponseNorm(size, alpha, beta, k), plain(b, x))


ACTIVATIONS: dict[str, Op] = {
    "relu": act.ReLU(),
    "relu6": act.ReLU6(),
    "hardswish": act.Hardswish(),
    "hardsigmoid": act.Hardsigmoid(),
    "sigmoid": act.Sigmoid(),
    "tanh": act.Tanh(),
    "silu": act.SiLU(),
    "mish": act.Mish(),
    "selu": act.SELU(),
    "exp": Map("exp"),
    "log": Map("log"),
    "sqrt": Map("sqrt"),
    "rsqrt": Map("rsqrt"),
    "abs": Map("abs"),
    "neg": Map("neg"),
    "square": Map("square"),
    "sin": Map("sin"),
    "cos": Map("cos"),
    "erf": Map("erf"),
    "reciprocal": Map("reciprocal"),
    "log_sigmoid": Map("logsigmoid"),
    "softsign": Map("softsign"),
}
"""Functions of single numbers, without parameters."""

RULES: dict[str, Callable[..., Any]] = {
    **{name: _plain(op) for name, op in ACTIVATIONS.items()},
    **{f"conv{rank}d": _conv(rank) for rank in (1, 2, 3)},
    "conv_transpose1d": _conv_transpose(1),
    "conv_transpose2d": _conv_transpose(2),
    "conv_transpose3d": _conv_transpose(3),
    "convolution": _convolution,
    **{f"max_pool{rank}d": _pool(rank, "max") for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": _pool(rank, "mean") for rank in (1, 2, 3)},
    **{f"adaptive_avg_pool{rank}d": _adaptive(rank, "mean") for rank in (1, 2, 3)},
    **{f"adaptive_max_pool{rank}d": _adaptive(rank, "max") for rank in (1, 2, 3)},
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "linear": _linear,
    "addmm": _addmm,
    "baddbmm": _addmm,
    "mm": _matmul,
    "bmm": _matmul,
    "mv": _matmul,
    "matmul": _matmul,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "lstm": _recurrent(LSTM, 4),
    "gru": _recurrent(GRU, 3),
    "add": _binary("add"),
    "sub": _binary("sub"),
    "rsub": _rsub,
    "mul": _binary("mul"),
    "multiply": _binary("mul"),
    "div": _div,
    "true_divide": _div,
    "maximum": _binary("maximum"),
    "minimum": _binary("minimum"),
    "pow": _pow,
    "lerp": _lerp,
    "addcmul": _addcmul,
    "hardtanh": lambda b, x, low=-1, high=1: _clamp(b, x, low, high),
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda b, x, high: _clamp(b, x, None, high),
    "leaky_relu": lambda b, x, slope=0.01: unary(b, act.LeakyReLU(float(slope)), x),
    "gelu": _gelu,
    "elu": _elu,
    "softplus": _softplus,
    "prelu": _prelu,
    "softmax": _softmax,
    "_softmax": _softmax,
    "log_softmax": _log_softmax,
    "dropout": _dropout,
    "feature_dropout": _dropout,
    "mean": _stat("mean"),
    "sum": _stat("sum"),
    "amax": _stat("max"),
    "amin": _stat("min"),
    "max": _extreme("max"),
    "min": _extreme("min"),
    "var": _var("var"),
    "std": _var("std"),
    "var_mean": _var_mean,
    "norm": _norm,
    "linalg_vector_norm": _norm,
    "cat": _cat,
    "concat": _cat,
    "concatenate": _cat,
    "stack": _stack,
    "slice": _slice,
    "select": _select,
    "narrow": _narrow,
    "split": _split,
    "split_with_sizes": _split,
    "chunk": _chunk,
    "tensor_split": _chunk,
    "unbind": _unbind,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "view": lambda b, x, sizes: shapes.viewed(b, x, sizes),
    "reshape": lambda b, x, sizes: shapes.viewed(b, x, sizes),
    "_unsafe_view": lambda b, x, sizes: shapes.viewed(b, x, sizes),
    "view_as": lambda b, x, y: shapes.viewed(b, x, y.sizes),
    "reshape_as": lambda b, x, y: shapes.viewed(b, x, y.sizes),
    "permute": lambda b, x, order: shapes.permuted(x, order),  # noqa: ARG005 -- a view
    "transpose": lambda b, x, a, c: shapes.swapped(x, a, c),  # noqa: ARG005 -- a view
    "swapaxes": lambda b, x, a, c: shapes.swapped(x, a, c),  # noqa: ARG005 -- a view
    "t": lambda b, x: shapes.swapped(x, 0, -1),  # noqa: ARG005 -- a view
    "numpy_T": lambda b, x: shapes.permuted(x, range(len(x.dims))[::-1]),  # noqa: ARG005 -- a view
    "movedim": _movedim,
    "squeeze": lambda b, x, at=None: shapes.squeezed(x, [at] if isinstance(at, int) else at),  # noqa: ARG005 -- a view
    "unsqueeze": lambda b, x, at: shapes.unsqueezed(x, at),  # noqa: ARG005 -- a view
    "expand": _expand,
    "expand_as": lambda b, x, y: _expand(b, x, y.sizes),
    "repeat": _repeat,
    "repeat_interleave": _repeat_interleave,
    "pad": _pad,
    "constant_pad_nd": lambda b, x, sides, value=0: _pad(b, x, sides, "constant", value),
    "roll": _roll,
    "upsample_nearest1d": _upsample("nearest", 1),
    "upsample_nearest2d": _upsample("nearest", 2),
    "upsample_nearest3d": _upsample("nearest", 3),
    "upsample_linear1d": _upsample("bilinear", 1),
    "upsample_bilinear2d": _upsample("bilinear", 2),
    "upsample_trilinear3d": _upsample("bilinear", 3),
    "upsample_bicubic2d": _upsample("bicubic", 2),
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "channel_shuffle": _channel_shuffle,
    "masked_fill": _masked_fill,
    **dict.fromkeys(
        ("contiguous", "clone", "detach", "alias", "to", "_to_copy", "type_as", "lift_fresh", "positive", "float"),
        _same,
    ),
}
"""By the name of the operation, without the underscore of those that work in place."""

VIEWS = {
    "slice", "select", "narrow", "split", "split_with_sizes", "chunk", "tensor_split", "unbind", "flatten", "unflatten",
    "view", "reshape", "view_as", "reshape_as", "permute", "transpose", "swapaxes", "t", "numpy_T", "movedim", "squeeze", "unsqueeze",
    "expand", "expand_as", "contiguous", "detach", "alias", "to",
}  # fmt: skip
"""Operations whose result shares its memory with the tensor that they are given."""
