"""A figure in a notebook that follows a training: it is drawn into the output of its cell and updated in place.

It is a drawing without scripts or widgets, so a notebook keeps it when it is saved, and shows it when it is exported.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convscope.inert import in_html
from convscope.view.figure import Figure
from convscope.view.layout import Across
from convscope.view.plot import Line, Plot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EVERY = 0.5
"""The least time between two drawings [second]."""

POINTS = 300
"""The most points of a curve; of more, evenly spaced ones and the last are drawn."""

WIDE, HIGH = 330, 210
"""The size of a plot [pixel]."""

VALIDATION = 3
"""Colour of the curves of validation, as in the report."""

NOTE = "training: means over the images since the epoch began, so these curves lag behind the net"
"""Printed below the drawing."""


def seconds() -> float:
    """Return the time on a clock that only runs forward [second]."""
    return time.monotonic()


def is_here() -> bool:
    """Return whether this runs in a notebook, whose kernel has loaded IPython already; nothing is imported."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)


class Curves:
    """Loss and accuracy over the epochs of a training, on training images and on those for validation.

    Args:
        epochs: the end of the training, which is that of the horizontal axis.

    >>> found = Curves(2.0)
    >>> found.add(0.5, (2.3, 0.1))
    >>> found.add(1.0, (1.5, 0.4), (1.4, 0.5))
    >>> found.figure("epoch 1 of 2").to_svg().count('stroke-width="1.8"')
    4
    """

    def __init__(self, epochs: float) -> None:
        self.epochs: float = epochs
        self.training: list[tuple[float, float, float]] = []
        self.validation: list[tuple[float, float, float]] = []

    def add(self, epoch: float, training: tuple[float, float], validation: tuple[float, float] | None = None) -> None:
        """Add loss and accuracy at an epoch."""
        self.training.append((epoch, *training))
        if validation:
            self.validation.append((epoch, *validation))

    def figure(self, title: str) -> Figure:
        """Return the drawing."""
        ends = (0.0, self.epochs or 1.0)
        plots = (
            Plot(self._lines(1, 1.0), "epoch", "loss (nats)", WIDE, HIGH, xlim=ends),
            Plot(self._lines(2, 100.0), "epoch", "accuracy (%)", WIDE, HIGH, xlim=ends),
        )
        return Figure(title, Across(plots, gap=6), NOTE)

    def _lines(self, column: int, unit: float) -> tuple[Line, ...]:
        name = "training" if self.validation else ""
        training = _line(name, _spaced(self.training), column, unit, column - 1)
        validation = _line("validation", _spaced(self.validation), column, unit, VALIDATION)
        return (training, *([validation] if self.validation else []))


def _line(name: str, rows: list[tuple[float, float, float]], column: int, unit: float, colour: int) -> Line:
    return Line(name, [row[0] for row in rows], [unit * row[column] for row in rows], colour)


def _spaced(rows: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Return evenly spaced rows and the last.

    >>> len(_spaced([(0.0, 0.0, 0.0)] * 1000)), len(_spaced([(0.0, 0.0, 0.0)] * 5))
    (251, 5)
    """
    step = -(-len(rows) // POINTS) or 1
    return [*rows[::step], *([rows[-1]] if (len(rows) - 1) % step else [])]


class Cell:
    """The output of a cell, which is updated in place, at most every half second."""

    def __init__(self) -> None:
        self._shown: Any = import_module("IPython.display")
        self._handle: Any = self._shown.display(_bundle("loading", "loading"), raw=True, display_id=True)
        self._next: float = 0.0
        self._due: Callable[[], dict[str, str]] | None = None

    def show(self, figure: Callable[[], Figure], words: str, share: float) -> None:
        """Show the state of a training, at once or with a later call.

        Args:
            figure: draws it; only called if that is shown.
            words: what is said beside it, and where a notebook shows text only.
            share: how much of the training is done, 0 to 1; no bar is drawn at the end.
        """
        bar = f'<progress max="1" value="{share:.4f}" style="width:16em"></progress> ' if share < 1 else ""
        self._due = lambda: _bundle(f"<div>{bar}{in_html(words)}</div>{figure().to_html()}", words)
        now = seconds()
        if now >= self._next:
            self._next = now + EVERY
            self.settle()

    def settle(self) -> None:
        """Show what has not been shown yet."""
        if self._due is not None:
            self._handle.update(self._due(), raw=True)
        self._due = None


def _bundle(html: str, words: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": words}
