"""Layers whose axes depend on each other, so that reads stated axis by axis cover more than what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.axis import All, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.axis import Read
    from convscope.core.net import Layer


def tells(layer: Layer, *, all_channels: bool) -> bool:
    """Return whether the reads are exact: always, or because all channels are requested."""
    hull = layer.node.op.hull()
    return not hull or (hull == "channels" and all_channels)


def parts_channels(layer: Layer, reads: Sequence[Read]) -> bool:
    """Return whether channels see different pixels: they are positions of the input, or come from different inputs."""
    joins = layer.node.op.merges and isinstance(reads[0].relation, Table)
    return (
        joins
        or bool(layer.node.op.hull())
        or any(read.follows == 0 and not isinstance(read.relation, All) for read in reads[1:])
    )
