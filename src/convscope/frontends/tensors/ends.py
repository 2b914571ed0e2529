"""Outputs of a net: the layer and the layout of each tensor that a source returns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convscope.core.graph import Output
from convscope.core.order import BATCH, SCALAR, pattern_of
from convscope.core.pattern import LETTERS
from convscope.frontends.tensors.settle import fine, parts, settled, without_repeats
from convscope.frontends.tensors.values import Factor, Value, joined, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.graph import Input, Path
    from convscope.core.shape import Shape
    from convscope.frontends.tensors.builder import Builder
    from convscope.frontends.tensors.values import Dim, Dims

_ODD = re.compile(r"[^\w\-]+", re.ASCII)

FIRST = "first"
LAST = "last"


def output_of(
    builder: Builder,
    value: Value,
    path: Path = (),
    *,
    title: str = "",
    channels: str = FIRST,
    batch: int | None = None,
) -> Output:
    """Make an output of the net.

    Args:
        builder: receives a layer if the tensor repeats values.
        value: the tensor that is returned.
        path: its position in the returned structure.
        title: its name in the source, if the path does not state it.
        channels: their position in the natural layout of the source, :data:`FIRST` or :data:`LAST`.
        batch: the axis of the batch, if that has length 1; None for that of the inputs.
    """
    value = without_repeats(builder, value)
    axes = whole(value.shape)
    batch = _position_of_batch(builder.inputs) if batch is None else batch
    natural = ((), *axes) if channels == FIRST else ((), *axes[1:], axes[0])
    order = "" if value.dims == natural else order_of(value, batch)
    if order is None:
        value = settled(builder, value, [tuple(factor for dim in value.dims for factor in dim)])
        order = order_of(value, batch)
        assert order is not None, "one axis has as many parts as the tensor has dimensions"
    return Output(value.node, path, order, title)


def laid(shape: Shape, order: str) -> Dims:
    """Return the dimensions of an input in an order, which defaults to ``n c h w``.

    >>> laid((8, 7), "a8xb7:bxnxa")
    ((Factor(axis=1, size=7, step=1),), (), (Factor(axis=0, size=8, step=1),))
    """
    if not order:
        return ((), *whole(shape))
    pattern = pattern_of(order)
    position: dict[str, Factor] = {}
    for axis, letters in enumerate(pattern.inputs[0][1:]):
        for at, letter in enumerate(letters):
            position[letter] = Factor(axis, pattern.sizes[letter], pattern.size(letters[at + 1 :]))
    return tuple(
        joined(position[letter] for letter in dim if letter != BATCH and pattern.sizes[letter] > 1)
        for dim in pattern.output
    )


def key(name: object) -> str:
    """Return a key of a dict, or the name of a field, as a step of a path.

    >>> key("cls/logits"), key(0)
    ('cls_logits', '0')
    """
    return _ODD.sub("_", str(name)).lstrip("-") or "_"


def order_of(value: Value, batch: int = 0) -> str | None:
    """Return the layout of a tensor, see :mod:`convscope.core.order`; None if it has too many parts for letters."""
    axes = parts(value.shape, (factor for dim in value.dims for factor in dim))
    free = (letter for letter in LETTERS if letter != BATCH)
    letters = dict(zip((factor for axis in axes for factor in axis), free, strict=False))
    if len(letters) < sum(map(len, axes)):
        return None
    before = "x".join("".join(f"{letters[factor]}{factor.size}" for factor in axis) or "1" for axis in axes)
    return f"{before}:{'x'.join(_after(value.dims, letters, axes, batch))}"


def _position_of_batch(inputs: Sequence[Input]) -> int:
    """Return the batch axis of all inputs; 0 if they differ."""
    axes = [pattern_of(one.order).output if one.order else (BATCH,) for one in inputs]
    positions = {one.index(BATCH) for one in axes if BATCH in one}
    return positions.pop() if len(positions) == 1 else 0


def _after(dims: Dims, letters: dict[Factor, str], axes: Sequence[Dim], batch: int) -> list[str]:
    """Return the dimensions of a tensor in letters. The batch is at its position in the inputs, or first."""
    ones = [at for at, dim in enumerate(dims) if not dim]
    found = batch if batch in ones else next(iter(ones), None)
    return [
        BATCH if at == found else "".join(letters[factor] for factor in fine(dim, tuple(axes))) or "1"
        for at, dim in enumerate(dims)
    ] or [SCALAR]
