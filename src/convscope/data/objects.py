"""Data sets that a program has in memory: arrays, tensors, data sets of PyTorch and Hugging Face, and bunches.

They are kept in the user's cache as an ``.npz`` file, named by its content, so that a run with them can be resumed and
evaluated like any other, and trains to the same weights.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data.arrays import NAMES as ARRAYS
from convscope.data.bunches import is_bunch, taken_of
from convscope.data.classes import listed, ordered
from convscope.data.given import kept
from convscope.data.image import fitted
from convscope.data.pixels import as_array, as_bytes, image_array
from convscope.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

NAMES = {"images": ("x", "y"), "train": ("x_train", "y_train"), "val": ("x_val", "y_val"), "test": ("x_test", "y_test")}
"""The names of arrays in the file, by split; ``images`` for a set that is not split."""

IMAGES, LABELS = (
    ("image", "img", "images", "pixel_values", "x"),
    ("label", "labels", "target", "class", "fine_label", "y"),
)
"""The usual names of columns, in the order in which they are tried."""

SPLITS = {"train": ("train",), "val": ("validation", "valid", "val"), "test": ("test",)}
"""The names of splits in a dictionary of sets."""

EXPECTED = (
    "a name such as mnist or folder:PATH, (x, y), ((x, y), (x_test, y_test)), a Dataset, a DataLoader, a bunch, "
    "or several of them"
)


@dataclass(frozen=True)
class Part:
    """The images and labels of a split, as they were given.

    Attributes:
        images: uint8 ``n h w`` or ``n h w c``.
        labels: integers, or texts.
        classes: the names of the classes by label; empty if they are not known.
    """

    images: NDArray[np.uint8]
    labels: NDArray[Any]
    classes: tuple[str, ...] = ()


def named(data: object) -> str:
    """Return the name of a data set; one that is given as objects is written to the cache first.

    Args:
        data: a name; ``(x, y)``, images ``n h w``, ``n h w c`` or ``n c h w`` with labels; a data set of PyTorch or
            Hugging Face whose items are an image and a label; a DataLoader of one; a bunch of scikit-learn; two or
            three of these, or a dictionary of them by split, or of arrays as in an ``.npz`` (``x_train`` and so on), in
            which ``classes`` may name the classes.

    Raises:
        DataError: it is something else, or images and labels do not go together.
    """
    if isinstance(data, str | os.PathLike):
        return os.fspath(data) if isinstance(data, str) else str(data)
    splits, stated = _splits(data)
    parts = {split: _part(one, split) for split, one in splits.items()}
    if not stated:
        stated = next((part.classes for part in parts.values() if part.classes), ())
        parts = {split: _matched(part, stated) for split, part in parts.items()}
    classes = stated or _called(parts)
    arrays: dict[str, NDArray[Any]] = {}
    for split, part in parts.items():
        x, y = NAMES[split]
        arrays |= {x: part.images, y: _numbers(part, classes, stated=bool(stated))}
    if classes:
        arrays["classes"] = np.array(classes)
    return f"npz:{kept(arrays)}"


def _splits(data: object) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return what was given for each split, and the names of the classes if they were given."""
    if _is_dict(data) and not is_bunch(data):
        held: Any = data
        found = {ours: held[one] for ours, names in SPLITS.items() for one in names if one in held}
        found = found or _pairs(held)
        if not found.keys() & {"train", "images"}:
            there = ", ".join(map(str, held))[:200]
            raise DataError(f"the data have {f'the splits {there}' if there else 'no splits'}", expected="train")
        return found, _stated(held["classes"]) if "classes" in held else ()
    if isinstance(data, tuple | list) and 2 <= len(data) <= 3 and all(map(_is_set, data)):
        names = ("train", "test") if len(data) == 2 else ("train", "val", "test")
        return dict(zip(names, data, strict=True)), ()
    return {"images": data}, ()


def _pairs(held: Any) -> dict[str, Any]:
    """Return images and labels by split that have the names of arrays in an ``.npz``, as ``numpy.load`` gives them."""
    named = [(split or "images", pair) for split, pairs in ARRAYS.items() for pair in pairs if {*pair} <= {*held}]
    return {split: (held[x], held[y]) for split, (x, y) in named}


def _stated(classes: Any) -> tuple[str, ...]:
    """Return the names of the classes that a user states.

    Raises:
        DataError: they are not names, or fewer than two.
    """
    names = tuple(map(str, classes)) if isinstance(classes, list | tuple | np.ndarray) else ()
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError("the classes of the data are not names", expected="a list of at least two different names")
    return names


def _is_dict(data: object) -> bool:
    return callable(getattr(data, "keys", None)) and callable(getattr(data, "values", None))


def _is_set(data: object) -> bool:
    """Return whether an object is a set of images with labels, and not only images or labels."""
    if isinstance(data, tuple | list):
        return len(data) == 2 and all(_is_array(one) for one in data)
    if is_bunch(data):
        return True
    return not _is_array(data) and (_is_items(data) or _is_loader(data))


