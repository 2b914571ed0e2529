"""Rules for torch operators: the registry, and the rules of operators that move values.

The rules are the surrogates of the probe. Every path is open and learned weights do not matter: elementwise functions
are omitted, a maximum becomes an average, a product of two tensors becomes their sum, and a norm adds the average by
which it divides. Geometry (windows, views, indices) is left to torch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from convscope.verification.call import Call
from convscope.verification.signals import Signal, apart

if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[[Call], Any]

DECIDES = "the forward pass depends on the values of its tensors"
"""A doubt: with other values, it could have taken another path."""

RULES: dict[str, Rule] = {}
"""Rules by the name of an operator, or by name and variant; a rule returns a signal, a list with signals, or values."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule."""

    def register(made: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, made))
        return made

    return register


def find(call: Call) -> Rule:
    """Return the rule of an operator."""
    made = RULES.get(call.overload) or RULES.get(call.name)
    if made:
        return made
    if torch.Tag.pointwise in call.func.tags:
        return pointwise
    return through if call.func.is_view else unknown


@rule(
    "hardswish", "_prelu_kernel", "rsub", "floor_divide", "polar", "complex", "fake_quantize_per_tensor_affine",
    "bernoulli", "hardshrink",
)  # fmt: skip
def pointwise(call: Call) -> Signal:
    """Let each position read the same position of every argument."""
    return call.blend(call.signals, torch.broadcast_shapes(*call.shapes))  # type: ignore[no-untyped-call] # torch's own


@rule(
    "index", "index_select", "gather", "take", "rot90", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle",
    "native_channel_shuffle", "im2col", "col2im", "repeat",
    "cumsum", "tril", "triu", "index_put", "_unsafe_index", "_unsafe_index_put", "_index_put_impl", "scatter",
    "scatter_add", "index_add", "index_copy", "slice_scatter", "select_scatter", "diagonal_scatter", "copy", "zero",
    "masked_select", "masked_scatter", "diag_embed", "trace", "fill.Tensor",
)  # fmt: skip
def through(call: Call) -> Any:
    """Run operators that move, copy or add values with torch itself."""
    return call.through()


@rule("clone")
def _cloned(call: Call) -> Signal:
    """Copy to new memory, unless nothing would notice."""
    signal: Signal = call.get("self")
    return signal.copy() if signal.repeats else call.through()


