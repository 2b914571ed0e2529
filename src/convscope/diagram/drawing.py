"""A still figure of a net: its blocks in proportion, shortcuts and parallel paths, long nets in rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convscope.analyze.table import layer_table
from convscope.core.shape import to_text
from convscope.diagram.layout import layout
from convscope.diagram.pieces import SHOWN, Graph, parts_of, pieces_of, sources_of
from convscope.diagram.shapes import arrow
from convscope.diagram.sketch import FULL, INNER, TIGHT, Cell, Sketch, sketched
from convscope.diagram.steps import SIGNS
from convscope.inert import inert
from convscope.view.figure import Figure
from convscope.view.layout import PAGE, Down
from convscope.view.numbers import count_text, shortened
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convscope.analyze.table import LayerTable
    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.diagram.pieces import Piece
    from convscope.diagram.sketch import Style
    from convscope.diagram.steps import Step

TALLEST, LEAST = 112.0, 8.0
"""Height of the largest map, beside that of a single position [pixel]."""

STEP = 14.0
"""The most height for a factor of two in the size of a map [pixel]."""

WIDE = 0.65
"""Width of the widest part of a drawing, relative to a page, above which rows may be wider than a page."""

TIMES = "\N{MULTIPLICATION SIGN}"

LETTERS = 16
"""The most characters of a line of text below a block."""


@dataclass(frozen=True)
class Scale:
    """Sizes of blocks: logarithmic, so that each factor of two is one step.

    Attributes:
        step: height of a step [pixel].
    """

    step: float

    @classmethod
    def of(cls, net: Net) -> Scale:
        """Return the scale at which the largest map of a net still fits."""
        sizes = [one.shape for one in net.inputs] + [layer.output for layer in net]
        return cls(min(STEP, TALLEST / max(1.0, *(math.log2(side(shape)) for shape in sizes))))

    def high(self, shape: Shape) -> float:
        """Return the height of a block.

        >>> Scale(10.0).high((64, 32, 32)), Scale(10.0).high((64,))
        (58.0, 8.0)
        """
        return LEAST + self.step * math.log2(side(shape))


def side(shape: Shape) -> float:
    """Return the side of a square map of equal area; the length of a line, 1 for a vector.

    >>> side((3, 4, 9)), side((3, 100)), side((10,))
    (6.0, 100.0, 1.0)
    """
    return float(math.prod(shape[1:]) ** (1 / max(1, len(shape) - 1)))


def wide(shape: Shape) -> float:
    """Return the width of a block: one step for each factor of two in the channels."""
    return 6 + 5 * math.log2(max(1, shape[0]))


def narrow(shape: Shape) -> float:
    """Return the width of a block inside of a folded one."""
    return 3.0 + round(1.25 * math.log2(max(1, shape[0])))


@dataclass(frozen=True)
class Row:
    """A row of a drawing, as a part of a figure.

    Attributes:
        sketch: the drawing.
        ends: whether the net ends with it; if not, an arrow leads on.
    """

    sketch: Sketch
    ends: bool

    @property
    def width(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return self.sketch.width + 2 * self.sketch.style.gap

    @property
    def height(self) -> float:
        """See :class:`~convscope.view.layout.Part`."""
        return math.ceil(self.sketch.up + self.sketch.down)

    def draw(self, x: float, y: float) -> str:
        """See :class:`~convscope.view.layout.Part`."""
        gap = self.sketch.style.gap
        drawn = self.sketch.draw(x + gap, y + self.sketch.up)
        if self.ends:
            return drawn
        at = max(right for (_, y), right in zip(self.sketch.places, self.sketch.rights(), strict=True) if not y)
        return drawn + arrow(x + gap + at, y + self.sketch.up, self.sketch.width + gap - at)


def figure_of(net: Net, fold: int | None = None, title: str = "") -> Figure:
    """Return the drawing of a net.

    Args:
        net: the net.
        fold: fold modules whose names share this number of parts; 0 folds nothing; None chooses.
        title: title; by default the size of the net.
    """
    graph = Graph.of(net)
    pieces = pieces_of(graph, fold)
    scale = Scale.of(net)
    cells = [_input(one.name, one.shape, scale) for one in net.inputs]
    cells += [_cell(graph, piece, scale) for piece in pieces]
    rows, table = rows_of(cells, sources_of(graph, pieces)), layer_table(net)
    note, grid = _note(scale, pieces, graph), _grid(graph, pieces, table)
    return Figure(title or _title(table), Down(rows, gap=22), note, grid)


def _input(name: str, shape: Shape, scale: Scale) -> Cell:
    return Cell("input", 8.0, scale.high(shape), _short(name), (to_text(shape),))


def _short(words: str) -> str:
    """Return a name that fits below a block: the longest end or beginning of its parts if it is long.

    >>> _short("features.denseblock1"), _short("Conv2d_1a_3x3.conv"), _short("layer1.0")
    ('denseblock1', 'Conv2d_1a_3x3', 'layer1.0')
    """
    parts = inert(words).split(".")
    ends = [".".join(part) for at in range(len(parts)) for part in (parts[at:], parts[: len(parts) - at])]
    fitting = [end for end in ends if len(end) <= LETTERS]
    return max(fitting, key=len) if fitting else shortened(parts[-1], LETTERS)


def _cell(graph: Graph, piece: Piece, scale: Scale) -> Cell:
    """Return what stands for a piece."""
    steps = [graph.steps[at] for at in piece.steps]
    if len(steps) == piece.times:
        return _single(steps[0], piece, scale)
    once = piece.steps[: len(steps) // piece.times]
    name, lines = _named(piece, steps[-1].out)
    inner = _inside(graph, once, scale) if len(once) <= SHOWN else None
    if inner:
        return Cell("group", inner.width, 2 * inner.up, name, lines, inner=inner)
    count = sum(len(step.layers) for step in steps)
    shape = steps[-1].out
    slices = round(math.log2(max(1, shape[0])))
    return Cell("group", wide(shape), scale.high(shape), name, (*lines, f"{count:,} layers"), slices=slices, times=2)


def _named(piece: Piece, shape: Shape, words: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Return the name of a piece and further lines below it: its settings, its shape, how often it is repeated."""
    name, *more = piece.title.split(" … ")
    repeated = (f"{TIMES} {piece.times}",) if piece.times > 1 else ()
    return _short(name), (*(f"to {_short(one)}" for one in more), *map(_short, words), to_text(shape), *repeated)


