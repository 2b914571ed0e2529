"""Prepared data sets: images of one size as uint8 in memory-mapped files.

A prepared set is a folder of the user's cache::

    train.images.npy   uint8 n c h w      train.labels.npy   int64 n      train.names.json
    val.images.npy     …                  test.images.npy    …
    index.json         shape, classes, counts, mean, std, skipped files

A set without images for validation gets some of those for training (:func:`convscope.data.division.hold_out`).

It is written under another name and renamed when it is complete. If a set has changed and is prepared again, the
earlier folders are removed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import numpy as np

from convscope.data.dataset import Dataset, Split, short_word
from convscope.data.division import hold_out
from convscope.data.home import VARIABLE, home
from convscope.errors import DataError, ImageError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from convscope.core.shape import Shape

RULE = 4
"""Version of the way in which images are prepared."""

INDEX = "index.json"

WINDOW = 512
"""Number of images that are decoded at a time, on all cores."""

WAITING = 64 * 2**20
"""Limit for decoded images that wait to be written [byte]."""

RESTED = 86400
"""Age after which a draft counts as abandoned if it is unknown whether its process still runs [second]."""

COUNTED = 1 << 20
"""Number of values that are counted at a time, at eight bytes each."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan(Generic[Item]):
    """The content of a set to prepare.

    Attributes:
        shape: ``c h w``.
        classes: names by label.
        splits: the items of each split.
        image: returns uint8 ``c h w`` for an item; an ImageError skips it.
        label: returns the label of an item.
        name: returns the name of an item.
        block: returns uint8 ``n c h w`` for many items if nothing needs to be decoded; replaces ``image``.
    """

    shape: Shape
    classes: tuple[str, ...]
    splits: Mapping[str, Sequence[Item]]
    image: Callable[[Item], NDArray[np.uint8]]
    label: Callable[[Item], int]
    name: Callable[[Item], str]
    block: Callable[[Sequence[Item]], NDArray[np.uint8]] | None = None


