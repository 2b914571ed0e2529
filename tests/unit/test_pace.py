"""How many threads train, and that runs keep the number with which they began."""

import json
from pathlib import Path

import pytest
import torch

import convscope as cs
from convscope.backends.device import Accelerator
from convscope.cli import run as command
from convscope.errors import FieldError
from convscope.training import pace
from convscope.training.recipe import find

NET = cs.read("input 28x28x1, conv 4 5x5 s4 relu, gap, linear 10")
FAST = find("fast").changed(batch=8)


@pytest.mark.parametrize(("one", "every", "count"), [(1.0, 0.6, 2), (1.0, 1.05, 2), (1.0, 1.2, 1), (1.0, 30.0, 1)])
def test_the_faster_number_is_chosen(monkeypatch: pytest.MonkeyPatch, one: float, every: float, count: int) -> None:
    monkeypatch.setattr(pace, "cores", lambda: 2)
    used: list[int] = []
    monkeypatch.setattr(pace, "_step", lambda *_: lambda: used.append(torch.get_num_threads()))
    # the clock is read before each step, and after each but the first with each number
    reads = iter([0.0, 50.0, *[now for _ in range(pace.ROUNDS) for now in (7.0, 7.0 + one, 9.0, 9.0 + every)]])
    before = torch.get_num_threads()
    assert pace.faster(NET, FAST, lambda: next(reads)) == count
    assert used == [1, 2] * (1 + pace.ROUNDS)
    assert torch.get_num_threads() == before


def test_measuring_changes_no_random_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "cores", lambda: 2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert pace.faster(NET, FAST) in {1, 2}
    assert torch.equal(torch.get_rng_state(), before)


def test_numbers_of_threads() -> None:
    assert (pace.chosen(None, NET, FAST), pace.chosen(3, NET, FAST)) == (None, 3)
    assert pace.chosen("auto", NET, FAST, Accelerator("cuda")) is None
    for wrong in (0, -1, 5000, 1.5, "two", True):
        with pytest.raises(FieldError, match="threads = "):
            pace.chosen(wrong, NET, FAST)  # type: ignore[arg-type]


def test_a_repeated_run_takes_the_recorded_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "cores", lambda: 2)
    before = torch.get_num_threads()
    first = cs.train(NET, recipe=FAST.changed(epochs=0.002), out=tmp_path, threads=2)
    assert torch.get_num_threads() == before
    again, other = (cs.repeat(first.path, out=tmp_path, threads=count) for count in (None, 1))
    counts = [json.loads((run.path / "env.json").read_text("utf-8"))["threads"] for run in (first, again, other)]
    assert counts == [2, 2, 1]
    assert again.result.sha256 == first.result.sha256
    monkeypatch.setattr(pace, "cores", lambda: 1)
    assert pace.recorded(first.path) == 1  # this machine has no more
    (first.path / "env.json").unlink()
    assert pace.recorded(first.path) is None


def test_the_command_takes_auto(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "faster", lambda *_: 1)
    words = ["train", str(NET), "--epochs", "0.002", "-o", str(tmp_path), "--name", "r", "--no-report", "--quiet"]
    assert command([*words, "--threads", "auto"]) == 0
    assert json.loads((tmp_path / "r" / "env.json").read_text("utf-8"))["threads"] == 1
    assert command([*words, "--threads", "some"]) == 2
    assert '"some" is not an integer from 1 to 4096' in capsys.readouterr().err
