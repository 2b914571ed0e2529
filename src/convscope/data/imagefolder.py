"""``folder:PATH``: a folder of images as a data set, prepared once for each size."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from convscope.budget import raised
from convscope.core.shape import to_text
from convscope.data.classes import listed, near, ordered
from convscope.data.division import copies
from convscope.data.doubts import left_out_lines
from convscope.data.fetch import replacing
from convscope.data.folder import SUFFIXES, below, divided, listing
from convscope.data.home import printable
from convscope.data.image import decoded, fitted, plain, seen
from convscope.data.imagefile import TOLD
from convscope.data.metadata import labelled, tables_of
from convscope.data.prepared import Plan, forget_older, opened, place_of, prepare
from convscope.data.splits import split_of
from convscope.data.taken import File, Item, Taken
from convscope.errors import DataError, FieldError, ImageError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from convscope.core.shape import Shape
    from convscope.data.dataset import Dataset
    from convscope.data.folder import Listing
    from convscope.data.image import Seen
    from convscope.data.preparation import Preparation
    from convscope.data.spelled import Spelled

LARGEST = 128
"""Longest side of the images if neither the net nor the user states a size [pixel]."""

SHOWN = 20
"""Number of bad files that an error names."""


def find(wanted: Spelled, report: Callable[[int, int], None] | None = None) -> Dataset:
    """Open a folder as a data set; unusable files are an error, or are skipped and recorded in ``notes["skipped"]``.

    Raises:
        DataError: there are no images, fewer than two classes, or files that cannot be used.
        FieldError: the size is invalid.
    """
    if tables := tables_of(wanted):
        return _by_tables(wanted, tables, report)
    found = listing(wanted.folder)
    return opened_set(wanted, _digest(found), lambda: _taken(found, wanted), report)


def _by_tables(wanted: Spelled, tables: list[str], report: Callable[[int, int], None] | None) -> Dataset:
    """Open a folder whose images have their labels in tables."""
    root, digest = wanted.folder, hashlib.sha256()
    files = dict(below(root))
    for name, path in files.items():
        if name in tables or name.lower().endswith(SUFFIXES):
            facts = path.stat()
            digest.update(os.fsencode(name) + f"\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    folders = {name.partition("/")[0] for name in tables if "/" in name}
    contents = {name: File(path) for name, path in files.items()}
    splits = {folder: split_of(folder) for folder in folders}
    return opened_set(wanted, digest.hexdigest(), lambda: labelled(contents, tables, splits, wanted, {}), report)


def opened_set(
    wanted: Spelled,
    stamp: str,
    take: Callable[[], Taken],
    report: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Open a set of any kind whose images can be scaled; it is taken and prepared once for each stamp and size.

    Args:
        wanted: its name, the size, and whether unusable images are skipped.
        stamp: changes when the set changes.
        take: lists its images.
        report: called with the number of prepared images and of all images.

    Raises:
        DataError: there are no images, fewer than two classes, or images that cannot be used.
        FieldError: the size is invalid.
    """
    root = wanted.folder if wanted.is_path else Path()
    subject = printable(root) if wanted.is_path else printable(wanted.path)
    allowed = "" if raised() == 1 else f"\0{raised()}"  # which images are skipped as too large depends on it
    stamp += wanted.told + allowed + ("\0partial" if wanted.partial else "")
    place = place_of(f"{wanted.kind}:{root if wanted.is_path else wanted.path}", stamp)
    notes, index = _kept(place), None
    if notes:
        shape = checked(wanted.shape) if wanted.shape else default_shape(notes)
        index = opened(place / _form(shape, wanted))
    if not notes or index is None:
        with closing(take()) as taken:
            classes = _classes(taken, subject, partial=wanted.partial)
            notes = _notes(place, taken)
            shape = checked(wanted.shape) if wanted.shape else default_shape(notes)
            within, reader = place / _form(shape, wanted), _Reader(shape, wanted.preparation)
            index = opened(within) or prepare(
                within,
                lambda skipped: _planned(taken, classes, reader, skipped, subject, partial=wanted.partial),
                report,
            )
    forget_older(place)
    skipped = notes.pop("bad") | index.skipped
    if skipped and not wanted.skip_bad:
        raise bad_files(subject, skipped, wanted.kind)
    name = str(replace(wanted, path=str(root) if wanted.is_path else wanted.path, shape=index.shape))
    within = place / _form(index.shape, wanted)
    return index.dataset(
        name, root, within, "the user's own", notes | {"skipped": skipped, "prepared": wanted.prepared}
    )


