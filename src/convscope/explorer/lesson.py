"""The lessons: each is a file in ``lessons``, with the net and the images that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from convscope.errors import UnknownNameError, nearest
from convscope.explorer.document_lesson import Lesson  # noqa: TC001 -- msgspec needs it at run time
from convscope.explorer.struct import Struct

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
