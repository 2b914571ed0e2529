"""Data sets that people bring, and the known ones: found by name, prepared once, divided by a rule."""

import hashlib
import http.server
import json
import shutil
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convscope.data import DATASETS, Dataset, Split, find, load
from convscope.data.cifar import CifarFiles, from_sprite
from convscope.data.dataset import short_word
from convscope.data.idx import IdxFiles
from convscope.data.prepared import Prepared
from convscope.errors import DataError, FieldError, UnknownNameError
from convscope.training.augment import Augment
from convscope.training.batches import Batches, scaled

DRAW = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def image(path: Path, size: tuple[int, int] = (40, 48), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if mode == "L" else (*size, len(mode))
    Image.fromarray(DRAW.integers(0, 256, shape, dtype=np.uint8)).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for label in ("cat", "dog", "elk"):
        for at in range(10):
            image(tmp_path / "pets" / label / f"{at}.png")
    return tmp_path / "pets"


def test_a_folder_is_divided_by_the_names_of_its_files(pets: Path) -> None:
    data = find(f"folder:{pets}")
    assert (data.classes, data.counts, data.shape) == (("cat", "dog", "elk"), {"train": 24, "test": 6}, (3, 40, 48))
    test = load(data, "test")
    assert test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    for label in data.classes:
        names = sorted(
            (f"{label}/{at}.png" for at in range(10)), key=lambda name: hashlib.sha256(name.encode()).digest()
        )
        assert set(names[:2]) == {name for name in test.names if name.startswith(label)}
    (pets / "dog" / "note.txt").write_text("no image")
    shutil.copytree(pets, pets.parent / "elsewhere")
    assert load(find(f"folder:{pets.parent / 'elsewhere'}"), "test").names == test.names


def test_folders_of_splits_decide(pets: Path) -> None:
    for split, count in (("train", 5), ("valid", 3), ("test", 2)):
        for label in ("cat", "dog"):
            for at in range(count):
                image(pets.parent / "stated" / split / label / "deeper" / f"{at}.png", (9, 9), "L")
    data = find(f"folder:{pets.parent / 'stated'}")
    assert data.counts == {"train": 10, "val": 6, "test": 4}
    assert data.splits == ("train", "val", "test")
    assert data.shape == (1, 9, 9)
    shutil.rmtree(pets.parent / "stated" / "test")
    assert find(f"folder:{pets.parent / 'stated'}").counts == {"train": 10, "test": 6}


def test_pixels_are_those_of_the_file_at_its_own_size(pets: Path) -> None:
    test = load(find(f"folder,40x48x3:{pets}"), "test")
    for image, name in zip(test.images, test.names, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(pets / name)).transpose(2, 0, 1))


def test_mean_and_deviation_are_those_of_the_training_pixels(pets: Path) -> None:
    data = find(f"folder:{pets}")
    pixels = load(data, "train").images.astype(float) / 255
    assert data.mean == pytest.approx(pixels.mean((0, 2, 3)), abs=1e-6)
    assert data.std == pytest.approx(pixels.std((0, 2, 3)), abs=1e-6)
    again = scaled(torch.from_numpy(load(data, "train").images), data)
    assert again.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert again.std((0, 2, 3)).tolist() == pytest.approx([1, 1, 1], abs=1e-3)


def test_the_name_finds_the_same_set_again(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pets.parent)
    data = find("folder:pets", (1, 16, 20))
    assert data.name == f"folder,16x20x1:{pets}"
    monkeypatch.chdir("/")
    assert find(data.name) == data
    assert find(data.name, (3, 8, 8)) == data  # what the name says goes before what the net takes
    assert data.slug == "pets"


def test_a_set_is_prepared_once_and_again_when_a_file_changes(pets: Path) -> None:
    seen: list[tuple[int, int]] = []

    def find_again() -> Dataset:
        seen.clear()
        return find(f"folder:{pets}", report=lambda done, total: seen.append((done, total)))

    find_again()
    assert seen[-1] == (6, 6)
    find_again()
    assert not seen
    image(pets / "cat" / "0.png", (41, 48))
    assert seen or find_again()
    assert seen