def _form(shape: Shape, wanted: Spelled) -> str:
    """Return the name of a folder for images of one size and preparation."""
    return f"{to_text(shape)}-{wanted.prepared}" if wanted.prepared else to_text(shape)


def _taken(found: Listing, wanted: Spelled) -> Taken:
    """Return the images in a folder."""
    deeper = ""
    labels = ordered({entry.label for entry in found.entries})
    if len(labels) == 1 and len(found.nested.get(labels[0], ())) > 1:
        deeper = f"folder:{printable(wanted.folder / labels[0])}, whose folders may be the classes"
    return Taken(
        [Item(entry.name, entry.split, entry.label, File(entry.path)) for entry in found.entries],
        bad=found.bad,
        left_out=found.left_out,
        empty=found.empty,
        hint=deeper,
        nothing="no images in class folders",
        expected=f"a folder for each class, with {TOLD} in it",
    )


def bad_files(subject: str, bad: Mapping[str, str], kind: str) -> DataError:
    """Return the error for files that cannot be used, which names the first twenty."""
    return DataError(
        f"{subject} has {len(bad):,} file{'s' if len(bad) > 1 else ''} that cannot be used",
        given=_some(bad),
        attempt=f"repair or remove them, or skip them with train --skip-bad, or {kind},skip_bad:PATH",
    )


def _classes(taken: Taken, subject: str, *, partial: bool = False) -> tuple[str, ...]:
    """Names of the classes, in the order of their labels; a partial set may have one, or none for training.

    Raises:
        DataError: there are no images, none for training of some class, or fewer than two classes.
    """
    if not taken.items:
        raise DataError(
            f"{subject} has {taken.nothing}",
            given=_some({printable(name): why for name, why in taken.bad.items()}) or _left_out(taken),
            expected=taken.expected,
        )
    there = taken.items if partial else divided(taken.items)["train"]
    learned = {item.label for item in there}
    labels = [name for name in taken.classes if name in learned] if taken.classes else ordered(learned)
    odd = ordered({item.label for item in taken.items} - set(labels))
    if odd:
        twin = near(odd[0], labels)
        raise DataError(
            f"{subject} has no training images of the class {printable(odd[0])}",
            given=f"for training: {listed(labels)}",
            expected="training images of every class",
            attempt=f"give the folders {printable(odd[0])} and {printable(twin)} one name" if twin else "",
        )
    if len(labels) < 2 and not partial:
        raise DataError(
            f"{subject} has one class, {printable(labels[0])}",
            given=_left_out(taken),
            expected="at least two classes",
            attempt=taken.hint,
        )
    names = tuple(map(printable, labels))
    if len(set(names)) < len(names):
        raise DataError(f"{subject} has two classes whose names print alike", attempt="rename one of them")
    return names


def _left_out(taken: Taken) -> str:
    """What lies in the folders of classes and is not read, in a line."""
    return listed(left_out_lines(taken.left_out), between="; ")


def _digest(found: Listing) -> str:
    """Return a fingerprint of all names, sizes and times, and of what is left out."""
    digest = hashlib.sha256()
    for entry in found.entries:
        digest.update(os.fsencode(entry.name) + f"\0{entry.size}\0{entry.changed}\0".encode())
    digest.update(repr((sorted(found.bad.items()), found.left_out, found.empty)).encode(errors="surrogateescape"))
    return digest.hexdigest()


def checked(shape: Shape) -> Shape:
    """Check the size of images.

    Raises:
        FieldError: the size is invalid.
    """
    if len(shape) != 3 or shape[0] not in {1, 3} or not all(0 < size <= 4096 for size in shape[1:]):
        raise FieldError(f"images cannot have the size {to_text(shape)}", expected="HxWx1 or HxWx3, up to 4096x4096")
    return shape


def _kept(place: Path) -> dict[str, Any]:
    """Return the notes on a set that has been taken; empty if there are none."""
    try:
        kept: dict[str, Any] = {**msgspec.json.decode((place / "found.json").read_bytes(), type=Summary)}
        default_shape(kept)
    except (OSError, ValueError, RecursionError) as error:
        refuse_scarcity(error)
        return {}
    return kept


