"""The stages of a net, and the comparison of two different designs by stages.

A stage corresponds to a row in a paper's table of a net: the layers that work at one scale and one width. At a point
where all paths have met, only one tensor is needed by later layers; the layers that lead to it, including those of a
shortcut, belong to its stage. A pointwise layer that widens a map for the next layer belongs to that layer. A change of
width begins a stage only if it is the width of residual sums; otherwise each layer of a dense block would be a stage.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise, product
from typing import TYPE_CHECKING, Any

from convscope.analyze.cost import Total, total
from convscope.analyze.reach import number
from convscope.budget import spend
from convscope.ops.merge import Add

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from fractions import Fraction

    from convscope.analyze.table import Row
    from convscope.core.net import Net
    from convscope.core.shape import Shape

    Scale = tuple[Fraction, ...]
    Key = tuple[Scale, int]

FEW, SHORT = 0.5, 12
"""Fraction of equal layers with multiply-adds below which designs count as different; layers that need no stages."""

WIDTH = 0.25
"""Weight of a factor of 2 in channels relative to a factor of 2 in the size of the map when stages are paired."""

HEAD: Key = ((), 0)
"""The stage after the last map, which works on the image as a whole."""


@dataclass(frozen=True)
class Stage:
    """The layers of one net at one scale, at one width.

    Attributes:
        stride: stride of its maps along each axis [input pixel]; empty for the head.
        size: height and width of its last map; empty for the head.
        layers: number of layers.
        channels: channels of its last residual sum, or of its last layer if there is none.
        params: sum of their parameters.
        macs: sum of their multiply-adds [MAC].
        field: receptive field of the last layer along each axis [input pixel].
    """

    stride: Scale
    size: Shape
    layers: int
    channels: int
    params: Total
    macs: Total
    field: tuple[int, ...]

    @classmethod
    def of(cls, stride: Scale, rows: Sequence[Row], sums: frozenset[str]) -> Stage:
        """Return the stage of some rows of a table; ``sums`` are the names of residual sums."""
        placed = [row for row in rows if _scale(row) == stride] if stride else []
        last = (placed or rows)[-1]
        wide = [row for row in rows if row.name in sums]
        return cls(
            stride=stride,
            size=last.out[1:] if stride else (),
            layers=len(rows),
            channels=(wide or [last])[-1].out[0],
            params=total((row.name, row.params) for row in rows),
            macs=total((row.name, row.macs) for row in rows),
            field=tuple(axis.size for axis in last.field),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "stride": [number(one) for one in self.stride],
            "size": list(self.size),
            "channels": self.channels,
            "layers": self.layers,
            "params": self.params.value,
            "macs": self.macs.value,
            "missing": sorted({*self.params.missing, *self.macs.missing}),
            "rf": list(self.field),
        }


StagePair = tuple[Stage | None, Stage | None]
"""A stage of the first net and one of the second; None for a stage without a partner."""


def stages(net: Net, rows: Sequence[Row]) -> tuple[Stage, ...]:
    """Return the stages of a net, in the order in which they begin; ``rows`` are those of its table.

    >>> import convscope as cs
    >>> net = cs.read("input 28x28x1, conv 16 3x3 p1 relu, maxpool 2, conv 32 3x3 p1 relu, gap, linear 10")
    >>> [(one.size, one.channels, one.layers) for one in stages(net, net.table().rows)]
    [((28, 28), 16, 2), ((14, 14), 32, 3), ((), 10, 2)]
    """
    sums = _sums(net, rows)
    found: dict[Key, list[Row]] = {}
    for row, key in zip(rows, _keys(net, rows, sums), strict=True):
        found.setdefault(key, []).append(row)
    return tuple(Stage.of(stride, members, sums) for (stride, _), members in found.items())


def _scale(row: Row) -> Scale:
    """Return the stride of the output of a layer; empty if it has lost its position."""
    strides = tuple(axis.stride for axis in row.field if axis.stride is not None)
    return strides if len(strides) == len(row.field) else ()


def _sums(net: Net, rows: Sequence[Row]) -> frozenset[str]:
    """Return the names of sums of maps of equal size; a sum with a gate is not one."""
    return frozenset(
        layer.node.name
        for layer, row in zip(net, rows, strict=True)
        if isinstance(layer.node.op, Add) and _scale(row) and set(layer.inputs) == {layer.output}
    )


def _met(net: Net) -> Iterator[bool]:
    """Yield for each layer whether later layers need no other tensor than its output."""
    until = {name: at for at, layer in enumerate(net) for name in layer.node.inputs}
    until |= {one.node: len(net) for one in net.outputs}
    ends = Counter(until.values())
    alive = sum(one.name in until for one in net.inputs)
    for at, layer in enumerate(net):
        needed = layer.node.name in until
        alive += needed - ends[at]
        yield needed and alive == 1


def _keys(net: Net, rows: Sequence[Row], sums: frozenset[str]) -> Iterator[Key]:
    """Yield the stage of each layer: its scale, and how often the width of the sums has changed at that scale."""
    scales = [_scale(row) for row in rows]
    last = max((at for at, scale in enumerate(scales) if scale), default=-1)
    goals = _goals(rows, [at for at, met in enumerate(_met(net)) if met and scales[at]], sums)
    key, begin = (next(filter(None, scales), ()), 0), 0
    for at, goal in goals.items():
        inside = {scale for scale in scales[begin : at + 1] if scale}
        through = inside <= {key[0], scales[at]}  # else it comes back from other scales, as in a U-Net
        for scale in scales[begin : at + 1]:
            key = goal if through else (scale, 0) if scale else key
            yield key
        key, begin = goal, at + 1
    for at, scale in enumerate(scales[begin:], begin):
        key = HEAD if at > last else (scale, 0) if scale else key
        yield key


def _goals(rows: Sequence[Row], points: list[int], sums: frozenset[str]) -> dict[int, Key]:
    """Return the stage of each point at which all paths have met, in order."""
    runs = [list(run) for _, run in groupby(points, lambda at: rows[at].out[0])]
    following = {one[0]: after for before, one, after in _threes(runs) if _widens(rows, before, one, after)}
    changes: Counter[Scale] = Counter()
    widths: dict[Scale, int] = {}
    found: dict[int, Key] = {}
    for run in runs:
        channels = rows[run[0]].out[0]
        for scale in {_scale(rows[at]) for at in run if rows[at].name in sums}:
            changes[scale] += widths.setdefault(scale, channels) != channels
            widths[scale] = channels
        found |= {at: (_scale(rows[at]), changes[_scale(rows[at])]) for at in run}
    for run in runs:
        if run[0] in following:
            found |= dict.fromkeys(run, found[following[run[0]][0]])
    return found


def _threes(runs: list[list[int]]) -> Iterator[tuple[list[int], list[int], list[int]]]:
    yield from ((a, b, c) for (a, b), (_, c) in pairwise(pairwise(runs)))


def _widens(rows: Sequence[Row], before: list[int], run: list[int], after: list[int]) -> bool:
    """Return whether layers only widen a map, beginning with a pointwise one, for later ones that narrow it again."""
    a, first, last, c = (rows[at] for at in (before[-1], run[0], run[-1], after[0]))
    pointwise = [axis.size for axis in a.field] == [axis.size for axis in first.field]
    return pointwise and first.out[0] > max(a.out[0], c.out[0]) and _scale(last) == _scale(c)


def together(first: Sequence[Stage], second: Sequence[Stage]) -> tuple[StagePair, ...]:
    """Pair the stages of two nets, in order, by the sizes of their maps and by channels.

    The sum of distances is minimal, and a stage without a partner counts as a factor of 2 in size. Heads are paired.
    """
    a, b = ([one for one in side if one.stride] for side in (first, second))
    spend(len(a) * len(b))
    least = {(len(a), at): (float(len(b) - at), "b") for at in range(len(b) + 1)}
    least |= {(at, len(b)): (float(len(a) - at), "a") for at in range(len(a) + 1)}
    for i, j in product(reversed(range(len(a))), reversed(range(len(b)))):
        least[i, j] = min(
            (least[i + 1, j + 1][0] + _distance(a[i], b[j]), "ab"),
            (least[i + 1, j][0] + 1, "a"),
            (least[i, j + 1][0] + 1, "b"),
            key=lambda way: way[0],
        )
    pairs: list[StagePair] = []
    i = j = 0
    while i < len(a) or j < len(b):
        way = least[i, j][1]
        pairs.append((a[i] if "a" in way else None, b[j] if "b" in way else None))
        i, j = i + ("a" in way), j + ("b" in way)
    heads = [next((one for one in side if not one.stride), None) for side in (first, second)]
    return (*pairs, *([(heads[0], heads[1])] if any(heads) else []))


def _distance(a: Stage, b: Stage) -> float:
    """Return how different two stages are, in factors of 2; infinite for a line and a map."""
    if len(a.size) != len(b.size):
        return math.inf
    size = sum(abs(math.log2(x / y)) for x, y in zip(a.size, b.size, strict=True)) / len(a.size)
    return size + WIDTH * abs(math.log2(a.channels / b.channels))


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
