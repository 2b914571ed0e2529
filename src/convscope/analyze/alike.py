"""Memoisation for equal blocks: equal values become one object, and a layer is identified by what it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from convscope.analyze.track import Track

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from convscope.analyze.boxes import Boxes
    from convscope.analyze.track import Tracks
    from convscope.core.axis import Indices
    from convscope.core.net import Layer
    from convscope.core.runs import Runs

LISTED = 1024
"""The most units whose boxes are compared; larger tracks are equal only to themselves."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Alike:
    """Results for the layers of one net and one question.

    Everything that is identified by ``id`` is kept here, so that it stays alive.
    """

    _objects: dict[Hashable, Any] = field(default_factory=dict)
    _canonical: set[int] = field(default_factory=set)
    _layers: dict[Hashable, tuple[Layer, Tracks]] = field(default_factory=dict)

    def layer(self, layer: Layer, before: list[Tracks], how: Hashable, work: Callable[[], Tracks]) -> Tracks:
        """Return the state of a layer that reads the given states, computed once for layers with an equal op.

        Ops that are equal at equal shapes are one object after they were fitted, and so are their reads.

        Args:
            layer: the layer.
            before: the state of each input, as returned by this function.
            how: everything else on which the result depends.
            work: computes it.
        """
        key = id(layer.node.op), id(layer.reads), how, *map(id, before)
        found = self._layers.get(key)
        if found is None:
            found = self._layers[key] = layer, self.tracks(work())
        return found[1]

    def tracks(self, tracks: Tracks) -> Tracks:
        """Return the first of several equal values."""
        same = tuple([self._track(track) for track in tracks])
        return self._first(("tracks", *map(id, same)), same)

    def _first(self, key: Hashable, found: _T) -> _T:
        return self._objects.setdefault(key, found)  # type: ignore[no-any-return] # the key contains the type

    def _track(self, track: Track) -> Track:
        if id(track) in self._canonical:
            return track
        known = id(track.boxes) in self._canonical
        boxes = track.boxes if known else self._canon(self._boxes(track.boxes))
        line = track.line and self._first(track.line, track.line)
        shares = tuple([(self._runs(runs), self._track(part)) for runs, part in track.shares])
        flags = track.axis, track.ordered, track.exact, track.mixed, track.unknown
        key = "track", id(boxes), id(line), *flags, *((id(runs), id(part)) for runs, part in shares)
        return self._canon(self._first(key, Track(flags[0], boxes, line, *flags[1:], shares)))

    def _canon(self, found: _T) -> _T:
        """One of those that others become; it is known by its identity, and was kept before."""
        self._canonical.add(id(found))
        return found

    def _boxes(self, boxes: Boxes) -> Boxes:
        if len(boxes.head[0]) + len(boxes.tail[0]) > LISTED:
            return self._first(("boxes", id(boxes)), boxes)
        ends = tuple([_content(side) for pair in (boxes.head, boxes.tail) for side in pair])
        return self._first((boxes.size, boxes.pixels, boxes.line, boxes.rising, boxes.gaps, *ends), boxes)

    def _runs(self, runs: Runs) -> Runs:
        if len(runs.starts) > LISTED:
            return self._first(("runs", id(runs)), runs)
        return self._first(("runs", _content(runs.starts), _content(runs.stops)), runs)


def _content(numbers: Indices) -> Hashable:
    return numbers.tobytes() if numbers.dtype != object else tuple(numbers.tolist())
