"""Inputs and outputs of a net as layers, so that writers need to handle layers only.

Further inputs, conversions of an input to the layout of the library, and the result are layers that exist while the net
is written.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, ClassVar

from convscope.core.graph import INPUT, Node, Output
from convscope.core.nest import fold
from convscope.core.net import Layer
from convscope.core.op import Free, along
from convscope.writers.calls import Call, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.core.graph import Input
    from convscope.core.net import Net
    from convscope.core.op import Example, Reads
    from convscope.core.order import Moves
    from convscope.core.shape import Shape
    from convscope.writers.calls import Item

    Move = Callable[[str, tuple[int, ...]], str]

RESULT = "result"
"""The name of the layer of the result."""

GIVEN = "Given"
"""The word of a call that names a further input."""

_ODD = re.compile(r"\W+", re.ASCII)


class _End(Free):
    """An op that exists while a net is written."""

    keyword = "end"
    examples: ClassVar[tuple[Example, ...]] = ()

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Accept every input."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Read index by index."""
        return tuple(map(along, inputs))


@dataclass(frozen=True)
class Given(_End):
    """A further input of the net, which the code refers to by name."""

    name: str


@dataclass(frozen=True)
class Arrival(_End):
    """A conversion of an input to the layout of the library."""

    order: str


@dataclass(frozen=True)
class Return(_End):
    """The result of the net."""

    outputs: tuple[Output, ...]

    merges = True


def ended(net: Net) -> Net:
    """Return the net with its ends as layers: all inputs but one in natural layout, and a last layer for the result.

    >>> import convscope as cs
    >>> [layer.node.name for layer in ended(cs.read("input 8x8x1, conv 4 3x3, output tuple( relu | gap )"))]
    ['conv1', 'relu1', 'gap1', 'result']
    """
    first = net.inputs[0]
    words = dict(zip((one.name for one in net.inputs), words_of(net.inputs), strict=True))
    front: list[Layer] = []
    renamed: dict[str, str] = {}
    for one in net.inputs:
        if one is not first:
            front.append(_layer(one.name, Given(words[one.name]), (first.name,), (first.shape,), one.shape))
        if one.order:
            renamed[one.name] = f"{one.name}*"
            front.append(_layer(renamed[one.name], Arrival(one.order), (one.name,), (one.shape,), one.shape))
    layers = [_reading(layer, renamed) for layer in net]
    outputs = tuple(replace(one, node=renamed.get(one.node, one.node)) for one in net.outputs)
    dead = len(net.live()) < len(net.inputs) + len(net)
    if not dead and outputs == tuple(Output(layer.node.name) for layer in layers[-1:]):
        return replace(net, layers=(*front, *layers))
    shapes = tuple(net.shape(one.node) for one in net.outputs)
    nodes = tuple(one.node for one in outputs)
    return replace(net, layers=(*front, *layers, _layer(RESULT, Return(outputs), nodes, shapes, shapes[0])))


def _layer(name: str, op: Free, inputs: tuple[str, ...], shapes: tuple[Shape, ...], made: Shape) -> Layer:
    return Layer(Node(name, op, inputs), shapes, made, op.axes(shapes), (), pointwise=False)


def _reading(layer: Layer, renamed: dict[str, str]) -> Layer:
    if not renamed.keys() & set(layer.node.inputs):
        return layer
    inputs = tuple(renamed.get(name, name) for name in layer.node.inputs)
    return replace(layer, node=replace(layer.node, inputs=inputs))


def words_of(inputs: Sequence[Input]) -> list[str]:
    """Return names of arguments: ``x`` for a single input, otherwise their own as valid Python names.

    >>> from convscope.core.graph import Input
    >>> words_of([Input("rgb.0", (3, 8, 8)), Input("class", (1,))])
    ['rgb_0', 'class_']
    """
    if [one.name for one in inputs] == [INPUT]:
        return ["x"]
    found: list[str] = []
    for one in inputs:
        word = _ODD.sub("_", one.name)
        word = f"x_{word}" if word[:1].isdigit() or word == "self" else word
        word = f"{word}_" if keyword.iskeyword(word) else word
        found.append(word if word not in found else f"{word}_{len(found)}")
    return found


def is_something(item: Item) -> bool:
    """Return whether it does more than return its only input."""
    return not (isinstance(item, Call) and item.target == "{x0}")


def nested(outputs: Sequence[Output], said: Callable[[int], str]) -> str:
    """Return the code for nested results: tuples, lists, dicts.

    Args:
        outputs: in order.
        said: returns the expression for an output, by its number.

    >>> outputs = (Output("a", ("cls",)), Output("b", ("box", 0)), Output("c", ("box", 1)))
    >>> nested(outputs, "abc".__getitem__)
    '{"cls": a, "box": (b, c)}'
    """
    numbers = count()

    def join(kind: str, inside: dict[str, str]) -> str:
        if kind == "dict":
            keys = {key: literal(key).replace("{", "\\x7b") for key in inside}  # not the place for an expression
            return f"{{{', '.join(f'{keys[key]}: {text}' for key, text in inside.items())}}}"
        entries = ", ".join(inside.values())
        if kind == "list":
            return f"[{entries}]"
        return f"({entries}{',' if len(inside) == 1 else ''})"

    return fold(outputs, lambda _: said(next(numbers)), join)


def moved(text: str, step: Moves, reshape: Move, permute: Move) -> str:
    """Return an expression that brings a tensor into an order.

    Args:
        text: expression of the tensor.
        step: the steps to take.
        reshape: writes a reshape in the library.
        permute: writes a permutation in the library.
    """
    for how, what in ((reshape, step.split), (permute, step.permuted), (reshape, step.joined)):
        if what is not None:
            text = how(text, what)
    return text
