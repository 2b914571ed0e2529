"""The input image, for people and for the net."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.core.shape import to_text
from convscope.data.facts import some
from convscope.data.home import printable
from convscope.data.image import decoded, fitted, plain
from convscope.data.preparation import read_image
from convscope.errors import ImageError
from convscope.inert import inert
from convscope.training.batches import scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.core.shape import Shape
    from convscope.data import Dataset, Split
    from convscope.lens.subject import Subject

OWN = "test:"
"""Prefix of the number of a test image."""


@dataclass(frozen=True, eq=False)
class InputImage:
    """An input image.

    Attributes:
        name: name of the file, or its number in a data set.
        shown: ``c h w`` for people: uint8, or the net's input values if there are no others.
        taken: the input of the net, ``1 c h w``.
        scale: description of the scaling.
        label: the index of its class, if known.
    """

    name: str
    shown: NDArray[Any] = field(repr=False)
    taken: Tensor = field(repr=False)
    scale: str
    label: int | None = None


def input_image(subject: Subject, image: str | Path | NDArray[Any] | None = None) -> InputImage:
    """Return the image that a user named, or the first test image of the run.

    Args:
        subject: the net.
        image: a file; ``test:N``, the N-th test image of the run's data set; or an array ``c h w`` (or ``h w``): uint8
            is scaled like the images of the data set, other values are used as is.

    Raises:
        ImageError: the image cannot be read, does not fit the net, or is missing.
        DataError: the data set of the run cannot be read.
    """
    if image is None and subject.run is None:
        raise ImageError("no image was given, and the net has no data set to take one from", attempt="--image five.png")
    if image is None or (isinstance(image, str) and image.startswith(OWN)):
        return _own(subject, "0" if image is None else str(image).removeprefix(OWN))
    if isinstance(image, str | Path):
        return _file(subject, Path(image))
    return _array(subject, np.asarray(image))


def _own(subject: Subject, number: str) -> InputImage:
    if subject.dataset is None or subject.run is None:
        raise ImageError(f"{OWN}{number} cannot be used: the net has no data set", attempt="--image five.png")
    split = some(subject.dataset, "test")
    if not number.isdecimal() or int(number[:12]) >= len(split.images):
        raise ImageError(
            f"there is no test image {number[:40]}", expected=f"a number from 0 to {len(split.images) - 1}"
        )
    at = int(number)
    return pixels(subject, split.images[at], test_name(subject.dataset, split, at), int(split.labels[at]))


def test_name(dataset: Dataset, split: Split, at: int) -> str:
    """Return the name of a test image: that of its file if it has one."""
    return inert(split.names[at]) if len(split.names) else f"test image {at} of {dataset.slug}"


def _file(subject: Subject, path: Path) -> InputImage:
    if subject.dataset:
        return pixels(subject, read_image(path, subject.dataset), printable(path))
    if subject.net.input[0] not in {1, 3}:
        raise ImageError(
            f"the net expects {subject.net.input[0]} channels, and {printable(path)} has 1 or 3",
            expected=f"an array of {to_text(subject.net.input)}, from Python",
        )
    shape = subject.net.input
    return pixels(subject, decoded(path, lambda image: fitted(plain(image), shape), least=shape[1:]), printable(path))


def _array(subject: Subject, array: NDArray[Any]) -> InputImage:
    shape = subject.net.input
    array = array[None] if array.ndim == 2 else array
    if array.shape != shape:
        raise ImageError(
            f"the image has the shape {_shape(array.shape)}, the net takes {to_text(shape)}",
            expected=f"an array c h w of {shape}",
        )
    if array.dtype == np.uint8:
        return pixels(subject, array, "an array")
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise ImageError(f"the image holds {array.dtype} values that are not finite", expected="uint8 or float")
    numbers = array.astype(np.float32)
    return InputImage("an array", numbers, subject.device.put(torch.from_numpy(numbers)[None]), "used as is")


def pixels(subject: Subject, image: NDArray[np.uint8], name: str, label: int | None = None) -> InputImage:
    """Scale a uint8 image for the net."""
    how = "scaled as in training" if subject.dataset else "scaled to 0 … 1"
    return InputImage(name, image, taken(subject, image[None]), how, label)


def taken(subject: Subject, images: NDArray[np.uint8]) -> Tensor:
    """Scale uint8 images ``n c h w`` for the net."""
    batch = subject.device.put(torch.from_numpy(np.array(images)))
    return scaled(batch, subject.dataset) if subject.dataset else batch.float() / 255


def nothing(subject: Subject) -> tuple[Tensor, str]:
    """Return the value that replaces a removed pixel, ``1 c 1 1``, and its name: background or the mean colour."""
    zero = subject.device.put(torch.zeros(1, subject.net.input[0], 1, 1))
    if subject.dataset and subject.dataset.ink:
        return scaled(zero, subject.dataset), "background"
    return zero, "the mean colour" if subject.dataset else "0"


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a single number"
