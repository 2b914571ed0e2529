"""Predictions below a probability, and as many classes as are asked for."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import run as command
from convscope.data import DATASETS, load
from convscope.errors import FieldError

if TYPE_CHECKING:
    from convscope.training.run import Run

FIVE = Path(__file__).parents[2] / "docs" / "images" / "five.png"


def test_an_unsure_answer_keeps_its_probabilities(short_run: Run) -> None:
    plain = cs.predict(short_run, FIVE)[0]
    share = plain.probabilities["5"]
    assert (plain.label, plain.sure) == ("5", True)
    kept = cs.predict(short_run, FIVE, at_least=share - 1e-6)[0]
    assert (kept.label, str(kept)) == ("5", str(plain))
    unsure = cs.predict(short_run, FIVE, at_least=share + 1e-6)
    assert (unsure[0].label, unsure[0].best) == ("", "5")
    assert str(unsure) == str(plain).replace(": 5 ", ": not sure ")
    told = unsure.to_json()
    assert told["at_least"] == share + 1e-6
    assert told["images"][0] | {"image": ""} == plain.to_json() | {"image": "", "class": None, "sure": False}
    assert "<b>not sure</b>" in unsure._repr_html_()


def test_as_many_classes_as_asked_for(short_run: Run) -> None:
    found = cs.predict(short_run, FIVE, top=5)
    assert str(found).count(" %") == 5
    assert list(found.to_json()["images"][0]["probabilities"]) == list(found[0].probabilities)[:5]
    assert len(found[0].probabilities) == 10
    assert str(cs.predict(short_run, FIVE)).count(" %") == 3


def test_the_table_has_a_column_for_each(short_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = load(DATASETS["mnist"], "test")
    for at in range(3):
        Image.fromarray(np.array(test.images[at, 0])).save(tmp_path / f"{at}.png")
    Image.new("L", (28, 28)).save(tmp_path / "nothing.png")
    out = tmp_path / "a.csv"
    asked = ["predict", str(short_run.path), str(tmp_path), "--top", "3", "--at-least", "1"]
    assert command([*asked, "-o", str(out)]) == 0
    assert "3 of 4 not sure: no class has a probability of at least 1" in capsys.readouterr().err
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert command([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(rows[0]) == [
        "image", "class", "probability", "likeliest", "digit", "class_2", "probability_2", "class_3", "probability_3"
    ]  # fmt: skip
    for row, one in zip(rows[:3], told["images"], strict=False):
        assert (row["class"], one["class"]) == ("", None)
        assert [row["likeliest"], row["class_2"], row["class_3"]] == list(one["probabilities"])
        shares = [float(row[key]) for key in ("probability", "probability_2", "probability_3")]
        assert shares == pytest.approx(list(one["probabilities"].values()), abs=1e-6)
    assert (rows[3]["likeliest"], rows[3]["probability"], rows[3]["class_2"]) == ("", "", "")


def test_what_is_no_probability_is_refused(short_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for at_least in (-0.1, 80.0, float("nan")):
        with pytest.raises(FieldError, match="is not a probability"):
            cs.predict(short_run, FIVE, at_least=at_least)
    with pytest.raises(FieldError, match="0 classes cannot be shown"):
        cs.predict(short_run, FIVE, top=0)
    assert command(["predict", str(short_run.path), str(FIVE), "--at-least", "80"]) == 2
    assert '"80" is not a finite number from 0 to 1.' in capsys.readouterr().err
