"""The feature maps of a layer for one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.core.shape import to_text
from convscope.inert import inert
from convscope.lens.choose import for_features
from convscope.lens.drawing.features import CHANNELS, draw
from convscope.lens.score import classes_of
from convscope.lens.span import Span, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.lens.image import InputImage
    from convscope.lens.subject import Subject
    from convscope.view.figure import Figure


@dataclass(frozen=True, eq=False)
class Features:
    """The feature maps of a layer for one image; prints itself.

    Attributes:
        source: the run or net that is shown.
        weights: the origin of the weights, in words.
        layer: its name.
        why: the reason for this layer.
        image: the input image.
        maps: ``c h w``, or ``c 1 1`` for a layer without positions.
        classes: the true and the predicted class of the image, in words; empty if neither is known.
    """

    source: str
    weights: str
    layer: str
    why: str
    image: InputImage
    maps: NDArray[np.float32] = field(repr=False)
    classes: str = ""

    @property
    def span(self) -> Span:
        """The range and sign of the maps."""
        return Span.of(self.maps)

    @property
    def silent(self) -> tuple[int, ...]:
        """The channels without a positive value for this image."""
        return tuple(np.flatnonzero(~(self.maps > 0).any((1, 2))).tolist())

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/lens-features/3``."""
        return {
            "schema": "convscope/lens-features/3",
            "source": self.source,
            "weights": self.weights,
            "image": self.image.name,
            "classes": self.classes,
            "layer": self.layer,
            "why": self.why,
            "shape": list(self.maps.shape),
            "range": self.span.to_json(),
            "channels": [
                {"mean": float(one.mean()), "positive_share": float((one > 0).mean()), **Span.of(one).to_json()}
                for one in self.maps
            ],
            "nothing_positive": list(self.silent),
        }

    def figure(self, most: int = CHANNELS) -> Figure:
        """Return a drawing of at most this number of channels."""
        return draw(self, most)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __str__(self) -> str:
        share = 100 * float((self.maps > 0).mean())
        strong = self.maps.mean((1, 2))
        lines = [
            f"feature maps of {self.layer} ({self.why}), weights {self.weights}",
            f"image      {self.image.name}, {self.image.scale}",
            *([f"classes    {self.classes}"] if self.classes else []),
            f"maps       {to_text(self.maps.shape)}",
            f"range      {self.span}",
            f"positive   {share:.1f} % of the values",
            f"strongest  channel {strong.argmax()}, mean {number(strong.max())}",
        ]
        return "\n".join(map(inert, [*lines, *self._silent_line()]))

    def _silent_line(self) -> list[str]:
        if not self.silent:
            return []
        some = ", ".join(map(str, self.silent[:16])) + (", …" if len(self.silent) > 16 else "")
        return [f"silent     no positive value in {len(self.silent)} of {len(self.maps)} channels: {some}"]

    __repr__ = __str__


def features(subject: Subject, image: InputImage, layer: str | None = None) -> Features:
    """Return the feature maps of a layer, by default of the first activation.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: no layer is requested, and none has a map.
    """
    chosen = for_features(subject.net, layer)
    with torch.inference_mode():
        found = subject.model.values({subject.net.inputs[0].name: image.taken}, [chosen.name])[chosen.name][0]
    words = classes_of(subject, image)
    maps = found.reshape(len(found), 1, -1) if found.dim() != 3 else found
    return Features(
        subject.name, subject.weights, chosen.name, chosen.why, image, maps.contiguous().cpu().numpy(), words
    )
