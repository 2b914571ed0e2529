"""Logs of one's own, and those for trackers, which stand in here: each gets every report and the result."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import FieldError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "input 8x8x1, conv 4 3x3, gap, linear 2"
PIXELS = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
DATA = (PIXELS[:40], np.arange(40) % 2), (PIXELS[40:], np.arange(20) % 2)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def train(tmp_path: Path, *logs: Any) -> cs.Run:
    return cs.train(TEXT, data=DATA, recipe="fast", epochs=12, batch=20, logs=logs, out=tmp_path / "runs")


class Lines:
    """A log of one's own."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.closed = 0

    def note(self, line: dict[str, Any]) -> None:
        self.lines.append(line)

    def close(self) -> None:
        self.closed += 1


def test_a_log_of_ones_own_gets_every_report(tmp_path: Path) -> None:
    lines = Lines()
    run = train(tmp_path, lines, "csv")
    assert lines.lines == [{**row} for row in run.history]
    assert lines.closed == 1
    assert (run.path / "metrics.csv").exists()


class Wandb(ModuleType):
    """Stands in for wandb and trackio."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.given: dict[str, Any] = {}
        self.logged: list[tuple[dict[str, Any], int]] = []
        self.ended = 0

    def init(self, **given: Any) -> Wandb:
        self.given = given
        return self

    def log(self, numbers: dict[str, Any], *, step: int) -> None:
        self.logged.append((numbers, step))

    def finish(self) -> None:
        self.ended += 1


class Mlflow(ModuleType):
    """Stands in for mlflow."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.logged: list[tuple[dict[str, Any], int]] = []
        self.calls: list[str] = []

    def set_experiment(self, name: str) -> None:
        self.calls.append(name)

    def start_run(self, run_name: str) -> None:
        self.calls.append(run_name)

    def log_metrics(self, numbers: dict[str, Any], step: int) -> None:
        self.logged.append((numbers, step))

    def end_run(self) -> None:
        self.calls.append("end")


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_gets_every_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    library = Wandb(name)
    monkeypatch.setitem(sys.modules, name, library)
    run = train(tmp_path, name)
    assert [step for _, step in library.logged] == run.history["step"]
    assert [numbers["loss"] for numbers, _ in library.logged] == run.history["loss"]
    assert (library.given["name"], library.ended) == (run.path.name, 1)


def test_mlflow_gets_every_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Mlflow()
    monkeypatch.setitem(sys.modules, "mlflow", library)
    run = train(tmp_path, "mlflow")
    assert [numbers["accuracy"] for numbers, _ in library.logged] == run.history["accuracy"]
    assert library.calls == ["convscope", run.path.name, "end"]


def test_a_tracker_that_fails_does_not_end_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Wandb("wandb")
    monkeypatch.setattr(library, "log", lambda *_, **__: 1 / 0, raising=False)
    monkeypatch.setitem(sys.modules, "wandb", library)
    with pytest.warns(UserWarning, match="wandb gets no more values: ZeroDivisionError"):
        run = train(tmp_path, "wandb")
    assert run.result.params


def test_what_is_not_installed_or_no_log_is_our_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match="wandb"):
        train(tmp_path, "wandb")
    assert not list((tmp_path / "runs").glob("*"))
    with pytest.raises(FieldError, match="logs cannot be"):
        cs.train(TEXT, data=DATA, logs=[object()], out=tmp_path / "runs")  # type: ignore[list-item]
