"""A surge of parameters after a pooling.

Channels double where maps halve, and a 3x3 over many channels is where the parameters go: 3x3x512x512 are 2.4 million.
A 1x1 convolution after the pooling reduces the channels first and costs a ninth of a 3x3.

Put a 1x1 with fewer channels before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.ops.conv import Conv
from convscope.ops.pool import AvgPool, MaxPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS008"

SHARE, CHANNELS, LEAST = 0.25, 32, 50_000
"""Thresholds for a report: fraction of the net's parameters, fraction of input channels, parameters of the layer."""


def check(facts: Facts) -> Iterator[Finding]:
    """Find convolutions right after a pooling that hold a large part of the net."""
    total = facts.table.params.value
    for layer in facts.net:
        if not isinstance(layer.node.op, Conv):
            continue
        op, source = layer.node.op, facts.source(layer)
        params = facts.rows[layer.node.name].params or 0
        channels = layer.inputs[0][0]
        if source is None or not isinstance(source.node.op, MaxPool | AvgPool):
            continue
        if max(op.kernel) > 1 and op.groups == 1 and channels >= CHANNELS and params > max(LEAST, SHARE * total):
            narrow = channels // 4
            less = channels * narrow + params * narrow // channels
            yield facts.finding(
                CODE,
                layer,
                f"{params:,} params, {100 * params / total:.0f} % of the net, over the {channels} channels of "
                f"{source.node.name}",
                why="the largest kernels are where the most channels are",
                do=f"put conv {narrow} 1x1 before it",
                change=f"about {less:,} params for {params:,}",
            )
