"""What a drawing shows at a time: steps, or groups of neighbouring steps that are drawn as one.

Modules are groups. In a net without modules, paths that part and meet again are, and equal neighbours are one group
that is drawn once. What is folded is chosen so that the drawing can be read at first sight, unless the caller chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from convscope.core.op import spelled
from convscope.diagram.graph import module_of, names_of
from convscope.diagram.layout import layout
from convscope.diagram.steps import steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from convscope.core.net import Net
    from convscope.diagram.steps import Step

MOST = 24
"""The most pieces of a drawing that is not folded further."""

UNBROKEN = 12
"""The most pieces in one row between whose columns more than one value passes, as below the skips of a U-Net."""

EACH = 6
"""The most convolutions in one row that are one group."""

SHOWN, DETAIL = 16, 80
"""The most steps inside of a group that are drawn one by one, and of a drawing that draws equal neighbours apart."""

INSIDE = 40
"""The most steps of a group that is found by its paths."""

PARTS = 60
"""The most pieces of any drawing; beyond, each stands for equally many."""


@dataclass(frozen=True)
class Piece:
    """A step, or neighbouring steps that are drawn as one.

    Attributes:
        steps: positions of the steps, from the first to the last.
        title: its name.
        times: how often it is repeated, with the same settings and shapes; the steps are those of all repetitions.
    """

    steps: range
    title: str
    times: int = 1


class Graph(NamedTuple):
    """The steps of a net.

    Attributes:
        net: the net.
        steps: its steps.
        sources: for each step, the steps and inputs that it reads; inputs come first, so step ``i`` is node ``i +
            len(net.inputs)``.
    """

    net: Net
    steps: tuple[Step, ...]
    sources: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, net: Net) -> Graph:
        """Return the steps of a net with what they read."""
        steps = steps_of(net)
        given = len(net.inputs)
        where = {name: at for at, name in enumerate(names_of(net)[:given])}
        where |= {layer.node.name: at for at, step in enumerate(steps, given) for layer in step.layers}
        reads = (
            dict.fromkeys(where[name] for layer in step.layers for name in layer.node.inputs if where[name] != at)
            for at, step in enumerate(steps, given)
        )
        return cls(net, steps, tuple(map(tuple, reads)))

    def inputs(self) -> int:
        """Return the number of inputs of the net."""
        return len(self.net.inputs)


def pieces_of(graph: Graph, fold: int | None = None) -> tuple[Piece, ...]:
    """Return what is drawn.

    Args:
        graph: the steps.
        fold: fold modules whose names share this number of parts; 0 folds nothing; None chooses.

    >>> import convscope as cs
    >>> net = cs.read("input 9x9x1, a.x: conv 4 3x3, a.y: conv 4 3x3, b: conv 2 1x1")
    >>> [(piece.title, len(piece.steps)) for piece in pieces_of(Graph.of(net), fold=1)]
    [('a', 2), ('b', 1)]
    """
    single = tuple(Piece(range(at, at + 1), step.name) for at, step in enumerate(graph.steps))
    if fold is not None:
        return _modules(graph, fold) if fold else single
    blocks = _blocks(graph, single)
    ways = (single, *_by_depth(graph), blocks, _straight(graph, blocks))
    few = [found for way in ways for found in (way, _stacked(graph, way)) if len(found) <= MOST]
    if few:
        best = next((found for found in few if longest(graph, found) <= UNBROKEN), min(few, key=len))
        return best if detail(best) <= DETAIL else _stacked(graph, best)
    return _cut(_sizes(graph, _stacked(graph, ways[-1])))


def sources_of(graph: Graph, pieces: Sequence[Piece]) -> list[tuple[int, ...]]:
    """Return what each input and piece reads, as positions among them."""
    given = graph.inputs()
    owner = {at: at for at in range(given)}
    owner |= {at + given: place for place, piece in enumerate(pieces, given) for at in piece.steps}
    found: list[tuple[int, ...]] = [() for _ in range(given)]
    for place, piece in enumerate(pieces, given):
        reads = dict.fromkeys(owner[source] for at in piece.steps for source in graph.sources[at])
        found.append(tuple(one for one in reads if one != place))
    return found


def parts_of(columns: Sequence[int], sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the nodes of a drawing in parts, between which a single value passes: where a row may end.

    >>> parts_of([0, 1, 2, 3, 4], [[], [0], [1], [2, 0], [3]])
    [[0], [1, 2, 3], [4]]
    """
    reach = list(columns)
    for node, mine in enumerate(sources):
        for source in mine:
            reach[source] = max(reach[source], columns[node])
    crossing = [0] * (max(columns, default=0) + 2)
    for column, end in zip(columns, reach, strict=True):
        crossing[column] += end > column
        crossing[end] -= end > column
    parts: list[list[int]] = [[]]
    alive, column = 0, 0
    for node in sorted(range(len(columns)), key=lambda node: (columns[node], node)):
        while column < columns[node]:
            alive += crossing[column]
            column += 1
            if alive == 1:
                parts.append([])
        parts[-1].append(node)
    return [sorted(part) for part in parts if part]


