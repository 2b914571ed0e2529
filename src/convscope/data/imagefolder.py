"""``folder:PATH``: a folder of images as a data set, prepared once for each size."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass, replace
from statistics import median_low
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from convscope.budget import raised
from convscope.core.shape import to_text
from convscope.data.classes import listed, near, ordered
from convscope.data.doubts import left_out_lines
from convscope.data.fetch import replacing
from convscope.data.folder import divided, listing
from convscope.data.home import printable
from convscope.data.image import decoded, fitted, plain, seen
from convscope.data.imagefile import TOLD
from convscope.data.prepared import Plan, forget_older, opened, place_of, prepare
from convscope.errors import DataError, FieldError, ImageError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from convscope.core.shape import Shape
    from convscope.data.dataset import Dataset
    from convscope.data.folder import Entry, Listing
    from convscope.data.image import Seen
    from convscope.data.prepared import Index
    from convscope.data.spelled import Spelled

LARGEST = 64
"""Default side of the images if neither the net nor the user states a size [pixel]."""

SHOWN = 20
"""Number of bad files that an error names."""


def find(wanted: Spelled, report: Callable[[int, int], None] | None = None) -> Dataset:
    """Open a folder as a data set; unusable files are an error, or are skipped and recorded in ``notes["skipped"]``.

    Raises:
        DataError: there are no images, fewer than two classes, or files that cannot be used.
        FieldError: the size is invalid.
    """
    root = wanted.folder
    found = listing(root)
    classes = _classes(found, root)
    allowed = "" if raised() == 1 else f"\0{raised()}"  # which images are skipped as too large depends on it
    place = place_of(f"folder:{root}", _digest(found) + allowed)
    notes = _notes(place, found)
    shape = checked(wanted.shape) if wanted.shape else default_shape(notes)
    index = opened(place / to_text(shape)) or _prepare(place / to_text(shape), found, classes, shape, report)
    forget_older(place)
    skipped = {printable(name): why for name, why in found.bad.items()} | index.skipped
    if skipped and not wanted.skip_bad:
        raise bad_files(root, skipped)
    name = str(replace(wanted, path=str(root), shape=shape))
    notes |= {
        "skipped": skipped,
        "left_out": {printable(label): row for label, row in found.left_out.items()},
        "empty": list(map(printable, found.empty)),
    }
    return index.dataset(name, root, place / to_text(shape), "the user's own", notes)


def bad_files(root: Path, bad: Mapping[str, str]) -> DataError:
    """Return the error for files that cannot be used, which names the first twenty."""
    return DataError(
        f"{printable(root)} has {len(bad):,} file{'s' if len(bad) > 1 else ''} that cannot be used",
        given=_some(bad),
        attempt="repair or remove them, or skip them with --skip-bad (in Python, folder,skip_bad:PATH)",
    )


def _classes(found: Listing, root: Path) -> tuple[str, ...]:
    """Names of the classes, in the order of their labels.

    Raises:
        DataError: there are no images, none for training of some class, or fewer than two classes.
    """
    if not found.entries:
        raise DataError(
            f"{printable(root)} has no images in class folders",
            given=_some({printable(name): why for name, why in found.bad.items()}) or _left_out(found),
            expected=f"a folder for each class, with {TOLD} in it",
        )
    labels = ordered({entry.label for entry in divided(found.entries)["train"]})
    odd = ordered({entry.label for entry in found.entries} - set(labels))
    if odd:
        twin = near(odd[0], labels)
        raise DataError(
            f"{printable(root)} has no training images of the class {printable(odd[0])}",
            given=f"for training: {listed(labels)}",
            expected="training images of every class",
            attempt=f"give the folders {printable(odd[0])} and {printable(twin)} one name" if twin else "",
        )
    if len(labels) < 2:
        deeper = len(found.nested.get(labels[0], ())) > 1
        raise DataError(
            f"{printable(root)} has one class, {printable(labels[0])}",
            given=_left_out(found),
            expected="at least two classes",
            attempt=f"folder:{printable(root / labels[0])}, whose folders may be the classes" if deeper else "",
        )
    names = tuple(map(printable, labels))
    if len(set(names)) < len(names):
        raise DataError(f"{printable(root)} has two classes whose names print alike", attempt="rename one of them")
    return names


def _left_out(found: Listing) -> str:
    """What lies in the folders of classes and is not read, in a line."""
    return listed(left_out_lines(found.left_out), between="; ")


def _digest(found: Listing) -> str:
    """Return a fingerprint of all names, sizes and times, which changes if a file is added, changed or removed."""
    digest = hashlib.sha256()
    for entry in found.entries:
        digest.update(os.fsencode(entry.name) + f"\0{entry.size}\0{entry.changed}\0".encode())
    return digest.hexdigest()


def checked(shape: Shape) -> Shape:
    """Check the size of images.

    Raises:
        FieldError: the size is invalid.
    """
    if len(shape) != 3 or shape[0] not in {1, 3} or not all(0 < size <= 4096 for size in shape[1:]):
        raise FieldError(f"images cannot have the size {to_text(shape)}", expected="HxWx1 or HxWx3, up to 4096x4096")
    return shape


def _notes(place: Path, found: Listing) -> dict[str, Any]:
    """Return sizes and modes of the files from their headers, and keep them beside the images."""
    path = place / "found.json"
    try:
        kept: dict[str, Any] = {**msgspec.json.decode(path.read_bytes(), type=Summary)}
        default_shape(kept)
    except (OSError, ValueError, RecursionError) as error:
        refuse_scarcity(error)
        headers = [header for entry in found.entries if (header := seen(entry.path))]
        kept = summary(headers)
        with replacing(path) as draft:
            draft.write_text(json.dumps(kept), encoding="utf-8")
    return kept


class Summary(TypedDict):
    """Summarise all headers: smallest, median and largest sizes, formats and modes, and whether all are grey."""

    height: list[int]
    width: list[int]
    formats: dict[str, int]
    modes: dict[str, int]
    grey: bool


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

    Along each axis, equal sizes of at most 64 are kept; otherwise the median is rounded to a multiple of 8 from 8 to
    64.

    >>> default_shape({"height": [28, 28, 28], "width": [300, 640, 900], "grey": True})
    (1, 28, 64)
    """
    height, width = (_side(*(notes[key] or (0, LARGEST, 0))) for key in ("height", "width"))
    return (1 if notes["grey"] else 3, height, width)


