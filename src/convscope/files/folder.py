"""An untrusted folder: everything in it is opened relative to it, and no link is followed.

A run that was unpacked, copied or downloaded may contain links to any file of the user's. The folder is opened once;
each part of a path inside it is then opened from the folder above. Links are refused.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from convscope.errors import RunError, refuse_scarcity
from convscope.files.place import NEW, cannot_write, permissions, place
from convscope.files.plain import NOFOLLOW, READ, content_of, kind_of, opened

if TYPE_CHECKING:
    from io import BufferedReader, BufferedWriter
    from pathlib import Path
    from types import TracebackType

RELATIVE = {os.open, os.stat, os.mkdir, os.unlink, os.rmdir, os.rename} <= os.supports_dir_fd
"""Whether names can be resolved from an open folder; if not (Windows), each is examined before it is used."""

MORE = (NEW & ~(os.O_CREAT | os.O_EXCL)) | os.O_APPEND

DEEPEST = 8
"""The deepest nesting of folders that is searched."""


class Folder:
    """A run folder. Names are relative to it and use ``/`` for subfolders.

    Args:
        path: path of the folder; it may itself be a link, since the user names it.
        at: the folder, if it is open already.

    Raises:
        RunError: it is not a folder.

    >>> import os, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as place, Folder(pathlib.Path(place)) as folder:
    ...     folder.write("net.cnn", b"input 8x8x1")
    ...     os.symlink("/etc", pathlib.Path(place, "checkpoints"))
    ...     folder.names(), folder.kind("checkpoints"), folder.read("net.cnn", 100)
    (['checkpoints', 'net.cnn'], 'a link', b'input 8x8x1')
    """

    def __init__(self, path: Path, at: int | None = None) -> None:
        self.path: Path = path
        self._at = at
        if at is not None:
            return
        try:
            if RELATIVE:
                self._at = os.open(path, READ | os.O_DIRECTORY)
            elif not path.is_dir():
                raise NotADirectoryError
        except (OSError, ValueError) as error:
            refuse_scarcity(error)
            why = (error.strerror if isinstance(error, OSError) else "") or "not a folder"
            raise RunError(f"{path} cannot be opened as a folder: {why}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder."""
        if self._at is not None:
            os.close(self._at)
            self._at = None

    def _name(self, name: str) -> str:
        """Return the arguments with which the system is called."""
        return name if RELATIVE else str(self.path / name)

    def inside(self, name: str) -> Folder:
        """Open a subfolder.

        Raises:
            RunError: it is a link, or it cannot be opened.
            OSError: it does not exist, or is not a folder.
        """
        first, _, rest = name.partition("/")
        if first in {"", ".", ".."}:
            raise RunError(f"{self.path / name} does not lie in {self.path}")
        self._refuse_link(first)
        at = os.open(first, READ | os.O_DIRECTORY | NOFOLLOW, dir_fd=self._at) if RELATIVE else None
        inner = Folder(self.path / first, at)
        if not rest:
            return inner
        with inner:
            return inner.inside(rest)

    def kind(self, name: str) -> str:
        """Return ``a file``, ``a folder``, ``a link``, ``a pipe`` …; empty if there is nothing of that name."""
        above, _, last = name.rpartition("/")
        try:
            if above:
                with self.inside(above) as inner:
                    return inner.kind(last)
            return kind_of(os.stat(self._name(name), dir_fd=self._at, follow_symlinks=False).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def names(self) -> list[str]:
        """Return the sorted names in the folder."""
        return sorted(os.listdir(self.path if self._at is None else self._at))  # noqa: PTH208 -- the folder is open

    def _refuse_link(self, name: str) -> None:
        if self.kind(name) == "a link":
            raise has_links(self.path, name, self._target(name))

    def _target(self, name: str) -> str:
        try:
            return os.readlink(self._name(name), dir_fd=self._at)
        except OSError:
            return ""

    def refuse_links(self, deepest: int = DEEPEST) -> None:
        """Search the folder and its subfolders.

        Raises:
            RunError: there is a link.
        """
        for name in self.names():
            self._refuse_link(name)
            if deepest and self.kind(name) == "a folder":
                with self.inside(name) as inner:
                    inner.refuse_links(deepest - 1)

    def opened(self, name: str, most: int | None = None) -> BufferedReader:
        """Open a file for reading.

        Raises:
            RunError: it is a link.
            OSError: it does not exist, is not a regular file, or is larger than ``most`` bytes.
        """
        above, _, last = name.rpartition("/")
        if above:
            with self.inside(above) as inner:
                return inner.opened(last, most)
        self._refuse_link(name)
        return opened(self._name(name), most=most, follow=False, at=self._at)

    def read(self, name: str, most: int) -> bytes:
        """Read a file of limited size; errors are those of :meth:`opened`."""
        with self.opened(name, most) as file:
            return content_of(file, self.path / name, most)

    def write(self, name: str, content: bytes) -> None:
        """Replace or create a file; readers find the old or the new one, never a part.

        Raises:
            RunError: it is a link, is not a regular file, or cannot be written; nothing has changed then.
        """
        try:
            above, _, last = name.rpartition("/")
            if above:
                with self.inside(above) as inner:
                    return inner.write(last, content)
            self._refuse_link(name)
            kind = self.kind(name)
            if kind not in {"", "a file"}:
                raise not_a_file(self.path / name, kind)
            place(self._name(name), content, permissions(self._name(name), self._at), self._at)
        except OSError as error:
            raise cannot_write(RunError, self.path / name, len(content), error) from None

    def begun(self, name: str, content: bytes = b"") -> BufferedWriter:
        """Replace a file with some content and keep it open for more.

        Raises:
            RunError: as for :meth:`write`.
        """
        self.write(name, content)
        try:
            return self.more(name)
        except OSError as error:
            raise cannot_write(RunError, self.path / name, len(content), error) from None

    def more(self, name: str) -> BufferedWriter:
        """Open a file of this folder for appending.

        Raises:
            RunError: it is a link, is not a regular file, or has another name.
            OSError: it cannot be opened.
        """
        self.require_alone(name)
        return os.fdopen(os.open(self._name(name), MORE, dir_fd=self._at), "ab")

    def require_alone(self, name: str) -> None:
        """Refuse to change a link, anything but a regular file, and a file with other names.

        Raises:
            RunError: it is one of these.
        """
        self._refuse_link(name)
        if not self.kind(name):
            return
        found = os.stat(self._name(name), dir_fd=self._at, follow_symlinks=False)
        if kind_of(found.st_mode) != "a file":
            raise not_a_file(self.path / name, kind_of(found.st_mode))
        if found.st_nlink > 1:
            what = f"{self.path / name} has hard links, so a file elsewhere would be changed too"
            raise RunError(what, attempt=copied(self.path))

    def make(self, name: str) -> None:
        """Make a subfolder, unless it exists.

        Raises:
            RunError: it is a link, or cannot be made.
        """
        self._refuse_link(name)
        try:
            with suppress(FileExistsError):
                os.mkdir(self._name(name), dir_fd=self._at)
            self.inside(name).close()
        except OSError as error:
            raise cannot_write(RunError, self.path / name, 0, error) from None

    def remove(self, name: str) -> None:
        """Remove a file or a link if it exists, but not the target of a link."""
        above, _, last = name.rpartition("/")
        with suppress(FileNotFoundError):
            if above:
                with self.inside(above) as inner:
                    inner.remove(last)
            else:
                os.unlink(self._name(name), dir_fd=self._at)

    def clear(self, name: str, deepest: int = DEEPEST) -> None:
        """Remove a subfolder and everything in it; links are removed, not followed."""
        if self.kind(name) != "a folder" or not deepest:
            return
        with suppress(OSError), self.inside(name) as inner:
            for one in inner.names():
                inner.clear(one, deepest - 1) if inner.kind(one) == "a folder" else inner.remove(one)
        with suppress(OSError):
            os.rmdir(self._name(name), dir_fd=self._at)

    def tidy(self) -> None:
        """Remove drafts that a killed process left."""
        for name in self.names():
            if name.startswith(".") and name.endswith(".tmp") and self.kind(name) == "a file":
                self.remove(name)


def has_links(path: Path, name: str, target: str) -> RunError:
    """Return the error for a link in a run."""
    return RunError(
        f"the run {path} contains a link, and links are not followed: {name}",
        given=f"{path / name} leads to {target}" if target else "",
        attempt=copied(path),
    )


def not_a_file(path: Path, kind: str) -> RunError:
    """Return the error for something other than a file."""
    return RunError(f"{path} cannot be written: it is {kind}, not a file")


def copied(path: Path) -> str:
    """Suggest what to do about files that are also elsewhere."""
    return f"cp -rL {path} COPY, if you trust the targets of the links, then use COPY"
