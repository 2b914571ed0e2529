"""Checkerboards from a transposed convolution.

Where the kernel of a transposed convolution is not a multiple of its stride, its outputs are sums of different numbers
of taps, in a checkerboard pattern (Odena, Dumoulin and Olah, Distill 2016). Training can hide it, but not remove it.

Use a kernel size that the stride divides (4 for 2), or ``up`` and a convolution.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import spend
from convscope.core.axis import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS011"


def check(facts: Facts) -> Iterator[Finding]:
    """Find layers with weights on a stretched input whose outputs sum different numbers of taps."""
    for layer in facts.net:
        windows = [r.relation for r in layer.reads[0][1:] if isinstance(r.relation, Window) and r.relation.up > 1]
        sums = [(window, _taps(window)) for window in windows]
        uneven = [(window, taps) for window, taps in sums if len(set(taps)) > 1]
        if not uneven or not facts.rows[layer.node.name].macs:
            continue
        window, taps = uneven[0]
        more = math.prod(-(-w.kernel // w.up) * w.up / w.kernel for w in windows)
        least, most = min(taps), max(taps)
        better = -(-window.kernel // window.up) * window.up
        spread = f", dilation {window.dilation}" if window.dilation > 1 else ""
        yield facts.finding(
            CODE,
            layer,
            f"kernel {window.kernel} with stride {window.up}{spread}: outputs sum {least} or {most} taps along an axis",
            why="uneven sums show as a checkerboard pattern",
            do=f"kernel {better} without dilation, or up {window.up} and a convolution",
            change=f"every output would sum as many taps as the others; {more:.2f} times the weights",
        )


def _taps(window: Window) -> list[int]:
    """Return the least and the most taps that meet an input, over one period of outputs.

    These outputs begin at every position between two inputs, or at equal steps between them. If any tap can meet an
    input, every ``step``-th tap does, starting from the first, the second, ...
    """
    step = window.up // math.gcd(window.dilation, window.up)
    if window.stride > 1 and math.gcd(window.stride, window.up) > 1:
        spend(0, elements=16 * window.up)
        first, step = window.hits(np.arange(window.up) * window.stride - window.lo)
        return [0 if tap < 0 else (window.kernel - 1 - tap) // step + 1 for tap in first.tolist()]
    never = [0] if math.gcd(window.dilation, window.up) > 1 else []
    return [*never, window.kernel // step, -(-window.kernel // step)]
