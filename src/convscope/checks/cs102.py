"""More multiply-adds than the limit.

``--max-macs`` (in Python ``max_macs``) is the most multiply-adds (MAC) for one sample; one MAC is two FLOP.
Multiply-adds of layers that cannot be inspected are unknown, and a total with an unknown part does not keep a limit.

Most multiply-adds lie where maps are large: stride or pool earlier, or use fewer channels there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.checks.margin import Margin, largest, of_count

if TYPE_CHECKING:
    from convscope.checks.finding import Facts

CODE, NAME = "CS102", "macs"


def margin(facts: Facts, limit: int) -> Margin:
    """Compare the multiply-adds with the limit."""
    do = f"stride earlier, or narrow the largest layers: {largest(facts, lambda row: row.macs, 'MACs')}"
    return of_count(CODE, "MACs", facts.table.macs, limit, do)
