"""What is set aside for testing and for validation: a share of each class, and copies of an image on one side."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.data import find, load
from convscope.data.division import FEWEST, set_aside, validation_share

DRAW = np.random.default_rng(1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def noise(count: int) -> NDArray[np.uint8]:
    return DRAW.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)


def folder(path: Path, counts: dict[str, int], copies: int = 1) -> str:
    """A folder of images, each of them as often."""
    for label, count in counts.items():
        path.joinpath(label).mkdir(parents=True)
        for at, image in enumerate(noise(count)):
            for copy in range(copies):
                Image.fromarray(image).save(path / label / f"{at}-{copy}.png")
    return f"folder:{path}"


def contents(data: str) -> dict[str, list[bytes]]:
    found = find(data)
    return {split: [image.tobytes() for image in load(found, split).images] for split in found.splits}


def test_a_share_of_each_class_is_held_out_for_validation(tmp_path: Path) -> None:
    found = find(folder(tmp_path / "set", {"a": 100, "b": 50}))
    assert found.counts == {"train": 96, "val": 24, "test": 30}
    assert Counter(load(found, "val").labels.tolist()) == {0: 16, 1: 8}
    names = [name for split in found.splits for name in load(found, split).names]
    assert len(set(names)) == len(names) == 150


def test_mean_and_deviation_are_those_of_the_images_that_are_left_for_training(tmp_path: Path) -> None:
    found = find(folder(tmp_path / "set", {"a": 40, "b": 40}))
    pixels = load(found, "train").images / 255
    assert found.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-5)
    assert found.std == pytest.approx(pixels.std((0, 2, 3)).tolist(), abs=1e-5)


def test_copies_are_never_on_two_sides(tmp_path: Path) -> None:
    parts = contents(folder(tmp_path / "set", {"a": 40, "b": 30}, copies=3))
    assert all(len(part) % 3 == 0 for part in parts.values())
    for one in parts:
        for other in parts:
            assert one == other or not set(parts[one]) & set(parts[other])
    assert len(parts["val"]) > 10


def test_copies_in_two_classes_are_not_on_two_sides() -> None:
    groups, labels = [1, 2, 3, 4] * 2, [0] * 4 + [1] * 4
    chosen = set_aside(groups, labels, {0: 1, 1: 1})
    assert chosen == [True, False, False, False] * 2


def test_a_group_larger_than_half_of_a_class_stays() -> None:
    assert set_aside([0, 0, 0, 1, 2], "aaaaa", {"a": 1}) == [False, False, False, True, False]


def test_the_same_images_are_held_out_whatever_they_are_called(tmp_path: Path) -> None:
    images, labels = noise(120), np.arange(120) % 3
    for at, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "set" / ("test" if at % 4 == 0 else "train") / str(label) / f"{at:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    test = np.arange(120) % 4 == 0
    splits = {"x_train": images[~test], "y_train": labels[~test], "x_test": images[test], "y_test": labels[test]}
    np.savez(tmp_path / "set.npz", **splits)
    first, second = (contents(name) for name in (f"folder:{tmp_path / 'set'}", f"npz:{tmp_path / 'set.npz'}"))
    assert len(first["val"]) == 18
    assert set(first["val"]) == set(second["val"])


def test_a_set_that_is_small_or_has_its_own_validation_images_keeps_its_images(tmp_path: Path) -> None:
    assert validation_share(FEWEST - 1) == 0
    assert find(folder(tmp_path / "few", {"a": 20, "b": 20})).counts == {"train": 32, "test": 8}
    for split, count in (("train", 80), ("val", 5), ("test", 5)):
        folder(tmp_path / "own" / split, {"a": count, "b": count})
    assert find(f"folder:{tmp_path / 'own'}").counts == {"train": 160, "val": 10, "test": 10}
