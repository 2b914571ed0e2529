"""Where a unit looks: the exact box with its holes, and how the weight spreads, in theory and as measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.analyze.unit import unit_field
from convscope.data import registry
from convscope.lens.choose import any_layer
from convscope.lens.drawing.field import draw
from convscope.lens.image import input_image as named
from convscope.lens.image import taken
from convscope.lens.measured import measured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.analyze.unit import UnitField
    from convscope.lens.image import InputImage
    from convscope.lens.measured import Measured
    from convscope.lens.subject import Subject
    from convscope.view.figure import Figure

IMAGES = 64
"""Over which gradients are measured."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Where a unit looks; prints itself.

    Attributes:
        source: what is shown: a run or a net.
        layer: its name.
        why: the reason for this layer.
        unit: box, holes and the field with uniform weights.
        untrained: measured with random weights.
        trained: measured with the weights that the net has; None where it has none.
        over: the images it was measured over, in words.
        image: over which it is drawn; None if there is none.
    """

    source: str
    layer: str
    why: str
    unit: UnitField
    untrained: Measured
    trained: Measured | None
    over: str
    image: InputImage | None = field(repr=False)

    @property
    def both(self) -> tuple[Measured, ...]:
        """What was measured, untrained first."""
        return (self.untrained, self.trained) if self.trained else (self.untrained,)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/lens-field/2``."""
        return {
            "schema": "convscope/lens-field/2",
            "source": self.source,
            "layer": self.layer,
            "why": self.why,
            "unit": self.unit.to_json(),
            "over": self.over,
            "untrained": self.untrained.to_json(),
            "trained": self.trained.to_json() if self.trained else None,
        }

    def figure(self) -> Figure:
        """The drawing."""
        return draw(self)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __str__(self) -> str:
        name, _, rest = str(self.unit).partition("\n")
        lines = [
            f"receptive field of {name}; layer: {self.why}",
            rest,
            f"measured   mean absolute gradient over {self.over}",
        ]
        return "\n".join([*lines, *(f"  {one}" for one in self.both)])

    __repr__ = __str__


def reach(  # noqa: PLR0913 -- what the question consists of
    subject: Subject,
    image: str | Path | NDArray[Any] | None = None,
    layer: str | None = None,
    at: Sequence[int | tuple[int, int]] | None = None,
    *,
    images: int = IMAGES,
    seed: int = 0,
) -> Reach:
    """Where units of a layer look; by default the middle unit of the last layer with a map before the scores.

    Args:
        subject: the net.
        image: the one it is drawn over, and measured over if the net has no images of its own.
        layer: name.
        at: the unit, or first and last along each axis.
        images: to measure over: test images of the run; else noise of mean 0 and standard deviation 1.
        seed: for untrained weights and for noise.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: ``at`` lies outside of the layer.
        ImageError: the image cannot be read or does not fit.
    """
    chosen = any_layer(subject.net, layer)
    unit = unit_field(subject.net, chosen.name, at)
    seen = None if image is None and subject.run is None else named(subject, image)
    batch, words = _images(subject, seen, images, seed)
    slices = [slice(first, last + 1) for first, last in unit.support.patch]
    models = [(subject.untrained(seed), f"random, seed {seed}")]
    models += [(subject.model, subject.weights)] if not subject.random else []
    size = subject.batch()
    found = [
        measured(model, chosen.name, slices, batch, weights=name, area=unit.support.area, batch=size)
        for model, name in models
    ]
    trained = None if subject.random else found[1]
    return Reach(subject.name, chosen.name, chosen.why, unit, found[0], trained, words, seen)


def _images(subject: Subject, seen: InputImage | None, count: int, seed: int) -> tuple[Tensor, str]:
    """The images to measure over, and what they are in words."""
    if subject.dataset:
        images = registry.load(subject.dataset, "test").images
        images = images[np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)]
        return taken(subject, images), f"{len(images)} test images of {subject.dataset.slug}"
    if seen:
        return seen.taken, "the image"
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, *subject.net.input, generator=random), f"{count} noise images"
