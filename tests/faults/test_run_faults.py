"""Runs that are killed, stopped, damaged, or out of room: nothing is lost, and nothing wrong is taken for right."""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import convscope as cs
from convscope.errors import RunError
from convscope.training import checkpoint
from convscope.training import run as runs
from convscope.training.contents import CARD, ENV, METRICS, SEAL
from faults.crashing import POINTS
from faults.forked import Forked
from share import share

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

NET = "input 28x28x1, maxpool 4, conv 4 3x3 bn relu, dropout 0.1, linear 10"
TRAIN = ("train", NET, "--quiet", "--batch", "16", "--epochs", "0.6", "--name", "run")
STEPS = 24


@pytest.fixture(scope="module")
def forked() -> Iterator[Forked]:
    process = Forked()
    yield process
    process.close()


@pytest.fixture(scope="module")
def whole(forked: Forked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert forked.run(*TRAIN, "--out", folder, "--save-every", "0")["status"] == 0
    return folder / "run"


def course(run: Path) -> list[dict[str, Any]]:
    """All of the metrics but how long it took."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        line.pop("seconds", None)
        line.get("result", {}).pop("seconds", None)
        line.get("result", {}).pop("images_per_second", None)
    return lines


def same(run: Path, whole: Path) -> None:
    """A run came out as the undisturbed one did, and nothing else is left."""
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert course(run) == course(whole)
    visible = {path.name for path in run.iterdir()}
    assert visible == {*runs.digests(whole), ENV, METRICS, CARD, SEAL}
    mine, its = cs.load_run(run).result, cs.load_run(whole).result
    assert (mine.loss, mine.accuracy, mine.sha256) == (its.loss, its.accuracy, its.sha256)


def finish(forked: Forked, parent: Path, whole: Path) -> bool:
    """Go on with what is there; False where the run had not begun, so that nothing was lost."""
    runs = [path for path in parent.iterdir() if not path.name.startswith(".")] if parent.exists() else []
    if not runs:
        return False
    (run,) = runs
    for path in (run / "checkpoints").glob("*.json"):
        assert checkpoint.read(run, int(path.stem[5:])).step > 0
    done = forked.run("train", "--resume", run, "--quiet", "--save-every", "0")
    if done["status"]:
        assert "is finished" in done["err"]
    same(run, whole)
    return True


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("time", share([1, 2, 40, 7], every=2))
def test_a_run_that_dies_at_any_point_goes_on(
    forked: Forked, whole: Path, tmp_path: Path, point: str, time: int
) -> None:
    env = {"CONVSCOPE_CRASH_AT": f"{point}:{time}"}
    died = forked.run(*TRAIN, "--out", tmp_path, "--save-every", "0", env=env)
    assert died["status"] == (137 if time < 40 or point in {"half written", "written", "replaced"} else 0), died["err"]
    assert finish(forked, tmp_path, whole) == (point not in {"half written", "written", "replaced"} or time > 2)


def test_runs_killed_at_random_go_on(forked: Forked, whole: Path, tmp_path: Path) -> None:
    draw, resumed = random.Random(0), 0
    for trial in range(15):
        parent = tmp_path / str(trial)
        forked.run(*TRAIN, "--out", parent, "--save-every", "0", after=draw.uniform(0, 0.6))
        resumed += finish(forked, parent, whole)
    assert resumed >= 5


def test_a_run_dies_again_and_again_and_still_ends_the_same(forked: Forked, whole: Path, tmp_path: Path) -> None:
    env = {"CONVSCOPE_CRASH_AT": "checkpoint:2"}
    command: tuple[str | Path, ...] = (*TRAIN, "--out", tmp_path)
    deaths = 0
    while forked.run(*command, "--save-every", "0", env=env)["status"] == 137:
        command, deaths = ("train", "--resume", tmp_path / "run", "--quiet"), deaths + 1
    assert deaths == STEPS // 2
    same(tmp_path / "run", whole)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_finish_the_step_and_save(forked: Forked, tmp_path: Path, number: int, status: int) -> None:
    long = ("train", NET, "--quiet", "--batch", "16", "--epochs", "500", "--name", "run", "--out", str(tmp_path))
    begun = str(tmp_path / "run" / "metrics.jsonl")
    stopped = forked.run(*long, after=0.1, signal=number, when=begun)
    assert stopped["status"] == status
    assert "and saved" in stopped["err"]
    assert f"--resume {tmp_path / 'run'}" in stopped["err"]
    (step,) = checkpoint.steps(tmp_path / "run")
    assert cs.load_run(tmp_path / "run").step == step
    logged = ("--log", "csv")  # its file is there when the run has gone on
    resumed = str(tmp_path / "run" / "metrics.csv")
    again = forked.run(
        "train", "--resume", tmp_path / "run", "--quiet", *logged, after=0.1, signal=number, when=resumed
    )
    assert again["status"] == status
    assert max(checkpoint.steps(tmp_path / "run")) > step


def stopped_run(forked: Forked, parent: Path) -> Path:
    """A run that died with two checkpoints."""
    env = {"CONVSCOPE_CRASH_AT": "step:10"}
    assert forked.run(*TRAIN, "--out", parent, "--save-every", "0", env=env)["status"] == 137
    assert sorted(checkpoint.steps(parent / "run")) == [8, 9]
    return parent / "run"


def flipped(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


@pytest.mark.parametrize("harm", [flipped, cut])
@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_a_damaged_checkpoint_is_never_taken(
    forked: Forked, tmp_path: Path, harm: Callable[[bytes, random.Random], bytes], suffix: str
) -> None:
    run = stopped_run(forked, tmp_path)
    newest = run / "checkpoints" / f"step-00000009{suffix}"
    true, before, draw = newest.read_bytes(), checkpoint.read(run, 9), random.Random(1)
    for _ in range(100):
        newest.write_bytes(harm(true, draw))
        state, damage = checkpoint.newest(run, strict=False)
        assert state is not None
        assert state.step == 8
        assert len(damage) == 1
        assert "step-00000009" in damage[0]
        with pytest.raises(RunError, match="damaged"):
            checkpoint.newest(run, strict=True)
    newest.write_bytes(true)
    assert checkpoint.read(run, 9).numbers == before.numbers


def test_what_falls_back_says_so_and_comes_out_the_same(forked: Forked, whole: Path, tmp_path: Path) -> None:
    run = stopped_run(forked, tmp_path)
    newest = run / "checkpoints" / "step-00000009.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    refused = forked.run("train", "--resume", run, "--strict", "--quiet")
    assert refused["status"] == 2
    assert "step-00000009.safetensors is damaged" in refused["err"]
    done = forked.run("train", "--resume", run, "--quiet", "--save-every", "0")
    assert done["status"] == 0
    assert "warning: " in done["err"]
    assert "step-00000009.safetensors is damaged" in done["err"]
    same(run, whole)


def test_without_an_undamaged_checkpoint_a_run_does_not_start_anew_unasked(forked: Forked, tmp_path: Path) -> None:
    run = stopped_run(forked, tmp_path)
    for path in (run / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"")
    refused = forked.run("train", "--resume", run, "--quiet")
    assert refused["status"] == 2
    assert "no undamaged checkpoint" in refused["err"]


def test_no_room_for_a_file_stops_the_run_and_keeps_the_earlier_checkpoint(
    forked: Forked, whole: Path, tmp_path: Path
) -> None:
    size = (stopped_run(forked, tmp_path / "size") / "checkpoints" / "step-00000009.safetensors").stat().st_size
    for part in (0.05, 0.5, 0.99):
        parent = tmp_path / str(part)
        env = {"CONVSCOPE_CRASH_AT": "step:10"}
        forked.run(*TRAIN, "--out", parent, "--save-every", "0", env=env)
        run = parent / "run"
        limits = {"RLIMIT_FSIZE": int(size * part)}
        full = forked.run("train", "--resume", run, "--quiet", "--save-every", "0", limits=limits)
        assert full["status"] == 2
        assert "cannot be written: File too large" in full["err"]
        assert "needed" in full["err"]
        assert "free" in full["err"]
        assert not list(run.rglob(".*.tmp"))
        assert sorted(checkpoint.steps(run)) == [8, 9]
        assert forked.run("train", "--resume", run, "--quiet", "--save-every", "0")["status"] == 0
        same(run, whole)


def test_too_little_room_is_told_before_anything_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 98, 2))
    with pytest.raises(RunError, match="too little free space"):
        cs.train(NET, epochs=0.01, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_run_is_trained_by_one_process_at_a_time(forked: Forked, tmp_path: Path) -> None:
    run = stopped_run(forked, tmp_path)
    from convscope.training.lock import claimed

    with claimed(run):
        refused = forked.run("train", "--resume", run, "--quiet")
        assert refused["status"] == 2
        assert f"{run} is in use: process {os.getpid()} on " in refused["err"]
    assert forked.run("train", "--resume", run, "--quiet")["status"] == 0
    again = forked.run("train", "--resume", run, "--quiet")
    assert (again["status"], "is finished" in again["err"]) == (2, True)


def test_a_loss_that_is_no_number_ends_the_run_with_what_is_known(forked: Forked, tmp_path: Path) -> None:
    wild = forked.run(
        "train", "input 28x28x1, conv 4 3x3 relu, linear 10", "--quiet", "--lr", "1e30", "--epochs", "0.6",
        "--batch", "16", "--out", tmp_path, "--save-every", "0", "--name", "run",
    )  # fmt: skip
    assert wild["status"] == 2
    words = (
        "the loss is nan at step 2 of 24, learning rate ",
        "gradient norm of the previous step ",
        "the output of linear1 is",
    )
    assert [word for word in words if word not in wild["err"]] == []
    kept = checkpoint.steps(tmp_path / "run")
    assert kept
    state = checkpoint.read(tmp_path / "run", max(kept))
    assert state.step == max(kept)
