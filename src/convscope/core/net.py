"""A graph at a concrete input shape: the one input of every analysis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from convscope.core.graph import INPUT, Graph, Input, Node, Output
from convscope.core.op import Reads, along, output_shape
from convscope.core.shape import Shape, to_text
from convscope.errors import ConvscopeError, ShapeError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from convscope.analyze.support import At
    from convscope.analyze.table import LayerTable
    from convscope.analyze.unit import UnitField
    from convscope.core.axis import Read
    from convscope.core.op import Op, Weight


MAX_SIDE = 2**20
"""The longest spatial axis of an image or a map."""

MAX_CHANNELS = 2**40
"""The most channels, or values of a flattened map."""


@dataclass(frozen=True)
class Layer:
    """A node at its shapes, with the facts of its op. Shapes are ``c h w``.

    Attributes:
        node: the node, with its op fitted to the shapes.
        inputs: the shape of each input.
        output: the shape of the output.
        reads: the reads for each axis of each input.
        statistics: further reads of the first input.
        pointwise: whether each output index reads exactly the same index of a single input.
    """

    node: Node
    inputs: tuple[Shape, ...]
    output: Shape
    reads: Reads = field(compare=False, repr=False)
    statistics: tuple[Read, ...] = field(compare=False, repr=False)
    pointwise: bool = field(compare=False, repr=False)

    @property
    def weights(self) -> tuple[Weight, ...] | None:
        """The stored tensors of this layer; None if unknown."""
        own = self.node.own
        if own.weights is not None:
            return own.weights
        stated = self.node.op.weights(self.inputs)
        if stated is None or not own.frozen:
            return stated
        return tuple(replace(weight, frozen=weight.name in own.frozen) for weight in stated)

    @property
    def trains(self) -> tuple[str, ...]:
        """The names of tensors that get a gradient in training, in the order of the op.

        A layer that shares the weights of another one trains them, too, though it does not count them.
        """
        own = self.node.own
        stated = self.node.op.weights(self.inputs) or ()
        if stated:
            return tuple(weight.name for weight in stated if weight.trained and weight.name not in own.frozen)
        return tuple(weight.name for weight in own.weights or () if weight.trained and not weight.frozen)


@dataclass(frozen=True)
class Net:
    """A graph at a concrete input shape. Make one with :meth:`at` or with :func:`convscope.read`.

    Attributes:
        inputs: its inputs, in order; at least one.
        layers: one for each node, in topological order.
        outputs: its outputs, in order; at least one.
        unused: parameters of an imported net that no layer reads.
        tensors: loads the weights of an imported net, by ``layer.tensor``; None if there are none.
        notes: further facts about the source of an imported net, one sentence each.
    """

    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[Output, ...]
    unused: tuple[Weight, ...] = ()
    tensors: Callable[[], dict[str, NDArray[Any]]] | None = field(default=None, compare=False, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def at(cls, graph: Graph, given: Shape | Sequence[Input]) -> Net:
        """Fit every op to the shapes of its inputs.

        Args:
            graph: the nodes.
            given: the shape of the input, or all inputs, in the order of the graph.

        Raises:
            ShapeError: an op does not fit; the error names the node, its input and its position in the text.
        """
        several = tuple(one for one in given if isinstance(one, Input))
        inputs = several or (Input(graph.inputs[0], tuple(one for one in given if isinstance(one, int))),)
        check_inputs(inputs)
        shapes = {one.name: one.shape for one in inputs}
        layers = []
        for node in graph.nodes:
            layer = fitted(node, tuple(shapes[name] for name in node.inputs))
            shapes[node.name] = layer.output
            layers.append(layer)
        return cls(inputs, tuple(layers), graph.outputs or (Output(graph.nodes[-1].name),))

    @property
    def input(self) -> Shape:
        """The shape ``c h w`` of the first input."""
        return self.inputs[0].shape

    @property
    def output(self) -> Shape:
        """The shape ``c h w`` of the layer of the first output."""
        return self.shape(self.outputs[0].node)

    def shape(self, name: str) -> Shape:
        """Return the shape ``c h w`` of a layer or an input.

        Raises:
            UnknownNameError: there is no layer or input of that name.
        """
        given = self._given.get(name)
        return given.shape if given else self[name].output

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, name: str) -> Layer:
        if name not in self._named:
            raise UnknownNameError(f'no layer is called "{name}"', attempt=nearest(name, self._named))
        return self._named[name]

    @cached_property
    def _named(self) -> dict[str, Layer]:
        return {layer.node.name: layer for layer in self.layers}

    @cached_property
    def _given(self) -> dict[str, Input]:
        return {one.name: one for one in self.inputs}

    def layer(self, name: str | None = None) -> Layer:
        """Return the layer of a name; by default, that of the first output that is not an input."""
        if name is not None:
            return self[name]
        given = {one.name for one in self.inputs}
        return next((self[one.node] for one in self.outputs if one.node not in given), self.layers[-1])

    def check_single(self, word: str, purpose: str) -> None:
        """Raise ShapeError unless the net has exactly one of ``inputs`` or ``outputs``, as a purpose requires."""
        names = [one.name for one in (self.inputs if word == "inputs" else self.outputs)]
        if len(names) > 1:
            listed = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
            raise ShapeError(f"the net has {len(names)} {word}: {listed}", expected=f"a net with one, for {purpose}")

    def live(self) -> frozenset[str]:
        """The names of layers and inputs on which an output depends; all others are dead."""
        needed = {output.node for output in self.outputs}
        for layer in reversed(self.layers):
            if layer.node.name in needed:
                needed.update(layer.node.inputs)
        return frozenset(needed)

    def table(self, *, of: str | None = None) -> LayerTable:
        """Return shapes, parameters, multiply-adds, memory and receptive field of every layer; ``of`` names an input.

        Raises:
            UnknownNameError: there is no such input.
        """
        from convscope.analyze.table import layer_table  # the noun calls the verb; see docs/design/layers.md

        return layer_table(self, of=of)

    def field(
        self,
        node: str | None = None,
        at: At | None = None,
        *,
        gates: bool = True,
        of: str | None = None,
    ) -> UnitField:
        """Return the exact pixels of an input (default: the first) that a unit (default: the middle one) depends on."""
        from convscope.analyze.unit import unit_field  # the noun calls the verb

        return unit_field(self, node, at, gates=gates, of=of)

    def __str__(self) -> str:
        """Return the net in the notation."""
        from convscope.frontends.text import write  # the noun calls the verb

        return write(self)

    def __repr__(self) -> str:
        return f"Net({str(self)!r})"

    def _repr_html_(self) -> str:
        return self.table().to_html()


def check_inputs(inputs: Sequence[Input]) -> None:
    """Raise ShapeError for an input that is too large.

    >>> check_inputs([Input("input", (3, 8, 2**31))])
    Traceback (most recent call last):
        ...
    convscope.errors.ShapeError: input: 8x2147483648x3 is too large
      expected at most 1,048,576 along an axis, and 1,099,511,627,776 channels
    """
    for one in inputs:
        if one.shape[0] > MAX_CHANNELS or max(one.shape[1:], default=0) > MAX_SIDE:
            what = f"{one.name}: {to_text(one.shape)[:200]} is too large"
            raise ShapeError(what, expected=f"at most {MAX_SIDE:,} along an axis, and {MAX_CHANNELS:,} channels")


def fitted(node: Node, inputs: tuple[Shape, ...]) -> Layer:
    """Fit a node to the shapes of its inputs.

    Raises:
        ShapeError: the op does not fit; the error names the node, its input and where it was written.
    """
    try:
        found = fit(node.op, inputs)
    except ConvscopeError as error:
        raise _located(error, node, inputs) from None
    return Layer(node if found.op is node.op else replace(node, op=found.op), inputs, *found[1:])


class Fit(NamedTuple):
    """An op at input shapes.

    Attributes:
        op: the op, with an entry for each axis.
        output: as in :class:`Layer`, like the rest.
        reads: as in :class:`Layer`.
        statistics: as in :class:`Layer`.
        pointwise: as in :class:`Layer`.
    """

    op: Op
    output: Shape
    reads: Reads
    statistics: tuple[Read, ...]
    pointwise: bool


@lru_cache(maxsize=4096)  # blocks repeat, and so do nets
def fit(op: Op, inputs: tuple[Shape, ...]) -> Fit:
    """Fit an op to input shapes.

    Raises:
        ConvscopeError: the op does not fit.
    """
    op = op.fit(len(inputs[0]) - 1)
    op.check(inputs)
    reads = op.axes(inputs)
    shape = output_shape(op, reads)
    if max(shape) > MAX_CHANNELS or max(shape[1:], default=0) > MAX_SIDE:
        raise ShapeError(f"its output {to_text(shape)} is too large")
    statistics = op.statistics(inputs)
    pointwise = not statistics and shape == inputs[0] and reads == (along(inputs[0]),)  # a repetition adds an axis
    return Fit(op, shape, reads, statistics, pointwise)


def _located(error: ConvscopeError, node: Node, inputs: tuple[Shape, ...]) -> ConvscopeError:
    """Add the net's knowledge to the error of an op: the node, its inputs, its position in the text."""
    given = ", ".join(
        f"{to_text(shape)} from {'the input' if name == INPUT else name}"
        for shape, name in zip(inputs, node.inputs, strict=True)
    )
    written, excerpt = (str(node.origin), node.origin.excerpt()) if node.origin else ("", "")
    return error.add(subject=node.name, given=given, written=written, excerpt=excerpt)
