"""Put a file in place at once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from convscope.errors import WriteError


def replace(path: Path, data: bytes) -> None:
    """Put a file in place at once: a reader finds the old one or the new one, never half of it.

    A link is followed; a pipe or a device is written to.

    Raises:
        WriteError: the place cannot be written.
    """
    path = path.resolve()
    try:
        if path.is_dir():
            raise WriteError(f"{path} is a folder", expected="the name of a file")
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(draft).chmod(0o666 & ~_mask())
        Path(draft).replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        Path(draft).unlink(missing_ok=True)


def _mask() -> int:
    """Permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
