"""``npz:PATH``: a data set from NumPy arrays."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from convscope.budget import hold, question, spend
from convscope.core.shape import to_text
from convscope.data.division import set_aside
from convscope.data.doubts import digest
from convscope.data.folder import order, share_for_testing
from convscope.data.given import used
from convscope.data.home import printable
from convscope.data.npz import Npz
from convscope.data.prepared import Plan, forget_older, opened, place_of, prepare
from convscope.errors import DataError, LimitError, refuse_scarcity
from convscope.files import opened as opened_file
from convscope.files import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset
    from convscope.data.prepared import Index
    from convscope.data.spelled import Spelled

NAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (("x_train", "y_train"), ("X_train", "y_train"), ("train_images", "train_labels")),
    "val": (("x_val", "y_val"), ("X_val", "y_val"), ("val_images", "val_labels")),
    "test": (("x_test", "y_test"), ("X_test", "y_test"), ("test_images", "test_labels")),
    "": (("images", "labels"), ("x", "y"), ("X", "y")),
}
"""Names of images and labels by split; the last row is a set that is not split yet."""

DAMAGES = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    AttributeError,
    TypeError,
    SyntaxError,
    RecursionError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""The errors that reading a damaged archive raises."""


PER_IMAGE = (5, 200)
"""Cost of preparing one image of any size, in steps and bytes."""


