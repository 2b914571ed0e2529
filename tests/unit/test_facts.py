"""What a run keeps of its data set."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.data import DATASETS, Split, load
from convscope.data.facts import LOOKED_AT, Facts, fingerprint
from convscope.errors import DataError, RunError, ShapeError
from convscope.training.recipe import find

MNIST = DATASETS["mnist"]


def write_images(path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    with path.open("wb") as file:
        np.savez(
            file,
            train_images=draw.integers(0, 255, (80, 8, 8), dtype=np.uint8),
            train_labels=np.arange(80) % 2,
            test_images=draw.integers(0, 255, (40, 8, 8), dtype=np.uint8),
            test_labels=np.arange(40) % 2,
        )


def own_run(folder: Path) -> cs.Run:
    """A run on images of the user's own, in ``own.npz``."""
    write_images(folder / "own.npz", 0)
    net = "input 8x8x1, conv 2 3x3 bn relu, linear 2"
    return cs.train(
        net, data=f"npz:{folder / 'own.npz'}", recipe=find("fast").changed(batch=16), epochs=2, out=folder
    )  # fmt: skip


def test_facts_come_back() -> None:
    for dataset in DATASETS.values():
        again = msgspec.json.decode(Facts.of(dataset, {}).to_json(), type=Facts).dataset()
        assert again == dataset
        assert again != replace(dataset, mean=0.5)
        noted = replace(dataset, notes={"skipped": {"a.png": "is no image"}})
        assert msgspec.json.decode(Facts.of(noted, {}).to_json(), type=Facts).dataset().notes == noted.notes


def test_a_run_is_used_without_its_images(tmp_path: Path) -> None:
    run = own_run(tmp_path)
    evaluation = cs.evaluate(cs.load_run(run.path))
    (tmp_path / "own.npz").unlink()
    loaded = cs.load_run(run.path)
    assert loaded == run
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    assert sorted(cs.predict(loaded, tmp_path / "a.png")[0].probabilities) == ["0", "1"]
    with pytest.raises(DataError, match=r"own\.npz"):
        cs.evaluate(loaded)
    write_images(tmp_path / "own.npz", 0)
    assert cs.evaluate(loaded).to_json() == evaluation.to_json()


def test_a_recipe_names_its_data(tmp_path: Path) -> None:
    run = own_run(tmp_path)
    data = f"npz:{tmp_path / 'own.npz'}"
    assert run.recipe.data == run.dataset.name == cs.load_run(run.path).recipe.data == data
    (tmp_path / "mine.toml").write_text((run.path / "recipe.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert find(str(tmp_path / "mine.toml")).data == "npz:own.npz"  # which names no folder of this machine
    again = cs.train(recipe=str(tmp_path / "mine.toml"), data=data, out=tmp_path)
    assert again.dataset == run.dataset
    assert again.result.sha256["model.safetensors"] == run.result.sha256["model.safetensors"]
    with pytest.raises(ShapeError, match="28x28x1"):
        cs.train(recipe=str(tmp_path / "mine.toml"), data="mnist", out=tmp_path)


def test_changed_images_are_found(tmp_path: Path) -> None:
    run = own_run(tmp_path)
    write_images(tmp_path / "own.npz", 1)
    with pytest.raises(DataError, match=r"the test images of .* have changed since this run was trained"):
        cs.evaluate(cs.load_run(run.path))
    assert cs.evaluate(run, f"npz:{tmp_path / 'own.npz'}").count == 40


def test_a_run_of_other_facts_is_damaged(tmp_path: Path) -> None:
    run = own_run(tmp_path)
    facts = json.loads((run.path / "data.json").read_text(encoding="utf-8"))
    changed: list[dict[str, object]] = [{"mean": 0.5}, {"shape": [1, 9, 9]}, {"ink": "yes"}, {"name": 7}]
    for content in [*(facts | change for change in changed), {}]:
        (run.path / "data.json").write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(RunError, match="damaged"):
            cs.load_run(run.path)


def test_fingerprints_see_pixels_labels_size_and_classes() -> None:
    test = load(MNIST, "test")
    true = fingerprint(test, MNIST.classes)
    places = np.unique(np.linspace(0, 9999, LOOKED_AT).astype(int))
    assert len(places) == LOOKED_AT
    assert true == fingerprint(Split(test.images.copy(), test.labels.astype("int32")), MNIST.classes)
    for at, seen in ((int(places[500]), True), (int(places[500]) + 1, False)):
        images = test.images.copy()
        images[at, 0, 14, 14] ^= 1
        assert (fingerprint(Split(images, test.labels), MNIST.classes) != true) == seen
    labels = test.labels.copy()
    labels[4321] = (labels[4321] + 1) % 10
    assert fingerprint(Split(test.images, labels), MNIST.classes) != true
    assert fingerprint(Split(test.images[:-1], test.labels[:-1]), MNIST.classes) != true
    assert fingerprint(test, MNIST.classes[::-1]) != true
