"""Bytes that activations take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convscope.core.shape import Shape

FLOAT32 = 4
"""Bytes of one float32 number."""


def activation_bytes(shape: Shape, *, batch: int = 1, itemsize: int = FLOAT32) -> int:
    """Bytes of one tensor of activations [byte].

    >>> activation_bytes((16, 26, 26))
    43264
    """
    return math.prod(shape) * batch * itemsize
