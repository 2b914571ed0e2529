"""What a graph says of itself: which of its operations are needed, the sizes that it declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.errors import ModelError
from convscope.frontends.onnx.names import shown

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

    from convscope.frontends.onnx.call import Given

Declared = tuple[int | str, ...]
"""Sizes as a file states them: a number, or the name of one that is open."""

UNNAMED = "?"
"""An open size that has no name."""

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
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or UNNAMED for dim in dims)


def all_declared(graph: GraphProto, batch: int) -> dict[str, tuple[int, ...]]:
    """The sizes of tensors that a file states in full, for one sample.

    A first size is the batch where it is as large, or has the name of the first size of an input; one without a name
    is taken for it too.
    """
    firsts = {sizes[0] for sizes in map(declared, graph.input) if sizes}
    found = {}
    for info in (*graph.value_info, *graph.output):
        sizes = declared(info)
        if sizes and (sizes[0] in {batch, UNNAMED} or (isinstance(sizes[0], str) and sizes[0] in firsts)):
            sizes = (1, *sizes[1:])
        if sizes is not None and all(isinstance(one, int) and one > 0 for one in sizes):
            found[info.name] = tuple(one for one in sizes if isinstance(one, int))
    return found


def unnamed(graph: GraphProto) -> set[str]:
    """Tensors of which the first size is open and has no name: it may be the batch, or how many were found."""
    every = (*graph.value_info, *graph.output)
    return {info.name for info in every if (declared(info) or ())[:1] == (UNNAMED,)}


def parameters(graph: GraphProto) -> dict[str, bool]:
    """For stored tensors of which the exporter says it, whether they are parameters."""
    return {
        info.name: entry.value == "PARAMETER"
        for info in (*graph.value_info, *graph.input)
        for entry in info.metadata_props
        if entry.key == KIND
    }
