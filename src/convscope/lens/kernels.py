"""The kernels of a layer: the patterns that its output channels detect in its input channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import joined
from convscope.inert import inert
from convscope.lens.choose import with_kernels
from convscope.lens.drawing.kernels import draw
from convscope.lens.span import Span, number
from convscope.ops.conv import ConvTranspose
from convscope.ops.linear import Linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.lens.choose import Choice
    from convscope.lens.subject import Subject
    from convscope.view.figure import Figure


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of one layer; prints itself.

    Attributes:
        source: the run or net that is shown.
        weights: the origin of the weights, in words.
        layer: its name.
        why: the reason for this layer.
        values: ``out in h w``; for a grouped layer, ``in`` counts the channels of one group.
    """

    source: str
    weights: str
    layer: str
    why: str
    values: NDArray[np.float32] = field(repr=False)

    @property
    def span(self) -> Span:
        """The range and sign of the values."""
        return Span.of(self.values)

    @property
    def norms(self) -> NDArray[np.float64]:
        """The norm of each output channel's kernel, ``out``."""
        found: NDArray[np.float64] = np.sqrt((self.values.astype(np.float64) ** 2).sum((1, 2, 3)))
        return found

    @property
    def empty(self) -> tuple[int, ...]:
        """Output channels whose kernel is all zero."""
        return tuple(np.flatnonzero(self.norms == 0).tolist())

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/lens-kernels/2``."""
        return {
            "schema": "convscope/lens-kernels/2",
            "source": self.source,
            "weights": self.weights,
            "layer": self.layer,
            "why": self.why,
            "shape": list(self.values.shape),
            "range": self.span.to_json(),
            "mean": float(self.values.mean()),
            "std": float(self.values.std()),
            "norms": self.norms.tolist(),
            "empty": list(self.empty),
        }

    def figure(self) -> Figure:
        """The drawing."""
        return draw(self)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __str__(self) -> str:
        out, inputs, *size = self.values.shape
        norms = self.norms
        lines = [
            f"kernels of {self.layer} ({self.why}), weights {self.weights}",
            f"{out} x {inputs} of {joined(size)}, {self.values.size:,} values",
            f"range      {self.span}",
            f"spread     mean {number(self.values.mean())}, standard deviation {number(self.values.std())}",
            f"norms      {number(norms.min())} … {number(norms.max())}, largest in channel {norms.argmax()}",
        ]
        empty = [f"all zero   channels {', '.join(map(str, self.empty))}"] if self.empty else []
        return "\n".join(map(inert, [*lines, *empty]))

    __repr__ = __str__


def kernels(subject: Subject, layer: str | None = None) -> Kernels:
    """Return the kernels of a layer, by default of the first convolution.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: the layer has no kernels.

    >>> from convscope.lens.subject import subject
    >>> kernels(subject("input 8x8x3, conv 4 3x3")).values.shape
    (4, 3, 3, 3)
    """
    chosen = with_kernels(subject.net, layer)
    part = subject.model.parts[subject.model.names.index(chosen.name)]
    values = _arranged(chosen, part.state_dict()["weight"].cpu().numpy())
    return Kernels(subject.name, subject.weights, chosen.name, chosen.why, values)


def _arranged(chosen: Choice, weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a stored weight as ``out in h w``."""
    op = chosen.layer.node.op
    if isinstance(op, Linear):  # on a map: one kernel as large as the map
        return weight.reshape(len(weight), *chosen.layer.inputs[0])
    if isinstance(op, ConvTranspose):  # stored ``in out/groups h w``
        grouped = weight.reshape(op.groups, -1, *weight.shape[1:]).swapaxes(1, 2)
        return np.ascontiguousarray(grouped.reshape(-1, *grouped.shape[2:]))
    return weight