def _single(step: Step, piece: Piece, scale: Scale) -> Cell:
    """Return what stands for a step, or for equal ones in one row."""
    shape = step.out
    high = scale.high(shape)
    if step.kind == "sum":
        return Cell("sum", 14.0, 14.0, word=_sign(step))
    if step.kind == "cat":
        return Cell("cat", 4.0, high, lines=(to_text(shape),))
    name, lines = _named(piece, shape, step.words())
    slices = round(math.log2(max(1, shape[0])))
    return Cell(step.kind, wide(shape), high, name, lines, slices=slices, times=piece.times)


def _sign(step: Step) -> str:
    return SIGNS.get(type(step.main.node.op), "·")


def _inside(graph: Graph, once: range, scale: Scale) -> Sketch:
    """Return the drawing inside of a folded block: its steps as narrow slabs, paths beside the first one as boxes."""
    given = graph.inputs()
    at = {one + given: place for place, one in enumerate(once, 1)}
    sources: list[tuple[int, ...]] = [()]
    sources += [tuple(dict.fromkeys(at.get(source, 0) for source in graph.sources[one])) for one in once]
    lanes = layout(sources).lanes
    cells = [Cell("entry", 0.0, 0.0)]
    cells += [_small(graph.steps[one], scale, beside=bool(lanes[place])) for place, one in enumerate(once, 1)]
    return sketched(cells, sources, INNER)


def _small(step: Step, scale: Scale, *, beside: bool) -> Cell:
    """Return what stands for a step inside of a folded block."""
    if step.kind == "sum":
        return Cell("sum", 10.0, 10.0, word=_sign(step))
    high = 10.0 if beside else scale.high(step.out)
    if step.kind == "cat":
        return Cell("cat", 3.0, high)
    return Cell(step.kind, narrow(step.out), high, slices=0 if beside else 3)


def rows_of(cells: Sequence[Cell], sources: Sequence[Sequence[int]]) -> tuple[Row, ...]:
    """Return the drawing in rows that fit a page; a row ends only where a single value passes."""
    columns = layout(sources).columns
    parts = parts_of(columns, sources)
    widest = max(_room(cells, columns, part, FULL) for part in parts)
    style = FULL
    if widest > PAGE:
        style, cells = TIGHT, [replace(cell, lines=tuple(_split(cell.lines))) for cell in cells]
    most = PAGE if widest < WIDE * PAGE else PAGE / WIDE
    rooms = [_room(cells, columns, part, style) for part in parts]
    rows = _filled(parts, rooms, most - 2 * style.gap)
    for tenths in range(9, 4, -1):  # rows of about equal length, if that takes no more of them
        fewer = _filled(parts, rooms, (most - 2 * style.gap) * tenths / 10)
        rows = fewer if len(fewer) == len(rows) else rows
    return tuple(_row(cells, sources, row, style, first=row is rows[0], last=row is rows[-1]) for row in rows)


