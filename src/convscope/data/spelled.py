"""The names of users' own data sets: ``kind,option,option:path``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.core.shape import from_text, to_text
from convscope.errors import ConvscopeError, DataError, FieldError

if TYPE_CHECKING:
    from convscope.core.shape import Shape

SKIP = "skip_bad"


@dataclass(frozen=True)
class Spelled:
    """A parsed name.

    Attributes:
        kind: ``folder``, ``npz`` and so on.
        path: path of the files, or the name in another library.
        shape: the requested ``c h w``; None for the set's own.
        skip_bad: whether unusable files are skipped.
    """

    kind: str
    path: str
    shape: Shape | None = None
    skip_bad: bool = False

    def __str__(self) -> str:
        options = [to_text(self.shape)] if self.shape else []
        options += [SKIP] if self.skip_bad else []
        return f"{','.join((self.kind, *options))}:{self.path}"

    @property
    def folder(self) -> Path:
        """Return the absolute path, so that the name means the same everywhere.

        Raises:
            DataError: the path contains unprintable characters.
        """
        path = Path(os.path.abspath(Path(self.path).expanduser()))  # noqa: PTH100 -- links are not resolved
        if not str(path).isprintable():
            raise DataError("the folder's name contains unprintable characters", attempt="rename it")
        return path


def spelled(name: str) -> Spelled:
    """Parse a name.

    Raises:
        FieldError: an option is not known.

    >>> spelled("folder,32x32x3,skip_bad:my photos")
    Spelled(kind='folder', path='my photos', shape=(3, 32, 32), skip_bad=True)
    >>> str(spelled("npz:a:b.npz"))
    'npz:a:b.npz'
    """
    head, _, path = name.partition(":")
    kind, *options = head.split(",")
    shape = None
    for option in options:
        if option == SKIP:
            continue
        try:
            shape = from_text(option)
        except ConvscopeError:
            raise FieldError(
                f'the data set cannot have the option "{option[:40]}"', expected=f"a size such as 32x32x3, or {SKIP}"
            ) from None
    return Spelled(kind, path, shape, SKIP in options)
