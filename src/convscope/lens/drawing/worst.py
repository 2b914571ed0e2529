"""A drawing of images to check, with their names, classes and predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convscope.lens.drawing.common import bytes_raster
from convscope.view.figure import Figure
from convscope.view.layout import Titled, Words, tiles
from convscope.view.numbers import shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convscope.lens.cases import Case
    from convscope.lens.worst import Worst
    from convscope.view.layout import Part

MOST = 60
"""The most images that are drawn; the table has all of them."""

THUMB = 80


def draw(found: Worst) -> Figure:
    """Draw the images in the order of the list; the table below has their full names."""
    shown = tuple(map(_tile, found.cases[:MOST], found.images[:MOST]))
    title = found.title()
    note = f"on {found.data}; {found.rule}; captions: the class, the predicted class and its probability"
    body = tiles(shown, 6, 12) if shown else Words(("none",), soft=True)
    return Figure(title[:1].upper() + title[1:], body, note, found.grid())


def _tile(one: Case, image: NDArray[np.uint8]) -> Part:
    name = shortened(Path(one.image).name, 16)
    true, predicted = (shortened(word, 12) for word in (one.label, one.predicted))
    return Titled(bytes_raster(image, THUMB), name, f"{true} as {predicted}, {100 * one.probability:.0f} %")
