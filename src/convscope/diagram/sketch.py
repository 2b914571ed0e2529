"""A drawing of a graph: cells in columns and lanes, lines between them, and how much space it takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from convscope.diagram.layout import layout
from convscope.diagram.shapes import bar, funnel, lines, route, shadows, sign, slab
from convscope.view.layout import LETTER, SMALL, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convscope.diagram.layout import Layout, Sources
    from convscope.diagram.shapes import Point

BEHIND = 8.0
"""Space for the further blocks behind a repeated one [pixel]."""

TEXT = 14
"""Height of a line of text [pixel]."""


class Style(NamedTuple):
    """Distances in a drawing [pixel].

    Attributes:
        gap: between columns.
        air: between lanes.
        funnels: whether the area between blocks is shaded.
    """

    gap: float
    air: float
    funnels: bool


FULL = Style(gap=24.0, air=12.0, funnels=True)
TIGHT = Style(gap=14.0, air=12.0, funnels=True)
INNER = Style(gap=7.0, air=7.0, funnels=False)
"""The style of a drawing, of a wide one, and of what is inside of a folded block."""


@dataclass(frozen=True)
class Cell:
    """What stands for a node.

    Attributes:
        kind: how it is drawn: a kind of step, ``group``, ``input``, or ``entry``, the value that a part begins with.
        wide: its width.
        high: its height.
        name: text below it.
        lines: further lines of text.
        word: the sign of a merge.
        slices: number of slices.
        times: how often it is repeated.
        inner: the drawing inside of a folded block.
        ends: the upper and the lower end of the bar of a concatenation, relative to its lane.
    """

    kind: str
    wide: float
    high: float
    name: str = ""
    lines: tuple[str, ...] = ()
    word: str = ""
    slices: int = 0
    times: int = 1
    inner: Sketch | None = None
    ends: Point = (0.0, 0.0)

    @property
    def room(self) -> float:
        """The width that it needs, with its text."""
        return max(
            self.wide, 1.06 * len(self.name) * SMALL * LETTER, *(len(line) * SMALL * LETTER for line in self.lines)
        )

    @property
    def below(self) -> float:
        """The height of the text."""
        count = len(self.lines) + bool(self.name)
        return TEXT * count + (6 if count else 0)

    @property
    def up(self) -> float:
        """The extent above its middle."""
        return self.inner.up if self.inner else self.high / 2 + (BEHIND if self.times > 1 else 0)

    @property
    def down(self) -> float:
        """The extent below its middle, without text."""
        return self.inner.down if self.inner else self.high / 2

    @property
    def out(self) -> float:
        """The distance from its middle to where lines leave it."""
        return self.wide / 2 + (BEHIND if self.times > 1 and not self.inner else 0.0)

    @property
    def is_block(self) -> bool:
        """Return whether it is a slab in proportion."""
        return self.kind not in {"sum", "cat", "entry"}


@dataclass(frozen=True)
class Sketch:
    """A drawing whose first lane lies at height 0.

    Attributes:
        cells: one for each node.
        places: for each node, the centre of its cell.
        paths: lines between cells, each as points.
        width: the space that it takes.
        up: the extent above the first lane.
        down: the extent below it, text included.
        base: for each node, how far below its lane the text begins.
        style: distances.
        lanes: for each node.
    """

    cells: tuple[Cell, ...]
    places: tuple[Point, ...]
    paths: tuple[tuple[Point, ...], ...]
    width: float
    up: float
    down: float
    base: tuple[float, ...]
    style: Style
    lanes: tuple[int, ...] = field(default=())

    def draw(self, x: float, y: float) -> str:
        """Return SVG elements, the first lane at height ``y``."""
        moved = (route([(x + px, y + py) for px, py in points]) for points in self.paths)
        drawn = [*(self._funnels(x, y) if self.style.funnels else ()), lines(moved)]
        for cell, (cx, cy), base in zip(self.cells, self.places, self.base, strict=True):
            drawn.append(_cell(cell, x + cx, y + cy))
            drawn.extend(_lines(cell, x + cx, y + cy + base))
        return "".join(drawn)

    def rights(self) -> Iterator[float]:
        """Yield where the line out of each cell begins."""
        for cell, (x, _) in zip(self.cells, self.places, strict=True):
            yield x + cell.out

    def _funnels(self, x: float, y: float) -> Iterator[str]:
        """Shade the areas between neighbours on the first lane."""
        row = [at for at, lane in enumerate(self.lanes) if not lane]
        for one, two in pairwise(row):
            a, b = self.cells[one], self.cells[two]
            if a.is_block and b.is_block and not a.inner and not b.inner and a.times == 1:
                left, right = self.places[one][0] + a.wide / 2, self.places[two][0] - b.wide / 2
                yield funnel(x + left, a.high, x + right, b.high, y)


def _cell(cell: Cell, x: float, y: float) -> str:
    if cell.inner:
        return cell.inner.draw(x - cell.wide / 2, y)
    if cell.kind == "entry":
        return ""
    if cell.kind == "sum":
        return sign(x, y, cell.high / 2, cell.word)
    if cell.kind == "cat":
        return bar(x, y + cell.ends[0], cell.ends[1] - cell.ends[0])
    behind = shadows(x, y, cell.wide, cell.high) if cell.times > 1 else ""
    return behind + slab(x, y, cell.wide, cell.high, cell.kind, cell.slices)


def _lines(cell: Cell, x: float, y: float) -> Iterator[str]:
    y += 6 + SMALL * 0.8
    if cell.name:
        yield text(x, y, cell.name, size=SMALL, anchor="middle", extra=' font-weight="600"')
    for at, line in enumerate(cell.lines, bool(cell.name)):
        yield text(x, y + TEXT * at, line, size=SMALL, anchor="middle", extra=' class="soft"')


def sketched(cells: Sequence[Cell], sources: Sources, style: Style) -> Sketch:
    """Place cells and lines.

    Args:
        cells: one for each node, in topological order.
        sources: for each node, the nodes that it reads.
        style: distances.
    """
    found = layout(sources)
    across, rights, width = _across(cells, found, style)
    heights = _Heights(cells, sources, found, style)
    places = [(across[column], heights.of_node(at)) for at, column in enumerate(found.columns)]
    edges = _Edges(cells, sources, found, places, heights, [right + 0.3 * style.gap for right in rights])
    edges.centre()
    cells = edges.with_bars()
    return Sketch(
        cells=tuple(cells),
        places=tuple(places),
        paths=tuple(edges.all()),
        width=width,
        up=max(heights.up, default=0.0),
        down=max(heights.down, default=0.0),
        base=tuple(heights.bases),
        style=style,
        lanes=found.lanes,
    )


def _across(cells: Sequence[Cell], found: Layout, style: Style) -> tuple[list[float], list[float], float]:
    """Return the middle and the right edge of each column, and the whole width."""
    room = [0.0] * (max(found.columns, default=-1) + 1)
    for cell, column in zip(cells, found.columns, strict=True):
        room[column] = max(room[column], cell.room)
    middles, rights, x = [], [], 0.0
    for wide in room:
        middles.append(x + wide / 2)
        rights.append(x + wide)
        x += wide + style.gap
    return middles, rights, max(0.0, x - style.gap)


class _Heights:
    """The heights of lanes, each as near to the first as what lies between allows."""

    def __init__(self, cells: Sequence[Cell], sources: Sources, found: Layout, style: Style) -> None:
        self.cells, self.sources, self.found, self.style = cells, sources, found, style
        self.chains: dict[int, float] = {}
        self.arcs: dict[int, float] = {}
        self.bases = [0.0] * len(cells)
        count = max(found.columns, default=-1) + 1
        self.up, self.down = [0.0] * count, [0.0] * count
        main = [at for at, lane in enumerate(found.lanes) if not lane]
        self._write(main, 0.0)
        for at in main:
            column = found.columns[at]
            self.up[column] = max(self.up[column], cells[at].up)
            self.down[column] = max(self.down[column], self.bases[at] + cells[at].below)
        for _, node, targets in sorted(self._items()):
            self._arc(node, targets) if targets else self._chain(node)

    def of_node(self, at: int) -> float:
        """Return the height of a node."""
        return self.chains.get(self.found.chains[at], 0.0)

    def _items(self) -> Iterator[tuple[tuple[int, bool], int, tuple[int, ...]]]:
        """Yield what needs a height: arcs with their targets, and paths beside the first lane, inner lanes first."""
        for arc in self.found.arcs:
            yield (arc.lane, True), arc.source, arc.targets
        for at, lane in enumerate(self.found.lanes):
            if lane and self.found.chains[at] == at:
                yield (abs(lane), False), at, ()

    def _write(self, nodes: Sequence[int], height: float) -> None:
        """Put the text of the nodes of a lane at one height."""
        base = max((self.cells[at].down for at in nodes if self.cells[at].kind != "entry"), default=0.0)
        for at in nodes:
            self.bases[at] = base
            if not self.found.lanes[at]:
                continue
            self.chains[self.found.chains[at]] = height

    def _arc(self, source: int, targets: tuple[int, ...]) -> None:
        columns = range(self.found.columns[source] + 1, self.found.columns[targets[-1]] + 1)
        height = max(self.up[column] for column in columns) + self.style.air
        self.arcs[source] = -height
        for column in columns:
            self.up[column] = height + 1

    def _chain(self, first: int) -> None:
        nodes = [at for at, chain in enumerate(self.found.chains) if chain == first]
        columns, lane = self._passed(first, nodes[-1]), self.found.lanes[first]
        up, down = (max(getattr(self.cells[at], side) for at in nodes) for side in ("up", "down"))
        below = max(self.cells[at].below for at in nodes)
        if lane > 0:
            height = max(self.up[column] for column in columns) + self.style.air + below + down
            self._write(nodes, -height)
        else:
            height = max(self.down[column] for column in columns) + self.style.air + up
            self._write(nodes, height)
        for column in columns:
            if lane > 0:
                self.up[column] = height + up
            else:
                self.down[column] = height + down + below

    def _passed(self, first: int, last: int) -> range:
        """Return the columns between the fork and the merge of a path."""
        fork = max((self.found.columns[source] for source in self.sources[first]), default=-1)
        merges = [self.found.columns[node] for node, mine in enumerate(self.sources) if last in mine]
        return range(
            min(fork + 1, self.found.columns[first]), max(min(merges, default=0), self.found.columns[last] + 1)
        )


@dataclass
class _Edges:
    """The lines of a drawing.

    Attributes:
        cells: one for each node.
        sources: for each node, the nodes that it reads.
        found: columns and lanes.
        places: the centre of each cell, which :meth:`centre` changes.
        heights: of the lanes.
        forks: for each column, where lines leave for other lanes.
        beside: edges that are arcs.
    """

    cells: Sequence[Cell]
    sources: Sources
    found: Layout
    places: list[Point]
    heights: _Heights
    forks: Sequence[float]
    beside: set[tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.beside = {(arc.source, target) for arc in self.found.arcs for target in arc.targets}

    def all(self) -> Iterator[tuple[Point, ...]]:
        """Yield the points of each line."""
        for node, mine in enumerate(self.sources):
            for source in dict.fromkeys(mine):
                yield self._over(source, node) if (source, node) in self.beside else self._plain(source, node)

    def centre(self) -> None:
        """Put a path beside the first lane in the middle between its fork and its merge, if no other path is on it."""
        readers: dict[int, list[int]] = {}
        for node, mine in enumerate(self.sources):
            for source in mine:
                readers.setdefault(source, []).append(node)
        chains: dict[int, list[int]] = {}
        for node, chain in enumerate(self.found.chains):
            if self.found.lanes[node]:
                chains.setdefault(chain, []).append(node)
        for nodes in chains.values():
            if all(len(self.sources[at]) == 1 == len(readers.get(at, ())) for at in nodes):
                start = self.forks[self.found.columns[self.sources[nodes[0]][0]]]
                end = self._left(readers[nodes[-1]][0])[0]
                off = (start + end - self._left(nodes[0])[0] - self._right(nodes[-1])[0]) / 2
                for at in nodes:
                    self.places[at] = (self.places[at][0] + off, self.places[at][1])

    def with_bars(self) -> list[Cell]:
        """Return the cells, the bar of a concatenation as tall as the paths that meet there."""
        found = []
        for node, cell in enumerate(self.cells):
            if cell.kind == "cat":
                y = self.places[node][1]
                away = [self.places[source][1] - y for source in self.sources[node] if self._ends_at(source, node)]
                up, down = (4 - min(0.0, *away, 0.0), 4 + max(0.0, *away, 0.0)) if away else (0.0, 0.0)
                cell = replace(cell, ends=(-max(cell.high / 2, up), max(cell.high / 2, down)))  # noqa: PLW2901
                self.heights.bases[node] = max(self.heights.bases[node], cell.ends[1])
            found.append(cell)
        self.cells = found
        return found

    def _ends_at(self, source: int, node: int) -> bool:
        """Return whether the path of a node beside the first lane ends at this one."""
        chains, lanes = self.found.chains, self.found.lanes
        along = (source, node) not in self.beside and chains[node] not in {node, chains[source]}
        return along and bool(lanes[source]) and lanes[source] * lanes[node] >= 0

    def _right(self, node: int) -> Point:
        (x, y), cell = self.places[node], self.cells[node]
        return x + cell.out, y

    def _left(self, node: int) -> Point:
        (x, y), cell = self.places[node], self.cells[node]
        return x - cell.wide / 2, y

    def _over(self, source: int, target: int) -> tuple[Point, ...]:
        """Return the points of an arc, which ends at the top of its target."""
        height, fork, (x, _) = self.heights.arcs[source], self.forks[self.found.columns[source]], self.places[target]
        start = self._right(source)
        return start, (fork, start[1]), (fork, height), (x, height), (x, self._end(target, above=height <= start[1]))

    def _end(self, target: int, *, above: bool) -> float:
        """Return the height of the upper or the lower end of a cell."""
        cell = self.cells[target]
        up, down = cell.ends if cell.kind == "cat" else (-cell.up, cell.down)
        return self.places[target][1] + (up if above else down)

    def _plain(self, source: int, target: int) -> tuple[Point, ...]:
        """Return the points of a line along a lane, out into a lane, or back from one."""
        start, end = self._right(source), self._left(target)
        if start[1] == end[1]:
            return start, end
        if self.found.chains[target] == target:  # a lane begins
            fork = self.forks[self.found.columns[source]]
            return start, (fork, start[1]), (fork, end[1]), end
        if self.cells[target].kind == "cat" and self._ends_at(source, target):
            return start, (end[0], start[1])
        x = self.places[target][0]
        return start, (x, start[1]), (x, self._end(target, above=start[1] < end[1]))
