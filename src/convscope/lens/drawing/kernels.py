"""A drawing of the kernels of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.lens.drawing.common import even, notes, zoom
from convscope.view.figure import Figure
from convscope.view.heat import Bar, Scale
from convscope.view.layout import Across, Titled, tiles
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from convscope.lens.kernels import Kernels
    from convscope.view.layout import Part

WIDE = 760
"""Approximate side of the tiles [pixel]."""

OUT, IN, TILES = 64, 16, 384
"""The most channels and tiles that are drawn."""


def draw(found: Kernels) -> Figure:
    """Draw a tile for each output channel, its input channels side by side, on one scale."""
    inputs = min(IN, found.values.shape[1])
    out = min(OUT, len(found.values), TILES // inputs)
    scale = Scale.of(found.values)
    side = 56 if inputs == 1 else 32
    size = zoom(found.values.shape, side)
    strips: list[Part] = [
        Titled(Across(tuple(scale.raster(one, size) for one in kernel[:inputs]), 2), str(channel))
        for channel, kernel in enumerate(found.values[:out])
    ]
    columns = even(out, int(WIDE // (strips[0].width + 8)))
    body = Across((tiles(tuple(strips), columns, 8), Bar(scale)), 22)
    chosen = f"layer: {found.why}; weights: {found.weights}"
    note = "\n".join([chosen, *notes(str(found))[1:], *_left_out(found, out, inputs)])
    rows = tuple((str(at), f"{length:.4g}") for at, length in enumerate(found.norms))
    table = Grid((Column("output channel", right=True), Column("norm", right=True)), rows)
    return Figure(f"Kernels of {found.layer}", body, note, table)


def _left_out(found: Kernels, out: int, inputs: int) -> list[str]:
    all_out, all_in = found.values.shape[:2]
    if (out, inputs) == (all_out, all_in):
        return []
    return [f"shown: {out} of {all_out} output channels, {inputs} of {all_in} input channels of each"]
