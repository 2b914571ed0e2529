"""Likely wrong labels of training images: each is predicted by a net that was trained without it."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import convscope as cs
from convscope.cli import run as command
from convscope.data import Split, load
from convscope.errors import FieldError
from convscope.lens.worst import Worst
from convscope.training import evaluate, folds
from convscope.training.callbacks import unheard
from convscope.training.folds import fold_of, out_of_fold
from convscope.training.loop import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from convscope.progress import Progress

NET = "input 6x6x1, conv 8 3x3 bn relu, gap, linear 3"
WRONG = (3, 40, 77, 101)
"""The positions of planted wrong labels."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cs.Run]:
    """Return a run on images of three kinds of stripes, some of which have a wrong label."""
    folder = tmp_path_factory.mktemp("folds")
    draw, y = np.random.default_rng(0), np.arange(150) % 3
    stripes = np.zeros((3, 6, 6))
    stripes[0, ::2], stripes[1, :, ::2], stripes[2] = 180, 180, 90
    x = np.clip(stripes[y] + draw.normal(30, 20, (150, 6, 6)), 0, 255).astype(np.uint8)
    x[149], y[149] = x[0], y[0]  # a copy
    y[list(WRONG)] = (y[list(WRONG)] + 1) % 3
    np.savez(folder / "own.npz", x_train=x[:120], y_train=y[:120], x_test=x[120:], y_test=y[120:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(folder / "cache"))
        yield cs.train(
            NET, data=f"npz:{folder}/own.npz", epochs=20, batch=16, lr=0.03, out=folder / "runs", warn=unheard
        )


def listed(found: Any) -> set[int]:
    assert isinstance(found, Worst)
    return {int(case.image.removeprefix("train ")) for case in found.cases if case.image.startswith("train ")}


def test_planted_wrong_labels_of_training_images_are_found(own: cs.Run, tmp_path: Path) -> None:
    seen: list[Progress] = []
    found = cs.look(own, "labels", folds=3, progress=seen.append)
    assert isinstance(found, Worst)
    learned = {int(name.removeprefix("train ")) for name in load(own.dataset, "train").names}
    assert listed(found) | {one for one in WRONG if one not in learned} >= set(WRONG)
    assert found.found <= len(WRONG) + 1
    assert (found.splits, found.folds) == (("train", "val", "test"), 3)
    assert found.searched == sum(own.dataset.counts.values())
    assert "predicted by 3 nets, each trained without a fold" in str(found)
    assert [one.step for one in seen] == sorted(one.step for one in seen)
    assert (seen[-1].step, seen[-1].epoch) == (seen[-1].steps, seen[-1].epochs)
    assert seen[-1].epochs == 3 * own.recipe.epochs
    again = cs.look(own, "labels", folds=3, progress=seen.append)
    assert isinstance(again, Worst)
    assert again.to_json() == found.to_json()
    assert not list(tmp_path.iterdir())


def test_no_image_is_predicted_by_a_net_that_was_trained_on_it(own: cs.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    train = load(own.dataset, "train")
    learned: list[set[bytes]] = []
    real, ask = Trainer, evaluate.answers

    def trainer(model: Any, split: Split, *args: Any, **given: Any) -> Any:
        learned.append({image.tobytes() for image in split.images})
        return real(model, split, *args, **given)

    def answers(model: Any, images: Any, *args: Any) -> Any:
        assert not learned[-1] & {image.tobytes() for image in images}
        assert len(learned[-1]) + len({image.tobytes() for image in images}) == len(every)
        return ask(model, images, *args)

    every = {image.tobytes() for image in train.images}
    monkeypatch.setattr(folds, "Trainer", trainer)
    monkeypatch.setattr(folds, "answers", answers)
    found = out_of_fold(own, train, 4, progress=lambda _: None)
    assert len(learned) == 4
    np.testing.assert_array_equal(found.labels, train.labels)
    assert found.right.mean() > 0.9


def test_each_class_is_spread_evenly_and_copies_stay_together() -> None:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (200, 1, 3, 3)).astype(np.uint8)
    images[100:120] = images[:20]
    labels = draw.integers(0, 4, 200)
    labels[100:120] = labels[:20]
    found = fold_of(Split(images, labels), 5)
    for label in range(4):
        counts = np.bincount(found[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 2
    assert np.ptp(np.bincount(found)) <= 4
    np.testing.assert_array_equal(found[100:120], found[:20])
    order = draw.permutation(200)
    np.testing.assert_array_equal(fold_of(Split(images[order], labels[order]), 5), found[order])


def test_the_command_writes_a_table_and_shows_progress(
    own: cs.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["look", str(own.path), "--what", "labels", "--folds", "2", "--json", "-o", str(tmp_path / "check.csv")]
    assert command(args) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert (data["folds"], data["splits"]) == (2, ["train", "val", "test"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "check.csv").read_text(encoding="utf-8"))))
    assert [row["image"] for row in rows] == [one["image"] for one in data["images"]]
    assert {"class", "predicted", "probability", "class_probability"} <= rows[0].keys()
    assert "train loss" in err


def test_folds_are_checked_before_any_work(own: cs.Run) -> None:
    for wrong in (0, 1, 21):
        with pytest.raises(FieldError, match=f"divided into {wrong} folds"):
            cs.look(own, "labels", folds=wrong)
    with pytest.raises(FieldError, match="worst does not depend on folds"):
        cs.look(own, "worst", folds=3)
    with pytest.raises(FieldError, match="folds cannot be 'x'"):
        cs.look(own, "labels", folds="x")  # type: ignore[arg-type]
