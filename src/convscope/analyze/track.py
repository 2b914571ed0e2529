"""What is known of the units of a layer along one axis of the image: boxes, and a closed form of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convscope.analyze.boxes import alike, each_once
from convscope.analyze.followed import united
from convscope.analyze.line import NOTHING, around_boxes, met

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.analyze.boxes import Boxes
    from convscope.analyze.line import Line
    from convscope.core.runs import Runs


@dataclass(frozen=True, eq=False)
class Track:
    """The state of a layer along one axis of the image.

    Attributes:
        axis: the axis of the layer along which the units lie; None where all units see the same, or nothing.
        boxes: of every unit; of one that stands for all where ``axis`` is None.
        line: the closed form, where there is one.
        ordered: the boxes are in the order of the units.
        exact: False where boxes are hulls because axes depend on each other.
        mixed: the channels of a position may see different pixels; the boxes are those of all channels together.
        unknown: after a layer that cannot be inspected, which may have kept the position or not.
        shares: where it is known which channels see what, and some channels are dropped later: channels that see alike,
            with what they see.
    """

    axis: int | None
    boxes: Boxes
    line: Line | None
    ordered: bool = True
    exact: bool = True
    mixed: bool = False
    unknown: bool = False
    shares: tuple[tuple[Runs, Track], ...] = ()

    @property
    def blind(self) -> bool:
        """No unit sees any pixel: constants, and what depends on another input."""
        return self.boxes.blind


BLIND = Track(None, alike(1, NOTHING, 1), None)
"""Of a layer that sees nothing of the image."""

Tracks = tuple[Track, ...]
"""One for each spatial axis of the image."""


def seen_whole(track: Track) -> Track:
    """Every unit sees what any unit saw."""
    return Track(None, alike(1, track.boxes.hull(), track.boxes.pixels), None, exact=track.exact)


def spread(track: Track, like: Track) -> Track:
    """Every unit along the axis of another track sees what any unit saw; the position is that of the other one."""
    boxes = alike(like.boxes.size, track.boxes.hull(), like.boxes.pixels)
    return Track(like.axis, boxes, None, exact=track.exact)


def merged(tracks: list[Track], *, gates: bool) -> Track:
    """Join paths. A path that lost its place along this axis, and has it along another, leaves it to the others here.

    With gates, or after what cannot be inspected, the position is lost where any path lost it.
    """
    placed = [track for track in tracks if track.axis is not None]
    exact = all(track.exact for track in tracks)
    if not placed or (len(placed) < len(tracks) and (gates or any(track.unknown for track in tracks))):
        pixels = max(track.boxes.pixels for track in tracks)
        return Track(None, alike(1, around_boxes(track.boxes.hull() for track in tracks), pixels), None, exact=exact)
    placed = [track if track.axis is not None else spread(track, placed[0]) for track in tracks]
    if not all(track.ordered for track in placed):
        return replace(listed(placed), axis=placed[0].axis, ordered=False, exact=exact)
    boxes = united([track.boxes for track in placed])
    return Track(placed[0].axis, boxes, met([track.line for track in placed]), exact=exact)


def listed(tracks: Sequence[Track]) -> Track:
    """The boxes of all units of all paths, each once, without an order."""
    boxes = {id(track.boxes): track.boxes for track in tracks}
    if len(boxes) == 1:
        return Track(None, tracks[0].boxes, None, ordered=False)
    found = each_once(list(boxes.values()))
    return Track(None, found, None, ordered=False)
