"""Progress of a training run: a live bar in a terminal or a notebook, plain lines on stderr elsewhere."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from convscope.inert import in_html
from convscope.streams import tell
from convscope.view.numbers import seconds_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Report = Callable[["Progress"], None]


@dataclass(frozen=True)
class Progress:
    """The progress of a run; losses and accuracies are means over the steps of the epoch so far."""

    step: int
    steps: int
    epoch: float
    loss: float
    accuracy: float
    rate: float
    seconds: float
    images: int

    @property
    def images_per_second(self) -> float:
        """The speed since the start."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """The estimated remaining time."""
        return self.seconds / self.step * (self.steps - self.step) if self.step else math.inf


PLAIN_EVERY = 5.0
"""Time between two plain lines [second]."""


def line(progress: Progress) -> str:
    """Return a report as text."""
    return (
        f"epoch {progress.epoch:.2f}  step {progress.step}/{progress.steps}  train loss {progress.loss:.4f}  "
        f"train accuracy {100 * progress.accuracy:.2f} %  {progress.images_per_second:,.0f} images/s  "
        f"{seconds_text(progress.seconds_left)} left"
    )


@contextmanager
def display(*, quiet: bool = False) -> Iterator[Report]:
    """Yield a function that shows reports."""
    if quiet:
        yield lambda _: None
    elif sys.stderr and sys.stderr.isatty():
        with _live() as report:
            yield report
    else:
        yield _plain()


def _plain() -> Report:
    """Print a line every few seconds and one at the end, for logs."""
    due = [0.0]

    def report(progress: Progress) -> None:
        if progress.seconds >= due[0] or progress.step == progress.steps:
            due[0] = progress.seconds + PLAIN_EVERY
            tell(line(progress))

    return report


@contextmanager
def shown_where_watched() -> Iterator[Report]:
    """Yield :func:`display` for a caller in Python: nothing is shown outside a terminal or a notebook."""
    if _notebook():
        yield _in_notebook()
    else:
        with display(quiet=not (sys.stderr and sys.stderr.isatty())) as report:
            yield report


def _notebook() -> bool:
    """Return whether this runs in a notebook, whose kernel has loaded IPython already."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _in_notebook() -> Report:
    """Draw a bar in the output of the cell and update it in place, without widgets."""
    shown = import_module("IPython.display")
    handle = shown.display(shown.HTML(in_html("loading")), display_id=True)

    def report(progress: Progress) -> None:
        bar = f'<progress max="{progress.steps}" value="{progress.step}" style="width:16em"></progress>'
        handle.update(shown.HTML(f"<div>{bar} {in_html(line(progress))}</div>"))

    return report


@contextmanager
def _live() -> Iterator[Report]:
    """Show a live bar."""
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
