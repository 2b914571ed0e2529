"""How sure a figure is: intervals, calibration, the paired test, and judging by other data."""

import json
from dataclasses import replace
from fractions import Fraction
from math import comb, inf, isclose, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.cli import run as command
from convscope.data import DATASETS, Split, load, registry
from convscope.errors import DataError, FieldError, ShapeError
from convscope.training.batches import scaled
from convscope.training.calibration import BINS, calibration_error
from convscope.training.evaluate import Evaluation, evaluate
from convscope.training.evaluate_run import evaluate_run
from convscope.training.intervals import Z, paired_difference, wilson
from convscope.training.paired import compare_runs, mcnemar
from convscope.training.recipe import find
from convscope.training.run import Run
from convscope.training.train import model_of, train

MNIST = DATASETS["mnist"]


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, the score method without a correction
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(hits: int, count: int, low: float, high: float) -> None:
    assert wilson(hits, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("hits", "count"), [(1, 2), (9913, 10_000), (50, 100), (3, 7)])
def test_the_ends_of_wilson_are_z_standard_deviations_away(hits: int, count: int) -> None:
    for share in wilson(hits, count):
        assert abs(hits / count - share) == pytest.approx(Z * sqrt(share * (1 - share) / count))


def test_wilson_at_the_borders() -> None:
    assert wilson(0, 5)[0] == 0
    assert wilson(5, 5)[1] == 1
    assert wilson(2, 5) == pytest.approx([1 - end for end in reversed(wilson(3, 5))])
    with pytest.raises(ValueError, match="zero trials"):
        wilson(0, 0)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 3) == 1
    assert mcnemar(0, 5) == 2 / 32
    assert mcnemar(1, 5) == mcnemar(5, 1) == 2 * (1 + 6) / 64
    assert mcnemar(2, 8) == 2 * (1 + 10 + 45) / 1024


@pytest.mark.parametrize(("first", "second"), [(a, b) for a in range(12) for b in range(12)] + [(164, 230), (10, 900)])
def test_mcnemar_is_the_probability_of_a_split_at_least_as_uneven(first: int, second: int) -> None:
    count = first + second
    uneven = [k for k in range(count + 1) if abs(2 * k - count) >= abs(first - second)]
    assert isclose(mcnemar(first, second), Fraction(sum(comb(count, k) for k in uneven), 2**count), rel_tol=1e-12)


def test_mcnemar_of_many_images_neither_overflows_nor_gets_negative() -> None:
    assert 0 < mcnemar(9_900, 10_100) < 1
    assert mcnemar(0, 10_000) == 0


def test_the_interval_of_a_difference_by_hand() -> None:
    # p = 2 / 23, q = 8 / 23, d = -6 / 23, and 1.96 sqrt((10 / 23 - 36 / 529) / 23) = 0.2475
    assert paired_difference(1, 7, 21) == pytest.approx((-0.5084, -0.0134), abs=5e-5)
    assert paired_difference(7, 1, 21) == pytest.approx((0.0134, 0.5084), abs=5e-5)


@pytest.mark.parametrize(("up", "down"), [(0.1, 0.2), (0.1, 0.1), (0.3, 0.3), (0.02, 0.1)])
def test_the_interval_of_a_difference_holds_the_truth_19_times_of_20(up: float, down: float) -> None:
    count, held = 60, 0.0
    for gained in range(count + 1):
        for lost in range(count + 1 - gained):
            ways = comb(count, gained) * comb(count - gained, lost)
            likely = ways * up**gained * down**lost * (1 - up - down) ** (count - gained - lost)
            low, high = paired_difference(gained, lost, count)
            held += likely * (low <= up - down <= high)
    assert 0.94 <= held <= 0.98


def test_calibration_by_hand() -> None:
    # (0.95, 0.95) share the last of 15 bins, half right: 0.45 twice; 0.35 is misclassified, 0.5 is right
    found = calibration_error([0.95, 0.35, 0.95, 0.5], [True, False, False, True])
    assert found == pytest.approx((0.45 + 0.45 + 0.35 + 0.5) / 4)
    assert calibration_error([1.0, 1.0], [True, True]) == 0
    assert calibration_error([1.0], [False]) == 1
    assert calibration_error([0.75] * 4, [True, True, True, False]) == 0


