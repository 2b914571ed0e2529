"""Layers that join tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError
from convscope.frontends.keras.rules.norms import unit
from convscope.frontends.keras.settings import whole
from convscope.frontends.tensors import shapes
from convscope.frontends.tensors.algebra import binary, contract
from convscope.ops.merge import Add, Maximum, Minimum, Mul

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convscope.core.op import Op
    from convscope.frontends.keras.here import Here
    from convscope.frontends.tensors.values import Value

JOINS: dict[str, type[Op]] = {"add": Add, "mul": Mul, "maximum": Maximum, "minimum": Minimum}
"""The merges of more than two tensors."""


def joined(here: Here, name: str, values: Sequence[Value]) -> Value:
    """Join tensors elementwise; those with fewer dimensions get further ones after the batch."""
    rank = max(len(one.dims) for one in values)
    ready = [replace(one, dims=(one.dims[0], *[()] * (rank - len(one.dims)), *one.dims[1:])) for one in values]
    first, *rest = ready
    if name in JOINS and all((one.dims, one.shape) == (first.dims, first.shape) for one in rest):
        made = here.builder.emit(JOINS[name](), [one.node for one in ready])
        return replace(first, node=made.node)
    for one in rest:
        first = binary(here.builder, name, first, one)
    return first


def _join(name: str) -> Callable[..., Value]:
    def rule(here: Here, values: list[Value]) -> Value:
        if name == "sub" and len(values) != 2:
            raise ModelError(f"the layer has {len(values)} inputs", expected="2 inputs")
        return joined(here, name, values)

    return rule


def _average(here: Here, values: list[Value]) -> Value:
    found = joined(here, "add", values)
    with here.aside():
        return binary(here.builder, "mul", found, 1 / len(values))


def _concatenate(here: Here, values: list[Value]) -> Value:
    at = here.settings.axis("axis", len(values[0].dims), -1)
    return shapes.concatenated(here.builder, values, at)


def _dot(here: Here, values: list[Value]) -> Value:
    """Multiply two tensors and sum over one dimension of each."""
    if len(values) != 2:
        raise ModelError(f"the layer has {len(values)} inputs", expected="2 inputs")
    given = here.settings.get("axes")
    pair = given if isinstance(given, list | tuple) else [given] * 2
    positions = [whole(one) for one in pair]
    axes = [at % len(one.dims) for at, one in zip(positions, values, strict=True) if at is not None]
    if len(axes) != 2 or 0 in axes:
        raise ModelError(f"axes={given}", expected="one dimension of each tensor")
    if here.settings.flag("normalize"):
        with here.aside():
            values = [unit(here, one, (at,)) for at, one in zip(axes, values, strict=True)]
    labels = [[f"{side}{at}" for at in range(len(one.dims))] for side, one in zip("ab", values, strict=True)]
    for side, at in zip(labels, axes, strict=True):
        side[0], side[at] = "batch", "sum"
    out = [*(name for name in labels[0] if name != "sum"), *(name for name in labels[1][1:] if name != "sum")]
    found = contract(here.builder, values[0], values[1], (labels[0], labels[1], out))
    return found if len(out) > 1 else shapes.unsqueezed(found, 1)


LAYERS: dict[str, Callable[..., Any]] = {
    "Add": _join("add"),
    "Subtract": _join("sub"),
    "Multiply": _join("mul"),
    "Maximum": _join("maximum"),
    "Minimum": _join("minimum"),
    "Average": _average,
    "Concatenate": _concatenate,
    "Dot": _dot,
}
"""Layers by class."""
