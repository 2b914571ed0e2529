"""A stride as large as the kernel, by accident.

Keras 3 reads ``Conv2D(32, 3, 3)`` as a kernel of 3 and a stride of 3; old Keras read it as a 3x3 kernel. The net still
runs, on maps nine times smaller, and sees each pixel once. An odd kernel with a stride of its own size is hardly ever
intended; patch embeddings (4x4, 16x16) are, and are not reported.

Write ``Conv2D(32, (3, 3))``, or stride 1 here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.ops.conv import Conv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.checks.finding import Facts, Finding

CODE = "CS006"


def check(facts: Facts) -> Iterator[Finding]:
    """Find convolutions whose stride equals their odd kernel."""
    for layer in facts.net:
        op = layer.node.op
        if isinstance(op, Conv) and op.kernel == op.stride and min(op.kernel) > 1 and all(k % 2 for k in op.kernel):
            size = "x".join(map(str, op.kernel))
            yield facts.finding(
                CODE,
                layer,
                f"kernel {size} with stride {size}",
                why="Keras 3 reads Conv2D(32, 3, 3) as a stride of 3; the map shrinks at once, without overlap",
                do=f"use stride 1 here, written Conv2D({op.out}, ({', '.join(map(str, op.kernel))})) in Keras",
                change=f"the map becomes about {math.prod(op.stride)} times larger, and so do the MACs of this layer",
            )
