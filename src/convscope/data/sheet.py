"""A contact sheet: some images of each class, in one file, drawn like every other figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.data import registry
from convscope.data.dataset import short_word
from convscope.view.figure import Figure
from convscope.view.heat import grey
from convscope.view.layout import NORMAL, Across, Down, Padded, Raster, Words

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset
    from convscope.view.layout import Part

LEAST = 32
"""Height to which images are enlarged, each pixel to a square [pixel]."""

GAP = 2
"""Space between images [pixel]."""

MOST_CLASSES, LETTERS = 200, 24
"""The most classes, and the most letters of a name."""


def sheet(dataset: Dataset, path: Path, *, split: str = "train", each: int = 10) -> Path:
    """Write an image file with a row for each class, its images evenly spread over the split.

    Args:
        dataset: the set to show; the first 200 classes.
        path: path of the file, ``.png``, ``.svg`` or ``.html``; an existing file is replaced.
        split: ``train``, ``test`` or ``val``.
        each: number of images of each class.

    Raises:
        DataError: there is no such split, or a file is damaged.
        WriteError: the sheet cannot be written.
        MissingExtraError: Pillow or resvg is not installed.
    """
    return contact(dataset, split=split, each=each).save(path)


def contact(dataset: Dataset, *, split: str = "train", each: int = 10) -> Figure:
    """Draw a row for each class.

    Raises:
        DataError, MissingExtraError: as for :func:`sheet`.
    """
    found = registry.load(dataset, split)
    names = dataset.classes[:MOST_CLASSES]
    labels = [Words((_short(name),), NORMAL) for name in names]
    wide = max(words.width for words in labels)
    rows: list[Part] = []
    for row, words in enumerate(labels):
        places = np.flatnonzero(found.labels == row)
        strip = _strip([found.images[at] for at in spread(places, each)], -(-LEAST // dataset.shape[1]))
        rows.append(Across((Padded(Middle(words, strip.height), wide), strip), 12))
    left = f"; the first {len(names)} of {len(dataset.classes)} classes" if len(names) < len(dataset.classes) else ""
    title = f"{short_word(dataset.name)}, {split}: {len(found.labels):,} images of {len(dataset.classes)} classes"
    return Figure(title, Down(tuple(rows), GAP), f"at most {each} images of each class, evenly spread over them{left}")


@dataclass(frozen=True)
class Middle:
    """Words in the middle of a height."""

    words: Words
    height: float

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self.words.width

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        return self.words.draw(x, y + (self.height - self.words.height) / 2)


def spread(places: NDArray[np.intp], count: int) -> list[int]:
    """Return at most ``count`` evenly spaced positions.

    >>> spread(np.arange(100), 4), spread(np.arange(2), 4)
    ([0, 25, 50, 75], [0, 1])
    """
    if len(places) <= count:
        return [int(place) for place in places]
    return [int(places[at * len(places) // count]) for at in range(count)]


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"


def _strip(images: list[NDArray[np.uint8]], factor: int) -> Across:
    """Draw images side by side, each pixel enlarged to a square."""
    return Across(tuple(Raster(grey(np.asarray(image)), factor) for image in images), GAP)
