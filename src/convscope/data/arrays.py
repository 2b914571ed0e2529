"""``npz:PATH``: arrays of numpy as a data set."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import to_text
from convscope.data.folder import TEST_SHARE, order
from convscope.data.home import printable
from convscope.data.prepared import Plan, forget_older, opened, place_of, prepare
from convscope.errors import DataError, refuse_scarcity
from convscope.files import opened as opened_file
from convscope.files import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset
    from convscope.data.prepared import Index
    from convscope.data.spelled import Spelled

NAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "val": (("x_val", "y_val"), ("val_images", "val_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
    "": (("images", "labels"), ("x", "y"), ("X", "y")),
}
"""Names of pictures and labels of each split; the last row is a set that is not divided yet."""


@dataclass(frozen=True)
class Arrays:
    """Pictures ``n c h w`` uint8 and labels ``n`` of a split."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def find(wanted: Spelled, report: Callable[[int, int], None] | None = None) -> Dataset:
    """An ``.npz`` file as a data set.

    Raises:
        DataError: the file is missing or damaged, or its arrays are no pictures and labels.
    """
    path = wanted.folder
    try:
        facts = require(path)
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from None
    place = place_of(f"npz:{path}", f"{facts.st_size}\0{facts.st_mtime_ns}")
    index = opened(place) or from_arrays(place, *read(path), report=report)
    forget_older(place)
    if wanted.shape and wanted.shape != index.shape:
        raise DataError(
            f"{printable(path)} has pictures of {to_text(index.shape)}, not {to_text(wanted.shape)}",
            expected="arrays are taken as they are; only a folder of pictures has them at any size",
        )
    name = str(replace(wanted, path=str(path), shape=None))
    return index.dataset(name, path.parent, place, "the user's own", {})


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
    items = {split: [(split, at) for at in range(len(part.labels))] for split, part in splits.items()}

    def planned(_: Mapping[str, str]) -> Plan[tuple[str, int]]:
        return Plan(
            shape=splits["train"].images.shape[1:],
            classes=classes,
            splits=items,
            picture=lambda item: splits[item[0]].images[item[1]],
            label=lambda item: int(splits[item[0]].labels[item[1]]),
            name=lambda item: f"{item[0]} {item[1]}",
        )

    return prepare(place, planned, report)


def read(path: Path) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """The splits and the classes in an ``.npz`` file; nothing in it is run.

    Raises:
        DataError: the file is missing or damaged, or its arrays are no pictures and labels.
    """
    try:
        with opened_file(path) as file, np.load(file, allow_pickle=False) as content:
            return _splits(content, path)
    except DataError:
        raise
    except (
        OSError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        KeyError,
        AttributeError,
        TypeError,
        zlib.error,
    ) as error:
        refuse_scarcity(error)
        if isinstance(error, PermissionError):
            raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from None
        raise DataError(f"{printable(path)} is no .npz file, or damaged: {error}") from None


def _splits(content: Any, path: Path) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    pairs = {
        split: next(pair for pair in known if set(pair) <= set(content.files))
        for split, known in NAMES.items()
        if any(set(pair) <= set(content.files) for pair in known)
    }
    if not pairs.keys() & {"train", ""}:
        raise DataError(
            f"{printable(path)} has the arrays {', '.join(map(printable, content.files[:8]))}",
            expected="x_train, y_train, x_test, y_test; or train_images, train_labels …; or images, labels",
        )
    found = {split: _arrays(content[x], content[y], f"{printable(path)}: {x}") for split, (x, y) in pairs.items()}
    if "train" not in found:
        found = _divided(found[""])
    found.pop("", None)
    if "test" not in found:
        found = {"train": found["train"], "test": found["val"]} if "val" in found else _divided(found["train"])
    shapes = {split: part.images.shape[1:] for split, part in found.items()}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{split} {to_text(shape)}" for split, shape in shapes.items())
        raise DataError(f"{printable(path)} has pictures of several sizes: {sizes}")
    return found, _classes(content, found, path)


def _classes(content: Any, found: dict[str, Arrays], path: Path) -> tuple[str, ...]:
    count = 1 + max(int(part.labels.max()) for part in found.values())
    if count > 1_000_000 or min(int(part.labels.min()) for part in found.values()) < 0:
        raise DataError(f"{printable(path)} has labels below 0 or above a million")
    names = tuple(str(name) for name in content["classes"].reshape(-1)) if "classes" in content.files else ()
    if names and len(names) < count:
        raise DataError(f"{printable(path)} has {len(names)} names of classes and a label {count - 1}")
    if max(count, len(names)) < 2:
        raise DataError(f"{printable(path)} has one class", expected="two classes or more to tell apart")
    return tuple(map(printable, names)) or tuple(map(str, range(count)))


def _arrays(images: NDArray[Any], labels: NDArray[Any], subject: str) -> Arrays:
    """Checked arrays, channels first."""
    if images.dtype != np.uint8 or images.ndim not in {3, 4} or not images.size:
        raise DataError(f"{subject} is {images.dtype} {images.shape}", expected="uint8: n h w, n h w c or n c h w")
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[3] in {1, 3}:
        images = images.transpose(0, 3, 1, 2)
    elif images.shape[1] not in {1, 3}:
        raise DataError(f"{subject} has the shape {images.shape}", expected="1 or 3 channels, last or second")
    if labels.size != len(images) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{subject} has {len(images):,} pictures, its labels are {labels.dtype} {labels.shape}")
    return Arrays(images, labels.reshape(-1).astype(np.int64))


def _divided(whole: Arrays) -> dict[str, Arrays]:
    """A fifth for testing: the first of the pictures in the order of the SHA-256 of their places."""
    places = sorted(range(len(whole.labels)), key=lambda at: order(str(at)))
    testing = np.zeros(len(places), dtype=bool)
    testing[places[: max(1, round(TEST_SHARE * len(places)))]] = True
    return {
        name: Arrays(whole.images[part], whole.labels[part]) for name, part in (("train", ~testing), ("test", testing))
    }
