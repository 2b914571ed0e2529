"""A run that leaves its images, or was stopped: what needs neither works, and says what is missing."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

import convscope as cs
from convscope import files
from convscope.cli import run as command
from convscope.data import trained
from convscope.data.home import home
from convscope.data.stats import Objects, Stats
from convscope.errors import DataError, RunError, UnnamedDataError
from convscope.training import checkpoint, environment
from convscope.training.card import card
from convscope.training.evaluate import Evaluation, Predicted
from convscope.training.export import export
from convscope.training.train import model_of, train
from runs_of_old import aged

DRAW = np.random.default_rng(0)
NET = "input 12x12x3, conv 6 3x3 s2 relu, gap, linear 2"


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, and a run that was trained on it."""
    here = tmp_path_factory.mktemp("home-of-the-user")
    for at, label in enumerate(("cat", "dog")):
        (here / "pets" / label).mkdir(parents=True)
        for number in range(20):
            pixels = DRAW.integers(0, 60, (12, 12, 3), dtype=np.uint8)
            pixels[..., at] += 180
            Image.fromarray(pixels).save(here / "pets" / label / f"{number}.png")
    train(NET, data=f"folder:{here / 'pets'}", epochs=2, out=here / "runs", name="run")
    return here


@pytest.fixture
def moved(place: Path, tmp_path: Path) -> Iterator[Path]:
    """The same, its images at another place; the run stays."""
    shutil.move(place / "pets", tmp_path / "elsewhere")
    yield tmp_path / "elsewhere"
    shutil.move(tmp_path / "elsewhere", place / "pets")


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = command([str(one) for one in arguments])
    done = capsys.readouterr()
    return status, done.out, done.err


