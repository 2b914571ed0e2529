"""Images that are unlike all that a net was trained on."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import run as command
from convscope.data import DATASETS, load
from convscope.training import unlike
from convscope.training.train import model_of

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.training.run import Run


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlike, "AMONG", 1500)


def test_the_distance_is_that_of_the_definition(short_run: Run) -> None:
    model = model_of(short_run)
    found = unlike.likeness(short_run, model)
    train, test = load(DATASETS["mnist"], "train"), load(DATASETS["mnist"], "test")
    rows = np.linspace(0, 59_999, 1500).astype(int)
    values = unlike.features(model, found.layer, train.images[rows], short_run.dataset)
    labels = np.asarray(train.labels)[rows]
    means = np.stack([values[labels == one].mean(0) for one in range(10)])
    spread = (values - means[labels]).T @ (values - means[labels]) / len(rows)
    sizes, axes = np.linalg.eigh(spread)
    inverse = axes / np.maximum(sizes, 1e-3 * sizes.max()) @ axes.T
    one = unlike.features(model, found.layer, test.images[:3], short_run.dataset)
    slow = [min((x - mean) @ inverse @ (x - mean) for mean in means) for x in one]
    assert found.distances(test.images[:3]) == pytest.approx(slow)
    assert values.shape == (1500, 96)
    share = (found.distances(test.images) > found.limit).mean()
    assert share == pytest.approx(0.01, abs=0.006)


def test_noise_and_stripes_are_farther_than_most_digits(short_run: Run) -> None:
    test = load(DATASETS["mnist"], "test").images[:500]
    noise = np.random.default_rng(0).integers(0, 256, (100, 1, 28, 28)).astype(np.uint8)
    stripes = np.broadcast_to((np.arange(28) // 2 % 2 * 255).astype(np.uint8), (4, 1, 28, 28))
    found = unlike.likeness(short_run, model_of(short_run))
    own = found.distances(test)
    for other in (noise, stripes):
        auroc = (found.distances(other)[:, None] > own).mean()
        assert auroc > 0.75  # the run has seen a twentieth of the images; after an epoch it is 1.0 for noise


def test_many_features_and_maps_are_made_few(short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(short_run)
    images = load(DATASETS["mnist"], "test").images[:4]
    whole = unlike.features(model, "relu3", images, short_run.dataset)
    assert whole.shape == (4, short_run.net["relu3"].output[0])
    monkeypatch.setattr(unlike, "MOST", 8)
    assert unlike.features(model, "relu3", images, short_run.dataset).shape == (4, 8)


def test_predict_says_so(
    short_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unlike, "QUANTILE", 0.9)  # the run has seen a twentieth of the images
    digit = np.array(load(DATASETS["mnist"], "test").images[0, 0])
    Image.fromarray(digit).save(tmp_path / "a.png")
    rng = np.random.default_rng(1)
    cross = np.zeros((60, 60), np.uint8)
    for _ in range(12):
        y, x = rng.integers(5, 50, 2)
        cross[y : y + 4, 5:55] = cross[5:55, x : x + 4] = 255
    Image.fromarray(cross).save(tmp_path / "b.png")
    Image.new("L", (28, 28)).save(tmp_path / "c.png")
    out = tmp_path / "a.csv"
    asked = ["predict", str(short_run.path), str(tmp_path), "--unlike"]
    assert command([*asked, "-o", str(out)]) == 0
    assert "unlike the training images: the distance in relu4 is above " in capsys.readouterr().err
    assert command([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["unlike"] for one in told["images"]] == [False, True, None]
    first, second = told["images"][:2]
    assert first["class"] == "7"
    assert second["class"] is None
    assert second["likeliest"]
    assert second["distance"] > told["likeness"]["limit"] > first["distance"]
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert [row["unlike"] for row in rows] == ["false", "true", ""]
    assert float(rows[1]["distance"]) == pytest.approx(second["distance"], abs=1e-3)
    found = cs.predict(short_run, tmp_path / "b.png", unlike=True)
    assert ": unlike the training images   (" in str(found)
    assert cs.predict(short_run, tmp_path / "b.png").to_json()["images"][0]["unlike"] is None