def test_what_was_prepared_of_a_set_that_has_changed_is_removed(pets: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(pets, tmp_path / "other" / "pets"))  # a namesake stays
    before = [find(f"folder:{one}", shape) for one, shape in ((pets, (1, 8, 8)), (pets, (3, 9, 9)), (other, (1, 8, 8)))]
    kept = load(before[0], "train")
    pixels = kept.images.copy()
    places = [one.source.place for one in before if isinstance(one.source, Prepared)]
    assert [place.exists() for place in places] == [True, True, True]
    image(pets / "cat" / "0.png", (41, 48))
    after = find(f"folder:{pets}", (1, 8, 8))
    assert [place.exists() for place in places] == [False, False, True]
    assert isinstance(after.source, Prepared)
    assert after.source.place.exists()
    assert (kept.images == pixels).all()


def test_arrays(tmp_path: Path) -> None:
    images, labels = DRAW.integers(0, 256, (30, 6, 5, 3), dtype=np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "a.npz", x_train=images[:20], y_train=labels[:20, None], x_test=images[20:], y_test=labels[20:])
    data = find(f"npz:{tmp_path / 'a.npz'}")
    assert (data.shape, data.counts, data.classes) == ((3, 6, 5), {"train": 20, "test": 10}, ("0", "1", "2"))
    assert np.array_equal(load(data, "test").images, images[20:].transpose(0, 3, 1, 2))
    assert load(data, "test").labels.tolist() == labels[20:].tolist()
    np.savez(tmp_path / "b.npz", images=images[..., 0], labels=labels, classes=np.array(["a", "b", "c"]))
    data = find(f"npz:{tmp_path / 'b.npz'}")
    assert (data.shape, data.counts, data.classes) == ((1, 6, 5), {"train": 24, "test": 6}, ("a", "b", "c"))
    with pytest.raises(DataError, match="not 8x8x1"):
        find(f"npz:{tmp_path / 'b.npz'}", (1, 8, 8))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros(3)}, "has the arrays z"),
        ({"images": np.zeros((4, 3, 3)), "labels": np.arange(4)}, "is float64"),
        ({"images": np.zeros((4, 5, 3, 2), np.uint8), "labels": np.arange(4)}, "has the shape"),
        ({"images": np.zeros((4, 3, 3), np.uint8), "labels": np.arange(3)}, "4 images, but its labels are"),
        ({"images": np.zeros((4, 3, 3), np.uint8), "labels": np.zeros(4, int)}, "one class"),
        ({"images": np.zeros((4, 3, 3), np.uint8), "labels": np.arange(4) - 1}, "labels below 0"),
        (
            {"images": np.zeros((4, 3, 3), np.uint8), "labels": np.arange(4), "classes": np.array(["a"])},
            "1 class names",
        ),
        ({"images": np.array([{}] * 4), "labels": np.arange(4)}, "images is object"),
    ],
)
def test_arrays_that_are_no_images_say_so(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        find(f"npz:{tmp_path / 'a.npz'}")


def test_more_than_256_classes(tmp_path: Path) -> None:
    images, labels = np.zeros((1200, 2, 2), np.uint8), np.arange(1200) % 300
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    data = find(f"npz:{tmp_path / 'a.npz'}")
    assert len(data.classes) == 300
    _, drawn = next(iter(Batches(load(data, "train"), data, batch=1200, augment=Augment(shift=0), seed=0)))
    assert sorted(drawn.tolist()) == sorted(labels.tolist())


@pytest.mark.parametrize("shift", [0, 2])
def test_batches_of_a_mapped_file_are_those_of_memory(pets: Path, shift: int) -> None:
    data = find(f"folder:{pets}")
    mapped = load(data, "train")
    assert isinstance(mapped.images, np.memmap)
    memory = Split(np.array(mapped.images), mapped.labels)
    both = (Batches(split, data, batch=7, augment=Augment(shift=shift), seed=5) for split in (mapped, memory))
    for (left, first), (right, second), _ in zip(*both, range(10), strict=False):
        assert torch.equal(left, right)
        assert torch.equal(first, second)


def test_names_that_there_are_not() -> None:
    for name in ("cifar", "folder", "folder:", "mnst", "x:y"):
        with pytest.raises(UnknownNameError):
            find(name)
    with pytest.raises(FieldError, match='option "big"'):
        find("folder,big:x")
    with pytest.raises(DataError, match='no split "val"'):
        load(DATASETS["mnist"], "val")


def test_known_sets_in_a_folder_are_named_by_it(tmp_path: Path) -> None:
    data = find(f"fashion-mnist:{tmp_path}")
    assert (data.folder, data.name, data.slug) == (tmp_path, f"fashion-mnist:{tmp_path}", "fashion-mnist")
    with pytest.raises(DataError, match=r"idx3-ubyte.gz cannot be read"):
        load(data, "train")


def small_cifar(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, dict[str, bytes]]:
    """Six files of four records each, and their checksums in the place of the real ones."""
    from convscope.data import cifar

    monkeypatch.setattr(cifar, "IMAGES", 4)
    monkeypatch.setattr(cifar, "SIZE", 4 * 3073)
    table = DRAW.integers(0, 10, (6, 4, 3073), dtype=np.uint8)
    records = {name: part.tobytes() for name, part in zip(cifar.RECORDS, table, strict=True)}
    source = CifarFiles(tuple((name, hashlib.sha256(part).hexdigest()) for name, part in records.items()))
    folder.mkdir()
    return replace(DATASETS["cifar10"], folder=folder, source=source, counts={"train": 20, "test": 4}), records


def check_cifar(data: Dataset, records: dict[str, bytes]) -> None:
    found = [load(data, split) for split in ("train", "test")]
    made = b"".join(
        bytes([label]) + image.tobytes()
        for part in found
        for label, image in zip(part.labels, part.images, strict=True)
    )
    assert made == b"".join(records.values())
    assert found[0].images.shape == (20, 3, 32, 32)


def test_cifar_from_files_of_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, records = small_cifar(tmp_path / "c", monkeypatch)
    for name, content in records.items():
        (data.folder / f"{name}.bin").write_bytes(content)
    check_cifar(data, records)
    (data.folder / "test_batch.bin").write_bytes(records["test_batch"][:-1])
    with pytest.raises(DataError, match="test_batch of CIFAR-10 is damaged"):
        load(data, "test")
    flipped = bytes([records["test_batch"][0] ^ 1]) + records["test_batch"][1:]
    (data.folder / "test_batch.bin").write_bytes(flipped)
    with pytest.raises(DataError, match="test_batch of CIFAR-10 is damaged"):
        load(data, "test")


def test_cifar_from_its_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, records = small_cifar(tmp_path / "c", monkeypatch)
    inner = tmp_path / "cifar-10-batches-bin"
    inner.mkdir()
    for name, content in records.items():
        (inner / f"{name}.bin").write_bytes(content)
    path = data.folder / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(inner, "cifar-10-batches-bin")
    check_cifar(data, records)
    shutil.rmtree(tmp_path / "cache")
    path.write_bytes(path.read_bytes()[:-40000])
    with pytest.raises(DataError, match="damaged"):
        load(data, "test")


def test_cifar_from_sprites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, records = small_cifar(tmp_path / "c", monkeypatch)
    labels: list[int] = []
    for name, content in records.items():
        table = np.frombuffer(content, np.uint8).reshape(4, 3073)
        labels += table[:, 0].tolist()
        Image.fromarray(table[:, 1:].reshape(4, 3, 1024).transpose(0, 2, 1).copy()).save(data.folder / f"{name}.png")
    (data.folder / "train_lables.json").write_text(json.dumps(labels[:20]))
    (data.folder / "test_labels.json").write_text(json.dumps(labels[20:]))
    assert from_sprite(data.folder, "data_batch_3") == records["data_batch_3"]
    check_cifar(data, records)
    (data.folder / "test_labels.json").write_text(json.dumps(labels[20:-1]))
    with pytest.raises(DataError, match="has 3 labels"):
        from_sprite(data.folder, "test_batch")


def test_short_words() -> None:
    assert short_word("folder:/a/b c/") == "b-c"
    assert short_word("folder:///") == "data"
    assert short_word("hf:org/name") == "name"


def test_a_mapped_stream_goes_on_where_it_was(pets: Path) -> None:
    data = find(f"folder:{pets}")
    split = load(data, "train")
    first, second = (Batches(split, data, batch=5, augment=Augment(shift=1), seed=seed) for seed in (1, 2))
    for _ in range(7):
        next(first)
    second.restore(*first.state())
    for _ in range(6):
        (left, _), (right, _) = next(first), next(second)
        assert torch.equal(left, right)


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A server on this machine for the files in ``tmp_path/site``."""
    (tmp_path / "site").mkdir()
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(tmp_path / "site")))
    with made, ThreadPoolExecutor(1) as pool:
        pool.submit(made.serve_forever)
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def published() -> Dataset:
    """MNIST, as if its makers had published the files of our package."""
    mnist = find("mnist")
    assert isinstance(mnist.source, IdxFiles)
    train, test = (
        tuple(replace(file, sha256=file.repacked) for file in part) for part in (mnist.source.train, mnist.source.test)
    )
    source = replace(mnist.source, train=(train[0], train[1]), test=(test[0], test[1]), package="")
    return replace(mnist, source=source)


def test_files_are_downloaded_once_and_checked(tmp_path: Path, own_cache: Path, site: str) -> None:
    mnist = published()
    assert isinstance(mnist.source, IdxFiles)
    data = replace(mnist, name="far", folder=own_cache / "far", source=replace(mnist.source, site=site))
    with pytest.raises(DataError, match="cannot be downloaded: File not found") as caught:
        load(data, "test")
    assert caught.value.attempt == f"put t10k-images-idx3-ubyte.gz into {own_cache / 'far'}"
    for path in mnist.folder.glob("t10k*"):
        shutil.copy(path, tmp_path / "site")
    assert np.array_equal(load(data, "test").images, load(mnist, "test").images)
    shutil.rmtree(tmp_path / "site")
    assert len(load(data, "test").labels) == 10_000
    assert sorted(path.name for path in (own_cache / "far").iterdir()) == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]


def test_another_file_than_the_one_that_was_published_is_refused(tmp_path: Path, own_cache: Path, site: str) -> None:
    mnist = published()
    assert isinstance(mnist.source, IdxFiles)
    data = replace(mnist, name="far", folder=own_cache / "far", source=replace(mnist.source, site=site))
    (tmp_path / "site" / "t10k-images-idx3-ubyte.gz").write_bytes(b"another")
    with pytest.raises(DataError, match="has changed: its checksum does not match"):
        load(data, "test")
    assert list((own_cache / "far").iterdir()) == []


def test_nothing_is_downloaded_into_a_folder_of_the_users_own(tmp_path: Path, site: str) -> None:
    mnist = published()
    assert isinstance(mnist.source, IdxFiles)
    shutil.copytree(mnist.folder, tmp_path / "site", dirs_exist_ok=True)
    data = replace(mnist, name="far", folder=tmp_path / "mine", source=replace(mnist.source, site=site))
    with pytest.raises(DataError, match=r"mine/t10k-images-idx3-ubyte\.gz cannot be read"):
        load(data, "test")