def test_what_needs_no_images_works_without_them(
    place: Path, moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = place / "runs" / "run"
    for form in ("onnx", "pt2", "safetensors"):
        status, out, err = asked(capsys, "export", run, "-o", tmp_path / f"net.{form}")
        assert status == 0, err
        assert "on 100 random images" in out
        assert "not on test images: " in out
    found = export(str(run), to="safetensors")
    assert (found.random, found.test, found.passed) == (100, 0, True)
    assert "cannot be read" in found.to_json()["no_test_images"]
    status, out, err = asked(capsys, "report", run, "-o", tmp_path / "r.html")
    assert (status, err.count("without the images of the run")) == (0, 1)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "whose images are not at hand now" in page
    assert "test accuracy" in page
    status, out, err = asked(capsys, "activations", "--run", run)
    assert status == 0
    assert "relu" in out
    assert "without the images of the run" in err
    image = moved / "cat" / "0.png"
    assert asked(capsys, "predict", run, image)[0] == 0
    assert asked(capsys, "look", run, "--image", image, "-o", tmp_path / "f.svg")[0] == 0
    assert asked(capsys, "look", run, "--what", "kernels")[0] == 0
    status, out, err = asked(capsys, "look", run, "--what", "field")
    assert status == 0
    assert "over 64 noise images" in out
    assert "without the images of the run" in err


def test_what_needs_them_says_how_to_name_them(
    place: Path, moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = place / "runs" / "run", ("--data", f"folder:{moved}")
    verbs: tuple[tuple[object, ...], ...] = (
        ("look", run, "--what", "mistakes", "-o", tmp_path / "m.svg"),
        ("look", run, "-o", tmp_path / "r.svg"),
        ("eval", run),
        ("compare", run, run),
        ("predict", run, moved / "cat" / "0.png", "--unlike"),
        ("train", "--from", run, "--out", tmp_path, "--name", "again", "--quiet", "--no-report"),
    )
    for verb in verbs:
        status, _, err = asked(capsys, *verb)
        assert status == 2, verb
        assert "--data" in err, verb
        assert asked(capsys, *verb, *data)[0] == 0, verb
    again = (tmp_path / "again" / "model.safetensors").read_bytes()
    assert again == (run / "model.safetensors").read_bytes()
    for name, form in (("export", "n.onnx"), ("report", "r.html")):
        status, out, err = asked(capsys, name, run, "-o", tmp_path / form, *data)
        assert status == 0
        assert "not on test images" not in out
        assert "without the images" not in err


def test_an_added_image_does_not_block_what_needs_none(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, more = place / "runs" / "run", place / "pets" / "cat" / "more.png"
    shutil.copy(place / "pets" / "cat" / "0.png", more)
    for at in range(4):  # at least one of them is for testing
        shutil.copy(place / "pets" / "cat" / "0.png", more.with_name(f"more{at}.png"))
    try:
        some = (("export", run, "-o", tmp_path / "a.onnx"), ("activations", "--run", run), ("look", run))
        for verb in (*some, ("look", run, "--what", "field")):
            warned: list[str] = []
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("warnings.warn", lambda text, told=warned, **_: told.append(text))
                status, out, err = asked(capsys, *verb)
            assert status == 0, err
            assert "have changed since this run was trained: " in warned[-1], verb
            assert "without the images" not in err + out, verb
        assert asked(capsys, "report", run, "-o", tmp_path / "r.html")[0] == 0
        status, _, err = asked(capsys, "look", run, "--what", "mistakes", "-o", tmp_path / "m.svg")
        assert status == 2
        assert "--data" in err
        with pytest.warns(UserWarning, match="have changed since this run was trained: .* now, 8 images before"):
            assert export(cs.load_run(run, data=f"folder:{place / 'pets'}"), to="safetensors").test > 8
        with pytest.raises(DataError, match="have changed"):
            cs.evaluate(cs.load_run(run, data=f"folder:{place / 'pets'}"))
    finally:
        for path in more.parent.glob("more*.png"):
            path.unlink()


def test_files_that_leave_this_machine_name_no_folder_of_it(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = place / "runs" / "run"
    for form in ("onnx", "pt2", "safetensors"):
        assert asked(capsys, "export", run, "-o", tmp_path / f"net.{form}")[0] == 0
        assert place.name.encode() not in (tmp_path / f"net.{form}").read_bytes()
    assert asked(capsys, "report", run, "-o", tmp_path / "r.html")[0] == 0
    for path in (tmp_path / "r.html", run / "README.md"):
        text = path.read_text(encoding="utf-8")
        assert place.name not in text
        assert "12x12x3:pets" in text
    metadata = {one.key: one.value for one in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert metadata["data"] == "folder,12x12x3:pets"


def test_no_file_of_a_run_has_a_path_and_it_finds_its_data_again(place: Path, tmp_path: Path) -> None:
    run, full = place / "runs" / "run", f"folder,12x12x3:{(place / 'pets').resolve()}"
    for path in run.rglob("*"):
        assert path.is_dir() or place.name.encode() not in path.read_bytes(), path.name
    loaded = cs.load_run(run)
    assert (loaded.dataset.name, loaded.recipe.data) == (full, full)
    shutil.copytree(run, tmp_path / "copy")
    assert cs.evaluate(cs.load_run(tmp_path / "copy")).count == 8
    assert trained.name_of("0" * 64) is None


def test_a_run_of_an_earlier_version_whose_files_have_the_path(place: Path, tmp_path: Path) -> None:
    run, full = aged(place / "runs" / "run", tmp_path / "old"), f"folder,12x12x3:{(place / 'pets').resolve()}"
    assert cs.load_run(run).dataset.name == full
    with pytest.raises(UnnamedDataError):
        cs.evaluate(cs.load_run(run))
    with (home() / trained.FILE).open("a") as file:  # as that version wrote it
        file.write(f"{files.sha256((run / 'data.json').read_bytes())} {full}\n")
    assert cs.evaluate(cs.load_run(run)).count == 8
    again = cs.repeat(run, out=tmp_path)
    assert "home-of-the-user" not in (again.path / "data.json").read_text() + (again.path / "recipe.toml").read_text()
    assert again.result.sha256["model.safetensors"] == cs.load_run(run).result.sha256["model.safetensors"]


@pytest.fixture(scope="module")
def halted(place: Path) -> Path:
    """A run that was stopped after some steps, with a checkpoint after each."""

    def stop(progress: object) -> None:
        if getattr(progress, "step", 0) >= 20:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(
            NET,
            data=f"folder:{place / 'pets'}",
            epochs=500,
            out=place / "runs",
            name="half",
            save_every=0,
            progress=stop,
        )
    return place / "runs" / "half"


def test_a_stopped_run_is_used_at_its_last_checkpoint(
    halted: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (last, _) = sorted(checkpoint.steps(halted), reverse=True)
    run = cs.load_run(halted)
    assert run.step == last
    assert run.score() == f"stopped after step {last:,}"
    averaged = {
        name.removeprefix("average.module."): one
        for name, one in checkpoint.read(halted, last).tensors.items() if name.startswith("average.module.")
    }  # fmt: skip
    plain = {
        name.removeprefix("model."): one
        for name, one in checkpoint.read(halted, last).tensors.items() if name.startswith("model.")
    }  # fmt: skip
    state = model_of(run).state_dict()
    assert all(torch.equal(state[name], one) for name, one in (averaged or plain).items())
    verbs: tuple[tuple[object, ...], ...] = (
        ("eval", halted),
        ("predict", halted, place / "pets" / "cat" / "0.png"),
        ("export", halted, "-o", tmp_path / "a.onnx"),
        ("report", halted, "-o", tmp_path / "r.html"),
        ("look", halted, "--what", "kernels", "-o", tmp_path / "k.svg"),
        ("activations", "--run", halted),
    )
    for verb in verbs:
        status, _, err = asked(capsys, *verb)
        assert status == 0, err
        assert f"is not finished; its weights are those after step {last:,}" in err, verb
    metadata = export(run, to="onnx").metadata
    assert (metadata["test_accuracy"], metadata["stopped_after_step"]) == (None, last)
    assert f"after step {last:,}" in (tmp_path / "r.html").read_text(encoding="utf-8")
    status, out, _ = asked(capsys, "eval", halted, "--json")
    assert json.loads(out)["accuracy"] <= 1
    assert "NaN" not in json.dumps(json.loads(json.dumps(metadata)))


def test_a_damaged_checkpoint_falls_back_and_none_is_an_error(halted: Path, tmp_path: Path) -> None:
    run = tmp_path / "half"
    shutil.copytree(halted, run)
    last, before = sorted(checkpoint.steps(run), reverse=True)
    path = run / "checkpoints" / f"step-{last:08}.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    assert cs.load_run(run).step == before
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(RunError, match="is not finished, and has no checkpoint yet"):
        cs.load_run(run)
    (run / "recipe.toml").write_text("seed = 3\n", encoding="utf-8")
    with pytest.raises(RunError, match="is damaged"):
        cs.load_run(run)


def test_a_set_that_is_not_divided_is_evaluated_as_a_whole(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, mine = place / "runs" / "run", tmp_path / "mine"
    for label in ("cat", "dog"):
        (mine / label).mkdir(parents=True)
        for at in range(7):
            pixels = np.asarray(Image.open(place / "pets" / label / f"{at}.png")) // 2
            Image.fromarray(pixels).save(mine / label / f"{at}.png")

    def evaluated(*more: object) -> dict[str, object]:
        status, out, err = asked(capsys, "eval", run, "--json", *more)
        assert status == 0, err
        found: dict[str, object] = json.loads(out)
        return found

    found = evaluated("--data", mine)
    assert (found["split"], found["count"]) == ("all", 14)
    assert "14 images misclassified" in asked(capsys, "eval", run, "--data", mine)[1]
    parts = [evaluated("--data", mine, "--split", split) for split in ("train", "test")]
    assert [one["count"] for one in parts] == [12, 2]
    own = evaluated()
    assert (own["split"], own["count"]) == ("test", 8)
    assert evaluated("--data", place / "pets") == own  # the images it was trained on are not new ones
    assert evaluated("--split", "all")["count"] == 40
    shutil.copytree(place / "pets", tmp_path / "moved")
    assert evaluated("--data", tmp_path / "moved")["count"] == 8
    shutil.rmtree(mine / "dog")
    one = evaluated("--data", mine)
    assert (one["split"], one["count"], one["classes"]) == ("all", 7, ["cat", "dog"])
    for name in (mine, f"folder:{mine}"):
        with pytest.raises(DataError, match="has one class"):
            train(NET, data=str(name), out=tmp_path)  # for training it takes two, prepared or not
    (mine / "cat").rename(mine / "Cat")
    status, _, err = asked(capsys, "eval", run, "--data", mine)
    assert status == 2
    assert 'call it "cat"' in err


def test_arrays_that_are_not_divided_or_of_one_class_are_evaluated_as_a_whole(place: Path, tmp_path: Path) -> None:
    run = cs.load_run(place / "runs" / "run")
    files_of = [place / "pets" / label / f"{at}.png" for at in range(9) for label in ("cat", "dog")]
    x, y = np.stack([np.asarray(Image.open(path)) // 2 for path in files_of]), np.arange(18) % 2
    names = np.array(["cat", "dog"])
    np.savez(tmp_path / "whole.npz", images=x, labels=y, classes=names)
    np.savez(tmp_path / "parts.npz", x_train=x[:12], y_train=y[:12], x_test=x[12:], y_test=y[12:], classes=names)
    np.savez(tmp_path / "cats.npz", images=x[::2], labels=y[::2], classes=names[:1])
    np.savez(tmp_path / "dogs.npz", x_train=x[::2], y_train=y[::2], x_test=x[1::2], y_test=y[1::2], classes=names)
    counts = {name: cs.evaluate(run, data=f"{tmp_path / name}.npz") for name in ("whole", "parts", "cats", "dogs")}
    assert {name: (one.split, one.count) for name, one in counts.items()} == {
        "whole": ("all", 18), "parts": ("test", 6), "cats": ("all", 9), "dogs": ("test", 9),
    }  # fmt: skip
    assert cs.evaluate(run, data=(x[::2], np.array(["cat"] * 9))).count == 9
    for name, words in (("cats", "has one class"), ("dogs", "none for training")):
        with pytest.raises(DataError, match=words):
            train(NET, data=f"{tmp_path / name}.npz", out=tmp_path)


def test_the_card_has_a_head_that_the_hub_reads(place: Path) -> None:
    run = cs.load_run(place / "runs" / "run")
    text = (run.path / "README.md").read_text(encoding="utf-8")
    data: Any = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag) == ("convscope", "image-classification")
    assert data.model_name == f"pets-{run.recipe.name}-seed0"
    found = {one.metric_type: one for one in data.eval_results or ()}
    assert found["accuracy"].metric_value == round(run.result.accuracy, 6)
    assert found["loss"].metric_value == round(run.result.loss, 6)
    assert found["accuracy"].dataset_name == "folder,12x12x3:pets"
    assert found["accuracy"].dataset_split == "test"
    answers = Predicted(np.zeros(2, int), np.zeros(2, int), np.ones(2), np.ones(2))
    odd = replace(run, dataset=replace(run.dataset, name='hf:a"/b: [c]', classes=("a", "b")))
    page = card(odd, Evaluation.of(answers, ("a", "b"), "x"), environment.noted(run.path)[0])
    data = ModelCard(page).data
    assert data.datasets == ['a"/b: [c]']
    assert page.count("\n---\n") == 1


def test_a_thousand_classes_are_a_screenful(place: Path) -> None:
    count = 1000
    labels = np.arange(3 * count) % count
    predicted = np.where(np.arange(3 * count) % 7, labels, (labels + 1) % count)
    names = tuple(f"class {at} {'x' * (at % 90)}" for at in range(count))
    answers = Predicted(labels, predicted, np.full(3 * count, 0.5), np.ones(3 * count))
    found = Evaluation.of(answers, names, "many")
    text = str(found)
    assert len(text) < 4000
    assert max(map(len, text.splitlines())) < 100
    assert "12 of 1,000 classes with the lowest accuracy" in text
    assert len(found.to_json()["confusion"]) == count
    counts = {"train": {name: 5 + at % 7 for at, name in enumerate(names)}}
    table = str(Stats("many", (1, 8, 8), counts, (0.5,), (0.2,), Objects(0, 0, (), ()), {}, "mine"))
    assert len(table.splitlines()) < 25
    assert "12 of 1,000 classes with the fewest images" in table
    small = Evaluation.of(Predicted(labels % 40, predicted % 40, answers.confidence, answers.losses), names[:40], "few")
    assert "predicted as (columns)" in str(small)
    run = cs.load_run(place / "runs" / "run")
    page = card(run, found, environment.noted(run.path)[0])
    assert len(page) < 8000
    assert "The 40 lowest of 1,000 classes" in page
