"""The pass over a model: every operation in order, each tensor a value of the net or a stored tensor."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.op import Weight
from convscope.errors import ConvscopeError, FieldError, ModelError, ShapeError
from convscope.frontends.build.builder import MAX_LAYERS, Builder
from convscope.frontends.build.constant import placed
from convscope.frontends.build.ends import key, output_of
from convscope.frontends.build.values import Const, Root, Value
from convscope.frontends.given import of_shape
from convscope.frontends.onnx import flow
from convscope.frontends.onnx.call import Call
from convscope.frontends.onnx.consts import Budget, Known, known, weight
from convscope.frontends.onnx.evaluate import worked_out
from convscope.frontends.onnx.file import EXPECTED, opened
from convscope.frontends.onnx.fold import folded
from convscope.frontends.onnx.fold_shape import FOLDS, constant
from convscope.frontends.onnx.frame import Frame, Guarded, domain, expanded, imported, versions
from convscope.frontends.onnx.graph import Scope, all_declared, declared, parameters, unnamed
from convscope.frontends.onnx.inputs import sources
from convscope.frontends.onnx.lost import Lost, among, decided_by_data, follows, note, ones
from convscope.frontends.onnx.names import shown
from convscope.frontends.onnx.order import extent, needed
from convscope.frontends.onnx.outputs import settled_output
from convscope.frontends.onnx.quantized import as_tensor, with_floats, with_integers
from convscope.frontends.onnx.refusal import UnreadError, cut_before, failed
from convscope.frontends.onnx.rules import find
from convscope.frontends.onnx.rules_quantized import quantised
from convscope.frontends.onnx.shared import Shared, made_weights
from convscope.frontends.onnx.steps import Ref, Step, attribute, steps
from convscope.frontends.onnx.tensors import LEARNED, sizes, stored
from convscope.frontends.onnx.tidy import tidied
from convscope.frontends.onnx.tidy_quantized import with_quantized
from convscope.frontends.onnx.unread import has, opaque_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import FunctionProto, GraphProto, ModelProto, TensorProto

    from convscope.core.graph import Output
    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked
    from convscope.frontends.onnx.call import Given
    from convscope.frontends.onnx.file import Source

MOST_DIMENSIONS = 64
"""Of a tensor."""

REFUSED = (ConvscopeError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a rule raises when an operation is not as it should be."""


def read_file(path: Path, given: Asked | Shape | None = None) -> Net:
    """Read a model in the format ONNX. Its weights are left where they are until they are asked for.

    Args:
        path: of the file.
        given: shape ``c h w`` of the input, or what is said of several; needed where the model leaves sizes open.

    Raises:
        ModelError: the file is damaged, or holds what cannot be read.
        FieldError: the model leaves sizes of its inputs open, and none are given.
        UnknownNameError: an input is named that the model does not have.
        ShapeError: a layer does not fit its input.
        MissingExtraError: onnx is not installed.
    """
    model, source = opened(path)
    try:
        return Reading(model, source, of_shape(given)).net()
    except ModelError as error:
        raise error.add(subject=str(path)) from None
    except ConvscopeError:
        raise
    except Exception as error:
        raise ModelError(f"{path} is damaged", expected=EXPECTED) from error


