"""The data sets this user has trained on, kept in the user's own folder: a run cannot cause other data to be opened.

A run folder may come from anybody, and its ``data.json`` may name any folder, or a data set to be downloaded. So
training records the checksum of that file here, and a run whose ``data.json`` is not recorded only describes its data.
The record also has the full name of the data, since a run may go anywhere and names no folder of this machine.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from convscope.data.home import home
from convscope.files import NOFOLLOW, read

FILE = "trained.txt"

MOST = 2**24
"""Limit for that file, which has a line for each data set at each size [byte]."""


def remember(seal: str, name: str) -> None:
    """Record that a run is trained here on the data that its ``data.json`` describes.

    Args:
        seal: SHA-256 of ``data.json``.
        name: name of the data set, by which it is opened again.
    """
    if name_of(seal) == name:
        return
    with suppress(OSError):  # without the record, the user has to name the data again
        home().mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NOFOLLOW
        handle = os.open(home() / FILE, flags, 0o600)
        with os.fdopen(handle, "ab", buffering=0) as file:
            file.write(f"{seal} {json.dumps(name)}\n".encode())


def name_of(seal: str) -> str | None:
    """Return the name of the data with which this user has trained here, by the SHA-256 of ``data.json``.

    None if this user has not; empty for a run of an earlier version, whose ``data.json`` has the name.
    """
    try:
        lines = read(home() / FILE, MOST).splitlines()
    except OSError:
        return None
    own = [line[65:] for line in lines if line[:64] == seal.encode()]
    return _name(own[-1]) if own else None


def _name(written: bytes) -> str:
    try:
        found = json.loads(written)
    except ValueError:  # an earlier version wrote it for people only
        return ""
    return found if isinstance(found, str) else ""
