"""Logs for experiment trackers: trackio, Weights & Biases, MLflow. A failure of one does not end a run."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from contextlib import redirect_stdout, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convscope.extras import missing_module
from convscope.inert import inert
from convscope.training.contents import RECIPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROJECT = "convscope"
"""The project, or the experiment, of the runs."""

STEP = "step"

TAG = "convscope.run"
"""The tag by which a run of MLflow is found again."""

SHOWN = 500
"""The most characters of an error of a tracker that are shown."""


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
        numbers = dict(flat(line))
        self.last = int(numbers.pop(STEP, self.last))
        self._tried(lambda: self._log(numbers, self.last))

    def close(self) -> None:
        """End the run of the tracker."""
        self._tried(self._end)

    def _tried(self, act: Callable[[], Any]) -> None:
        """Call a tracker; its first failure is reported, and nothing more is sent.

        What it prints goes to stderr: on stdout is the result of a command.
        """
        if self.broken:
            return
        try:
            with redirect_stdout(sys.stderr):
                act()
        except Exception as error:  # noqa: BLE001 -- another library may raise anything
            self.broken = True
            warnings.warn(
                f"{self.name} gets no more values: {type(error).__name__}: {inert(str(error))[:SHOWN]}", stacklevel=2
            )


def flat(line: dict[str, Any], before: str = "") -> list[tuple[str, int | float]]:
    """Return the numbers of a line; those of the result are called ``result/loss`` and so on."""
    found: list[tuple[str, int | float]] = []
    for name, value in line.items():
        if isinstance(value, dict):
            found += flat(value, f"{before}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((before + name, value))
    return found


def mark(folder: Path) -> str:
    """Return a word that belongs to one run alone: runs in two folders may have the same name.

    It stays the same when the run is resumed, and changes if the folder is moved.
    """
    found = hashlib.sha256(os.fsencode(folder.absolute()))
    with suppress(OSError):
        found.update(str((folder / RECIPE).stat().st_mtime_ns).encode())
    return found.hexdigest()[:8]


def _wandb(library: Any, folder: Path) -> tuple[Callable[..., Any], Callable[[], Any]]:
    """Begin or continue a run of Weights & Biases, which knows it by its identity."""
    own = f"{folder.name}-{mark(folder)}"
    run = library.init(project=PROJECT, name=folder.name, id=own, resume="allow")
    return (lambda numbers, step: run.log(numbers, step=step)), run.finish


def _trackio(library: Any, folder: Path) -> tuple[Callable[..., Any], Callable[[], Any]]:
    """Begin or continue a run of trackio, which knows it by its name."""
    run = library.init(project=PROJECT, name=f"{folder.name}-{mark(folder)}", resume="allow", embed=False)
    return (lambda numbers, step: run.log(numbers, step=step)), library.finish  # so that it does not end it twice


def _mlflow(library: Any, folder: Path) -> tuple[Callable[..., Any], Callable[[], Any]]:
    """Begin or continue a run of MLflow, which is found by a tag."""
    own, asked = mark(folder), {"experiment_names": [PROJECT], "output_format": "list", "max_results": 1}
    library.set_experiment(PROJECT)
    known = library.search_runs(filter_string=f"tags.`{TAG}` = '{own}'", **asked)
    if known:
        library.start_run(run_id=known[0].info.run_id)
    else:
        library.start_run(run_name=folder.name, tags={TAG: own})
    return (lambda numbers, step: library.log_metrics(numbers, step=step)), library.end_run


def trackio(folder: Path) -> Tracker:
    """Open a log for trackio."""
    return Tracker("trackio", folder, _trackio)


def wandb(folder: Path) -> Tracker:
    """Open a log for Weights & Biases."""
    return Tracker("wandb", folder, _wandb)


def mlflow(folder: Path) -> Tracker:
    """Open a log for MLflow."""
    return Tracker("mlflow", folder, _mlflow)
