"""Growing an ONNX graph, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from convscope.core.net import Layer
    from convscope.core.order import Moves
    from convscope.core.pattern import Axes, Pattern


@dataclass
class Builder:
    """Nodes and constants of a graph.

    Attributes:
        tensors: weights of the net by ``layer.tensor``.
        nodes: made so far.
        stored: by name.
        layer: the one that is being written.
    """

    tensors: Mapping[str, NDArray[Any]]
    nodes: list[Any] = field(default_factory=list)
    stored: dict[str, NDArray[Any]] = field(default_factory=dict)
    layer: str = ""
    count: int = 0

    def begin(self, layer: Layer) -> None:
        """Write another layer from now on."""
        self.layer, self.count = layer.node.name, 0

    def end(self, name: str) -> None:
        """Write an end of the net from now on."""
        self.layer, self.count = name, 0

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node; the name of its output."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """A node of several outputs; their names."""
        from onnx import helper

        self.count += 1
        name = f"{self.layer}/{kind}{self.count}"
        names = [name if outputs == 1 else f"{name}.{at}" for at in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names

    def constant(self, values: ArrayLike, kind: Any = np.float32) -> str:
        """A constant of the layer."""
        self.count += 1
        name = f"{self.layer}/constant{self.count}"
        self.stored[name] = np.asarray(values, dtype=kind)
        return name

    def whole(self, values: ArrayLike) -> str:
        """Stored integers."""
        return self.constant(values, np.int64)

    def array(self, name: str) -> NDArray[Any]:
        """A tensor of the layer as it is."""
        return np.asarray(self.tensors[f"{self.layer}.{name}"], dtype=np.float32)

    def weight(self, name: str) -> str:
        """A tensor of the layer under its own name."""
        full = f"{self.layer}.{name}"
        self.stored[full] = self.array(name)
        return full

    def reshape(self, x: str, sizes: Sequence[int]) -> str:
        """Other axes after the batch."""
        return self.node("Reshape", x, self.whole([-1, *sizes]))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Axes after the batch in another order, counted from 1."""
        if list(order) == sorted(order):
            return x
        return self.node("Transpose", x, perm=[0, *order])

    def moved(self, x: str, step: Moves) -> str:
        """A tensor brought into an order."""
        x = x if step.split is None else self.node("Reshape", x, self.whole(step.split))
        x = x if step.permuted is None else self.node("Transpose", x, perm=list(step.permuted))
        return x if step.joined is None else self.node("Reshape", x, self.whole(step.joined))

    def split(self, x: str, pattern: Pattern, axes: Axes) -> str:
        """An axis for each letter."""
        if all(len(axis) == 1 for axis in axes):
            return x
        return self.reshape(x, [pattern.sizes[letter] for letter in pattern.letters(axes)])

    def joined(self, x: str, pattern: Pattern, have: Sequence[str]) -> str:
        """Letters in the order of the output, new ones repeated, joined to its axes."""
        wanted = pattern.letters(pattern.output)
        x = self.transpose(x, [have.index(letter) + 1 for letter in wanted if letter in have])
        new = [at for at, letter in enumerate(wanted, 1) if letter not in have]
        if new:
            sizes = [pattern.sizes[letter] if at in new else 1 for at, letter in enumerate(wanted, 1)]
            x = self.node("Expand", self.node("Unsqueeze", x, self.whole(new)), self.whole([1, *sizes]))
        if all(len(axis) == 1 for axis in pattern.output):
            return x
        return self.reshape(x, pattern.shape(pattern.output))

    def sliced(self, x: str, axis: int, first: int, last: int, step: int = 1) -> str:
        """Indices of one axis, the batch being axis 0."""
        ends = (self.whole([number]) for number in (first, last, axis, step))
        return self.node("Slice", x, *ends)
