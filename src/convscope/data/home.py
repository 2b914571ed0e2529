"""The folder for the user's data sets and caches."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from convscope.inert import inert

VARIABLE = "CONVSCOPE_CACHE"
"""Environment variable that overrides the folder."""


def home() -> Path:
    r"""The user's folder for data: ``$CONVSCOPE_CACHE``, or ``convscope`` in the system's folder for caches.

    That is ``~/.cache/convscope`` on Linux (or in ``$XDG_CACHE_HOME``), ``~/Library/Caches/convscope`` on macOS and
    ``%LOCALAPPDATA%\convscope\Cache`` on Windows.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given)
    return user_cache_path("convscope", appauthor=False)


def printable(path: str | os.PathLike[str]) -> str:
    r"""Return a path as one line of text; characters that are unprintable or not UTF-8 are escaped.

    >>> printable("a b\nc"), printable("Größe.png")
    ('a b\\x0ac', 'Größe.png')
    """
    return inert(os.fsdecode(path))
