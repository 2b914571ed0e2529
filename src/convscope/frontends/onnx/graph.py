"""What a graph says of itself: its input, which of its operations are needed, the sizes that it declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.core.net import MAX_CHANNELS, MAX_SIDE
from convscope.core.shape import to_text
from convscope.errors import FieldError, ModelError, ShapeError
from convscope.frontends.onnx.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import GraphProto, ValueInfoProto

    from convscope.core.shape import Shape
    from convscope.frontends.onnx.call import Given
    from convscope.frontends.onnx.steps import Step

Declared = tuple[int | str, ...]
"""Sizes as a file states them: a number, or the name of one that is open."""

PICTURES = {1, 2, 3, 10, 11, 16}
"""Kinds of numbers that a picture has, by their number in onnx.proto: real ones, and bytes."""

KIND = "pkg.torch.export.graph_signature.InputSpec.kind"
"""Where torch writes down whether a stored tensor is a parameter."""


@dataclass(slots=True)
class Scope:
    """Tensors by name: those of a graph, and around it those of the graph that it is in."""

    outer: Scope | None = None
    tensors: dict[str, Given] = field(default_factory=dict)

    def get(self, name: str) -> Given:
        """The tensor of a name; None for an input that is left out.

        Raises:
            ModelError: no earlier operation gives it.
        """
        scope: Scope | None = self
        while scope is not None and name:
            if name in scope.tensors:
                return scope.tensors[name]
            scope = scope.outer
        if not name:
            return None
        raise ModelError(f'it reads "{shown(name)}", which no operation gives', expected="a graph that is whole")


def declared(info: ValueInfoProto) -> Declared | None:
    """The sizes of a tensor as a file states them; None where it does not."""
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.HasField("shape"):
        return None
    dims = info.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in dims)


def all_declared(graph: GraphProto, batch: int) -> dict[str, tuple[int, ...]]:
    """The sizes of tensors that a file states in full, for one sample."""
    found = {}
    for info in (*graph.value_info, *graph.output):
        sizes = declared(info)
        if sizes and (isinstance(sizes[0], str) or sizes[0] == batch):
            sizes = (1, *sizes[1:])
        if sizes is not None and all(isinstance(one, int) and one > 0 for one in sizes):
            found[info.name] = tuple(one for one in sizes if isinstance(one, int))
    return found


def parameters(graph: GraphProto) -> dict[str, bool]:
    """For stored tensors of which the exporter says it, whether they are parameters."""
    return {
        info.name: entry.value == "PARAMETER"
        for info in (*graph.value_info, *graph.input)
        for entry in info.metadata_props
        if entry.key == KIND
    }


def picture(graph: GraphProto, stored: set[str], used: set[str]) -> ValueInfoProto:
    """The one input of a net.

    Raises:
        ModelError: there is none, or several, or it is no picture.
    """
    found: list[ValueInfoProto] = [info for info in graph.input if info.name not in stored]
    found = [info for info in found if info.name in used] or found
    if len(found) != 1:
        names = ", ".join(f'"{shown(info.name)}"' for info in found[:6]) or "none"
        raise ModelError(f"it has {len(found)} inputs: {names}", expected="one input, a picture")
    kind = found[0].type.tensor_type.elem_type
    if not found[0].type.HasField("tensor_type") or kind not in PICTURES:
        raise ModelError(f'its input "{shown(found[0].name)}" is no picture', expected="a tensor of real numbers")
    return found[0]


@dataclass(frozen=True)
class Picture:
    """The input of a net.

    Attributes:
        name: in the file.
        shape: ``c h w``.
        batch: samples that the file was written for; 0 where that is open.
        last: the channels come last in the file.
        lone: there is no batch.
        as_declared: the file states the sizes, and they are these.
    """

    name: str
    shape: Shape
    batch: int
    last: bool
    lone: bool
    as_declared: bool


def sized(info: ValueInfoProto, given: Shape | None, steps: Sequence[Step]) -> Picture:
    """The input with its sizes: those of the file, or those that are given.

    Raises:
        FieldError: sizes are open and none are given, or those given have other axes.
        ShapeError: they are too large.
    """
    sizes = declared(info)
    last = sizes is not None and _channels_last(info.name, len(sizes), steps)
    if sizes is None:
        if given is None:
            raise _open(info.name, ("all",))
        return Picture(info.name, _checked(given), 0, last=False, lone=False, as_declared=False)
    lone = len(sizes) == 1
    inner = sizes if lone else sizes[1:]
    if last:
        inner = (inner[-1], *inner[:-1])
    if given is not None and len(given) != len(inner):
        raise FieldError(
            f"input {to_text(given)} has {len(given) - 1} spatial axes, that of the model {len(inner) - 1}",
            expected=f"{len(inner) - 1} sizes and the channels",
        )
    names = tuple(name for name in inner if isinstance(name, str) or name < 1)
    if given is None and names:
        raise _open(info.name, names)
    shape = given if given is not None else tuple(one for one in inner if isinstance(one, int))
    batch = sizes[0] if not lone and isinstance(sizes[0], int) else 0
    return Picture(info.name, _checked(shape), max(0, batch), last, lone, as_declared=shape == inner)


def _open(name: str, names: Sequence[object]) -> FieldError:
    listed = ", ".join(shown(one) for one in names[:6])
    return FieldError(
        f'the input "{shown(name)}" of the model has open sizes: {listed}',
        expected='its size: input="224x224x3", or --input 224x224x3',
    )


def _checked(shape: Shape) -> Shape:
    if len(shape) > 4 or not shape:
        raise ShapeError(f"an input of {len(shape) - 1} spatial axes", expected="at most 3")
    if max(shape[1:], default=1) > MAX_SIDE or shape[0] > MAX_CHANNELS:
        raise ShapeError(f"an input of {to_text(shape)}", expected=f"at most {MAX_SIDE} along an axis")
    return shape


def _channels_last(name: str, rank: int, steps: Sequence[Step]) -> bool:
    """The first thing that is done with the input is to bring its channels to the front."""
    readers = [step for step in steps if name in step.inputs]
    order = [0, rank - 1, *range(1, rank - 1)]
    return (
        rank > 2 and bool(readers) and all(one.op == "Transpose" and one.attrs.get("perm") == order for one in readers)
    )
