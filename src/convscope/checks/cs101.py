"""More parameters than the limit.

``--max-params`` (in Python ``max_params``) is the most parameters that a design may have. Parameters of layers that
cannot be inspected are unknown, and a total with an unknown part does not keep a limit.

Most parameters lie in linear layers on flattened maps and in convolutions over many channels: pool before the linear
layer, or narrow the widest layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.checks.margin import Margin, largest, of_count

if TYPE_CHECKING:
    from convscope.checks.finding import Facts

CODE, NAME = "CS101", "params"


def margin(facts: Facts, limit: int) -> Margin:
    """Compare the parameters with the limit."""
    do = f"narrow the largest layers: {largest(facts, lambda row: row.params, 'params')}"
    return of_count(CODE, NAME, facts.table.params, limit, do)
