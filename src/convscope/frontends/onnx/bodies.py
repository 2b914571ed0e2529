"""Functions and branches of a file; each is prepared once for all calls.

A file of a few kilobytes can call a function that calls another one many times, ten levels deep. The work of all calls
is therefore counted before the first one is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.budget import spend
from convscope.errors import LimitError, ModelError
from convscope.frontends.onnx.frame import DEPTH, Frame, domain, imported
from convscope.frontends.onnx.names import shown
from convscope.frontends.onnx.order import extent, needed
from convscope.frontends.onnx.steps import LAYER, attribute, steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto, TensorProto

    from convscope.frontends.onnx.steps import Step

Key = tuple[str, str, str]
"""Domain, name and overload of a function."""

NAMED, LETTERS = 4, 64
"""Steps for each tensor or attribute of an operation; characters that are read in one step."""

CIRCLES = 10**18
"""The limit at which counting saturates."""


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a function, or of a graph inside an operation.

    Attributes:
        steps: its necessary operations.
        used: names that are read.
        inputs: names of its inputs.
        left_out: the same names; inputs missing in a call are left out.
        outputs: names of its outputs.
        defaults: defaults of its attributes.
        versions: operator versions that it states.
        tensors: tensors that it stores.
        extent: number of operations, including those of inner graphs.
    """

    steps: Sequence[Step]
    used: set[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    tensors: tuple[TensorProto, ...] = ()
    extent: int = 0
    left_out: frozenset[str] = frozenset()


def of_function(function: FunctionProto, outputs: Sequence[str] | None = None) -> Body:
    """Prepare a function, or the part of it that some outputs need."""
    wanted = tuple(function.output) if outputs is None else tuple(outputs)
    found, used = needed(steps(function.node), wanted)
    inputs = tuple(function.input)
    defaults = {one.name: attribute(one) for one in function.attribute_proto}
    return Body(found, used, inputs, wanted, defaults, imported(function.opset_import), left_out=frozenset(inputs))


def of_graph(graph: GraphProto) -> Body:
    """Prepare a branch."""
    outputs = tuple(info.name for info in graph.output)
    found, used = needed(steps(graph.node), outputs)
    tensors = tuple(tensor for tensor in graph.initializer if tensor.name in used)
    return Body(found, used, (), outputs, tensors=tensors, extent=extent(graph))


class Bodies:
    """The functions and branches of a file.

    Args:
        functions: functions of the file.
    """

    def __init__(self, functions: Iterable[FunctionProto]) -> None:
        self.functions: dict[Key, FunctionProto] = {
            (domain(one.domain), one.name, one.overload): one for one in functions
        }
        self._called: dict[Key, Body] = {}
        self._graphs: dict[int, tuple[GraphProto, Body]] = {}
        self._versions: dict[tuple[int, int], tuple[Mapping[str, int], Body, Mapping[str, int]]] = {}

    def find(self, step: Step) -> Body | None:
        """Return the function that an operation calls; None for an operator."""
        if not self.functions:
            return None
        key = step.domain, step.op, step.overload
        found = self._called.get(key)
        if found is None and key in self.functions:
            found = self._called[key] = of_function(self.functions[key])
        return found

    def branch(self, graph: GraphProto) -> Body:
        """Return the body of a graph inside an operation."""
        if id(graph) not in self._graphs:
            self._graphs[id(graph)] = graph, of_graph(graph)  # the graph is kept, so that its id stays unique
        return self._graphs[id(graph)][1]

    def versions(self, frame: Frame, body: Body) -> Mapping[str, int]:
        """Return the operator versions inside a function that is called in some frame."""
        key = id(frame.versions), id(body)
        if key not in self._versions:
            self._versions[key] = frame.versions, body, {**frame.versions, **body.versions}
        return self._versions[key][2]

    def count(self, nodes: Iterable[NodeProto]) -> None:
        """Count the work of all function calls before any of them is read.

        Raises:
            LimitError: it is too much for the size of the file; the error names the call.
            ModelError: calls are nested too deeply, such as cyclic ones.
        """
        known: dict[Key, int] = {}

        def inside(inner: Iterable[NodeProto], depth: int) -> int:
            if depth > 2 * DEPTH:
                raise ModelError(
                    f"functions or branches are nested more than {DEPTH} deep",
                    expected="calls that do not form a cycle",
                )
            graphs = (one.g.node for node in inner for one in node.attribute if one.HasField("g"))
            total = sum(_own(node) + called(node, depth) for node in inner)
            return min(total + sum(inside(graph, depth + 1) for graph in graphs), CIRCLES)

        def called(node: NodeProto, depth: int) -> int:
            key = domain(node.domain), node.op_type, node.overload
            if key in self.functions and key not in known:
                known[key] = LAYER + inside(self.functions[key].node, depth + 1)
            return known.get(key, 0)

        for node in _every(nodes) if self.functions else ():
            try:
                spend(called(node, 0))
            except LimitError as error:
                raise error.add(subject=f'node "{shown(node.name)}" calls the function {shown(node.op_type)}') from None


def _every(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield operations, including those of inner graphs."""
    for node in nodes:
        yield node
        for one in node.attribute:
            if one.HasField("g"):
                yield from _every(one.g.node)


def _own(node: NodeProto) -> int:
    """Count steps of an operation, without those of a function that it calls."""
    named = NAMED * (len(node.input) + len(node.output) + len(node.attribute))
    return LAYER + named + sum(map(_length, node.attribute))


def _length(one: AttributeProto) -> int:
    return len(one.ints) + len(one.floats) + len(one.strings) + len(one.s) // LETTERS


def definition_cost(function: FunctionProto) -> int:
    """Count steps of reading ONNX's definition of an operator, which is created for each call."""
    return 2 * sum(map(_own, function.node))
