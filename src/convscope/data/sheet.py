"""A contact sheet: some images of each class, in one file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from convscope.data import registry
from convscope.extras import missing_extra
from convscope.files import put

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.data.dataset import Dataset

LEAST = 32
"""Height to which images are enlarged, each pixel to a square [pixel]."""

GAP, MARGIN = 2, 110
"""Space between images, and for the names of the classes [pixel]."""

MOST_CLASSES = 200


def sheet(dataset: Dataset, path: Path, *, split: str = "train", each: int = 10) -> Path:
    """Write a PNG with a row for each class, its images evenly spread over the split.

    Args:
        dataset: the set to show; the first 200 classes.
        path: path of the file; an existing file is replaced.
        split: ``train``, ``test`` or ``val``.
        each: number of images of each class.

    Raises:
        DataError: there is no such split, or a file is damaged.
        WriteError: the sheet cannot be written.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise missing_extra("Pillow, which writes images,", "look") from None
    found = registry.load(dataset, split)
    names = dataset.classes[:MOST_CLASSES]
    factor = -(-LEAST // dataset.shape[1])
    high, wide = (size * factor + GAP for size in dataset.shape[1:])
    canvas = Image.new("RGB", (MARGIN + each * wide + GAP, len(names) * high + GAP), "white")
    draw = ImageDraw.Draw(canvas)
    for row, name in enumerate(names):
        top = GAP + row * high
        draw.text((GAP + 2, top + (high - 12) // 2), _plain(name), fill="black")
        for column, at in enumerate(spread(np.flatnonzero(found.labels == row), each)):
            canvas.paste(Image.fromarray(_enlarged(found.images[at], factor)), (MARGIN + column * wide, top))
    out = io.BytesIO()
    canvas.save(out, "PNG")
    put(path, out.getvalue())
    return path


def spread(places: NDArray[np.intp], count: int) -> list[int]:
    """Return at most ``count`` evenly spaced positions.

    >>> spread(np.arange(100), 4), spread(np.arange(2), 4)
    ([0, 25, 50, 75], [0, 1])
    """
    if len(places) <= count:
        return [int(place) for place in places]
    return [int(places[at * len(places) // count]) for at in range(count)]


def _plain(name: str) -> str:
    """Return the text as far as the font of the sheet can render it."""
    return name.encode("latin-1", "replace").decode("latin-1")[:18]


def _enlarged(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Convert ``c h w`` to RGB ``h w 3``, each pixel enlarged to a square."""
    colours = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    return np.ascontiguousarray(colours.repeat(factor, 0).repeat(factor, 1))
