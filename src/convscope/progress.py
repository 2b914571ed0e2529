"""Progress of a training run: a live bar in a terminal or a notebook, plain lines on stderr elsewhere."""

from __future__ import annotations

import math
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope import notebook
from convscope.streams import tell
from convscope.view.numbers import seconds_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Report = Callable[["Progress"], None]


@dataclass(frozen=True)
class Progress:
    """The progress of a run; losses and accuracies are means over the steps of the epoch so far.

    Attributes:
        step: steps so far, of ``steps``.
        epoch: passes over the images so far, of ``epochs``.
        loss: on the training images [nat].
        accuracy: on the training images, 0 to 1.
        rate: learning rate.
        seconds: since the start.
        images: training images so far.
        ends: whether an epoch, or the training, ends here.
        val_loss: on the images for validation at the end of an epoch; None without them.
        val_accuracy: likewise.
    """

    step: int
    steps: int
    epoch: float
    loss: float
    accuracy: float
    rate: float
    seconds: float
    images: int
    epochs: float = 0.0
    ends: bool = False
    val_loss: float | None = None
    val_accuracy: float | None = None

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


def epoch_line(progress: Progress) -> str:
    """Return an epoch as a line of at most 80 characters that stays.

    >>> epoch_line(Progress(10, 20, 1, 0.5, 0.75, 0.01, 2.0, 640, 2, True, 0.6, 0.7))
    'epoch 1/2  train 0.500 75.00 %  val 0.600 70.00 %  320 images/s  lr 0.01'
    """
    parts = [
        f"epoch {progress.epoch:.3g}/{progress.epochs:.3g}",
        f"train {_pair(progress.loss, progress.accuracy)}",
        f"{progress.images_per_second:,.0f} images/s",
        f"lr {progress.rate:.2g}",
    ]
    if progress.val_loss is not None and progress.val_accuracy is not None:
        parts.insert(2, f"val {_pair(progress.val_loss, progress.val_accuracy)}")
    return "  ".join(parts)


def _pair(loss: float, accuracy: float) -> str:
    """Return loss and accuracy in few letters.

    >>> _pair(0.12345, 0.99876), _pair(2.3, 1)
    ('0.123 99.88 %', '2.300 100.0 %')
    """
    return f"{loss:.3f} {f'{100 * accuracy:.2f}'[:5]} %"


HEAD = "loss and accuracy, on training images as they are learned and, if there are any, on validation images:"
"""Printed above the lines of the epochs."""


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
    """Print a line every few seconds, at the end, and for each epoch with validation, for logs."""
    due = [0.0]

    def report(progress: Progress) -> None:
        if progress.ends and progress.val_loss is not None:
            due[0] = progress.seconds + PLAIN_EVERY
            tell(epoch_line(progress))
        elif progress.seconds >= due[0] or progress.step == progress.steps:
            due[0] = progress.seconds + PLAIN_EVERY
            tell(line(progress))

    return report


@contextmanager
def shown_where_watched() -> Iterator[Report]:
    """Yield :func:`display` for a caller in Python: nothing is shown outside a terminal or a notebook."""
    if notebook.is_here():
        with _in_notebook() as report:
            yield report
    else:
        with display(quiet=not (sys.stderr and sys.stderr.isatty())) as report:
            yield report


@contextmanager
def _in_notebook() -> Iterator[Report]:
    """Draw curves and a bar in the output of the cell; what is shown last is the last report."""
    cell, curves = notebook.Cell(), list[notebook.Curves]()

    def report(progress: Progress) -> None:
        if not curves:
            curves.append(notebook.Curves(progress.epochs))
        val = None if progress.val_loss is None else (progress.val_loss, progress.val_accuracy or 0.0)
        curves[0].add(progress.epoch, (progress.loss, progress.accuracy), val)
        title = f"epoch {progress.epoch:.3g} of {progress.epochs:.3g}"
        words = epoch_line(progress) if progress.step == progress.steps else line(progress)
        cell.show(lambda: curves[0].figure(title), words, progress.step / progress.steps)

    try:
        yield report
    finally:
        cell.settle()


@contextmanager
def _live() -> Iterator[Report]:
    """Show a live bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=14),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with ExitStack() as stack:
        bar = Bar(*columns, console=Console(stderr=True, highlight=False))
        task = bar.add_task("train", total=None, epoch="0.00", numbers="")
        begun: list[bool] = []

        def report(progress: Progress) -> None:
            if not bar.live.is_started:  # what is printed before the first step stays above the bar
                stack.enter_context(bar)
            if progress.ends and (progress.epochs > 1 or progress.val_loss is not None):
                for text in ([] if begun else [HEAD]) + [epoch_line(progress)]:
                    bar.console.print(text, markup=False)
                begun.append(True)
            left = seconds_text(progress.seconds_left)
            numbers = (
                f"{progress.loss:.3f} {100 * progress.accuracy:.1f} %  {progress.images_per_second:,.0f}/s  {left}"
            )
            bar.update(
                task,
                total=progress.steps,
                completed=progress.step,
                epoch=f"{progress.epoch:.2f}",
                numbers=numbers,
            )

        yield report
