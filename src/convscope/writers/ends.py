"""The ends of a net as layers of their own, so that writers need to know layers only.

What a net is given beside its first input, what brings an input into the layout of the library, and what is returned:
each is a layer that exists while the net is written.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from convscope.core.graph import INPUT, Node, Output
from convscope.core.nest import fold
from convscope.core.net import Layer
from convscope.core.op import Free, along
from convscope.writers.calls import Call, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.core.graph import Input
    from convscope.core.net import Net
    from convscope.core.op import Reads
    from convscope.core.order import Moves
    from convscope.core.shape import Shape
    from convscope.writers.calls import Item

    Move = Callable[[str, tuple[int, ...]], str]

RESULT = "result"
"""The layer of what is returned."""

GIVEN = "Given"
"""The word of a call that is the name of a further input."""

_ODD = re.compile(r"\W+", re.ASCII)


class _End(Free):
    """A layer that exists while a net is written."""

    keyword = "end"
    examples = ()

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Every input fits."""

    def axes(self, inputs: tuple[Shape, ...]) -> Reads:
        """Index by index."""
        return tuple(map(along, inputs))


@dataclass(frozen=True)
class Given(_End):
    """A further input of the net; it stands in the code as its name."""

    name: str


@dataclass(frozen=True)
class Arrival(_End):
    """An input that lies in another order than the library has it."""

    order: str


@dataclass(frozen=True)
class Return(_End):
    """What the net returns."""

    outputs: tuple[Output, ...]

    merges = True


def ended(net: Net) -> Net:
    """The net with its ends as layers: all but one input in the natural layout, and a last layer that reads the rest.

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
    """Names of arguments: ``x`` for a single input, else their own as Python allows them.

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
    """Does more than to give its only input as it is."""
    return not (isinstance(item, Call) and item.target == "{x0}")


def nested(outputs: Sequence[Output], said: Callable[[int], str]) -> str:
    """Results as Python nests them: tuples, lists, dicts.

    Args:
        outputs: in order.
        said: the expression for an output, by its number.

    >>> outputs = (Output("a", ("cls",)), Output("b", ("box", 0)), Output("c", ("box", 1)))
    >>> nested(outputs, "abc".__getitem__)
    '{"cls": a, "box": (b, c)}'
    """
    numbers = count()

    def join(kind: str, inside: dict[str, str]) -> str:
        if kind == "dict":
            keys = {key: literal(key).replace("{", "\\x7b") for key in inside}  # no position for an expression
            return f"{{{', '.join(f'{keys[key]}: {text}' for key, text in inside.items())}}}"
        entries = ", ".join(inside.values())
        if kind == "list":
            return f"[{entries}]"
        return f"({entries}{',' if len(inside) == 1 else ''})"

    return fold(outputs, lambda _: said(next(numbers)), join)


def moved(text: str, step: Moves, reshape: Move, permute: Move) -> str:
    """An expression brought into an order.

    Args:
        text: of the tensor.
        step: what is to be done.
        reshape: how the library writes a reshape of an expression to some sizes.
        permute: how it writes a permutation.
    """
    for how, what in ((reshape, step.split), (permute, step.permuted), (reshape, step.joined)):
        if what is not None:
            text = how(text, what)
    return text
