"""Columns and lanes of a drawing of a graph.

The longest path is lane 0, straight from the first column to the last. Every other path between a fork and a merge has
a lane beside it: 1, 2, … above and -1, -2, … below. An edge that passes columns without a node of its own is an *arc*;
arcs from one node share a lane above. Short paths are nearer to the middle than the paths that pass them, so that the
skips of a U-Net nest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Sources = Sequence[Sequence[int]]
"""For each node, in topological order, the positions of the nodes that it reads."""

LANES = 12
"""The most lanes above and below; further paths share the outermost one."""


class Arc(NamedTuple):
    """An edge, or several from one node, that pass columns beside the nodes there.

    Attributes:
        source: the node that is read.
        targets: the nodes that read it, in order.
        lane: the lane along which it passes, at least 1.
    """

    source: int
    targets: tuple[int, ...]
    lane: int


@dataclass(frozen=True)
class Layout:
    """The places of nodes.

    Attributes:
        columns: for each node, from the left; at least one to the right of what it reads.
        lanes: for each node.
        chains: for each node, the first node of the path on whose lane it is.
        arcs: edges that pass columns beside the nodes there.
    """

    columns: tuple[int, ...]
    lanes: tuple[int, ...]
    chains: tuple[int, ...]
    arcs: tuple[Arc, ...]


class _Path(NamedTuple):
    """What needs a lane: a chain of nodes, or an arc.

    Attributes:
        first: the first column in which the lane must be free.
        last: the last such column.
        arc: whether there are no nodes on it.
        node: the first node of the chain, or the source of the arc.
        ends: the chain at which it ends, by its first node; -1 for none.
    """

    first: int
    last: int
    arc: bool
    node: int
    ends: int


def layout(sources: Sources) -> Layout:
    """Return the places of nodes in time proportional to their number and that of their edges.

    An image, a path of two layers beside an identity, and their sum:

    >>> found = layout([[], [0], [1], [2, 0]])
    >>> found.columns, found.lanes, found.arcs
    ((0, 1, 2, 3), (0, 0, 0, 0), (Arc(source=0, targets=(3,), lane=1),))
    """
    columns = _columns(sources)
    heirs = _heirs(sources)
    before = _before(sources, columns, heirs)
    chains = _chains(before)
    last = max(columns, default=0)
    ends = (chain for chain, column in zip(chains, columns, strict=True) if column == last)
    main = min(ends, key=lambda chain: (columns[chain], chain), default=0)
    skips = _skips(sources, columns, heirs, before)
    paths = [*_stretches(sources, columns, heirs, chains, main), *_passes(columns, skips)]
    lanes = _lanes(paths, max(columns, default=0) + 1)
    of_chain = {path.node: lane for path, lane in zip(paths, lanes, strict=True) if not path.arc}
    of_arc = {path.node: lane for path, lane in zip(paths, lanes, strict=True) if path.arc}
    arcs = tuple(Arc(source, tuple(targets), of_arc[source]) for source, targets in skips.items())
    return Layout(tuple(columns), tuple(of_chain.get(chain, 0) for chain in chains), tuple(chains), arcs)


def _columns(sources: Sources) -> list[int]:
    """Return the length of the longest path to each node."""
    columns: list[int] = []
    for mine in sources:
        columns.append(max((columns[source] for source in mine), default=-1) + 1)
    return columns


def _heirs(sources: Sources) -> list[int]:
    """Return for each node the reader that continues its lane, the first of those with the longest path ahead."""
    ahead = [0] * len(sources)
    heirs = [-1] * len(sources)
    for node in reversed(range(len(sources))):
        for source in sources[node]:
            if ahead[node] + 1 >= ahead[source]:  # of equal ones, the first reader is met last
                ahead[source] = ahead[node] + 1
                heirs[source] = node
    return heirs


def _before(sources: Sources, columns: Sequence[int], heirs: Sequence[int]) -> list[int]:
    """Return for each node the one whose lane it continues: of those it inherits from, the last; -1 for none."""
    chains: list[int] = []
    before: list[int] = []
    for node, mine in enumerate(sources):
        left = [source for source in mine if heirs[source] == node]
        best = max(left, key=lambda source: (columns[source], -chains[source]), default=-1)
        before.append(best)
        chains.append(node if best < 0 else chains[best])
    return before


def _chains(before: Sequence[int]) -> list[int]:
    """Return for each node the first node of its chain."""
    chains: list[int] = []
    for node, previous in enumerate(before):
        chains.append(node if previous < 0 else chains[previous])
    return chains


def _leads(sources: Sources, columns: Sequence[int], node: int) -> int:
    """Return the node from which the first node of a chain is reached; -1 for none."""
    return max(sources[node], key=lambda source: columns[source], default=-1)


def _skips(
    sources: Sources, columns: Sequence[int], heirs: Sequence[int], before: Sequence[int]
) -> dict[int, list[int]]:
    """Return the edges that pass columns and belong to no chain, by their source."""
    ends = _ends(before)
    skips: dict[int, list[int]] = {}
    for node, mine in enumerate(sources):
        lead = _leads(sources, columns, node) if before[node] < 0 else -1
        for source in dict.fromkeys(mine):
            joins = source in {before[node], lead} or (ends[source] and heirs[source] == node)
            if not joins and columns[node] - columns[source] > 1:
                skips.setdefault(source, []).append(node)
    return skips


def _ends(before: Sequence[int]) -> list[bool]:
    """Return for each node whether its chain ends with it."""
    ends = [True] * len(before)
    for previous in before:
        if previous >= 0:
            ends[previous] = False
    return ends


def _stretches(
    sources: Sources, columns: Sequence[int], heirs: Sequence[int], chains: Sequence[int], main: int
) -> list[_Path]:
    """Return all chains but the main one, from after the node that leads to it up to the reader of its last node.

    The column of the reader is included, since the line turns there.
    """
    last = {chain: node for node, chain in enumerate(chains)}
    found = []
    for chain, end in last.items():
        if chain != main:
            lead, reader = _leads(sources, columns, chain), heirs[end]
            first = columns[chain] if lead < 0 else columns[lead] + 1
            to = -1 if reader < 0 else chains[reader]
            found.append(_Path(first, columns[end if reader < 0 else reader], arc=False, node=chain, ends=to))
    return found


def _passes(columns: Sequence[int], skips: dict[int, list[int]]) -> list[_Path]:
    """Return the columns that the arcs of each node pass."""
    return [
        _Path(columns[source] + 1, max(columns[target] for target in targets), arc=True, node=source, ends=-1)
        for source, targets in skips.items()
    ]


def _lanes(paths: Sequence[_Path], width: int) -> list[int]:
    """Return the lane of each path: the innermost that is free, short paths first.

    A path at which others end is on their side, so that no line crosses the first lane.
    """
    taken = {lane: bytearray(width) for lane in range(-LANES, LANES + 1)}
    lanes, sides = [LANES] * len(paths), dict[int, int]()
    order = sorted(range(len(paths)), key=lambda at: (paths[at].last - paths[at].first, paths[at].first, at))
    for at in order:
        path = paths[at]
        for lane in _tried(1 if path.arc else sides.get(path.node, 0)):
            if 1 not in taken[lane][path.first : path.last + 1]:
                lanes[at] = lane
                break
        if not path.arc:
            sides.setdefault(path.ends, lanes[at])
        taken[lanes[at]][path.first : path.last + 1] = b"\1" * (path.last + 1 - path.first)
    return lanes


def _tried(side: int) -> list[int]:
    """Return lanes from the inside to the outside: those above, those below, or for 0 those of both sides."""
    if side:
        return [lane if side > 0 else -lane for lane in range(1, LANES + 1)]
    return [lane for at in range(1, LANES + 1) for lane in (at, -at)]
