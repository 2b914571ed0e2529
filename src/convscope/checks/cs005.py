"""ReLU on the logits.

A relu as the last layer, or right before the softmax, cuts off negative scores. A class whose score falls below zero
gets no gradient and is never predicted again; nets with this fault get stuck at 60 to 80 % on MNIST, with two or three
digits missing.

Let the last layer be linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.ops.act import ReLU, Softmax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS005"

QUIET = ("flatten", "dropout", "id", "softmax")
"""Ops that may stand between the scores and the output."""


def check(facts: Facts) -> Iterator[Finding]:
    """Walk back from the output of a classifier (without a map) to the op that computes its scores."""
    last = layer = facts.net.layer()
    if any(size > 1 for size in last.output[1:]):
        return
    while layer.node.op.keyword in QUIET and layer.node.inputs[0] in facts.layers:
        layer = facts.layers[layer.node.inputs[0]]
    if isinstance(layer.node.op, ReLU):
        softmax = isinstance(last.node.op, Softmax)
        yield facts.finding(
            CODE,
            layer,
            f"cuts the scores of {layer.output[0]} classes off at zero{', before the softmax' if softmax else ''}",
            why="a class whose score is negative gets no gradient and is never predicted again",
            do="remove it: the last layer before the loss should be linear",
            change="the parameters stay the same, and every class keeps its gradient",
        )
