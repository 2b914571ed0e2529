"""The pixels that each unit sees along one axis of the image, layer by layer.

There are two parallel descriptions. ``boxes`` hold the first and last pixel of the image that each existing unit of a
layer sees: exact, borders included. A ``line`` is the closed form for units anywhere, including those on padding: the
boxes advance steadily with the unit, in phases after up-sampling. Convolution and pooling keep both. A linear layer or
a global pooling ends the position: every unit sees the same pixels. Flattening keeps the boxes and loses their order.

The image is one of the inputs of the net. Layers that do not depend on it, such as a constant or another input, see
nothing of it and add nothing to what a merge sees.

At a merge, the *local* field follows the paths that keep their position; *with gates*, it follows every path, including
a squeeze-excite gate and the statistics of a norm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from convscope.analyze.alike import Alike
from convscope.analyze.boxes import every_pixel
from convscope.analyze.followed import looked_up, windowed
from convscope.analyze.line import Line, inside, slid, turned
from convscope.analyze.seams import joined, seam_axis
from convscope.analyze.shares import reading, told_apart
from convscope.analyze.square import as_first
from convscope.analyze.track import BLIND, Track, merged, seen_whole, spread
from convscope.budget import about, spend
from convscope.core.axis import All, Table, Window
from convscope.core.runs import NO_RUNS, Runs, runs_of
from convscope.errors import UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from convscope.analyze.boxes import Boxes
    from convscope.analyze.track import Tracks
    from convscope.core.axis import Read, Relation
    from convscope.core.graph import Input
    from convscope.core.net import Layer, Net
    from convscope.core.shape import Shape


MANY_CHANNELS = 2**16
"""A table with more inputs is that of a flattened map."""

_T = TypeVar("_T")


def image_of(net: Net, of: str | None = None) -> Input:
    """Return the input with a name, or by default the first of those with the most spatial axes.

    Raises:
        UnknownNameError: there is no such input.

    >>> import convscope as cs
    >>> two = cs.read("age: input 3, photo: input 8x8x1, mul( from photo, conv 3 3x3 | from age )")
    >>> image_of(two).name, image_of(two, "age").name
    ('photo', 'age')
    """
    if of is None:
        return max(net.inputs, key=lambda one: len(one.shape))
    for one in net.inputs:
        if one.name == of:
            return one
    names = [one.name for one in net.inputs]
    raise UnknownNameError(f'no input is called "{of}"', expected=", ".join(names), attempt=nearest(of, names))


def trace(net: Net, *, gates: bool = False, of: str | None = None, alike: Alike | None = None) -> dict[str, Tracks]:
    """Return the state of every layer and input, by name.

    Args:
        net: the net.
        gates: also follow paths that have lost their position.
        of: name of the input on which pixels are counted; see :func:`image_of`.
        alike: earlier results for layers of this net.

    Raises:
        UnknownNameError: there is no such input.
    """
    alike, image = alike or Alike(), image_of(net, of)
    known = {size: every_pixel(size) for size in image.shape[1:]}
    start = Line(1, ((0, 0),))
    blind = alike.tracks((BLIND,) * len(image.shape[1:]))
    tracks = {one.name: blind for one in net.inputs}
    tracks[image.name] = alike.tracks(
        tuple(Track(axis, known[size], start) for axis, size in enumerate(image.shape[1:], 1))
    )
    tracer = _Tracer(gates, {}, apart=any(_drops(reads[0].relation) for layer in net for reads in layer.reads))
    for layer in net:
        before = [tracks[name] for name in layer.node.inputs]
        if layer.node.op.source:
            tracks[layer.node.name] = blind
        elif layer.pointwise:
            tracks[layer.node.name] = before[0]
        else:
            follows = gates and not _goes_on(layer, before)
            with about(layer.node.name):
                work = partial(tracer.layer, layer, before, image.shape[1:])
                tracks[layer.node.name] = alike.layer(layer, before, follows, work)
    return tracks


def has_gates(net: Net, local: dict[str, Tracks]) -> bool:
    """Return whether gates can change a field: a norm over a map, or a merge with a path that has lost its position."""

    def parted(layer: Layer) -> bool:
        positions = _positions(layer, [local[name] for name in layer.node.inputs])
        return len(set(positions) - {None}) > 1

    return any(layer.statistics or (layer.node.op.merges and parted(layer)) for layer in net)


def branches(layer: Layer, tracks: dict[str, Tracks]) -> list[Tracks]:
    """Return the states that a layer joins: one for each input, after its reads."""
    tracer = _Tracer(gates=False, known={})
    pairs = zip(layer.node.inputs, layer.reads, strict=True)
    return [tuple(tracer.after(track, reads) for track in tracks[name]) for name, reads in pairs]


def placed(layer: Layer, before: list[Tracks]) -> list[int]:
    """Return the inputs that keep their position along every axis after the layer's reads; all if none does.

    The others are gates, shared by entire rows, columns or maps. An input that sees nothing is neither.
    """
    positions = _positions(layer, before)
    return [at for at, position in enumerate(positions) if position or not any(positions)]


def _positions(layer: Layer, before: list[Tracks]) -> list[bool | None]:
    """Return whether each input of a layer keeps its position along every axis after the layer's reads.

    None stands for an input that sees nothing: it has no position and gates nothing.

    An input that becomes channels (the keys of an attention) has no position if another input has one. A path through a
    layer that cannot be inspected may have it, so it is followed, too.
    """
    spatial = len(layer.output) > 1
    return [
        None
        if _blind(tracks) and tracks
        else any(track.unknown for track in tracks)
        or all(track.axis is not None and _stays(reads[track.axis], spatial=spatial) for track in tracks)
        for tracks, reads in zip(before, layer.reads, strict=True)
    ]


def _goes_on(layer: Layer, before: list[Tracks]) -> bool:
    """Return whether every input keeps its position along every axis, so that gates make no difference here."""
    return not layer.statistics and all(
        track.axis is not None and not track.unknown and _stays(reads[track.axis], spatial=len(layer.output) > 1)
        for tracks, reads in zip(before, layer.reads, strict=True)
        for track in tracks
    )


def _stays(read: Read, *, spatial: bool) -> bool:
    return not isinstance(read.relation, All) and bool(read.follows or not spatial)


_Source = tuple[Track, "Sequence[Read]"]
"""The state of an input, and how it is read."""


@dataclass(frozen=True)
class _Tracer:
    """Propagates states through layers; a result for one axis serves other axes of equal geometry.

    Results are identified by the ``id`` of their sources, which are kept beside them so that they stay alive.
    """

    gates: bool
    known: dict[tuple[int, object], tuple[object, Any]]
    apart: bool = False

    def once(self, source: object, how: object, work: Callable[[], _T]) -> _T:
        """Return the result of ``work`` for a source, computed once."""
        key = id(source), how
        if key not in self.known:
            self.known[key] = source, work()
        found: _T = self.known[key][1]
        return found

    def layer(self, layer: Layer, before: list[Tracks], sizes: Shape) -> Tracks:
        """Return the state of a layer along all axes of an image, from the inputs that are followed."""
        merges = layer.node.op.merges and not self.gates
        kept: Collection[int] = placed(layer, before) if merges else range(len(before))
        along = seam_axis(layer)
        found: list[Track] = []
        for at, pixels in enumerate(sizes):
            parts = [one[at] for one in before]
            if along is None:
                like = None
                if found:
                    followed = [(number, layer.reads[number]) for number in kept]
                    followed += [(0, layer.statistics)] if self.gates and layer.statistics else []
                    like = as_first(before, at, found[0], followed)
                found.append(like or self.axis(layer, parts, kept))
            else:
                among = set(kept)
                seen = [part if number in among else BLIND for number, part in enumerate(parts)]
                units = [shape[along] for shape in layer.inputs]
                found.append(joined(seen, units, along, pixels))
        met = [before[number] for number in kept if not _blind(before[number])]
        if along is None and len(met) > 1 and any(map(_torn, met)):
            # a path that sees no column at a unit adds no row there either, which boxes along one axis cannot express
            found = [replace(track, exact=False) for track in found]
        if any(track.blind for track in found) and not all(track.blind for track in found):
            return (BLIND,) * len(found)  # a unit that sees no row sees no pixel
        return tuple(found)

    def axis(self, layer: Layer, before: list[Track], kept: Iterable[int]) -> Track:
        """Return the state of a layer along one axis of the image."""
        sources: list[_Source] = [(before[at], layer.reads[at]) for at in kept]
        if self.gates and layer.statistics:
            sources.append((before[0], layer.statistics))
        if len(sources) > 1:
            sources = [(track, reads) for track, reads in sources if not track.blind]
        if not sources:
            return BLIND
        if self.apart and (layer.node.op.merges or any(track.shares for track, _ in sources)):
            return self.by_channels(layer, sources)
        return self.joined(layer, sources)

    def joined(self, layer: Layer, sources: list[_Source]) -> Track:
        """Return the state after several reads of all channels."""
        after = [self.after(track, reads) for track, reads in sources]
        if len(after) > 1 and len({track.axis for track in after}) > 1:
            after = _on_one_axis(after, spatial=len(layer.output) > 1)
        found = after[0] if len(after) == 1 else self.merge(after)
        exact, mixed = _channels(layer, after, [reads[0].relation for _, reads in sources])
        unknown = layer.node.op.hull() == "unknown" or any(track.unknown for track, _ in sources)
        same = (found.mixed, found.unknown) == (mixed, unknown) and (exact or not found.exact) and not found.shares
        return found if same else replace(found, exact=found.exact and exact, mixed=mixed, unknown=unknown, shares=())

    def by_channels(self, layer: Layer, sources: list[_Source]) -> Track:
        """Return the state of a layer whose channels may see different pixels, since they read different channels."""
        every = [
            (part, reads, mask)
            for track, reads in sources
            for mask, part in track.shares or ((Runs.whole(reads[0].relation.size), track),)
        ]
        whose = [number for number, (track, _) in enumerate(sources) for _ in track.shares or (track,)]
        channels = layer.output[0]
        through = not layer.node.op.hull()
        rows = [
            reading(reads[0].relation, mask) if through and reads[0].follows == 0 else Runs.whole(channels)
            for _, reads, mask in every
        ]
        used = [(track, reads) for (track, reads, _), row in zip(every, rows, strict=True) if row]
        if not used:
            return BLIND
        found = self.joined(layer, [(track.sharing(()), reads) for track, reads in used])
        kinds = told_apart(rows, channels)
        # channels that are exact individually need not be exact together, unless only one kind is read
        read_of = [whose[number] for number, row in enumerate(rows) if row]
        together = all(sources[number][0].exact for number in read_of if read_of.count(number) > 1)
        if len(kinds) == 1 or not through:
            exact = found.exact and together and (through or len(every) == len(sources))
            return replace(found, exact=exact, mixed=not through)
        parts = self.parted(layer, [(track, reads) for track, reads, _ in every], kinds)
        exact = together and all(part.exact for _, part in parts)
        alone = len(parts) == 1 and all(any(kind) for kind, _ in kinds)
        return replace(found, exact=exact, mixed=False, shares=() if alone else parts)

    def parted(
        self, layer: Layer, every: list[_Source], kinds: list[tuple[tuple[bool, ...], Runs]]
    ) -> tuple[tuple[Runs, Track], ...]:
        """Return what each kind of channel sees; kinds that see the same are merged."""
        spend(len(kinds) * len(every) / 16 + 20 * sum(map(sum, (kind for kind, _ in kinds))))
        found: dict[tuple[int, int], tuple[Runs, Track]] = {}
        for kind, mask in kinds:
            mine = [source for source, on in zip(every, kind, strict=True) if on]
            if not mine:
                continue
            part = self.joined(layer, mine)
            key = id(part.boxes), id(part.line)
            before = found[key][0] if key in found else NO_RUNS
            found[key] = runs_of(np.append(before.starts, mask.starts), np.append(before.stops, mask.stops)), part
        return tuple(found.values())

    def after(self, track: Track, reads: Sequence[Read]) -> Track:
        """Return the state after one read of a layer."""
        if track.axis is None:
            return track
        relation, axis = reads[track.axis].relation, reads[track.axis].follows
        if isinstance(relation, All):
            return seen_whole(track)
        if not track.ordered or (isinstance(relation, Table) and axis == 0 and not relation.turn):
            return _unordered(track, relation, axis)
        if isinstance(relation, Table):
            how, before = self.once(relation, "content", relation.content), track.line
            turns = before if relation.turn else None
            line = turns and self.once(turns, how, lambda: turned(turns, relation))
            boxes = self.once(track.boxes, how, lambda: looked_up(track.boxes, relation))
            return Track(axis, boxes, line, exact=track.exact)
        if relation == Window(relation.size):
            return track if axis == track.axis else track.along(axis)
        before = track.line
        line = before and self.once(before, relation, lambda: slid(before, relation))
        boxes = self.once(track.boxes, relation, lambda: self.windowed(track.boxes, relation))
        return Track(axis, boxes, line, exact=track.exact)

    def windowed(self, boxes: Boxes, window: Window) -> Boxes:
        """Return the boxes after a window; they use the track's line unless borders change it."""
        before = boxes.line
        if before is None:
            return windowed(boxes, window, None)
        known = self.known.get((id(before), window))
        line = known[1] if known and known[1] and not known[1].seams else None
        return windowed(boxes, window, line or inside(before, window))

    def merge(self, tracks: list[Track]) -> Track:
        """Join paths, once for all axes on which they are equal."""
        parts = [part for track in tracks for part in (track.boxes, track.line)]
        rest = (*map(id, parts[1:]), *((track.axis is None, track.ordered, track.exact) for track in tracks))
        axis = next((track.axis for track in tracks if track.axis is not None), None)
        found = self.once(parts[0], rest, lambda: (merged(tracks, gates=self.gates), parts))[0]
        return found if found.axis is None or found.axis == axis else found.along(axis)


