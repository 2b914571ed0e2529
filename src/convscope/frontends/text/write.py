"""Writing a net as text: nested if its paths nest, otherwise with labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from convscope.budget import question, spend
from convscope.core.graph import INPUT, KINDS, Output
from convscope.core.nest import fold
from convscope.core.op import spelled
from convscope.core.shape import to_text
from convscope.frontends.text.parse import MAX_DEPTH
from convscope.frontends.text.tokens import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.core.graph import Input
    from convscope.core.net import Layer, Net

ATTACHED = 4
"""The most pointwise ops that continue a statement, as in ``conv 16 3x3 bn relu``."""


def write(net: Net) -> str:
    r"""Return the net in the notation; ``read(write(net)) == net``.

    >>> import convscope as cs
    >>> write(cs.read("input 8x8x4\nadd( conv 4 3x3 p1x1 bn | id ) relu"))
    'input 8x8x4, add( conv 4 3x3 p1 bn | id ) relu'
    """
    with question(layers=len(net)):
        writer = _Writer(net)
        body = writer.nested() or writer.flat()
    lone = [one.name for one in net.inputs] == [INPUT]
    return ", ".join([*(_input(one, named=not lone) for one in net.inputs), *body])


def _input(one: Input, *, named: bool) -> str:
    words = (
        f"{quoted(one.name)}:" if named else "",
        INPUT,
        to_text(one.shape),
        "" if one.kind == KINDS[0] else one.kind,
    )
    return " ".join(filter(None, (*words, one.order and f"as {one.order}")))


ROOT = ""
"""The position above several inputs."""


class _TooDeepError(Exception):
    """Raised if the paths nest deeper than the reader allows."""


@dataclass
class _Writer:
    """Writes statements; a second pass adds labels to nodes that are named by a later ``from``."""

    net: Net
    root: str = field(init=False)
    given: set[str] = field(init=False)
    layers: dict[str, Layer] = field(init=False)
    inputs: dict[str, tuple[str, ...]] = field(init=False)
    labelled: set[str] = field(default_factory=set)
    written: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.given = {one.name for one in self.net.inputs}
        self.root = next(iter(self.given)) if len(self.given) == 1 else ROOT
        self.layers = {layer.node.name: layer for layer in self.net}
        self.inputs = {name: layer.node.inputs for name, layer in self.layers.items()}
        counts: Counter[str] = Counter()
        for layer in self.net:
            keyword = layer.node.op.keyword
            counts[keyword] += 1
            if layer.node.name != f"{keyword}{counts[keyword]}":
                self.labelled.add(layer.node.name)

    @property
    def plain(self) -> bool:
        """Return whether the net returns just its last layer, which is implicit."""
        return self.net.outputs == (Output(self.net.layers[-1].node.name),)

    def nested(self) -> list[str]:
        """Write paths inside their merges; empty if the order of the nodes does not allow it."""
        ends = tuple(output.node for output in self.net.outputs)
        taken = self.given | set(self.inputs)
        end = next(name for name in map("*".__mul__, count(1)) if name not in taken)  # a virtual reader of all outputs
        above = _dominators({**self.inputs, end: ends}, self.given, self.root)
        try:
            for _ in range(2):  # the first pass finds out which nodes need a label
                self.written = {}
                start = ends[0] if self.plain else above[end]
                body = self.path(start, self.root, above) if start != self.root else []
                if not self.plain:
                    said = lambda end: ", ".join(self.path(end, start, above, 1)) or "id"  # noqa: B023, E731 -- used now
                    body = [*body, f"output {_returned(self.net.outputs, said)}"]
        except _TooDeepError:
            return []
        return body if list(self.written) == list(self.inputs) else []

    def path(self, end: str, start: str, above: dict[str, str], depth: int = 0) -> list[str]:
        """Write the statements from after ``start`` up to ``end``."""
        if depth > MAX_DEPTH:
            raise _TooDeepError
        chain = []
        while end != start and end not in self.written and end not in self.given:
            chain.append(end)
            end = above[end]
        statements = _Statements()
        if end != start:
            statements.add(self.mention(end))
        for name in reversed(chain):
            self.node(name, statements, above, depth)
        return statements.done

    def node(self, name: str, statements: _Statements, above: dict[str, str], depth: int) -> None:
        """Write a node after the paths that it merges."""
        inputs = self.inputs[name]
        layer = self.layers[name]
        op = layer.node.op
        text = spelled(op)
        if op.merges:
            paths = [self.path(end, above[name], above, depth + 1) or ["id"] for end in inputs]
            text = f"{text}( {' | '.join(', '.join(path) for path in paths)} )"
        self.written[name] = None
        alone = text == "id" and statements.empty
        statements.add(text, name if name in self.labelled or alone else "", attach=layer.pointwise)

    def mention(self, name: str) -> str:
        """Write ``from name``, and note that the name needs a label."""
        if name not in self.given:
            self.labelled.add(name)
        return f"from {quoted(name)}"

    def flat(self) -> list[str]:
        """Write every node as a statement of its own, in order."""
        statements: list[str] = []
        before = self.net.inputs[0].name
        for name, inputs in self.inputs.items():
            op = self.layers[name].node.op
            if op.merges:
                text = f"{spelled(op)}( {' | '.join(map(self.mention, inputs))} )"
            else:
                statements += [] if inputs[0] == before else [self.mention(inputs[0])]
                text = spelled(op)
            statements.append(f"{quoted(name)}: {text}")
            before = name
        if not self.plain:
            statements.append(f"output {_returned(self.net.outputs, self.mention)}")
        return statements


def _returned(outputs: Sequence[Output], said: Callable[[str], str]) -> str:
    """Write outputs as the net nests them; ``said`` writes the path to a layer."""

    def leaf(one: Output) -> str:
        title = f" named {quoted(one.title)}" if one.title else ""
        return f"{said(one.node)}{title}{f' as {one.order}' if one.order else ''}"

    def join(kind: str, inside: dict[str, str]) -> str:
        entries = (f"{quoted(key)}: {text}" if kind == "dict" else text for key, text in inside.items())
        return f"{kind}( {' | '.join(entries)} )"

    text = fold(outputs, leaf, join)
    return text if outputs[0].path else text.removeprefix("id ")


@dataclass
class _Statements:
    """The statements of a path; small ops attach to the previous one."""

    done: list[str] = field(default_factory=list)
    open: int = 0

    @property
    def empty(self) -> bool:
        return not self.done

    def add(self, text: str, label: str = "", *, attach: bool = False) -> None:
        """Add a node. A label names a statement by its last op, so a labelled node closes its statement."""
        if attach and self.open and not label:
            self.done[-1] += f" {text}"
            self.open -= 1
            return
        self.done.append(f"{quoted(label)}: {text}" if label else text)
        self.open = 0 if label or text.startswith("from ") else ATTACHED


def _dominators(inputs: dict[str, tuple[str, ...]], given: set[str], root: str) -> dict[str, str]:
    """Return the immediate dominator of each node (Cooper, Harvey and Kennedy 2001)."""
    above = {name: root for name in given if name != root}
    depth = {root: 0, **dict.fromkeys(above, 1)}
    for name, before in inputs.items():
        nearest = before[0]
        for other in before[1:]:
            a, b, steps = nearest, other, 0
            while a != b:
                if depth[a] < depth[b]:
                    a, b = b, a
                a = above[a]
                steps += 1
            spend(steps / 4)
            nearest = a
        above[name] = nearest
        depth[name] = depth[nearest] + 1
    return above
