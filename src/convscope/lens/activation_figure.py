"""Activation functions as small multiples: curve and derivative, flat zones shaded, with histograms of their inputs."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from convscope.lens.activation_curves import SHOWN
from convscope.view.figure import Figure
from convscope.view.layout import Across, Padded, Titled, tiles
from convscope.view.plot import Band, Line, Plot

if TYPE_CHECKING:
    from convscope.lens.activation_curves import Curve
    from convscope.lens.activation_nets import Seen
    from convscope.lens.activations import Activation, Activations
    from convscope.view.layout import Part

LOW, HIGH = -2.0, 4.0
"""Range of all vertical axes, so that derivatives can be compared."""

WIDE, COLUMNS = 330.0, 3

JUMP = 0.2
"""Distance between points of a curve."""

COLOURS = {"dead": 3, "saturated": 4}


def figure_of(found: Activations) -> Figure:
    """Draw each function; the values are in the table."""
    of = f", pre-activations of {found.run}" if found.run else ""
    return Figure(
        f"Activation functions{of}",
        tiles(tuple(map(_drawn, found.functions)), 1 if found.run else min(COLUMNS, len(found.functions)), gap=22),
        note="\n".join(filter(None, ("pink: dead; orange: saturated", found.note, found.lesson))),
        table=found.gradients(spread=True),
    )


def _drawn(function: Activation) -> Part:
    """Draw a function, and beside it a histogram for each layer of the net that uses it."""
    found = function.curve
    lines = (
        Line("f(x)", found.xs, _inside(found.ys)),
        Line("derivative", found.xs, _torn(_inside(found.derivatives)), colour=1, dashed=True),
    )
    plot = Plot(lines, "x", "", WIDE, 220, _bands(found, SHOWN), (-SHOWN, SHOWN), (LOW, HIGH))
    drawn = Titled(plot, found.name, _words(function))
    layers = tuple(_histogram(seen, found) for seen in function.seen)
    return Across((Padded(drawn, 1.25 * WIDE), tiles(layers, COLUMNS - 1, gap=16))) if layers else drawn


def _words(function: Activation) -> str:
    found = function.curve
    rows = [
        f"gradient, {init} weights: " + ", ".join(f"{left.median:.2g} after {left.depth} layers" for left in lefts)
        for init, lefts in function.by_init()
    ]
    return "\n".join((f"range {found.span}, largest derivative {found.steepest:.3g}", found.zones, *rows))


def _inside(values: tuple[float, ...]) -> list[float]:
    """Replace values outside the drawing with gaps, so that no line runs along its border."""
    return [value if LOW <= value <= HIGH else math.nan for value in values]


def _torn(derivatives: list[float]) -> list[float]:
    """Insert a gap where the derivative jumps."""
    jumps = [abs(after - before) > JUMP for before, after in pairwise(derivatives)]
    return [math.nan if jump else derivative for derivative, jump in zip(derivatives, [*jumps, False], strict=True)]


def _bands(found: Curve, ends: float) -> tuple[Band, ...]:
    bands = []
    if found.below.edge is not None and found.below.edge > -ends:
        bands.append(Band(-ends, found.below.edge, COLOURS[found.below.kind]))
    if found.above.edge is not None and found.above.edge < ends:
        bands.append(Band(found.above.edge, ends, COLOURS[found.above.kind]))
    return tuple(bands)


def _histogram(seen: Seen, found: Curve) -> Part:
    """Draw a histogram of a layer's pre-activations."""
    shares = (100 * seen.counts / seen.counts.sum()).tolist()
    low, *_, high = edges = seen.edges.tolist()
    line = Line("", edges, [*shares, 0.0], colour=2, steps=True)
    bands = tuple(
        Band(max(band.low, low), min(band.high, high), band.colour) for band in _bands(found, max(-low, high))
    )
    plot = Plot((line,), "pre-activation", "%", WIDE, 190, bands, (low, high), (0.0, 1.05 * max(shares)))
    flat = [
        f"{100 * share:.1f} % {kind}" for kind, share in (("dead", seen.dead), ("saturated", seen.saturated)) if share
    ]
    silent = [f"{seen.silent} of {seen.channels} channels always"] if seen.silent else []
    return Titled(plot, f"{seen.layer}: {', '.join([*flat, *silent]) or 'none in a flat zone'}")