def _channels(layer: Layer, paths: list[Track], reads: list[Relation]) -> tuple[bool, bool]:
    """Return whether the boxes of all channels together stay exact, and whether channels see different pixels."""
    hull = layer.node.op.hull()
    before = any(path.mixed for path in paths)
    if not before and not hull and not layer.node.op.merges:
        return True, False
    parts = any(isinstance(read, Table) for read in reads) and len({id(path.boxes) for path in paths}) > 1
    mixed = bool(hull) or parts or (before and not all(isinstance(read, All) for read in reads))
    exact = hull not in {"positions", "unknown"} and not (before and (hull or any(map(_drops, reads))))
    return exact, mixed


def _drops(relation: Relation) -> bool:
    """Return whether some channels of the input are read by none."""
    if isinstance(relation, Table):
        return relation.width == 1 and relation.extent < relation.size <= MANY_CHANNELS and relation.turn is None
    return isinstance(relation, Window) and (min(relation.lo, relation.hi) < 0 or relation.stride > relation.kernel)


def _on_one_axis(tracks: list[Track], *, spatial: bool) -> list[Track]:
    """Join paths whose positions lie along different axes of the layer; all but the first axis are seen in full.

    A path along the channels is seen in full by every position, like a gate. A path along another axis of the map keeps
    its position there and is followed like the first one; that every unit sees all of it is an upper bound.
    """
    first = next((track for track in tracks if track.axis or (track.axis == 0 and not spatial)), None)

    def one(track: Track) -> Track:
        if first is None or track.axis in {first.axis, None}:
            return track
        return seen_whole(track) if track.axis == 0 else replace(spread(track, first), exact=False)

    return [one(track) for track in tracks]


def _blind(tracks: Tracks) -> bool:
    """Return whether nothing of the image is seen."""
    return all(track.blind for track in tracks)


def _torn(tracks: Tracks) -> bool:
    """Return whether some unit sees nothing along one axis of the image and something along another."""
    torn = {id(track.boxes): track.boxes for track in tracks if track.boxes.gaps}
    if not torn:
        return False
    if not all(track.boxes.gaps for track in tracks) or len({track.axis for track in tracks}) > 1:
        return True
    gaps = [boxes.last < boxes.first for boxes in torn.values()] if len(torn) > 1 else []
    return any(not np.array_equal(gap, gaps[0]) for gap in gaps)


def _unordered(track: Track, relation: Window | Table, axis: int) -> Track:
    """Keep unordered boxes if units are passed on one by one; otherwise use the hull as a bound."""
    single = (relation.width if isinstance(relation, Table) else relation.kernel) == 1
    found = track if single else replace(seen_whole(track), exact=False)
    if isinstance(relation, Window) and _drops(relation) and track.boxes.size > 1:
        found = replace(found, exact=False)  # it is unknown which boxes are dropped
    return Track(axis, found.boxes, None, ordered=False, exact=found.exact)
