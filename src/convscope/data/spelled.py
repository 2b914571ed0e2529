"""The names of users' own data sets: ``kind,option,option:path``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.core.shape import from_text, to_text
from convscope.data.kinds import kind_of_path, kinds
from convscope.errors import ConvscopeError, DataError, FieldError

if TYPE_CHECKING:
    from convscope.core.shape import Shape
    from convscope.data.preparation import Preparation

SKIP = "skip_bad"

COLUMNS = ("image", "label", "split")
"""Columns of a table that can be named, as in ``csv,label=species:PATH``."""


@dataclass(frozen=True)
class Spelled:
    """A parsed name.

    Attributes:
        kind: ``folder``, ``npz`` and so on.
        path: path of the files, or the name in another library.
        shape: the requested ``c h w``; None for the set's own.
        skip_bad: whether unusable files are skipped.
        columns: names of columns of a table, by what they contain: ``image``, ``label`` or ``split``.
        partial: whether one class is enough, for a set that is only evaluated on.
        preparation: how images are prepared; None if they are only scaled.
    """

    kind: str
    path: str
    shape: Shape | None = None
    skip_bad: bool = False
    columns: tuple[tuple[str, str], ...] = ()
    partial: bool = False
    preparation: Preparation | None = field(default=None, compare=False)

    @property
    def is_path(self) -> bool:
        """Whether its images are in files that ``path`` names."""
        return kinds()[self.kind].what == "PATH"

    @property
    def told(self) -> str:
        """The columns as options; empty if none is named."""
        return ",".join(f"{what}={name}" for what, name in self.columns)

    @property
    def prepared(self) -> str:
        """How images are prepared, in a word; empty if they are only scaled."""
        return self.preparation.key if self.preparation else ""

    def __str__(self) -> str:
        options = [to_text(self.shape)] if self.shape else []
        options += [SKIP] if self.skip_bad else []
        options += [self.told] if self.told else []
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
    """Parse a name, or the path of a folder or file whose kind is known by its suffix.

    Raises:
        FieldError: an option is not known.
        DataError: it is the path of a file of an unknown kind.

    >>> found = spelled("folder,32x32x3,skip_bad:my photos")
    >>> found.kind, found.path, found.shape, found.skip_bad
    ('folder', 'my photos', (3, 32, 32), True)
    >>> str(spelled("npz:a:b.npz"))
    'npz:a:b.npz'
    >>> spelled("csv,label=species:birds.csv").columns, str(spelled("pets.zip"))
    ((('label', 'species'),), 'zip:pets.zip')
    """
    if found := kind_of_path(name):
        return Spelled(found, name)
    head, _, path = name.partition(":")
    kind, *options = head.split(",")
    shape, columns = None, []
    for option in options:
        what, mark, column = option.partition("=")
        if option == SKIP:
            continue
        if mark and what in COLUMNS and column:
            columns.append((what, column))
            continue
        try:
            shape = from_text(option)
        except ConvscopeError:
            raise FieldError(
                f'the data set cannot have the option "{option[:40]}"',
                expected=f"a size such as 32x32x3, {SKIP}, or label=COLUMN of a table",
            ) from None
    return Spelled(kind, path, shape, SKIP in options, tuple(columns))
