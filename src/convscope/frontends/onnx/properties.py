"""The metadata of an ONNX file, read without the model."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from convscope import files
from convscope.errors import ModelError
from convscope.frontends.onnx.wire import fields

if TYPE_CHECKING:
    from pathlib import Path

METADATA = 14
"""Number of the field of a model that holds its metadata, in onnx.proto."""

MOST = 2**20
"""Limit for an entry [byte]."""


def properties(path: Path) -> dict[str, str]:
    """Return the metadata of a file by name; entries that are too long or not text are left out.

    Raises:
        ModelError: the file cannot be read, or is not a model.
    """
    found = {}
    try:
        files.require(path)
        with files.opened(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, wire, _, start, end in fields(data, 0, len(data)):
                if number == METADATA and wire == 2 and end - start <= MOST:
                    entry = data[start:end]
                    parts = {n: entry[a:b] for n, kind, _, a, b in fields(entry, 0, len(entry)) if kind == 2}
                    found[_text(parts.get(1, b""))] = _text(parts.get(2, b""))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
    return found


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
