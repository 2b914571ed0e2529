"""The trainer, its run folder, evaluation and prediction."""

import hashlib
import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

import convscope as cs
from convscope.backends.torch import TorchNet, weights_in, weights_out
from convscope.data import DATASETS, Dataset, Split, load
from convscope.data.facts import Facts
from convscope.errors import FieldError, RunError, ShapeError, TrainingError, UnknownNameError
from convscope.progress import Progress
from convscope.training import run as runs
from convscope.training.augment import Augment
from convscope.training.batches import Batches, scaled
from convscope.training.contents import CARD, ENV, METRICS, SEAL
from convscope.training.evaluate import evaluate
from convscope.training.loop import Trainer
from convscope.training.plan import plan
from convscope.training.recipe import Recipe, find, from_file
from convscope.training.run import Job, Run
from convscope.training.schedule import triangle
from convscope.training.train import model_of, train

MNIST = DATASETS["mnist"]
FAST = find("fast")


def fit(
    model: TorchNet, split: Split, dataset: Dataset, recipe: Recipe, *, seed: int, report: Callable[[Progress], None]
) -> Progress:
    return Trainer(model, split, dataset, recipe, seed=seed).run(report, lambda: None)


def small_split(count: int = 64) -> Split:
    test = load(MNIST, "test")
    return Split(test.images[:count], test.labels[:count])


def test_the_run_folder_holds_plain_files(short_run: Run) -> None:
    names = {path.name for path in short_run.path.iterdir()}
    assert names == {*runs.digests(short_run.path), ENV, METRICS, CARD, SEAL}
    assert short_run.path.name == "mnist-fast-seed0"
    settings = tomllib.loads((short_run.path / "recipe.toml").read_text(encoding="utf-8"))
    assert (settings["seed"], settings["recipe"]["epochs"]) == (0, 0.05)
    data = json.loads((short_run.path / "data.json").read_text(encoding="utf-8"))
    assert (data["name"], data["counts"], sorted(data["sha256"])) == (
        "mnist", {"train": 60000, "test": 10000}, ["test", "train"]
    )  # fmt: skip
    assert cs.read(short_run.path / "net.cnn") == cs.read(FAST.net)
    env = json.loads((short_run.path / "env.json").read_text(encoding="utf-8"))
    assert env["threads"] == torch.get_num_threads()
    card = (short_run.path / "README.md").read_text(encoding="utf-8")
    assert short_run.score() in card
    assert "CC BY-SA" in card
    metrics = short_run.metrics()
    assert [line["step"] for line in metrics[:-1]] == [10, 20, 23]
    assert metrics[-1]["result"]["accuracy"] == short_run.result.accuracy


def test_a_short_run_learns(short_run: Run) -> None:
    # 23 steps of 128 images; chance is 0.1
    assert short_run.result.accuracy > 0.85
    assert short_run.result.params == cs.read(FAST.net).table().params.value


def test_nothing_but_the_run_is_left(short_run: Run) -> None:
    assert [path.name for path in short_run.path.parent.iterdir()] == ["mnist-fast-seed0"]


def test_the_same_seed_gives_the_same_weights_bit_for_bit(short_run: Run, tmp_path: Path) -> None:
    settings = FAST.changed(epochs=0.05)
    torch.manual_seed(12345)  # what the caller did with torch's random numbers before does not matter
    again, other = (train(recipe=settings, seed=seed, out=tmp_path) for seed in (0, 1))
    files = [
        hashlib.sha256((run.path / "model.safetensors").read_bytes()).digest() for run in (short_run, again, other)
    ]
    assert files[0] == files[1] != files[2]


