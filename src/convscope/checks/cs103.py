"""More memory than the limit.

``--max-memory`` (in Python ``max_memory``) is the most bytes that inference of one sample may take: all weights and the
peak of the activations that are alive at the same time, in the dtype of ``--dtype`` (float32 by default).

The finding says how much of it is weights and how much activations. Where the two lie in different memories, as in
flash and RAM of a microcontroller, limit them apart, with ``--max-weights`` and ``--max-activations``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.memory import ITEMSIZE
from convscope.checks import cs105, cs106
from convscope.checks.margin import Margin, of_bytes
from convscope.view.numbers import bytes_text

if TYPE_CHECKING:
    from convscope.checks.finding import Facts

CODE, NAME = "CS103", "memory"


def margin(facts: Facts, limit: int) -> Margin:
    """Compare weights and peak activations with the limit."""
    need = facts.memory
    weights_lead = need.weights >= need.peak.bytes
    do = cs105.advice(facts) if weights_lead else cs106.advice(facts)
    small = need.inference // ITEMSIZE[need.dtype]
    if need.dtype != "int8" and small <= limit:
        do += f"; in int8 it needs {bytes_text(small)}"
    parts = (
        f": {bytes_text(need.weights)} of weights and {bytes_text(need.peak.bytes)} of activations at their peak "
        f"({need.peak.node}); the {'weights' if weights_lead else 'activations'} are more"
    )
    texts = f"in inference ({need.dtype})", do, parts
    return of_bytes(CODE, NAME, (need.inference, need.missing), limit, texts)
