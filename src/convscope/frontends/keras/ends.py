"""Inputs and outputs of a Keras model: sizes, names and nesting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.graph import Input
from convscope.core.pattern import LETTERS
from convscope.core.shape import to_text
from convscope.errors import FieldError, ModelError
from convscope.frontends.tensors.constant import placed
from convscope.frontends.tensors.ends import LAST, key, output_of
from convscope.frontends.tensors.settle import plain, settled
from convscope.frontends.tensors.values import Const, Value, whole
from convscope.ops.act import Identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.graph import Output, Path
    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked, Given
    from convscope.frontends.keras.plan import Plan
    from convscope.frontends.keras.spec import Sizes
    from convscope.frontends.tensors.builder import Builder

_KINDS = {**dict.fromkeys(("int8", "int16", "int32", "int64", "uint16", "uint32"), "int"), "bool": "bool"}
"""Kinds of values by dtype; an image of bytes counts as floats."""

_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@dataclass(frozen=True)
class Taken:
    """An input of a model.

    Attributes:
        input: the input of the net; None for a constant.
        constant: its value, if it is a constant.
        as_stated: whether these are the sizes that the model states.
    """

    input: Input | None
    constant: Any
    as_stated: bool


def taken(made: Plan, asked: Asked) -> list[Taken]:
    """Return the inputs of a model in order.

    Raises:
        FieldError: a size is not stated, or does not fit the model.
        ModelError: an input has more dimensions than a net has axes, or every one is a constant.
        UnknownNameError: the model has no input of a given name.
    """
    names = [ref.layer for ref in made.inputs]
    if len(names) > 1 or len(asked.named) > 1:
        asked.check(names)
    found = []
    for at, name in enumerate(names):
        alone = next(iter(asked.named.values()), None) if len(names) == 1 else None
        given = asked.of(name, at) or alone
        if given is not None and given.constant is not None:
            found.append(Taken(None, given.constant, as_stated=False))
            continue
        one = _input(made, at, given, alone=len(names) == 1)
        stated = made.input_sizes[at]
        sizes = sizes_of(one.shape, channels_first=made.channels_first)
        same = stated is None or all(a in {None, b} for a, b in zip(stated[1:], sizes, strict=True))
        found.append(Taken(one, None, same))
    if all(one.input is None for one in found):
        raise FieldError("every input is a constant", expected="a size for one of them, such as 224x224x3")
    return found


def _input(made: Plan, at: int, given: Given | None, *, alone: bool) -> Input:
    name, stated = made.inputs[at].layer, made.input_sizes[at]
    if given is not None and given.order:
        raise FieldError(f"{name}: a Keras model takes the batch first", expected="height x width x channels")
    label = "input" if alone else name
    shape = _shape(label, stated, given.shape if given else None, channels_first=made.channels_first)
    kind = (given.kind if given else "") or _KINDS.get(made.kinds[at], "float")
    return Input(name, shape, _first(shape) if made.channels_first else "", kind)


def _first(shape: Shape) -> str:
    """Return the order of a tensor with channels first, which is not Keras's natural one.

    >>> _first((3, 8, 6)), _first((5,))
    ('a3xb8xc6:nxaxbxc', '')
    """
    letters = LETTERS[: len(shape)]
    before = "x".join(f"{letter}{size}" for letter, size in zip(letters, shape, strict=True))
    return f"{before}:{'x'.join(('n', *letters))}" if len(shape) > 1 else ""


def _shape(name: str, stated: Sizes | None, shape: Shape | None, *, channels_first: bool) -> Shape:
    """Return the shape ``c h w`` of an input."""
    if stated is None:
        if shape is None:
            raise FieldError(f"{name}: the model does not state its size", expected=_wish(name))
        return shape
    inner = stated[1:]
    if not 1 <= len(inner) <= 4:
        raise ModelError(f"the {name} has {len(stated)} dimensions", expected="a batch and 1 to 4 further dimensions")
    channels, *positions = inner if channels_first else (inner[-1], *inner[:-1])
    wanted = (channels, *positions)
    text = "x".join("?" if size is None else str(size) for size in (*positions, channels))
    if shape is None:
        names = ("channels", *_NAMES.get(len(positions), ()))
        missing = [name for name, size in zip(names, wanted, strict=True) if size is None]
        if missing:
            raise FieldError(f"{name}: {text} does not state the {' and '.join(missing)}", expected=_wish(name))
        shape = tuple(size for size in wanted if size is not None)
    if len(shape) != len(wanted) or channels not in {None, shape[0]}:
        raise FieldError(f"{name}: {to_text(shape)} was given, but the model takes {text}")
    if min(shape) < 1:
        raise ModelError(f"the {name} has size {to_text(shape)}", expected="at least 1 along every axis")
    return shape


def _wish(name: str) -> str:
    return 'such as input="224x224x3"' if name == "input" else f"a size for each, such as --input {name}=224x224x3"


def sizes_of(shape: Shape, *, channels_first: bool) -> Shape:
    """Return the sizes after the batch.

    >>> sizes_of((3, 8, 6), channels_first=False)
    (8, 6, 3)
    """
    return shape if channels_first else (*shape[1:], shape[0])


def given_to(builder: Builder, inputs: Sequence[Taken]) -> list[Value]:
    """Return the inputs as Keras's tensors."""
    found, at = [], 0
    for one in inputs:
        if one.input is None:
            numbers = np.asarray(one.constant, dtype=np.float32)
            found.append(placed(builder, Const(numbers.shape, partial(np.asarray, numbers)), batch=True))
            continue
        value = builder.input(at)
        at += 1
        if not one.input.order:
            batch, channels, *positions = value.dims
            value = replace(value, dims=(batch, *positions, channels))
        found.append(value)
    return found


def returned(builder: Builder, made: Plan, values: Sequence[Value], like: Any) -> list[Output]:
    """Return the outputs of a model in order.

    Args:
        builder: receives layers if values have another order than those of any layer.
        made: the plan of the model.
        values: its outputs.
        like: the nested outputs of the live model; None if unknown.
    """
    builder.scope, builder.whole_scope = "", False
    like = like[0] if isinstance(like, list | tuple) and len(like) == 1 else like
    if not builder.layers:  # an input is returned
        values = [replace(one, node=builder.emit(Identity(), [one.node]).node) for one in values]
    found = []
    for value, ref, path in zip(values, made.outputs, made.paths, strict=True):
        steps = _steps(path, like)
        title = "" if not path or isinstance(path[-1], str) else key(ref.layer)
        ready = _finished(builder, value, channels_first=made.channels_first)
        found.append(output_of(builder, ready, steps, title=title, channels=LAST))
    return found


def _steps(path: tuple[str | int, ...], like: Any) -> Path:
    """Convert a path, distinguishing positions in lists from those in tuples."""
    steps: list[str | int] = []
    for step in path:
        steps.append(key(step) if isinstance(step, str) else step if isinstance(like, tuple) else f"[{step}]")
        try:
            like = like[step]
        except (TypeError, LookupError):
            like = None
    return tuple(steps)


def _finished(builder: Builder, value: Value, *, channels_first: bool) -> Value:
    """Return the output as axes of a layer; if only their order differs, nothing is rearranged."""
    batch, *dims = value.dims
    if sorted(dims) == sorted(whole(value.shape)) and not batch:
        return value
    if batch or not 1 <= len(dims) <= 4:
        return plain(builder, value)
    return settled(builder, value, dims if channels_first else (dims[-1], *dims[:-1]))
