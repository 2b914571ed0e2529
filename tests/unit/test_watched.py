"""Training that can be watched: a line for each epoch, validation, the best weights, and doubts in words."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import convscope as cs
from convscope.cli import run as command
from convscope.errors import DataError
from convscope.progress import Progress, epoch_line
from convscope.reporting.of_run import course
from convscope.training.evaluate import Evaluation
from convscope.training.findings import findings
from convscope.training.signals import Stopped

NET = "input 6x6x1, conv 4 3x3 s2 bn relu, gap, linear 2"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Images that are dark or light, with much noise, so that validation is not the same in all epochs."""
    draw = np.random.default_rng(0)
    labels = np.arange(150) % 2
    images = np.clip(draw.normal(120 + 16 * labels[:, None, None], 60, (150, 6, 6)), 0, 255).astype(np.uint8)
    np.savez(tmp_path / "dots.npz", images=images, labels=labels)
    return f"npz:{tmp_path / 'dots.npz'}"


def validations(run: cs.Run) -> list[tuple[float, float]]:
    return [(line["val_accuracy"], -line["val_loss"]) for line in run.metrics() if "val_loss" in line]


def test_each_epoch_is_validated_and_logged_and_has_a_line(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["train", NET, "--data", data, "--epochs", "3", "-o", str(tmp_path), "--log", "csv"]
    assert command(args) == 0
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if line.startswith("epoch ") and " val " in line]
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    run = cs.load_run(tmp_path / "dots-own-seed0")
    assert len(validations(run)) == 3
    assert "val_accuracy" in (run.path / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "validation" in course(run).html
    assert "warning: 18 steps are few for a net to learn: --epochs 50 trains 300 or more" in err
    assert f"convscope predict {run.path} IMAGE" in err
    assert command([*args, "--quiet", "--no-report"]) == 0
    assert "next:" not in capsys.readouterr().err


def test_validation_does_not_change_what_is_learned(data: str, tmp_path: Path) -> None:
    first = cs.train(NET, data=data, epochs=2, out=tmp_path, keep="last")
    second = cs.train(NET, data=data, epochs=2, out=tmp_path, patience=50)
    assert first.result.sha256["model.safetensors"] == second.result.sha256["model.safetensors"]


def test_the_best_weights_are_kept_and_are_those_of_their_epoch(data: str, tmp_path: Path) -> None:
    best = cs.train(NET, data=data, epochs=8, out=tmp_path, seed=1, keep="best", lr=0.1)
    last = cs.train(NET, data=data, epochs=8, out=tmp_path, seed=1, lr=0.1)
    found = validations(best)
    assert found == validations(last)
    assert max(found) > found[-1]  # otherwise this test says nothing
    for run, expected in ((best, max(found)), (last, found[-1])):
        assert cs.evaluate(run, split="val").accuracy == pytest.approx(expected[0])
        assert cs.evaluate(run, split="val").loss == pytest.approx(-expected[1])


def test_a_training_ends_when_validation_stands_still(data: str, tmp_path: Path) -> None:
    run = cs.train(NET, data=data, epochs=30, out=tmp_path, patience=3, keep="best", lr=0.1)
    found = validations(run)
    assert len(found) < 30
    assert found.index(max(found)) == len(found) - 4


def test_a_stopped_run_that_keeps_the_best_goes_on_bit_for_bit(data: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data": data, "epochs": 8.0, "seed": 1, "keep": "best", "lr": 0.1, "out": tmp_path}
    whole = cs.train(NET, **settings)

    def stop(progress: Progress) -> None:
        if progress.step == 30:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Stopped)):
        cs.train(NET, **settings, name="part", save_every=0.0, progress=stop)
    part = cs.resume(tmp_path / "part")
    assert validations(part) == validations(whole)
    first, second = (load_file(run.path / "model.safetensors") for run in (whole, part))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_without_images_for_validation_nothing_can_be_kept_by_it(tmp_path: Path) -> None:
    wrongs: tuple[dict[str, Any], ...] = ({"keep": "best"}, {"patience": 2})
    for wrong in wrongs:
        with pytest.raises(DataError, match="mnist has no images for validation, which"):
            cs.train(data="mnist", out=tmp_path, **wrong)
    assert not list(tmp_path.glob("mnist*"))


def evaluation(*rows: tuple[int, ...]) -> Evaluation:
    return Evaluation(0.3, ("ant", "bee", "cow")[: len(rows)], rows, 0.1, "mine")


FINE = Progress(500, 500, 5, 0.2, 0.95, 0.001, 10, 5000, 5, ends=True, val_loss=0.3, val_accuracy=0.9)


@pytest.mark.parametrize(
    ("rows", "changes", "told"),
    [
        (((50, 2), (1, 50)), {}, None),
        (((50, 9), (1, 50)), {"step": 2}, "2 steps are few for a net to learn: --epochs 3 trains 300 or more"),
        (((95, 0), (5, 0)), {}, "an accuracy of 95.00 % may be chance: predicting only ant is 95.00 %"),
        (((50, 1, 0), (2, 50, 0), (3, 2, 0)), {}, "no test image is predicted as cow"),
        (((50, 2), (1, 50)), {"loss": 120.0}, "the training loss ends at 120, as if it had diverged: try a lower --lr"),
        (((50, 2), (1, 50)), {"val_accuracy": 0.6}, "the accuracy is 95.0 % in training and 60.0 % in validation"),
    ],
)
def test_doubts_are_told_in_words(rows: tuple[tuple[int, ...], ...], changes: dict[str, float], told: str) -> None:
    found = findings(evaluation(*rows), replace(FINE, **changes), 100)  # type: ignore[arg-type]
    assert len(found) == bool(told)
    assert not told or found[0].startswith(told)


def test_the_line_of_an_epoch_fits_80_columns() -> None:
    long = replace(FINE, epoch=60, epochs=60, loss=2.3456, accuracy=1.0, rate=0.0042, images=600_000, val_accuracy=1.0)
    assert len(epoch_line(long)) <= 80


def test_a_dry_run_takes_the_same_options(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["train", NET, "--data", data, "--keep", "best", "--patience", "3", "--dry-run", "--json"]
    assert command(args) == 0
    assert json.loads(capsys.readouterr().out)["splits"]["val"] == 24
