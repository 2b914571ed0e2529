"""Every error a user can cause, as one tree.

::

    ConvscopeError
    ├── NotationError       the text of a net cannot be read
    ├── ModelError          a model file is damaged, of an unknown kind, or unreadable
    ├── ShapeError          an op does not fit its input
    ├── FieldError          a setting of an op or recipe has an invalid value
    ├── UnknownNameError    no op, node, data set or recipe of that name
    ├── LimitError          a question costs more work or memory than its file is worth
    ├── DataError           a data file is missing, damaged or not what it claims
    │   └── UnnamedDataError    the data of a run from elsewhere, which the user has not named
    ├── ImageError        an image cannot be read
    ├── RunError            a run folder is missing, damaged or not one
    ├── TrainingError       training cannot continue
    ├── WriteError          a net cannot be written in that language
    ├── MachineError        the machine has too little memory, disk, threads or open files, or refuses a file
    └── MissingExtraError   an optional dependency is not installed

An error states what is wrong, what was given, where that was written, and what to try (only if that is certain). These
are fields, so that a page or a terminal renders them without parsing the message. Low-level code raises the bare fact;
callers that know more add it with :meth:`ConvscopeError.add`.
"""

from __future__ import annotations

import errno
import os
import traceback
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Self

from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class ConvscopeError(Exception):
    """The base class of all errors in a user's input.

    Args:
        what: the fact in one line, with numbers.
        given: what the failing part received.
        written: where the user wrote it: ``file:line:column`` and the text.
        excerpt: the line of the user's text with carets below.
        expected: what would have been accepted.
        attempt: what to try, if it is certain to help.

    >>> print(ShapeError("groups=5 does not divide in_channels=48", attempt="groups = 1, 2 or 4").told())
    ShapeError: groups=5 does not divide in_channels=48
      try      groups = 1, 2 or 4
    """

    def __init__(  # noqa: PLR0913 -- one parameter for each field that is rendered
        self,
        what: str,
        *,
        given: str = "",
        written: str = "",
        excerpt: str = "",
        expected: str = "",
        attempt: str = "",
    ) -> None:
        super().__init__(what)
        self.what: str = what
        self.given: str = given
        self.written: str = written
        self.excerpt: str = excerpt
        self.expected: str = expected
        self.attempt: str = attempt

    def add(self, *, subject: str = "", given: str = "", written: str = "", excerpt: str = "") -> Self:
        """Fill in fields that the raiser could not know; fields that are set stay."""
        if subject:
            self.what = f"{subject}: {self.what}"
        self.given = self.given or given
        self.written = self.written or written
        self.excerpt = self.excerpt or excerpt
        return self

    def __str__(self) -> str:
        lines = [self.what]
        labelled = {"given": self.given, "written": self.written}
        lines += [f"  {label:<8} {text}" for label, text in labelled.items() if text]
        lines += [f"    {line}" for line in self.excerpt.split("\n") if line]
        labelled = {"expected": self.expected, "try": self.attempt}
        lines += [f"  {label:<8} {text}" for label, text in labelled.items() if text]
        return "\n".join(map(inert, lines))  # names from a file cannot break the line

    def told(self) -> str:
        """Return the message after the kind of the error, as in Python's tracebacks."""
        return f"{type(self).__name__}: {self}"

    def _render_traceback_(self) -> list[str]:
        """Return the short traceback of a notebook, for IPython: the lines of the user's code, and the message."""
        own = [
            frame
            for frame in traceback.extract_tb(self.__traceback__)
            if not Path(frame.filename).is_relative_to(_OWN) and _NOTEBOOK not in frame.filename
        ]
        places = (f"  {_place(frame)}\n    {inert((frame.line or '').strip())}" for frame in own)
        return [*places, *self.told().split("\n")]


_OWN = Path(__file__).parent
"""Return the folder of our own frames, which a notebook does not show."""

_NOTEBOOK = f"{os.sep}IPython{os.sep}"


def _place(frame: traceback.FrameSummary) -> str:
    """Describe the position of a user's line, in a cell or in a file."""
    if "ipykernel" in frame.filename or frame.filename.startswith("<ipython"):
        return f"this cell, line {frame.lineno}"
    return inert(f"{frame.filename}, line {frame.lineno}, in {frame.name}")


class NotationError(ConvscopeError):
    """The text of a net cannot be read."""


class ModelError(ConvscopeError):
    """A model file is damaged, of an unknown kind, or unreadable."""


class ShapeError(ConvscopeError):
    """An op does not fit its input."""


class FieldError(ConvscopeError):
    """A setting has an invalid value."""


class UnknownNameError(ConvscopeError):
    """No op, node, data set or recipe of that name."""


class LimitError(ConvscopeError):
    """A question costs more work or memory than the size of its file allows; see ``convscope.budget``."""


class DataError(ConvscopeError):
    """A data file is missing, damaged or not what it claims."""


