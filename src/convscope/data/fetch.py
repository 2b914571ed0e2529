"""The files of known data sets, from a folder or else from the network, each verified by its SHA-256."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.data.home import VARIABLE
from convscope.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30
"""Timeout of a download [second]."""

CHUNK = 1 << 20


@dataclass(frozen=True)
class Remote:
    """A file that can be downloaded.

    Attributes:
        url: where its authors publish it.
        sha256: SHA-256 of the file.
    """

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file.

        >>> Remote("https://example.org/a/b.gz", "").name
        'b.gz'
        """
        return self.url.rpartition("/")[2]


def download(remote: Remote, folder: Path) -> Path:
    """Download a file into a folder, in which it appears complete and verified or not at all.

    Raises:
        DataError: there is no network, the file has changed, or the folder cannot be written.
    """
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    path = folder / remote.name
    try:
        with replacing(path) as draft, urllib.request.urlopen(remote.url, timeout=PATIENCE) as answer:  # noqa: S310 -- our own list
            found = hashlib.sha256()
            with draft.open("wb") as out:
                while part := answer.read(CHUNK):
                    found.update(part)
                    out.write(part)
            if found.hexdigest() != remote.sha256:
                raise DataError(
                    f"{remote.url} has changed: its checksum does not match",
                    given=f"SHA-256 {found.hexdigest()[:16]}…",
                    expected=f"SHA-256 {remote.sha256[:16]}…",
                )
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise DataError(
            f"{remote.url} cannot be downloaded: {getattr(error, 'reason', None) or error}",
            attempt=f"put {remote.name} into {folder}",
        ) from None
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Open a draft beside ``path`` that replaces it at the end, or is removed if something fails.

    Raises:
        DataError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise DataError(
            f"{path.parent} cannot be written: {error.strerror}", attempt=f"set {VARIABLE} to a folder you can write to"
        ) from None
    draft = Path(name)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
