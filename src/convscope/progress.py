"""Progress of a training run on stderr: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convscope.streams import tell
from convscope.view.numbers import seconds_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convscope.training.loop import Progress

    Report = Callable[[Progress], None]

PLAIN_EVERY = 5.0
"""Seconds between two plain lines."""


def line(progress: Progress) -> str:
    """One report as text."""
    return (
        f"epoch {progress.epoch:.2f}  step {progress.step}/{progress.steps}  train loss {progress.loss:.4f}  "
        f"train accuracy {100 * progress.accuracy:.2f} %  {progress.images_per_second:,.0f} images/s  "
        f"{seconds_text(progress.seconds_left)} left"
    )


@contextmanager
def display(*, quiet: bool = False) -> Iterator[Report]:
    """A function that shows each report it is given."""
    if quiet:
        yield lambda _: None
    elif sys.stderr and sys.stderr.isatty():
        with _live() as report:
            yield report
    else:
        yield _plain()


def _plain() -> Report:
    """A line every few seconds and one at the end, for logs."""
    due = [0.0]

    def report(progress: Progress) -> None:
        if progress.seconds >= due[0] or progress.step == progress.steps:
            due[0] = progress.seconds + PLAIN_EVERY
            tell(line(progress))

    return report


@contextmanager
def _live() -> Iterator[Report]:
    """A bar that moves."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("train", total=None, epoch="0.00", numbers="")

        def report(progress: Progress) -> None:
            numbers = line(progress).split("  ", 2)[2]
            bar.update(
                task,
                total=progress.steps,
                completed=progress.step,
                epoch=f"{progress.epoch:.2f}",
                numbers=numbers,
            )

        yield report
