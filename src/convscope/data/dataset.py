"""The type of a data set: facts that are known before an image is read, and the source of its images."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from convscope.data.kinds import ending, is_kind, kinds
from convscope.errors import DataError
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from convscope.core.shape import Shape


@dataclass(frozen=True)
class Split:
    """One split: images for training, validation or testing.

    Attributes:
        images: uint8 ``n c h w``; in memory, or mapped from a file (``numpy.memmap``) and read on access.
        labels: integers ``n``, each below the number of classes.
        names: of the images' files, relative to the data set; empty where images have no files of their own.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    names: Sequence[str] = ()

    def name(self, at: int) -> str:
        """Return the name of an image for messages.

        >>> import numpy as np
        >>> Split(np.zeros((1, 1, 2, 2), np.uint8), np.zeros(1, np.uint8)).name(0)
        'image 0'
        """
        return self.names[at] if len(self.names) else f"image {at}"


class Source(Protocol):
    """A source of images."""

    def load(self, dataset: Dataset, split: str) -> Split:
        """Read and check the images of a split."""


@dataclass(frozen=True)
class Dataset:
    """The facts about a data set; sets with equal facts are equal, wherever their files lie.

    Attributes:
        name: as on the command line; it identifies the same images at the same size.
        shape: ``c h w`` of an image.
        classes: their names, in the order of the labels.
        counts: images in each split: ``train``, ``test``, which never influences any choice, and, if the set has
            one, ``val`` for choices.
        mean: mean of the training pixels, 0 to 1, overall or by channel; ``std``: their standard deviation.
        ink: whether an image shows bright strokes on a dark, empty background with its mass in the
            middle (user images are converted to that form before a prediction).
        ground: ``dark`` or ``light``, the plain background of the images that a run was trained on; empty if they have
            none, or were not examined.
        licence: the licence and the authors.
        source: reads the images.
        folder: the folder of the files.
        mapped: whether images are read from disk during training, so that the set may be larger than memory.
        notes: facts about the original files, for ``convscope data stats``.
    """

    name: str
    shape: Shape
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]
    ink: bool
    licence: str
    source: Source = field(compare=False)
    folder: Path = field(compare=False)
    mapped: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict, compare=False)
    ground: Literal["", "dark", "light"] = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Make the names inert: they are shown in many places, and a run from elsewhere may state any text."""
        object.__setattr__(self, "name", inert(self.name))
        object.__setattr__(self, "classes", tuple(map(inert, self.classes)))
        object.__setattr__(self, "licence", inert(self.licence))
        if len(set(self.classes)) < len(self.classes):
            twice = next(name for at, name in enumerate(self.classes) if name in self.classes[:at])
            raise DataError(f'{self.name} has two classes called "{twice}"', expected="a distinct name for each class")

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return tuple(self.counts)

    def count(self, split: str) -> int:
        """Return the number of images in a split.

        Raises:
            DataError: the set has no such split.
        """
        if split not in self.counts:
            raise DataError(f'{self.name} has no split "{split}"', expected=f"one of {', '.join(self.counts)}")
        return self.counts[split]

    @property
    def title(self) -> str:
        """The name without the folders of this machine, for files that go elsewhere.

        >>> from convscope.data import DATASETS
        >>> DATASETS["mnist"].title, title_of("folder,32x32x3:/home/me/my photos")
        ('mnist', 'folder,32x32x3:my photos')
        """
        return title_of(self.name)

    @property
    def slug(self) -> str:
        """A short name for folders.

        >>> short_word("folder,32x32x3:/home/me/my photos")
        'my-photos'
        """
        return short_word(self.name)


def title_of(name: str) -> str:
    r"""Return the name of a data set without the folders above it.

    >>> title_of("cifar10:/data/c10"), title_of("hf:ylecun/mnist"), title_of("zip:C:\\me\\pets.zip")
    ('cifar10', 'hf:ylecun/mnist', 'zip:pets.zip')
    """
    head, mark, path = name.partition(":")
    kind = kinds().get(head.partition(",")[0])
    if not mark or kind is None:
        return head
    last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return name if kind.what == "NAME" else f"{head}:{last}"


def short_word(name: str) -> str:
    """Return the last part of a data set's name, in letters, digits, dots and dashes.

    >>> short_word("cifar10:/data/c10"), short_word("npz:digits.npz"), short_word("mnist")
    ('cifar10', 'digits', 'mnist')
    """
    kind, _, path = name.partition(":")
    last = path.rstrip("/").rpartition("/")[2] if is_kind(kind.partition(",")[0]) else kind
    return re.sub(r"[^A-Za-z0-9.]+", "-", last[: len(last) - len(ending(last))]).strip("-.")[:40] or "data"
