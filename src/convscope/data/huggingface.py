"""``hf:NAME``: a data set from Hugging Face, where ``datasets`` is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.data.foreign import Foreign, Opened, prepared
from convscope.errors import DataError
from convscope.extras import missing_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from convscope.data.dataset import Dataset
    from convscope.data.spelled import Spelled

SPLITS: dict[str, tuple[str, ...]] = {"train": ("train",), "val": ("validation", "valid", "val"), "test": ("test",)}
"""The names that each of our splits may have there."""


def find(wanted: Spelled, report: Callable[[int, int], None] | None = None) -> Dataset:
    """Open a data set of the hub, or a folder that ``datasets`` can read, such as ``hf:ylecun/mnist``.

    It must have one column of images and one of classes.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        DataError: it cannot be opened, or lacks these columns or splits.
    """
    try:
        import datasets
    except ImportError:
        raise missing_module("datasets") from None
    return prepared(wanted, str(datasets.__version__), lambda: _opened(datasets, wanted.path), report)


def _opened(library: Any, name: str) -> Opened:
    try:
        found = library.load_dataset(name)
    except Exception as error:  # noqa: BLE001 -- another library may raise anything
        raise DataError(f"datasets cannot open {name}: {error}") from None
    features = found["train"].features if "train" in found else {}
    images = [key for key, feature in features.items() if type(feature).__name__ == "Image"]
    labels = [key for key, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    if not images or not labels:
        raise DataError(
            f"{name} has {'the columns ' + ', '.join(features) if features else 'no training split'}",
            expected="one of images (Image) and one of classes (ClassLabel)",
        )
    image, label = images[0], labels[0]
    named = {ours: found[theirs] for ours, names in SPLITS.items() for theirs in names if theirs in found}
    if "test" not in named and "val" in named:
        named["test"] = named.pop("val")
    parts = {split: Foreign(len(rows), _item(rows, image, label)) for split, rows in named.items()}
    return parts, tuple(features[label].names)


def _item(rows: Any, image: str, label: str) -> Callable[[int], tuple[Any, int]]:
    def item(at: int) -> tuple[Any, int]:
        row = rows[at]
        return row[image], int(row[label])

    return item
