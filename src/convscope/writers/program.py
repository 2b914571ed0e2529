"""A net as a program: its top-level steps and its blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convscope.errors import ConvscopeError
from convscope.writers.arguments import settle
from convscope.writers.blocks import extract
from convscope.writers.calls import Call, Region, Step, Use, uses
from convscope.writers.ends import ended
from convscope.writers.names import block_name
from convscope.writers.structure import ENTRY, grown, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convscope.core.net import Layer, Net
    from convscope.writers.arguments import Roles
    from convscope.writers.calls import Block, Item, Steps

    Spell = Callable[[Layer], tuple[Call, ...]]


@dataclass(frozen=True)
class Program:
    """A net that is ready for writing.

    Attributes:
        source: the net that is written.
        net: the net with its ends as layers.
        steps: top-level steps, without regions.
        blocks: the blocks, each after those that it uses.
        layers: layers of the net, by name.
    """

    source: Net
    net: Net
    steps: Steps
    blocks: tuple[Block, ...]
    layers: dict[str, Layer]


def program(net: Net, spell: Spell, roles: Roles) -> Program:
    """Find the structure of a net.

    Args:
        net: the net to write.
        spell: writes a layer in the library.
        roles: the library's names of channels.

    Raises:
        WriteError: an op has no spelling; the error names the layer.
    """
    source, net = net, grown(ended(net))
    layers = {layer.node.name: layer for layer in net}
    steps, _ = extract(steps_of(net, lambda layer: _spelled(layer, spell)), layers)
    every = list(uses(steps))
    blocks = list(dict.fromkeys(_inner_first(steps)))
    taken: Counter[str] = Counter()
    for block in blocks:
        settle(block, [use for use in every if use.block is block], roles)
        name = block_name(block)
        taken[name] += 1
        block.name = f"{name}{taken[name]}" if taken[name] > 1 else name
        block.sample = flat(block.sample)
    return Program(source, net, flat(steps), tuple(blocks), layers)


def _spelled(layer: Layer, spell: Spell) -> tuple[Call, ...]:
    try:
        calls = spell(layer)
    except ConvscopeError as error:
        written, excerpt = (str(layer.node.origin), layer.node.origin.excerpt()) if layer.node.origin else ("", "")
        raise error.add(subject=layer.node.name, written=written, excerpt=excerpt) from None
    return tuple(replace(call, layer=layer.node.name) for call in calls)


def _inner_first(steps: Steps) -> Iterator[Block]:
    """Return the blocks, each after those that it uses."""
    for item in (item for step in steps for item in step.items):
        if isinstance(item, Use | Region):
            yield from _inner_first(item.steps)
        if isinstance(item, Use):
            yield item.block


def flat(steps: Steps) -> Steps:
    """Return the steps with those of regions inlined.

    >>> inner = Region((Step(("a",), (-1,)), Step(("+",), (0, -1))), (1,))
    >>> [(step.items, step.inputs) for step in flat((Step(("b", inner, "c"), (-1,)),))]
    [(('b',), (-1,)), (('a',), (0,)), (('+',), (1, 0)), (('c',), (2,))]
    """
    found: list[Step] = []
    result = _flatten(steps, ENTRY, found)
    if result != len(found) - 1:  # the result was computed earlier, or is the input
        found.append(Step((), (result,)))
    return tuple(found)


def _flatten(steps: Steps, entry: int, found: list[Step]) -> int:
    """Add the steps to the list; return the position of their result."""
    where = {ENTRY: entry}
    for number, step in enumerate(steps):
        inputs = tuple(where[source] for source in step.inputs)
        if step.merges:
            found.append(replace(step, inputs=inputs))
            where[number] = len(found) - 1
        else:
            where[number] = _chain(step, inputs[0], found)
    return where[len(steps) - 1]


def _chain(step: Step, before: int, found: list[Step]) -> int:
    """Add a chain: its regions and expressions, and the runs between them; an empty path is its input."""
    for run in _runs(step):
        first = run[0] if run else None
        if isinstance(first, Region):
            before = _flatten(first.steps, before, found)
        elif run or step.shortcut:
            found.append(replace(step, items=run, inputs=(before,)))
            before = len(found) - 1
    return before


def _runs(step: Step) -> Iterator[tuple[Item, ...]]:
    run: list[Item] = []
    for item in step.items:
        if isinstance(item, Region) or (isinstance(item, Call) and not item.is_object):
            yield from filter(None, (tuple(run),))
            yield (item,)
            run = []
        else:
            run.append(item)
    if run or not step.items:
        yield tuple(run)
