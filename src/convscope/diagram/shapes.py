"""How steps look: slabs in proportion, with a texture for each kind; signs of merges; lines between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convscope.view.layout import SMALL, number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Point = tuple[float, float]

EDGE = 'stroke="currentColor" stroke-opacity=".75"'
THIN = 'stroke="currentColor" stroke-opacity=".3" stroke-width=".75" fill="none"'
LINE = 'stroke="currentColor" stroke-opacity=".6" stroke-width="1.25" fill="none"'

FILL = {"conv": 0.1, "linear": 0.3, "mix": 0.18, "up": 0.03, "pool": 0.03, "plain": 0.03, "input": 0.0, "group": 0.1}
"""Opacity of the filling of each kind of slab."""

HATCH = 5.0
"""Distance of the lines of a hatch [pixel]."""

ROUND = 5.0
"""Radius of the corners of lines [pixel]."""


def slab(  # noqa: PLR0913 -- where, how large, and how it looks
    x: float, y: float, wide: float, high: float, kind: str, slices: int = 0
) -> str:
    """Return a block with its centre at ``x, y``.

    Args:
        x: of its centre.
        y: of its centre.
        wide: its width.
        high: its height.
        kind: of the step: convolutions are sliced, poolings hatched, linear layers filled.
        slices: number of slices of a convolution or a linear layer.
    """
    left, top = x - wide / 2, y - high / 2
    body = (
        f'<rect x="{number(left)}" y="{number(top)}" width="{number(wide)}" height="{number(high)}" '
        f'fill="currentColor" fill-opacity="{FILL.get(kind, 0.03)}" {EDGE}/>'
    )
    texture = "".join(_texture(left, top, wide, high, kind, slices))
    return body + (f'<path d="{texture}" {THIN}/>' if texture else "")


def _texture(  # noqa: PLR0913 -- as for a slab
    left: float, top: float, wide: float, high: float, kind: str, slices: int
) -> Iterator[str]:
    if kind in {"conv", "linear", "group"}:
        for at in range(1, min(slices, int(wide / 3))):
            yield f"M{number(left + wide * at / min(slices, int(wide / 3)))} {number(top)}v{number(high)}"
    elif kind == "pool":
        yield from _hatch(left, top, wide, high, up=True)
    elif kind == "up":
        yield from _hatch(left, top, wide, high, up=False)
    elif kind == "mix":
        yield from _hatch(left, top, wide, high, up=True)
        yield from _hatch(left, top, wide, high, up=False)


def _hatch(left: float, top: float, wide: float, high: float, *, up: bool) -> Iterator[str]:
    """Yield the diagonals of a rectangle."""
    for at in range(1, math.ceil((wide + high) / HATCH)):
        along = at * HATCH  # where the diagonal leaves the left side, or the bottom beyond its corner
        a = (max(0.0, along - high), min(along, high))
        b = (min(along, wide), max(0.0, along - wide))
        (x1, y1), (x2, y2) = ((x, y if up else high - y) for x, y in (a, b))
        yield f"M{number(left + x1)} {number(top + y1)}L{number(left + x2)} {number(top + y2)}"


def shadows(x: float, y: float, wide: float, high: float) -> str:
    """Return the edges of further blocks behind one, for a repetition."""
    left, top = x - wide / 2, y - high / 2
    lines = (f"M{number(left + off)} {number(top - off + 4)}v-4h{number(wide)}v{number(high)}h-4" for off in (4.0, 8.0))
    return f'<path d="{"".join(lines)}" fill="none" {EDGE}/>'


def sign(x: float, y: float, radius: float, word: str) -> str:
    """Return the circle of an elementwise merge with its sign."""
    ring = f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" {LINE}/>'
    half = radius * 0.5
    arms = f"M{number(x - half)} {number(y)}h{number(2 * half)}M{number(x)} {number(y - half)}v{number(2 * half)}"
    if word == "+":
        return f'{ring}<path d="{arms}" {LINE}/>'
    if word == "\N{MULTIPLICATION SIGN}":
        part = half * 0.8
        cross = (
            f"M{number(x - part)} {number(y - part)}l{number(2 * part)} {number(2 * part)}"
            f"m0 {number(-2 * part)}l{number(-2 * part)} {number(2 * part)}"
        )
        return f'{ring}<path d="{cross}" {LINE}/>'
    return ring + text(x, y + 3.5, word or "·", size=SMALL, anchor="middle")


def bar(x: float, y: float, high: float) -> str:
    """Return the bar of a concatenation, with its upper end at ``x, y``."""
    return (
        f'<rect x="{number(x - 2)}" y="{number(y)}" width="4" height="{number(high)}" '
        'fill="currentColor" fill-opacity=".6"/>'
    )


def arrow(x: float, y: float, long: float) -> str:
    """Return an arrow to the right that begins at ``x, y``."""
    return f'<path d="M{number(x)} {number(y)}h{number(long)}m-5 -4l5 4l-5 4" {LINE}/>'


def route(points: Iterable[Point]) -> str:
    """Return a line through points with horizontal and vertical parts, its corners rounded.

    >>> route([(0, 0), (10, 0), (10, 20)])
    'M0 0H5Q10 0 10 5V20'
    """
    first, *rest = points
    path, (px, py) = [f"M{number(first[0])} {number(first[1])}"], first
    for at, (x, y) in enumerate(rest):
        step = abs(x - px) + abs(y - py)
        after = rest[at + 1] if at + 1 < len(rest) else None
        bend = 0.0 if after is None else min(ROUND, step / 2, (abs(after[0] - x) + abs(after[1] - y)) / 2)
        ends = (x - math.copysign(bend, x - px), y) if y == py else (x, y - math.copysign(bend, y - py))
        path.append(f"H{number(ends[0])}" if y == py else f"V{number(ends[1])}")
        if after is not None and bend:
            to = (
                (x + math.copysign(bend, after[0] - x), y)
                if after[1] == y
                else (x, y + math.copysign(bend, after[1] - y))
            )
            path.append(f"Q{number(x)} {number(y)} {number(to[0])} {number(to[1])}")
        px, py = x, y
    return "".join(path)


def lines(paths: Iterable[str]) -> str:
    """Return lines as one element."""
    drawn = "".join(paths)
    return f'<path d="{drawn}" {LINE}/>' if drawn else ""


def funnel(x1: float, high1: float, x2: float, high2: float, y: float) -> str:
    """Return the faint area from one block to the next."""
    points = f"M{number(x1)} {number(y - high1 / 2)}L{number(x2)} {number(y - high2 / 2)}V{number(y + high2 / 2)}"
    return f'<path d="{points}L{number(x1)} {number(y + high1 / 2)}Z" fill="currentColor" fill-opacity=".05"/>'
