"""A drawing of what a net was given for each image, with what it predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convscope.data.preparation import EMPTY, Preparation
from convscope.inert import inert
from convscope.lens.drawing.common import bytes_raster
from convscope.view.figure import Figure
from convscope.view.layout import Titled, Words, tiles
from convscope.view.numbers import shortened

if TYPE_CHECKING:
    from convscope.training.predict import Predictions
    from convscope.training.prediction import Prediction
    from convscope.view.layout import Part

MOST = 60
"""The most images that are drawn."""

SIDE = 112


def draw(found: Predictions) -> Figure:
    """Draw the pixels that the net was given, in the order of the images."""
    some = f", the first {MOST}" if len(found) > MOST else ""
    title = f"What the net was given{some}"
    return Figure(title, tiles(tuple(_tile(one) for one in found[:MOST]), 6, 14), Preparation.of(found.dataset).told())


def _tile(one: Prediction) -> Part:
    name = shortened(inert(Path(one.image).name), 16)
    if one.pixels is None:
        return Titled(Words(("nothing here", EMPTY), 11, soft=True), name)
    digit = f"digit {one.place[0]} of {one.place[1]}, " if one.place[1] > 1 else ""
    inverted = ", inverted" if one.inverted else ""
    unsure = "" if one.label else "unlike: " if one.unlike else "not sure: "
    below = f"{digit}{unsure}{one.best} {100 * one.probabilities[one.best]:.0f} %{inverted}"
    return Titled(bytes_raster(one.pixels, SIDE), name, below)
