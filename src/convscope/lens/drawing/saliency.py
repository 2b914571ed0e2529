"""A drawing of the attributions of a score and of their checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convscope.lens.drawing.common import heat, shown
from convscope.view.figure import Figure
from convscope.view.layout import SMALL, Down, Titled, Words, broken, flowed
from convscope.view.parts import Column, Grid
from convscope.view.plot import Line, Plot

if TYPE_CHECKING:
    from convscope.lens.attribution import Attribution
    from convscope.lens.explain import Saliency
    from convscope.view.layout import Part

SIDE, WIDE = 200, 420


def draw(found: Saliency) -> Figure:
    """Draw the image, one map for each method with its own scale, and both checks."""
    raster, how = shown(found.image, SIDE)
    words = f"{Path(found.image.name).name}\n{found.target.name}: {100 * found.probability:.1f} %"
    seen = Titled(raster, "image", "\n".join(filter(None, (words, how))))
    maps = [
        heat(one.heat, f"{one.method}{one.layer and ' of '}{one.layer}", one.span.sign, SIDE, found.image)
        for one in found.found
    ]
    body = Down((flowed((seen, *maps), 20), flowed((_alike(found), _deletion(found)), 20)), 22)
    note = "\n".join("; ".join(filter(None, (f"{one.method}: {one.meaning}", *_where(one)))) for one in found.found)
    name = found.target.name
    title = f"the score of {name}: {found.classes}" if found.classes else str(found.target)
    note = f"weights: {found.weights}\n{note}"
    return Figure(f"Attributions for {title}", body, f"{note}\nremoved pixels become {found.nothing}", _table(found))


def _where(one: Attribution) -> tuple[str, str]:
    """Explain the choice of the layer, and why a map is empty if it is."""
    return f"{one.layer} is {one.why}" if one.layer else "", one.note if one.layer else ""


def _alike(found: Saliency) -> Part:
    """Plot the rank correlation with the map of the trained net while weights are shuffled."""
    lines = tuple(
        Line(
            one.method,
            range(len(trust.randomised.alike) + 1),
            [1.0, *(np.nan if step is None else step for step in trust.randomised.alike)],
            colour,
        )
        for colour, (one, trust) in enumerate(zip(found.found, found.trust, strict=True))
        if any(step is not None for step in trust.randomised.alike)
    )
    if not lines:
        return Words(("Weight randomisation: not measured, because every map is flat.",), SMALL)
    shuffled = found.trust[0].randomised
    stages = " · ".join(shuffled.layers)
    words = f"weights shuffled from {shuffled.first} down to: {stages}" if stages else "no weights"
    x = "\n".join(broken(words, WIDE, SMALL))
    plot = Plot(lines, "weights shuffled", "rank correlation", wide=WIDE, ylim=(-1, 1))
    return Titled(plot, "Weight randomisation", x)


def _deletion(found: Saliency) -> Part:
    """Plot the probability while pixels are removed."""
    curves = [
        (one.method, trust.deletion, colour)
        for colour, (one, trust) in enumerate(zip(found.found, found.trust, strict=True))
    ]
    lines = [Line(name, one.shares.tolist(), one.curve.tolist(), colour) for name, one, colour in curves if one]
    if not lines:
        return Words(("Deletion of pixels: not measured, because every map is flat.",), SMALL)
    first = next((one for _, one, _ in curves if one), None)
    chance = (
        [Line("random order", first.shares.tolist(), first.chance.mean(0).tolist(), 4, dashed=True)] if first else []
    )
    plot = Plot(
        (*lines, *chance), "fraction of pixels removed", f"probability of {found.target.name}", wide=WIDE, ylim=(0, 1)
    )
    return Titled(plot, "Deletion of pixels")


def _table(found: Saliency) -> Grid:
    columns = ("method", "low", "high", "sum", "correlation, all shuffled", "area under deletion", "random order")
    rows = []
    for one, trust in zip(found.found, found.trust, strict=True):
        alike = trust.randomised.alike[-1] if trust.randomised.alike else None
        deletion = trust.deletion
        areas = (f"{deletion.area:.3f}", f"{deletion.random_order[0]:.3f}") if deletion else ("-", "-")
        span, total = one.span, one.heat.sum(dtype="float64")
        last = "-" if alike is None else f"{alike:.3f}"
        rows.append((one.method, f"{span.low:.4g}", f"{span.high:.4g}", f"{total:.4g}", last, *areas))
    return Grid(tuple(Column(name, right=at > 0) for at, name in enumerate(columns)), tuple(rows))
