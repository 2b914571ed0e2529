"""Layers whose result nobody reads.

A branch that does not lead to any output costs time and memory in every forward pass, and learns nothing, because no
gradient reaches it. Often it is what is left of an experiment, or a merge that was forgotten.

Remove it, or merge it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS013"


def check(facts: Facts) -> Iterator[Finding]:
    """Layers from which no path leads to an output; the last one of each branch is named."""
    live = facts.net.live()
    dead = [layer for layer in facts.net if layer.node.name not in live]
    params = sum(facts.rows[layer.node.name].params or 0 for layer in dead)
    macs = sum(facts.rows[layer.node.name].macs or 0 for layer in dead)
    for layer in dead:
        if not facts.readers[layer.node.name]:
            yield facts.finding(
                CODE,
                layer,
                "nothing reads its result",
                why="a branch that does not lead to the output costs time and learns nothing",
                do="remove the branch, or merge it",
                change=f"all dead layers together hold {params:,} params and {macs:,} MACs",
            )