@dataclass(frozen=True)
class Index:
    """The content of ``index.json``.

    Attributes:
        shape: ``c h w``.
        classes: names by label.
        counts: images in each split.
        mean: mean of the training pixels by channel, 0 to 1; ``std``: their standard deviation.
        skipped: the skipped items, with the reason, by name.
        rule: version of the way of preparing.
    """

    shape: tuple[int, ...]
    classes: tuple[str, ...]
    counts: dict[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    rule: int = RULE

    def dataset(self, name: str, folder: Path, place: Path, licence: str, notes: Mapping[str, Any]) -> Dataset:
        """Return the prepared set as a data set; a single channel has a scalar mean."""
        grey = len(self.mean) == 1
        return Dataset(
            name=name,
            shape=self.shape,
            classes=self.classes,
            counts=self.counts,
            mean=self.mean[0] if grey else self.mean,
            std=self.std[0] if grey else self.std,
            ink=False,
            licence=licence,
            source=Prepared(place),
            folder=folder,
            mapped=True,
            notes=notes,
        )


@dataclass(frozen=True)
class Prepared:
    """The images of a prepared set.

    Attributes:
        place: its folder.
    """

    place: Path

    def load(self, dataset: Dataset, split: str) -> Split:
        """Map a split into memory; changes to it are not written.

        Raises:
            DataError: the files are missing or do not match the index.
        """
        count = dataset.count(split)
        images = self._array(f"{split}.images.npy", (count, *dataset.shape), "uint8")
        labels = self._array(f"{split}.labels.npy", (count,), "int64")
        try:
            content = (self.place / f"{split}.names.json").read_bytes()
            names = msgspec.json.decode(content, type=tuple[str, ...])
        except (OSError, ValueError, RecursionError) as error:
            raise self._damaged(f"{split}.names.json", error) from None
        return Split(images, np.array(labels), names)

    def _array(self, name: str, shape: tuple[int, ...], kind: str) -> NDArray[Any]:
        try:
            found: NDArray[Any] = np.load(self.place / name, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self._damaged(name, error) from None
        if found.shape != shape or found.dtype != kind:
            raise self._damaged(name, f"it holds {found.dtype} {found.shape}")
        return found

    def _damaged(self, name: str, why: object) -> DataError:
        """Return the error for a file that contradicts the index; only bad content is worth removing the folder."""
        if isinstance(why, OSError) and not isinstance(why, FileNotFoundError):
            refuse_scarcity(why)
            return DataError(f"{self.place / name} cannot be read: {why.strerror or why}")
        return DataError(f"{self.place / name} is damaged: {why}", attempt=f"remove the folder {self.place}")


def place_of(name: str, content: str) -> Path:
    """Return the folder of a prepared set, with all its sizes.

    Args:
        name: identifies the set, ``kind:PATH``.
        content: changes if its images change.
    """
    marks = (hashlib.sha256(os.fsencode(text)).hexdigest()[:12] for text in (name, f"{RULE}\0{content}"))
    return home() / "prepared" / "-".join([short_word(name), *marks])


def forget_older(place: Path) -> None:
    """Remove what was prepared from an earlier content of the set; processes that have it open can still read it."""
    for other in place.parent.glob(f"{place.name.rpartition('-')[0]}-*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)


def opened(place: Path) -> Index | None:
    """Return the index of a prepared set, or None if there is no usable one."""
    try:
        index = msgspec.json.decode((place / INDEX).read_bytes(), type=Index)
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    except OSError as error:  # an unreadable index is not a reason to prepare again or to remove anything
        refuse_scarcity(error)
        raise DataError(f"{place / INDEX} cannot be read: {error.strerror}") from None
    return index if index.rule == RULE else None


def prepare(
    place: Path,
    planned: Callable[[Mapping[str, str]], Plan[Item]],
    report: Callable[[int, int], None] | None = None,
) -> Index:
    """Write a prepared set; items without an image are skipped and recorded.

    Args:
        place: the folder to create.
        planned: returns the content without some items, given by name with the reason; called again if more items turn
            out to have no image, so that they are skipped before the others are split.
        report: called with the number of finished items and of all items of a split.

    Raises:
        DataError: the cache cannot be written, or ``planned`` raises it.
    """
    skipped: dict[str, str] = {}
    with _draft(place) as draft:
        while True:
            plan = planned(skipped)
            written = {split: _write_split(draft, split, plan, report) for split in plan.splits}
            bad = {name: why for part in written.values() for name, why in part.bad.items()}
            if not bad:
                break
            skipped |= bad
        counts, sums = _with_validation(draft, plan, written["train"].sums)
        index = _index(plan, counts, sums, skipped)
        (draft / INDEX).write_text(json.dumps(asdict(index), indent=1, ensure_ascii=False), encoding="utf-8")
    return index


def _with_validation(
    draft: Path, plan: Plan[Item], sums: NDArray[np.int64]
) -> tuple[dict[str, int], NDArray[np.int64]]:
    """Hold images out for validation if there are none; return the counts, and the sums of the training images."""
    counts = {split: len(items) for split, items in plan.splits.items()}
    held = 0 if "val" in counts else int(hold_out(draft).sum())
    if not held:
        return counts, sums
    less, images = np.zeros_like(sums), np.load(draft / "val.images.npy", mmap_mode="r", allow_pickle=False)
    for start in range(0, held, WINDOW):
        _add(less, images[start : start + WINDOW])
    return {"train": counts.pop("train") - held, "val": held, **counts}, sums - less


def _index(plan: Plan[Item], counts: dict[str, int], sums: NDArray[np.int64], skipped: dict[str, str]) -> Index:
    """Return mean and standard deviation by channel from sums of values and of squares; at least one grey level."""
    mean, square = sums / (max(1, counts["train"]) * int(np.prod(plan.shape[1:])))
    std = np.sqrt(np.maximum(square - mean**2, 1))
    means, deviations = (tuple((values / 255).round(6).tolist()) for values in (mean, std))
    return Index(plan.shape, plan.classes, counts, means, deviations, skipped)


def _mark() -> str:
    """Return the prefix of drafts by processes of this machine."""
    return f".draft-{platform.node()}-"


def _clear(folder: Path) -> None:
    """Remove drafts of processes of this machine that have ended."""
    for path in folder.glob(f"{_mark()}*-*"):
        number = path.name.removeprefix(_mark()).partition("-")[0]
        with suppress(OSError):
            if number.isdecimal() and _ended(int(number), path):
                shutil.rmtree(path, ignore_errors=True)


def _ended(process: int, draft: Path) -> bool:
    """Return whether a process has ended; if the system cannot tell, whether its draft is a day old."""
    try:
        from psutil import pid_exists
    except ImportError:
        return time.time() - draft.stat().st_mtime > RESTED
    return not pid_exists(process)


@dataclass(frozen=True)
class _Written:
    """Sum and sum of squares by channel; items without an image, with the reason, by name."""

    sums: NDArray[np.int64]
    bad: dict[str, str]


class _draft:  # noqa: N801 -- used as a statement
    """A draft folder that takes its final name at the end, unless that exists by then."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __enter__(self) -> Path:
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            _clear(self.place.parent)
            self.folder = Path(tempfile.mkdtemp(prefix=f"{_mark()}{os.getpid()}-", dir=self.place.parent))
        except OSError as error:
            raise DataError(
                f"{self.place.parent} cannot be written: {error.strerror}",
                attempt=f"set {VARIABLE} to a folder you can write to",
            ) from None
        return self.folder

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                if self.place.exists() and opened(self.place) is None:
                    shutil.rmtree(self.place)
                self.folder.rename(self.place)
        except OSError:
            if opened(self.place) is None:  # otherwise another process was faster with the same content
                raise
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise DataError(f"{self.place} cannot be written: {error.strerror}") from None


def _write_split(draft: Path, split: str, plan: Plan[Item], report: Callable[[int, int], None] | None) -> _Written:
    """Write images, labels and names of a split."""
    items = plan.splits[split]
    bad: dict[str, str] = {}
    names: list[str] = []
    labels: list[int] = []
    sums = np.zeros((2, plan.shape[0]), dtype=np.int64)
    rows, step = draft / f"{split}.rows", max(1, min(WINDOW, WAITING // math.prod(plan.shape)))
    with rows.open("wb") as out, _decoder() as decode:
        for start in range(0, len(items), step):
            window = items[start : start + step]
            if plan.block:
                blocks, good = iter([plan.block(window)]), list(window)
            else:
                found = decode(window, plan.image)
                bad |= {plan.name(item): one.what for item, one in found if isinstance(one, ImageError)}
                good = [item for item, one in found if not isinstance(one, ImageError)]
                blocks = (one[None] for _, one in found if not isinstance(one, ImageError))
            for block in blocks:
                out.write(np.ascontiguousarray(block).data)
                _add(sums, block)
            names += map(plan.name, good)
            labels += map(plan.label, good)
            if report:
                report(start + len(window), len(items))
    if report and not items:
        report(0, 0)
    _settle_rows(rows, draft / f"{split}.images.npy", (len(names), *plan.shape))
    np.save(draft / f"{split}.labels.npy", np.array(labels, dtype=np.int64))
    (draft / f"{split}.names.json").write_text(json.dumps(names, ensure_ascii=True), encoding="utf-8")
    return _Written(sums, bad)


def _add(sums: NDArray[np.int64], block: NDArray[np.uint8]) -> None:
    """Add values and squares by channel of ``n c h w``, using counts of the 256 values."""
    levels = np.arange(256)
    for channel in range(block.shape[1]):
        values = block[:, channel].reshape(-1)
        for at in range(0, values.size, COUNTED):
            often = np.bincount(values[at : at + COUNTED], minlength=256)
            sums[0, channel] += (often * levels).sum()
            sums[1, channel] += (often * levels**2).sum()


def _settle_rows(rows: Path, path: Path, shape: tuple[int, ...]) -> None:
    """Turn raw rows into a NumPy file, once their number is known."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with path.open("wb") as out, rows.open("rb") as content:
        np.lib.format.write_array_header_1_0(out, header)
        shutil.copyfileobj(content, out, 1 << 20)
    rows.unlink()


@contextmanager
def _decoder() -> Iterator[Callable[..., list[tuple[Any, NDArray[np.uint8] | ImageError]]]]:
    """Decodes items on all cores and yields each with its image, or the reason why it has none, in order."""
    here = copy_context()  # the user's limits apply in every thread
    pool = ThreadPoolExecutor(os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count())

    def decode(
        items: Sequence[Item], image: Callable[[Item], NDArray[np.uint8]]
    ) -> list[tuple[Item, NDArray[np.uint8] | ImageError]]:
        def attempt(item: Item) -> NDArray[np.uint8] | ImageError:
            try:
                return here.copy().run(image, item)
            except ImageError as error:
                return error

        return list(zip(items, pool.map(attempt, items), strict=True))

    try:
        yield decode
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # see stream.py: closing must not wait
