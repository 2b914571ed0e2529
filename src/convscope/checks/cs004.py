"""The field is smaller than the object.

A unit whose field is smaller than an object never sees it whole, and must recognise it by parts. For a classifier of
centred digits of 20x20 the last convolution should see at least 20x20.

Add a convolution, a larger kernel, a dilation, or a stride earlier. Asked only where the size of the objects is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.shape import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS004"


def check(facts: Facts) -> Iterator[Finding]:
    """The last layer that keeps its place, against the object."""
    last = facts.placed
    if facts.object_size is None or last is None:
        return
    sizes = [axis.size for axis in last.field]
    short = [want - have for want, have in zip(facts.object_size, sizes, strict=False) if want > have]
    if not short:
        return
    stride = max(axis.stride or 1 for axis in last.field)
    more = -(-max(short) // (2 * stride))
    yield facts.finding(
        CODE,
        facts.layers[last.name],
        f"sees {joined(sizes)} pixels, the object has {joined(facts.object_size)}",
        why="no unit that still has its place sees the object whole",
        do=f"{more} more 3x3 here (each adds {2 * stride} pixels), a dilation, or a stride earlier",
        change=f"the field would grow to {joined(size + int(2 * stride * more) for size in sizes)}",
    )
