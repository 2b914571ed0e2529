"""An audit of a data set: bad files, duplicates, test images among the training images, duplicates with two labels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.doubts import digest, left_out_lines
from convscope.data.imagefile import UNREAD
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.data.dataset import Dataset, Split

SHOWN = 10
"""Number of findings of a kind, and of images in a group, that are printed; ``--json`` lists all."""


@dataclass(frozen=True)
class Listed:
    """An image: its split, its name and its class."""

    split: str
    name: str
    label: str

    def __str__(self) -> str:
        return f"{self.split} {self.name} ({self.label})"


@dataclass(frozen=True)
class Audit:
    """The findings of an audit; prints itself.

    Attributes:
        data: name of the set.
        shape: ``c h w``.
        counts: images of each class, by split.
        bad: files that cannot be used, with the reason, by name.
        left_out: numbers of files in class folders that are not read, by class and suffix.
        empty: class folders without an image.
        copies: groups of images that are identical at the size of the set.
        blank: images of one colour.
    """

    data: str
    shape: tuple[int, ...]
    counts: dict[str, dict[str, int]]
    bad: dict[str, str]
    left_out: dict[str, dict[str, int]]
    empty: tuple[str, ...]
    copies: tuple[tuple[Listed, ...], ...]
    blank: tuple[Listed, ...]

    @property
    def leaks(self) -> tuple[tuple[Listed, ...], ...]:
        """Groups of identical images in two splits: the net is evaluated on images that it was trained on."""
        return tuple(filter(_leaks, self.copies))

    @property
    def conflicts(self) -> tuple[tuple[Listed, ...], ...]:
        """Groups of identical images of two classes: no net can classify all of them correctly."""
        return tuple(filter(_conflicts, self.copies))

    @property
    def _plain(self) -> list[tuple[Listed, ...]]:
        """Groups of identical images that are harmless: in one split and of one class."""
        return [group for group in self.copies if not _leaks(group) and not _conflicts(group)]

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that are missing from a split."""
        return tuple(f"{split}: {name}" for split, row in self.counts.items() for name, n in row.items() if not n)

    @property
    def unread(self) -> bool:
        """Whether some of the files that were left out are images, by their suffixes."""
        return any(ending in UNREAD for row in self.left_out.values() for ending in row)

    @property
    def passed(self) -> bool:
        """Whether the set is free of bad files, images that are not read, empty classes, leaks and conflicts."""
        return not (self.bad or self.unread or self.empty or self.leaks or self.conflicts)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/data-check/3``."""
        return {
            "schema": "convscope/data-check/3",
            "data": self.data,
            "shape": to_text(self.shape),
            "passed": self.passed,
            "counts": self.counts,
            "bad": self.bad,
            "left_out": self.left_out,
            "empty": list(self.empty),
            "leaks": [list(map(str, group)) for group in self.leaks],
            "conflicts": [list(map(str, group)) for group in self.conflicts],
            "copies": [list(map(str, group)) for group in self.copies],
            "blank": list(map(str, self.blank)),
            "absent": list(self.absent),
        }

    def __str__(self) -> str:
        parts = {
            "bad files": [f"{name} {why}" for name, why in self.bad.items()],
            "classes with files that are not read as images": left_out_lines(self.left_out),
            "folders of classes without an image": list(self.empty),
            "leaks: identical images in two splits": _lines(self.leaks),
            "conflicts: identical images in two classes": _lines(self.conflicts),
            "other duplicates": _lines(self._plain),
            "single-colour images": list(map(str, self.blank)),
            "classes missing from a split": list(self.absent),
        }
        totals = ", ".join(f"{sum(row.values()):,} {split}" for split, row in self.counts.items())
        lines = [f"{self.data}: {to_text(self.shape)}, {len(next(iter(self.counts.values()))):,} classes, {totals}"]
        for title, found in parts.items():
            lines += [f"{len(found):>6,}  {title}", *(f"        {line}" for line in found[:SHOWN])]
            lines += [f"        … and {len(found) - SHOWN:,} more"] if len(found) > SHOWN else []
        return "\n".join([*lines, "passed" if self.passed else "failed"])

    __repr__ = __str__


def _leaks(group: tuple[Listed, ...]) -> bool:
    return len({one.split for one in group}) > 1


def _conflicts(group: tuple[Listed, ...]) -> bool:
    return len({one.label for one in group}) > 1


def _lines(groups: Sequence[tuple[Listed, ...]]) -> list[str]:
    """Return a line for each group; printed ones name at most ten images."""
    return [_line(group) if at < SHOWN else "" for at, group in enumerate(groups)]


def _line(group: tuple[Listed, ...]) -> str:
    named = " = ".join(map(str, group[:SHOWN]))
    return f"{named} = {len(group) - SHOWN:,} more" if len(group) > SHOWN else named


def counts_table(counts: dict[str, dict[str, int]], most: int | None = None) -> Grid:
    """Return the number of images by class and split as a table, of ``most`` classes those with the fewest images.

    >>> print(counts_table({"train": {"a": 2}, "test": {"a": 1}}).to_text())
    class  train  test
    a          2     1
    """
    columns = (Column("class"), *(Column(split, right=True) for split in counts))
    names = list(first := next(iter(counts.values())))
    if most is not None and len(names) > most:
        names = sorted(names, key=first.__getitem__)[:most]
    return Grid(columns, tuple((name, *(f"{row[name]:,}" for row in counts.values())) for name in names))


def audit(dataset: Dataset) -> Audit:
    """Check every image of a data set.

    ``notes["skipped"]`` of a set that was opened with ``skip_bad`` lists the files that cannot be used.

    Raises:
        DataError: a file is missing or damaged.
    """
    groups: dict[bytes, list[Listed]] = defaultdict(list)
    counts, blank = {}, []
    for name in dataset.splits:
        split = registry.load(dataset, name)
        counts[name] = count(dataset, split)
        for at, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            listed = Listed(name, split.name(at), dataset.classes[label])
            groups[digest(image)].append(listed)
            flat = image.reshape(len(image), -1)
            if (flat == flat[:, :1]).all():
                blank.append(listed)
    copies = tuple(tuple(group) for group in groups.values() if len(group) > 1)
    return Audit(
        data=dataset.name,
        shape=dataset.shape,
        counts=counts,
        bad=dict(dataset.notes.get("skipped", {})),
        left_out=dict(dataset.notes.get("left_out", {})),
        empty=tuple(dataset.notes.get("empty", ())),
        copies=copies,
        blank=tuple(blank),
    )


def count(dataset: Dataset, split: Split) -> dict[str, int]:
    """Count the images of each class."""
    found = np.bincount(split.labels, minlength=len(dataset.classes)).tolist()
    return dict(zip(dataset.classes, found, strict=True))
