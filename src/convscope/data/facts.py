"""The facts about a data set that a run keeps, to be usable without the images and to notice when they change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.dataset import Dataset, Split
from convscope.errors import DataError, UnnamedDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOKED_AT = 1000
"""Images of a split whose every pixel counts in its fingerprint: all of a large set would take minutes to read."""


Side = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
Mean = Annotated[float, msgspec.Meta(ge=0, le=1)]
Deviation = Annotated[float, msgspec.Meta(ge=1e-9, le=1)]
"""Of pixels, 0 to 1; one divides by it."""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A data set without its images: the attributes of :class:`Dataset`, and what tells whether they changed.

    Attributes:
        sha256: the fingerprints of splits (:func:`fingerprint`).
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    shape: Annotated[tuple[Side, ...], msgspec.Meta(min_length=1, max_length=8)]
    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    counts: dict[str, Annotated[int, msgspec.Meta(ge=0, le=2**53)]]
    mean: Mean | tuple[Mean, ...]
    std: Deviation | tuple[Deviation, ...]
    ink: bool
    licence: str
    mapped: bool
    notes: dict[str, Any]
    sha256: dict[str, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]]

    def __post_init__(self) -> None:
        """Check what no single value says; msgspec adds the place to the ValueError."""
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: two of them have one name")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if isinstance(values, tuple) and len(values) != self.shape[0]:
                raise ValueError(f"{name}: {len(values)} values for {self.shape[0]} channels")

    @classmethod
    def of(cls, dataset: Dataset, splits: Mapping[str, Split]) -> Facts:
        """What to keep of a data set of which some splits are at hand."""
        kept = {name: getattr(dataset, name) for name in cls.__struct_fields__ if name != "sha256"}
        prints = {name: fingerprint(split, dataset.classes) for name, split in splits.items()}
        return msgspec.convert(
            kept | {"counts": dict(dataset.counts), "notes": dict(dataset.notes), "sha256": prints}, cls
        )

    def to_json(self) -> bytes:
        """As JSON that a person can read."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def dataset(self, *, run: str = "", known: bool = False, named: str | None = None) -> Dataset:
        """The data set; its images are looked for when they are asked for.

        Args:
            run: whose data it is.
            known: its name may be opened: this user has trained with it here.
            named: the name that the user gives, instead of the one in the run.
        """
        kept = {name: getattr(self, name) for name in self.__struct_fields__ if name != "sha256"}
        return Dataset(**kept, source=Again(self.sha256, run, named or "", known=known), folder=Path())


@dataclass(frozen=True)
class Again:
    """The images that a run was trained on, found again.

    Attributes:
        sha256: the fingerprints that they must have.
        run: that they are those of.
        named: how the user names them; empty where only the run does.
        known: the name that the run states may be opened.
    """

    sha256: Mapping[str, str]
    run: str = ""
    named: str = ""
    known: bool = False

    def found(self, dataset: Dataset) -> Dataset:
        """Where the images are.

        Raises:
            UnnamedDataError: only the run states the name, and was not trained here; it is not a set that lies here.
            DataError: they are not there any more.
            UnknownNameError: there is no such data set any more.
        """
        if self.named or self.known:
            return registry.find(self.named or dataset.name, dataset.shape)
        here = registry.at_hand(dataset.name)
        if here is None:
            raise UnnamedDataError(self.run, dataset.name)
        return here

    def load(self, dataset: Dataset, split: str) -> Split:
        """A split, the same as it was.

        Raises:
            DataError: it is not there any more, or it has changed.
            UnknownNameError: there is no such data set any more.
        """
        now = self.found(dataset)
        if now.shape != dataset.shape:
            raise DataError(
                f"the images of {dataset.name} are {to_text(now.shape)}",
                expected=f"{to_text(dataset.shape)}, as before",
            )
        images = registry.load(now, split)
        if split in self.sha256 and fingerprint(images, now.classes) != self.sha256[split]:
            raise DataError(
                f"the {split} images of {now.name} have changed since this run was trained",
                given=f"{len(images.labels):,} images of {len(now.classes)} classes",
                expected=f"the same {dataset.count(split):,} images as before",
            )
        return images


def name_of(dataset: Dataset) -> str:
    """By what name the images of a run may be opened.

    Raises:
        UnnamedDataError: by none that the run states.
    """
    return dataset.source.found(dataset).name if isinstance(dataset.source, Again) else dataset.name


def fingerprint(split: Split, classes: tuple[str, ...]) -> str:
    """SHA-256 of the size, the classes, all labels, and the pixels of up to 1,000 images spread evenly.

    Args:
        split: images ``n c h w`` with labels.
        classes: names of the classes.

    >>> dark = Split(np.zeros((2, 1, 3, 3), np.uint8), np.array([0, 1]))
    >>> light = Split(np.ones((2, 1, 3, 3), np.uint8), np.array([0, 1]))
    >>> fingerprint(dark, ("a", "b")) == fingerprint(dark, ("a", "b")), fingerprint(dark, ("a", "b")) == fingerprint(
    ...     light, ("a", "b")
    ... )
    (True, False)
    """
    found = hashlib.sha256(repr((split.images.shape, classes)).encode())
    found.update(np.asarray(split.labels, "<i8").tobytes())
    count = len(split.images)
    for at in np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(int)):
        found.update(np.ascontiguousarray(split.images[at]).tobytes())
    return found.hexdigest()
