"""Kinds of data sets that users bring: what a name or a path means, and the module that reads it.

A kind is one row of :data:`BUILT_IN`, or an entry point of the group ``convscope.data`` in another package, which loads
to a :class:`Kind`. Most kinds only *take*: they list images with their classes
(:class:`convscope.data.taken.Taken`), and everything else follows from that, for all of them alike.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.data.dataset import Dataset
    from convscope.data.spelled import Spelled
    from convscope.data.taken import Taken

    Report = Callable[[int, int], None] | None

GROUP = "convscope.data"
"""Group of the entry points that add kinds."""


@dataclass(frozen=True)
class Kind:
    """A kind of data set.

    Attributes:
        name: what stands before the colon.
        what: the meaning of the text after it, ``PATH`` or ``NAME``.
        summary: what it reads, in a few words.
        take: ``(wanted) -> Taken``, or ``"module:function"``: lists the images.
        stamp: ``(wanted) -> str``, or the same: changes when the set changes; by default size and time of its files.
        find: ``(wanted, report) -> Dataset``, or the same: for a kind that prepares its images itself.
        suffixes: a path that ends so, and has no kind before it, is of this kind.
    """

    name: str
    what: str
    summary: str
    take: str | Callable[[Spelled], Taken] = ""
    stamp: str | Callable[[Spelled], str] = "convscope.data.taken:stamp"
    find: str | Callable[[Spelled, Report], Dataset] = ""
    suffixes: tuple[str, ...] = ()

    def opened(self, wanted: Spelled, report: Report) -> Dataset:
        """Open a set of this kind.

        Raises:
            DataError: it cannot be used.
        """
        if self.find:
            found = _loaded(self.find)(wanted, report)
        else:
            from convscope.data.imagefolder import opened_set

            stamp, take = _loaded(self.stamp), _loaded(self.take)
            found = opened_set(wanted, stamp(wanted), lambda: take(wanted), report)
        from convscope.data.dataset import Dataset

        assert isinstance(found, Dataset)
        return found


BUILT_IN = (
    Kind(
        "folder",
        "PATH",
        "a folder for each class, or images with metadata.csv or metadata.jsonl",
        find="convscope.data.imagefolder:find",
    ),
    Kind("zip", "PATH", "a .zip of folders", take="convscope.data.zipped:take", suffixes=(".zip",)),
    Kind(
        "tar",
        "PATH",
        "a .tar of folders, or shards of WebDataset",
        take="convscope.data.tarred:take",
        stamp="convscope.data.tarred:stamp",
        suffixes=(".tar", ".tar.gz", ".tgz"),
    ),
    Kind(
        "csv",
        "PATH",
        "a table of paths and labels, or of labels and pixels",
        find="convscope.data.csvfile:find",
        suffixes=(".csv", ".tsv"),
    ),
    Kind(
        "parquet",
        "PATH",
        "Parquet with a column of images and one of labels",
        take="convscope.data.parquet:take",
        stamp="convscope.data.parquet:stamp",
        suffixes=(".parquet",),
    ),
    Kind("npz", "PATH", "NumPy arrays", find="convscope.data.arrays:find", suffixes=(".npz",)),
    Kind("hf", "NAME", "a data set from Hugging Face", find="convscope.data.huggingface:find"),
    Kind(
        "sklearn",
        "NAME",
        "images of scikit-learn, such as sklearn:digits",
        take="convscope.data.bunches:take",
        stamp="convscope.data.bunches:stamp",
    ),
    Kind("torchvision", "NAME", "a data set of torchvision", find="convscope.data.vision:find"),
)
"""The kinds that Convscope reads itself; a package cannot replace them."""


def _loaded(given: Any) -> Any:
    """Return the function behind ``module:function``; a function is returned as it is."""
    if not isinstance(given, str):
        return given
    module, _, name = given.partition(":")
    return getattr(import_module(module), name)


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind by name: those of Convscope, then those of installed packages.

    >>> list(kinds())[0], kinds()["npz"].suffixes
    ('folder', ('.npz',))
    """
    found = {kind.name: kind for kind in BUILT_IN}
    for point in entry_points(group=GROUP):
        if point.name not in found:
            found[point.name] = Kind(point.name, "PATH", f"see {point.value}", find=_Added(point))
    return found


@dataclass(frozen=True)
class _Added:
    """A kind of another package, which is imported when a set of that kind is opened."""

    point: Any

    def __call__(self, wanted: Spelled, report: Report) -> Dataset:
        try:
            kind = self.point.load()
        except Exception as error:  # noqa: BLE001 -- another package may raise anything
            raise DataError(f'the kind "{self.point.name}" of data set cannot be loaded: {error}') from None
        if not isinstance(kind, Kind):
            raise DataError(
                f'the kind "{self.point.name}" of data set is {type(kind).__name__}', expected="a convscope Kind"
            )
        return kind.opened(wanted, report)


def kind_of_path(name: str) -> str:
    """Return the kind of a path that is given without one; empty if it is none.

    A path is one that exists, or that has a separator in it or ends like the files of a kind.

    >>> kind_of_path("pets.zip"), kind_of_path("folder:pets"), kind_of_path("mnist")
    ('zip', '', '')
    """
    there = Path(name).expanduser()
    try:
        if there.is_dir():
            return "folder"
        found = next((kind.name for kind in kinds().values() if name.lower().endswith(kind.suffixes or ("\0",))), "")
        if found and (there.exists() or name.partition(":")[0].partition(",")[0] not in kinds()):
            return found
        if there.is_file():
            ends = (end for kind in kinds().values() for end in kind.suffixes)
            raise DataError(f"{name} is not a data set", expected=f"a folder, or a file that ends in {', '.join(ends)}")
    except (OSError, ValueError):  # too long for a path, or not one
        return ""
    return ""


def is_kind(name: str) -> bool:
    """Return whether sets of that kind are named by a path or a name after a colon.

    >>> is_kind("npz"), is_kind("cifar10")
    (True, False)
    """
    return name in kinds()


def ending(path: str) -> str:
    """Return the suffix by which a file is of its kind; empty if it has none.

    >>> ending("digits.npz"), ending("pets")
    ('.npz', '')
    """
    known = sorted((end for kind in kinds().values() for end in kind.suffixes), key=len)
    return next((os.path.normcase(path)[-len(end) :] for end in known if path.lower().endswith(end)), "")
