"""Facts about a graph: scopes of tensors, and sizes that it declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.errors import ModelError
from convscope.frontends.onnx.names import shown

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

    from convscope.frontends.onnx.call import Given

Declared = tuple[int | str, ...]
"""Sizes in a file: a number, or the name of an open size."""

UNNAMED = "?"
"""An open size that has no name."""

KIND = "pkg.torch.export.graph_signature.InputSpec.kind"
"""The metadata key in which torch records whether a constant is a parameter."""


@dataclass(slots=True)
class Scope:
    """Tensors by name: those of a graph and of the enclosing graphs.

    Attributes:
        outer: the enclosing scope.
        tensors: tensors by name.
        left_out: inputs of a function, which may be missing in its call.
    """

    outer: Scope | None = None
    tensors: dict[str, Given] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    def get(self, name: str) -> Given:
        """Return the tensor of a name; None for a missing input.

        Raises:
            ModelError: no earlier operation computes it.
        """
        scope: Scope | None = self
        while scope is not None and name:
            if name in scope.tensors:
                return scope.tensors[name]
            if name in scope.left_out:
                return None
            scope = scope.outer
        if not name:
            return None
        raise ModelError(f'the graph reads "{shown(name)}", which no operation computes', expected="a complete graph")


def declared(info: ValueInfoProto) -> Declared | None:
    """Return the sizes of a tensor that a file states, or None."""
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.HasField("shape"):
        return None
    dims = info.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or UNNAMED for dim in dims)


def stated(graph: GraphProto, batch: int) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Return sizes of tensors that a file states in full, for one sample, and those with an open, unnamed first size.

    A first size is the batch if it is equally large or has the name of an input's first size. A size without a name
    also counts as the batch, but may be a number of detections.
    """
    firsts = {sizes[0] for sizes in map(declared, graph.input) if sizes}
    found: dict[str, tuple[int, ...]] = {}
    unnamed: set[str] = set()
    for info in (*graph.value_info, *graph.output):
        sizes = declared(info)
        if not sizes:
            if sizes is not None:
                found[info.name] = ()
            continue
        if sizes[0] == UNNAMED:
            unnamed.add(info.name)
        if sizes[0] in {batch, UNNAMED} or (isinstance(sizes[0], str) and sizes[0] in firsts):
            sizes = (1, *sizes[1:])
        if all(isinstance(one, int) and one > 0 for one in sizes):
            found[info.name] = tuple(one for one in sizes if isinstance(one, int))
    return found, unnamed


def parameters(graph: GraphProto) -> dict[str, bool]:
    """Return whether constants are parameters, if the exporter states it."""
    return {
        info.name: entry.value == "PARAMETER"
        for info in (*graph.value_info, *graph.input)
        for entry in info.metadata_props
        if entry.key == KIND
    }
