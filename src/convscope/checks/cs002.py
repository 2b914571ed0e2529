"""Multiply-adds spent on padding.

On small maps much of a padded convolution multiplies zeros: a 3x3 with padding 1 on 7x7 spends 18.1 % of its taps on
padding. The share grows with the kernel and with every halving of the map.

Drop the padding where the map is small, or work at a higher resolution there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.analyze.coverage import padding_share
from convscope.checks.finding import NOTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS002"

LEAST = 0.15
"""Fraction of a layer's multiply-adds below which nothing is reported."""


def check(facts: Facts) -> Iterator[Finding]:
    """Find layers whose multiply-adds largely fall on padding."""
    for layer in facts.net:
        macs = facts.rows[layer.node.name].macs
        share = padding_share(layer) if macs else 0.0
        if macs and share >= LEAST:
            yield facts.finding(
                CODE,
                layer,
                f"{100 * share:.1f} % of its multiply-adds fall on padding",
                why="multiplying zeros costs as much as multiplying pixels",
                do="drop the padding here, or shrink the map later",
                change=f"{round(share * macs):,} of {macs:,} MACs do nothing",
                level=NOTE,
            )
