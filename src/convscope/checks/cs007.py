"""A bias right before a batch norm.

The norm subtracts the mean of its input, and any bias with it: the bias has no effect, but costs memory, and takes part
in weight decay and in the optimizer's state.

Leave it out (``nobias``). This is a note and fails no gate: the function is the same, and the cost is one number for
each channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.checks.finding import NOTE
from convscope.ops.norm import BatchNorm, GroupNorm, InstanceNorm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding
    from convscope.core.net import Layer

CODE = "CS007"


def check(facts: Facts) -> Iterator[Finding]:
    """Find layers with a bias that are read by a norm only."""
    for layer in facts.net:
        bias = next((w for w in layer.weights or () if w.name == "bias"), None)
        readers = facts.readers[layer.node.name]
        if bias and facts.rows[layer.node.name].macs and readers and all(map(_takes_mean, readers)):
            yield facts.finding(
                CODE,
                layer,
                f"its bias of {bias.count} values goes into {readers[0].node.name}, which subtracts it again",
                why="a norm removes the mean of its input, so the bias has no effect",
                do="nobias",
                change=f"{bias.count} fewer params, the same function",
                level=NOTE,
            )


def _takes_mean(layer: Layer) -> bool:
    """Return whether the norm subtracts the mean of each channel."""
    op = layer.node.op
    each = isinstance(op, GroupNorm) and op.groups == layer.inputs[0][0]
    return isinstance(op, BatchNorm | InstanceNorm) or each
