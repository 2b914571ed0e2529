"""The training images that are nearest to misclassified images of the document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convscope.data import registry
from convscope.explorer.images import Shown
from convscope.lens.cases import file_of, image_name
from convscope.lens.near import NEAREST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.data import Split
    from convscope.training.run import Run

    Search = Callable[[NDArray[np.uint8]], list[list[tuple[int, float]]] | str]

ROOM = 10**6
"""Room for the images that are found [byte]."""


def neighbours(run: Run, shown: Sequence[Shown], search: Search) -> tuple[tuple[Shown, ...], tuple[Shown, ...], str]:
    """Find the training images that are nearest to misclassified ones.

    Args:
        run: the run.
        shown: images of the document; misclassified ones are searched for in this order, as many as there is room for.
        search: gives index and distance of the nearest training images for uint8 images ``n c h w``.

    Returns:
        The images with what is nearest to them; the training images; and a sentence where it was not searched.
    """
    wrong = [at for at, one in enumerate(shown) if one.truth != one.predicted]
    wrong = wrong[: ROOM // (NEAREST * shown[0].size)] if shown else []
    found = search(np.stack([shown[at].pixels for at in wrong])) if wrong else []
    if isinstance(found, str):
        return tuple(shown), (), found
    numbers: dict[int, int] = {}
    images = list(shown)
    for at, near in zip(wrong, found, strict=True):
        pairs = tuple((numbers.setdefault(one, len(numbers)), round(far, 4)) for one, far in near)
        images[at] = replace(images[at], near=pairs)
    if not numbers:
        return tuple(images), (), ""
    train = registry.load(run.dataset, "train")
    return tuple(images), tuple(_training(train, number) for number in numbers), ""


def _training(train: Split, number: int) -> Shown:
    return Shown(
        pixels=np.array(train.images[number]),
        name=image_name("train", number, file_of(train, number)),
        split="train",
        number=number,
        truth=int(train.labels[number]),
    )
