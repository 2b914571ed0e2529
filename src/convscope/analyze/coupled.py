"""Where axes of a layer depend on each other, so that its reads, stated axis by axis, are more than what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.axis import All, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.axis import Read
    from convscope.core.net import Layer


def tells(layer: Layer, *, all_channels: bool) -> bool:
    """The reads of the layer are what is read: always, or because all of its channels are asked."""
    hull = layer.node.op.hull()
    return not hull or (hull == "channels" and all_channels)


def parts_channels(layer: Layer, reads: Sequence[Read]) -> bool:
    """Channels of the layer see different pixels: they are positions of its input, or come from different inputs."""
    joins = layer.node.op.merges and isinstance(reads[0].relation, Table)
    return (
        joins
        or bool(layer.node.op.hull())
        or any(read.follows == 0 and not isinstance(read.relation, All) for read in reads[1:])
    )