class Reading:
    """One model that is read."""

    def __init__(self, model: ModelProto, source: Source, asked: Asked) -> None:
        graph = model.graph
        self.source = source
        self.versions = versions(model.opset_import)
        self.functions = {(domain(f.domain), f.name, f.overload): f for f in model.functions}
        if self.functions:
            expanded(graph.node, self.functions)
        every = steps(graph.node)
        if not every:
            raise ModelError("it has no operations", expected="a model with at least one layer")
        self.steps, self.used = needed(every, [info.name for info in graph.output])
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.named = parameters(graph)
        self.outputs = [info.name for info in graph.output]
        self.sources = sources(graph, set(self.stored), self.used, asked, self.steps)
        self.batch = next((one.batch for one in self.sources if one.batch), 0)
        as_declared = all(one.as_declared for one in self.sources)
        self.declared = all_declared(graph, self.batch) if as_declared else {}
        self.unnamed = unnamed(graph)
        self.ends = {info.name: declared(info) for info in graph.output}
        self.told: list[str] = []
        self.builder = Builder.of([one.input for one in self.sources if one.input])
        self.budget = Budget()
        self.taken = 0
        self.bodies: dict[tuple[str, str, str], tuple[list[Step], set[str]]] = {}
        self.kept: list[TensorProto] = []
        self.bare = not any(map(self._learned, graph.initializer))
        self.shared = Shared.of(self.steps)
        self.made: dict[str, Root] | None = {} if made_weights(self.steps) else None

    def net(self) -> Net:
        """The net.

        Raises:
            ModelError: an operation cannot be read, or the output does not depend on the input.
        """
        scope = Scope()
        for name, tensor in self.stored.items():
            if name in self.used:
                found = scope.tensors[name] = self._stored(tensor)
                self.shared.seen(name, found, self.budget)
        self._inputs(scope)
        self.run(self.steps, scope, self.used, Frame(self.versions, {}, "", 0))
        self.builder.scope, self.builder.whole_scope, self.builder.sources = "", False, ()
        outputs = self._outputs(scope)
        if not self.builder.layers:
            raise ModelError("its output is its input", expected="a model with at least one layer")
        names = tidied(self.builder, [one.node for one in outputs], with_quantized())
        net = self.builder.net([replace(one, node=names.get(one.node, one.node)) for one in outputs], self._unused())
        return replace(net, tensors=Guarded(self.source.path, net.tensors), notes=self._notes())

    def _notes(self) -> tuple[str, ...]:
        """What must be known of the file besides its layers."""
        found = self.told + self.shared.notes(self.builder.counted)
        made = [root for root in (self.made or {}).values() if root.key in self.builder.counted]
        if made:
            found.append(
                f"{len(made)} tensors of {sum(math.prod(root.shape) for root in made):,} numbers are made by the graph "
                "itself (ConstantOfShape), and used as weights: they are counted as parameters"
            )
        return tuple(found)

    def _inputs(self, scope: Scope) -> None:
        at = 0
        for one in self.sources:
            if one.input is None:
                scope.tensors[one.name] = known(np.asarray(one.constant))
            else:
                scope.tensors[one.name] = self.builder.input(at)
                at += 1

    def _outputs(self, scope: Scope) -> list[Output]:
        """Every output of the file, in its order; of one there is no name to tell it by.

        Raises:
            ModelError: none depends on the input, or one is no tensor.
        """
        given = [(name, as_tensor(self.builder, scope.get(name))) for name in self.outputs]
        rest = self._rest(given)
        found = [(name, rest.get(name, one)) for name, one in given]
        if not any(isinstance(one, Value) for _, one in found):
            raise ModelError("its output does not depend on its input", expected="a model with at least one layer")
        made = []
        for place, (name, one) in enumerate(found):
            if not isinstance(one, Value | Const):
                raise ModelError(f'its output "{shown(name)}" is not a tensor', expected="tensors as outputs")
            value = settled_output(self.builder, one) if isinstance(one, Value) else placed(self.builder, one)
            alone = len(found) == 1
            made.append(output_of(self.builder, value, () if alone else (place,), title="" if alone else key(name)))
        return made

    def _learned(self, tensor: TensorProto) -> bool:
        """A stored tensor is a weight: the exporter says so, or it has numbers as weights have."""
        if tensor.name in self.named:
            return self.named[tensor.name]
        lone = self.named and set(tensor.dims) <= {1}  # the exporter names parameters, and this is a number of its own
        return tensor.data_type in LEARNED and len(tensor.dims) > 0 and not lone

    def _stored(self, tensor: TensorProto) -> Const:
        return stored(tensor, self.source, tensor.name, learned=self._learned(tensor))

    def _unused(self) -> tuple[Weight, ...]:
        """Weights that no operation reads."""
        left = (tensor for name, tensor in self.stored.items() if name not in self.used and self._learned(tensor))
        return tuple(Weight(tensor.name, sizes(tensor)) for tensor in left)

    def run(self, all_steps: Sequence[Step], scope: Scope, used: set[str], frame: Frame) -> None:
        """Take operations in order.

        Raises:
            ModelError: there are too many, or one cannot be read.
        """
        for step in all_steps:
            self.taken += 1
            if self.taken > MAX_LAYERS:
                raise ModelError(f"it has more than {MAX_LAYERS} operations")
            try:
                found = self._results(step, scope, used, frame)
            except REFUSED as error:
                raise self._refused(step, error, scope, frame) from None
            for name, one in zip(step.outputs, found, strict=False):
                if name:
                    _give(scope, step, name, one)

    def _results(self, step: Step, scope: Scope, used: set[str], frame: Frame) -> Sequence[Given]:
        given = self.shared.apart(map(scope.get, step.inputs), self.taken)
        function = self.functions.get((step.domain, step.op, step.overload))
        attrs = {name: self._attr(value, frame) for name, value in step.attrs.items()}
        attrs = {name: value for name, value in attrs.items() if value is not None}  # none: the caller gave no value
        if function is not None:
            return self._inlined(step, function, given, attrs, frame)
        last = max((at for at, name in enumerate(step.outputs, 1) if name in used), default=0)
        version = frame.versions.get(step.domain, 0)
        call = Call(
            self.builder, step.op, version, given, attrs, last, self.batch, self.budget, step.domain, len(step.outputs)
        )
        self.builder.scope = ".".join(filter(None, (frame.path, step.path)))
        self.builder.whole_scope = step.whole
        self.builder.sources = tuple(filter(None, [frame.caller or step.name]))
        if step.op == "If" and not step.domain and isinstance(given[0], Const):
            taken = bool(self.budget.numbers(given[0]).reshape(-1)[0])
            return self._branch(attrs["then_branch" if taken else "else_branch"], scope, frame)
        if among(given):
            return self._lost(step, call, ShapeError("sizes that depend on the data"), scope)
        return self._calculated(step, call, used, scope)

    def _refused(self, step: Step, error: Exception, scope: Scope, frame: Frame) -> ConvscopeError:
        """The error for an operation that cannot be read, with what can be."""
        found = failed(step, error)
        if frame.depth or not self.builder.layers:
            return found
        before = [name for name in step.inputs if isinstance(scope.tensors.get(name), Value)]
        return cut_before(found, self.source.path.name, [one.name for one in self.sources], before)

    def _attr(self, value: Any, frame: Frame) -> Any:
        """An attribute with what the caller of a function gives, and tensors as stored ones."""
        if isinstance(value, Ref):
            return frame.attrs.get(value.name)
        if hasattr(value, "data_type"):
            self.kept.append(value)  # its identity is the key of its root
            found = stored(value, self.source, id(value), learned=self._weight(value))
            self.budget.spend(weight(found) if isinstance(found, Known) else 1)
            return found
        return value

    def _weight(self, tensor: TensorProto) -> bool:
        """A constant is a weight where a file has weights nowhere else."""
        return self.bare and tensor.data_type in LEARNED and len(tensor.dims) > 0

    def _made(self, step: Step, found: list[Const]) -> list[Const]:
        """Stored tensors; those that the graph makes in the place of weights are weights."""
        if self.made is None or step.op != "ConstantOfShape" or not found[0].sizes:
            return found
        root = self.made[step.outputs[0]] = Root(("made", self.taken), step.outputs[0], found[0].sizes)
        return [replace(found[0], roots=(root,), origin=root)]

    def _calculated(self, step: Step, call: Call, used: set[str], scope: Scope) -> Sequence[Given]:
        """What an operation gives: by a rule, as stored numbers, or as something that cannot be looked into."""
        values = list(flow.values(call.inputs))
        mark = self.builder.mark()
        try:
            if step.op in flow.SEQUENCES and not step.domain:
                return flow.SEQUENCES[step.op](call)
            found = quantised(call)
            if found is None and not values and not step.domain:
                return [constant(call)] if step.op == "Constant" else self._made(step, _stored(call))
            if found is None:
                rule = find(step.domain, step.op)
                if rule is None:
                    raise UnreadError("an operator that is not known here")
                made = rule(with_integers(call))
                found = list(made) if isinstance(made, list) else [made]
        except REFUSED as error:
            if (
                isinstance(error, ModelError | FieldError)
                or not values
                or (isinstance(error, ConvscopeError) and error.given)
            ):
                raise
            self.builder.back_to(mark)
            return self._opaque(step, call, used, ([], error), scope)
        return self._opaque(step, call, used, (found, ShapeError("an output that is not known")), scope)

    def _opaque(
        self, step: Step, call: Call, used: set[str], so_far: tuple[list[Given], Exception], scope: Scope
    ) -> Sequence[Given]:
        """The outputs that a rule gave, and for the others layers of which only the sizes are known.

        Raises:
            ModelError: not even these are, though the operator is one that says them.
        """
        found, error = so_far
        missing = [at for at, name in enumerate(step.outputs) if name in used and not has(found, at)]
        if not missing:
            return found
        plain = with_floats(call)
        made = opaque_outputs(plain, missing, [self.declared.get(name) for name in step.outputs], costs=not found)
        if made is not None:
            every = range(len(step.outputs))
            return [made[at] if at in made else found[at] if has(found, at) else None for at in every]
        if not isinstance(error, UnreadError) and not decided_by_data(step, plain):
            raise failed(step, error)
        return self._lost(step, plain, error, scope)

    def _lost(self, step: Step, call: Call, why: Exception, scope: Scope) -> list[Given]:
        """What follows where no sizes are known; the net goes on at tensors whose sizes the file states."""
        lost = follows(step, call, why, scope)
        if not lost.values:
            raise failed(step, why)
        stated = (None if name in self.unnamed else self.declared.get(name) for name in step.outputs)
        return [lost if sizes is None else lost.row(self.builder, sizes) for sizes in stated]

    def _rest(self, every: Sequence[tuple[str, Given]]) -> dict[str, Value]:
        """The outputs that are lost, each as a layer of the sizes that the file states.

        Raises:
            ModelError: nothing is known before them.
        """
        ends = [(name, one) for name, one in every if isinstance(one, Lost)]
        if not ends:
            return {}
        if not self.builder.layers:
            raise failed(ends[0][1].first, ends[0][1].why)
        sizes = {name: self.ends.get(name) for name, _ in ends}
        self.told.append(note(ends[0][1], sizes))
        return {name: lost.row(self.builder, ones(sizes[name]), name="rest") for name, lost in ends}

    def _branch(self, graph: GraphProto, scope: Scope, frame: Frame) -> Sequence[Given]:
        """A graph inside of the graph."""
        inner = Scope(scope)
        outputs = [info.name for info in graph.output]
        self.taken += extent(graph)
        found, used = needed(steps(graph.node), outputs)
        for tensor in graph.initializer:
            inner.tensors[tensor.name] = self._stored(tensor)
        self.run(found, inner, used, frame.deeper())
        return [inner.get(name) for name in outputs]

    def _inlined(
        self, step: Step, function: FunctionProto, given: Sequence[Given], attrs: dict[str, Any], frame: Frame
    ) -> Sequence[Given]:
        """The operations of a function, in the place of its call."""
        scope = Scope(None, dict(zip(function.input, [*given, *[None] * len(function.input)], strict=False)))
        defaults = {one.name: self._attr(attribute(one), frame) for one in function.attribute_proto}
        key = function.domain, function.name, function.overload
        if key not in self.bodies:
            self.bodies[key] = needed(steps(function.node), function.output)
        found, used = self.bodies[key]
        path = ".".join(filter(None, (frame.path, step.path)))
        named = {**frame.versions, **imported(function.opset_import)}
        inner = Frame(named, {**defaults, **attrs}, path, frame.depth, frame.caller or step.name)
        self.run(found, scope, used, inner.deeper())
        return [scope.get(name) for name in function.output]


def _give(scope: Scope, step: Step, name: str, found: Given) -> None:
    """Write down what a tensor is.

    Raises:
        ModelError: it was given already, or has too many dimensions.
    """
    if name in scope.tensors:
        raise ModelError(f'{step}: "{shown(name)}" is given twice')
    if isinstance(found, Value | Const) and len(found.sizes) > MOST_DIMENSIONS:
        raise ModelError(f"{step}: a tensor of {len(found.sizes)} dimensions")
    scope.tensors[name] = found


def _stored(call: Call) -> list[Const]:
    """An operation on stored tensors."""
    rule = find("", call.op) if call.op in {"Shape", "Size"} else None
    if rule:
        return [rule(call)]
    try:
        return folded(call, FOLDS) if call.op in FOLDS else worked_out(call)
    except ShapeError as error:  # a variant that is not among the folds; if it is not computed either, they know why
        with suppress(ShapeError):
            return worked_out(call)
        raise error from None
