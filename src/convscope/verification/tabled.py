"""Comparison of the boxes in a net's table with the pixels on which a unit depends.

The table makes two claims along each axis of the image: every unit has a box, borders and seams included; and if fields
advance steadily, size, stride and start hold away from borders and seams. The first is checked at every probed unit,
the second at units in the middle of a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from convscope.analyze.field import fields
from convscope.analyze.lines import image_of, trace
from convscope.core.axis import EMPTY_EDGES, Table, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.analyze.field import AxisField, Field
    from convscope.analyze.line import Box
    from convscope.analyze.track import Track, Tracks
    from convscope.core.net import Net


@dataclass(frozen=True)
class Tabled:
    """The claims for every layer, along the spatial paths or with gates.

    Attributes:
        net: the net.
        gates: whether paths that lost their position are followed.
        of: the input whose pixels are counted; None for the default of the table.
    """

    net: Net
    gates: bool
    of: str | None = None

    @cached_property
    def tracks(self) -> dict[str, Tracks]:
        """The layers by name."""
        return trace(self.net, gates=self.gates, of=self.of)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """The fields as in the table."""
        return fields(self.net, gates=self.gates, of=self.of)

    @cached_property
    def folds(self) -> bool:
        """Return whether the map continues beyond a border with its own values, so that fields there differ."""
        relations = (read.relation for layer in self.net for reads in layer.reads for read in reads)
        return any(isinstance(one, Window | Table) and one.edge not in EMPTY_EDGES for one in relations)

    @cached_property
    def slack(self) -> int:
        """Return how many pixels may be missing beside a border, because a dilation or a shift skips them."""
        windows = [
            read.relation
            for layer in self.net
            for reads in layer.reads
            for read in reads[1:]
            if isinstance(read.relation, Window) and not layer.node.op.merges
        ]
        steps: int = max((one.stride for one in windows), default=1) ** min(4, len(windows))
        taps = max((max(one.dilation, one.stride) * one.up for one in windows), default=1)
        shifts = sum(max(one.lo, 0) + max(one.hi, 0) for one in windows if one.kernel == 1)
        return (shifts + (taps if taps > 1 else 0)) * steps

    def wrong(self, layer: str, at: Sequence[int], mask: NDArray[np.bool_]) -> str:
        """Describe a claim of the table about a unit that gradients refute; empty if they agree.

        Args:
            layer: its name.
            at: index along each spatial axis of the layer; empty without axes.
            mask: the pixels on which the unit depends.
        """
        boxes = seen(mask)
        tracks, sizes = self.tracks[layer], image_of(self.net, self.of).shape[1:]
        for axis, (track, box) in enumerate(zip(tracks, boxes, strict=True)):
            claimed = _claimed(track, at)
            if claimed is None:
                continue
            empty = box[0] > box[1]
            inside = empty or (claimed[0] <= box[0] and box[1] <= claimed[1])
            single = track.axis is not None and track.axis > 0 and track.ordered and not empty
            if not inside or (single and track.exact and claimed != box):
                return f"the table states {_text(claimed)} along axis {axis}, the probe found {_text(box)}"
            field = self.fields[layer][axis]
            if single and self._denied(field, track, at, sizes[axis]):
                return (
                    f"the table's field on axis {axis} is {field.size} from {field.start}, the probe found {_text(box)}"
                )
        return ""

    def _denied(self, field: AxisField, track: Track, at: Sequence[int], pixels: int) -> bool:
        """Return whether the closed form disagrees with the box at a unit in the middle of the map."""
        assert track.axis is not None
        unit, units = at[track.axis - 1], track.boxes.size
        if field.stride is None or not field.exact or unit != units // 2:
            return False
        turn, phase = divmod(unit, field.phases)
        moved = turn * int(field.stride * field.phases)
        first, last = (end + moved for end in field.boxes[phase])
        box = track.boxes.box(unit)
        if 0 <= first <= last < pixels:
            return (first, last) != box and not self._cut(track, (first, last), box)
        return not self.folds and not self._cut(track, (max(first, 0), min(last, pixels - 1)), box)

    def _cut(self, track: Track, wanted: Box, box: Box) -> bool:
        """Return whether a box is the wanted one, clipped to the outermost pixels that the layer sees at all."""
        low, high = track.boxes.hull()
        first = box[0] == wanted[0] or (box[0] > wanted[0] and box[0] - low <= self.slack)
        last = box[1] == wanted[1] or (box[1] < wanted[1] and high - box[1] <= self.slack)
        return (first and last) or wanted[0] > wanted[1]


def _claimed(track: Track, at: Sequence[int]) -> Box | None:
    """Return the box of a unit, or around all units if they are unordered; None if nothing is claimed."""
    if track.axis is None or track.axis == 0 or not track.ordered:
        return track.boxes.hull()
    if track.axis > len(at):
        return None
    return track.boxes.box(at[track.axis - 1])


def seen(mask: NDArray[np.bool_]) -> list[Box]:
    """Return the first and last pixel along each axis; empty if none is set.

    >>> seen(np.array([[False, True, True]]))
    [(0, 0), (1, 2)]
    """
    others = (tuple(axis for axis in range(mask.ndim) if axis != kept) for kept in range(mask.ndim))
    lines = (np.flatnonzero(mask.any(axes)) for axes in others)
    return [(int(line[0]), int(line[-1])) if len(line) else (0, -1) for line in lines]


def _text(box: Box) -> str:
    return f"{box[0]}…{box[1]}" if box[0] <= box[1] else "nothing"
