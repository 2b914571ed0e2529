"""Channels in groups: the read that grouped convolutions and group norms share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.axis import All, Table

if TYPE_CHECKING:
    from convscope.core.axis import Indices, Relation


def group_reads(channels: int, out: int, groups: int) -> Relation:
    """Return the read of an output channel: all input channels of its group."""
    if groups == 1:
        return All(channels, out)
    width, outputs = channels // groups, out // groups

    def ends(o: Indices) -> tuple[Indices, Indices]:
        first = o // outputs * width
        return first, first + width - 1

    return Table(channels, out, width, ends, blocks=(outputs, width, 0))
