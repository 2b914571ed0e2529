"""Grouped convolutions that never mix.

Two grouped convolutions in a row with the same groups act as separate nets, one per group: no channel of one group
reaches another. ShuffleNet puts a channel shuffle between them, MobileNet a 1x1 over all channels. Depthwise
convolutions between them do not change that, and are not reported themselves.

Put a ``shuffle`` between them, or a 1x1 without groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.regions import pulled
from convscope.budget import about, spend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.analyze.regions import Index
    from convscope.checks.finding import Facts, Finding
    from convscope.core.net import Layer

CODE = "CS014"

STEP = 10
"""Cost of a step from one layer to the one before it [microsecond]."""


def check(facts: Facts) -> Iterator[Finding]:
    """Find pairs of layers with multiply-adds between which channels stay in their groups."""
    for layer in facts.net:
        if not _grouped(facts, layer):
            continue
        with about(layer.node.name):
            yield from _apart(facts, layer)


def _apart(facts: Facts, layer: Layer) -> Iterator[Finding]:
    """Return the grouped layer before a grouped layer, if channels stay separate between the two."""
    channels: Index = range(1)  # the channels that one channel depends on
    one: Layer | None = layer
    while one is not None and not one.node.op.merges:
        read = pulled(one.reads[0][0].relation, channels)
        if read is None:
            break
        channels = read
        before = facts.layers.get(one.node.inputs[0])
        spend(STEP)
        if one is not layer and _grouped(facts, one):
            if len(channels) < one.inputs[0][0]:
                yield _finding(facts, layer, one, len(channels))
            break
        one = before


def _grouped(facts: Facts, layer: Layer) -> bool:
    """Return whether a layer sums over some input channels but not all; depthwise layers sum over none."""
    reads = layer.reads[0][0].relation
    return bool(facts.rows[layer.node.name].macs) and 1 < _count(pulled(reads, range(1))) < reads.size


def _finding(facts: Facts, layer: Layer, before: Layer, seen: int) -> Finding:
    return facts.finding(
        CODE,
        layer,
        f"after {before.node.name} each of its channels depends on only {seen} of {before.inputs[0][0]} channels",
        why="groups that never mix are separate nets",
        do="add a shuffle between the two, or a 1x1 without groups",
        change="a shuffle adds no parameters, and lets the channels of all groups interact",
    )


def _count(positions: Index | None) -> int:
    return 0 if positions is None else len(positions)
