"""The data sets, declared once: files, checksums, sizes, classes, licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.data.idx import read_idx_gz
from convscope.errors import DataError, unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convscope.core.shape import Shape

EMBEDDED = Path(__file__).parent


@dataclass(frozen=True)
class File:
    """One gzipped idx file: name, SHA-256 of the ``.gz``, shape of the array."""

    name: str
    sha256: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set before any file is read.

    Attributes:
        name: as on the command line.
        shape: ``c h w`` of a picture.
        classes: names, in the order of the labels.
        folder: where the files lie.
        train: pictures and labels to learn from.
        test: pictures and labels to be judged by, never to choose anything by.
        mean: of the training pixels, 0 to 1; ``std`` their standard deviation.
        ink: a picture is bright strokes on a dark, empty ground, its mass in the middle (pictures that people bring
            are brought to that form before a prediction).
        licence: and who made it.
    """

    name: str
    shape: Shape
    classes: tuple[str, ...]
    folder: Path
    train: tuple[File, File]
    test: tuple[File, File]
    mean: float
    std: float
    ink: bool
    licence: str

    def files(self, split: str) -> tuple[File, File]:
        """Pictures and labels of ``train`` or ``test``."""
        return {"train": self.train, "test": self.test}[split]

    def count(self, split: str) -> int:
        """Pictures in ``train`` or ``test``."""
        return self.files(split)[0].shape[0]


@dataclass(frozen=True)
class Split:
    """Pictures ``n c h w`` and labels ``n``, both uint8."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


DATASETS: dict[str, Dataset] = {
    "mnist": Dataset(
        name="mnist",
        shape=(1, 28, 28),
        classes=tuple("0123456789"),
        folder=EMBEDDED / "mnist",
        train=(
            File(
                "train-images-idx3-ubyte.gz",
                "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
                (60000, 28, 28),
            ),
            File(
                "train-labels-idx1-ubyte.gz",
                "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
                (60000,),
            ),
        ),
        test=(
            File(
                "t10k-images-idx3-ubyte.gz",
                "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
                (10000, 28, 28),
            ),
            File(
                "t10k-labels-idx1-ubyte.gz",
                "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
                (10000,),
            ),
        ),
        mean=0.1307,
        std=0.3081,
        ink=True,
        licence="CC BY-SA 3.0, Y. LeCun, C. Cortes and C. J. C. Burges",
    ),
}
"""Every data set by name."""


def find(name: str) -> Dataset:
    """The declared data set of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name]


def load(dataset: Dataset, split: str) -> Split:
    """Read ``train`` or ``test`` from the packed files, each checked in full.

    Raises:
        DataError: a file is missing or damaged, or a label names no class.

    >>> load(DATASETS["mnist"], "test").labels[:5].tolist()
    [7, 2, 1, 0, 4]
    """
    images, labels = (
        read_idx_gz(dataset.folder / file.name, sha256=file.sha256, shape=file.shape) for file in dataset.files(split)
    )
    if int(labels.max()) >= len(dataset.classes):
        raise DataError(f"{dataset.name} has a label {labels.max()}", expected=f"below {len(dataset.classes)}")
    return Split(images.reshape(len(images), *dataset.shape), labels)