def _is_array(data: object) -> bool:
    return hasattr(data, "__array__") or isinstance(data, list | tuple)


def _is_items(data: object) -> bool:
    return hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, str | bytes)


def _is_loader(data: object) -> bool:
    return hasattr(data, "batch_size") and hasattr(data, "dataset") and hasattr(data, "__iter__")


def _part(data: object, split: str) -> Part:
    what = "the data" if split == "images" else f"the {split} data"
    if isinstance(data, tuple | list) and len(data) == 2 and all(map(_is_array, data)):
        return _of_arrays(data[0], data[1], what)
    if is_bunch(data):
        return _of_bunch(data, what)
    if _is_loader(data):
        return _of_loader(data, split)
    if _is_items(data) and not _is_array(data):
        return _of_items(data, what)
    raise DataError(f"{what} cannot be {_kind(data)}", expected=EXPECTED)


def _kind(data: object) -> str:
    """Return the type of an object, and of what it holds if that is a pair or the like."""
    if isinstance(data, tuple | list) and 2 <= len(data) <= 3:
        return f"({', '.join(map(_kind, data))})"
    return type(data).__name__


def _of_loader(loader: Any, split: str) -> Part:
    """Return what a DataLoader reads: its data set, or those images of it that its sampler chooses."""
    samplers = (getattr(getattr(loader, "batch_sampler", None), "sampler", None), getattr(loader, "sampler", None))
    chosen: Any = next((found for one in samplers if (found := getattr(one, "indices", None)) is not None), None)
    if chosen is None:
        return _part(loader.dataset, split)
    return _of_items(Chosen(loader.dataset, [int(at) for at in chosen]), f"the {split} data")


@dataclass(frozen=True)
class Chosen:
    """Some items of a data set, like ``torch.utils.data.Subset``."""

    dataset: Any
    indices: list[int]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, at: int) -> Any:
        return self.dataset[self.indices[at]]


def _of_arrays(x: object, y: object, what: str) -> Part:
    """Return images and labels in two arrays."""
    found = as_array(x, f"the images of {what}")
    if found.ndim not in {3, 4} or 0 in found.shape:
        side = math.isqrt(found.shape[1]) if found.ndim == 2 else 0
        raise DataError(
            f"the images of {what} have the shape {found.shape}",
            expected="n h w, n h w c or n c h w",
            attempt=f"x.reshape(-1, {side}, {side})" if side > 3 and side * side == found.shape[1] else "",
        )
    return Part(
        as_bytes(found, f"the images of {what}"), _labels(as_array(y, f"the labels of {what}"), len(found), what)
    )


def _of_bunch(bunch: object, what: str) -> Part:
    """Return the images of a bunch of scikit-learn, read like those of its name."""
    taken = taken_of(bunch, what)
    images = np.stack([as_array(item.content(), what) for item in taken.items]).transpose(0, 2, 3, 1)
    labels = np.array([item.label for item in taken.items])
    numbers = not taken.classes and all(map(str.isdecimal, {*labels.tolist()}))
    return Part(images, labels.astype(np.int64) if numbers else labels, tuple(taken.classes))


def _labels(labels: NDArray[Any], count: int, what: str) -> NDArray[Any]:
    """Return one label for each image; rows with a single 1 are labels, too."""
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.shape[0] == count:
        if labels.dtype.kind in "iufb" and bool((labels.sum(1) == 1).all()) and bool((labels.max(1) == 1).all()):
            found: NDArray[Any] = np.argmax(labels, 1)
            return found
        raise DataError(f"the labels of {what} have the shape {labels.shape}", expected="one for each image")
    flat = labels.reshape(-1)
    if len(flat) != count:
        raise DataError(f"{what} have {count:,} images and {len(flat):,} labels", expected="one label for each image")
    if flat.dtype.kind == "f" and bool((flat == flat.round()).all()):
        flat = flat.astype(np.int64)
    if flat.dtype.kind not in "iuUSb":
        raise DataError(f"the labels of {what} are {flat.dtype}", expected="integers, or the names of the classes")
    return flat.astype(np.int64) if flat.dtype.kind in "iub" else flat.astype(str)


def _of_items(data: Any, what: str) -> Part:
    """Return the images and labels of a map-style data set, whose items are read one by one."""
    images, labels = [], []
    try:
        count, columns = len(data), _columns(data)
        for at in range(count):
            image, label = _pair(data[at], what, columns)
            images.append(image_array(image, f"image {at} of {what}"))
            labels.append(label)
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 -- another library may raise anything
        raise DataError(f"{what} cannot be read: {type(error).__name__}: {error}"[:300]) from None
    if not images:
        raise DataError(f"{what} have no images", expected="at least two")
    return Part(_stacked(images), _labels(as_array(labels, f"the labels of {what}"), count, what), _known(data))


