"""A drawing of the receptive field of a unit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.effective import LEVELS
from convscope.lens.drawing.common import block, blocks, heat_raster, notes, shown, shrunk, zoom
from convscope.view.colours import SERIES
from convscope.view.figure import Figure
from convscope.view.heat import Bar, Scale
from convscope.view.layout import Box, Down, Marked, Raster, Titled, flowed
from convscope.view.parts import Column, Grid
from convscope.view.plot import Line, Plot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.lens.field import Reach
    from convscope.view.layout import Part

SIDE = 170
DIM = 0.35
"""Brightness factor for pixels that are not read."""


def draw(found: Reach) -> Figure:
    """Draw box and holes over the image; theoretical and measured weights of pixels on one scale; their profiles."""
    heats = shares(found)
    scale = Scale.of(np.stack(list(heats.values())))
    panels: list[Part] = [_holes(found)]
    panels += [
        Titled(_boxed(found, heat_raster(heat, scale, SIDE)), name, _widths(found, name))
        for name, heat in heats.items()
    ]
    row = flowed((*panels, Bar(scale, max(80, panels[1].height - 40))), 20)
    plots = flowed((_profile(heats, 0, "image row"), _profile(heats, 1, "image column")), 20)
    note = "\n".join([*_predicted(found), *blocks(found.unit.mask.shape)])
    title = f"Receptive field of {found.layer} at {_positions(found)}"
    return Figure(title, Down((row, plots)), note, _table(found))


def shares(found: Reach) -> dict[str, NDArray[np.float64]]:
    """Return the maps to draw: each pixel's fraction of the total weight, theoretical and measured."""
    heats = {"uniform weights": found.unit.effective.heat}
    names = ("measured, untrained", "measured, trained")
    heats |= {name: one.heat / (one.heat.sum() or 1.0) for name, one in zip(names, found.both, strict=False)}
    return heats


def _holes(found: Reach) -> Part:
    """Draw the image, darkened where it is not read; without an image, draw read pixels in grey."""
    unit = found.unit
    if found.image:
        raster, how = shown(found.image, SIDE)
        name = Path(found.image.name).name
    else:
        small = shrunk(unit.mask)
        raster, how, name = Raster(np.full((*small.shape, 3), 255, np.uint8), zoom(small.shape, SIDE)), "", "no image"
    read = shrunk(unit.mask)[..., None]
    pixels = np.rint(raster.pixels * (DIM + (1 - DIM) * read) * (1 if found.image else 0.8)).astype(np.uint8)
    pixels = np.where(found.image is None, np.where(read > 0, pixels, 40), pixels).astype(np.uint8)
    words = f"{unit.support.pixels:,} of {unit.support.area:,} pixels read"
    return Titled(_boxed(found, Raster(pixels, raster.zoom)), "pixels read", f"{name}{how and ', '}{how}\n{words}")


def _boxed(found: Reach, raster: Raster) -> Part:
    if not found.unit.box:
        return raster
    size = block(found.unit.mask.shape)
    (top, bottom), (left, right) = found.unit.box
    box = Box(top / size, left / size, (bottom - top + 1) / size, (right - left + 1) / size, SERIES[5])
    return Marked(raster, (box,))


def _positions(found: Reach) -> str:
    return ", ".join(str(a) if a == b else f"{a}:{b}" for a, b in found.unit.support.patch)


def _widths(found: Reach, name: str) -> str:
    if name == "uniform weights":
        return "std " + ", ".join(f"{value:.2f}" for value in found.unit.effective.std)
    one = found.both[name.endswith(" trained")]
    pairs = zip(one.std, one.error, strict=True)
    return "std " + ", ".join(
        f"{value:.2f} ± {error:.2f}" if math.isfinite(error) else f"{value:.2f}" for value, error in pairs
    )


def _profile(heats: dict[str, NDArray[Any]], axis: int, name: str) -> Part:
    lines = tuple(
        Line(label, range(heat.shape[axis]), heat.sum(1 - axis).tolist(), colour)
        for colour, (label, heat) in enumerate(heats.items())
    )
    return Plot(lines, name, "share of the weight", wide=410)


def _predicted(found: Reach) -> list[str]:
    lines = notes(str(found))
    colour = "colour: each pixel's share of the total weight, on one scale; std: vertical, horizontal, in pixels"
    return [f"layer: {found.why}", *lines[1:3], f"measured: mean absolute gradient over {found.over}", colour]


def _table(found: Reach) -> Grid:
    columns = ("field", "std height", "std width", *(f"{level} % in" for level in LEVELS))
    sides: list[tuple[str, Any]] = [("uniform weights", found.unit.effective)]
    sides += [(f"measured, weights {one.weights}", one) for one in found.both]
    rows = tuple(
        (name, *(f"{std:.3f}" for std in one.std), *(f"{100 * share:.2f} %" for share in one.shares().values()))
        for name, one in sides
        if one.shares()
    )
    return Grid(tuple(Column(name, right=at > 0) for at, name in enumerate(columns)), rows)
