"""Data that a program has in memory train to the same weights as files with the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import sklearn.datasets
import torch
from PIL import Image
from sklearn.utils import Bunch
from torch.utils.data import BatchSampler, DataLoader, Dataset, Subset, SubsetRandomSampler, TensorDataset

import convscope as cs
from convscope.data import find, load
from convscope.data.objects import named
from convscope.errors import DataError
from convscope.training.contents import MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TEXT = "input 10x10x3, conv 6 3x3 bn relu, gap, linear 3"
CLASSES = ("cat", "cow", "dog")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def images(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images ``n h w c`` in the order of their classes, and their labels."""
    labels = np.repeat(np.arange(3), count // 3)
    base = np.random.default_rng(0).integers(0, 256, (3, 10, 10, 3))
    noise = np.random.default_rng(seed).integers(-40, 41, (len(labels), 10, 10, 3))
    return np.clip(base[labels] + noise, 0, 255).astype(np.uint8), labels


LEARN, TEST = images(45, 1), images(15, 2)


class Items(Dataset[Any]):
    """A map-style data set of images of Pillow."""

    classes: ClassVar = list(CLASSES)

    def __init__(self, part: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
        self.part = part

    def __len__(self) -> int:
        return len(self.part[1])

    def __getitem__(self, at: int) -> tuple[Image.Image, int]:
        return Image.fromarray(self.part[0][at]), int(self.part[1][at])


class Label:
    names: ClassVar = list(CLASSES)


class Rows:
    """A stand-in for a data set of Hugging Face, whose rows are dictionaries."""

    def __init__(self, part: tuple[NDArray[np.uint8], NDArray[np.int64]], *, texts: bool) -> None:
        self.part, self.texts = part, texts
        self.features = {"image": object(), "label": object() if texts else Label()}

    def __len__(self) -> int:
        return len(self.part[1])

    def __getitem__(self, at: int) -> dict[str, Any]:
        label = int(self.part[1][at])
        return {"image": Image.fromarray(self.part[0][at]), "label": CLASSES[label] if self.texts else label}


class Image_:  # noqa: N801 -- renamed below
    """The type of a column of images of Hugging Face."""


Image_.__name__ = "Image"


class ClassLabel(Label):
    """The type of a column of classes of Hugging Face."""


class Renamed(Rows):
    """Rows whose columns have other names than usual; their types tell what they are."""

    def __init__(self, part: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
        super().__init__(part, texts=False)
        self.features = {"id": object(), "photo": Image_(), "species": ClassLabel()}

    def __getitem__(self, at: int) -> dict[str, Any]:
        found = super().__getitem__(at)
        return {"id": at, "photo": found["image"], "species": found["label"]}


def scaled(part: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> TensorDataset:
    return TensorDataset(torch.from_numpy(part[0]).permute(0, 3, 1, 2) / 255, torch.from_numpy(part[1]))


FORMS: dict[str, Any] = {
    "arrays": (LEARN, TEST),
    "texts": tuple((x, np.array(CLASSES)[y]) for x, y in (LEARN, TEST)),
    "tensors": tuple((torch.from_numpy(x).permute(0, 3, 1, 2) / 255, torch.from_numpy(y)) for x, y in (LEARN, TEST)),
    "one hot": tuple((x, np.eye(3)[y]) for x, y in (LEARN, TEST)),
    "Dataset": (Items(LEARN), Items(TEST)),
    "Dataset of tensors": (scaled(LEARN), scaled(TEST)),
    "DataLoader": (DataLoader(scaled(LEARN), batch_size=7), DataLoader(scaled(TEST))),
    "Hugging Face": {"train": Rows(LEARN, texts=False), "test": Rows(TEST, texts=False)},
    "Hugging Face with other names": {"train": Renamed(LEARN), "test": Renamed(TEST)},
    "Hugging Face with texts": {"train": Rows(LEARN, texts=True), "validation": Rows(TEST, texts=True)},
}


def files(place: Path) -> dict[str, str]:
    """Write the same images as a folder and as arrays."""
    for split, (x, y) in (("train", LEARN), ("test", TEST)):
        for at, (image, label) in enumerate(zip(x, y, strict=True)):
            path = place / "set" / split / CLASSES[label] / f"{at:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), (*LEARN, *TEST), strict=True))
    np.savez(place / "set.npz", allow_pickle=False, **arrays)  # type: ignore[arg-type] # only arrays are given
    return {"folder": f"folder:{place / 'set'}", "npz": f"npz:{place / 'set.npz'}"}


def test_the_same_images_train_to_the_same_weights_in_every_form(tmp_path: Path) -> None:
    found = {}
    for form, data in {**files(tmp_path), **FORMS}.items():
        run = cs.train(TEXT, data=data, epochs=2, batch=15, out=tmp_path / "runs")
        found[form] = run.result.sha256[MODEL]
        assert run.result.loss == cs.evaluate(run.path, data=data).loss, form
    assert set(found.values()) == {found["npz"]}, found
    other = cs.train(TEXT, data=(TEST, LEARN), epochs=6, batch=15, out=tmp_path / "runs")
    assert other.result.sha256[MODEL] != found["npz"]


def test_a_run_with_arrays_is_repeated_and_loaded(tmp_path: Path) -> None:
    run = cs.train(TEXT, data=LEARN, epochs=2, batch=15, out=tmp_path / "runs")
    assert cs.repeat(run.path, out=tmp_path / "more").result.sha256 == run.result.sha256
    assert cs.evaluate(cs.load_run(run.path)).loss == run.result.loss
    (tmp_path / "set.npz").parent.mkdir(exist_ok=True)
    np.savez(tmp_path / "set.npz", images=LEARN[0], labels=LEARN[1])
    same = cs.train(TEXT, data=f"npz:{tmp_path / 'set.npz'}", epochs=2, batch=15, out=tmp_path / "runs")
    assert same.result.sha256[MODEL] == run.result.sha256[MODEL]


def test_a_module_takes_the_size_of_arrays(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(256, 3))
    assert cs.train(module, data=LEARN, epochs=1, batch=15, out=tmp_path / "runs").net.input == (3, 10, 10)
    assert cs.evaluate(module, data=(LEARN, TEST)).count == 15


def test_images_of_several_sizes_are_fitted() -> None:
    class Odd(Items):
        def __getitem__(self, at: int) -> tuple[Image.Image, int]:
            image, label = super().__getitem__(at)
            return image.resize((14, 12)) if at % 5 == 0 else image, label

    assert cs.evaluate(module := torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3)
    ), data=(Odd(LEARN), Odd(TEST)), input="10x10x3").count == 15, module  # fmt: skip


X, Y = LEARN
WRONG: dict[str, tuple[Any, str]] = {
    "a number": (5, "cannot be int"),
    "an array": (X, "cannot be ndarray"),
    "None in a pair": ((X, None), "cannot be (ndarray, NoneType)"),
    "three axes of labels": ((X, X), "have 45 images and 13,500 labels"),
    "too few labels": ((X, Y[:4]), "45 images and 4 labels"),
    "normalised": (((X / 255 - 0.5) / 0.2, Y), "range from -2.5 to 2.5"),
    "no axes": ((np.zeros(5), np.zeros(5)), "have the shape"),
    "objects": ((np.array([object()] * 3), np.zeros(3)), "not an array of numbers"),
    "ragged": (([[1], [1, 2]], [0, 1]), "cannot be read as an array"),
    "fractions": ((X, Y + 0.5), "labels of the data are float64"),
    "soft labels": ((X, np.full((45, 3), 1 / 3)), "have the shape"),
    "an empty set": (Subset(Items(LEARN), []), "have no images"),
    "items": (Subset(scaled(LEARN), ["x"]), "cannot be read: "),  # type: ignore[list-item]
    "a dictionary": ({"a": LEARN}, "have the splits a"),
    "labels below 0": ((X, Y - 1), "have the label -1"),
    "integers and texts": (((X, Y), (X, Y.astype(str))), "of two kinds: train integers, test texts"),
    "an unknown name": ({"train": (X, np.array(CLASSES)[Y]), "classes": ["cat", "cow"]}, 'a label is "dog"'),
    "one name": ({"train": LEARN, "classes": ["cat"]}, "the classes of the data are not names"),
    "a text of names": ({"train": LEARN, "classes": "cat"}, "the classes of the data are not names"),
    "rows": ((X[..., 0].reshape(len(X), -1), Y), "x.reshape(-1, 10, 10)"),
    "an iterator": (iter([LEARN]), "cannot be list_iterator"),
    "bytes": (b"mnist", "cannot be bytes"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_data_are_our_error(kind: str) -> None:
    data, message = WRONG[kind]
    with pytest.raises(DataError) as error:
        named(data)
    assert message in str(error.value)


def trained(data: Any, tmp_path: Path, net: Any = None) -> tuple[cs.Run, list[str]]:
    """Return a run, and what was told about its data."""
    told: list[str] = []
    net = net or TEXT
    run = cs.train(net, data=data, recipe="fast", epochs=1, batch=15, out=tmp_path / "runs", warn=told.append)
    return run, told


def test_integers_stay_the_names_of_their_classes_and_those_that_are_absent_are_told(tmp_path: Path) -> None:
    x, y = LEARN
    gaps = np.array([3, 5, 9])
    numbered = TensorDataset(torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(gaps[y]))
    np.savez(tmp_path / "set.npz", x=x, y=gaps[y])
    weights = set()
    for data in ((x, gaps[y]), numbered, DataLoader(numbered, batch_size=4), f"npz:{tmp_path / 'set.npz'}"):
        run, told = trained(data, tmp_path)
        assert run.dataset.classes == ("3", "5", "9")
        assert told == ["no label is 0, 1, 2, 4, 6, 7, 8: the 3 classes are called by their numbers, 3, 5, 9"]
        weights.add(run.result.sha256[MODEL])
    assert len(weights) == 1
    assert trained((x, y), tmp_path)[1] == []
    with pytest.raises(cs.ConvscopeError, match=r"ends in 10, but npz:.* has 3 classes") as error:
        trained((x, gaps[y]), tmp_path, TEXT.replace("linear 3", "linear 10"))
    assert error.value.given == "classes 3, 5, 9"


def test_classes_that_are_stated_may_have_no_images_and_are_told(tmp_path: Path) -> None:
    x, y = LEARN
    names = [*"0123456789"]
    run, told = trained({"train": (x, y + 3), "classes": names}, tmp_path, TEXT.replace("linear 3", "linear 10"))
    assert run.dataset.classes == tuple(names)
    assert told == ["no training image has the class 0 or 1 or 2 or 6 or 7 or 8 or 9"]
    run, told = trained({"train": (x, np.array(CLASSES)[y]), "classes": ["dog", "cow", "cat"]}, tmp_path)
    assert (run.dataset.classes, told) == (("dog", "cow", "cat"), [])


def test_a_net_of_more_scores_is_evaluated_by_number() -> None:
    x, y = LEARN
    head = torch.nn.Linear(3, 10)
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.eye(10)[5])
    found = cs.evaluate(module, data=(x, y + 4), input="10x10x3")
    assert found.classes == tuple("0123456789")
    assert found.accuracy == pytest.approx(1 / 3)
    assert found.per_class["5"] == 1
    with pytest.raises(cs.ConvscopeError, match="ends in 10, but"):
        cs.evaluate(module, data=(x, y + 8), input="10x10x3")


def test_a_bunch_of_scikit_learn_is_read_like_its_name() -> None:
    digits = sklearn.datasets.load_digits()
    by_name, by_object = (find(named(one)) for one in ("sklearn:digits", digits))
    assert by_object.classes == by_name.classes == tuple("0123456789")
    assert by_object.counts == by_name.counts
    for split in by_name.splits:
        first, second = load(by_name, split), load(by_object, split)
        np.testing.assert_array_equal(first.images, second.images)
        np.testing.assert_array_equal(first.labels, second.labels)
    frame = sklearn.datasets.load_digits(as_frame=True)
    assert named(frame) == named(digits)
    assert find(named({"data": digits.data, "target": digits.target})).counts == by_name.counts
    faces = {"images": np.random.default_rng(0).random((12, 64, 64)), "target": np.arange(12) % 3, "target_names": None}
    assert find(named(Bunch(**faces))).classes == ("0", "1", "2")
    pair = Bunch(images=X, target=Y, target_names=np.array(CLASSES)), Bunch(images=X[::2], target=Y[::2])
    assert find(named(pair)).classes == CLASSES
    with pytest.raises(DataError, match="rows of 13 values"):
        named(sklearn.datasets.load_wine())


def test_arrays_of_an_npz_are_taken_by_their_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x_train=LEARN[0], y_train=LEARN[1], x_test=TEST[0], y_test=TEST[1])
    with np.load(tmp_path / "set.npz") as loaded:
        assert named(loaded) == named((LEARN, TEST))
    assert named({"images": LEARN[0], "labels": LEARN[1]}) == named(LEARN)
    with pytest.raises(DataError, match="have the splits x_test, y_test"):
        named({"x_test": X, "y_test": Y})


def test_a_name_stays_a_name(tmp_path: Path) -> None:
    assert named("mnist") == "mnist"
    assert named(tmp_path) == str(tmp_path)


def test_classes_of_another_split_are_matched_by_their_names() -> None:
    """A test set without one class, as ``ImageFolder`` reads it, counts the others differently."""
    fewer = Items((TEST[0][TEST[1] > 0], TEST[1][TEST[1] > 0] - 1))
    fewer.classes = ["cow", "dog"]  # type: ignore[misc] # of this one
    found = load(find(named((Items(LEARN), fewer))), "test")
    assert sorted(set(found.labels.tolist())) == [1, 2]
    fewer.classes = ["cow", "owl"]  # type: ignore[misc]
    with pytest.raises(DataError, match='a label is "owl"'):
        named((Items(LEARN), fewer))


def test_a_loader_reads_what_its_sampler_chooses() -> None:
    """Two loaders of one data set often divide it by their samplers; images for testing must not be learned."""
    whole, rows = Items(LEARN), np.random.default_rng(0).permutation(45)
    loaders = tuple(DataLoader(whole, sampler=SubsetRandomSampler(part.tolist())) for part in (rows[:30], rows[30:]))
    found = find(named(loaders))
    assert sum(found.counts.values()) == 45
    assert found.count("test") == 15
    assert found.classes == CLASSES
    assert find(named((Subset(whole, rows[:30].tolist()), Subset(whole, rows[30:].tolist())))).classes == CLASSES
    batched = DataLoader(whole, batch_sampler=BatchSampler(SubsetRandomSampler(rows[:30].tolist()), 4, drop_last=False))
    assert sum(find(named(batched)).counts.values()) == 30
