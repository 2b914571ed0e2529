"""Layers that cannot be inspected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.core.graph import Own
from convscope.errors import ShapeError
from convscope.frontends.tensors.values import Value, divided, whole
from convscope.ops.merge import Add
from convscope.ops.opaque import Opaque

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.frontends.tensors.builder import Builder


def opaque(builder: Builder, values: Sequence[Value], sizes: tuple[int, ...], own: Own, *, name: str = "") -> Value:
    """Return a tensor of given sizes that depends on others in an unknown way.

    Args:
        builder: receives the layers: one for each value, and their sum.
        values: the tensors on which it depends, at least one.
        sizes: its sizes; a leading 1 counts as the batch.
        own: the known facts of the source.
        name: base of the name.

    Raises:
        ShapeError: it is empty, or its last dimensions cannot be one axis.
    """
    if 0 in sizes or not values:
        raise ShapeError("a tensor that is empty or has no inputs is not supported")
    lead = 1 if len(sizes) > 1 and sizes[0] == 1 else 0
    inner = sizes[lead:]
    map_only = _loses_channels(values[0], inner)
    inner = (1, *inner) if map_only else inner
    shape = (*inner[:3], math.prod(inner[3:])) if len(inner) > 3 else inner or (1,)
    made = [builder.emit(Opaque(shape), [value.node], name=name) for value in values]
    for at, one in enumerate(made):
        builder.spend(one, own if at == 0 else Own((), 0))
    found = made[0] if len(made) == 1 else builder.emit(Add(), [one.node for one in made])
    dims = whole(found.shape)
    if len(inner) > 4:
        tail = divided(dims[3], inner[3:])
        assert tail is not None
        dims = (*dims[:3], *tail)
    return Value(found.node, found.shape, (*[()] * lead, *dims[map_only : len(inner)]))


def _loses_channels(value: Value, inner: tuple[int, ...]) -> bool:
    """Return whether the dimensions are those of a map without channels, as left by an argmax."""
    spatial = whole(value.shape)[1:]
    return len(spatial) > 1 and inner == value.shape[1:] and value.dims[-len(spatial) :] == spatial
