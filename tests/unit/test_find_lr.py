"""The sweep of the learning rate: by own arithmetic, with brought weights, and nothing is left behind."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.cli import run as command
from convscope.training.sweep import Sweep

if TYPE_CHECKING:
    from pathlib import Path

NET = "input 8x8x1, conv 4 3x3 bn relu, gap, linear 2"


def _images(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Return dark and light images, which any net can tell apart."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % 2
    return (random.integers(0, 60, (count, 8, 8)) + 150 * labels[:, None, None]).astype(np.uint8), labels


def _swept(**more: object) -> Sweep:
    return cs.find_lr(NET, data=_images(), steps=60, **more)  # type: ignore[arg-type]


def test_a_sweep_is_reproducible_and_keeps_the_callers_random_state() -> None:
    torch.manual_seed(7)
    first = _swept()
    drawn = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(torch.rand(1), drawn)
    assert _swept() == first
    assert _swept(seed=1) != first


def test_rates_rise_by_equal_factors_between_the_limits_and_the_rule_holds() -> None:
    found = _swept(limits=(1e-4, 1.0))
    logs = np.log10(found.rates)
    assert np.allclose(np.diff(logs), 4 / 59)
    assert found.rates[0] == pytest.approx(1e-4)
    mean, means = 0.0, []
    for at, loss in enumerate(found.losses):
        mean = 0.9 * mean + 0.1 * loss
        means.append(mean / (1 - 0.9 ** (at + 1)))
    lowest = found.rates[int(np.nanargmin(means))]
    assert found.suggestion == pytest.approx(lowest / 10, rel=0.05)
    assert found.means[-1] < found.losses[0] / 2, "the images can be learned"


def test_a_training_at_the_suggestion_learns_and_one_at_a_thousandth_does_not(tmp_path: Path) -> None:
    rate = _swept().suggestion
    assert rate is not None
    more = {"data": _images(), "epochs": 12, "batch": 16, "out": tmp_path}
    good, slow = (cs.train(NET, lr=lr, name=f"r{at}", **more) for at, lr in enumerate((rate, rate / 1000)))  # type: ignore[arg-type]
    assert good.result.loss < 0.8 * slow.result.loss


def test_a_loss_that_does_not_fall_gives_no_suggestion() -> None:
    random = np.random.default_rng(1)
    data = random.integers(0, 256, (64, 8, 8)).astype(np.uint8), random.integers(0, 2, 64)
    found = cs.find_lr("input 8x8x1, gap, linear 2", data=data, steps=40, limits=(1e-8, 1e-6))
    assert found.suggestion is None
    assert "no suggestion: the loss does not fall by 5 %" in str(found)
    assert found.to_json()["suggestion"] is None


def test_a_sweep_ends_where_the_loss_explodes_and_is_drawn_without_it() -> None:
    rates, losses = tuple(10.0 ** (at - 14) for at in range(13)), (*(2.0,) * 10, 1.0, 1.0, math.nan)
    found = Sweep(rates, losses, "…", "mnist", "fast", 0, 128, 0.015)
    assert found.suggestion == 1e-4
    assert found.to_json()["steps"][-1]["loss"] is None
    assert "nan" not in found.figure().to_svg()
    last = cs.find_lr(NET, data=_images(), steps=60, limits=(1e-3, 1e12))
    assert len(last.rates) < 60


def test_weights_that_are_brought_are_where_the_sweep_starts(tmp_path: Path) -> None:
    trained = cs.train(NET, data=_images(), lr=0.05, epochs=30, batch=16, out=tmp_path)
    notes: list[str] = []
    there = cs.find_lr(trained, data=_images(), steps=20, limits=(1e-9, 1e-8), note=notes.append)
    fresh = cs.find_lr(trained, data=_images(), steps=20, limits=(1e-9, 1e-8), init="random")
    assert there.losses[0] < 0.8 * fresh.losses[0]
    assert any("training starts from the weights of the run" in one for one in notes)
    assert [one.name for one in tmp_path.iterdir()] == [trained.path.name], "a sweep leaves nothing"


@pytest.mark.parametrize(
    "wrong", [{"steps": 3}, {"steps": True}, {"limits": (1, 0.1)}, {"limits": (0, 1)}, {"limits": "x"}, {"seed": -1}]
)
def test_wrong_settings_are_errors_of_ours(wrong: dict[str, object]) -> None:
    with pytest.raises(cs.ConvscopeError):
        cs.find_lr(NET, data=_images(), **wrong)  # type: ignore[arg-type]


def test_the_command_prints_draws_and_leaves_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    x, y = _images()
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])
    words = ["train", NET, "--data", "npz:own.npz", "--find-lr"]
    assert command(words) == 0
    text = capsys.readouterr().out
    assert "suggested learning rate" in text
    assert "a tenth of the rate" in text
    assert command([*words, "--json", "-o", "sweep.svg"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"suggested learning rate {found['suggestion']:g}:" in text
    assert len(found["steps"]) <= 200
    assert (tmp_path / "sweep.svg").read_text().startswith("<svg")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["own.npz", "sweep.svg"]


@pytest.mark.parametrize("more", [("--epochs", "2"), ("--dry-run",), ("--resume", "r"), ("-o", "sweep.txt")])
def test_the_command_refuses_what_only_concerns_a_training(more: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    assert command(["train", NET, "--find-lr", *more]) == 2
