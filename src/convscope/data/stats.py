"""Statistics of a data set: images by class, sizes of the files, mean and standard deviation, sizes of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.audit import count, counts_table
from convscope.view.parts import Stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset

LEVELS = 25
"""A pixel that differs from the background by more than this belongs to the object [grey levels of 255]."""

PLAIN = 0.9
"""Fraction of the rim that must be close to its median for the background to count as plain."""

SAMPLE = 2000
"""Number of training images on which objects are measured, evenly spaced over the set."""


MANY, SHOWN = 40, 12
"""Of more classes, only this many are printed."""


@dataclass(frozen=True)
class Objects:
    """Sizes of objects in front of a plain background.

    Attributes:
        measured: number of images with a plain background and an object.
        looked: number of images that were examined.
        height: height of the box around everything that differs from the background: 10th, 50th and 90th percentile
            [pixel].
        width: its width, likewise.
    """

    measured: int
    looked: int
    height: tuple[int, ...]
    width: tuple[int, ...]

    def __str__(self) -> str:
        if not self.measured:
            return f"not measured: none of {self.looked:,} images has a plain background"
        low, middle, high = (f"{h}x{w}" for h, w in zip(self.height, self.width, strict=True))
        return f"{middle}, most between {low} and {high} ({self.measured:,} of {self.looked:,} have a plain background)"


@dataclass(frozen=True)
class Stats:
    """Statistics of a data set; prints itself.

    Attributes:
        data: name of the set.
        shape: ``c h w``.
        counts: images of each class, by split.
        mean: mean of the training pixels by channel, 0 to 1; ``std``: their standard deviation.
        objects: sizes of the objects.
        files: sizes, formats and modes of the files; empty for sets without files of their own.
        licence: its licence and authors.
    """

    data: str
    shape: tuple[int, ...]
    counts: dict[str, dict[str, int]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    objects: Objects
    files: dict[str, Any]
    licence: str

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/data-stats/2``."""
        return {
            "schema": "convscope/data-stats/2",
            "data": self.data,
            "shape": to_text(self.shape),
            "counts": self.counts,
            "mean": list(self.mean),
            "std": list(self.std),
            "object_height": list(self.objects.height),
            "object_width": list(self.objects.width),
            "objects_measured": self.objects.measured,
            "files": self.files,
            "licence": self.licence,
        }

    def stack(self) -> Stack:
        """Return the facts about the set, and the number of images of each class."""
        rows = {
            "data": f"{self.data}, {to_text(self.shape)}",
            "mean": ", ".join(f"{value:.4f}" for value in self.mean),
            "deviation": ", ".join(f"{value:.4f}" for value in self.std),
            "objects": str(self.objects),
        }
        if self.files.get("height"):
            sizes = (f"{h}x{w}" for h, w in zip(self.files["height"], self.files["width"], strict=True))
            rows["files"] = "smallest {}, median {}, largest {} along each axis".format(*sizes)
            rows["formats"] = _listed(self.files["formats"])
            rows["modes"] = _listed(self.files["modes"])
        rows["licence"] = self.licence
        told = "\n".join(f"{key:<11}{value}" for key, value in rows.items())
        classes = len(next(iter(self.counts.values())))
        if classes <= MANY:
            return Stack((told, "", counts_table(self.counts)))
        few = f"{SHOWN} of {classes:,} classes with the fewest images; --json has all of them"
        return Stack((told, "", counts_table(self.counts, SHOWN), few))

    def __str__(self) -> str:
        return self.stack().to_text()

    __repr__ = __str__


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())


def stats(dataset: Dataset) -> Stats:
    """Compute the statistics of a data set.

    Raises:
        DataError: a file is missing or damaged.
    """
    splits = {name: registry.load(dataset, name) for name in dataset.splits}
    mean, std = (np.atleast_1d(value).tolist() for value in (dataset.mean, dataset.std))
    return Stats(
        data=dataset.name,
        shape=dataset.shape,
        counts={name: count(dataset, split) for name, split in splits.items()},
        mean=tuple(mean),
        std=tuple(std),
        objects=objects(splits["train"].images),
        files={key: value for key, value in dataset.notes.items() if key in {"height", "width", "formats", "modes"}},
        licence=dataset.licence,
    )


def objects(images: NDArray[np.uint8]) -> Objects:
    """Measure boxes around everything that differs from a plain background in images ``n c h w``.

    >>> image = np.zeros((1, 1, 8, 8), np.uint8)
    >>> image[0, 0, 2:5, 3:4] = 255
    >>> objects(image).height, objects(image).width
    ((3, 3, 3), (1, 1, 1))
    """
    chosen = images[:: max(1, len(images) // SAMPLE)][:SAMPLE]
    boxes = [box for image in chosen if (box := _box(image.astype(np.int16)))]
    if not boxes:
        return Objects(0, len(chosen), (), ())
    heights, widths = (
        np.quantile(side, (0.1, 0.5, 0.9), method="nearest").tolist() for side in zip(*boxes, strict=True)
    )
    return Objects(len(boxes), len(chosen), tuple(heights), tuple(widths))


def _box(image: NDArray[np.int16]) -> tuple[int, int] | None:
    """Return height and width of what differs from a plain background; None if it is not plain or nothing differs."""
    rim = np.concatenate([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], axis=1)
    ground = np.median(rim, axis=1)
    if (np.abs(rim - ground[:, None]).max(0) <= LEVELS).mean() < PLAIN:
        return None
    differs = np.abs(image - ground[:, None, None]).max(0) > LEVELS
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    return (int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1) if len(rows) else None
