"""Callbacks see every report and may end the training; they change nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import FieldError

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.progress import Progress

TEXT = "input 8x8x1, conv 4 3x3 bn relu, gap, linear 2"
PIXELS = np.random.default_rng(0).integers(0, 256, (90, 8, 8)).astype(np.uint8)
LABELS = np.arange(90) % 2
PARTS = [(PIXELS[a:b], LABELS[a:b]) for a, b in ((0, 40), (40, 60), (60, 90))]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def train(tmp_path: Path, *callbacks: Any) -> cs.Run:
    return cs.train(
        TEXT, data=tuple(PARTS), recipe="fast", epochs=6, batch=20, callbacks=callbacks, out=tmp_path / "runs"
    )


class Seen:
    """A callback with all three methods."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def on_step(self, progress: Progress) -> None:
        self.calls.append(("step", progress.step))

    def on_epoch(self, progress: Progress) -> None:
        self.calls.append(("epoch", progress.step))

    def on_validation(self, progress: Progress) -> None:
        assert progress.val_accuracy is not None
        self.calls.append(("validation", progress.step))


def test_a_comparison_with_a_number_of_numpy_ends_the_training(tmp_path: Path) -> None:
    run = train(tmp_path, lambda progress: np.float64(progress.step) >= 4)
    assert run.history["step"] == [2, 4]


def test_callbacks_see_every_report_and_change_nothing(tmp_path: Path) -> None:
    seen, steps = Seen(), []
    run = train(tmp_path, seen, lambda progress: steps.append(progress.step))
    assert steps == run.history["step"] == [step for kind, step in seen.calls if kind == "step"]
    assert [step for kind, step in seen.calls if kind == "epoch"] == [2, 4, 6, 8, 10, 12]
    assert [step for kind, step in seen.calls if kind == "validation"] == [2, 4, 6, 8, 10, 12]
    assert train(tmp_path).result.sha256 == run.result.sha256


class Third:
    """A callback that ends the training after the third epoch."""

    def on_epoch(self, progress: Progress) -> bool:
        return progress.epoch >= 3


def test_a_callback_ends_the_training(tmp_path: Path) -> None:
    run = train(tmp_path, Third())
    assert run.history[-1]["step"] == 6
    assert cs.evaluate(cs.load_run(run.path)).loss == run.result.loss
    assert run.result.sha256 != train(tmp_path).result.sha256


def test_an_error_of_a_callback_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, lambda _: 1 / 0)
    assert not list((tmp_path / "runs").iterdir())


def test_a_callback_that_is_none_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="a callback cannot be int"):
        train(tmp_path, 5)
    assert not (tmp_path / "runs").exists()
