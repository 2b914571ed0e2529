"""The data sets this user has trained on, kept in the user's own folder: a run cannot cause other data to be opened.

A run folder may come from anybody, and its ``data.json`` may name any folder, or a data set to be downloaded. So
training records the checksum of that file here, and a run whose ``data.json`` is not recorded only describes its data.
"""

from __future__ import annotations

import os
from contextlib import suppress

from convscope.data.home import home, printable
from convscope.files import NOFOLLOW, read

FILE = "trained.txt"

MOST = 2**24
"""Limit for that file, which has a line for each data set at each size [byte]."""


def remember(seal: str, name: str) -> None:
    """Record that a run is trained here on the data that its ``data.json`` describes.

    Args:
        seal: SHA-256 of ``data.json``.
        name: name of the data set, for people who read the file.
    """
    if is_known(seal):
        return
    with suppress(OSError):  # without the record, the user has to name the data again
        home().mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NOFOLLOW
        handle = os.open(home() / FILE, flags, 0o600)
        with os.fdopen(handle, "ab", buffering=0) as file:
            file.write(f"{seal} {printable(name)}\n".encode())


def is_known(seal: str) -> bool:
    """Return whether this user has trained here with a ``data.json`` of that SHA-256."""
    try:
        lines = read(home() / FILE, MOST).splitlines()
    except OSError:
        return False
    return seal.encode() in {line[:64] for line in lines}
