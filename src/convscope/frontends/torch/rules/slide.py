"""Convolution, pooling, resizing, norms, recurrent layers."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import ShapeError
from convscope.frontends.tensors import layers, shapes
from convscope.frontends.tensors.algebra import binary
from convscope.frontends.tensors.settle import settled
from convscope.frontends.tensors.values import Const, Value, whole
from convscope.ops import pool, resize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.core.op import Op
    from convscope.frontends.tensors.builder import Builder
    from convscope.ops.recurrent import GRU, LSTM

Ints = int | list[int] | tuple[int, ...]


def per_axis(value: Ints, rank: int) -> tuple[int, ...]:
    """Return a number for each axis; torch may pass a list of one for all."""
    numbers = (value,) if isinstance(value, int) else tuple(value)
    return numbers * rank if len(numbers) == 1 else numbers


def pads_of(value: Ints | str, rank: int) -> Any:
    if isinstance(value, str):
        return "same" if value == "same" else ((0, 0),)
    return tuple((side, side) for side in per_axis(value, rank))


def conv_rule(rank: int) -> Callable[..., Value]:
    def rule(
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
            b, x, weight, bias, stride=per_axis(stride, rank), pad=pads_of(padding, rank),
            dilation=per_axis(dilation, rank), groups=groups,
        )  # fmt: skip

    return rule


def conv_transpose(rank: int) -> Callable[..., Value]:
    def rule(
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
            b, x, weight, bias, stride=per_axis(stride, rank), pad=pads_of(padding, rank),
            dilation=per_axis(dilation, rank), output_pad=per_axis(output_padding, rank), groups=groups,
        )  # fmt: skip

    return rule


def convolution(
    b: Builder,
    x: Value,
    weight: Const,
    bias: Const | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
) -> Value:
    rank = len(weight.sizes) - 2
    if transposed:
        return conv_transpose(rank)(b, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return conv_rule(rank)(b, x, weight, bias, stride, padding, dilation, groups)


def pool_rule(rank: int, kind: str) -> Callable[..., Value]:
    def maximum(
        b: Builder,
        x: Value,
        kernel: Ints,
        stride: Ints = (),
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil: bool = False,
    ) -> Value:
        size = per_axis(kernel, rank)
        steps = per_axis(stride, rank) or size
        pads = pads_of(padding, rank)
        return layers.max_pool(b, x, size, stride=steps, pad=pads, dilation=per_axis(dilation, rank), ceil=ceil)

    def mean(
        b: Builder,
        x: Value,
        kernel: Ints,
        stride: Ints = (),
        padding: Ints = 0,
        ceil: bool = False,
        count: bool = True,
        divisor: int | None = None,
    ) -> Value:
        size = per_axis(kernel, rank)
        steps = per_axis(stride, rank) or size
        pads = pads_of(padding, rank)
        if divisor and ceil:
            raise ShapeError("divisor_override together with ceil_mode is not supported")
        found = layers.avg_pool(b, x, size, stride=steps, pad=pads, ceil=ceil, count_pad=count or bool(divisor))
        return found if not divisor else binary(b, "mul", found, math.prod(size) / divisor)

    return maximum if kind == "max" else mean


def adaptive(rank: int, kind: str) -> Callable[..., Any]:
    def rule(b: Builder, x: Value, size: Ints) -> Any:
        ready = layers.maps(b, x, rank)
        sizes = tuple(n if s is None else s for s, n in zip(per_axis(size, rank), ready.shape[1:], strict=True))
        op: Op
        if set(sizes) == {1}:
            op = pool.GlobalMaxPool() if kind == "max" else pool.GlobalAvgPool()
        else:
            op = pool.AdaptiveMaxPool(sizes) if kind == "max" else pool.AdaptiveAvgPool(sizes)
        found = layers.as_maps(x, b.emit(op, [ready.node]))
        return (found, None) if kind == "max" else found  # torch also returns the positions of the maxima

    return rule


def upsample(mode: str, rank: int) -> Callable[..., Value]:
    def rule(b: Builder, x: Value, size: Sequence[int] | None, *rest: Any, **_: object) -> Value:
        align = bool(rest[0]) if rest and isinstance(rest[0], bool) else False
        given = next((one for one in rest if isinstance(one, list | tuple)), rest)
        factors = [one for one in given if isinstance(one, float)]
        ready = layers.maps(b, x, rank)
        sizes = tuple(size) if size else tuple(int(n * f) for n, f in zip(ready.shape[1:], factors, strict=True))
        ends = zip(ready.shape[1:], factors or repeat(1.0), sizes, strict=False)
        if factors and not align and any(abs(n * factor - out) > 1e-6 for n, factor, out in ends):
            raise ShapeError("a scale factor that gives a fractional output size is not supported")
        op: Op
        if mode == "nearest" and all(out % n == 0 for out, n in zip(sizes, ready.shape[1:], strict=True)):
            op = resize.Upsample(tuple(out // n for out, n in zip(sizes, ready.shape[1:], strict=True)))
        else:
            op = resize.Resize(sizes, mode, align and mode != "nearest")
        return layers.as_maps(x, b.emit(op, [ready.node]))

    return rule


def batch_norm(
    b: Builder,
    x: Value,
    weight: Const | None,
    bias: Const | None,
    mean: Const | None,
    var: Const | None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn: bool = False,
) -> Value:
    if training or mean is None or var is None:  # a batch of one sample: its own statistics, of each channel
        return layers.instance_norm(b, x, weight, bias, eps)
    names = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": var}
    return layers.batch_norm(b, x, {name: const for name, const in names.items() if const is not None}, eps)


def instance_norm(
    b: Builder,
    x: Value,
    weight: Const | None,
    bias: Const | None,
    mean: Const | None,
    var: Const | None,
    use_input: bool,
    momentum: float,
    eps: float,
    cudnn: bool = False,
) -> Value:
    if not use_input:
        return batch_norm(b, x, weight, bias, mean, var, False, momentum, eps, cudnn)
    return layers.instance_norm(b, x, weight, bias, eps)


def layer_norm(
    b: Builder, x: Value, shape: Sequence[int], weight: Const | None = None, bias: Const | None = None,
    eps: float = 1e-5, cudnn: bool = True,
) -> Value:  # fmt: skip
    return layers.layer_norm(b, x, len(shape), weight, bias, eps)


def rms_norm(
    b: Builder, x: Value, shape: Sequence[int], weight: Const | None = None, eps: float | None = None
) -> Value:
    return layers.layer_norm(
        b, x, len(shape), weight, None, float(np.finfo(np.float32).eps) if eps is None else eps, rms=True
    )


def group_norm(
    b: Builder, x: Value, groups: int, weight: Const | None = None, bias: Const | None = None,
    eps: float = 1e-5, cudnn: bool = True,
) -> Value:  # fmt: skip
    return layers.group_norm(b, x, groups, weight, bias, eps)


def recurrent(made: type[LSTM | GRU], gates: int) -> Callable[..., Any]:
    def rule(
        b: Builder,
        x: Value,
        state: Any,
        params: list[Const],
        has_bias: bool,
        count: int,
        dropout: float,
        train: bool,
        both: bool,
        batch_first: bool = False,
    ) -> Any:
        time, feature = (1, 2) if batch_first else (0, 2)
        batch = 0 if batch_first else 1
        for start in state if isinstance(state, list) else [state]:
            if not isinstance(start, Const) or start.roots or np.any(start.load()):
                raise ShapeError("a non-zero initial hidden state is not supported")
        hidden = params[0].sizes[0] // gates
        more = [x.dims[batch]] if x.dims[batch] else []
        groups = [x.dims[feature], x.dims[time], *more]
        if more and x.dims[time][0].axis > more[0][0].axis:  # positions keep their order
            groups[1:] = groups[:0:-1]
        ready = settled(b, x, groups)
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
        last = partial(last_state, b, out, time, both=both) if count == 1 else None
        return (out, last, None) if gates == 4 else (out, last)

    return rule


def last_state(b: Builder, out: Value, time: int, *, both: bool) -> Value:
    """Return the state after the last step of a recurrent layer, which is the first one backwards."""
    steps, width = out.sizes[time], out.sizes[2]
    if not both:
        return shapes.unsqueezed(shapes.picked(b, out, time, steps - 1), 0)
    ends = [(steps - 1, 0, width // 2), (0, width // 2, width)]
    parts = [
        shapes.sliced(b, shapes.unsqueezed(shapes.picked(b, out, time, at), 0), 2, start, stop, 1)
        for at, start, stop in ends
    ]
    return shapes.concatenated(b, parts, 0)
