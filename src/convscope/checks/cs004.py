"""The field is smaller than the object.

A unit whose field is smaller than an object never covers all of it, and must recognise it by its parts. For a
classifier of centred 20x20 digits, the last convolution should see at least 20x20.

Add a convolution, a larger kernel, a dilation, or an earlier stride. The check runs only if the object size is given.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from convscope.core.shape import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS004"


def check(facts: Facts) -> Iterator[Finding]:
    """Compare the field of the last layer that keeps its position with the object."""
    last = facts.placed
    if facts.object_size is None or last is None:
        return
    sizes = [axis.size for axis in last.field]
    steps = [2 * (axis.stride or Fraction(1)) for axis in last.field]
    lacks = [want - have for want, have in zip(facts.object_size, sizes, strict=True)]
    if max(lacks) <= 0:
        return
    more = max(math.ceil(lack / step) for lack, step in zip(lacks, steps, strict=True))
    grown = [size + step * more for size, step in zip(sizes, steps, strict=True)]
    yield facts.finding(
        CODE,
        facts.layers[last.name],
        f"sees {joined(sizes)} pixels, the object has {joined(facts.object_size)}",
        why="no unit that keeps its position covers the object",
        do=f"add {more} more 3x3 here (each adds {joined(steps)} pixels), a dilation, or an earlier stride",
        change=f"the field would grow to {joined(map(int, grown))}",
    )
