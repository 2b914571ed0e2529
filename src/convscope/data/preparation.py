"""The one way from a user's image to the pixels that a net takes, decided by the images that the net was trained on.

Predictions, evaluation on other data, figures, reports and exported files all use it. It is kept in the run, in
``data.json``: the size and the channels, whether the images are strokes on an empty background, and whether the
background of the training images is dark or light.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from convscope.core.shape import to_text
from convscope.data.clean import clean
from convscope.data.home import printable
from convscope.data.image import decoded, fitted, plain, upright
from convscope.data.strokes import strokes
from convscope.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from convscope.core.shape import Shape
    from convscope.data.dataset import Dataset
    from convscope.data.strokes import Strokes

    Pixels = NDArray[np.uint8]

Ground = Literal["", "dark", "light"]

SAMPLE = 1000
"""Number of training images whose backgrounds are examined, evenly spaced over the set."""

DARK, LIGHT = 80, 175
"""A background is dark up to the first grey level, light from the second."""

PLAIN = 0.75
"""Share of an image's rim that is within :data:`LEVELS` of its median if the background is plain."""

LEVELS = 40
"""[grey levels of 255]"""

ALIKE = 0.9
"""Share of the training images whose plain backgrounds must be dark, or light, for the set to have that background."""

INK = 20
"""Longer side of the box that a digit fills in 28x28 (LeCun et al. 1998: 20x20 inside 28x28)."""

EMPTY = "no strokes of a pen stand out"


