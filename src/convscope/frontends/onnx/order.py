"""Topological order of operations, since files may list them in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onnx import GraphProto

    from convscope.frontends.onnx.steps import Step


def captured(attrs: Iterable[Any]) -> Iterable[str]:
    """Return outer names that the graphs among attributes read."""
    for value in attrs:
        if hasattr(value, "node"):
            own = {name for node in value.node for name in node.output}
            own.update(one.name for one in (*value.input, *value.initializer))
            inner = (one.g for node in value.node for one in node.attribute if one.HasField("g"))
            ends = (info.name for info in value.output)
            read = (*(name for node in value.node for name in node.input), *captured(inner), *ends)
            yield from (name for name in read if name not in own)


def reads(step: Step) -> tuple[str, ...]:
    """Return the names that an operation and its inner graphs read."""
    return step.inputs if step.plain else (*step.inputs, *captured(step.attrs.values()))


def extent(graph: GraphProto) -> int:
    """Yield the operations of a graph and of its inner graphs."""
    inner = (one.g for node in graph.node for one in node.attribute if one.HasField("g"))
    return len(graph.node) + sum(map(extent, inner))


def in_order(steps: Sequence[Step]) -> list[Step]:
    """Sort operations topologically; those that are in order already are unchanged.

    Every operation and every name is visited once.

    Raises:
        ModelError: there is a cycle.
    """
    makers: dict[str, int] = {}
    for at, step in enumerate(steps):
        for name in step.outputs:
            makers.setdefault(name, at)
    makers.pop("", None)
    before = [[makers[name] for name in reads(step) if name in makers] for step in steps]
    if all(one < at for at, row in enumerate(before) for one in row):
        return list(steps)
    waiting = list(map(iter, before))
    found: list[Step] = []
    begun, done = set[int](), set[int]()
    for first in range(len(steps)):
        stack = [] if first in done else [first]
        while stack:
            at = stack[-1]
            begun.add(at)
            first_open = next((one for one in waiting[at] if one not in done), None)
            if first_open is None:
                done.add(at)
                found.append(steps[stack.pop()])
            elif first_open in begun:
                raise ModelError(
                    f"{steps[first_open]} reads what depends on its own result",
                    expected="calls that do not form a cycle",
                )
            else:
                stack.append(first_open)
    return found


def needed(steps: Sequence[Step], outputs: Iterable[str]) -> tuple[list[Step], set[str]]:
    """Return the operations on which outputs depend, and all names that are read."""
    used = set(outputs)
    found = []
    for step in reversed(steps):
        if not used.isdisjoint(step.outputs):
            found.append(step)
            used.update(reads(step))
    return found[::-1], used
