"""A receptive field smaller than the limit.

``--min-rf`` (in Python ``min_rf``) is the smallest receptive field allowed for the last layer that keeps its position,
in pixels along each axis. A field of which only an upper bound is known does not satisfy the limit.

Add a convolution, a larger kernel or a dilation, or stride earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.checks.margin import UNDECIDED, Margin
from convscope.core.shape import joined

if TYPE_CHECKING:
    from convscope.checks.finding import Facts

CODE, NAME = "CS104", "rf"


def margin(facts: Facts, limit: int) -> Margin:
    """Compare the field of the last layer that keeps its position with the limit."""
    field = facts.placed.field if facts.placed else ()
    sizes = [axis.size for axis in field]
    sure = bool(field) and all(axis.exact or axis.seams for axis in field)
    least = min(sizes, default=0)
    seen = f"a field of {'' if sure else 'at most '}{joined(sizes)}" if sizes else "no layer that keeps its position"
    return Margin(
        code=CODE,
        name=NAME,
        value=least,
        limit=limit,
        kept=sure and least >= limit,
        text=f"RF {joined(sizes)}, at least {limit}",
        what=f"{seen}, the limit is at least {limit}",
        do="add a convolution, a larger kernel or a dilation, or stride earlier",
        change=f"{limit - least} pixels too few" if least < limit else UNDECIDED,
    )
