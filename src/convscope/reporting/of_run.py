"""What a report says of a run: its course, what it got right and wrong, where it comes from."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from convscope.reporting.page import Section
from convscope.training.course import environment_of
from convscope.view.figure import Across, Figure
from convscope.view.matrix import Matrix
from convscope.view.parts import Column, Grid
from convscope.view.plot import Line, Plot

if TYPE_CHECKING:
    from convscope.training.evaluate import Evaluation
    from convscope.training.run import Run

CURVES = (("loss", "mean cross-entropy of the epoch so far [nat]"), ("accuracy", "share right in the epoch so far"))
POINTS = 400
"""Of a curve; of longer courses every second, third … report is drawn."""

MOST_CLASSES = 30
"""A matrix of more would not be read."""


def run_facts(run: Run, judged: Evaluation) -> tuple[tuple[str, str], ...]:
    """Name and number."""
    low, high = (100 * end for end in judged.interval)
    return (
        ("accuracy on the test pictures", f"{100 * judged.accuracy:.2f} %"),
        ("95 % interval", f"{low:.2f} to {high:.2f} %"),
        ("loss", f"{judged.loss:.4f}"),
        ("training", f"{run.result.seconds:.1f} s"),
    )


def course(run: Run) -> Section:
    """Loss, accuracy and learning rate over the epochs."""
    lines = [line for line in run.metrics() if "step" in line]
    lines = lines[:: -(-len(lines) // POINTS) or 1] if len(lines) > POINTS else lines
    epochs = [line["epoch"] for line in lines]
    plots = tuple(
        Plot((Line("", epochs, [line[key] for line in lines], colour=at),), "epoch", name, wide=300, high=220)
        for at, (key, name) in enumerate((*CURVES, ("learning_rate", "learning rate")))
    )
    return Section(
        "Training",
        Figure(f"{len(lines)} reports in {epochs[-1]:g} epochs", Across(plots, gap=6)).to_html(),
        "Loss and accuracy are means over the pictures that were learned from since the epoch began.",
    )


def confusion(run: Run, judged: Evaluation) -> Section:
    """Which classes are taken for which."""
    wrong = judged.count - judged.hits
    lead = f"{wrong:,} of {judged.count:,} test pictures are misread."
    classes = len(judged.classes)
    if classes > MOST_CLASSES:
        pairs = sorted(
            ((n, r, c) for r, row in enumerate(judged.confusion) for c, n in enumerate(row) if n and r != c),
            reverse=True,
        )[:30]
        rows = tuple((judged.classes[r], judged.classes[c], f"{n:,}") for n, r, c in pairs)
        grid = Grid((Column("true"), Column("said"), Column("pictures", right=True)), rows)
        return Section("Confusion", grid.to_html(), f"{lead} The pairs of classes that are mixed up most often:")
    per_class = Grid(
        (Column("class"), Column("pictures", right=True), Column("right", right=True)),
        tuple(
            (name, f"{sum(row):,}", "-" if share is None else f"{100 * share:.2f} %")
            for (name, share), row in zip(judged.per_class.items(), judged.confusion, strict=True)
        ),
    )
    drawn = Figure(f"{run.dataset.name}, test pictures", Matrix(judged.classes, judged.confusion), table=per_class)
    return Section("Confusion", drawn.to_html(), f"{lead} Rows are the true classes, columns what the net said.")


def provenance(run: Run) -> Section:
    """All that it takes to do it again."""
    recipe = msgspec.structs.asdict(run.recipe)
    where: dict[str, Any] = environment_of(run)
    rows = [
        ("folder", run.path.name),
        ("data", run.dataset.name),
        ("licence", run.dataset.licence),
        ("seed", str(run.seed)),
    ]
    rows += [(key, _plain(value)) for key, value in recipe.items() if key != "net"]
    rows += [(key, _plain(value)) for key, value in where.items()]
    rows += [(f"SHA-256 of {name}", value) for name, value in run.result.sha256.items()]
    grid = Grid((Column("what"), Column("value")), tuple(rows))
    again = f"<pre>{escape(f'convscope train --from {run.path}')}</pre>"
    return Section(
        "Where it comes from",
        grid.to_html() + again,
        "The same machine, versions and threads give the same weights, bit for bit.",
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
