"""Which images are set aside, for testing or for validation: in each class alike, and copies of an image together."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data.doubts import digest
from convscope.data.taken import File
from convscope.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.taken import Item

FEWEST = 50
"""Training images below which none are held out for validation: what a handful of images say is chance."""

WANTED = 100
"""Validation images that are wanted of a set, if they are no more than a fifth of it."""

SHARES = (0.1, 0.2)
"""Limits of the fraction of the training images that is held out for validation."""

AT_A_TIME = 64 * 2**20
"""Size of the images that are copied at a time [byte]."""


def validation_share(count: int) -> float:
    """Return the fraction of a set of training images to hold out: a fifth of a small set, a tenth of a large one.

    >>> [validation_share(count) for count in (49, 240, 800, 60000)]
    [0.0, 0.2, 0.125, 0.1]
    """
    least, most = SHARES
    return min(most, max(least, WANTED / count)) if count >= FEWEST else 0.0


def set_aside(groups: Sequence[Hashable], labels: Sequence[Hashable], wanted: Mapping[Any, int]) -> list[bool]:
    """Choose images of each class, in the order of their groups; the images of a group stay together.

    No class gives more than half of its images, so that a group that is larger than that stays.

    Args:
        groups: for each image a key that its copies share; the keys are tried in ascending order.
        labels: the class of each image.
        wanted: number of images to choose, by class.

    Returns:
        For each image whether it is chosen.

    >>> set_aside([1, 0, 2, 0, 3, 4], "aaabbb", {"a": 1, "b": 1})
    [False, True, False, True, False, False]
    """
    rows: dict[Hashable, list[int]] = {}
    for at, group in enumerate(groups):
        rows.setdefault(group, []).append(at)
    left, most, chosen = dict(wanted), {label: count // 2 for label, count in Counter(labels).items()}, set[int]()
    for group in sorted(rows):  # type: ignore[type-var] # keys of one kind
        here = Counter(labels[at] for at in rows[group])
        if any(left.get(label, 0) > 0 for label in here) and all(most[label] >= here[label] for label in here):
            chosen.update(rows[group])
            for label, count in here.items():
                left[label] = left.get(label, 0) - count
                most[label] -= count
    return [at in chosen for at in range(len(groups))]


def copies(items: Sequence[Item]) -> dict[str, str]:
    """Return the name of the earliest of several equal images for each of the others.

    Nothing is read if the set states its splits, and of files in a folder only those of equal size. What cannot be read
    is no copy: preparing the set reports it.
    """
    if any(item.split for item in items):
        return {}
    sizes: dict[int, list[Item]] = {}
    for item in items:
        sizes.setdefault(_size(item), []).append(item)
    first: dict[bytes, str] = {}
    found = {}
    for item in (item for alike in sizes.values() if len(alike) > 1 for item in alike):
        try:
            content = item.content()
        except ImageError:
            continue
        known = content if isinstance(content, bytes) else content.tobytes() + repr(content.shape).encode()
        earliest = first.setdefault(hashlib.sha256(known).digest(), item.name)
        if earliest != item.name:
            found[item.name] = earliest
    return found


def _size(item: Item) -> int:
    """Return the size of a file of its own; -1 for others, whose sizes are not known [byte]."""
    if not isinstance(item.content, File):
        return -1
    try:
        return item.content.path.stat().st_size
    except OSError:
        return -1


def hold_out(folder: Path) -> NDArray[np.bool_]:
    """Move some of the training images of a set that is being prepared to the split ``val``.

    The images of each class are ordered by the digest of their pixels at the size of the set, and the first ones are
    taken (:func:`validation_share`). So the same images are held out, whatever they are called and wherever they lie,
    and copies of an image are never on both sides. Nothing is written if none are held out.

    Args:
        folder: with the files of the split ``train``, as :mod:`convscope.data.prepared` writes them.

    Returns:
        For each training image whether it was held out.
    """
    images = np.load(folder / "train.images.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load(folder / "train.labels.npy", allow_pickle=False)
    names = json.loads((folder / "train.names.json").read_text(encoding="utf-8"))
    share = validation_share(len(labels))
    wanted = {label: int(share * count + 1e-9) for label, count in Counter(labels.tolist()).items()}
    if not any(wanted.values()):
        return np.zeros(len(labels), dtype=bool)
    taken = np.array(set_aside([digest(image) for image in images], labels.tolist(), wanted))
    for split, rows in (("val", np.flatnonzero(taken)), ("rest", np.flatnonzero(~taken))):
        _copy(images, rows, folder / f"{split}.images.npy")
        np.save(folder / f"{split}.labels.npy", labels[rows])
        kept = [names[at] for at in rows]
        (folder / f"{split}.names.json").write_text(json.dumps(kept, ensure_ascii=True), encoding="utf-8")
    del images  # a mapped file cannot be replaced on every system
    for end in ("images.npy", "labels.npy", "names.json"):
        (folder / f"rest.{end}").replace(folder / f"train.{end}")
    return taken


def _copy(images: NDArray[np.uint8], rows: NDArray[np.intp], path: Path) -> None:
    """Write some of the images, a part at a time, as a NumPy file."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *images.shape[1:])}
    step = max(1, AT_A_TIME // max(1, int(np.prod(images.shape[1:]))))
    with path.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, header)
        for start in range(0, len(rows), step):
            out.write(np.ascontiguousarray(images[rows[start : start + step]]).data)