def _notes(place: Path, taken: Taken) -> dict[str, Any]:
    """Return sizes and modes of the images from their headers, and what is left out; keep both beside the images."""
    kept = summary([header for item in taken.items if (header := seen(Path(item.name), item.content))]) | {
        "bad": {printable(name): why for name, why in taken.bad.items()},
        "left_out": {printable(label): dict(row) for label, row in taken.left_out.items()},
        "empty": list(map(printable, taken.empty)),
        "undivided": not any(item.split for item in taken.items),
    }
    with replacing(place / "found.json") as draft:
        draft.write_text(json.dumps(kept), encoding="utf-8")
    return kept


class Summary(TypedDict):
    """Summarise a set: smallest, median and largest sizes, formats, modes, whether all are grey; what is left out."""

    height: list[int]
    width: list[int]
    formats: dict[str, int]
    modes: dict[str, int]
    grey: bool
    bad: dict[str, str]
    left_out: dict[str, dict[str, int]]
    empty: list[str]
    undivided: bool


def summary(headers: Sequence[Seen]) -> dict[str, Any]:
    """Return the smallest, median and largest sizes, formats and modes.

    >>> from convscope.data.image import Seen
    >>> summary([Seen("PNG", "RGB", 30, 40), Seen("PNG", "L", 50, 60)])["height"]
    [30, 30, 50]
    """
    heights, widths = sorted(h.height for h in headers), sorted(h.width for h in headers)
    return {
        "height": [heights[0], median_low(heights), heights[-1]] if heights else [],
        "width": [widths[0], median_low(widths), widths[-1]] if widths else [],
        "formats": dict(Counter(h.form for h in headers).most_common()),
        "modes": dict(Counter(h.mode for h in headers).most_common()),
        "grey": all(h.grey for h in headers) if headers else False,
    }


def default_shape(notes: dict[str, Any]) -> Shape:
    """Choose the size of a set whose images can be scaled; one channel if all images are grey.

    The size is the median of the heights and of the widths. If one of them is above 128, both are reduced alike, so
    that the aspect is kept. A side that is the same in all images, and is not reduced, is kept as it is; others are
    rounded to a multiple of 8.

    >>> default_shape({"height": [28, 28, 28], "width": [100, 110, 120], "grey": True})
    (1, 28, 112)
    >>> default_shape({"height": [480, 480, 960], "width": [300, 640, 900], "grey": False})
    (3, 96, 128)
    """
    sides = [notes[key] or (0, LARGEST, 0) for key in ("height", "width")]
    scale = min(1.0, LARGEST / max(middle for _, middle, _ in sides))
    height, width = (
        middle if least == greatest and scale == 1 else max(8, 8 * round(middle * scale / 8))
        for least, middle, greatest in sides
    )
    return (1 if notes["grey"] else 3, height, width)


@dataclass(frozen=True)
class _Reader:
    """Prepare images at one size."""

    shape: Shape
    preparation: Preparation | None = None

    def _fitted(self, image: Image) -> NDArray[np.uint8]:
        return self.preparation.pixels(image) if self.preparation else fitted(plain(image), self.shape)

    def __call__(self, item: Item) -> NDArray[np.uint8]:
        path = Path(item.name)
        try:
            return decoded(path, self._fitted, least=self.shape[1:], given=item.content)
        except ImageError as error:
            raise ImageError(error.what.removeprefix(printable(path)).strip()) from None


def _planned(  # noqa: PLR0913 -- what is prepared, and how it is called
    taken: Taken,
    classes: tuple[str, ...],
    reader: _Reader,
    skipped: Mapping[str, str],
    subject: str,
    *,
    partial: bool = False,
) -> Plan[Item]:
    """Return what to prepare; images that cannot be decoded are left out before the others are split."""
    labels = {name: at for at, name in enumerate(classes)}
    items = [item for item in taken.items if _name(item) not in skipped]
    parts = divided(items, copies(items))
    lost = sorted(set(labels) - {printable(item.label) for item in parts["train"]})
    if lost and not partial:
        raise DataError(f"{subject} has no image of the class {lost[0]} left for training", given=_some(skipped))
    return Plan(reader.shape, classes, parts, reader, lambda item: labels[printable(item.label)], _name)


def _name(item: Item) -> str:
    return printable(item.name)


def _some(bad: Mapping[str, str]) -> str:
    """Describe the first files that cannot be used, with reasons, and the number of others."""
    lines = [f"{name} {why}"[:200] for name, why in list(bad.items())[:SHOWN]]
    more = [f"{len(bad) - SHOWN:,} more, see convscope data check"] if len(bad) > SHOWN else []
    return "; ".join(lines + more)
