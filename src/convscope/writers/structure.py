"""Structure of a net: from a graph to steps with nested regions, where paths split and join."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from convscope.budget import spend
from convscope.ops.merge import Cat
from convscope.writers.calls import Region, Step
from convscope.writers.ends import Given, Return
from convscope.writers.residual import ordered

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.net import Layer, Net
    from convscope.core.op import Op
    from convscope.writers.calls import Call, Item, Steps

    Spell = Callable[[Layer], tuple[Call, ...]]

ENTRY = -1
"""The position of the input of a net or a region."""

VISITS = 4
"""Number of nodes that are examined in one step of the budget."""

DEEPEST = 32
"""The deepest nesting of regions; deeper ones are written step by step."""


@dataclass(frozen=True)
class _Graph:
    """The net, by positions."""

    inputs: list[tuple[int, ...]]
    readers: list[list[int]]
    above: list[int]
    given: frozenset[int]

    @classmethod
    def of(cls, net: Net) -> _Graph:
        position = {net.inputs[0].name: ENTRY, **{layer.node.name: at for at, layer in enumerate(net)}}
        inputs = [tuple(position[name] for name in layer.node.inputs) for layer in net]
        readers: list[list[int]] = [[] for _ in inputs]
        for at, sources in enumerate(inputs):
            for source in sources:
                if source != ENTRY:
                    readers[source].append(at)
        given = frozenset(at for at, layer in enumerate(net) if isinstance(layer.node.op, Given))
        return cls(inputs, readers, _dominators(inputs), given)

    def region(self, exit_: int) -> set[int] | None:
        """Return the nodes between a merge and the last node that all its paths share.

        None if other paths leave it, or a further input of the net enters.
        """
        entry, found, todo = self.above[exit_], set[int](), list(self.inputs[exit_])
        while todo:
            at = todo.pop()
            if at != entry and at not in found:
                found.add(at)
                todo += self.inputs[at]
        spend(len(found) / VISITS)
        closed = all(reader in found or reader == exit_ for at in found for reader in self.readers[at])
        return found if closed and not found & self.given else None


def _dominators(inputs: list[tuple[int, ...]]) -> list[int]:
    """Return the immediate dominator of each node; inputs come before their readers."""
    above: list[int] = []
    for sources in inputs:
        common = sources[0]
        for other in sources[1:]:
            a, b, steps = common, other, 0
            while a != b:  # the later of two nodes cannot dominate the other
                a, b = (above[a], b) if a > b else (a, above[b])
                steps += 1
            spend(steps / VISITS)
            common = a
        above.append(common)
    return above


def grown(net: Net) -> Net:
    """Let a concatenation that begins with all of an earlier one read that, so that DenseNet's blocks nest.

    >>> import convscope as cs
    >>> net = cs.read("input 4x4x2, a: relu, b: conv 1 1x1, cat( from a | from b ), c: conv 3 1x1, "
    ...     "d: cat( from a | from b | from c )")
    >>> grown(net)["d"].node.inputs
    ('cat1', 'c')
    """
    known: dict[tuple[Op, tuple[str, ...]], Layer] = {}
    layers = []
    for layer in net:
        node = layer.node
        if isinstance(node.op, Cat):
            known.setdefault((node.op, node.inputs), layer)
            lengths = range(len(node.inputs) - 1, 1, -1)
            spend(len(lengths) / VISITS, elements=len(lengths) ** 2)
            longest = next((n for n in lengths if (node.op, node.inputs[:n]) in known), 0)
            if longest:
                before = known[node.op, node.inputs[:longest]]
                node = replace(node, inputs=(before.node.name, *node.inputs[longest:]))
                layer = replace(layer, node=node, inputs=(before.output, *layer.inputs[longest:]))  # noqa: PLW2901
        layers.append(layer)
    return replace(net, layers=tuple(layers))


def steps_of(net: Net, spell: Spell) -> Steps:
    """Return the net as steps; every part with one input, one output and paths between them is a region.

    >>> import convscope as cs
    >>> from convscope.writers.calls import Call
    >>> net = cs.read("input 8x8x4, conv 4 1x1, add( conv 4 3x3 p1 bn | id ) relu")
    >>> (step,) = steps_of(net, lambda layer: (Call(layer.node.op.keyword, layer=layer.node.name),))
    >>> [type(item).__name__ for item in step.items]
    ['Call', 'Region', 'Call']
    """
    builder = _Builder(net, spell, _Graph.of(net))
    return builder.body(list(range(len(net))), ENTRY, last=-1)


@dataclass
class _Builder:
    net: Net
    spell: Spell
    graph: _Graph
    regions: dict[int, set[int]] = field(init=False)

    def __post_init__(self) -> None:
        merges = [at for at, sources in enumerate(self.graph.inputs) if len(sources) > 1]
        found = {at: self.graph.region(at) for at in merges}
        self.regions = {at: nodes for at, nodes in found.items() if nodes is not None}

    def body(self, nodes: list[int], entry: int, last: int, depth: int = 0) -> Steps:
        """Return steps for some nodes; ``last`` is the merge that closes a region and stays one step in it."""
        regions = self.regions if depth < DEEPEST else {}
        covered: set[int] = set()
        parts: list[tuple[int, tuple[int, ...]]] = []
        for at in reversed(nodes):
            if at in covered:
                continue
            inside = regions.get(at) if at != last else None
            covered |= inside or set()
            parts.append((at, (self.graph.above[at],) if inside is not None else self.graph.inputs[at]))
        chain = _Chains(entry, Counter(source for _, sources in parts for source in sources))
        for at, sources in reversed(parts):
            ends = isinstance(self.net.layers[at].node.op, Return)  # it is the last step, whatever it reads
            items = self.region(at, depth) if at != last and at in regions else self.spell(self.net.layers[at])
            chain.add(at, items, sources, joins=not ends)
        return tuple(chain.steps)

    def region(self, at: int, depth: int) -> tuple[Item, ...]:
        """Return the item for a merge: its entire region."""
        entry, inside = self.graph.above[at], sorted(self.regions[at])
        given = self.net.input if entry == ENTRY else self.net.layers[entry].output
        return (Region(ordered(self.body([*inside, at], entry, at, depth + 1)), given),)


@dataclass
class _Chains:
    """Steps under construction: a node continues the chain of its input, if nothing else reads that."""

    entry: int
    readers: Counter[int]
    steps: list[Step] = field(default_factory=list)
    where: dict[int, int] = field(default_factory=dict)

    def add(self, at: int, items: tuple[Item, ...], sources: tuple[int, ...], *, joins: bool) -> None:
        positions = tuple(ENTRY if source == self.entry else self.where[source] for source in sources)
        before = positions[0]
        alone = joins and len(sources) == 1 and before != ENTRY and self.readers[sources[0]] == 1
        if alone and not self.steps[before].merges:
            self.steps[before] = replace(self.steps[before], items=self.steps[before].items + items)
            self.where[at] = before
            return
        self.steps.append(Step(items, positions))
        self.where[at] = len(self.steps) - 1
