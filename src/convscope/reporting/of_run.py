"""What a report says of a run: its course, what it got right and wrong, where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from convscope.inert import in_html
from convscope.reporting.page import Section
from convscope.training import environment, metrics
from convscope.view.figure import Figure
from convscope.view.layout import Across
from convscope.view.parts import Column, Grid, text_html
from convscope.view.plot import Line, Plot

if TYPE_CHECKING:
    from convscope.training.evaluate import Evaluation
    from convscope.training.run import Run

CURVES = (("loss", "loss [nat]"), ("accuracy", "share right"), ("learning_rate", "learning rate"))
POINTS = 400
"""Of a curve; of longer courses every second, third … report is drawn."""


def run_facts(run: Run, evaluation: Evaluation) -> tuple[tuple[str, str], ...]:
    """Name and number."""
    low, high = (100 * end for end in evaluation.interval)
    return (
        ("accuracy on the test images", f"{100 * evaluation.accuracy:.2f} %"),
        ("95 % interval", f"{low:.2f} to {high:.2f} %"),
        ("loss", f"{evaluation.loss:.4f}"),
        ("training", f"{run.result.seconds:.1f} s"),
    )


def course(run: Run) -> Section:
    """Loss, accuracy and learning rate over the epochs, as far as they can be read."""
    reports = metrics.read(run.path)
    lines = [line for line, _ in reports.lines]
    told = " ".join(f"{what}." for what in reports.told(run.path))
    if not lines:
        return Section("Training", text_html("The course of the training is unknown."), told)
    lines = lines[:: -(-len(lines) // POINTS) or 1] if len(lines) > POINTS else lines
    epochs = [line.epoch for line in lines]
    plots = tuple(
        Plot((Line("", epochs, [getattr(line, key) for line in lines], colour=at),), "epoch", name, wide=300, high=220)
        for at, (key, name) in enumerate(CURVES)
    )
    means = "Loss and accuracy are means over what was learned from since the epoch began, so they trail after the net."
    return Section(
        "Training",
        Figure(f"{epochs[-1]:.3g} epoch{'' if epochs[-1] == 1 else 's'}", Across(plots, gap=6)).to_html(),
        f"{means} {told}".rstrip(),
    )


def provenance(run: Run) -> Section:
    """All that it takes to do it again."""
    recipe = msgspec.structs.asdict(run.recipe)
    began, later, told = environment.noted(run.path)
    rows = [
        ("folder", run.path.name),
        ("data", run.dataset.name),
        ("licence", run.dataset.licence),
        ("seed", str(run.seed)),
    ]
    rows += [(key, _plain(value)) for key, value in recipe.items() if key != "net"]
    rows += [(key, environment.shown(value)) for key, value in began.items()]
    rows += [("went on with", ", ".join(f"{key} {environment.shown(one[key])}" for key in one)) for one in later]
    rows += [(f"SHA-256 of {name}", value) for name, value in run.result.sha256.items()]
    grid = Grid((Column("what"), Column("value")), tuple(rows))
    again = f"<pre>{in_html(f'convscope train --from {run.path}')}</pre>"
    return Section(
        "Where it comes from",
        grid.to_html() + again,
        f"The same machine, versions and threads give the same weights, bit for bit.{f' {told}.' if told else ''}",
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
