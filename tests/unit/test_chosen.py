"""Net and schedule for a user's own images, where nothing but the data is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import convscope as cs
from convscope.cli import run as command
from convscope.data import DATASETS, find, load
from convscope.errors import FieldError
from convscope.training import recipe as recipes
from convscope.training.augment import Augment
from convscope.training.batches import Batches
from convscope.training.chosen import begin
from convscope.training.duration import LEAST_STEPS, duration
from convscope.training.ladder import DESIGNS, notation
from convscope.training.plan import Steps
from convscope.training.start import Asked, Start

DRAW = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def stripes(label: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Horizontal, vertical or diagonal stripes, at a random phase and with noise."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    along = (rows, columns, rows + columns)[label]
    wave = np.sin(along * 1.3 + DRAW.uniform(0, 6))
    found: NDArray[np.float64] = 128 + 60 * wave + DRAW.normal(0, 25, size)
    return found.clip(0, 255).astype(np.uint8)


def patterns(path: Path, counts: tuple[int, ...] = (100, 100, 100), size: tuple[int, int] = (16, 16)) -> Path:
    for label, count in enumerate(counts):
        (path / "abc"[label]).mkdir(parents=True)
        for at in range(count):
            Image.fromarray(stripes(label, size)).save(path / "abc"[label] / f"{at}.png")
    return path


def begun(data: str | None, **stated: Any) -> Start:
    """What a training starts from where the rest is left open."""
    return begin(Asked(), None, {"data": data, **stated})


def test_a_folder_alone_trains_a_net_that_learns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = f"folder:{patterns(tmp_path / 'set')}"
    args = ["train", "--data", data, "-o", str(tmp_path / "runs"), "--no-report", "--json"]
    assert command(args) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["accuracy"] > 0.9
    for told in (
        "net        input 16x16x1, conv 24 3x3",
        "split      192 for training, 48 for validation, 60 for testing",
        "classes    3: a (64), b (64), c (64)",
        "recipe     own",
    ):
        assert told in err
    run = cs.load_run(tmp_path / "runs" / "set-own-seed0")
    assert run.recipe.name == "own"
    assert str(run.net) == run.recipe.net


def test_a_net_of_ones_own_gets_a_schedule_by_the_data(tmp_path: Path) -> None:
    data = f"folder:{patterns(tmp_path / 'set')}"
    net = "input 16x16x1, conv 16 3x3 s2 bn relu, conv 32 3x3 s2 bn relu, gap, linear 3"
    run = cs.train(net, data=data, out=tmp_path / "runs", seed=1)
    assert run.result.accuracy > 0.8


def test_the_plan_says_what_will_be_done_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = f"folder:{patterns(tmp_path / 'set', (40, 30, 10), (48, 96))}"
    assert command(["train", "--data", data, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["input"] == "48x96x1"
    assert plan["classes"] == {"a": 26, "b": 20, "c": 7}
    assert list(plan["classes"]) == ["a", "b", "c"]
    assert plan["splits"] == {"train": 53, "val": 11, "test": 16}
    assert plan["iterations"] >= LEAST_STEPS
    assert not (tmp_path / "runs").exists()
    assert command(["train", "--data", data, "--input", "32x64x1", "--epochs", "3", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "images of 32x64x1" in text
    assert "3, learning rate" in text


def test_the_size_follows_the_images_and_keeps_their_aspect(tmp_path: Path) -> None:
    found = begun(f"folder:{patterns(tmp_path / 'set', (4, 4), (150, 300))}")
    assert found.dataset.shape == found.net.input == (1, 64, 128)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 8, 19, 20, 28, 63, 64, 128, 224])
@pytest.mark.parametrize("images", [10, 1_000, 50_000])
def test_every_size_has_a_net(side: int, images: int) -> None:
    for shape in ((1, side, side), (3, side, 2 * side), (3, 3 * side, side)):
        net = cs.read(notation(shape, 7, images))
        assert (net.input, net.output) == (shape, (7,))
    assert sum(side >= least for least, _ in DESIGNS) > 0


@pytest.mark.parametrize("images", [2, 3, 5, 17, 100, 240, 599, 3_000, 60_000])
def test_no_schedule_has_fewer_than_the_least_steps_or_a_step_of_one_image(images: int) -> None:
    found = duration(images)
    steps = Steps.of(samples=images, batch=found.batch, epochs=found.epochs, even=True)
    assert steps.total >= LEAST_STEPS
    sizes = {steps.end(step + 1) - steps.end(step) for step in range(steps.per_epoch)}
    assert min(sizes) > 1
    assert max(sizes) <= max(3, found.batch)


def test_what_is_stated_stays_as_it_is(tmp_path: Path) -> None:
    data = f"folder:{patterns(tmp_path / 'set', (30, 30))}"
    found = begun(data, epochs=2.0, batch=5, learning_rate=0.5).recipe
    assert (found.epochs, found.batch, found.learning_rate) == (2, 5, 0.5)
    exact = recipes.find("own").changed(epochs=3.0)
    assert begin(Asked(), exact, {}).recipe == exact.changed(net=str(cs.read(exact.net)))


def test_finetune_starts_from_weights_with_the_schedule_of_the_data(tmp_path: Path) -> None:
    net = cs.read("input 28x28x1, conv 4 3x3 s2 bn relu, gap, linear 3")
    (tmp_path / "net.onnx").write_bytes(bytes(cs.write(net, to="onnx")))  # type: ignore[arg-type] # bytes
    data = f"folder:{patterns(tmp_path / 'set', (30, 30))}"
    found = begin(Asked(tmp_path / "net.onnx"), "finetune", {"data": data})
    own = begin(Asked(tmp_path / "net.onnx"), None, {"data": data})
    assert found.tensors is not None
    for name in ("epochs", "batch", "learning_rate"):
        assert getattr(found.recipe, name) == getattr(own.recipe, name)
    assert (found.recipe.shift, own.recipe.shift) == (2, 1)
    for asked in (Asked(), Asked(str(net)), Asked(tmp_path / "net.onnx", init="random")):
        with pytest.raises(FieldError, match="the recipe finetune starts from weights"):
            begin(asked, "finetune", {"data": data})


def test_declared_sets_keep_their_recipe() -> None:
    found, fast = begun(None), recipes.find("fast")
    assert (found.dataset.name, found.recipe) == ("mnist", fast.changed(net=str(cs.read(fast.net))))
    assert found.net == cs.read(fast.net)
    assert "val" not in DATASETS["mnist"].counts


def test_every_image_is_used_once_in_an_epoch(tmp_path: Path) -> None:
    dataset = find(f"folder:{patterns(tmp_path / 'set', (30, 23), (4, 4))}")
    split = load(dataset, "train")
    batches = Batches(split, dataset, batch=16, augment=Augment(), seed=0, even=True)
    sizes = [len(next(batches)[1]) for _ in range(batches.steps.per_epoch)]
    assert sum(sizes) == len(split.labels) == 42
    assert sizes == [14, 14, 14]
    assert batches.state()[1].at == 42


def test_balanced_epochs_have_as_many_images_of_each_class(tmp_path: Path) -> None:
    dataset = find(f"folder:{patterns(tmp_path / 'set', (40, 4), (4, 4))}")
    batches = Batches(load(dataset, "train"), dataset, batch=7, augment=Augment(), seed=0, even=True, balance=True)
    drawn = torch.cat([next(batches)[1] for _ in range(batches.steps.per_epoch)])
    assert torch.bincount(drawn).tolist() == [18, 17]


def test_uneven_classes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = f"folder:{patterns(tmp_path / 'set', (36, 3), (8, 8))}"
    args = ["train", "--data", data, "--epochs", "1", "-o", str(tmp_path / "runs"), "--no-report"]
    assert command(args) == 0
    assert "warning: the classes are uneven: 29 training images of a, 2 of b; --balance" in capsys.readouterr().err
    assert command([*args, "--balance"]) == 0
    assert "are uneven" not in capsys.readouterr().err
    assert cs.load_run(tmp_path / "runs" / "set-own-seed0-2").recipe.balance
