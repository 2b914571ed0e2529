"""What a kind of data set takes from its files: images with their classes, and what it leaves out.

Nothing is decoded here. An image is a :class:`Item`, whose ``content`` returns the bytes of an image file, or the
pixels themselves; it is read when the set is prepared, from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convscope.data.home import printable
from convscope.errors import DataError, ImageError, refuse_scarcity
from convscope.files import read, require

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from convscope.data.spelled import Spelled

Content = Callable[[], "bytes | NDArray[np.uint8]"]
"""Returns an image file, or pixels ``c h w`` of 1 or 3 channels."""

MAX_BYTES = 500_000_000
"""Limit for the file of one image [byte]."""


@dataclass(frozen=True)
class Item:
    """An image of a set.

    Attributes:
        name: its path in the set, ``/`` between; no other image has it.
        split: ``train``, ``val`` or ``test``; empty if the set does not state it.
        label: name of its class.
        content: returns the image.
    """

    name: str
    split: str
    label: str
    content: Content


@dataclass(frozen=True)
class Taken:
    """The images of a set, and what is left out.

    Attributes:
        items: the images, in the order in which a net is to learn them.
        bad: files and rows that cannot be used, with the reason, by name.
        left_out: numbers of files that are not read, by class and suffix.
        empty: classes without an image.
        classes: names in the order of the labels, if the set states it; else they are ordered by name.
        hint: what to try if there is one class only.
        nothing: what it has if it has no items, for messages.
        expected: what a set of this kind contains, for messages.
        close: called when the images have been read.
    """

    items: Sequence[Item]
    bad: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    empty: Sequence[str] = ()
    classes: Sequence[str] = ()
    hint: str = ""
    nothing: str = "no images"
    expected: str = "images with their classes"
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class File:
    """An image in a file of its own."""

    path: Path

    def __call__(self) -> bytes:
        """Read it.

        Raises:
            ImageError: it cannot be read, or is too large.
        """
        try:
            return read(self.path, MAX_BYTES)
        except OSError as error:
            refuse_scarcity(error)
            raise ImageError(f"cannot be read: {error.strerror}") from None


def stamp(wanted: Spelled) -> str:
    """Return a text that changes when the file of a set changes: its size and time.

    Raises:
        DataError: it is not a file, or does not exist.
    """
    try:
        facts = require(wanted.folder)
    except OSError as error:
        refuse_scarcity(error)
        raise DataError(f"{printable(wanted.folder)} cannot be read: {error.strerror}") from None
    return f"{facts.st_size}\0{facts.st_mtime_ns}"
