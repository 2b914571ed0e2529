"""Graphs of ops, before any shape is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.errors import UnknownNameError, nearest
from convscope.inert import is_inert

if TYPE_CHECKING:
    from convscope.core.op import Op, Weight
    from convscope.core.shape import Shape

INPUT = "input"
"""The name by which nodes refer to a net's only input."""


KINDS = ("float", "int", "bool")
"""The kinds of values of an input; the first is the default."""


@dataclass(frozen=True)
class Input:
    """An input tensor of a net.

    Attributes:
        name: name by which nodes refer to it; :data:`INPUT` if there is only one.
        shape: ``c h w``.
        order: layout of the tensor relative to that, see :mod:`convscope.core.order`; empty for the natural layout.
        kind: kind of its values, one of :data:`KINDS`.
    """

    name: str
    shape: Shape
    order: str = ""
    kind: str = KINDS[0]


Path = tuple[str | int, ...]
"""A position in nested results: a key or a field (``"boxes"``), a position in a tuple (0) or in a list (``"[0]"``)."""


def is_position(step: str | int) -> bool:
    """Return whether a step of a path is a position in a list.

    >>> is_position("[0]"), is_position("boxes"), is_position(0)
    (True, False, False)
    """
    return isinstance(step, str) and step[:1] == "[" and step[-1:] == "]" and step[1:-1].isdecimal()


@dataclass(frozen=True)
class Output:
    """An output tensor of a net.

    Attributes:
        node: the layer or input that is returned.
        path: its position in the returned structure; empty if a net returns a single tensor.
        order: layout of the tensor relative to its layer, see :mod:`convscope.core.order`; empty for the natural
            layout.
        title: its name in the source, if the path does not state it.
    """

    node: str
    path: Path = ()
    order: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """The title, or the path as one word.

        >>> Output("head", ("boxes", 0)).name, Output("head", (1,), title="scores").name, Output("head").name
        ('boxes.0', 'scores', 'output')
        """
        words = (step[1:-1] if is_position(step) else step for step in map(str, self.path))
        return self.title or ".".join(words) or "output"


@dataclass(frozen=True)
class Origin:
    """A position in the user's text.

    Attributes:
        source: a file name, or ``<text>``.
        line: line number, from 1.
        column: column number, from 1.
        words: the text at this position.
        context: the full line, for the caret.
    """

    source: str
    line: int
    column: int
    words: str
    context: str = ""

    def __str__(self) -> str:
        words = self.words if len(self.words) <= 80 else f"{self.words[:79]}…"
        return f"{self.source}:{self.line}:{self.column}" + (f'  "{words}"' if words else "")

    def excerpt(self) -> str:
        """Return the line with carets below the words; long lines are cut around them.

        >>> print(Origin("<text>", 1, 8, "conv", "relu,  conv 3").excerpt())
        relu,  conv 3
               ^^^^
        """
        start = max(0, self.column - 40) if len(self.context) > 100 else 0
        line = "".join(map(_plain, self.context[start : start + 100].rstrip("\r")))
        carets = "^" * max(1, min(len(self.words), 100 - (self.column - start) + 1))
        return f"{line}\n{' ' * (self.column - 1 - start)}{carets}"


def _plain(char: str) -> str:
    """Return a harmless character of equal width, so that the caret stays below the words."""
    return char if is_inert(char) else " " if char == "\t" else "?"


@dataclass(frozen=True)
class Own:
    """Facts about a node of an imported net that differ from those of its op.

    The second use of a layer has no weights, because they are counted at the first use; a table of position biases is
    smaller than the bias that is gathered from it; the number of weights of a layer that cannot be inspected may still
    be known.

    Attributes:
        weights: the stored tensors; None if the op's own are right.
        macs: multiply-adds [MAC]; None if the op's own are right.
        frozen: names of the op's tensors that are not trained: frozen parameters, and constants of the source.
    """

    weights: tuple[Weight, ...] | None = None
    macs: int | None = None
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """An op with the names of its inputs.

    Attributes:
        name: unique in its graph.
        op: the op.
        inputs: names of earlier nodes or of inputs of the net.
        origin: its position in the user's text; not part of equality.
        own: facts about an imported net that differ from those of the op.
        sources: names of the operations in the file from which it was read; not part of equality.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    origin: Origin | None = field(default=None, compare=False, repr=False)
    own: Own = field(default=Own(), repr=False)
    sources: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order.

    Attributes:
        nodes: at least one.
        inputs: names of the inputs, in order.
        outputs: the outputs, in order; by default the last node.

    Raises:
        UnknownNameError: a node reads a name that no earlier node has, or an output names no node.
        ValueError: a name is used twice, or there is no node.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...] = (INPUT,)
    outputs: tuple[Output, ...] = ()

    def __post_init__(self) -> None:
        if not self.nodes:
            raise ValueError("a graph needs at least one node")
        seen = dict.fromkeys(self.inputs)
        for node in self.nodes:
            for name in node.inputs:
                if name not in seen:
                    raise UnknownNameError(
                        f'{node.name} reads "{name}", which is not the name of an earlier node',
                        attempt=nearest(name, seen),
                    )
            if node.name in seen:
                raise ValueError(f"two nodes are called {node.name}")
            seen[node.name] = None
        for output in self.outputs:
            if output.node not in seen:
                raise UnknownNameError(f'no layer is called "{output.node}"', attempt=nearest(output.node, seen))
