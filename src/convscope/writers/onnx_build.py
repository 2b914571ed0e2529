"""Building an ONNX graph, layer by layer."""

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
        tensors: weights of the net, by ``layer.tensor``.
        nodes: nodes so far.
        stored: stored tensors by name.
        layer: the current layer.
    """

    tensors: Mapping[str, NDArray[Any]]
    nodes: list[Any] = field(default_factory=list)
    stored: dict[str, NDArray[Any]] = field(default_factory=dict)
    layer: str = ""
    count: int = 0

    def begin(self, layer: Layer) -> None:
        """Begin another layer."""
        self.layer, self.count = layer.node.name, 0

    def end(self, name: str) -> None:
        """Begin an end of the net."""
        self.layer, self.count = name, 0

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs; return their names."""
        from onnx import helper

        self.count += 1
        name = f"{self.layer}/{kind}{self.count}"
        names = [name if outputs == 1 else f"{name}.{at}" for at in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names

    def constant(self, values: ArrayLike, kind: Any = np.float32) -> str:
        """Add a constant of the layer."""
        self.count += 1
        name = f"{self.layer}/constant{self.count}"
        self.stored[name] = np.asarray(values, dtype=kind)
        return name

    def whole(self, values: ArrayLike) -> str:
        """Add stored integers."""
        return self.constant(values, np.int64)

    def array(self, name: str) -> NDArray[Any]:
        """Return a tensor of the layer."""
        return np.asarray(self.tensors[f"{self.layer}.{name}"], dtype=np.float32)

    def weight(self, name: str) -> str:
        """Add a tensor of the layer under its own name."""
        full = f"{self.layer}.{name}"
        self.stored[full] = self.array(name)
        return full

    def reshape(self, x: str, sizes: Sequence[int]) -> str:
        """Reshape the axes after the batch."""
        return self.node("Reshape", x, self.whole([-1, *sizes]))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Permute the axes after the batch, counted from 1."""
        if list(order) == sorted(order):
            return x
        return self.node("Transpose", x, perm=[0, *order])

    def moved(self, x: str, step: Moves) -> str:
        """Bring a tensor into an order."""
        x = x if step.split is None else self.node("Reshape", x, self.whole(step.split))
        x = x if step.permuted is None else self.node("Transpose", x, perm=list(step.permuted))
        return x if step.joined is None else self.node("Reshape", x, self.whole(step.joined))

    def split(self, x: str, pattern: Pattern, axes: Axes) -> str:
        """Reshape to an axis for each letter."""
        if all(len(axis) == 1 for axis in axes):
            return x
        return self.reshape(x, [pattern.sizes[letter] for letter in pattern.letters(axes)])

    def joined(self, x: str, pattern: Pattern, have: Sequence[str]) -> str:
        """Bring letters into the order of the output, repeat new ones, and join them to its axes."""
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
        """Select indices of one axis, where axis 0 is the batch."""
        ends = (self.whole([number]) for number in (first, last, axis, step))
        return self.node("Slice", x, *ends)
