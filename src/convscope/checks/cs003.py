"""Layers that cannot see more than the layers before them.

Where the field of a convolution's input is already as large as the image, the convolution adds depth but no context.
Such layers were measured to add little (Richter et al., arXiv 2106.12307): the net is too deep, or strides too early,
for this image size.

Remove them, remove a stride before them, or use larger images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.coverage import unproductive
from convscope.checks.finding import NOTE
from convscope.core.shape import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS003"


def check(facts: Facts) -> Iterator[Finding]:
    """Find convolutions whose input already sees the full image; one finding for all of them."""
    names = unproductive(facts.net)
    if not names:
        return
    macs = sum(facts.rows[name].macs or 0 for name in names)
    params = sum(facts.rows[name].params or 0 for name in names)
    first = facts.layers[names[0]]
    size = joined(facts.table.input[1:])
    yield facts.finding(
        CODE,
        first,
        f"from here on the field is as large as the {size} image before the layer adds to it ({len(names)} layers: "
        f"{_named(names)})",
        why="more layers of this kind add depth but no context",
        do="remove some of them, stride later, or use larger images",
        change=f"they hold {params:,} of {facts.table.params.value:,} params and {macs:,} of "
        f"{facts.table.macs.value:,} MACs",
        level=NOTE,
    )


def _named(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} … {names[-1]}"
