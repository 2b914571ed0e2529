"""The sections about a run in a report: training and provenance."""

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
    from convscope.training.metrics import Line as Row
    from convscope.training.run import Run

CURVES = (("loss", "loss (nats)", 1), ("accuracy", "accuracy (%)", 100), ("learning_rate", "learning rate", 1))
VALIDATION = 3
"""Colour of the curves of validation."""

POINTS = 400
"""The most points of a curve; in longer logs, every second, third … report is drawn."""


NAMES = {"name": "recipe", "precision": "precision requested"}
"""Labels for settings whose own names say too little."""


def run_facts(run: Run, evaluation: Evaluation | None) -> tuple[tuple[str, str], ...]:
    """Return names and values; without an evaluation, those that the run states."""
    seconds = ("training", f"{run.result.seconds:.1f} s")
    step = (("stopped", f"after step {run.step:,}"),) if run.step else ()
    if evaluation is None:
        result = run.result
        known = (("test accuracy", f"{100 * result.accuracy:.2f} %"), ("loss", f"{result.loss:.4f}"))
        return (*step, *(() if run.step else known), seconds)
    low, high = (100 * end for end in evaluation.interval)
    return (
        *step,
        ("test accuracy", f"{100 * evaluation.accuracy:.2f} %"),
        ("95 % interval", f"{low:.2f} to {high:.2f} %"),
        ("loss", f"{evaluation.loss:.4f}"),
        seconds,
    )


def course(run: Run) -> Section:
    """Draw loss, accuracy and learning rate over the epochs, as far as the log is readable."""
    reports = metrics.read(run.path)
    lines = [line for line, _ in reports.lines]
    told = " ".join(f"{what}." for what in reports.told(run.path))
    if not lines:
        return Section(
            "Training", text_html("The training log is missing or unreadable, so there are no curves."), told
        )
    lines = lines[:: -(-len(lines) // POINTS) or 1] if len(lines) > POINTS else lines
    epochs = [line.epoch for line in lines]
    checked = [line for line, _ in reports.lines if line.val_loss is not None]
    plots = tuple(
        Plot(_curves(lines, checked, key, unit, at), "epoch", name, wide=300, high=220)
        for at, (key, name, unit) in enumerate(CURVES)
    )
    means = "Loss and accuracy are averages over the training images since the epoch began, so they lag behind the net."
    return Section(
        "Training",
        Figure(f"{epochs[-1]:.3g} epoch{'' if epochs[-1] == 1 else 's'}", Across(plots, gap=6)).to_html(),
        f"{means} {told}".rstrip(),
    )


def _curves(lines: list[Row], checked: list[Row], key: str, unit: int, colour: int) -> tuple[Line, ...]:
    """Return the curve over the training, and that of the validation at the end of each epoch, if there is one."""
    validated = bool(checked) and hasattr(checked[0], f"val_{key}")
    curve = Line("training" if validated else "", *_points(lines, key, unit), colour)
    return (curve, Line("validation", *_points(checked, f"val_{key}", unit), VALIDATION)) if validated else (curve,)


def _points(lines: list[Row], key: str, unit: int) -> tuple[list[float], list[float]]:
    """Return epochs and values."""
    return [line.epoch for line in lines], [unit * getattr(line, key) for line in lines]


def provenance(run: Run) -> Section:
    """List everything needed to repeat the run."""
    rows, told = provenance_rows(run)
    grid = Grid((Column("what"), Column("value")), rows)
    again = f"<pre>{in_html(f'convscope train --from {run.path.resolve().name}')}</pre>"
    return Section(
        "Provenance",
        grid.to_html() + again,
        f"The same machine, versions and threads give the same weights, bit for bit.{f' {told}.' if told else ''}",
    )


def provenance_rows(run: Run) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return what is needed to repeat the run, as names and values, and what is wrong with the record of it."""
    recipe = msgspec.structs.asdict(run.recipe)
    began, later, told = environment.noted(run.path)
    rows = [
        ("folder", run.path.resolve().name),
        ("data", run.dataset.title),
        ("licence", run.dataset.licence),
        ("seed", str(run.seed)),
    ]
    rows += [(NAMES.get(key, key), _plain(value)) for key, value in recipe.items() if key not in {"net", "data"}]
    rows += [
        ("precision used" if key == "precision" else key, environment.shown(value)) for key, value in began.items()
    ]
    rows += [("resumed with", ", ".join(f"{key} {environment.shown(one[key])}" for key in one)) for one in later]
    rows += [(f"SHA-256 of {name}", value) for name, value in run.result.sha256.items()]
    return tuple(rows), told


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
