"""Reading a model: a pass over all operations in order, in which each tensor is a value of the net or a constant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import question, spend
from convscope.errors import ConvscopeError, FieldError, LimitError, ModelError, ShapeError
from convscope.frontends.given import of_shape
from convscope.frontends.onnx import flow
from convscope.frontends.onnx.batch import over_batch, stated_batch
from convscope.frontends.onnx.bodies import Bodies, definition_cost, of_function
from convscope.frontends.onnx.call import Call
from convscope.frontends.onnx.consts import Ahead, at_hand, known
from convscope.frontends.onnx.definition import definition
from convscope.frontends.onnx.file import EXPECTED, opened
from convscope.frontends.onnx.fold_shape import constant
from convscope.frontends.onnx.frame import Frame, Here, versions
from convscope.frontends.onnx.graph import Scope, declared, stated
from convscope.frontends.onnx.guarded import Guarded
from convscope.frontends.onnx.inputs import sources
from convscope.frontends.onnx.lost import Lost, among, decided_by_data, follows, note, ones
from convscope.frontends.onnx.names import shown
from convscope.frontends.onnx.order import needed
from convscope.frontends.onnx.outputs import settled_output
from convscope.frontends.onnx.quantized import as_tensor, with_floats, with_integers
from convscope.frontends.onnx.refusal import UnreadError, cut_before, failed
from convscope.frontends.onnx.rules import find
from convscope.frontends.onnx.rules_held import quantised
from convscope.frontends.onnx.steps import LAYER, PART, Ref, Step, steps
from convscope.frontends.onnx.stored import on_stored
from convscope.frontends.onnx.tidy import tidied
from convscope.frontends.onnx.tidy_quantized import with_quantized
from convscope.frontends.onnx.unread import has, opaque_outputs
from convscope.frontends.onnx.weights import Weights
from convscope.frontends.tensors.builder import Builder
from convscope.frontends.tensors.constant import placed
from convscope.frontends.tensors.ends import key, output_of
from convscope.frontends.tensors.values import Const, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onnx import GraphProto, ModelProto

    from convscope.core.graph import Output
    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.frontends.given import Asked
    from convscope.frontends.onnx.bodies import Body
    from convscope.frontends.onnx.call import Given
    from convscope.frontends.onnx.file import Source
    from convscope.frontends.onnx.graph import Declared
    from convscope.frontends.onnx.inputs import Source as Start

MOST_DIMENSIONS = 64
"""The most dimensions of a tensor."""

MOST_OPERATIONS = 200_000
"""The most operations of a model; reading this many takes fifteen seconds."""

WIDE = 16
"""Number of tensors that an operation may name without being counted."""

TOGETHER = {"Concat", "SequenceConstruct", "Loop", "Scan", "If"}
"""Operators with many tensors in one layer."""

REFUSED = (ConvscopeError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""The errors that a rule raises for an invalid operation."""


def read_file(path: Path, given: Asked | Shape | None = None) -> Net:
    """Read an ONNX model. Its weights are read on demand.

    Args:
        path: path of the file.
        given: shape ``c h w`` of the input, or the description of several; required if the model leaves sizes open.

    Raises:
        ModelError: the file is damaged, or contains something that cannot be read.
        FieldError: the model leaves sizes of its inputs open, and they are not given.
        UnknownNameError: the model has no input of a given name.
        ShapeError: a layer does not fit its input.
        MissingExtraError: onnx is not installed.
    """
    try:
        with question():
            model, source = opened(path)
            return Reading(model, source, of_shape(given)).net()
    except LimitError as error:
        raise error.add(subject=str(path)) from None
    except ModelError as error:
        raise error if error.what.startswith(str(path)) else error.add(subject=str(path)) from None
    except ConvscopeError:
        raise
    except Exception as error:
        raise ModelError(f"{path} is damaged", expected=EXPECTED) from error


