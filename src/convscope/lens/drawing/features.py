"""A drawing of the feature maps of a layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convscope.lens.drawing.common import MOST, blocks, even, heat_raster, notes, shown
from convscope.view.figure import Figure
from convscope.view.heat import Bar, Scale
from convscope.view.layout import Across, Titled, tiles
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from convscope.lens.features import Features

CHANNELS = 64
"""The most channels that are drawn."""

MAPS = 560
"""Approximate width of all maps [pixel]."""


def draw(found: Features, most_channels: int = CHANNELS) -> Figure:
    """Draw the image and the maps of all channels on one scale."""
    raster, how = shown(found.image, 200)
    scale, count = Scale.of(found.maps), min(most_channels, len(found.maps))
    side, most = _sizes(count)
    silent = set(found.silent)
    maps = tuple(
        Titled(heat_raster(one, scale, side, most), f"{channel}: off" if channel in silent else str(channel))
        for channel, one in enumerate(found.maps[:count])
    )
    columns = even(count, int(MAPS // (max(one.width for one in maps) + 6)))
    seen = Titled(raster, "image", "\n".join(filter(None, (Path(found.image.name).name, how))))
    body = Across((seen, tiles(maps, columns), Bar(scale)), 22)
    noted = [f"{found.layer}: {found.why}; weights: {found.weights}"]
    noted += [line for line in notes(str(found))[1:] if not line.startswith(("image", "classes"))]
    noted += ["off: this channel has no positive value"] if silent else []
    noted += [f"the first {count} of {len(found.maps)} channels are shown"] if count < len(found.maps) else []
    note = "\n".join([*noted, *(f"maps {word}" for word in blocks(found.maps.shape, most))])
    title = f"Feature maps of {found.layer}{found.classes and ': '}{found.classes}"
    return Figure(title, body, note, _table(found))


def _sizes(count: int) -> tuple[int, int]:
    """Return the side of small and of large maps for this number of channels."""
    return (72 if count <= 48 else 48), (MOST if count <= 2 else 224 if count <= 16 else 112)


def _table(found: Features) -> Grid:
    columns = ("channel", "low", "high", "mean", "positive")
    rows = tuple(
        (str(at), f"{one.min():.4g}", f"{one.max():.4g}", f"{one.mean():.4g}", f"{100 * (one > 0).mean():.1f} %")
        for at, one in enumerate(found.maps)
    )
    return Grid(tuple(Column(name, right=True) for name in columns), rows)
