"""Downsampling by a 1x1 with a stride.

A 1x1 with stride 2 reads one of four units and discards the others unread. Shortcuts of residual nets do this; the
accuracy improves when the shortcut averages first (He et al., arXiv 1812.01187, "ResNet-D").

Average over 2x2, then a 1x1 with stride 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.checks.finding import NOTE
from convscope.core.axis import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS012"


def check(facts: Facts) -> Iterator[Finding]:
    """Find layers with multiply-adds that read single positions and skip some."""
    for layer in facts.net:
        windows = [read.relation for read in layer.reads[0][1:] if isinstance(read.relation, Window)]
        strided = any(window.stride > 1 for window in windows)
        if facts.rows[layer.node.name].macs and strided and all(window.kernel == 1 for window in windows):
            steps = math.prod(window.stride for window in windows)
            size = "x".join(str(window.stride) for window in windows)
            yield facts.finding(
                CODE,
                layer,
                f"reads one of every {steps} units of its input",
                why=f"{100 * (1 - 1 / steps):.0f} % of what the layers before it compute is discarded unread",
                do=f"avgpool {size} ceil before it, and stride 1",
                change="every unit is read, with no more parameters or multiply-adds",
                level=NOTE,
            )
