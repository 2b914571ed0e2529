"""Random nets that are more than a chain: inputs, outputs, dead branches, concatenation along any axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import convscope as cs
from convscope.core.graph import Graph, Input, Node, Output
from convscope.core.net import Net, fitted
from convscope.core.op import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.graph import Path
    from convscope.core.op import Op
    from convscope.core.shape import Shape

    Values = list[tuple[str, Shape]]

MOST = 4000
"""Numbers of one value."""


def random_net(seed: int) -> Net:
    """A net that depends on nothing but the seed."""
    return _Random(np.random.default_rng(seed)).net()


class _Random:
    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.nodes: list[Node] = []
        self.values: Values = []

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.random.integers(len(choices)))]

    def net(self) -> Net:
        """Inputs, layers, outputs."""
        place = (int(self.random.integers(3, 8)), int(self.random.integers(3, 8)))
        several = self.pick([["rgb", "depth", "class"], ["x", "h", "class"]])
        names = ["input"] if self.random.random() < 0.5 else several[: int(self.random.integers(2, 4))]
        inputs = [self.input(name, place) for name in names]
        self.values = [(one.name, one.shape) for one in inputs]
        while len(self.nodes) < int(self.random.integers(4, 10)):
            self.grow()
        outputs = self.outputs([])
        graph = Graph(tuple(self.nodes), tuple(names), tuple(outputs))
        return Net.at(graph, inputs)

    def input(self, name: str, place: tuple[int, int]) -> Input:
        shape = (int(self.random.integers(1, 4)), *(place if name != "class" else ()))
        return Input(name, shape, self.order(shape) if self.random.random() < 0.3 else "")

    def grow(self) -> None:
        """One layer that fits; nothing where the draw does not fit."""
        draw = self.pick([self.unary, self.unary, self.unary, self.merge])
        found = draw()
        if found is None:
            return
        op, inputs = found
        shapes = tuple(dict(self.values)[name] for name in inputs)
        try:
            layer = fitted(Node(f"l{len(self.nodes)}", op, inputs), shapes)
        except cs.ConvscopeError:
            return
        if math.prod(layer.output) <= MOST:
            self.nodes.append(layer.node)
            self.values.append((layer.node.name, layer.output))

    def unary(self) -> tuple[Op, tuple[str, ...]]:
        """A layer of one input, recent ones more often."""
        name, shape = self.pick(self.values[-4:] if self.random.random() < 0.7 else self.values)
        maps = ["conv 3 3x3 same", "conv 2 1x1", "conv 2 3x3", "maxpool 3 s1 p1", "avgpool 2", "bn", "crop 0:1x1:0",
                "pad 1", "pad 1x2 reflect", "gap", "up 2", "flatten", "roll 1x0"]  # fmt: skip
        lines = ["linear 3", "relu", "sigmoid", "tanh", "id", "leaky_relu 0.2", "times 2.0"]
        return _op(self.pick([*lines, *(maps if len(shape) == 3 else [])])), (name,)

    def merge(self) -> tuple[Op, tuple[str, ...]] | None:
        """A layer of two or three inputs that go together."""
        keyword = self.pick(["add", "mul", "sub", "maximum", "cat", "cat along1", "cat along2"])
        along = int(keyword[-1]) if keyword[-1].isdigit() else 0 if keyword == "cat" else None
        name, shape = self.pick(self.values)
        if along is not None and along >= len(shape):
            return None

        def rest(other: Shape) -> Shape:
            return other if along is None else (*other[:along], *other[along + 1 :])

        fit = [one for one, other in self.values if len(other) == len(shape) and rest(other) == rest(shape)]
        count = 3 if keyword.startswith("cat") and self.random.random() < 0.3 else 2
        return _op(f"{keyword}( id | id )"), (name, *(self.pick(fit) for _ in range(count - 1)))

    def outputs(self, path: list[str | int], depth: int = 0) -> list[Output]:
        """Nested results."""
        kind = self.pick(["one", "one", "tuple", "list", "dict"][: 5 if depth < 2 else 1])
        if kind == "one":
            name, shape = self.pick(self.values[-5:])
            order = self.order(shape) if self.random.random() < 0.5 else ""
            return [Output(name, tuple(path), order)]
        steps: dict[str, Sequence[str | int]] = {
            "tuple": (0, 1, 2), "list": ("[0]", "[1]", "[2]"), "dict": ("cls", "box", "mask")
        }  # fmt: skip
        count = int(self.random.integers(1, 4))
        return [one for step in steps[kind][:count] for one in self.outputs([*path, step], depth + 1)]

    def order(self, shape: Shape) -> str:
        """The axes in any order, some of them as one."""
        letters = "abc"[: len(shape)]
        before = "x".join(f"{letter}{size}" for letter, size in zip(letters, shape, strict=True))
        axes = list(self.random.permutation(list(letters)))
        if len(axes) > 1 and self.random.random() < 0.3:
            axes[:2] = ["".join(axes[:2])]
        axes.insert(int(self.random.integers(len(axes) + 1)) if self.random.random() < 0.5 else 0, "n")
        return f"{before}:{'x'.join(axes)}"


def _op(text: str) -> Op:
    from convscope.frontends.text.ends import parse

    element: Any = parse(text, "<example>").series[0].elements[0]
    op: Op = element.op
    assert type(op) is REGISTRY[text.split("(", maxsplit=1)[0].split(maxsplit=1)[0]]
    return op


def at(results: Any, path: Path) -> Any:
    """One of some nested results."""
    for step in path:
        results = results[int(step.strip("[]")) if isinstance(step, str) and step.startswith("[") else step]
    return results
