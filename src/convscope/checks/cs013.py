"""Layers whose result is never read.

A branch that does not lead to any output costs time and memory in every forward pass, and learns nothing, because no
gradient reaches it. Often it is a leftover of an experiment, or a forgotten merge.

Remove it, or merge it.

An op that only selects values (a slice, a part of a split, a view) costs nothing and is not reported: code may need
only its shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.coverage import only_moves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding
    from convscope.core.net import Layer

CODE = "CS013"


def check(facts: Facts) -> Iterator[Finding]:
    """Find layers from which no path leads to an output; name the last one of each branch that costs something."""
    live = facts.net.live()
    dead = [layer for layer in facts.net if layer.node.name not in live and not _free(facts, layer)]
    params = sum(facts.rows[layer.node.name].params or 0 for layer in dead)
    macs = sum(facts.rows[layer.node.name].macs or 0 for layer in dead)
    for layer in _last(facts, dead):
        yield facts.finding(
            CODE,
            layer,
            "nothing reads its result",
            why="a branch that does not lead to the output costs time and learns nothing",
            do="remove the branch, or merge it",
            change=f"all dead layers together hold {params:,} params and {macs:,} MACs",
        )


def _last(facts: Facts, dead: list[Layer]) -> list[Layer]:
    """Return the layers that are followed by none of the others."""
    names = {layer.node.name for layer in dead}
    before: set[str] = set()  # layers that lead to one of these
    found = []
    for layer in reversed(facts.net.layers):
        leads = layer.node.name in before
        if layer.node.name in names and not leads:
            found.append(layer)
        if leads or layer.node.name in names:
            before |= set(layer.node.inputs)
    return found[::-1]


def _free(facts: Facts, layer: Layer) -> bool:
    """Return whether the op only selects values: nothing is computed, and libraries use a view."""
    row = facts.rows[layer.node.name]
    picks = only_moves(layer) and not layer.pointwise and not layer.node.op.merges
    return row.params == row.macs == 0 and (layer.node.op.memory == "view" or picks)
