"""Recognition of texts that are paths, their content, and corrections for missing files."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from convscope import files
from convscope.errors import ModelError, NotationError
from convscope.frontends import named, text
from convscope.frontends.kinds import listed
from convscope.frontends.own import importable
from convscope.view.numbers import shortened

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_PATH = 4096

_SUFFIXED = re.compile(r"[^\s,(){}|*:]+\.[A-Za-z]\w*")
"""A word with a suffix: a file, though it may not exist."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://")


def may_be_path(source: str | Path) -> bool:
    """Return whether a text may be a path: not several statements, unless a file has that name.

    Raises:
        ModelError: the text is an address.
    """
    if isinstance(source, Path):
        return True
    if _ADDRESS.match(source):
        attempt = "download it first, then give the path of the file"
        raise ModelError(f"{shortened(source, 100)} is an address, not a file", attempt=attempt)
    if "\n" in source or "\0" in source or len(source) > MAX_PATH:
        return False
    return "," not in source or _exists(source)


def is_path(source: str) -> bool:
    """Return whether a text is a word with a suffix or a slash, or names a file; a net has blanks and no slash."""
    if not source.strip() or "\n" in source or "\0" in source or len(source) > MAX_PATH:
        return False
    if _SUFFIXED.fullmatch(source):
        return True
    if "/" in source and not set(source) & set(" (,") and not named.is_name(source):
        return True
    return source.endswith(".cnn") or ("(" not in source and _exists(source))


def _exists(source: str) -> bool:
    try:
        return Path(source).exists()
    except OSError:  # the name is too long for a file
        return False


def stdin_text() -> str:
    """Read the text on standard input.

    Raises:
        NotationError: there is no text.
    """
    try:
        return files.stdin_text(text.MAX_BYTES)
    except OSError as error:
        what = f"standard input cannot be read: {error.strerror}"
        raise NotationError(what, expected="a net in the notation") from None
    except UnicodeDecodeError as error:
        raise NotationError(f"standard input is not UTF-8 text: byte {error.start}") from None


def file_text(path: Path, read: Collection[str]) -> str:
    """Read the text in a file or a run folder; ``read`` are suffixes of other files from which a net can be read.

    Raises:
        ModelError: there is no such file.
        NotationError: it cannot be read, or is not text.
    """
    try:
        if os.path.lexists(path / "net.cnn"):  # the folder of a run
            with files.Folder(path) as run:
                return run.read("net.cnn", text.MAX_BYTES).decode()
        if files.kind_at(path) == "a folder":
            raise NotationError(f"{path} is a folder, but not a run folder", expected="a folder with a file net.cnn")
        return files.read(path, text.MAX_BYTES).decode()
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file or folder", attempt=_meant(str(path))) from None
    except OSError as error:
        raise NotationError(f"{path} cannot be read: {error.strerror}", attempt=_meant(str(path))) from None
    except UnicodeDecodeError as error:
        expected = "" if path.suffix == ".cnn" else listed(read)
        raise NotationError(f"{path} is not UTF-8 text: byte {error.start}", expected=expected) from None


def _meant(source: str) -> str:
    """Return the name of a model that was written like a path; empty if there is no such file or module."""
    head, mark, tail = source.rpartition(":")
    if mark and _exists(f"{head}.py"):
        return f"{head}.py:{tail}"
    head, _, tail = source.rpartition(".")
    if not all(part.isidentifier() for part in source.split(".")) or not head:
        return ""
    with importable(Path()):
        return f"{head}:{tail}" if importlib.util.find_spec(head.partition(".")[0]) else ""
