"""A dense layer that holds most of the parameters.

A linear layer on flattened maps has a weight for every position: on 12x12x64 to 128 it has 1.18 million, more than all
convolutions before it. It overfits, and it fixes the image size.

A convolution without padding whose kernel is as large as its map is the same thing: 10 kernels of 26x26 over 10
channels are 67,610 parameters.

On a map of at most 16 positions it is a note and fails no gate: such heads are common, and may be intended.

Pool the maps first (``gap``), or reduce the channels with a 1x1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.checks.finding import NOTE, WARNING
from convscope.ops.conv import Conv
from convscope.ops.linear import Linear

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS009"

MANY = 16
"""Positions of a map above which the finding is a warning."""

SHARE, LEAST = 0.5, 10_000
"""Thresholds for a report: fraction of the net's parameters, and their number."""


def check(facts: Facts) -> Iterator[Finding]:
    """Find linear layers, and kernels as large as the map, on maps of more than one position."""
    total = facts.table.params.value
    for layer in facts.net:
        op = layer.node.op
        params = facts.rows[layer.node.name].params or 0
        if not isinstance(op, Linear | Conv) or params < LEAST or params < SHARE * total:
            continue
        if isinstance(op, Conv) and (op.kernel != layer.inputs[0][1:] or math.prod(layer.output[1:]) > 1):
            continue
        groups = op.groups if isinstance(op, Conv) else 1
        maps = layer.inputs[0]
        source = facts.source(layer)
        if len(maps) == 1 and source is not None and source.node.op.keyword == "flatten":
            maps = source.inputs[0]
        positions = math.prod(maps[1:])
        if positions > 1:
            yield facts.finding(
                CODE,
                layer,
                f"{params:,} params, {100 * params / total:.0f} % of the net: "
                f"it reads {positions} positions of {maps[0]} channels",
                level=WARNING if positions > MANY else NOTE,
                why="it learns every position independently, overfits, and fixes the image size",
                do="put gap before it, or a 1x1 with fewer channels",
                change=f"after gap it would have {op.out * (maps[0] // groups + op.bias):,} params",
            )
