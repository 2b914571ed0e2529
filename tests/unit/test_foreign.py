"""Data sets of Hugging Face: a stand-in of the form of ``datasets``, which is not installed here."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from convscope.data import find, load
from convscope.errors import DataError, MissingExtraError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Rows(list[dict[str, object]]):
    features: dict[str, object]


def stand_in(splits: tuple[str, ...]) -> SimpleNamespace:
    image, label = type("Image", (), {})(), type("ClassLabel", (), {})()
    label.names = ["cat", "dog"]
    draw = np.random.default_rng(0)

    def load_dataset(name: str) -> dict[str, Rows]:
        if name == "nobody/nothing":
            raise FileNotFoundError(name)
        found = {}
        for split in splits:
            rows = Rows(
                {"image": Image.fromarray(draw.integers(0, 256, (12, 10, 3), dtype=np.uint8)), "label": at % 2}
                for at in range(6)
            )
            rows.features = {"image": image, "label": label}
            found[split] = rows
        return found

    return SimpleNamespace(__version__="1", load_dataset=load_dataset)


def test_hugging_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", stand_in(("train", "validation")))
    data = find("hf:someone/pets")
    assert (data.name, data.classes, data.counts) == (
        "hf,12x10x3:someone/pets",
        ("cat", "dog"),
        {"train": 6, "test": 6},
    )
    assert load(data, "test").labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert find("hf:someone/pets") == find(data.name) == data
    with pytest.raises(DataError, match="datasets cannot open nobody/nothing"):
        find("hf:nobody/nothing")
    monkeypatch.setitem(sys.modules, "datasets", stand_in(("train",)))
    with pytest.raises(DataError, match="has the splits train"):
        find("hf:someone/other")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match="datasets is not installed"):
        find("hf:someone/other")


def test_images_without_a_label_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test images of many sets of the hub have the label -1, which must not count from the end."""
    library = stand_in(("train", "test"))
    found = library.load_dataset("someone/pets")
    found["test"][2]["label"] = -1
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(__version__="1", load_dataset=lambda _: found))
    with pytest.raises(DataError, match="test 2 has the label -1, which is none of the 2 classes"):
        find("hf:someone/pets")
