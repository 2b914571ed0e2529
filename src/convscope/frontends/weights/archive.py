"""The zip archive that torch writes: its list of files, and the small one that describes the tensors.

Torch compresses nothing, so compressed members are refused, and no member can grow when it is read. An archive of a
program (TorchScript, ``.pt2``) is recognised by its members.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.budget import about, allow, hold
from convscope.errors import ModelError
from convscope.frontends.careful import USUAL, Careful
from convscope.frontends.weights.result import shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

_TIMES = 5
"""Memory for each byte of the description of the tensors; text of wide characters takes four bytes."""

_HEADER = 30
"""Least number of bytes before the name of each file."""


@dataclass(frozen=True)
class Archive:
    """The relevant parts of an archive.

    Attributes:
        pickle: the description of the tensors.
        storages: size of each storage, by its key in the description [byte].
    """

    pickle: bytes
    storages: dict[str, int]


def opened(file: BinaryIO) -> Archive:
    """Read the archive in an open file.

    Raises:
        ModelError: it is damaged, not an archive of tensors, or a program.
        LimitError: its list of files or its description of the tensors is longer than that of any model.
    """
    size = os.fstat(file.fileno()).st_size
    try:
        with Careful(io.FileIO(file.fileno(), closefd=False)) as careful, zipfile.ZipFile(careful) as archive:
            members = archive.infolist()
            top = _top(members)
            _check(members, size)
            info = archive.getinfo(f"{top}/data.pkl")
            with about(f"data.pkl has {info.file_size:,} bytes"):
                hold(_TIMES * info.file_size)
            with archive.open(info) as part:
                pickle = b"".join(iter(lambda: part.read(USUAL), b""))
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"the archive is damaged: {shown(str(error))}") from None
    numbers = f"{top}/data/"
    found = {one.filename: one.file_size for one in members if one.filename.startswith(numbers)}
    allow(layers=len(found))
    return Archive(pickle, {name.removeprefix(numbers): size for name, size in found.items()})


def _check(members: list[zipfile.ZipInfo], size: int) -> None:
    """Check that no member is compressed or encrypted, overlaps another, lies outside, or has an unsafe name."""
    if len({one.filename for one in members}) < len(members):
        raise ModelError("the archive lists a file twice")
    end = 0
    for one in sorted(members, key=lambda one: one.header_offset):
        parts = one.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise ModelError(f"the archive names a file outside itself, {shown(one.filename)}")
        if one.compress_type != zipfile.ZIP_STORED or one.compress_size != one.file_size or one.flag_bits & 1:
            raise ModelError(
                f"{shown(one.filename)} is compressed or encrypted",
                expected="an archive of torch, which does neither",
            )
        if one.header_offset < end:
            raise ModelError(f"{shown(one.filename)} overlaps another file of the archive")
        end = one.header_offset + _HEADER + one.file_size
    if end > size:
        raise ModelError(f"the files of the archive need {end:,} bytes, but the archive has {size:,}")


def _top(members: Iterable[zipfile.ZipInfo]) -> str:
    """Return the top-level folder of an archive.

    Raises:
        ModelError: it is not an archive of tensors.
    """
    names = [one.filename for one in members]
    inside = {name.partition("/")[2] for name in names}
    tops = {name.partition("/")[0] for name in names}
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        raise program("a TorchScript program")
    if inside & {"archive_format", "serialized_exported_program.json"} or "serialized_exported_program.json" in names:
        raise program("an exported program (.pt2)")
    if len(tops) != 1 or "data.pkl" not in inside:
        raise ModelError("the archive has no data.pkl", expected="an archive written by torch.save")
    return tops.pop()


def program(what: str) -> ModelError:
    """Return the error for a file that contains code besides weights."""
    return ModelError(
        f"the file is {what}, not a weights file, and reading it would run code from it",
        expected="a state_dict: names and tensors",
        attempt="torch.save(model.state_dict(), FILE); or the model itself: convscope table FILE.py:FUNCTION; "
        "or, if you trust its author: convscope table FILE --trust",
    )
