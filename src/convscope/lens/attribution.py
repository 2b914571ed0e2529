"""The attribution of a score to the pixels of an image, by one method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.inert import inert
from convscope.lens.span import Span, number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Attribution:
    """An attribution: one value for each pixel; prints itself.

    Attributes:
        method: the attribution method.
        heat: ``h w``, of the size of the image.
        values: the signed result of the method: ``c h w``, or for Grad-CAM ``h' w'`` on the layer's map.
        meaning: the meaning of a value.
        layer: the layer that the method examines; empty for the image itself.
        why: the reason for this layer.
        note: a fact about its accuracy.
    """

    method: str
    heat: NDArray[np.float32] = field(repr=False)
    values: NDArray[np.float32] = field(repr=False)
    meaning: str
    layer: str = ""
    why: str = ""
    note: str = ""

    @property
    def span(self) -> Span:
        """The range and sign of the heat."""
        return Span.of(self.heat)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; for the heat, its range, its sum and the position of its peak."""
        row, column = divmod(int(self.heat.argmax()), self.heat.shape[1])
        layer = {"layer": self.layer, "why": self.why} if self.layer else {}
        return {
            "method": self.method,
            "meaning": self.meaning,
            **layer,
            "range": self.span.to_json(),
            "sum": float(self.heat.sum(dtype="float64")),
            "peak": [row, column],
            "note": self.note,
        }

    def __str__(self) -> str:
        layer = inert(f" of {self.layer} ({self.why})") if self.layer else ""
        note = f"; {self.note}" if self.note else ""
        return f"{self.method}{layer}: {self.span}, sum {number(self.heat.sum(dtype='float64'))}{note}"

    __repr__ = __str__
