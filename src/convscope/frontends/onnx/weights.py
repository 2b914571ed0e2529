"""Which tensors of a file are weights: those that it stores, constants among its operations, those that it makes."""

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
    """The weights of one file.

    Args:
        graph: of the file.
        source: the file.
        every: all operations of the graph.
        steps: those that are needed.
        ahead: what is computed before anybody asks for it.

    Attributes:
        tensors: that the graph stores, by name.
        shared: those that several operations read.
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
        self.kept: dict[tuple[int, bool], tuple[TensorProto, Const]] = {}  # kept, so that its number stays its own

    def into(self, scope: Scope, used: set[str]) -> None:
        """Put those that are read into a scope."""
        for name, tensor in self.tensors.items():
            if name in used:
                found = scope.tensors[name] = self.const(tensor)
                self.shared.seen(name, found, self.ahead)

    def const(self, tensor: TensorProto) -> Const:
        """A constant."""
        return stored(tensor, self.source, tensor.name, learned=self._learned(tensor))

    def constant(self, tensor: TensorProto, names: Sequence[str], *, may_learn: bool) -> Const:
        """A tensor among the attributes of an operation with these outputs.

        It is a weight where a file has weights nowhere else, and where a layer takes it as its kernel or its bias:
        exporters that fold a transposition store what comes of it as a constant.
        """
        may_learn = may_learn and (self.bare or not self.kernels.isdisjoint(names))
        learned = may_learn and tensor.data_type in LEARNED and len(tensor.dims) > 0
        key = id(tensor), learned
        if key not in self.kept:
            self.kept[key] = tensor, stored(tensor, self.source, id(tensor), learned=learned)
        return self.kept[key][1]

    def filled(self, step: Step, found: Const, run: int) -> Const:
        """What an operation makes of constants; the graph may make its weights so.

        Args:
            step: the operation.
            found: its first output.
            run: the number of the operation, among all that are read.
        """
        if self.made is None or step.op != "ConstantOfShape" or not found.sizes:
            return found
        root = self.made[step.outputs[0]] = Root(("made", run), step.outputs[0], found.sizes)
        return replace(found, roots=(root,), origin=root)

    def unused(self, used: set[str]) -> tuple[Weight, ...]:
        """Weights that no operation reads."""
        left = (tensor for name, tensor in self.tensors.items() if name not in used and self._learned(tensor))
        return tuple(Weight(tensor.name, sizes(tensor), dtype=DTYPES.get(tensor.data_type, FLOAT32)) for tensor in left)

    def notes(self, counted: set[Hashable]) -> list[str]:
        """What must be known of the totals, given the keys of all tensors that are counted."""
        found = self.shared.notes(counted)
        made = [root for root in (self.made or {}).values() if root.key in counted]
        if made:
            found.append(
                f"{len(made)} tensors of {sum(math.prod(root.shape) for root in made):,} values are created by the "
                "graph itself (ConstantOfShape) and used as weights; they are counted as parameters"
            )
        return found

    def _learned(self, tensor: TensorProto) -> bool:
        """The exporter says that it is a parameter, or it has numbers as weights have; scales of integers are none."""
        if tensor.name in self.named or tensor.name in self.settings:
            return self.named.get(tensor.name, False)
        lone = self.named and set(tensor.dims) <= {1}  # the exporter names parameters, and this is a number of its own
        return tensor.data_type in LEARNED and len(tensor.dims) > 0 and not lone


_KERNELS = {"Conv": (1,), "ConvTranspose": (1,), "Gemm": (1,), "MatMul": (0, 1)}
"""Which inputs of an operation are its kernel."""


def _kernels(steps: Sequence[Step]) -> set[str]:
    """Constants that are kernels, by the names of their outputs, and the biases that are added to such products."""
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
