"""Layers that only change the dimensions of tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.keras.settings import shown, whole
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.algebra import expanded

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.frontends.keras.here import Here
    from convscope.frontends.tensors.values import Value


def _flatten(here: Here, x: Value) -> Value:
    if here.first and len(x.dims) > here.lead:
        lead = range(here.lead)
        x = shapes.permuted(x, [*lead, *range(here.lead + 1, len(x.dims)), here.lead])
    sizes = x.sizes
    return shapes.viewed(here.builder, x, (*sizes[: here.lead], math.prod(sizes[here.lead :])))


def _reshape(here: Here, x: Value) -> Value:
    given = here.settings.get("target_shape")
    sizes = [-1 if one is None else whole(one) for one in given] if isinstance(given, list | tuple) else [None]
    known = tuple(one for one in sizes if one is not None and (one > 0 or one == -1))
    if len(known) != len(sizes) or known.count(-1) > 1 or len(known) > 32:
        raise ModelError(f"target_shape={shown(given)}", expected="sizes, at most one of them -1")
    return shapes.viewed(here.builder, x, (*x.sizes[: here.lead], *known))


def _permute(here: Here, x: Value) -> Value:
    dims = here.settings.ints("dims", len(x.dims) - here.lead)
    if sorted(dims) != list(range(1, len(dims) + 1)):
        raise ModelError(f"dims={dims}", expected="each dimension after the batch, once")
    return shapes.permuted(x, [*range(here.lead), *(here.lead - 1 + at for at in dims)])


def _repeat_vector(here: Here, x: Value) -> Value:
    if len(x.dims) != here.lead + 1:
        raise ModelError(f"the input has {len(x.dims)} dimensions", expected=f"{here.lead + 1} dimensions")
    count = here.settings.whole("n")
    wide = shapes.unsqueezed(x, here.lead)
    return expanded(wide, (*wide.sizes[: here.lead], count, wide.sizes[-1]))


LAYERS: dict[str, Callable[..., Any]] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
}
"""Layers by class."""
