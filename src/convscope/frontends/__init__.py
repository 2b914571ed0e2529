"""Ways to bring a net in, one module for each vocabulary."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.core.shape import from_text
from convscope.errors import FieldError, NotationError
from convscope.frontends import text

if TYPE_CHECKING:
    from convscope.core.net import Net
    from convscope.core.shape import Shape

STDIN = "-"


def read(source: str | Path, *, input: str | None = None) -> Net:  # noqa: A002 -- the word of the notation
    """Read a net: the notation itself, the path of a ``.cnn`` file, or ``-`` for standard input.

    Args:
        source: text or path. What ends in ``.cnn``, or names an existing file or the folder of a run, is a path.
        input: size of the input, ``HxWxC``; overrides what the net says.

    Raises:
        NotationError: the text is not in the notation, or the file cannot be read.
        ShapeError: a layer does not fit its input.
        FieldError: a setting, or ``input``, has a value it cannot have.

    >>> read("input 28x28x1, conv 16 3x3 relu").output
    (16, 26, 26)
    """
    shape = _size(input) if input is not None else None
    if source == STDIN:
        return text.read(_stdin_text(), source="<stdin>", shape=shape)
    if isinstance(source, Path) or _is_path(source):
        return text.read(_file_text(Path(source)), source=str(source), shape=shape)
    return text.read(source, shape=shape)


def _size(text: str) -> Shape:
    try:
        return from_text(text)
    except FieldError as error:
        raise FieldError(f"input: {error.what}", expected="height x width x channels, such as 28x28x1") from None


def _is_path(source: str) -> bool:
    """One word that ends in .cnn or names a file or folder; a net has blanks."""
    if not source.strip() or "\n" in source or len(source) > 4096 or "\0" in source:
        return False
    try:
        return source.endswith(".cnn") or ("(" not in source and Path(source).exists())
    except OSError:  # no name of a file can be that long
        return False


def _stdin_text() -> str:
    if sys.stdin is None:
        raise NotationError("standard input is closed", expected="a net in the notation")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise NotationError(f"standard input is not UTF-8 text: byte {error.start}") from None


def _file_text(path: Path) -> str:
    if (path / "net.cnn").is_file():  # the folder of a run
        path /= "net.cnn"
    try:
        if path.stat().st_size > text.MAX_BYTES:
            raise NotationError(f"{path} has {path.stat().st_size} bytes", expected="at most 1 MiB")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise NotationError(f"{path} is not UTF-8 text: byte {error.start}") from None
