"""The state of the units of a layer along one axis of the image: boxes, and their closed form."""

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
        axis: the axis of the layer along which the units lie; None if all units see the same, or nothing.
        boxes: the boxes of every unit, or of one that stands for all if ``axis`` is None.
        line: the closed form, if there is one.
        ordered: whether the boxes are in the order of the units.
        exact: False if boxes are upper bounds because axes depend on each other.
        mixed: whether the channels of a position may see different pixels; the boxes are those of all channels
            together.
        unknown: whether an earlier layer could not be inspected, so that it may have lost the position.
        shares: groups of channels that see the same, with what they see, if that is known and channels are dropped
            later.
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
        """The track of constants and of layers that depend on another input only: no unit sees any pixel."""
        return self.boxes.blind

    def along(self, axis: int | None) -> Track:
        """The same along an axis of the layer, or along none."""
        if axis == self.axis:
            return self
        return Track(axis, self.boxes, self.line, self.ordered, self.exact, self.mixed, self.unknown, self.shares)

    def sharing(self, shares: tuple[tuple[Runs, Track], ...]) -> Track:
        """The same with other channels that see alike."""
        if not shares and not self.shares:
            return self
        return Track(self.axis, self.boxes, self.line, self.ordered, self.exact, self.mixed, self.unknown, shares)


BLIND = Track(None, alike(1, NOTHING, 1), None)
"""The track of a layer that sees nothing of the image."""

Tracks = tuple[Track, ...]
"""A track for each spatial axis of the image."""


def seen_whole(track: Track) -> Track:
    """Return the track if every unit sees what any unit saw."""
    return Track(None, alike(1, track.boxes.hull(), track.boxes.pixels), None, exact=track.exact)


def spread(track: Track, like: Track) -> Track:
    """Return the track if every unit along the axis of another track sees what any unit saw."""
    boxes = alike(like.boxes.size, track.boxes.hull(), like.boxes.pixels)
    return Track(like.axis, boxes, None, exact=track.exact)


def merged(tracks: list[Track], *, gates: bool) -> Track:
    """Join paths. A path that has its position along another axis only leaves the position here to the others.

    With gates, or after a layer that cannot be inspected, the position is lost if any path has lost it.
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
    """Return the distinct boxes of all units of all paths, unordered."""
    boxes = {id(track.boxes): track.boxes for track in tracks}
    if len(boxes) == 1:
        return Track(None, tracks[0].boxes, None, ordered=False)
    found = each_once(list(boxes.values()))
    return Track(None, found, None, ordered=False)
