"""Axes along which everything is alike, as those of a square image are, are followed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convscope.analyze.track import Track, Tracks
    from convscope.core.axis import Read

    Source = tuple[int, Sequence[Read]]


def as_first(before: list[Tracks], at: int, found: Track, sources: Iterable[Source]) -> Track | None:
    """The state of a layer along an axis of the image, if it is as along the first one; None if it is not.

    Args:
        before: the states of its inputs.
        at: the axis.
        found: the state of the layer along the first axis.
        sources: which inputs are followed, each with how it is read.
    """
    ways: dict[int | None, int | None] = {None: None}
    if not all(_alike(before[number][0], before[number][at], reads, ways) for number, reads in sources):
        return None
    if len(set(ways.values())) < len(ways) or ways.get(0, 0) != 0 or 0 in [ways[way] for way in ways if way]:
        return None
    return _along(found, ways)


def _alike(one: Track, other: Track, reads: Sequence[Read], ways: dict[int | None, int | None]) -> bool:
    """Two axes are alike but for where they lie, and so is how they are read; it is added which one becomes which."""
    if not (
        one.boxes is other.boxes
        and one.line is other.line
        and (one.axis is None) == (other.axis is None)
        and (one.ordered, one.exact, one.mixed, one.unknown) == (other.ordered, other.exact, other.mixed, other.unknown)
        and len(one.shares) == len(other.shares)
    ):
        return False
    if one.axis is not None and other.axis is not None:
        mine, its = reads[one.axis], reads[other.axis]
        if mine.relation != its.relation or ways.setdefault(mine.follows, its.follows) != its.follows:
            return False
    return all(
        first[0] is second[0] and _alike(first[1], second[1], reads, ways)
        for first, second in zip(one.shares, other.shares, strict=True)
    )


def _along(track: Track, ways: dict[int | None, int | None]) -> Track:
    """A track along another axis of the layer."""
    shares = tuple([(runs, _along(part, ways)) for runs, part in track.shares]) if track.shares else ()
    found = track.along(ways[track.axis])
    return found.sharing(shares) if shares else found