def detail(pieces: Sequence[Piece]) -> int:
    """Return the number of steps that are drawn."""
    counts = (len(piece.steps) // piece.times for piece in pieces)
    return sum(count if count <= SHOWN else 1 for count in counts)


def longest(graph: Graph, pieces: Sequence[Piece]) -> int:
    """Return the number of pieces of the longest part of a drawing."""
    sources = sources_of(graph, pieces)
    return max(map(len, parts_of(layout(sources).columns, sources)))


def _by_depth(graph: Graph) -> Iterator[tuple[Piece, ...]]:
    """Yield the modules, from the innermost to the outermost ones."""
    deepest = max((len(module_of(step.name)) for step in graph.steps), default=0)
    yield from (_modules(graph, depth) for depth in range(deepest, 0, -1))


def _modules(graph: Graph, depth: int) -> tuple[Piece, ...]:
    """Group neighbours whose names share their first parts; a step that has fewer parts stays alone."""

    def key(at: int) -> str | int:
        path = module_of(graph.steps[at].name)
        return ".".join(path[:depth]) if len(path) >= depth else at

    runs = ((str(name), list(run)) for name, run in groupby(range(len(graph.steps)), key))
    return tuple(_piece(graph, run, name) for name, run in runs)


def _piece(graph: Graph, run: Sequence[int], name: str = "") -> Piece:
    """Return some neighbouring steps as one piece; without a name, it has that of the last step."""
    last = graph.steps[run[-1]].name
    return Piece(range(run[0], run[-1] + 1), last if len(run) == 1 else name or last)


def _met(graph: Graph) -> list[bool]:
    """Return for each step whether later steps need no other value than its output."""
    given = graph.inputs()
    until = {source: at for at, mine in enumerate(graph.sources, given) for source in mine}
    ends: dict[int, int] = {}
    for at in until.values():
        ends[at] = ends.get(at, 0) + 1
    alive = sum(at in until for at in range(given))
    found = []
    for at in range(given, given + len(graph.steps)):
        alive += (at in until) - ends.get(at, 0)
        found.append(alive <= 1)
    return found


def _blocks(graph: Graph, single: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Group paths that part and meet again, if there are not too many steps on them and their maps keep their size."""
    found: list[Piece] = []
    run: list[int] = []
    for at, met in enumerate(_met(graph)):
        run.append(at)
        if met:
            small = 1 < len(run) <= INSIDE and _keeps_size(graph, run)
            found += [_piece(graph, run)] if small else [single[one] for one in run]
            run = []
    return (*found, *(single[one] for one in run))


def _keeps_size(graph: Graph, run: Sequence[int]) -> bool:
    """Return whether the maps inside have the size of one end of the group, or none: not so inside of a U-Net."""
    first, last = graph.steps[run[0]], graph.steps[run[-1]]
    ends = {first.main.inputs[0][1:], last.out[1:]}
    return all(graph.steps[at].out[1:] in ends or max(graph.steps[at].out[1:], default=1) == 1 for at in run)


def _straight(graph: Graph, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Group convolutions in one row that keep the size of the map, where nothing else reads what is between them."""
    given = graph.inputs()
    readers: dict[int, set[int]] = {}
    for at, mine in enumerate(graph.sources, given):
        for source in mine:
            readers.setdefault(source, set()).add(at)

    def joins(before: Piece, piece: Piece) -> bool:
        first, second = before.steps[-1], piece.steps[0]
        kinds = {graph.steps[at].kind for at in (*before.steps, *piece.steps)}
        alone = graph.sources[second] == (first + given,) and readers[first + given] == {second + given}
        return alone and kinds == {"conv"} and graph.steps[first].out[1:] == graph.steps[second].out[1:]

    return tuple(part for run in _runs(pieces, joins) for part in _shared(run, -(-len(run) // EACH)))


def _shared(run: Sequence[Piece], parts: int) -> Iterator[Piece]:
    """Yield neighbours as a number of groups, about equally large."""
    ends = [len(run) * at // parts for at in range(parts + 1)]
    yield from (_whole(run[a:b]) for a, b in pairwise(ends))


def _stacked(graph: Graph, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Draw equal neighbours in one row once."""
    ways = {piece.steps[0]: _signature(graph, piece) for piece in pieces}
    return tuple(_joined(list(run)) for run in _runs(pieces, lambda a, b: _continues(graph, ways, a, b)))


def _runs(pieces: Sequence[Piece], joins: Callable[[Piece, Piece], bool]) -> Iterator[list[Piece]]:
    """Cut a row wherever a piece does not join the one before."""
    run = list(pieces[:1])
    for before, piece in pairwise(pieces):
        if not joins(before, piece):
            yield run
            run = []
        run.append(piece)
    yield run


def _signature(graph: Graph, piece: Piece) -> Hashable:
    """Return what equal pieces have in common: their ops, their shapes, and how they are connected."""
    start = piece.steps[0] + graph.inputs()
    return tuple(
        (
            tuple((spelled(layer.node.op), layer.inputs, layer.output) for layer in graph.steps[at].layers),
            tuple(max(source - start, -1) for source in graph.sources[at]),
        )
        for at in piece.steps
    )


def _continues(graph: Graph, ways: dict[int, Hashable], before: Piece, piece: Piece) -> bool:
    """Return whether a piece is equal to the one before, and reads nothing else."""
    last = before.steps[-1] + graph.inputs()
    outside = {source for at in piece.steps for source in graph.sources[at] if source < piece.steps[0] + graph.inputs()}
    return ways[before.steps[0]] == ways[piece.steps[0]] and outside == {last}


def _joined(run: Sequence[Piece]) -> Piece:
    """Return neighbours as one piece."""
    first, last = run[0], run[-1]
    if len(run) == 1:
        return first
    return Piece(range(first.steps[0], last.steps[-1] + 1), f"{first.title} … {last.title}", len(run))


def _sizes(graph: Graph, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Group neighbours with maps of one size, where that leaves few enough."""

    def joins(before: Piece, piece: Piece) -> bool:
        sizes = {graph.steps[one.steps[-1]].out[1:] for one in (before, piece)}
        return len(sizes) == 1 and max(next(iter(sizes)), default=1) > 1

    found = tuple(_whole(run) for run in _runs(pieces, joins))
    return found if 1 < len(found) <= MOST else tuple(pieces)


def _whole(run: Sequence[Piece]) -> Piece:
    """Return different neighbours as one piece."""
    one = _joined(run)
    return Piece(one.steps, one.title) if len(run) > 1 else one


def _cut(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Group equally many neighbours if there are very many."""
    return tuple(pieces) if len(pieces) <= PARTS else tuple(_shared(pieces, PARTS))
