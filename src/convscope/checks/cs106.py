"""More bytes of activations than the limit.

``--max-activations`` (in Python ``max_activations``) is the most bytes of activations that may be alive at the same
time in inference of one sample, in the dtype of ``--dtype`` (float32 by default): what a device needs in RAM.

The peak lies at one layer: use fewer channels or a smaller map there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.checks.margin import Margin, of_bytes
from convscope.core.shape import to_text

if TYPE_CHECKING:
    from convscope.checks.finding import Facts

CODE, NAME = "CS106", "activations"


def margin(facts: Facts, limit: int) -> Margin:
    """Compare the peak of activations with the limit."""
    need = facts.memory
    texts = f"of activations at their peak, {need.peak.node} ({need.dtype})", advice(facts), ""
    return of_bytes(CODE, NAME, (need.peak.bytes, ()), limit, texts)


def advice(facts: Facts) -> str:
    """Suggest how to reduce the peak."""
    layer = facts.layers[facts.memory.peak.node]
    reads = " and ".join(dict.fromkeys(map(to_text, layer.inputs)))
    peak = f"{layer.node.name}, which reads {reads} and writes {to_text(layer.output)}"
    return f"use fewer channels, or a stride earlier: the peak is at {peak}"
