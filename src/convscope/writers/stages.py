"""The parts of a net: stem, stages and head; features and classifier."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from keyword import kwlist
from typing import TYPE_CHECKING

from convscope.writers.calls import Call, Region, Use, calls, every
from convscope.writers.names import part_name, scale_name, single_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.core.net import Layer
    from convscope.writers.calls import Item, Step
    from convscope.writers.program import Program

    Layers = dict[str, Layer]
    Named = tuple[str, tuple[Item, ...]]

TAKEN = frozenset(kwlist) | {
    "add_module", "apply", "buffers", "children", "compile", "cpu", "cuda", "double", "eval", "float", "forward",
    "half", "modules", "parameters", "to", "train", "training", "type",
}  # fmt: skip
"""Names that a torch module uses otherwise."""

LEAST = 2
"""Number of blocks from which a chain has a stem, stages and a head."""


def staged(made: Program) -> list[tuple[str, Step]]:
    """Split long chains of a net's steps into parts with names."""
    found: list[tuple[str, Step]] = []
    where = {-1: -1}
    for at, step in enumerate(made.steps):
        inputs = tuple(where[source] for source in step.inputs)
        for hint, items in _parts(at, step, made) if step.items and not step.merges else [("", step.items)]:
            found.append((hint, replace(step, items=items, inputs=inputs)))
            inputs = (len(found) - 1,)
        where[at] = len(found) - 1
    if {"down", "up"} <= {hint for hint, _ in found}:
        found = [("middle" if hint == "branch" else hint, step) for hint, step in found]
    return _by_source(found)


def _by_source(found: list[tuple[str, Step]]) -> list[tuple[str, Step]]:
    """Name parts that are modules of an imported net."""
    names = [_module(step) for _, step in found]
    once = {name for name in names if name.isidentifier() and names.count(name) == 1} - TAKEN
    return [(name if name in once else hint, step) for name, (hint, step) in zip(names, found, strict=True)]


def _module(step: Step) -> str:
    """Return the module of all tensors of a step, if it has several layers; otherwise nothing."""
    layers = {call.layer for call in every(step.items) if call.tensors}
    names = {layer.partition(".")[0] for layer in layers}
    return names.pop() if len(names) == 1 and len(layers) > 1 else ""


def _parts(at: int, step: Step, made: Program) -> list[Named]:
    """Return the parts of one chain."""
    items = step.items
    weighty = [place for place, item in enumerate(items) if isinstance(item, Use) and _is_weighty(item)]
    if len(weighty) >= LEAST:
        first, last = weighty[0], weighty[-1] + 1
        stages = list(_by_size(items[first:last], made.layers))
        name = "stage" if len(stages) > 1 else "blocks"
        ends = ("layers" if at else "stem", "head" if at == len(made.steps) - 1 else "layers")
        parts = [(ends[0], items[:first]), *((name, stage) for stage in stages), (ends[1], items[last:])]
        return [(hint, part) for hint, part in parts if part]
    if len(made.steps) == 1:
        return _halves(items, made.layers)
    position = {0: "stem", len(made.steps) - 1: "head"}.get(at)
    hint = single_name(step) or scale_name(step, made.layers) or position or part_name(made.steps, at)
    return [(hint, items)]


def _is_weighty(use: Use) -> bool:
    """Return whether it has paths, or tensors in several places."""
    paths = any(isinstance(item, Region) for step in use.steps for item in step.items)
    return paths or sum("weight" in dict(call.tensors) and not call.follows for call in calls(use.steps)) > 1


def _by_size(items: tuple[Item, ...], layers: Layers) -> Iterator[tuple[Item, ...]]:
    """Group the items by the size of their maps."""
    for _, part in groupby(items, key=lambda item: layers[item.layer].output[1:]):
        yield tuple(part)


def _halves(items: tuple[Item, ...], layers: Layers) -> list[Named]:
    """Split items that work on maps from later ones."""
    ends = (at for at, item in enumerate(items) if isinstance(item, Call) and _ends_maps(item, layers))
    cut = next(ends, 0)
    if cut < 1 or len(items) - cut < 2:
        return [("layers", items)]
    return [("features", items[:cut]), ("classifier", items[cut:])]


def _ends_maps(call: Call, layers: Layers) -> bool:
    """Return whether a map becomes a single position or a vector."""
    given, made = layers[call.layer].inputs[0], layers[call.layer].output
    return call.word in {"Pool", "Flatten"} and max(given[1:], default=1) > 1 and max(made[1:], default=1) == 1
