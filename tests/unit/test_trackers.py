"""Logs of one's own, and those for trackers, which stand in here: each gets every report and the result."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import FieldError, MissingExtraError
from convscope.training.signals import Stopped

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.progress import Progress

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
    assert lines.lines == run.metrics()
    assert lines.lines[-1]["result"]["accuracy"] == run.result.accuracy
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
        sys.stdout.write("a word of welcome\n")
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
        self.runs: list[str] = []  # the filters that find them

    def set_experiment(self, name: str) -> None:
        self.calls.append(name)

    def search_runs(self, *, filter_string: str, output_format: str, **_: Any) -> list[Any]:
        assert output_format == "list"  # any other needs pandas
        found = [SimpleNamespace(info=SimpleNamespace(run_id=at)) for at, one in enumerate(self.runs, 1)]
        return [one for one in found if self.runs[one.info.run_id - 1] == filter_string]

    def start_run(self, run_name: str = "", run_id: int = 0, tags: dict[str, str] | None = None) -> None:
        self.calls.append(run_name or f"again {run_id}")
        self.runs += [f"tags.`{name}` = '{value}'" for name, value in (tags or {}).items()]

    def log_metrics(self, numbers: dict[str, Any], step: int) -> None:
        self.logged.append((numbers, step))

    def end_run(self) -> None:
        self.calls.append("end")


def resumed(tmp_path: Path, log: str) -> cs.Run:
    """Return a run that was stopped and went on, with a log."""

    def stop(progress: Progress) -> None:
        if progress.step >= 10:
            raise KeyboardInterrupt

    settings: dict[str, Any] = {"epochs": 12, "batch": 20, "logs": log, "name": "same", "save_every": 0}
    with pytest.raises((KeyboardInterrupt, Stopped)):
        cs.train(TEXT, data=DATA, recipe="fast", out=tmp_path, callbacks=stop, **settings)
    return cs.resume(tmp_path / "same", logs=log)


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_gets_every_report_and_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    library = Wandb(name)
    monkeypatch.setitem(sys.modules, name, library)
    run = train(tmp_path, name)
    assert capsys.readouterr() == ("", "a word of welcome\n")
    steps = run.history["step"]
    assert [step for _, step in library.logged] == [*steps, steps[-1]]
    assert [numbers["loss"] for numbers, _ in library.logged[:-1]] == run.history["loss"]
    assert library.logged[-1][0]["result/accuracy"] == run.result.accuracy
    assert library.given["name"].startswith(run.path.name)
    assert library.ended == 1


@pytest.mark.parametrize(("name", "key"), [("wandb", "id"), ("trackio", "name")])
def test_a_tracker_knows_a_run_again_and_no_other_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    library, seen = Wandb(name), list[str]()
    begin = library.init

    def init(**given: Any) -> Wandb:
        seen.append(given[key])
        return begin(**given)

    monkeypatch.setattr(library, "init", init)
    monkeypatch.setitem(sys.modules, name, library)
    for folder in ("first", "second"):
        resumed(tmp_path / folder, name)
    assert seen[0] == seen[1] != seen[2] == seen[3]
    assert all(one.startswith("same-") for one in seen)
    assert library.given["resume"] == "allow"


def test_mlflow_gets_every_report_and_knows_a_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Mlflow()
    monkeypatch.setitem(sys.modules, "mlflow", library)
    run = train(tmp_path, "mlflow")
    assert [numbers["accuracy"] for numbers, _ in library.logged[:-1]] == run.history["accuracy"]
    assert library.logged[-1][0]["result/loss"] == run.result.loss
    assert library.calls == ["convscope", run.path.name, "end"]
    library.calls.clear()
    for folder in ("first", "second"):
        resumed(tmp_path / folder, "mlflow")
    begun = [call for call in library.calls if call not in {"convscope", "end"}]
    assert begun == ["same", "again 2", "same", "again 3"]


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