@rule("constant_pad_nd")
def _padded(call: Call) -> Signal:
    """Pad; nothing flows from padding of any kind."""
    signal, sides = call.get("self"), call.get("pad")
    axes = range(-len(sides) // 2, 0)
    found: Signal = signal.each(lambda value: apart(value, axes, lambda part: torch.constant_pad_nd(part, sides)))
    return found


@rule(
    "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d",
    "replication_pad3d",
)  # fmt: skip
def _mirrored(call: Call) -> Signal:
    signal, sides = call.get("self"), call.get("padding")
    axes = range(-len(sides) // 2, 0)
    found: Signal = signal.each(lambda value: apart(value, axes, lambda part: call.func(part, sides)))
    return found


@rule("roll", "flip")
def _turned(call: Call) -> Signal:
    signal, dims = call.get("self"), call.get("dims")
    rest = call.args[1:]
    found: Signal = signal.each(
        lambda value: apart(value, dims or range(value.ndim), lambda part: call.func(part, *rest))
    )
    return found


@rule("fill.Scalar")
def _filled(call: Call) -> Signal:
    signal: Signal = call.get("self")
    return signal.silence()


def unknown(call: Call) -> Any:
    """Handle an operator without a rule: every position of a result with signals reads everything."""
    results = call.on_numbers()
    single = isinstance(results, Tensor)
    found = [_flowing(call, result) for result in ((results,) if single else results)]
    if any(isinstance(result, Signal) for result in found):
        call.doubts[f"{call.name} is assumed to read every position"] = None
    return found[0] if single else found


def _flowing(call: Call, result: Any) -> Any:
    flows = isinstance(result, Tensor) and (result.is_floating_point() or result.is_complex())
    return call.everything(result.shape) if flows else result


@rule("_local_scalar_dense", "equal", "is_nonzero")
def _number(call: Call) -> Any:
    call.doubts[DECIDES] = None
    return call.on_numbers()


@rule(
    "gt", "ge", "lt", "le", "eq", "ne", "isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "any", "all",
    "logical_and", "logical_or", "logical_not", "logical_xor", "argmax", "argmin", "argsort", "nonzero", "isin",
    "bucketize", "searchsorted",
)  # fmt: skip
def _positions_and_flags(call: Call) -> Any:
    return call.on_numbers()


@rule(
    "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "new_zeros", "new_ones",
    "new_full", "new_empty", "new_empty_strided",
)  # fmt: skip
def _made(call: Call) -> Any:
    """Make a tensor of another tensor's shape, from which nothing flows."""
    return call.on_numbers()


@rule("detach", "alias", "lift_fresh", "lift")
def _alias(call: Call) -> Any:
    """Keep the dependence, even if the gradient in training would end here."""
    return call.through(torch.ops.aten.alias.default)


@rule("_to_copy")
def _converted(call: Call) -> Any:
    signal: Signal = call.get("self")
    kind = call.get("dtype")
    return call.on_numbers() if kind and not (kind.is_floating_point or kind.is_complex) else signal.copy()


@rule("view", "_unsafe_view", "_reshape_alias", "reshape")
def _viewed(call: Call) -> Signal:
    shape = call.get("size", "shape")
    if shape is None:  # the bits, reinterpreted as another dtype
        return call.everything(call.on_numbers().shape)
    signal: Signal = call.get("self")
    return signal.each(lambda value: value.reshape(shape))


@rule("as_strided")
def _strided(call: Call) -> Signal:
    """Compute the view with the strides that the module's own tensor would have."""
    signal: Signal = call.get("self")
    found: Signal = call.on(signal.own()).through()
    return found


@rule("split", "unsafe_split", "split_with_sizes", "unsafe_split_with_sizes")
def _split(call: Call) -> list[Signal]:
    """Make views one by one, since views that autograd makes together must not be written to."""
    signal, dim = call.get("self"), call.get("dim")
    sizes, total = call.get("split_size", "split_sizes"), signal.shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, total - start) for start in range(0, total, sizes)]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    return [_narrowed(signal, dim, start, size) for start, size in zip(starts, sizes, strict=True)]


def _narrowed(signal: Signal, dim: int, start: int, size: int) -> Signal:
    return signal.each(lambda value: value.narrow(dim, start, size))


@rule("unbind")
def _unbound(call: Call) -> list[Signal]:
    signal, dim = call.get("self"), call.get("dim")
    return [_selected(signal, dim, number) for number in range(signal.shape[dim])]


def _selected(signal: Signal, dim: int, at: int) -> Signal:
    return signal.each(lambda value: value.select(dim, at))


@rule("cat", "stack")
def _joined(call: Call) -> Any:
    """Concatenate; without gates, parts that lost their position are zero if others have theirs."""
    parts = call.get("tensors")
    if not call.gates and any(isinstance(part, Signal) and not part.lost and not part.silent for part in parts):
        parts = [
            replace(part.silence(), lost=False) if isinstance(part, Signal) and part.lost else part for part in parts
        ]
    return Call(call.func, (parts, *call.args[1:]), call.kwargs, call.gates).through()


@rule("view_as_real")
def _pairs(call: Call) -> Signal:
    """Treat a complex number as one value."""
    signal: Signal = call.get("self")
    return signal.each(lambda value: value.unsqueeze(-1)).to((*signal.shape, 2))


@rule("view_as_complex")
def _single(call: Call) -> Signal:
    return call.average(call.get("self"), (-1,), keepdim=False)
