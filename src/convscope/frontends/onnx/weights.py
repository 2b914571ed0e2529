"""The weights of a file: stored tensors, constants among its operations, and tensors that it creates."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from convscope.core.op import FLOAT32, Weight
from convscope.frontends.onnx.graph import parameters
from convscope.frontends.onnx.rules_quantized import settings
from convscope.frontends.onnx.shared import Shared, made_weights
from convscope.frontends.onnx.tensors import DTYPES, LEARNED, sizes, stored
from convscope.frontends.tensors.values import Root

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from onnx import GraphProto, TensorProto

    from convscope.frontends.onnx.consts import Ahead
    from convscope.frontends.onnx.file import Source
    from convscope.frontends.onnx.graph import Scope
    from convscope.frontends.onnx.steps import Step
    from convscope.frontends.tensors.values import Const


class Weights:
    """The weights of a file.

    Args:
        graph: graph of the file.
        source: the file.
        every: all operations of the graph.
        steps: the necessary operations.
        ahead: budget of eager computation.

    Attributes:
        tensors: stored tensors of the graph by name.
        shared: tensors that several operations read.
    """

    def __init__(
        self, graph: GraphProto, source: Source, every: Sequence[Step], steps: Sequence[Step], ahead: Ahead
    ) -> None:
        self.source: Source = source
        self.ahead: Ahead = ahead
        self.tensors: dict[str, TensorProto] = {tensor.name: tensor for tensor in graph.initializer}
        self.shared: Shared = Shared.of(steps)
        self.named: dict[str, bool] = parameters(graph)
        self.settings: set[str] = {
            step.inputs[at] for step in every for at in settings(step.domain, step.op) if at < len(step.inputs)
        }
        self.bare: bool = not any(map(self._learned, graph.initializer))
        self.kernels: set[str] = set() if self.named else _kernels(steps)
        self.made: dict[str, Root] | None = {} if made_weights(steps) else None
        self.kept: dict[tuple[int, bool], tuple[TensorProto, Const]] = {}  # kept, so that its id stays unique

    def into(self, scope: Scope, used: set[str]) -> None:
        """Add those that are read to a scope."""
        for name, tensor in self.tensors.items():
            if name in used:
                found = scope.tensors[name] = self.const(tensor)
                self.shared.seen(name, found, self.ahead)

    def const(self, tensor: TensorProto) -> Const:
        """Make a constant."""
        return stored(tensor, self.source, tensor.name, learned=self._learned(tensor))

    def constant(self, tensor: TensorProto, names: Sequence[str], *, may_learn: bool) -> Const:
        """Make a constant of a tensor attribute of an operation with these outputs.

        It is a weight if the file has no other weights, or a layer uses it as its kernel or bias: exporters that fold a
        transposition store the result as a constant.
        """
        may_learn = may_learn and (self.bare or not self.kernels.isdisjoint(names))
        learned = may_learn and tensor.data_type in LEARNED and len(tensor.dims) > 0
        key = id(tensor), learned
        if key not in self.kept:
            self.kept[key] = tensor, stored(tensor, self.source, id(tensor), learned=learned)
        return self.kept[key][1]

    def filled(self, step: Step, found: Const, run: int) -> Const:
        """Handle the result of an operation on constants, by which a graph may create its weights.

        Args:
            step: the operation.
            found: its first output.
            run: its number among all operations.
        """
        if self.made is None or step.op != "ConstantOfShape" or not found.sizes:
            return found
        root = self.made[step.outputs[0]] = Root(("made", run), step.outputs[0], found.sizes)
        return replace(found, roots=(root,), origin=root)

    def unused(self, used: set[str]) -> tuple[Weight, ...]:
        """Return weights that no operation reads."""
        left = (tensor for name, tensor in self.tensors.items() if name not in used and self._learned(tensor))
        return tuple(Weight(tensor.name, sizes(tensor), dtype=DTYPES.get(tensor.data_type, FLOAT32)) for tensor in left)

    def notes(self, counted: set[Hashable]) -> list[str]:
        """Return the notes on the totals, given the keys of all counted tensors."""
        found = self.shared.notes(counted)
        made = [root for root in (self.made or {}).values() if root.key in counted]
        if made:
            found.append(
                f"{len(made)} tensors of {sum(math.prod(root.shape) for root in made):,} values are created by the "
                "graph itself (ConstantOfShape) and used as weights; they are counted as parameters"
            )
        return found

    def _learned(self, tensor: TensorProto) -> bool:
        """Return whether the exporter marks it as a parameter, or it has a weight's dtype and is not a scale."""
        if tensor.name in self.named or tensor.name in self.settings:
            return self.named.get(tensor.name, False)
        lone = self.named and set(tensor.dims) <= {1}  # the exporter marks parameters, and this one is its own constant
        return tensor.data_type in LEARNED and len(tensor.dims) > 0 and not lone


_KERNELS = {"Conv": (1,), "ConvTranspose": (1,), "Gemm": (1,), "MatMul": (0, 1)}
"""Return which inputs of an operation are its kernel."""


def _kernels(steps: Sequence[Step]) -> set[str]:
    """Return the names of constants that are kernels, or biases that are added to their products."""
    constant = {step.outputs[0]: step for step in steps if step.op == "Constant" and not step.domain}
    found: set[str] = set()
    products: set[str] = set()
    for step in steps:
        if step.domain:
            continue
        read = {step.inputs[at] for at in _KERNELS.get(step.op, ()) if at < len(step.inputs)}.intersection(constant)
        if read:
            found |= read.union(step.inputs[2:3]).intersection(constant)
            products.add(step.outputs[0])
        elif step.op == "Add" and not products.isdisjoint(step.inputs):
            found |= constant.keys() & set(step.inputs)
    return found
