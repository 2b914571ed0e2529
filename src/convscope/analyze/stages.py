"""Comparison of two different designs by stages: the layers that work at one size of the map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.analyze.cost import Total, total
from convscope.core.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convscope.analyze.table import Row

FEW, SHORT = 0.5, 12
"""Fraction of equal layers with multiply-adds below which designs count as different; layers that need no stages."""

HEAD: Shape = ()
"""The size of the stage after the last map, which works on the image as a whole."""


@dataclass(frozen=True)
class Stage:
    """The layers of one net at one size of the map.

    Attributes:
        size: height and width; empty for the head.
        layers: number of layers.
        channels: channels of the last layer.
        params: sum of their parameters.
        macs: sum of their multiply-adds [MAC].
        field: receptive field of the last layer along each axis [input pixel].
    """

    size: Shape
    layers: int
    channels: int
    params: Total
    macs: Total
    field: tuple[int, ...]

    @classmethod
    def of(cls, size: Shape, rows: list[Row]) -> Stage:
        """Return the stage of some rows of a table."""
        last = rows[-1]
        return cls(
            size=size,
            layers=len(rows),
            channels=last.out[0],
            params=total((row.name, row.params) for row in rows),
            macs=total((row.name, row.macs) for row in rows),
            field=tuple(axis.size for axis in last.field),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "layers": self.layers,
            "channels": self.channels,
            "params": self.params.value,
            "macs": self.macs.value,
            "missing": sorted({*self.params.missing, *self.macs.missing}),
            "rf": list(self.field),
        }


Stages = tuple[Shape, Stage | None, Stage | None]
"""A size, with the stage of each net; None for a net without one."""


def stages(rows: Iterable[Row]) -> list[Stage]:
    """Return the stages of a net, in the order in which they begin.

    A layer that has lost its position, such as the pooling of a gate, belongs to the current stage, or to the head if
    no later layer has its position.
    """
    known = list(rows)
    placed = [bool(row.field) and all(axis.stride is not None for axis in row.field) for row in known]
    last = max((at for at, has in enumerate(placed) if has), default=-1)
    found: dict[Shape, list[Row]] = {}
    size = HEAD
    for at, row in enumerate(known):
        size = HEAD if at > last else row.out[1:] if placed[at] else size
        found.setdefault(size, []).append(row)
    return [Stage.of(name, members) for name, members in found.items()]


def together(first: Iterable[Row], second: Iterable[Row]) -> tuple[Stages, ...]:
    """Match the stages of two nets by size, the largest map first, the head last."""
    a, b = ({stage.size: stage for stage in stages(rows)} for rows in (first, second))
    return tuple((size, a.get(size), b.get(size)) for size in sorted({**a, **b}, key=_order))


def _order(size: Shape) -> tuple[bool, int]:
    return size == HEAD, -math.prod(size)


def differ(first: Iterable[Row], second: Iterable[Row], shared: int) -> bool:
    """Return whether two nets are different designs, so that their layers have no partners.

    Args:
        first: rows of one net.
        second: rows of the other.
        shared: number of pairs of equal layers with multiply-adds.
    """
    a, b = (tuple(rows) for rows in (first, second))
    working = sum(bool(row.macs) for row in (*a, *b))
    return max(len(a), len(b)) > SHORT and 2 * shared < FEW * working
