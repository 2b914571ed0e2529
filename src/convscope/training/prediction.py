"""The prediction for one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convscope.data.preparation import EMPTY
from convscope.inert import inert

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNSURE, NOTHING, UNLIKE = "not sure", "nothing here", "unlike the training images"

FEW = 3
"""The number of classes that are shown by default."""


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image, or for one of several digits in it; prints itself.

    Attributes:
        image: the file.
        probabilities: by class, the likeliest first; empty if the image shows nothing.
        box: top, left, bottom and right of the digit in the image [pixel]; None for an image that is used as a whole.
        place: its number among the digits of the image, from 1, and how many there are.
        inverted: whether light and dark were exchanged, as the training images have the opposite background.
        pixels: what the net was given, uint8 ``c h w``; None if that is nothing.
        top: the number of classes that are shown; None for three, and for all in :meth:`to_json`.
        at_least: the probability below which the net counts as not sure.
        distance: squared distance from the training images (:mod:`convscope.training.unlike`); None if not measured.
        limit: the distance beyond which an image is unlike them.
    """

    image: str
    probabilities: dict[str, float]
    box: tuple[int, int, int, int] | None = None
    place: tuple[int, int] = (1, 1)
    inverted: bool = False
    pixels: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)
    top: int | None = None
    at_least: float | None = None
    distance: float | None = None
    limit: float | None = None

    @property
    def unlike(self) -> bool | None:
        """Whether the image is unlike all training images; None if that was not measured."""
        return None if self.distance is None or self.limit is None else self.distance > self.limit

    @property
    def best(self) -> str:
        """The likeliest class, however likely it is; empty if the image shows nothing."""
        return next(iter(self.probabilities), "")

    @property
    def sure(self) -> bool:
        """Whether the likeliest class is as likely as was asked for."""
        return bool(self.best) and self.probabilities[self.best] >= (self.at_least or 0)

    @property
    def label(self) -> str:
        """The likeliest class; empty if the image shows nothing or is unlike those known, or the net is not sure."""
        return self.best if self.sure and not self.unlike else ""

    @property
    def words(self) -> str:
        """The class, ``nothing here``, ``unlike the training images`` or ``not sure``."""
        if self.unlike:
            return UNLIKE
        return inert(self.label) or (UNSURE if self.best else NOTHING)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "image": inert(self.image),
            "class": self.label or None,
            "likeliest": self.best or None,
            "sure": self.sure,
            "unlike": self.unlike,
            "distance": self.distance,
            "probabilities": dict(self.first(self.top)),
            "box": list(self.box) if self.box else None,
            "digit": self.place[0],
            "digits": self.place[1] if self.probabilities else 0,
            "inverted": self.inverted,
        }

    def __str__(self) -> str:
        if not self.probabilities:
            return f"{inert(self.image)}: {NOTHING}   ({EMPTY})"
        digit = f", digit {self.place[0]} of {self.place[1]}" if self.place[1] > 1 else ""
        return f"{inert(self.image)}{digit}: {self.words}   ({self.likeliest()})"

    def first(self, count: int | None) -> list[tuple[str, float]]:
        """Return the likeliest classes with their probabilities, or all of them."""
        return list(self.probabilities.items())[:count]

    def likeliest(self) -> str:
        """The likeliest classes with their probabilities; three, if no other number was asked for."""
        return ", ".join(f"{inert(name)} {100 * p:.1f} %" for name, p in self.first(self.top or FEW))

    __repr__ = __str__
