"""Doubts about a data set that are reported wherever it is used: files left out, empty classes, known images."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from convscope.data.classes import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset, Split

COMPARED = 2**31
"""Bytes of images that are compared with each other before a training; of larger sets, ``data check`` reports them."""


def left_out_lines(left_out: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Files that were not read, a line for each class.

    >>> left_out_lines({"owl": {".heic": 5, ".psd": 1}})
    ['owl: 5 .heic, 1 .psd']
    """
    return [
        f"{label}: {', '.join(f'{count:,} {end}' for end, count in row.items())}" for label, row in left_out.items()
    ]


def warnings_of(dataset: Dataset) -> list[str]:
    """What a person should know before training on a data set, or measuring with it; each in a line.

    >>> from dataclasses import replace
    >>> from convscope.data import DATASETS
    >>> warnings_of(replace(DATASETS["mnist"], notes={"left_out": {"owl": {".heic": 5}}, "empty": ["owl"]}))
    ['5 files are not read as images: owl: 5 .heic', 'no images in the folder of owl']
    """
    found = []
    left_out = dataset.notes.get("left_out", {})
    if left_out:
        count = sum(sum(row.values()) for row in left_out.values())
        verb = "file is not read as an image" if count == 1 else "files are not read as images"
        found.append(f"{count:,} {verb}: {listed(left_out_lines(left_out), between='; ')}")
    empty = dataset.notes.get("empty", [])
    if empty:
        found.append(f"no images in the folder{'s' if len(empty) > 1 else ''} of {listed(empty)}")
    return found


def absent(dataset: Dataset, learn: Split) -> list[str]:
    """Which classes have no training image, and which numbers are not classes, as no image has them, in a line.

    >>> import numpy as np
    >>> from dataclasses import replace
    >>> from convscope.data import DATASETS, Split
    >>> images = np.zeros((4, 1, 2, 2), np.uint8)
    >>> absent(replace(DATASETS["mnist"], classes=("a", "b", "c")), Split(images, np.array([0, 2, 2, 0])))
    ['no training image has the class b']
    >>> absent(replace(DATASETS["mnist"], name="npz:x.npz", classes=("3", "5")), Split(images, np.array([0, 1, 1, 0])))
    ['no label is 0, 1, 2, 4: the 2 classes are called by their numbers, 3, 5']
    """
    there = {*learn.labels.tolist()}
    lost = [name for at, name in enumerate(dataset.classes) if at not in there]
    if lost:
        return [f"no training image has the class {listed(lost, between=' or ')}"]
    if not dataset.name.startswith("npz") or not all(map(str.isdecimal, dataset.classes)):
        return []
    numbers = {*map(int, dataset.classes)}
    gaps = [str(one) for one in range(max(numbers)) if one not in numbers]
    count = len(dataset.classes)
    called = f"the {count} classes are called by their numbers, {listed(dataset.classes)}"
    return [f"no label is {listed(gaps)}: {called}"] if gaps else []


def known_images(train: Split, test: Split) -> list[str]:
    """How many test images are training images, too, and how many training images are of two classes, a line each.

    No line if there are none, or the set is large.

    >>> import numpy as np
    >>> from convscope.data import Split
    >>> images, labels = np.arange(12, dtype=np.uint8).reshape(3, 1, 2, 2), np.zeros(3, int)
    >>> known_images(Split(images, labels), Split(images[1:], labels[1:]))
    ['2 of 2 test images are training images, too: the accuracy says little about new images']
    >>> known_images(Split(images[[0, 0, 1]], np.array([0, 1, 1])), Split(images[2:], labels[2:]))
    ['2 training images have a copy of another class: no net can learn both']
    """
    if train.images.nbytes + test.images.nbytes > COMPARED:
        return []
    classes: dict[bytes, set[int]] = {}
    digests = [digest(image) for image in train.images]
    for one, label in zip(digests, train.labels.tolist(), strict=True):
        classes.setdefault(one, set()).add(label)
    found = []
    if known := sum(digest(image) in classes for image in test.images):
        verb = "is a training image" if known == 1 else "are training images"
        found.append(
            f"{known:,} of {len(test.images):,} test images {verb}, too: the accuracy says little about new images"
        )
    if twice := sum(len(classes[one]) > 1 for one in digests):
        found.append(f"{twice:,} training images have a copy of another class: no net can learn both")
    return found


def digest(image: NDArray[np.uint8]) -> bytes:
    """Return the digest of an image, equal for images that are identical at the size of the set.

    >>> import numpy as np
    >>> digest(np.zeros((1, 2, 2), np.uint8)) == digest(np.ones((1, 2, 2), np.uint8))
    False
    """
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
