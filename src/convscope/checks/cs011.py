"""Checkerboards from a transposed convolution.

Where the kernel of a transposed convolution is no multiple of its stride, its outputs are sums of different numbers of
taps, in a pattern like a checkerboard (Odena, Dumoulin and Olah, Distill 2016). Training can hide it, not remove it.

Take a kernel that the stride divides (4 for 2), or ``up`` and a convolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.axis import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS011"


def check(facts: Facts) -> Iterator[Finding]:
    """Layers with weights on a stretched input whose kernel the stretch does not divide."""
    for layer in facts.net:
        uneven = [
            read.relation
            for read in layer.reads[0][1:]
            if isinstance(read.relation, Window) and read.relation.up > 1 and read.relation.kernel % read.relation.up
        ]
        if uneven and facts.rows[layer.node.name].macs:
            window = uneven[0]
            least, most = window.kernel // window.up, -(-window.kernel // window.up)
            better = most * window.up
            yield facts.finding(
                CODE,
                layer,
                f"kernel {window.kernel} with stride {window.up}: outputs sum {least} or {most} taps along an axis",
                why="uneven sums show as a checkerboard",
                do=f"kernel {better}, or up {window.up} and a convolution",
                change=f"every output would sum {most} taps; {better**2 / window.kernel**2:.2f} times the weights",
            )