def _side(least: int, middle: int, greatest: int) -> int:
    return middle if least == greatest <= LARGEST else min(LARGEST, max(8, 8 * round(middle / 8)))


@dataclass(frozen=True)
class _Reader:
    """Prepare the images of entries at one size."""

    shape: Shape

    def __call__(self, entry: Entry) -> NDArray[np.uint8]:
        try:
            return decoded(entry.path, lambda image: fitted(plain(image), self.shape), least=self.shape[1:])
        except ImageError as error:
            raise ImageError(error.what.removeprefix(printable(entry.path)).strip()) from None


def _prepare(
    place: Path,
    found: Listing,
    classes: tuple[str, ...],
    shape: Shape,
    report: Callable[[int, int], None] | None,
) -> Index:
    """Decode every image; those that cannot be decoded are left out before the others are split."""
    labels = {name: at for at, name in enumerate(classes)}

    def planned(skipped: Mapping[str, str]) -> Plan[Entry]:
        entries = [entry for entry in found.entries if _name(entry) not in skipped]
        parts = divided(entries)
        lost = sorted(set(labels) - {printable(entry.label) for entry in parts["train"]})
        if lost:
            raise DataError(f"no image of the class {lost[0]} is left for training", given=_some(skipped))
        return Plan(shape, classes, parts, _Reader(shape), lambda entry: labels[printable(entry.label)], _name)

    return prepare(place, planned, report)


def _name(entry: Entry) -> str:
    return printable(entry.name)


def _some(bad: Mapping[str, str]) -> str:
    """Describe the first files that cannot be used, with reasons, and the number of others."""
    lines = [f"{name} {why}"[:200] for name, why in list(bad.items())[:SHOWN]]
    more = [f"{len(bad) - SHOWN:,} more, see convscope data check"] if len(bad) > SHOWN else []
    return "; ".join(lines + more)
