"""Logs of a run beside its metrics."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from convscope.errors import MissingExtraError, RunError, UnknownNameError
from convscope.training.logs import open_log


def line(step: int, loss: float, **more: Any) -> dict[str, Any]:
    return {"step": step, "loss": loss, **more}


def text_of(folder: Path) -> str:
    return (folder / "metrics.csv").read_text(encoding="utf-8")


def test_a_row_for_each_line_at_once(tmp_path: Path) -> None:
    log = open_log("csv", tmp_path)
    log.note(line(10, 0.5, name="x", ok=True, sizes=[1]))
    assert text_of(tmp_path) == "step,loss\n10,0.5\n"
    log.note(line(20, 0.25))
    assert text_of(tmp_path) == "step,loss\n10,0.5\n20,0.25\n"
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_a_new_name_is_a_new_column(tmp_path: Path) -> None:
    log = open_log("csv", tmp_path)
    log.note(line(10, 0.5))
    log.note({"step": 10, "val_loss": 0.75})  # to the row of that step
    log.note(line(20, 0.25))
    log.note({"seconds": 3})
    assert text_of(tmp_path) == "step,loss,val_loss,seconds\n10,0.5,0.75,\n20,0.25,,\n,,,3\n"


def test_a_run_that_is_taken_up_again(tmp_path: Path) -> None:
    first = open_log("csv", tmp_path)
    for step in (10, 20, 30):
        first.note(line(step, step / 100))
    with (tmp_path / "metrics.csv").open("a", encoding="utf-8") as file:
        file.write("40,0.")  # killed while it wrote
    second = open_log("csv", tmp_path)
    assert text_of(tmp_path) == "step,loss\n10,0.1\n20,0.2\n30,0.3\n"
    second.note(line(20, 0.5))
    second.note(line(30, 0.25))
    assert text_of(tmp_path) == "step,loss\n10,0.1\n20,0.5\n30,0.25\n"


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\n1\n", b"step,loss\nten,1\n", b"step,loss\nnan,1\n", b'step\n"\x00', b"," * 200_000 + b"\n1\n"],
)
def test_rows_that_cannot_be_read_are_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.csv").write_bytes(content)
    log = open_log("csv", tmp_path)
    log.note(line(10, 0.5))
    assert text_of(tmp_path) == "step,loss\n10,0.5\n"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="missing cannot be opened"):
        open_log("csv", tmp_path / "missing")
    log = open_log("csv", tmp_path)
    log.note(line(1, 1.0))
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        log.note(line(2, 1.0))


def test_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match='there is no log "cvs"'):
        open_log("cvs", tmp_path)


class Recorder:
    """Stands where torch's writer of event files stands."""

    made: list["Recorder"]

    def __init__(self, log_dir: str, purge_step: int) -> None:
        self.given = (log_dir, purge_step)
        self.said: list[tuple[str, float, int]] = []
        self.closed = False
        Recorder.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.said.append((name, value, step))

    def close(self) -> None:
        self.closed = True


def test_tensorboard_gets_a_point_for_each_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Recorder  # type: ignore[attr-defined] # a module of our own
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    Recorder.made = []
    log = open_log("tensorboard", tmp_path)
    log.note(line(10, 0.5, rate=0.1))
    log.note({"val_loss": 0.75})
    log.note(line(20, 0.25))
    log.note(line(15, 0.3))
    log.close()
    first, second = Recorder.made
    assert first.given == (str(tmp_path / "tensorboard"), 10)
    assert first.said == [("loss", 0.5, 10), ("rate", 0.1, 10), ("val_loss", 0.75, 10), ("loss", 0.25, 20)]
    assert (second.given[1], second.said) == (15, [("loss", 0.3, 15)])
    assert first.closed
    assert second.closed


def test_tensorboard_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match="tensorboard is not installed"):
        open_log("tensorboard", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_event_files_are_read_by_tensorboard(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = open_log("tensorboard", tmp_path)
    for step in (10, 20, 30):
        log.note(line(step, step / 100))
    log.note(line(20, 0.5))
    log.close()
    found = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    points = [(event.step, round(event.value, 6)) for event in found.Scalars("loss")]
    assert points == [(10, 0.1), (20, 0.5)]
