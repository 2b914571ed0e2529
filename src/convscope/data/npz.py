"""The arrays of an ``.npz`` file: the header of each is read, and its size checked, before it is unpacked."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.budget import hold, spend
from convscope.errors import DataError, LimitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER = 1 << 14
"""Limit for the header of an array; NumPy itself reads up to 10,000 [byte]."""

CHUNK = 1 << 20
"""Size of the chunks in which values are unpacked [byte]."""


@dataclass(frozen=True)
class Header:
    """The header of an array.

    Attributes:
        dtype: dtype of its values.
        shape: shape of the array.
        fortran: whether its first axis varies fastest.
        start: number of bytes before its values.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def size(self) -> int:
        """The size of its values [byte]."""
        return math.prod(self.shape) * self.dtype.itemsize


class Npz:
    """Arrays by name; nothing in the file is run, and nothing is unpacked before its size is known and checked.

    >>> file = io.BytesIO()
    >>> np.savez_compressed(file, x=np.zeros((60, 8, 8), np.uint8))
    >>> with zipfile.ZipFile(file) as archive:
    ...     found = Npz(archive)
    ...     found.header("x").shape, found.array("x").max().item()
    ((60, 8, 8), 0)
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive: zipfile.ZipFile = archive
        self.members: dict[str, zipfile.ZipInfo] = {
            info.filename.removesuffix(".npy"): info for info in archive.infolist()
        }

    def header(self, name: str) -> Header:
        """Read the header of an array.

        Raises:
            DataError: it is not a header, or uses a compression that NumPy does not use.
            ValueError: the file is damaged.
        """
        info = self.members[name]
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise DataError(f"{info.filename} uses a compression that numpy does not use")
        with self._archive.open(info) as file:
            head = io.BytesIO(file.read(HEADER))
        version = np.lib.format.read_magic(head)
        if version not in {(1, 0), (2, 0)}:
            raise ValueError(f"version {version} of numpy's format")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        try:
            shape, fortran, dtype = read(head)
        except Exception as error:  # noqa: BLE001 -- it is parsed as Python text, which can fail in any way
            raise ValueError(f"its header cannot be read: {str(error)[:200]}") from None
        found = Header(dtype, shape, fortran, head.tell())
        if min(shape, default=0) < 0 or (not dtype.hasobject and found.start + found.size != info.file_size):
            raise ValueError(f"{info.filename} is {dtype} {shape} and has {info.file_size:,} bytes")
        return found

    def array(self, name: str) -> NDArray[Any]:
        """Read an array whose last axis varies fastest.

        Raises:
            DataError: it holds objects, or uses a compression that NumPy does not use.
            LimitError: it is too large for the size of the file.
            ValueError: the file is damaged.
        """
        header = self.header(name)
        if header.dtype.hasobject:
            raise DataError(f"{name} holds Python objects, which Convscope does not read")
        try:
            hold(2 * header.size if header.fortran else header.size)
            spend(0, elements=header.size)
        except LimitError as error:
            raise error.add(subject=f"{name}, {header.dtype} {header.shape},") from None
        found = np.empty(header.size, np.uint8)
        with self._archive.open(self.members[name]) as file:
            file.read(header.start)
            for at in range(0, header.size, CHUNK):
                part = file.read(min(CHUNK, header.size - at))
                found[at : at + len(part)] = np.frombuffer(part, np.uint8)
                if len(part) < min(CHUNK, header.size - at):
                    raise ValueError(f"{name} ends before its {header.size:,} bytes")
        values = found.view(header.dtype)
        return (
            np.ascontiguousarray(values.reshape(header.shape[::-1]).T)
            if header.fortran
            else values.reshape(header.shape)
        )
