"""Images to check, by name: the highest losses, and labels that are likely wrong."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import convscope as cs
from convscope.cli import run as command
from convscope.data import DATASETS, Split, load, registry
from convscope.errors import FieldError, RunError
from convscope.lens import mistakes as looking
from convscope.lens.worst import Worst, suspects
from convscope.training.evaluate import Predicted
from convscope.training.evaluate_run import predictions_of

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.training.run import Run


def test_the_worst_are_the_highest_losses(short_run: Run) -> None:
    found = cs.look(short_run, "worst", top=7)
    known = predictions_of(short_run, short_run.dataset)
    assert isinstance(found, Worst)
    assert [one.loss for one in found.cases] == pytest.approx(np.sort(known.losses)[::-1][:7])
    test = load(DATASETS["mnist"], "test")
    for one, image in zip(found.cases, found.images, strict=True):
        assert one.image == f"test:{one.number}"
        assert one.label == str(test.labels[one.number])
        assert one.own == pytest.approx(np.exp(-one.loss))
        np.testing.assert_array_equal(image, test.images[one.number])
    assert (found.searched, found.wrong) == (10_000, int((~known.right).sum()))
    assert (
        str(found)
        .splitlines()[0]
        .endswith(f"on mnist: the 7 with the highest loss of 10,000 test images; {found.wrong:,} misclassified")
    )
    assert len(str(found).splitlines()) == 2 + 1 + 7
    assert found.figure().to_svg().count("<image") == 7
    assert len(cs.look(short_run, "worst").cases) == 20  # type: ignore[union-attr]


def test_the_list_names_files_and_is_written_as_a_table(
    short_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = load

    def named(dataset: Any, split: str) -> Split:
        found = real(dataset, split)
        return replace(found, names=[f"{split}/=, {at:05}.png" for at in range(len(found.images))])

    monkeypatch.setattr(registry, "load", named)
    path = tmp_path / "worst.csv"
    assert command(["look", str(short_run.path), "--what", "worst", "--top", "3", "--json", "-o", str(path)]) == 0
    data = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert data["schema"] == "convscope/lens-worst/2"
    assert [row["image"] for row in rows] == [one["image"] for one in data["images"]]
    for row, one in zip(rows, data["images"], strict=True):
        assert one["image"] == f"test/=, {one['number']:05}.png"
        assert (row["class"], row["predicted"]) == (one["class"], one["predicted"])
        assert float(row["probability"]) == pytest.approx(one["probability"], abs=1e-6)
        assert float(row["loss"]) == pytest.approx(one["loss"], abs=1e-6)


def test_a_table_is_only_written_of_a_list(short_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["look", str(short_run.path), "--what", "kernels", "-o", str(tmp_path / "a.csv")]) == 2
    assert "this command does not write .csv files" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_all_mistakes_are_named(short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "AMONG", 600)
    found = cs.look(short_run, "mistakes")
    assert isinstance(found, looking.Mistakes)
    known = predictions_of(short_run, short_run.dataset)
    wrong = found.to_json()["misclassified"]
    assert {one["image"] for one in wrong} == {f"test:{at}" for at in np.flatnonzero(~known.right)}
    first = wrong[0]
    assert first["loss"] == max(one["loss"] for one in wrong)
    assert f"{first['image']} (is {first['class']}, predicted {first['predicted']})" in str(found)
    assert found.to_json()["nearest"][0]["image"] == f"train:{found.nearest[0].number}"


def test_suspects_by_hand() -> None:
    own = np.array([0.9, 0.7, 0.8, 0.6, 0.15, 0.3, 0.05])
    labels = np.array([0, 0, 1, 1, 0, 1, 0])
    predicted = np.array([0, 0, 1, 1, 1, 0, 1])
    confidence = np.array([0.9, 0.7, 0.8, 0.6, 0.85, 0.7, 0.95])
    known = Predicted(labels, predicted, confidence, -np.log(own))
    # mean of class 0: (0.9 + 0.7 + 0.15 + 0.05) / 4 = 0.45; of class 1: (0.8 + 0.6 + 0.3) / 3 = 0.567
    assert suspects(known, 3).tolist() == [6, 4, 5]
    hardly = Predicted(labels, predicted, np.array([0.9, 0.7, 0.8, 0.6, 0.56, 0.7, 0.57]), -np.log(own))
    assert suspects(hardly, 3).tolist() == [6, 5]


def test_planted_wrong_labels_are_found(short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = load
    at = np.random.default_rng(0).choice(10_000, 40, replace=False)

    def planted(dataset: Any, split: str) -> Split:
        found = real(dataset, split)
        labels = np.array(found.labels)
        labels[at] = (labels[at] + 1) % 10
        return replace(found, labels=labels)

    before = cs.look(short_run, "labels", top=10_000)
    monkeypatch.setattr(registry, "load", planted)
    found = cs.look(short_run, "labels", top=10_000)
    assert isinstance(before, Worst)
    assert isinstance(found, Worst)
    assert found.splits == ("test",)
    listed = {one.number for one in found.cases}
    assert len(listed & set(at.tolist())) >= 34
    assert len({one.number for one in before.cases} & set(at.tolist())) <= 3
    assert found.found - before.found in range(20, 41)
    assert "rule: held-out images that the net predicts as another class" in str(found)


def test_lists_need_a_run_and_an_image(short_run: Run) -> None:
    with pytest.raises(RunError, match="'worst' needs a trained run"):
        cs.look("input 8x8x1, conv 4 3x3 relu, linear 3", "worst")
    with pytest.raises(FieldError, match="a list of 0 images is empty"):
        cs.look(short_run, "labels", top=0)
    with pytest.raises(FieldError, match="kernels does not depend on top"):
        cs.look(short_run, "kernels", top=3)
