"""Logs for experiment trackers: trackio, Weights & Biases, MLflow. A failure of one does not end a run."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convscope.extras import missing_module
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROJECT = "convscope"
"""The project, or the experiment, of the runs."""

STEP = "step"


class Tracker:
    """A log that passes each line to a tracker.

    Args:
        name: name of the library.
        folder: the run folder, whose name is that of the run.
        begin: begins a run with the library; returns what logs values at a step, and what ends the run.

    Raises:
        MissingExtraError: the library is not installed.
    """

    def __init__(
        self, name: str, folder: Path, begin: Callable[[Any, Path], tuple[Callable[..., Any], Callable[[], Any]]]
    ) -> None:
        try:
            library = import_module(name)
        except ModuleNotFoundError:
            raise missing_module(name) from None
        self.name: str = name
        self.broken: bool = False
        self.last: int = 0
        self._log: Callable[..., Any] = lambda *_: None
        self._end: Callable[[], Any] = lambda: None
        self._tried(lambda: self._begin(*begin(library, folder)))

    def _begin(self, log: Callable[..., Any], end: Callable[[], Any]) -> None:
        self._log, self._end = log, end

    def note(self, line: dict[str, Any]) -> None:
        """Pass the numbers of a line; the result at the end has a step of its own."""
        numbers = dict(_flat(line))
        self.last = int(numbers.pop(STEP, self.last))
        self._tried(lambda: self._log(numbers, self.last))

    def close(self) -> None:
        """End the run of the tracker."""
        self._tried(self._end)

    def _tried(self, act: Callable[[], Any]) -> None:
        """Call a tracker; its first failure is reported, and nothing more is sent."""
        if self.broken:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001 -- another library may raise anything
            self.broken = True
            warnings.warn(
                f"{self.name} gets no more values: {type(error).__name__}: {inert(str(error))[:200]}", stacklevel=2
            )


def _flat(line: dict[str, Any], before: str = "") -> list[tuple[str, int | float]]:
    """Return the numbers of a line; those of the result are called ``result/loss`` and so on."""
    found: list[tuple[str, int | float]] = []
    for name, value in line.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((before + name, value))
    return found


def _like_wandb(library: Any, folder: Path) -> tuple[Callable[..., Any], Callable[[], Any]]:
    """Begin a run of Weights & Biases, or of trackio, which has the same functions."""
    resumed = {"id": folder.name} if library.__name__ == "wandb" else {}
    run = library.init(project=PROJECT, name=folder.name, resume="allow", **resumed)
    return (lambda numbers, step: run.log(numbers, step=step)), run.finish


def _mlflow(library: Any, folder: Path) -> tuple[Callable[..., Any], Callable[[], Any]]:
    """Begin a run of MLflow; its names have no blanks."""
    library.set_experiment(PROJECT)
    library.start_run(run_name=folder.name)
    return (lambda numbers, step: library.log_metrics(numbers, step=step)), library.end_run


def trackio(folder: Path) -> Tracker:
    """Open a log for trackio."""
    return Tracker("trackio", folder, _like_wandb)


def wandb(folder: Path) -> Tracker:
    """Open a log for Weights & Biases."""
    return Tracker("wandb", folder, _like_wandb)


def mlflow(folder: Path) -> Tracker:
    """Open a log for MLflow."""
    return Tracker("mlflow", folder, _mlflow)
