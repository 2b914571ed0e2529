"""Data sets of other libraries; their images and labels are prepared like those of a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convscope.core.shape import to_text
from convscope.data.home import printable
from convscope.data.image import Seen, fitted, plain
from convscope.data.imagefolder import bad_files, checked, default_shape, summary
from convscope.data.prepared import Plan, forget_older, opened, place_of, prepare
from convscope.errors import DataError, ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from convscope.core.shape import Shape
    from convscope.data.dataset import Dataset
    from convscope.data.spelled import Spelled

PROBE = 100
"""Number of images whose sizes are examined if no size is given."""


@dataclass(frozen=True)
class Foreign:
    """A split of another library.

    Attributes:
        count: number of images.
        item: returns the image and the label at a position.
    """

    count: int
    item: Callable[[int], tuple[Image, int]]


Opened = tuple[dict[str, Foreign], tuple[str, ...]]
"""The splits by name, and the names of the classes."""


def prepared(
    wanted: Spelled, version: str, splits: Callable[[], Opened], report: Callable[[int, int], None] | None
) -> Dataset:
    """Use a set of another library as a data set; it is opened only if it is not prepared yet.

    Args:
        wanted: its name and the size.
        version: the version of the library, and anything else that changes the images.
        splits: opens the set.
        report: called with images prepared and all images.

    Raises:
        DataError: it has no training or test images, or some cannot be used.
    """
    place = place_of(f"{wanted.kind}:{wanted.path}", version)
    shape = checked(wanted.shape) if wanted.shape else _known(place)
    index = opened(place / to_text(shape)) if shape else None
    if index is None:
        parts, classes = splits()
        if not {"train", "test"} <= set(parts):
            raise DataError(
                f"{wanted.path} has the splits {', '.join(parts)}", expected="train, and test or validation"
            )
        shape = shape or _shape(parts["train"])
        index = prepare(place / to_text(shape), lambda skipped: _plan(parts, classes, shape, skipped), report)
        _remember(place, index.shape)
        forget_older(place)
    if index.skipped and not wanted.skip_bad:
        raise bad_files(printable(wanted.path), index.skipped, wanted.kind)
    name = str(replace(wanted, shape=index.shape))
    notes = {"skipped": index.skipped}
    return index.dataset(name, place, place / to_text(index.shape), f"see {wanted.kind}, {wanted.path}", notes)


def _known(place: Any) -> Shape | None:
    """Return the size that was chosen because none was given."""
    try:
        numbers = (place / "shape.txt").read_text(encoding="ascii").split()
        return tuple(map(int, numbers)) or None
    except (OSError, ValueError):
        return None


def _remember(place: Any, shape: Shape) -> None:
    path = place / "shape.txt"
    if not path.exists():
        path.write_text(" ".join(map(str, shape)), encoding="ascii")


def _shape(part: Foreign) -> Shape:
    seen = [part.item(at)[0] for at in range(min(PROBE, part.count))]
    return default_shape(summary([Seen("", image.mode, image.height, image.width) for image in seen]))


def _plan(
    parts: dict[str, Foreign], classes: tuple[str, ...], shape: Shape, skipped: Mapping[str, str]
) -> Plan[tuple[str, int]]:
    def image(item: tuple[str, int]) -> NDArray[np.uint8]:
        try:
            return fitted(plain(parts[item[0]].item(item[1])[0]), shape)
        except Exception as error:  # noqa: BLE001 -- another library may raise anything
            raise ImageError(f"cannot be read: {error}") from None

    def name(item: tuple[str, int]) -> str:
        return f"{item[0]} {item[1]}"

    def label(item: tuple[str, int]) -> int:
        found = int(parts[item[0]].item(item[1])[1])
        if not 0 <= found < len(classes):
            raise DataError(
                f"{name(item)} has the label {found}, which is none of the {len(classes):,} classes",
                expected="a label for each image; test images of a competition often have none",
            )
        return found

    items = {split: [(split, at) for at in range(part.count)] for split, part in parts.items()}
    kept = {split: [item for item in row if name(item) not in skipped] for split, row in items.items()}
    names = tuple(map(printable, classes))
    return Plan(shape, names, kept, image, label, name)
