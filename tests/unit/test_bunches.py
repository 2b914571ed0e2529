"""Images of scikit-learn, by name and as bunches."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from convscope.data import find, load
from convscope.data.bunches import taken_of
from convscope.errors import DataError, UnknownNameError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def test_the_digits_are_those_of_the_bunch() -> None:
    bunch = sklearn.datasets.load_digits()
    found = find("sklearn:digits")
    assert (found.shape, found.classes, found.slug) == ((1, 8, 8), tuple("0123456789"), "digits")
    assert sum(found.counts.values()) == 1797
    train = load(found, "train")
    at = int(train.names[5])
    assert np.array_equal(train.images[5, 0], np.rint(bunch.images[at] * 255 / 16).astype(np.uint8))
    assert train.labels[5] == bunch.target[at]
    assert find(found.name) == found


def test_sets_without_images_and_names_that_there_are_not() -> None:
    with pytest.raises(DataError, match="no images, but rows of 13 values"):
        find("sklearn:wine")
    with pytest.raises(UnknownNameError, match="scikit-learn") as caught:
        find("sklearn:digit")
    assert caught.value.attempt == "digits"


@pytest.mark.parametrize(
    ("images", "top"), [(np.linspace(0, 1, 2 * 64), 1), (np.arange(128) % 256, 255), (np.arange(128) % 17, 16)]
)
def test_values_are_scaled_by_what_white_is(images: Any, top: float) -> None:
    bunch = SimpleNamespace(data=images.reshape(2, 64), target=np.array([0, 1]))
    taken = taken_of(bunch, "b")
    if top != 255:
        assert max(item.content().max() for item in taken.items) == 255  # type: ignore[union-attr]
    assert [item.label for item in taken.items] == ["0", "1"]


@pytest.mark.parametrize(
    ("bunch", "message"),
    [
        (SimpleNamespace(), "no images"),
        (SimpleNamespace(data=np.zeros((2, 64)), target=np.zeros(3)), "labels of the shape"),
        (SimpleNamespace(images=np.zeros((2, 8, 8, 5)), target=np.zeros(2)), "8x8x5|arrays of"),
        (SimpleNamespace(images=np.full((2, 8, 8), -1.0), target=np.zeros(2)), "values of -1"),
        (SimpleNamespace(images=np.full((2, 8, 8), np.nan), target=np.zeros(2)), "values of nan"),
        (SimpleNamespace(images=np.array([["a"]]), target=np.zeros(1)), "no images"),
    ],
)
def test_bunches_that_are_none_say_so(bunch: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        taken_of(bunch, "b")
