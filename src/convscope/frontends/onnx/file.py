"""The file of a model: it is parsed without its weights, which are read on demand."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope import files
from convscope.budget import release
from convscope.errors import ModelError
from convscope.extras import missing_extra
from convscope.frontends.onnx.wire import COPIES, Cuts, without_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

EXPECTED = "a model in ONNX format"
POINTER = b"version https://git-lfs"
"""The beginning of a Git LFS pointer."""


@dataclass(frozen=True)
class Source:
    """A file whose weights have not been read.

    Attributes:
        path: of the file.
        stamp: its size and time of the last change.
        cuts: positions of its large tensors.
    """

    path: Path
    stamp: tuple[int, int]
    cuts: Cuts

    def part(self, start: int, length: int) -> bytes:
        """Read bytes of the file.

        Raises:
            ModelError: the file has changed since it was read, or can no longer be opened.
        """
        try:
            with files.opened(self.path) as file:
                if _stamp(os.fstat(file.fileno())) != self.stamp:
                    raise ModelError(f"{self.path} has changed since it was read", attempt="read it again")
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise ModelError(f"{self.path} cannot be read: {error.strerror}") from None


def _stamp(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


def opened(path: Path) -> tuple[ModelProto, Source]:
    """Read the model in a file, without its large tensors.

    Raises:
        ModelError: the file is missing, damaged, or not a model.
        MissingExtraError: onnx is not installed.
    """
    try:
        from onnx import ModelProto
    except ModuleNotFoundError:
        raise missing_extra("onnx", "onnx") from None
    cuts = Cuts()
    data, stamp = _checked(path, cuts)
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:
        raise ModelError(f"{path} is damaged: {_first_line(error)}", expected=EXPECTED) from error
    release(COPIES * len(data))
    return model, Source(path, stamp, cuts)


def _checked(path: Path, cuts: Cuts) -> tuple[bytes, tuple[int, int]]:
    """Return the message without its large tensors, and the state of the file."""
    try:
        _need_bytes(path)
        with files.opened(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _need_model(path, data)
            return without_tensors(data, cuts), _stamp(os.fstat(file.fileno()))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except ModelError as error:
        if str(path) not in error.what:
            error.what = f"{path} cannot be read: {error.what}"
            error.expected = error.expected or EXPECTED
        raise


def _need_bytes(path: Path) -> None:
    if not files.require(path).st_size:
        raise ModelError(f"{path} is empty", expected=EXPECTED)


def _need_model(path: Path, data: mmap.mmap) -> None:
    if data[: len(POINTER)] == POINTER:
        raise ModelError(f"{path} is only a Git LFS pointer, not the file itself", attempt="git lfs pull")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
