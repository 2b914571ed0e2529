"""Where data sets and caches of the user lie."""

from __future__ import annotations

import os
from pathlib import Path

from convscope.inert import inert

VARIABLE = "CONVSCOPE_CACHE"
"""Names the folder, in place of ``~/.cache/convscope``."""


def home() -> Path:
    """The user's folder for data: ``$CONVSCOPE_CACHE``, or ``convscope`` in the system's folder for caches."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "convscope"


def printable(path: str | os.PathLike[str]) -> str:
    r"""A path as one line of text: what cannot be printed or is not a UTF-8 is written as an escape.

    >>> printable("a b\nc"), printable("Größe.png")
    ('a b\\x0ac', 'Größe.png')
    """
    return inert(os.fsdecode(path))