class Reading:
    """The state of reading a model."""

    def __init__(self, model: ModelProto, source: Source, asked: Asked) -> None:
        graph = model.graph
        self.source: Source = source
        self.versions: Mapping[str, int] = versions(model.opset_import)
        if len(graph.node) > MOST_OPERATIONS:
            raise ModelError(f"the model has more than {MOST_OPERATIONS:,} operations")
        self.bodies: Bodies = Bodies(model.functions)
        self.bodies.count(graph.node)
        every = steps(graph.node)
        if not every:
            raise ModelError("the model has no operations", expected="a model with at least one layer")
        self.outputs: list[str] = [info.name for info in graph.output]
        kept = needed(every, self.outputs)
        self.steps: list[Step] = kept[0]
        self.used: set[str] = kept[1]
        self.ahead: Ahead = Ahead()
        self.weights: Weights = Weights(graph, source, every, self.steps, self.ahead)
        self.sources: list[Start] = sources(graph, set(self.weights.tensors), self.used, asked, self.steps)
        self.batch: int = next((one.batch for one in self.sources if one.batch), 0)
        sizes, unnamed = stated(graph, self.batch)
        self.declared: dict[str, tuple[int, ...]] = sizes if all(one.as_declared for one in self.sources) else {}
        self.unnamed: set[str] = unnamed
        self.ends: dict[str, Declared | None] = {info.name: declared(info) for info in graph.output}
        self.told: list[str] = []
        self.builder: Builder = Builder.of([one.input for one in self.sources if one.input])
        self.taken: int = 0

    def net(self) -> Net:
        """Return the net.

        Raises:
            ModelError: an operation cannot be read, or the output does not depend on the input.
        """
        scope = Scope()
        self.weights.into(scope, self.used)
        self._inputs(scope)
        self.run(self.steps, scope, self.used, Frame(self.versions, {}, "", 0))
        self.builder.scope, self.builder.whole_scope, self.builder.sources = "", False, ()
        outputs = self._outputs(scope)
        if not self.builder.layers:
            raise ModelError("the output of the model is its input", expected="a model with at least one layer")
        names = tidied(self.builder, [one.node for one in outputs], with_quantized())
        ends = [replace(one, node=names.get(one.node, one.node)) for one in outputs]
        net = self.builder.net(ends, self.weights.unused(self.used))
        guarded = Guarded(self.source.path, self.source.stamp[0], self.builder.loaders)
        return replace(net, tensors=guarded, notes=(*self.told, *self.weights.notes(self.builder.counted)))

    def _inputs(self, scope: Scope) -> None:
        at = 0
        for one in self.sources:
            if one.input is None:
                scope.tensors[one.name] = known(np.asarray(one.constant))
            else:
                scope.tensors[one.name] = self.builder.input(at)
                at += 1

    def _outputs(self, scope: Scope) -> list[Output]:
        """Return the outputs of the file in order; a single one needs no name.

        Raises:
            ModelError: no output depends on the input, or one is not a tensor.
        """
        given = [(name, as_tensor(self.builder, scope.get(name))) for name in self.outputs]
        rest = self._rest(given)
        found = [(name, rest.get(name, one)) for name, one in given]
        if not any(isinstance(one, Value) for _, one in found):
            raise ModelError(
                "the output of the model does not depend on its input", expected="a model with at least one layer"
            )
        made = []
        for position, (name, one) in enumerate(found):
            if not isinstance(one, Value | Const):
                raise ModelError(f'the output "{shown(name)}" is not a tensor', expected="tensors as outputs")
            value = settled_output(self.builder, one) if isinstance(one, Value) else placed(self.builder, one)
            path, title = ((), "") if len(found) == 1 else ((position,), key(name))
            made.append(output_of(self.builder, value, path, title=title, batch=stated_batch(self.ends[name])))
        return made

    def run(self, all_steps: Sequence[Step], scope: Scope, used: set[str], frame: Frame) -> None:
        """Read operations in order.

        Raises:
            ModelError: an operation cannot be read.
            LimitError: an operation takes too much work or memory for the size of the file.
        """
        for step in all_steps:
            self.taken += 1
            here = Here(step, scope, used, frame)
            try:
                if len(step.inputs) + len(step.outputs) > WIDE:
                    _count_wide(step)
                found = self._results(here)
            except LimitError as error:
                raise error if error.what.startswith("node ") else error.add(subject=str(step)) from None
            except REFUSED as error:
                raise self._refused(here, error) from None
            for name, one in zip(step.outputs, found, strict=False):
                if name:
                    _give(scope, step, name, one)

    def _results(self, here: Here) -> Sequence[Given]:
        step, frame = here.step, here.frame
        given = self.weights.shared.apart(step, map(here.scope.get, step.inputs), self.taken)
        attrs = step.attrs
        if not step.plain:
            every = {name: self._attr(value, step.outputs, frame) for name, value in attrs.items()}
            attrs = {name: value for name, value in every.items() if value is not None}  # the caller gave no value
        body = self.bodies.find(step)
        if body is not None:
            return self._inlined(here, body, given, attrs)
        wanted = here.wanted()
        last = wanted[-1] + 1 if wanted else 0
        version = frame.versions.get(step.domain, 0)
        call = Call(
            self.builder, step.op, version, given, attrs, last, self.batch, self.ahead, step.domain, len(step.outputs)
        )
        self.builder.scope = ".".join(filter(None, (frame.path, step.path))) if frame.path else step.path
        self.builder.whole_scope = step.whole
        source = frame.caller or step.name
        self.builder.sources = (source,) if source else ()
        if step.op == "If" and not step.domain and isinstance(given[0], Const):
            taken = bool(at_hand(given[0]).reshape(-1)[0])
            return self._branch(attrs["then_branch" if taken else "else_branch"], here)
        if among(given):
            return self._lost(here, call, ShapeError("the sizes of its output depend on the data"))
        return self._calculated(here, call)

    def _refused(self, here: Here, error: Exception) -> ConvscopeError:
        """Return the error for an operation that cannot be read, with the part that can be."""
        found = failed(here.step, error)
        if here.frame.depth or not self.builder.layers:
            return found
        before = [name for name in here.step.inputs if isinstance(here.scope.tensors.get(name), Value)]
        return cut_before(found, self.source.path.name, [one.name for one in self.sources], before)

    def _attr(self, value: Any, names: Sequence[str], frame: Frame) -> Any:
        """Resolve an attribute: references to the caller's, and tensors as constants."""
        if isinstance(value, Ref):
            value = frame.attr(value.name)
        if hasattr(value, "data_type"):
            return self.weights.constant(value, names, may_learn=not frame.defined)
        return value

    def _folded(self, step: Step, call: Call) -> list[Const]:
        first, *rest = on_stored(call)
        return [self.weights.filled(step, first, self.taken), *rest]

    def _calculated(self, here: Here, call: Call) -> Sequence[Given]:
        """Return the outputs of an operation: by a rule, as constants, or as opaque layers."""
        sequence = call.op in flow.SEQUENCES and not call.domain
        values = [] if sequence else list(flow.values(call.inputs))
        mark = self.builder.mark()
        try:
            found, stored = self._by_rule(here.step, call, values)
        except REFUSED as error:
            if (
                isinstance(error, ModelError | FieldError | LimitError)
                or not (values or sequence)
                or (isinstance(error, ConvscopeError) and error.given)
            ):
                raise
            self.builder.back_to(mark)
            return self._completed(here, call, [], error)
        return found if stored else self._completed(here, call, found, ShapeError("an output that is not known"))

    def _by_rule(self, step: Step, call: Call, values: Sequence[Value]) -> tuple[list[Given], bool]:
        """Apply a rule to an operation; return its outputs, and whether they are complete.

        Raises:
            UnreadError: there is no rule.
        """
        if step.op in flow.SEQUENCES and not step.domain:
            return flow.SEQUENCES[step.op](call), True
        found = quantised(call)
        if found is None and not values and not step.domain:
            return list([constant(call)] if step.op == "Constant" else self._folded(step, call)), True
        if found is None:
            rule = find(step.domain, step.op)
            if rule is None:
                raise UnreadError("Convscope does not know this operator")
            if over_batch(call):
                self.told.append(
                    f"{step} mixes the {self.batch} samples of a batch, but a net describes a single sample"
                )
            made = rule(with_integers(call))
            found = list(made) if isinstance(made, list) else [made]
        return list(found), False

    def _completed(self, here: Here, call: Call, found: list[Given], error: Exception) -> Sequence[Given]:
        """Complete the outputs of a rule by the definition of the operator, or with opaque layers."""
        missing = [at for at in here.wanted() if not has(found, at)]
        if not missing:
            return found
        made = self._defined(here, call, missing)
        if made is None:
            plain = with_floats(call)
            stated = [self.declared.get(name) for name in here.step.outputs]
            layers = opaque_outputs(plain, missing, stated, costs=not found)
            made = None if layers is None else dict(layers)
        if made is None:
            if not isinstance(error, UnreadError) and not decided_by_data(here.step, plain):
                raise failed(here.step, error)
            return self._lost(here, plain, error)
        every = range(len(here.step.outputs))
        return [made[at] if at in made else found[at] if has(found, at) else None for at in every]

    def _defined(self, here: Here, call: Call, missing: Sequence[int]) -> dict[int, Given] | None:
        """Return outputs by ONNX's definition of the operator; None without one, or if a part of it is opaque."""
        function = definition(call)
        if function is None:
            return None
        spend(definition_cost(function))
        mark = self.builder.mark()
        names = {at: function.output[at] for at in missing}
        body = of_function(function, list(names.values()))
        scope = Scope(None, dict(zip(body.inputs, call.inputs, strict=False)), body.left_out)
        versions = {**here.frame.versions, **body.versions}
        inner = replace(self._inside(here, body, call.attrs, versions), defined=True)
        try:
            self.run(body.steps, scope, body.used, inner)
            made = {at: scope.get(name) for at, name in names.items()}
        except LimitError:
            raise
        except REFUSED:
            made = {}
        opaque = any(layer.node.op.keyword == "opaque" for layer in self.builder.layers[mark[0] :])
        if opaque or not made or among(made.values()):
            self.builder.back_to(mark)
            return None
        return made

    def _lost(self, here: Here, call: Call, why: Exception) -> list[Given]:
        """Continue after unknown sizes, at tensors whose sizes the file states."""
        lost = follows(here.step, call, why, here.scope)
        if not (lost.values or lost.before):
            raise failed(here.step, why)
        stated = (None if name in self.unnamed else self.declared.get(name) for name in here.step.outputs)
        return [lost if sizes is None else lost.row(self.builder, sizes) for sizes in stated]

    def _rest(self, every: Sequence[tuple[str, Given]]) -> dict[str, Value]:
        """Return lost outputs as layers of the sizes that the file states.

        Raises:
            ModelError: no known tensor precedes them.
        """
        ends = [(name, one) for name, one in every if isinstance(one, Lost)]
        if not ends:
            return {}
        if not self.builder.layers:
            raise failed(ends[0][1].first, ends[0][1].why)
        sizes = {name: self.ends.get(name) for name, _ in ends}
        self.told.append(note(ends[0][1], sizes))
        return {name: lost.row(self.builder, ones(sizes[name]), name="rest") for name, lost in ends}

    def _branch(self, graph: GraphProto, here: Here) -> Sequence[Given]:
        """Read an inner graph."""
        body = self.bodies.branch(graph)
        inner = Scope(here.scope, {tensor.name: self.weights.const(tensor) for tensor in body.tensors})
        self.taken += body.extent
        self.run(body.steps, inner, body.used, here.frame.deeper())
        return [inner.get(name) for name in body.outputs]

    def _inlined(self, here: Here, body: Body, given: Sequence[Given], attrs: Mapping[str, Any]) -> Sequence[Given]:
        """Read the operations of a function in place of its call."""
        scope = Scope(None, dict(zip(body.inputs, given, strict=False)), body.left_out)
        self.run(body.steps, scope, body.used, self._inside(here, body, attrs, self.bodies.versions(here.frame, body)))
        return [scope.get(name) for name in body.outputs[: len(here.step.outputs)]]

    def _inside(self, here: Here, body: Body, attrs: Mapping[str, Any], versions: Mapping[str, int]) -> Frame:
        """Return the context inside a function that an operation calls."""
        frame, step = here.frame, here.step
        path = ".".join(filter(None, (frame.path, step.path)))
        caller = frame.caller or step.name
        return Frame(versions, attrs, path, frame.depth, caller, frame.defined, body.defaults).deeper()


def _count_wide(step: Step) -> None:
    """Count an operation that names many tensors, before it is read."""
    each = PART if step.op in TOGETHER else LAYER
    spend(each * len(step.inputs) + LAYER * len(step.outputs))


def _give(scope: Scope, step: Step, name: str, found: Given) -> None:
    """Record a tensor.

    Raises:
        ModelError: the tensor exists already, or has too many dimensions.
    """
    if name in scope.tensors:
        raise ModelError(f'{step}: "{shown(name)}" is computed twice')
    rank = len(found.dims) if isinstance(found, Value) else len(found.sizes) if isinstance(found, Const) else 0
    if rank > MOST_DIMENSIONS:
        raise ModelError(f"{step}: a tensor of {rank} dimensions is not supported")
    scope.tensors[name] = found
