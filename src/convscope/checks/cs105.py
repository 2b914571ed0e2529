"""More bytes of weights than the limit.

``--max-weights`` (in Python ``max_weights``) is the most bytes of parameters and stored statistics, in the dtype of
``--dtype`` (float32 by default): what a device keeps in flash.

Narrow the largest layers, or store the weights in a smaller dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.checks.margin import Margin, largest, of_bytes

if TYPE_CHECKING:
    from convscope.checks.finding import Facts

CODE, NAME = "CS105", "weights"


def margin(facts: Facts, limit: int) -> Margin:
    """Compare the bytes of weights with the limit."""
    need = facts.memory
    return of_bytes(CODE, NAME, (need.weights, need.missing), limit, (f"of weights ({need.dtype})", advice(facts), ""))


def advice(facts: Facts) -> str:
    """Suggest how to reduce the weights."""
    return f"narrow the layers with the most weights: {largest(facts, lambda row: row.params, 'params')}"