def _filled(parts: Sequence[list[int]], rooms: Sequence[float], most: float) -> list[list[int]]:
    """Return parts in rows of at most a width; one that is wider has a row of its own.

    >>> _filled([[0], [1], [2, 3]], [10, 10, 25], 30)
    [[0, 1], [2, 3]]
    """
    rows: list[list[int]] = []
    left = 0.0
    for part, room in zip(parts, rooms, strict=True):
        if not rows or room > left:
            rows.append([])
            left = most
        rows[-1] += part
        left -= room
    return rows


def _split(words: Sequence[str]) -> Iterator[str]:
    """Yield lines, the channels of a map in a line of their own.

    >>> list(_split(["3x3 same", "128x128x16"]))
    ['3x3 same', '128x128', 'x 16']
    """
    for line in words:
        size, _, channels = line.rpartition("x")
        yield from (size, f"x {channels}") if "x" in size and line.replace("x", "").isdecimal() else (line,)


def _room(cells: Sequence[Cell], columns: Sequence[int], part: Sequence[int], style: Style) -> float:
    """Return the width of some columns."""
    rooms: dict[int, float] = {}
    for node in part:
        rooms[columns[node]] = max(rooms.get(columns[node], 0.0), cells[node].room)
    return sum(rooms.values()) + style.gap * len(rooms)


def _row(  # noqa: PLR0913 -- the cells of a row among all
    cells: Sequence[Cell],
    sources: Sequence[Sequence[int]],
    row: list[int],
    style: Style,
    *,
    first: bool,
    last: bool,
) -> Row:
    """Draw the nodes of a row; what they read from rows above enters at the left."""
    nodes = sorted(row)
    lead = 0 if first else 1
    at = {node: place for place, node in enumerate(nodes, lead)}
    inside = [tuple(dict.fromkeys(at.get(source, 0) for source in sources[node])) for node in nodes]
    made = [cells[node] for node in nodes]
    if not first:
        made, inside = [Cell("entry", 1.0, 0.0), *made], [(), *inside]
    return Row(sketched(made, inside, style), ends=last)


def _title(table: LayerTable) -> str:
    layers = f"{table.layers:,} layer{'' if table.layers == 1 else 's'}"
    bounds = ["" if total.exact else "≥ " for total in (table.params, table.macs)]
    params, macs = count_text(table.params.value), count_text(table.macs.value)
    return f"{layers}, {bounds[0]}{params} params, {bounds[1]}{macs} MACs"


SCALED = (
    "Logarithmic scale: {} pixels more in height stand for twice the size of the map, "
    "5 more in width for twice the channels."
)
FOLDED = (
    " Some blocks stand for several layers, which are drawn narrow inside of them; "
    "paths beside the longest one are small boxes."
)
LOOKS = {"conv": "convolutions are sliced", "pool": "poolings hatched", "linear": "linear layers filled"}


def _note(scale: Scale, pieces: Sequence[Piece], graph: Graph) -> str:
    """Say how to read the drawing."""
    told = SCALED.format(f"{scale.step:.1f}".removesuffix(".0"))
    told += FOLDED if any(len(piece.steps) > piece.times for piece in pieces) else ""
    kinds = {graph.steps[at].kind for piece in pieces for at in piece.steps}
    looks = ", ".join(words for kind, words in LOOKS.items() if kind in kinds)
    return f"{told} {looks.capitalize()}." if looks else told


def _grid(graph: Graph, pieces: Sequence[Piece], table: LayerTable) -> Grid:
    """Return what is drawn as a table."""
    rows = {row.name: row for row in table.rows}
    columns = ("block", "layers", "output", "params", "MACs")
    found = []
    for piece in pieces:
        layers = [layer for at in piece.steps for layer in graph.steps[at].layers]
        costs = [[getattr(rows[layer.node.name], key) for layer in layers] for key in ("params", "macs")]
        words = (_sum(values) for values in costs)
        found.append((piece.title, f"{len(layers):,}", to_text(layers[-1].output), *words))
    return Grid(tuple(Column(name, right=at > 0) for at, name in enumerate(columns)), tuple(found))


def _sum(values: Sequence[int | None]) -> str:
    """Return a sum; a lower bound if a part is unknown, and unknown if nothing is known.

    >>> _sum([1, 2]), _sum([1, None]), _sum([None])
    ('3', '≥ 1', 'unknown')
    """
    known = [value for value in values if value is not None]
    if not known:
        return "unknown"
    return f"{'' if len(known) == len(values) else '≥ '}{sum(known):,}"
