"""Opaque layers: only their output shapes are known, and they may read everything.

The shapes come from the configuration, from the settings of the layer, or from a live layer.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import spend
from convscope.core.graph import Own
from convscope.errors import ModelError
from convscope.frontends.keras.outputs import sizes_of
from convscope.frontends.keras.weights import Shaped
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.values import MAX_RANK, Const, Value, divided
from convscope.ops.merge import Add
from convscope.ops.opaque import Opaque

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convscope.core.op import Weight
    from convscope.core.shape import Shape
    from convscope.frontends.keras.here import Here
    from convscope.frontends.keras.spec import Sizes

FURTHER = 100
"""Steps for each further layer that a call adds."""

MOST = 3
"""The most spatial axes of a net; further ones are joined."""


class UnstatedError(ModelError):
    """Raised if the output shape of a layer is unknown."""


def opaque(here: Here, args: list[Any], named: dict[str, Any], values: list[Value]) -> Any:
    """Return the output of an opaque layer: a tensor, or several, with None for those that are never read.

    Args:
        here: the call.
        args: what the layer is called with.
        named: the same by name.
        values: the tensors among them.

    Raises:
        UnstatedError: the shape of its output is unknown.
    """
    sizes = _outputs(here, args, named, values)
    if not values or not any(one is not None for one in sizes):
        raise UnstatedError(
            f"the layer {here.spec.kind} cannot be inspected, and does not state the shape of its output",
            expected=("a Lambda with output_shape; or " if here.spec.kind == "Lambda" else "") + here.store.wish,
        )
    values = _apart(values)
    own = Own(_among([*args, *named.values()], here) if here.spec.operation else _weights(here))
    found: list[Value | None] = []
    for one in sizes:
        found.append(None if one is None else unknown(here, values, one, own))
        own = own if one is None else Own((), 0)
    return found[0] if len(found) == 1 else found


def rest(here: Here, values: list[Value]) -> Value:
    """Add a final layer of unknown output shape, with every size shown as 1."""
    return unknown(here, _apart(values), (1,) * max(1, len(values[0].sizes) - 1), Own(_weights(here)))


def _apart(values: list[Value]) -> list[Value]:
    return list({(one.node, one.dims): one for one in values}.values())


def _among(args: list[Any], here: Here) -> tuple[Weight, ...]:
    """Return learned tensors among the arguments of a function that no layer has counted yet."""
    roots = [root for one in args if isinstance(one, Const) for root in one.roots]
    return tuple(root.weight() for root in here.builder.fresh(roots))


def _weights(here: Here) -> tuple[Weight, ...] | None:
    """Return the tensors of a layer and of its parts, as far as known."""
    found, frozen = here.store.stated(here.spec.owner), here.frozen or here.settings.get("trainable", True) is False
    if found is None or not frozen:
        return found
    return tuple(replace(one, frozen=one.trained) for one in found)


def _outputs(here: Here, args: list[Any], named: dict[str, Any], values: list[Value]) -> list[Shape | None]:
    """Return the sizes of one sample of each output; None if unknown."""
    stated = [_known(one) for one in here.sizes]
    if stated and all(one is not None for one in stated):
        return stated
    if not values:
        return stated
    lead, before = here.lead, values[0].sizes[1 : here.lead]
    live = here.store.outputs(here.spec.owner, _without(args, lead), _without(named, lead)) or ()
    stated = _merged(stated, [one if one is None else (*before, *one) for one in map(_known, live)])
    if all(one is not None for one in stated) and stated:
        return stated
    if any(isinstance(one, np.ndarray | Const) for one in (*args, *named.values())):
        return stated
    flags = {name: one for name, one in named.items() if not list(_inside(one))}
    told = sizes_of(here.spec, [one.sizes[lead:] for one in values], flags) or []
    return _merged(stated, [(*before, *one) for one in told])


def _inside(nested: Any) -> Iterator[Value]:
    if isinstance(nested, Value):
        yield nested
    elif isinstance(nested, list | tuple | dict):
        for one in nested.values() if isinstance(nested, dict) else nested:
            yield from _inside(one)


def _known(sizes: Sizes | None) -> Shape | None:
    """Return the sizes after the batch, if all are known."""
    inner = (sizes or ())[1:]
    known = tuple(size for size in inner if size)
    return known if sizes and len(known) == len(inner) else None


def _merged(stated: Sequence[Shape | None], told: Sequence[Shape | None]) -> list[Shape | None]:
    """Prefer stated sizes to otherwise known ones."""
    count = max(len(stated), len(told))
    first, second = ([*one, *[None] * (count - len(one))] for one in (stated, told))
    return [a if a is not None else b for a, b in zip(first, second, strict=True)]


def _without(nested: Any, lead: int) -> Any:
    """Replace tensors in arguments with their sizes, without the dimensions over which the layer is repeated."""
    if isinstance(nested, Value):
        return Shaped((None, *nested.sizes[lead:]))
    if isinstance(nested, list | tuple):
        return [_without(one, lead) for one in nested]
    if isinstance(nested, dict):
        return {name: _without(one, lead) for name, one in nested.items()}
    return nested


def unknown(here: Here, values: Sequence[Value], inner: Shape, own: Own, *, at: int | None = None) -> Value:
    """Return a tensor that depends on others in an unknown way.

    Args:
        here: the call.
        values: the tensors on which it depends, at least one.
        inner: its sizes after the batch.
        own: the known facts about the layer.
        at: the position of the channels in the sizes; None for the layer's first or last one.
    """
    if len(inner) > MAX_RANK:
        raise ModelError(f"an output of {len(inner)} dimensions", expected=f"at most {MAX_RANK}")
    spend(FURTHER * (len(values) - 1))
    if not inner:
        return replace(unknown(here, values, (1,), own), dims=((),))
    at = shapes.positive((0 if here.first else -1) if at is None else at, len(inner))
    channels, *positions = inner[at], *inner[:at], *inner[at + 1 :]
    more = positions[MOST - 1 :]
    shape = (channels, *positions[: MOST - 1], *([math.prod(more)] if more else []))
    made = [here.builder.emit(Opaque(shape), [value.node]) for value in values]
    for first, one in zip([True, *[False] * len(made)], made, strict=False):
        here.builder.spend(one, own if first else Own((), 0))
    with here.aside():
        found = made[0] if len(made) == 1 else here.builder.emit(Add(), [one.node for one in made])
    dims = found.dims
    if len(positions) > MOST:
        tail = divided(dims[MOST], more)
        assert tail is not None
        dims = (*dims[:MOST], *tail)
    return replace(found, dims=((), *dims[1 : at + 1], dims[0], *dims[at + 1 :]))