def test_a_bin_has_its_upper_end() -> None:
    assert BINS == 15
    third = 3 / 15
    assert calibration_error([third - 0.01, third], [True, False]) == pytest.approx(abs(2 * third - 0.01 - 1) / 2)
    assert calibration_error([third, third + 0.01], [False, True]) == pytest.approx((third + 0.99 - third) / 2)


def test_an_evaluation_tells_interval_and_calibration(short_run: Run) -> None:
    evaluation = cs.evaluate(short_run)
    assert evaluation.interval == wilson(evaluation.hits, 10_000)
    test = load(MNIST, "test")
    with torch.inference_mode():
        shares = torch.softmax(model_of(short_run)(scaled(torch.from_numpy(test.images.copy()), MNIST)).double(), 1)
    claimed, predicted = (part.numpy() for part in shares.max(1))
    gaps = 0.0
    for at in range(15):
        inside = (claimed > at / 15) & (claimed <= (at + 1) / 15)
        if inside.any():
            gaps += abs(claimed[inside].mean() - (predicted == test.labels)[inside].mean()) * inside.mean()
    assert evaluation.calibration == pytest.approx(gaps, rel=1e-4)
    data = evaluation.to_json()
    assert (data["data"], data["interval"], data["calibration_bins"]) == ("mnist", list(evaluation.interval), 15)
    low, high = (100 * end for end in evaluation.interval)
    assert f"95 % interval {low:.2f} to {high:.2f} % (Wilson)" in str(evaluation)
    text = (short_run.path / "README.md").read_text(encoding="utf-8")
    assert f"interval of {low:.2f} to {high:.2f} %" in text
    assert f"{100 * evaluation.calibration:.2f} points" in text


def test_any_split(short_run: Run) -> None:
    evaluation = cs.evaluate(short_run, split="train")
    assert (evaluation.count, evaluation.to_json()["split"]) == (60_000, "train")
    train = load(MNIST, "train")
    counts = np.bincount(train.labels, minlength=10).tolist()
    assert [sum(row) for row in evaluation.confusion] == counts
    assert evaluation.accuracy != cs.evaluate(short_run).accuracy
    assert "of 60,000 train images misclassified" in str(evaluation)
    with pytest.raises(DataError, match=r'mnist has no split "val"'):
        cs.evaluate(short_run, split="val")


def other(monkeypatch: pytest.MonkeyPatch, name: str, classes: tuple[str, ...], split: Split) -> None:
    """Another data set, which the registry finds."""
    found = replace(MNIST, name=name, classes=classes, shape=split.images.shape[1:])
    monkeypatch.setattr(registry, "find", lambda wanted, _, **__: {name: found}[wanted])
    monkeypatch.setattr(registry, "load", lambda dataset, which: {(name, "test"): split}[dataset.name, which])


