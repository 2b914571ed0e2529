"""The lessons: each is a file in ``lessons``, with the net and the images that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from convscope.data import DATASETS
from convscope.data import load as load_data
from convscope.data.image import decoded, plain
from convscope.errors import ConvscopeError, UnknownNameError, nearest
from convscope.explorer.blobs import Blobs
from convscope.explorer.build import document_of
from convscope.explorer.document import Preparation
from convscope.explorer.document_lesson import Lesson  # noqa: TC001 -- msgspec needs it at run time
from convscope.explorer.images import Shown
from convscope.explorer.struct import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from convscope.explorer.document import Document

SIDE = 256
"""The longest side of a reader's own image in a lesson [pixel]."""

RAW = Preparation(mean=(0.0,), std=(1 / 255,), ink=False, ground="")
"""The net of a lesson is given the pixels as they are, 0 to 255, so that sums can be redone by hand."""

FOLDER = Path(__file__).with_name("lessons")

NAMES = ("kernel", "two-3x3", "field")
"""The lessons, in the order in which they are best read."""


class Prepared(Struct, frozen=True):
    """A lesson and what it needs.

    Attributes:
        net: the net of the document, in the notation; a step may show another one.
        images: the images of the document, in order: ``step`` is 7x7, black on the left and 10 of 255 on the right;
            ``digit`` is the first test image of MNIST.
        lesson: the lesson.
    """

    net: str
    images: tuple[Literal["step", "digit"], ...]
    lesson: Lesson


def load(name: str) -> Prepared:
    """Return a lesson.

    Raises:
        UnknownNameError: there is no lesson of that name.

    >>> load("kernel").lesson.title
    'What does a convolution do to my image?'
    """
    if name not in NAMES:
        raise UnknownNameError(f'"{name}" is not a lesson', attempt=nearest(name, NAMES) or ", ".join(NAMES))
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Prepared)


def document_of_lesson(name: str, photos: Sequence[str | Path] = ()) -> Document:
    """Return the document of a lesson.

    Args:
        name: one of :data:`NAMES`.
        photos: the reader's own images, which come after those of the lesson.

    Raises:
        UnknownNameError: there is no lesson of that name.
        ImageError: a photo cannot be read.

    >>> document_of_lesson("two-3x3").net.totals.params
    25
    """
    prepared = load(name)
    made = document_of(prepared.net, title=prepared.lesson.title)
    blobs = Blobs()
    own, missing = [], []
    for image in prepared.images:
        try:
            own.append(_image(image))
        except ConvscopeError as error:
            missing.append(f"The image of a digit is left out: {error.what}.")
            own.append(Shown(np.zeros((1, 28, 28), np.uint8), "an empty image"))
    shown = [*own, *(Shown(decoded(Path(photo), _small), Path(photo).name) for photo in photos)]
    return msgspec.structs.replace(
        made,
        lesson=prepared.lesson,
        preparation=RAW,
        images=tuple(one.held(blobs) for one in shown),
        left_out=tuple(missing),
        blobs=blobs.encoded(),
    )


def _image(name: str) -> Shown:
    """Return an image of a lesson."""
    if name == "step":
        return Shown(np.tile(np.array([0, 0, 0, 10, 10, 10, 10], np.uint8), (1, 7, 1)), "a step from black to bright")
    found = load_data(DATASETS["mnist"], "test")
    return Shown(np.asarray(found.images[0], np.uint8).reshape(1, 28, 28), "test image 0 of MNIST", truth=7)


def _small(image: Image) -> NDArray[np.uint8]:
    """Return an image ``c h w`` in colour, at most :data:`SIDE` pixels on its longer side."""
    colour = plain(image).convert("RGB")
    colour.thumbnail((SIDE, SIDE))
    return np.asarray(colour, np.uint8).transpose(2, 0, 1)