def _columns(data: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that columns of images and of labels may have: the usual ones, then those that their types tell.

    A data set of Hugging Face states the types of its columns.
    """
    features = getattr(data, "features", None)
    held: Any = features if _is_dict(features) else {}
    kinds = {str(name): type(held[name]).__name__ for name in held}
    images = tuple(name for name, kind in kinds.items() if kind == "Image")
    labels = tuple(name for name, kind in kinds.items() if kind == "ClassLabel")
    rest = tuple(name for name in kinds if name not in images)
    return (*IMAGES, *images), (*LABELS, *labels, *(rest if len(rest) == 1 else ()))


def _pair(item: Any, what: str, columns: tuple[tuple[str, ...], tuple[str, ...]]) -> tuple[Any, Any]:
    """Return the image and the label of an item: a pair, or a dictionary with names of columns."""
    if isinstance(item, dict) or _is_dict(item):
        image, label = (next((one for one in names if one in item), None) for names in columns)
        if image is None or label is None:
            raise DataError(f"an item of {what} has {', '.join(map(str, item))[:200]}", expected="an image and a label")
        return item[image], _plain_label(item[label])
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], _plain_label(item[1])
    raise DataError(f"an item of {what} is {type(item).__name__}", expected="a pair: an image, and a label")


def _plain_label(label: Any) -> Any:
    return label.item() if callable(getattr(label, "item", None)) else label


def _stacked(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return images as one array ``n h w c``, fitted to the commonest size, and in colour if one of them is."""
    channels = max(image.shape[2] for image in images)
    sizes, counts = np.unique([image.shape[:2] for image in images], axis=0, return_counts=True)
    height, width = map(int, sizes[counts.argmax()])
    return np.stack([_at(image, height, width, channels) for image in images])


def _at(image: NDArray[np.uint8], height: int, width: int, channels: int) -> NDArray[np.uint8]:
    from PIL import Image

    if image.shape[:2] != (height, width):
        held = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        image = fitted(held, (image.shape[2], height, width)).transpose(1, 2, 0)
    return np.repeat(image, channels, 2) if image.shape[2] < channels else image


def _known(data: Any) -> tuple[str, ...]:
    """Return the names of the classes that a data set states: of Hugging Face, or of torchvision."""
    data = _whole(data)
    features = getattr(data, "features", None)
    if _is_dict(features):
        held: Any = features
        found = next((held[one] for one in _columns(data)[1] if one in held), None)
        names = getattr(found, "names", None)
        return tuple(map(str, names)) if names else ()
    classes = getattr(data, "classes", None)
    return tuple(map(str, classes)) if isinstance(classes, list | tuple) else ()


def _whole(data: Any) -> Any:
    """Return the data set of which another is a part, as ``torch.utils.data.Subset`` is."""
    while hasattr(data, "indices") and hasattr(data, "dataset"):
        data = data.dataset
    return data


def _matched(part: Part, classes: Sequence[str]) -> Part:
    """Return a split whose integers are positions in these names; one with other names is matched by them.

    Raises:
        DataError: a label is the position of none of its names.
    """
    if part.classes in {(), tuple(classes)} or part.labels.dtype.kind == "U":
        return part
    if not 0 <= part.labels.min() <= part.labels.max() < len(part.classes):
        raise DataError(
            f"a label is {part.labels.max()}", expected=f"0 to {len(part.classes) - 1}, as classes are named"
        )
    return replace(part, labels=np.array(part.classes)[part.labels])


def _called(parts: Mapping[str, Part]) -> tuple[str, ...]:
    """Return the names of the classes where the data state none: the texts among the labels, or their numbers.

    A number that no image has is not a class; nothing is returned if the numbers are 0, 1, 2 … without a gap.

    Raises:
        DataError: some splits have integers and others texts, or a number is below 0.
    """
    kinds = {split: "texts" if part.labels.dtype.kind == "U" else "integers" for split, part in parts.items()}
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{split} {kind}" for split, kind in kinds.items())
        raise DataError(f"the labels are of two kinds: {told}", expected="integers, or texts, in all splits")
    there = np.unique(np.concatenate([part.labels for part in parts.values()])).tolist()
    if "texts" in kinds.values():
        return tuple(ordered({*there}))
    if there[0] < 0:
        raise DataError(f"the data have the label {there[0]}", expected="integers from 0, or the names of the classes")
    return () if there == [*range(len(there))] else tuple(map(str, there))


def _numbers(part: Part, classes: Sequence[str], *, stated: bool) -> NDArray[np.int64]:
    """Return the labels of a split as the positions of their classes.

    Args:
        part: the split.
        classes: the names; empty if the labels are 0, 1, 2 …
        stated: whether integers are positions in these names already.
    """
    if part.labels.dtype.kind != "U" and (stated or not classes):
        return part.labels.astype(np.int64)
    numbers = {name: at for at, name in enumerate(classes)}
    labels = part.labels.astype(str).tolist()
    other = ordered({*labels} - numbers.keys())
    if other:
        raise DataError(f'a label is "{other[0]}"', expected=f"one of {listed(classes)}")
    return np.array([numbers[label] for label in labels], dtype=np.int64)