def test_training_leaves_the_callers_random_numbers_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train("input 28x28x1, maxpool 4, linear 10", recipe=FAST.changed(epochs=0.01), out=tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_a_second_run_of_one_name_goes_beside_the_first(tmp_path: Path) -> None:
    net, settings = "input 28x28x1, maxpool 7, linear 10", FAST.changed(epochs=0.01)
    names = [train(net, recipe=settings, out=tmp_path).path.name for _ in range(3)]
    assert names == ["mnist-fast-seed0", "mnist-fast-seed0-2", "mnist-fast-seed0-3"]


def test_a_loaded_run_is_the_run_and_judges_the_same(short_run: Run) -> None:
    loaded = cs.load_run(short_run.path)
    assert loaded == short_run
    evaluation = cs.evaluate(loaded)
    assert evaluation.score() == short_run.score()
    assert evaluation.count == 10_000
    assert evaluation.accuracy == sum(evaluation.confusion[i][i] for i in range(10)) / 10_000


def test_the_confusion_matrix_counts_what_torch_counts(short_run: Run) -> None:
    split = small_split(200)
    evaluation = evaluate(model_of(short_run), split, MNIST)
    with torch.no_grad():
        scores = model_of(short_run)(scaled(torch.from_numpy(split.images.copy()), MNIST))
    predicted = scores.argmax(1).numpy()
    for true in range(10):
        for answer in range(10):
            assert evaluation.confusion[true][answer] == int(((split.labels == true) & (predicted == answer)).sum())
    loss = torch.nn.functional.cross_entropy(scores.double(), torch.from_numpy(split.labels.astype("int64")))
    assert evaluation.loss == pytest.approx(float(loss), rel=1e-5)


def test_a_class_without_images_has_no_accuracy(short_run: Run) -> None:
    split = small_split(3)  # 7, 2, 1
    evaluation = evaluate(model_of(short_run), split, MNIST)
    assert {name for name, share in evaluation.per_class.items() if share is None} == set("0345689")
    assert " - " in str(evaluation) or str(evaluation).count("-") >= 7


@pytest.mark.parametrize("dark", [False, True])
def test_predict_reads_digits_from_files(short_run: Run, tmp_path: Path, dark: bool) -> None:
    split = small_split(100)
    paths = []
    for index, array in enumerate(split.images):
        image = Image.fromarray(255 - array[0] if dark else array[0]).resize((150, 150), Image.Resampling.BICUBIC)
        paths.append(tmp_path / f"{index}.png")
        image.save(paths[-1])
    found = cs.predict(short_run, paths)
    direct = evaluate(model_of(short_run), split, MNIST).accuracy
    right = np.mean([int(entry.label) == label for entry, label in zip(found, split.labels, strict=True)])
    assert abs(right - direct) <= 0.03  # scaling up and down changes a few doubtful ones
    assert all(sum(entry.probabilities.values()) == pytest.approx(1) for entry in found)
    assert list(found[0].probabilities.values()) == sorted(found[0].probabilities.values(), reverse=True)


def damaged(short_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(short_run.path, tmp_path / "run"))


LACKING = {
    "net.cnn": "is not a run folder: it has no net.cnn",
    "recipe.toml": "is not a run folder: it has no recipe.toml",
    "data.json": "is not a run folder: it has no data.json",
    "model.safetensors": "is damaged: .*model.safetensors",
}


@pytest.mark.parametrize("name", LACKING)
def test_a_run_that_lacks_a_file_is_none(short_run: Run, tmp_path: Path, name: str) -> None:
    folder = damaged(short_run, tmp_path)
    (folder / name).unlink()
    with pytest.raises(RunError, match=LACKING[name]):
        cs.load_run(folder)


@pytest.mark.parametrize("name", ["net.cnn", "recipe.toml", "data.json", "seal.json", "model.safetensors"])
def test_a_damaged_run_is_found(short_run: Run, tmp_path: Path, name: str) -> None:
    folder = damaged(short_run, tmp_path)
    for content in (b"", b"\xff\xfe\x00", (folder / name).read_bytes()[:-20]):
        (folder / name).write_bytes(content)
        with pytest.raises(RunError, match=f"{name} is damaged"):
            cs.load_run(folder)


def test_a_run_needs_its_metrics_only_without_a_seal(short_run: Run, tmp_path: Path) -> None:
    folder = damaged(short_run, tmp_path)
    (folder / SEAL).unlink()  # as runs of earlier versions
    assert cs.load_run(folder) == replace(short_run, path=folder)
    (folder / METRICS).write_bytes((folder / METRICS).read_bytes()[:-20])
    with pytest.raises(RunError, match="is not finished"):
        cs.load_run(folder)


def test_every_flipped_bit_of_the_weights_is_found(short_run: Run, tmp_path: Path) -> None:
    folder = damaged(short_run, tmp_path)
    content = (folder / "model.safetensors").read_bytes()
    draw = np.random.default_rng(0)
    for place in draw.integers(0, len(content), 50):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(draw.integers(8))
        (folder / "model.safetensors").write_bytes(flipped)
        with pytest.raises(RunError, match="damaged"):
            cs.load_run(folder)


def test_weights_of_another_net_are_refused(short_run: Run, tmp_path: Path) -> None:
    folder = damaged(short_run, tmp_path)
    (folder / "net.cnn").write_text("input 28x28x1, gap, linear 10\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"net.cnn is damaged"):
        cs.load_run(folder)
    other = replace(short_run, net=cs.read(folder / "net.cnn"))
    with pytest.raises(RunError, match="does not hold the weights of the net"):
        cs.evaluate(other)


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe=FAST.changed(epochs=0.05), out=tmp_path / "runs", progress=stop)
    wild = FAST.changed(epochs=0.05, learning_rate=1e30, precision="float32")
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step"):
        train("input 28x28x1, conv 4 3x3 relu, linear 10", recipe=wild, out=tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_nothing_is_made_for_a_net_that_does_not_fit(tmp_path: Path) -> None:
    for net, error in (
        ("input 32x32x3, gap, linear 10", ShapeError),
        ("input 28x28x1, gap, linear 9", ShapeError),
        ("input 28x28x1, conv 10 3x3", ShapeError),
    ):
        with pytest.raises(error):
            train(net, out=tmp_path / "runs")
    with pytest.raises(UnknownNameError):
        train(data="minst", out=tmp_path / "runs")
    with pytest.raises(UnknownNameError):
        train(recipe="fats", out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_file_in_the_place_of_the_folder_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be written"):
        train(recipe=FAST.changed(epochs=0.01), out=tmp_path / "runs")


def test_a_net_of_one_row_and_a_softmax_at_the_end_train_alike(tmp_path: Path) -> None:
    settings = FAST.changed(epochs=0.02)
    plain, soft = (
        train(f"input 28x28x1, maxpool 4, linear 10{tail}", recipe=settings, out=tmp_path) for tail in ("", ", softmax")
    )
    assert plain.result.loss == pytest.approx(soft.result.loss, rel=1e-6)


def test_weights_go_out_and_in() -> None:
    net = cs.read("input 8x8x1, conv 4 3x3 bn relu, a.b: conv 2 1x1, linear 3")
    first, second = TorchNet(net).eval(), TorchNet(net).eval()
    tensors = weights_out(first)
    assert list(tensors)[:3] == ["conv1.weight", "conv1.bias", "bn1.weight"]
    assert "a.b.weight" in tensors
    weights_in(second, tensors)
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(first(x), second(x))
    with pytest.raises(ValueError, match="differ"):
        weights_in(second, {key: value for key, value in tensors.items() if key != "a.b.weight"})
    with pytest.raises(ValueError, match="has shape"):
        weights_in(second, {**tensors, "a.b.weight": torch.zeros(1)})


def test_batches_shuffle_shift_and_scale() -> None:
    images = np.zeros((20, 1, 5, 5), dtype=np.uint8)
    images[:, 0, 2, 2] = np.arange(20) + 1
    split = Split(images, np.arange(20, dtype=np.uint8))
    batches = iter(Batches(split, replace(MNIST, mean=0.0, std=1 / 255), batch=8, augment=Augment(shift=1), seed=3))
    seen = []
    places = set()
    for _ in range(2):
        x, labels = next(batches)
        assert x.shape == (8, 1, 5, 5)
        assert x.sum((1, 2, 3)).tolist() == (labels + 1).tolist()  # nothing is lost: the dot stays on the image
        places |= {tuple(np.argwhere(image[0].numpy())[0].tolist()) for image in x}
        seen += labels.tolist()
    assert len(set(seen)) == 16  # an epoch is 2 batches of 8; the other 4 wait for the next shuffle
    assert places <= {(y, x) for y in (1, 2, 3) for x in (1, 2, 3)}
    assert len(places) > 3


def test_the_rate_climbs_and_falls_in_straight_lines() -> None:
    rates = [triangle(step, 101, 0.2) for step in range(101)]
    assert rates[20] == max(rates) == 1
    assert rates[0] == pytest.approx(0.02)
    assert rates[-1] == pytest.approx(0.02)
    assert np.diff(rates[:21]) == pytest.approx(0.98 / 20)
    assert np.diff(rates[20:]) == pytest.approx(-0.98 / 80)
    assert triangle(0, 10, 0.0) == 1


def test_the_plan_by_hand() -> None:
    found = plan(cs.read("input 28x28x1, linear 10"), MNIST, FAST.changed(epochs=2, batch=100))
    assert (found.steps.per_epoch, found.steps.total) == (600, 1200)
    assert found.params == 7850
    # forward and twice for backward: 3 * 7840 MACs for each of 120,000 images
    assert found.macs == 3 * 7840 * 120_000
    # 60,000 images of 784 bytes; weights, two numbers of the optimizer and a gradient for each of 7850; a batch of
    # images, of outputs and of their gradients
    assert found.memory == 60_000 * 784 + 4 * 4 * 7850 + 4 * 100 * (784 + 10 + 10)


def test_recipes_are_read_from_files_and_checked(tmp_path: Path, short_run: Run) -> None:
    assert from_file(short_run.path / "recipe.toml") == FAST.changed(epochs=0.05)
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nnet = "input 28x28x1, linear 10"\nepochs = 1\nbatch = 8\nlearning_rate = 0.1\n')
    assert find(str(path)).batch == 8
    path.write_text("batch = 64\n")
    assert find(str(path)) == FAST.changed(batch=64, name="mine")
    for text in ("epochs = [", 'name = "x"\nspeed = 3', path.read_text().replace("batch = 64", "batch = 0")):
        path.write_text(text)
        with pytest.raises(FieldError, match="is not a recipe"):
            find(str(path))
    with pytest.raises(FieldError, match="cannot be read"):
        find("missing.toml")
    with pytest.raises(FieldError, match="epochs=-1"):
        FAST.changed(epochs=-1)


def test_the_net_of_a_recipe_is_written_as_nets_are_written() -> None:
    assert str(cs.read(FAST.net)) == FAST.net


def test_the_recipe_of_a_run_holds_the_net_that_was_trained(tmp_path: Path) -> None:
    net = "input 28x28x1, maxpool 7x7, linear 10"
    run = train(net, recipe=FAST, epochs=0.01, out=tmp_path, name="mine")
    assert run.path == tmp_path / "mine"
    assert from_file(run.path / "recipe.toml") == FAST.changed(epochs=0.01, net=net)
    assert cs.load_run(run.path) == run


def test_every_setting_of_a_recipe_comes_back_from_its_file(tmp_path: Path) -> None:
    settings = FAST.changed(betas=(0.8, 0.9), precision="float32", shift=3, label_smoothing=0.25, warmup=0.0)
    runs.write_settings(Job(tmp_path, cs.read(settings.net), MNIST, settings, 5), Facts.of(MNIST, {}))
    assert from_file(tmp_path / "recipe.toml") == settings
    assert set(msgspec.structs.asdict(settings)) == {field.name for field in msgspec.structs.fields(Recipe)}


def test_progress_is_reported_every_few_steps() -> None:
    seen: list[Progress] = []
    model = TorchNet(cs.read("input 28x28x1, maxpool 7, linear 10"))
    last = fit(model, small_split(320), MNIST, FAST.changed(epochs=2.5, batch=16), seed=0, report=seen.append)
    assert [progress.step for progress in seen] == [10, 20, 30, 40, 50]
    assert last == seen[-1]
    assert (last.epoch, last.images, last.steps, last.seconds_left) == (2.5, 800, 50, 0)
    assert not model.training


def test_one_and_three_axes_train() -> None:
    flat = Split(small_split().images.reshape(-1, 1, 784), small_split().labels)
    data = replace(MNIST, shape=(1, 784))
    fit(TorchNet(cs.read("input 784x1, conv 4 9 s4 bn relu, gap, linear 10")), flat, data,
        FAST.changed(epochs=1, batch=16), seed=0, report=lambda _: None)  # fmt: skip
    deep = Split(small_split().images.reshape(-1, 1, 7, 7, 16), small_split().labels)
    data = replace(MNIST, shape=(1, 7, 7, 16))
    last = fit(TorchNet(cs.read("input 7x7x16x1, conv 4 3x3x3 bn relu, gap, linear 10")), deep, data,
               FAST.changed(epochs=1, batch=16), seed=0, report=lambda _: None)  # fmt: skip
    assert last.step == 4
