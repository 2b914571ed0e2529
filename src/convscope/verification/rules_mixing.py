"""Rules of operators that average over entire axes: reductions, norms, softmax, matrix products, Fourier transforms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from convscope.verification.call import Call, shared
from convscope.verification.rules import rule
from convscope.verification.signals import Signal

NOTHING = torch.empty(0)
"""A placeholder for results that only a backward pass reads."""


@rule(
    "mean", "sum", "amax", "amin", "prod", "std", "var", "norm", "linalg_vector_norm", "logsumexp", "nansum",
    "max.", "min.", "median.",
)  # fmt: skip
def _reduced(call: Call) -> Signal:
    return _average(call)


@rule("var_mean", "std_mean", "aminmax")
def _reduced_twice(call: Call) -> list[Signal]:
    return [_average(call), _average(call)]


@rule("max.dim", "min.dim", "median.dim", "mode", "kthvalue")
def _largest(call: Call) -> list[Any]:
    return [_average(call), call.on_numbers()[1]]


def _average(call: Call) -> Signal:
    dims = call.get("dim")
    axes = [dims] if isinstance(dims, int) else list(dims or ())
    return call.average(call.get("self"), axes, keepdim=bool(call.get("keepdim")))


@rule("topk", "sort", "cummax", "cummin")
def _ordered(call: Call) -> list[Any]:
    """Sort: any position along the axis may come first."""
    values, positions = call.on_numbers()
    return [call.average(call.get("self"), (call.get("dim"),)).to(values.shape), positions]


@rule("cumprod", "logcumsumexp")
def _running(call: Call) -> Signal:
    signal, dim = call.get("self"), call.get("dim")
    found: Signal = signal.each(lambda value: value.cumsum(dim))
    return found


@rule("_softmax", "_log_softmax", "_safe_softmax")
def _softmax(call: Call) -> Signal:
    signal: Signal = call.get("self")
    return call.blend([signal, call.average(signal, (call.get("dim"),))], signal.shape)


@rule("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")
def _batch_norm(call: Call) -> list[Any]:
    """Normalise: stored statistics read nothing; those of the map itself (instance norm) read the map."""
    signal: Signal = call.get("input")
    others = [dim for dim in range(len(signal.shape)) if dim != 1]
    statistics = [call.average(signal, others)] if call.get("training") or call.overload.endswith("no_stats") else []
    return [_scaled(call, [signal, *statistics]), NOTHING, NOTHING]


@rule("native_layer_norm", "_fused_rms_norm")
def _layer_norm(call: Call) -> list[Any]:
    signal: Signal = call.get("input")
    last = [-1 - dim for dim in range(len(call.get("normalized_shape")))]
    return [_scaled(call, [signal, call.average(signal, last)]), NOTHING, NOTHING]


@rule("native_group_norm")
def _group_norm(call: Call) -> list[Any]:
    signal, groups = call.get("input"), call.get("group")
    n, channels, *sizes = signal.shape

    def statistics(value: Tensor) -> Tensor:
        grouped = value.reshape(n, groups, -1).mean(2).reshape(n, groups, 1).expand(n, groups, channels // groups)
        return grouped.reshape(n, channels, *[1] * len(sizes))

    found = signal.each(statistics)
    ended = not call.gates and signal.ends(range(2, len(signal.shape)))
    return [_scaled(call, [signal, replace(found, lost=signal.lost or ended)]), NOTHING, NOTHING]


def _scaled(call: Call, paths: list[Signal]) -> Signal:
    """Apply a norm whose scale and shift may be computed."""
    shape = paths[0].shape
    further = (call.get(name) for name in ("weight", "bias"))
    return call.blend([*paths, *(shared(part, len(shape)) for part in further if isinstance(part, Signal))], shape)


@rule("glu")
def _gated(call: Call) -> Signal:
    """Multiply one half with a function of the other."""
    signal, dim = call.get("self"), call.get("dim")
    half = signal.shape[dim] // 2
    parts = [signal.each(lambda value, at=at: value.narrow(dim, at, half)) for at in (0, half)]
    return call.merge(parts, parts[0].shape)


@rule("log_sigmoid_forward", "native_dropout", "rrelu_with_noise_functional")
def _with_buffer(call: Call) -> list[Any]:
    signal: Signal = call.get("self", "input")
    return [signal.copy(), NOTHING]


_FACTORS = {
    "mm": ("self", "mat2", ""),
    "bmm": ("self", "mat2", ""),
    "addmm": ("mat1", "mat2", "self"),
    "_addmm_activation": ("mat1", "mat2", "self"),
    "baddbmm": ("batch1", "batch2", "self"),
}
"""The names of the factors of a matrix product and of the summand."""


@rule(*_FACTORS)
def _product(call: Call) -> Signal:
    """``i k, k j -> i j``: a position reads its row of the first factor and its column of the second."""
    first, second, added = (call.get(name) for name in _FACTORS[call.name])
    if first.shape[-1] != second.shape[-2]:
        raise ValueError(f"shapes {tuple(first.shape)} and {tuple(second.shape)} cannot be multiplied")
    rows = call.average(first, (-1,)) if isinstance(first, Signal) else None
    columns = call.average(second, (-2,)) if isinstance(second, Signal) else None
    if rows and columns and not call.gates and not rows.lost and columns.ends((-1,)):
        columns = None  # keys of entire rows, columns or images: global attention
    return call.merge([rows, columns, added], (*first.shape[:-1], second.shape[-1]))


@rule("linear")
def _linear(call: Call) -> Signal:
    signal, weight, bias = (call.get(name) for name in ("input", "weight", "bias"))
    parts = [part for part in (signal, weight) if isinstance(part, Signal)]
    paths = [call.average(part, (-1,), keepdim=part is signal) for part in parts]
    return call.merge([*paths, bias], (*signal.shape[:-1], weight.shape[0]))


@rule("mv", "addmv")
def _applied(call: Call) -> Signal:
    """Multiply a matrix with a vector."""
    matrix, vector = call.get("mat") if call.name == "addmv" else call.get("self"), call.get("vec")
    rows = call.average(matrix, (-1,), keepdim=False) if isinstance(matrix, Signal) else None
    return call.merge([rows, shared(vector, 1) if isinstance(vector, Signal) else None], matrix.shape[:1])


@rule("_fft_r2c", "_fft_c2r", "_fft_c2c")
def _transformed(call: Call) -> Signal:
    """Transform: every frequency reads every position."""
    signal, dims = call.get("self"), call.get("dim")
    shape = list(signal.shape)
    if call.name == "_fft_r2c" and call.get("onesided"):
        shape[dims[-1]] = shape[dims[-1]] // 2 + 1
    if call.name == "_fft_c2r":
        shape[dims[-1]] = call.get("last_dim_size")
    return call.average(signal, dims).to(shape)