@dataclass(frozen=True)
class Arrays:
    """A split as a selection of images ``n c h w`` uint8 and labels ``n``.

    Attributes:
        images: all images in the file.
        labels: all labels in the file.
        places: the positions that belong to the split.
        whose: what an image is called before its position in the file: the split, if the file states it.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    places: NDArray[np.int64]
    whose: str


def find(wanted: Spelled, report: Callable[[int, int], None] | None = None) -> Dataset:
    """Open an ``.npz`` file as a data set.

    Raises:
        DataError: the file is missing or damaged, or its arrays are not images and labels.
    """
    path = wanted.folder
    try:
        facts = require(path)
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from None
    partial = "\0partial" if wanted.partial else ""
    place = place_of(f"npz:{path}", f"{facts.st_size}\0{facts.st_mtime_ns}{partial}")
    index = opened(place)
    if index is None:
        with question(size=facts.st_size):
            index = from_arrays(place, *read(path, partial=wanted.partial), report=report)
    forget_older(place)
    used(path)
    if wanted.shape and wanted.shape != index.shape:
        raise DataError(
            f"{printable(path)} has images of {to_text(index.shape)}, not {to_text(wanted.shape)}",
            expected=f"a net for {to_text(index.shape)}: arrays keep their size, files of images are scaled",
        )
    name = str(replace(wanted, path=str(path), shape=None))
    return index.dataset(name, path.parent, place, "the user's own", {"undivided": _is_undivided(path)})


def _is_undivided(path: Path) -> bool:
    """Return whether a file has images that are not split."""
    with opened_file(path) as file, zipfile.ZipFile(file) as archive:
        members = Npz(archive).members.keys()
    return not any(set(pair) <= members for split, known in NAMES.items() if split for pair in known)


def from_arrays(
    place: Path,
    splits: dict[str, Arrays],
    classes: tuple[str, ...],
    *,
    report: Callable[[int, int], None] | None = None,
) -> Index:
    """Prepare a set from arrays.

    Raises:
        DataError: the cache cannot be written.
    """
    items = {split: [(split, at) for at in range(len(part.places))] for split, part in splits.items()}

    def block(items: Sequence[tuple[str, int]]) -> NDArray[np.uint8]:
        split, first = items[0]
        part = splits[split]
        return part.images[part.places[first : first + len(items)]]

    def planned(_: Mapping[str, str]) -> Plan[tuple[str, int]]:
        return Plan(
            shape=splits["train"].images.shape[1:],
            classes=classes,
            splits=items,
            image=lambda item: splits[item[0]].images[splits[item[0]].places[item[1]]],
            label=lambda item: int(splits[item[0]].labels[splits[item[0]].places[item[1]]]),
            name=lambda item: f"{splits[item[0]].whose} {splits[item[0]].places[item[1]]}",
            block=block,
        )

    return prepare(place, planned, report)


def read(path: Path, *, partial: bool = False) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """Return the splits and the classes in an ``.npz`` file without running anything in it.

    Args:
        path: the file.
        partial: for a set that is only evaluated on: one class is enough, and none needs images for training.

    Raises:
        DataError: the file is missing or damaged, or its arrays are not images and labels.
        LimitError: its arrays are too large for the size of the file.
    """
    try:
        with opened_file(path) as file, zipfile.ZipFile(file) as archive:
            return _splits(Npz(archive), path, partial=partial)
    except LimitError as error:
        raise error.add(subject=printable(path)) from None
    except DataError:
        raise
    except DAMAGES as error:
        refuse_scarcity(error)
        if isinstance(error, PermissionError):
            raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from None
        if path.suffix == ".npy":
            raise DataError(
                f"{printable(path)} holds one array", expected="an .npz file with images and labels"
            ) from None
        raise DataError(f"{printable(path)} is not an .npz file, or is damaged: {error}") from None


def _splits(content: Npz, path: Path, *, partial: bool) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    pairs = {
        split: next(pair for pair in known if set(pair) <= set(content.members.keys()))
        for split, known in NAMES.items()
        if any(set(pair) <= set(content.members.keys()) for pair in known)
    }
    if not pairs.keys() & {"train", ""}:
        raise DataError(
            f"{printable(path)} has the arrays {', '.join(map(printable, list(content.members)[:8]))}",
            expected="x_train, y_train, x_test, y_test; or train_images, train_labels …; or images, labels",
        )
    found = {split: _arrays(content, x, y, printable(path), split or "image") for split, (x, y) in pairs.items()}
    if "train" not in found:
        found = _divided(found[""], printable(path))
    found.pop("", None)
    if "test" not in found:
        found = (
            {"train": found["train"], "test": found["val"]}
            if "val" in found
            else _divided(found["train"], printable(path))
        )
    shapes = {split: part.images.shape[1:] for split, part in found.items()}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{split} {to_text(shape)}" for split, shape in shapes.items())
        raise DataError(f"{printable(path)} has images of several sizes: {sizes}")
    return _classed(content, found, path, partial=partial)


def _classed(
    content: Npz, found: dict[str, Arrays], path: Path, *, partial: bool
) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """Return the splits with labels from 0, and the names of the classes in their order.

    Without names, classes are called by their numbers; a number that no image has is not a class.

    Raises:
        DataError: labels, names and images do not go together, or there are fewer than two classes.
    """
    there = np.unique(np.concatenate([_labels(part) for part in found.values()]))
    if there[-1] >= 1_000_000 or there[0] < 0:
        raise DataError(f"{printable(path)} has labels below 0 or above a million")
    names = _names(content) if "classes" in content.members else ()
    if names and len(names) <= there[-1]:
        raise DataError(f"{printable(path)} has {len(names)} class names but a label {there[-1]}")
    if max(len(there), len(names)) < 2 and not partial:
        raise DataError(f"{printable(path)} has one class", expected="at least two classes")
    classes = tuple(map(printable, names)) or tuple(map(str, there.tolist()))
    if not names:
        found = {split: replace(part, labels=np.searchsorted(there, part.labels)) for split, part in found.items()}
    learned = set(np.unique(_labels(found["train"])).tolist())
    for split, part in () if partial else found.items():
        lost = sorted(set(np.unique(_labels(part)).tolist()) - learned)
        if lost:
            raise DataError(
                f'{printable(path)} has {split} images of the class "{classes[lost[0]]}", and none for training',
                expected="training images of every class",
            )
    return found, classes


def _labels(part: Arrays) -> NDArray[np.int64]:
    """Those of the split."""
    return part.labels[part.places]


def _names(content: Npz) -> tuple[str, ...]:
    header = content.header("classes")
    spend(10 * math.prod(header.shape))
    hold(4 * header.size + 200 * math.prod(header.shape))
    names = content.array("classes").reshape(-1).tolist()
    return tuple(name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name) for name in names)


def _arrays(content: Npz, x: str, y: str, file: str, whose: str) -> Arrays:
    """Return arrays with channels first; dtype and shape are checked in their headers, before they are unpacked."""
    images, labels = content.header(x), content.header(y)
    if images.dtype != np.uint8 or len(images.shape) not in {3, 4} or not images.size:
        floats = images.dtype.kind == "f"
        raise DataError(
            f"{file}: {x} is {images.dtype} {images.shape}",
            expected="uint8: n h w, n h w c or n c h w",
            attempt=f"if its values are 0 to 1, save ({x} * 255).round().astype(numpy.uint8)" if floats else "",
        )
    if len(images.shape) == 4 and not {images.shape[1], images.shape[3]} & {1, 3}:
        raise DataError(f"{file}: {x} has the shape {images.shape}", expected="1 or 3 channels, last or second")
    count = images.shape[0]
    if labels.dtype.hasobject or labels.dtype.kind in "SU":
        kind = "Python objects" if labels.dtype.hasobject else "texts"
        raise DataError(
            f"{file}: {y} holds {kind}",
            expected="integers from 0, and their names in an array called classes",
            attempt=f"classes, {y} = numpy.unique({y}.astype(str), return_inverse=True)",
        )
    if math.prod(labels.shape) != count or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{file}: {x} has {count:,} images, but its labels are {labels.dtype} {labels.shape}")
    spend(PER_IMAGE[0] * count)
    hold(PER_IMAGE[1] * count)
    pixels = content.array(x)
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    elif pixels.shape[3] in {1, 3}:
        pixels = pixels.transpose(0, 3, 1, 2)
    return Arrays(pixels, content.array(y).reshape(-1).astype(np.int64), np.arange(count), whose)


def _divided(whole: Arrays, file: str) -> dict[str, Arrays]:
    """Set a fifth of each class aside for testing: its first images in the order of the SHA-256 of their positions.

    Copies of an image stay together.

    Raises:
        DataError: there is one image.
    """
    if len(whole.labels) < 2:
        raise DataError(f"{file} has one image", expected="at least one for training, and one for testing")
    labels, first = whole.labels.tolist(), dict[bytes, int]()
    groups = [order(str(first.setdefault(digest(image), at))) for at, image in enumerate(whole.images)]
    wanted = {label: share_for_testing(count) for label, count in Counter(labels).items()}
    testing = np.array(set_aside(groups, labels, wanted))
    return {
        name: replace(whole, places=np.flatnonzero(part)) for name, part in (("train", ~testing), ("test", testing))
    }