def test_classes_of_other_data_are_matched_by_name(short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    test = load(MNIST, "test")
    chosen = np.flatnonzero((test.labels == 3) | (test.labels == 7))[:200]
    split = Split(test.images[chosen], test.labels[chosen])
    expected = evaluate(model_of(short_run), split, MNIST)
    swapped = Split(split.images, np.where(split.labels == 7, 0, 1).astype(np.uint8))
    other(monkeypatch, "two", ("7", "3"), swapped)
    found = evaluate_run(short_run, "two")
    assert found == replace(expected, data="two")
    assert found.per_class["7"] is not None
    assert found.per_class["0"] is None


def test_other_data_that_cannot_evaluate(short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Split(np.zeros((0, 1, 28, 28), np.uint8), np.zeros(0, np.uint8))
    other(monkeypatch, "none", MNIST.classes, empty)
    with pytest.raises(DataError, match="none has no test images"):
        evaluate_run(short_run, "none")
    other(monkeypatch, "wide", MNIST.classes, Split(np.zeros((2, 1, 28, 30), np.uint8), np.zeros(2, np.uint8)))
    with pytest.raises(ShapeError, match="the net expects 28x28x1, but the images of wide are 28x30x1"):
        evaluate_run(short_run, "wide")


@pytest.fixture(scope="module")
def other_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    net = "input 28x28x1, maxpool 4, linear 10"
    return train(net, recipe=find("fast").changed(epochs=0.02), out=tmp_path_factory.mktemp("other"), seed=1)


def test_two_runs_are_compared_image_by_image(short_run: Run, other_run: Run) -> None:
    found = compare_runs(short_run, other_run.path)
    test = load(MNIST, "test")
    with torch.inference_mode():
        images = scaled(torch.from_numpy(test.images.copy()), MNIST)
        predicted = [model_of(run)(images).argmax(1).numpy() for run in (short_run, other_run)]
    right = [answers == test.labels for answers in predicted]
    only = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert found.only == only
    assert min(only) > 0
    assert found.difference == pytest.approx(right[1].mean() - right[0].mean())
    assert found.interval[0] < found.difference < found.interval[1] < 0
    assert found.p == mcnemar(*only) < 1e-3
    assert [entry.image for entry in found.disagreements] == np.flatnonzero(right[0] != right[1]).tolist()
    first = found.disagreements[0]
    assert (first.true, first.a, first.b) == tuple(
        str(labels[first.image]) for labels in (test.labels, predicted[0], predicted[1])
    )
    text = str(found)
    assert f"only A {only[0]:,}, only B {only[1]:,}, both {(right[0] & right[1]).sum():,}, " in text
    assert f"neither {(~right[0] & ~right[1]).sum():,}\n" in text
    assert f"and {sum(only) - 10:,} more" in text


def test_a_run_is_no_better_than_itself(short_run: Run) -> None:
    found = compare_runs(short_run, short_run)
    assert (found.difference, found.p, found.only) == (0, 1, (0, 0))
    assert found.interval[0] == -found.interval[1] < 0
    assert "image  true" not in str(found)


def test_the_command_compares_folders_of_runs_and_else_nets(
    short_run: Run, other_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["compare", str(short_run.path), str(other_run.path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["count"], data["data"]) == ("convscope/compare-runs/2", 10_000, "mnist")
    assert data["runs"][0]["accuracy"] == short_run.result.accuracy
    assert data["runs"][1]["params"] == 7 * 7 * 10 + 10
    assert len(data["disagreements"]) == data["only_a"] + data["only_b"]
    assert command(["compare", str(short_run.path), str(other_run.path)]) == 0
    assert "McNemar" in capsys.readouterr().out
    assert command(["compare", str(short_run.path), str(other_run.path / "net.cnn"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "convscope/compare/3"


def test_runs_that_have_nothing_to_be_compared_by(short_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    strange = replace(short_run, dataset=replace(MNIST, name="strange"))
    with pytest.raises(DataError, match="the runs have no test images in common"):
        compare_runs(short_run, strange)
    with pytest.raises(DataError, match="the classes of the runs differ"):
        compare_runs(short_run, replace(short_run, dataset=replace(MNIST, classes=tuple("1234567890"))))
    assert command(["compare", "input 8x8x1, relu", "input 8x8x1, tanh", "--data", "mnist"]) == 2
    assert capsys.readouterr().err.startswith(f"{FieldError.__name__}: --data mnist")


def test_a_folder_without_weights_is_no_run(short_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.toml").write_bytes((short_run.path / "recipe.toml").read_bytes())
    assert command(["compare", str(short_run.path), str(tmp_path)]) == 2
    assert "not a run folder" in capsys.readouterr().err


def test_a_loss_without_end_is_told() -> None:
    broken = Evaluation(inf, ("a", "b"), ((1, 0), (0, 1)), 0.0, "letters")
    assert broken.score() == "[inf, 1]"
