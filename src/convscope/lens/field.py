"""The receptive field of a unit: its exact box and holes, and the theoretical and measured weights of its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.analyze.unit import unit_field
from convscope.data.facts import at_hand
from convscope.lens.choose import any_layer
from convscope.lens.drawing.field import draw
from convscope.lens.image import input_image as named
from convscope.lens.image import taken
from convscope.lens.measured import measured

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.analyze.support import At
    from convscope.analyze.unit import UnitField
    from convscope.lens.image import InputImage
    from convscope.lens.measured import Measured
    from convscope.lens.subject import Subject
    from convscope.view.figure import Figure

IMAGES = 64
"""Number of images over which gradients are measured."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The receptive field of a unit; prints itself.

    Attributes:
        source: the run or net that is shown.
        layer: its name.
        why: the reason for this layer.
        unit: box, holes and the field with uniform weights.
        untrained: measured with random weights.
        trained: measured with the weights of the net; None if it has none.
        over: description of the images over which it was measured.
        image: the image over which it is drawn, or None.
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
        """The measured fields, untrained first."""
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


def reach(  # noqa: PLR0913 -- the parts of the question
    subject: Subject,
    image: str | Path | NDArray[Any] | None = None,
    layer: str | None = None,
    at: At | None = None,
    *,
    images: int = IMAGES,
    seed: int = 0,
) -> Reach:
    """Return the receptive field of units, by default the middle one of the last layer with a map before the scores.

    Args:
        subject: the net.
        image: the image over which it is drawn, and measured if the net has no images of its own.
        layer: name of the layer.
        at: the unit, or the first and last unit along each axis.
        images: number of images to measure over: test images of the run, or noise of mean 0 and standard deviation 1.
        seed: for untrained weights and noise.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: ``at`` lies outside the layer.
        ImageError: the image cannot be read or does not fit.
    """
    chosen = any_layer(subject.net, layer)
    unit = unit_field(subject.net, chosen.name, at)
    own = _own(subject)
    seen = None if image is None and own is None else named(subject, image)
    batch, words = _images(subject, own, seen, images, seed)
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


def _own(subject: Subject) -> NDArray[np.uint8] | None:
    """Return the test images of the run; None for a net, and for a run whose images are not at hand."""
    split = at_hand(subject.run.dataset, "test", few=True) if subject.run else ""
    return None if isinstance(split, str) or not len(split.images) else split.images


def _images(
    subject: Subject, own: NDArray[np.uint8] | None, seen: InputImage | None, count: int, seed: int
) -> tuple[Tensor, str]:
    """Return the images to measure over, and a description of them."""
    if subject.dataset and own is not None:
        images = own[np.linspace(0, len(own) - 1, min(count, len(own))).astype(int)]
        return taken(subject, images), f"{len(images)} test images of {subject.dataset.slug}"
    if seen:
        return seen.taken, "the image"
    random = torch.Generator().manual_seed(seed)
    return subject.device.put(torch.randn(count, *subject.net.input, generator=random)), f"{count} noise images"
