"""Functions of ``keras.ops`` that reorder the indices of an axis, or sum along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.frontends.keras.here import BeyondError
from convscope.frontends.tensors import reorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.frontends.keras.here import Here
    from convscope.frontends.tensors.values import Value


def _flip(here: Here, x: Value) -> Value:
    axes = here.settings.axes("axis", len(x.dims)) if here.settings.get("axis") is not None else (0,)
    if 0 in axes:
        raise BeyondError
    return reorder.flipped(here.builder, x, axes)


def _take(here: Here, x: Value, indices: Any) -> Value:
    """Parse the indices of one axis from the configuration."""
    found = np.asarray(indices)
    if here.settings.get("axis") is None or found.dtype.kind != "i" or found.ndim != 1:
        raise BeyondError
    at = here.settings.axis("axis", len(x.dims), 0)
    if not at:
        raise BeyondError
    size = x.sizes[at]
    return reorder.chosen(here.builder, x, at, [one + size * (one < 0) for one in found.tolist()])


def _cumsum(here: Here, x: Value) -> Value:
    if here.settings.get("axis") is None:
        raise BeyondError
    at = here.settings.axis("axis", len(x.dims), 0)
    if not at:
        raise BeyondError
    return reorder.running(here.builder, x, at)


FUNCTIONS: dict[str, Callable[..., Value]] = {"Flip": _flip, "Take": _take, "Cumsum": _cumsum}
"""Functions by class."""
