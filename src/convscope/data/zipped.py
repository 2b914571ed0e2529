"""``zip:PATH``: a zip of folders as a data set; nothing is unpacked to disk.

Every member is read on its own when its image is decoded: at most as much as the archive states, and no more than a
file of its packed size can plausibly hold.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.budget import hold, question, spend
from convscope.data.home import printable
from convscope.data.members import is_hidden, taken_of, unsafe
from convscope.data.taken import MAX_BYTES
from convscope.errors import DataError, ImageError, LimitError, refuse_scarcity
from convscope.files import opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from convscope.data.spelled import Spelled
    from convscope.data.taken import Taken

READ = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Compressions that are read."""

MOST = 2**25
"""Bytes that a member may unpack to, beyond eight for each of its packed bytes."""

ENCRYPTED = 0x1

DAMAGES = (OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def __call__(self) -> bytes:
        """Unpack it into memory.

        Raises:
            ImageError: it is damaged, or unpacks to too much.
        """
        size = self.info.file_size
        try:
            with question(size=self.info.compress_size, apart=True):
                hold(size)
                spend(0, elements=size)
            with self.archive.open(self.info) as file:
                return file.read(size)
        except LimitError as error:
            raise ImageError(f"unpacks to too much: {error.what}", expected=error.expected) from None
        except DAMAGES as error:
            refuse_scarcity(error)
            raise ImageError(f"cannot be unpacked: {str(error)[:200]}") from None


def take(wanted: Spelled) -> Taken:
    """Return the images in a zip of folders.

    Raises:
        DataError: it is not a zip, is damaged, or its members overlap.
    """
    path = wanted.folder
    try:
        file = opened(path)
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{printable(path)} cannot be read: {error.strerror}") from None
    try:
        with question(size=path.stat().st_size):
            return _taken(zipfile.ZipFile(file), wanted, file.close)
    except DAMAGES as error:
        file.close()
        refuse_scarcity(error)
        raise DataError(f"{printable(path)} is not a zip archive, or is damaged: {str(error)[:200]}") from None
    except BaseException:
        file.close()
        raise


def _taken(archive: zipfile.ZipFile, wanted: Spelled, close: object) -> Taken:
    infos = archive.infolist()
    spend(20 * len(infos))
    hold(500 * len(infos))
    _refuse_overlap(infos, wanted.folder)
    files, folders, bad = {}, [], {}
    for info in infos:
        name = info.filename
        if is_hidden(name) and not unsafe(name):
            continue
        why = unsafe(name) or _unread(info) or ("is in the archive twice" if name in files else "")
        if why:
            bad[name] = why
        elif info.is_dir():
            folders.append(name)
        else:
            files[name] = Member(archive, info)
    assert callable(close)
    return taken_of(files, folders, bad, wanted, close)


def _unread(info: zipfile.ZipInfo) -> str:
    """Return why a member is not read; empty if it is."""
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is a link" if stat.S_ISLNK(mode) else "is not a file"
    if info.flag_bits & ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in READ:
        return "uses a compression other than deflate"
    if info.file_size > min(MAX_BYTES, MOST + 8 * info.compress_size):
        return f"unpacks to {info.file_size:,} bytes, too many for its {info.compress_size:,} packed ones"
    return ""


def _refuse_overlap(infos: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Refuse an archive whose members share bytes, so that it unpacks to more than it can hold.

    Raises:
        DataError: its members overlap.
    """
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        raise DataError(f"{printable(path)} is damaged: its members overlap")
