"""The facts about a data set that a run keeps, to be usable without the images and to notice when they change."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np

from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.dataset import Dataset, Split
from convscope.errors import DataError, MissingExtraError, UnknownNameError, UnnamedDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

ELSEWHERE = "if the images are elsewhere now, name them with --data (in Python, data=…)"

LOOKED_AT = 1000
"""Number of images of a split whose pixels enter its fingerprint; all of a large set would take minutes to read."""


Side = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
Mean = Annotated[float, msgspec.Meta(ge=0, le=1)]
Deviation = Annotated[float, msgspec.Meta(ge=1e-9, le=1)]
"""The standard deviation of pixels, 0 to 1, by which is divided."""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A data set without its images: the attributes of :class:`Dataset`, and fingerprints that reveal changes.

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
    ground: Literal["", "dark", "light"] = ""

    def __post_init__(self) -> None:
        """Check the values against each other; msgspec adds the position to the ValueError."""
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: two of them have one name")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if isinstance(values, tuple) and len(values) != self.shape[0]:
                raise ValueError(f"{name}: {len(values)} values for {self.shape[0]} channels")

    @classmethod
    def of(cls, dataset: Dataset, splits: Mapping[str, Split]) -> Facts:
        """Return the facts to keep of a data set, named without its folder, with fingerprints of the given splits."""
        kept = {name: getattr(dataset, name) for name in cls.__struct_fields__ if name != "sha256"}
        kept |= {"name": dataset.title, "counts": dict(dataset.counts), "notes": dict(dataset.notes)}
        kept["sha256"] = {name: fingerprint(split, dataset.classes) for name, split in splits.items()}
        return msgspec.convert(kept, cls)

    def to_json(self) -> bytes:
        """Return human-readable JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def dataset(self, *, run: str = "", known: str | None = None, named: str | None = None) -> Dataset:
        """Return the data set; its images are located on first use.

        Args:
            run: the run that was trained on it.
            known: the name by which this user has trained with it here, so that it may be opened; empty for the one
                that is stated here, None if the user has not.
            named: a name given by the user, which replaces the one in the run.
        """
        kept = {name: getattr(self, name) for name in self.__struct_fields__ if name != "sha256"}
        source = Again(self.sha256, run, named or "", known=known is not None)
        return Dataset(**kept | {"name": known or self.name}, source=source, folder=Path())


@dataclass(frozen=True)
class Again:
    """The images that a run was trained on.

    Attributes:
        sha256: the expected fingerprints.
        run: the run that was trained on them.
        named: the name given by the user; empty if only the run names them.
        known: whether the name that the run states may be opened.
        some: whether only some images are needed, so that a set that has changed is used, with a warning.
    """

    sha256: Mapping[str, str]
    run: str = ""
    named: str = ""
    known: bool = False
    some: bool = False

    def found(self, dataset: Dataset) -> Dataset:
        """Locate the images.

        Raises:
            UnnamedDataError: only the run states the name, it was not trained here, and the set is not here.
            DataError: the images no longer exist.
            UnknownNameError: the data set no longer exists.
        """
        if self.named:
            return registry.find(self.named, dataset.shape)
        if self.known:
            try:
                return registry.find(dataset.name, dataset.shape)
            except DataError as error:
                error.attempt = error.attempt or ELSEWHERE
                raise
        here = registry.at_hand(dataset.name)
        if here is None:
            raise UnnamedDataError(self.run, dataset.name)
        return here

    def load(self, dataset: Dataset, split: str) -> Split:
        """Read a split that is unchanged since training; if only some images are needed, those of known classes.

        Raises:
            DataError: the split no longer exists, or has changed.
            UnknownNameError: the data set no longer exists.
        """
        now = self.found(dataset)
        if now.shape != dataset.shape:
            raise DataError(
                f"the images of {dataset.name} are {to_text(now.shape)}",
                expected=f"{to_text(dataset.shape)}, as before",
            )
        images = registry.load(now, split)
        if split not in self.sha256 or fingerprint(images, now.classes) == self.sha256[split]:
            return images
        what = f"the {split} images of {now.name} have changed since this run was trained"
        given = f"{len(images.labels):,} images of {len(now.classes)} classes"
        before = f"{dataset.count(split):,} images"
        if self.some:
            warnings.warn(f"{what}: {given} now, {before} before", stacklevel=2)
            return _known(images, now.classes, dataset.classes)
        attempt = "" if self.named else ELSEWHERE
        raise DataError(what, given=given, expected=f"the same {before} as before", attempt=attempt)


def _known(images: Split, now: tuple[str, ...], classes: tuple[str, ...]) -> Split:
    """Return the images of classes that a run knows, with its numbers."""
    numbers = np.array([classes.index(name) if name in classes else -1 for name in now])[images.labels]
    kept = np.flatnonzero(numbers >= 0)
    names = [images.names[at] for at in kept.tolist()] if len(images.names) else ()
    return Split(images.images[kept], numbers[kept], names)


def some(dataset: Dataset, split: str) -> Split:
    """Return a split of which only some images are needed: if it has changed since a run, it is used, with a warning.

    Raises:
        DataError, UnknownNameError: the images cannot be read.
    """
    source = dataset.source
    if isinstance(source, Again):
        return replace(source, some=True).load(dataset, split)
    return registry.load(dataset, split)


def at_hand(dataset: Dataset, split: str, *, few: bool = False) -> Split | str:
    """Return a split of a set; or, for a run whose images are not where they were, why it cannot be used.

    Args:
        dataset: the set.
        split: the split.
        few: whether only some of its images are needed (:func:`some`).

    Raises:
        DataError: the user named the images, and they are not those of the run.
    """
    try:
        return some(dataset, split) if few else registry.load(dataset, split)
    except (DataError, UnknownNameError, MissingExtraError) as error:
        if not isinstance(dataset.source, Again) or dataset.source.named:
            raise
        return error.what


def name_of(dataset: Dataset) -> str:
    """Return the name by which the images of a run may be opened.

    Raises:
        UnnamedDataError: the name that the run states must not be opened.
    """
    return dataset.source.found(dataset).name if isinstance(dataset.source, Again) else dataset.name


def fingerprint(split: Split, classes: tuple[str, ...]) -> str:
    """Return the SHA-256 of the size, the classes, all labels, and the pixels of up to 1,000 evenly spaced images.

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
