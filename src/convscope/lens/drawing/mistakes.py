"""A drawing of a net's mistakes: matrix, gallery, one image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convscope.data.dataset import short_word
from convscope.lens.drawing.common import bytes_raster, shown
from convscope.view.figure import Figure
from convscope.view.layout import PAGE, SMALL, Down, Titled, Words, broken, flowed, tiles
from convscope.view.matrix import Matrix
from convscope.view.numbers import shortened
from convscope.view.parts import Column, Grid
from convscope.view.plot import Bars

if TYPE_CHECKING:
    from convscope.lens.mistakes import Mistakes, Seen
    from convscope.view.layout import Part

CLASSES = 20
"""The most classes in the matrix."""

PARTS = 10
"""The most channels of the split."""

THUMB = 64


def draw(found: Mistakes) -> Figure:
    """Draw the matrix, one cell, and one of its images."""
    matrix, left_out = _matrix(found)
    above = flowed((matrix, _gallery(found)), 36)
    note = "\n".join([*left_out, found.split.channel, f"nearest: {found.searched}"])
    wrong = found.evaluation.count - found.evaluation.hits
    if not wrong:
        title = f"No mistakes in {found.evaluation.count:,} test images of {short_word(found.evaluation.data)}"
        return Figure(title, Down((above, _one(found)), 26), note, _table(found))
    title = f"{wrong:,} of {found.evaluation.count:,} test images of {short_word(found.evaluation.data)} misclassified"
    return Figure(title, Down((above, _one(found)), 26), note, _table(found))


def _matrix(found: Mistakes) -> tuple[Part, list[str]]:
    counts = np.array(found.evaluation.confusion)
    if len(counts) <= CLASSES:
        return Matrix(found.evaluation.classes, found.evaluation.confusion), []
    wrong = counts - np.diag(np.diag(counts))
    kept = np.sort(np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind="stable")[:CLASSES])
    names = tuple(found.evaluation.classes[at] for at in kept)
    cells = tuple(tuple(row) for row in counts[np.ix_(kept, kept)].tolist())
    return Matrix(names, cells), [f"the {CLASSES} of {len(counts)} classes with the most mistakes are shown"]


def _gallery(found: Mistakes) -> Part:
    true, predicted = found.cell
    some = f", the {len(found.gallery)} most confident" if len(found.gallery) < found.count else ""
    heading = Words((f"true {true}, predicted {predicted}: {found.count:,} images{some}",), bold=True)
    what = "file" if any(one.file for one in found.gallery) else "split and index"
    images = tuple(
        Titled(bytes_raster(one.image, THUMB), _short(one), f"{100 * one.value:.0f} %") for one in found.gallery
    )
    below = tiles(images, 6, 10) if images else Words(("none",), soft=True)
    return Down(
        (heading, Words((f"{found.why}; captions: image {what}, probability of {predicted}",), 11, soft=True), below), 8
    )


def _one(found: Mistakes) -> Part:
    raster, how = shown(found.image, 200)
    split = found.split
    image = Titled(raster, Path(found.image.name).name, how)
    exact = "exact" if split.exact else f"except for {split.missed:+.3g}: later layers are not linear"
    scores = f"score of {split.first} minus score of {split.second}"
    title = f"{scores}: {split.difference:+.3f}, {exact}, by channel of {split.reads}"
    bars, near = _bars(found), tuple(_near(one) for one in found.nearest)
    words = Words(tuple(broken(title, bars.width, SMALL)), SMALL)
    parts = (image, Down((words, bars), 3), Titled(tiles(near, 3, 10), "nearest training images"))
    return flowed(parts, 30, PAGE)


def _near(one: Seen) -> Part:
    return Titled(bytes_raster(one.image, THUMB), f"is {one.label}", f"{one.value:.2f}")


def _short(one: Seen) -> str:
    """Return the name of a file without its folder; the middle of long names is omitted."""
    return shortened(Path(one.name).name, 14)


def _bars(found: Mistakes) -> Part:
    rows = parts(found)
    names, values = zip(*rows, strict=True)
    return Bars(names, values, tuple(f"{value:+.3f}" for value in values))


def parts(found: Mistakes) -> list[tuple[str, float]]:
    """Return the parts of the split to draw: the largest channels, all others, the bias; they sum to the difference."""
    split = found.split
    rows = [(f"channel {at}", value) for at, value in split.largest(PARTS)]
    others = len(split.parts) - len(rows)
    if others:
        rows.append((f"{others} others", float(split.parts.sum()) - sum(value for _, value in rows)))
    return [*rows, ("bias", split.bias)]


def _table(found: Mistakes) -> Grid:
    rows = tuple((str(at), f"{value:+.5f}") for at, value in enumerate(found.split.parts))
    return Grid((Column(f"channel of {found.split.reads}", right=True), Column("contribution", right=True)), rows)
