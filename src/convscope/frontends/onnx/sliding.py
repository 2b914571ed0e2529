"""Settings shared by convolutions and poolings: a number for each axis, explicit or automatic padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.errors import ModelError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.spell import Pads, PerAxis
    from convscope.frontends.onnx.call import Call
    from convscope.frontends.tensors.values import Value


def per_axis(call: Call, name: str, rank: int, default: int = 1) -> PerAxis:
    """Return an attribute with a number for each axis.

    Raises:
        ModelError: the number of values differs.
    """
    found = call.wholes(name) or [default] * rank
    if len(found) != rank:
        raise ModelError(f"{name} has {len(found)} values for {rank} axes")
    return tuple(found)


def pads_of(call: Call, rank: int, sizes: PerAxis, kernel: PerAxis) -> Pads:
    """Return the padding before and after each axis, explicit or automatic."""
    word = call.word("auto_pad", "NOTSET")
    if word == "SAME_UPPER":
        return "same"
    if word == "SAME_LOWER":
        steps, spread = per_axis(call, "strides", rank), per_axis(call, "dilations", rank)
        return tuple(_lower(n, k, s, d) for n, k, s, d in zip(sizes, kernel, steps, spread, strict=True))
    flat = call.wholes("pads") or [0] * 2 * rank
    if word == "VALID":
        flat = [0] * 2 * rank
    if len(flat) != 2 * rank or word not in {"NOTSET", "VALID"}:
        raise ModelError(f"{len(flat)} paddings are given for {rank} axes, {word}")
    return tuple((flat[at], flat[at + rank]) for at in range(rank))


def _lower(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return padding that keeps the size, with an odd pixel before."""
    total = max(0, (-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size)
    return total - total // 2, total // 2


def need(have: Sequence[int], wanted: Sequence[int], name: str) -> None:
    """Raise ModelError unless a constant has the sizes that the operator needs."""
    if tuple(have) != tuple(wanted):
        raise ModelError(f"{name} has size {_text(have)}", expected=_text(wanted))


def _text(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes)) or "()"


def positions(value: Value) -> int:
    """Return the number of spatial dimensions of a tensor ``n c ...``."""
    if len(value.dims) < 3:
        raise ShapeError(f"a tensor of {len(value.dims)} dimensions has no spatial axes")
    return len(value.dims) - 2
