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
"""The name by which nodes refer to the input of a net that has one."""


KINDS = ("float", "int", "bool")
"""Of the numbers of an input; the first is the default."""


@dataclass(frozen=True)
class Input:
    """One tensor that a net is given.

    Attributes:
        name: by which nodes refer to it; :data:`INPUT` where there is only one.
        shape: ``c h w``.
        order: how the tensor lies compared with that, see :mod:`convscope.core.order`; empty for the natural layout.
        kind: of its numbers, one of :data:`KINDS`.
    """

    name: str
    shape: Shape
    order: str = ""
    kind: str = KINDS[0]


Path = tuple[str | int, ...]
"""A position in nested results: a key or a field (``"boxes"``), a position in a tuple (0) or in a list (``"[0]"``)."""


def is_position(step: str | int) -> bool:
    """A step of a path is a position in a list.

    >>> is_position("[0]"), is_position("boxes"), is_position(0)
    (True, False, False)
    """
    return isinstance(step, str) and step[:1] == "[" and step[-1:] == "]" and step[1:-1].isdecimal()


@dataclass(frozen=True)
class Output:
    """One tensor that a net returns.

    Attributes:
        node: the layer, or the input, that it is.
        path: its place in what is returned; empty where a net returns one tensor by itself.
        order: how the tensor lies compared with its layer, see :mod:`convscope.core.order`; empty for the natural
            layout.
        title: what the source calls it, where the path does not say so.
    """

    node: str
    path: Path = ()
    order: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """The title, or the path as a word.

        >>> Output("head", ("boxes", 0)).name, Output("head", (1,), title="scores").name, Output("head").name
        ('boxes.0', 'scores', 'output')
        """
        words = (step[1:-1] if is_position(step) else step for step in map(str, self.path))
        return self.title or ".".join(words) or "output"


@dataclass(frozen=True)
class Origin:
    """Where the user wrote something.

    Attributes:
        source: a file name, or ``<text>``.
        line: from 1.
        column: from 1.
        words: what stands there.
        context: the whole line, for the caret.
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
        """The line and a caret below the words; long lines are cut around them.

        >>> print(Origin("<text>", 1, 8, "conv", "relu,  conv 3").excerpt())
        relu,  conv 3
               ^^^^
        """
        start = max(0, self.column - 40) if len(self.context) > 100 else 0
        line = "".join(map(_plain, self.context[start : start + 100].rstrip("\r")))
        carets = "^" * max(1, min(len(self.words), 100 - (self.column - start) + 1))
        return f"{line}\n{' ' * (self.column - 1 - start)}{carets}"


def _plain(char: str) -> str:
    """A character as wide as it was, so that the caret stays below the words."""
    return char if is_inert(char) else " " if char == "\t" else "?"


@dataclass(frozen=True)
class Own:
    """What the source of an imported net has at a node, where that differs from what the op states.

    A layer that is used a second time has no weights there, because they are counted where it is used first; a table
    of position biases is smaller than the bias that is gathered from it; a layer that cannot be inspected may still
    be known to have so many weights.

    Attributes:
        weights: the tensors that are stored; None where the op's own are right.
        macs: multiply-adds [MAC]; None where the op's own are right.
        frozen: tensors of the op, by its names for them, that training leaves as they are: frozen parameters, and
            constants of the source.
    """

    weights: tuple[Weight, ...] | None = None
    macs: int | None = None
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """One op with the names of what it reads.

    Attributes:
        name: unique in its graph.
        op: what is computed.
        inputs: names of earlier nodes, or of inputs of the net.
        origin: where the user wrote it; not part of equality.
        own: what an imported net has here instead of what the op states.
        sources: names of the operations of the file that it was read from; not part of equality.
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
        outputs: what is returned, in order; the last node where none is given.

    Raises:
        UnknownNameError: a node reads a name that no earlier node has, or an output is none.
        ValueError: a name is taken twice, or there is no node.
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
