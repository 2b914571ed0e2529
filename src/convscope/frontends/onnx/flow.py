"""Operators on sequences of tensors, which some exporters use to pass parts of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import spend
from convscope.errors import ShapeError
from convscope.frontends.onnx.consts import known, lazy
from convscope.frontends.onnx.fold_shape import axis_of
from convscope.frontends.onnx.held import Held
from convscope.frontends.onnx.sequence import Sequence
from convscope.frontends.onnx.steps import LAYER, PART
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from convscope.frontends.onnx.call import Call, Given
    from convscope.frontends.onnx.lost import Lost


READ = 4
"""Tensors of a sequence that are examined in one step."""


def flat(inputs: Iterable[Given]) -> Iterator[Value | Const | Held | Lost | None]:
    """Yield tensors, including those in sequences."""
    for one in inputs:
        if isinstance(one, Sequence):
            spend(len(one) / READ)
            yield from one
        else:
            yield one


def values(inputs: Iterable[Given]) -> Iterator[Value]:
    """Return the tensors that depend on the net's input."""
    for one in flat(inputs):
        if isinstance(one, Value | Held):
            yield one if isinstance(one, Value) else one.value


def _sequence(call: Call) -> Sequence:
    found = call.get(0)
    if not isinstance(found, Sequence):
        raise ShapeError("the input must be a sequence of tensors")
    return found


def _constructed(call: Call) -> list[Given]:
    """See the operator SequenceConstruct; a sequence of sequences would double with each level."""
    if any(isinstance(one, Sequence) for one in call.inputs):
        raise ShapeError("a sequence of sequences is not supported")
    return [Sequence.of(call.inputs)]


def _at(call: Call) -> list[Given]:
    index = (call.ints(1) or [0])[0]
    return [_sequence(call)[index]]


def _counted(call: Call) -> list[Given]:
    return [known(np.asarray(len(_sequence(call)), dtype=np.int64))]


def _position(call: Call, at: int, otherwise: int) -> int:
    """Return the position in a sequence that an operation names, counted from the front."""
    given = call.ints(at)
    found = given[0] if given else otherwise
    return max(0, found + len(_sequence(call))) if found < 0 else found


def _inserted(call: Call) -> list[Given]:
    found = _sequence(call)
    return [found.with_one(call.tensor(1), min(_position(call, 2, len(found)), len(found)))]


def _split(call: Call) -> list[Given]:
    """See the operator SplitToSequence."""
    x = call.value(0)
    at = axis_of(call, 0, len(x.dims))
    full, given = x.sizes[at], call.ints(1)
    split = call.maybe(1)
    if given is None:
        counts = [1] * full
    elif split is not None and not split.sizes:
        counts = [min(given[0], full - start) for start in range(0, full, max(1, given[0]))]
    else:
        counts = given
    if sum(counts) != full or len(counts) > 2**12:
        raise ShapeError(f"a dimension of {full} cannot be split into {len(counts)} parts of these lengths")
    spend(LAYER * len(counts))
    found, start = [], 0
    for count in counts:
        found.append(shapes.sliced(call.builder, x, at, start, start + count, 1))
        start += count
    if given is None and not call.whole("keepdims", 1):
        found = [shapes.squeezed(one, [at]) for one in found]
    return [Sequence.of(found)]


def _joined(call: Call) -> list[Given]:
    """See the operator ConcatFromSequence."""
    tensors = list(_sequence(call))
    spend(PART * len(tensors))
    new = bool(call.whole("new_axis", 0))
    at = shapes.positive(call.whole("axis", 0), len(tensors[0].sizes) + new)
    if not any(isinstance(one, Value) for one in tensors):
        sizes = list(tensors[0].sizes)
        if new:
            sizes.insert(at, len(tensors))
        else:
            sizes[at] = sum(one.sizes[at] for one in tensors)
        join = np.stack if new else np.concatenate
        return [lazy(tuple(sizes), tensors, lambda arrays: join(arrays, at))]
    if new:
        if not all(isinstance(one, Value) for one in tensors):
            raise ShapeError("stacking a constant with a tensor is not supported")
        tensors = [shapes.unsqueezed(one, at) for one in tensors]
    return [shapes.concatenated(call.builder, tensors, at)]


SEQUENCES: dict[str, Callable[[Call], list[Given]]] = {
    "SequenceEmpty": lambda _: [Sequence.of(())],
    "SequenceConstruct": _constructed,
    "SequenceAt": _at,
    "SequenceLength": _counted,
    "SequenceInsert": _inserted,
    "SplitToSequence": _split,
    "ConcatFromSequence": _joined,
}
"""Rules by the name of the operator in ONNX's own domain."""