@dataclass(frozen=True)
class Prepared:
    """An image as the net takes it.

    Attributes:
        pixels: uint8 ``c h w``.
        inverted: whether light and dark were exchanged.
        box: top, left, bottom and right of what was cut out of the image [pixel]; None for the whole image.
    """

    pixels: Pixels = field(repr=False)
    inverted: bool = False
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Preparation:
    """How an image is prepared.

    Attributes:
        shape: ``c h w`` that the net takes.
        ink: whether the net takes bright strokes on a dark, empty background, centred at their mass, as in MNIST.
        ground: the background of the training images; empty if it is not plain, or differs.
    """

    shape: Shape
    ink: bool = False
    ground: Ground = ""

    @classmethod
    def of(cls, dataset: Dataset) -> Preparation:
        """Return the preparation for a net that was trained on a data set."""
        return cls(dataset.shape, dataset.ink, dataset.ground)

    @property
    def key(self) -> str:
        """A name for folders; empty if images are only scaled.

        >>> Preparation((1, 28, 28), ink=True).key, Preparation((3, 8, 8), ground="dark").key
        ('strokes', 'dark')
        """
        return "strokes" if self.ink else self.ground

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as in the metadata of exported files."""
        return {"size": to_text(self.shape), "strokes": self.ink, "background": self.ground or None}

    def told(self) -> str:
        """Describe it in a line.

        >>> Preparation((1, 28, 28), ground="dark").told()
        'scaled to 28x28x1; dark on light is inverted, since the training images are light on dark'
        """
        if self.ink:
            return "strokes are found, cut out, scaled and centred, light on dark, as in MNIST"
        scaled = f"scaled to {to_text(self.shape)}"
        if not self.ground:
            return f"{scaled}; never inverted, since the training images have no common plain background"
        given, own = ("dark on light", "light on dark") if self.ground == "dark" else ("light on dark", "dark on light")
        return f"{scaled}; {given} is inverted, since the training images are {own}"

    def images(self, image: Image) -> tuple[Prepared, ...]:
        """Prepare a decoded image; for strokes, one result for each digit, in the order in which they are read.

        Empty if there are no strokes.
        """
        if self.ink:
            own = self._own_form(image)
            if own:
                return (own,)
            image = upright(image)
            return tuple(self._digit(one) for one in clean(image, strokes(image)))
        return (self._turned(fitted(plain(image), self.shape)),)

    def single(self, image: Image) -> Prepared:
        """Prepare a decoded image as one: of several digits, the largest.

        Raises:
            ImageError: there are no strokes.
        """
        found = self.images(image)
        if not found:
            raise ImageError(f"shows nothing: {EMPTY}", expected="a digit on a plain background")
        return max(found, key=lambda one: _area(one.box))

    def pixels(self, image: Image) -> Pixels:
        """Return an image of a data set: of several digits, the largest; an empty one if there are no strokes."""
        found = self.images(image)
        return max(found, key=lambda one: _area(one.box)).pixels if found else np.zeros(self.shape, np.uint8)

    def _turned(self, pixels: Pixels) -> Prepared:
        """Exchange light and dark if the background is the opposite of that of the training images."""
        inverted = {ground_of(pixels[None]), self.ground} == {"dark", "light"}
        return Prepared(255 - pixels if inverted else pixels, inverted)

    def _own_form(self, image: Image) -> Prepared | None:
        """Return an image that has the size and the form of the training images already, or None."""
        if image.size != (self.shape[2], self.shape[1]) or "A" in image.getbands() or "transparency" in image.info:
            return None
        pixels = fitted(plain(image), self.shape)
        for inverted, found in ((False, pixels), (True, 255 - pixels)):
            rim = np.concatenate([found[0, 0], found[0, -1], found[0, :, 0], found[0, :, -1]])
            if rim.max() <= 8 and found.max() >= 128:
                middle = _centre(found[0].astype(np.float32))
                if all(abs(at - side / 2) <= 1.5 for at, side in zip(middle, self.shape[1:], strict=True)):
                    return Prepared(found, inverted)
        return None

    def _digit(self, one: Strokes) -> Prepared:
        height, width = self.shape[1:]
        small = _fit(one.ink, INK * min(height, width) // 28)
        made = np.repeat(_centred(small, height, width)[None], self.shape[0], 0)
        return Prepared(made, one.dark, one.box)


def prepared(path: Path, preparation: Preparation) -> tuple[Prepared, ...]:
    """Read and prepare an image file; see :meth:`Preparation.images`.

    Raises:
        ImageError: the file is missing, is not an image, is damaged, or is too large.
        MissingExtraError: Pillow, or SciPy for strokes, is not installed.
    """
    return decoded(path, preparation.images, least=preparation.shape[1:])


def read_image(path: Path, dataset: Dataset) -> Pixels:
    """Read one image file as a net takes it that was trained on a data set: uint8 ``c h w``.

    Raises:
        ImageError: the file is missing, is not an image, is damaged, is too large, or shows no strokes.
        MissingExtraError: Pillow, or SciPy for strokes, is not installed.
    """
    preparation = Preparation.of(dataset)
    try:
        return decoded(path, preparation.single, least=dataset.shape[1:]).pixels
    except ImageError as error:
        if printable(path) not in error.what:
            error.what = f"{printable(path)} {error.what}"
        raise


def ground_of(images: Pixels) -> Ground:
    """Return whether images ``n c h w`` have a dark or a light background; empty if it is not plain, or differs.

    The background of an image is the median of its rim; at most 1,000 images are examined, evenly spaced.

    >>> ground_of(np.full((3, 1, 8, 8), 250, np.uint8)), ground_of(np.full((3, 1, 8, 8), 128, np.uint8))
    ('light', '')
    """
    if not len(images) or min(images.shape[2:]) < 3:
        return ""
    few = np.asarray(images[np.unique(np.linspace(0, len(images) - 1, min(len(images), SAMPLE)).astype(int))])
    grey = few.mean(1, dtype=np.float32)
    rim = np.concatenate([grey[:, 0], grey[:, -1], grey[:, 1:-1, 0], grey[:, 1:-1, -1]], axis=1)
    middle = np.median(rim, axis=1)
    even = (np.abs(rim - middle[:, None]) <= LEVELS).mean(1) >= PLAIN
    if float((even & (middle <= DARK)).mean()) >= ALIKE:
        return "dark"
    return "light" if float((even & (middle >= LIGHT)).mean()) >= ALIKE else ""


def _area(box: tuple[int, int, int, int] | None) -> int:
    return (box[2] - box[0]) * (box[3] - box[1]) if box else 0


def _fit(cut: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Scale an image so that its longer side is ``side``."""
    from PIL import Image

    scale = side / max(cut.shape)
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    return np.asarray(
        Image.fromarray(cut).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    )


def _centre(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the centre of mass, counted from the outer edge of the first pixel."""
    mass = float(values.sum())
    rows, columns = values.shape
    return (
        float((values.sum(1) * (np.arange(rows) + 0.5)).sum()) / mass,
        float((values.sum(0) * (np.arange(columns) + 0.5)).sum()) / mass,
    )


def _centred(small: NDArray[np.float32], height: int, width: int) -> Pixels:
    """Place strokes on an empty background with their centre of mass in the middle."""
    small = np.clip(small / max(float(small.max()), 1e-6), 0, 1)
    (rows, columns), (centre_y, centre_x) = small.shape, _centre(small)
    # MNIST's centres of mass lie within half a pixel of the middle of pixel 14, counted from 0
    top = min(max(0, round(height / 2 + 0.5 - centre_y)), height - rows)
    left = min(max(0, round(width / 2 + 0.5 - centre_x)), width - columns)
    canvas = np.zeros((height, width), dtype=np.uint8)
    canvas[top : top + rows, left : left + columns] = np.round(small * 255).astype(np.uint8)
    return canvas
