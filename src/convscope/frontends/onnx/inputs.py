"""The inputs of a graph: their names, sizes and layouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.core.graph import KINDS, Input
from convscope.core.net import MAX_CHANNELS, MAX_SIDE
from convscope.core.pattern import LETTERS
from convscope.core.shape import to_text
from convscope.errors import FieldError, ModelError, ShapeError
from convscope.frontends.onnx.graph import declared
from convscope.frontends.onnx.names import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import GraphProto, ValueInfoProto

    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked, Given
    from convscope.frontends.onnx.graph import Declared
    from convscope.frontends.onnx.steps import Step

    Readers = Mapping[str, Sequence[Step]]

NUMBERS = {
    1: "float", 10: "float", 11: "float", 16: "float",
    2: "int", 3: "int", 4: "int", 5: "int", 6: "int", 7: "int", 12: "int", 13: "int", 9: "bool",
}  # fmt: skip
"""Kinds of values of an input, by their number in onnx.proto."""

BYTES = (2, 3)
"""One-byte integers, which an image may have; a single such input counts as an image."""


@dataclass(frozen=True)
class Source:
    """An input of a file.

    Attributes:
        name: in the file.
        input: as the net has it; None for a constant.
        constant: its value, if it is a constant.
        batch: number of samples in the file; 0 if open.
        as_declared: whether these are the sizes that the file states.
    """

    name: str
    input: Input | None
    constant: Any
    batch: int
    as_declared: bool


def sources(graph: GraphProto, stored: set[str], used: set[str], asked: Asked, steps: Sequence[Step]) -> list[Source]:
    """Return the inputs of a net, in the order of the file; unused ones are left out, unless all are unused.

    Raises:
        ModelError: there is none, or one is not a numeric tensor.
        FieldError: sizes are open and not given, or the given ones have other axes.
        ShapeError: the sizes are too large.
        UnknownNameError: the file has no input of a given name.
    """
    readers = _readers(graph, steps)
    found = [info for info in graph.input if info.name not in stored]
    asked.check([info.name for info in found])
    found = [info for info in found if info.name in used or info.name in asked.named] or found
    if not found:
        raise ModelError("the model has no input", expected="a model with at least one input")
    if asked.first is not None and len(found) > 1:
        names = [info.name for info in found if _numbers(info) in {"float", None}] or [info.name for info in found]
        if len(names) > 1 or any(_open(declared(info)) for info in found if info.name not in names):
            listed = ", ".join(f'"{shown(info.name)}"' for info in found[:6])
            raise FieldError(
                f"the model takes {len(found)} inputs: {listed}",
                expected=f"a size for each: --input {shown(found[0].name)}=HxWxC --input {shown(found[1].name)}=…",
            )
        return [_source(info, asked.first if info.name == names[0] else None, readers) for info in found]
    return [_source(info, asked.of(info.name, at), readers, alone=len(found) == 1) for at, info in enumerate(found)]


def _readers(graph: GraphProto, steps: Sequence[Step]) -> Readers:
    """Return the operations that read each input."""
    found: dict[str, list[Step]] = {info.name: [] for info in graph.input}
    for step in steps:
        for name in step.inputs:
            if name in found:
                found[name].append(step)
    return found


def _numbers(info: ValueInfoProto) -> str | None:
    kind = info.type.tensor_type.elem_type if info.type.HasField("tensor_type") else 0
    return NUMBERS.get(kind)


def _open(sizes: Declared | None) -> bool:
    return sizes is None or any(isinstance(one, str) or one < 1 for one in sizes[1:])


def _source(info: ValueInfoProto, given: Given | None, readers: Readers, *, alone: bool = False) -> Source:
    kind = _numbers(info)
    if kind is None:
        raise ModelError(f'the input "{shown(info.name)}" is not a numeric tensor', expected="a floating-point tensor")
    if alone and info.type.tensor_type.elem_type in BYTES:
        kind = KINDS[0]
    sizes = declared(info)
    if given is not None and given.constant is not None:
        return Source(info.name, None, given.constant, 0, as_declared=False)
    if sizes == ():
        if given is None:
            raise FieldError(
                f'the input "{shown(info.name)}" is a single number', expected=f"--input {shown(info.name)}=16000"
            )
        return Source(info.name, None, given.shape[0], 0, as_declared=True)
    if given is not None and given.order:
        return Source(info.name, Input(info.name, _checked(given.shape), given.order, kind), None, 0, as_declared=False)
    return _sized(info, kind, sizes, given, readers[info.name])


def _sized(
    info: ValueInfoProto, kind: str, sizes: Declared | None, given: Given | None, readers: Sequence[Step]
) -> Source:
    """Return an input with its sizes: those of the file, or the given ones."""
    if sizes is None:
        if given is None:
            raise _unknown(info.name, ("all",))
        return Source(info.name, Input(info.name, _checked(given.shape), kind=kind), None, 0, as_declared=False)
    last = _channels_last(len(sizes), readers)
    lone = len(sizes) == 1
    inner = sizes if lone else sizes[1:]
    if last:
        inner = (inner[-1], *inner[:-1])
    if given is not None and len(given.shape) != len(inner):
        raise FieldError(
            f"{to_text(given.shape)} has {len(given.shape) - 1} spatial axes, but the model takes {len(inner) - 1}",
            expected=f"{len(inner) - 1} spatial sizes and the channels",
        )
    names = tuple(name for name in inner if isinstance(name, str) or name < 1)
    if given is None and names:
        raise _unknown(info.name, names)
    shape = _checked(given.shape if given is not None else tuple(one for one in inner if isinstance(one, int)))
    batch = sizes[0] if not lone and isinstance(sizes[0], int) else 0
    order = _order(shape, last=last, lone=lone)
    found = Input(info.name, shape, order, kind)
    return Source(info.name, found, None, max(0, batch), as_declared=shape == inner)


def _order(shape: Shape, *, last: bool, lone: bool) -> str:
    """Return the layout of a tensor in a file.

    >>> _order((3, 8, 9), last=True, lone=False), _order((5,), last=False, lone=True)
    ('a3xb8xc9:nxbxcxa', 'a5:a')
    """
    letters = LETTERS[: len(shape)]
    before = "x".join(f"{letter}{size}" for letter, size in zip(letters, shape, strict=True))
    if lone:
        return f"{before}:{letters}"
    return f"{before}:{'x'.join(('n', *letters[1:], letters[0]))}" if last else ""


def _unknown(name: str, names: Sequence[object]) -> FieldError:
    listed = ", ".join(shown(one) for one in names[:6])
    return FieldError(
        f'some sizes of the input "{shown(name)}" are not fixed: {listed}',
        expected='its size: input="224x224x3", or --input 224x224x3',
    )


def _checked(shape: Shape) -> Shape:
    if len(shape) > 4 or not shape:
        raise ShapeError(f"the input has {len(shape) - 1} spatial axes", expected="at most 3")
    if max(shape[1:], default=1) > MAX_SIDE or shape[0] > MAX_CHANNELS:
        raise ShapeError(
            f"the input is {to_text(shape)}, which is too large", expected=f"at most {MAX_SIDE} along an axis"
        )
    return shape


def _channels_last(rank: int, readers: Sequence[Step]) -> bool:
    """Return whether the input's channels are first moved to the front."""
    order = [0, rank - 1, *range(1, rank - 1)]
    return (
        rank > 2 and bool(readers) and all(one.op == "Transpose" and one.attrs.get("perm") == order for one in readers)
    )
