"""The images that programs have given from memory: files in the user's cache, up to a total size."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data.home import VARIABLE, home
from convscope.data.prepared import place_of
from convscope.errors import DataError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

GIVEN = "given"
"""The folder below the user's folder for data."""

MOST = 4 * 10**9
"""Size of all these files, with what is prepared from them, above which those used longest ago are removed [byte]."""

RECENT = 600
"""Time since its last use during which a file is never removed, as a training may be about to read it [second]."""

ABANDONED = 86400
"""Age of a draft whose process has died [second]."""


def kept(arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write arrays to the cache under a name that their content decides, unless they are there; remove the oldest.

    Raises:
        DataError: the cache cannot be written.
    """
    path = _folder() / f"images-{_digest(arrays)}.npz"
    if not path.exists():
        _written(path, arrays)
    used(path)
    tidy(path)
    return path


def _folder() -> Path:
    return (home() / GIVEN).absolute()


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    found = hashlib.sha256()
    for name, array in arrays.items():
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(
            np.ascontiguousarray(array).view(np.uint8).data
            if array.dtype.kind != "U"
            else repr(array.tolist()).encode()
        )
    return found.hexdigest()[:12]


def _written(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    draft = path.with_name(f".{secrets.token_hex(6)}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(draft, allow_pickle=False, **arrays)
        draft.replace(path)
    except OSError as error:
        refuse_scarcity(error)
        attempt = f"set {VARIABLE} to a folder you can write to"
        raise DataError(f"{path.parent} cannot be written: {error.strerror}", attempt=attempt) from None
    finally:
        with suppress(OSError):
            draft.unlink()


def used(path: Path) -> None:
    """Note that a file is used now, if it is one of these; its time of change stays, as that says which it is."""
    if path.parent == _folder():
        with suppress(OSError):
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def tidy(keep: Path) -> None:
    """Remove the files that were used longest ago, with what is prepared from them, while there is more than allowed.

    Args:
        keep: a file that stays, like all that were used within the last ten minutes.
    """
    now, rows = time.time(), []
    for path in keep.parent.glob("*.npz"):
        with suppress(OSError):  # another process has removed it
            facts = path.stat()
            if path.name.startswith("."):
                if now - facts.st_mtime > ABANDONED:
                    path.unlink()
                continue
            rows.append((facts.st_atime, path, facts.st_size + sum(map(_size, _prepared(path)))))
    more = sum(size for _, _, size in rows) - MOST
    for last, path, size in sorted(rows):
        if more <= 0 or now - last < RECENT:
            return
        if path != keep:
            with suppress(OSError):
                path.unlink()
                for folder in _prepared(path):
                    shutil.rmtree(folder, ignore_errors=True)
                more -= size


def _prepared(path: Path) -> list[Path]:
    """Return the folders with the images that were prepared from a file, of every size."""
    place = place_of(f"npz:{path}", "")
    return list(place.parent.glob(f"{place.name.rpartition('-')[0]}-*"))


def _size(folder: Path) -> int:
    """Return the size of all files in a folder [byte]; what is removed meanwhile does not count."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            found += path.stat().st_size if path.is_file() else 0
    return found
