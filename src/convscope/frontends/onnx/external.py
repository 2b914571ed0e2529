"""Weights in external files, which are opened only when weights are requested."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from convscope import files
from convscope.errors import ModelError
from convscope.frontends.onnx.names import shown

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_external(model: Path, entries: Mapping[str, str], size: int) -> bytes:
    """Read the bytes of a tensor in another file.

    Args:
        model: the file of the model.
        entries: the model's entries ``location``, ``offset`` and ``length``.
        size: size of the tensor [byte].

    Raises:
        ModelError: the file is outside the model's folder, missing, or too short, or the length is not that of the
            tensor.
    """
    location = entries.get("location", "")
    path = _inside(model.parent, location)
    offset, length = _number(entries, "offset", 0), _number(entries, "length", size)
    if length != size:
        raise ModelError(f'the weights in "{shown(location)}" have {length:,} bytes', expected=f"{size:,} bytes")
    try:
        with files.opened(path) as file:
            if offset + size > os.fstat(file.fileno()).st_size:
                raise ModelError(f"{path} is too short", expected=f"at least {offset + size:,} bytes")
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", expected="the file that holds the weights"
        ) from None


def _inside(folder: Path, location: str) -> Path:
    """Return the file of a relative name, if it is inside the folder after following links."""
    parts = (*PurePosixPath(location).parts, *PureWindowsPath(location).parts)
    plain = location and "\0" not in location and ".." not in parts and not PureWindowsPath(location).anchor
    if plain and not PurePosixPath(location).is_absolute():
        path = (folder / location).resolve()
        if path.is_relative_to(folder.resolve()):
            return path
    raise ModelError(
        f'the model stores weights in "{shown(location)}"', expected="a file in the same folder as the model"
    )


def _number(entries: Mapping[str, str], key: str, default: int) -> int:
    text = entries.get(key, str(default))
    if not text.isdecimal() or len(text) > 18:
        raise ModelError(f'the {key} of external weights is "{shown(text)}"', expected="an integer")
    return int(text)