class UnnamedDataError(DataError):
    """Only the run names its data; nothing is opened unless the user names it.

    Args:
        run: the run.
        data: the name.

    >>> print(UnnamedDataError("runs/x", "folder:/home/me/my pets"))
    runs/x was not trained here: it describes its data, so what it names is not opened
      given    folder:/home/me/my pets
      try      --data 'folder:/home/me/my pets', if you know that data (in Python, data=…)
    """

    def __init__(self, run: str, data: str) -> None:
        super().__init__(
            f"{run} was not trained here: it describes its data, so what it names is not opened",
            given=data,
            attempt=f"--data {quote(data)}, if you know that data (in Python, data=…)",
        )
        self.data: str = data

    def completed(self, command: Sequence[str]) -> Self:
        """Return the command that the user typed, completed."""
        self.attempt: str = f"{join([*command, '--data', self.data])}, if you know that data"
        return self


class ImageError(ConvscopeError):
    """An image cannot be read."""


class RunError(ConvscopeError):
    """A run folder is missing, damaged or not one."""


class TrainingError(ConvscopeError):
    """Training cannot continue."""


class WriteError(ConvscopeError):
    """A net cannot be written in that language."""


class MachineError(ConvscopeError):
    """The machine has too little memory, disk space, threads or open files, or refuses a file."""


class MissingExtraError(ConvscopeError):
    """An optional dependency is not installed."""


_LACKING = {
    errno.ENOSPC: ("the disk is full", "free some space, or write elsewhere"),
    errno.EDQUOT: ("your disk quota is used up", "free some space, or write elsewhere"),
    errno.EFBIG: ("the file is larger than this process may write", "ulimit -f unlimited"),
    errno.EMFILE: ("this process has too many files open", "ulimit -n 4096"),
    errno.ENFILE: ("the system has too many files open", "close other programs"),
    errno.ENOMEM: ("there is too little memory", "use a smaller input, net or batch"),
    errno.EAGAIN: ("the system cannot start more processes or threads", "ulimit -u, or OMP_NUM_THREADS=1"),
}
"""The meaning of some error numbers of the system, and what helps."""

_MEMORY = ("cannot allocate memory", "failed to map segment", "std::bad_alloc", "not enough memory")
_THREADS = "can't start new thread"


def machine(error: BaseException) -> MachineError | None:
    """Return the error for an exception that reports a lack of resources; None for any other exception.

    >>> print(machine(OSError(errno.EMFILE, "Too many open files", "a.png")))  # doctest: +ELLIPSIS
    a.png: this process has too many files open
      given    at most ... at a time
      try      ulimit -n 4096
    >>> machine(ValueError("no"))
    """
    words = str(error).lower()
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError | ImportError) and _has(words, _MEMORY)):
        what, attempt = _LACKING[errno.ENOMEM]
        return MachineError(f"{what} for this question", given=str(error), attempt=attempt)
    if isinstance(error, RuntimeError) and _THREADS in words:
        what, attempt = _LACKING[errno.EAGAIN]
        return MachineError(what, attempt=attempt)
    if not isinstance(error, OSError):
        return None
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    own = error.strerror or str(error)
    what, attempt = _LACKING.get(error.errno or 0, (own, ""))
    given = _open_files() if error.errno == errno.EMFILE else own if attempt else ""
    return MachineError(f"{place}{what}", given=given, attempt=attempt)


_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


def refuse_scarcity(error: BaseException) -> None:
    """Raise the error for a lack of resources, before an exception is mistaken for damage of the file that it names.

    Raises:
        MachineError: the machine has too few open files, threads or too little memory.

    >>> refuse_scarcity(FileNotFoundError(errno.ENOENT, "No such file or directory", "a.png"))
    >>> refuse_scarcity(OSError(errno.EMFILE, "Too many open files", "a.png"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    convscope.errors.MachineError: a.png: this process has too many files open
      given    at most ... at a time
      try      ulimit -n 4096
    """
    found = machine(error)
    if found and (not isinstance(error, OSError) or error.errno in _SCARCE):
        raise found from None


def _open_files() -> str:
    """Describe how many files this process may have open."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    return f"at most {resource.getrlimit(resource.RLIMIT_NOFILE)[0]:,} at a time"


def _has(words: str, known: Iterable[str]) -> bool:
    return any(one in words for one in known)


MOST_NAMES, LONGEST_NAME = 5000, 64
"""The most names, and characters of a name, that are compared for a typing error."""


def nearest(name: object, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """Return the known name that is nearest to a misspelt one, or an empty string.

    >>> nearest("cnov", ["conv", "maxpool"])
    'conv'
    >>> nearest("dense", ["conv", "linear"], {"dense": "linear"})
    'linear'
    >>> nearest("nett", ["Net", "make"])
    'Net'
    """
    if not isinstance(name, str):  # of a caller in Python
        return ""
    if aliases and name.lower() in aliases:
        return aliases[name.lower()]
    if len(name) > LONGEST_NAME:
        return ""
    small = {one.lower(): one for one in islice(known, MOST_NAMES) if len(one) <= LONGEST_NAME}
    matches = get_close_matches(name.lower(), small, n=1, cutoff=0.7)
    return small[matches[0]] if matches else ""


def unknown(kind: str, name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> UnknownNameError:
    """Return the error for a name that is not in a list, with the list and the nearest entry.

    >>> print(unknown("recipe", "fats", ["fast", "strong"]))
    there is no recipe "fats"
      expected one of fast, strong
      try      fast
    """
    names = sorted(known)
    return UnknownNameError(
        f'there is no {kind} "{name}"',
        expected=f"one of {', '.join(names)}",
        attempt=nearest(name, names, aliases),
    )
