"""Folders and arrays of a user's own: which classes and splits they have, what is left out, and that it is told."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.cli import run as command
from convscope.data import find, load
from convscope.data.classes import near, numbers_of, ordered
from convscope.data.image import open_image
from convscope.data.splits import split_of
from convscope.errors import DataError, ImageError

DRAW = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


def noise(*shape: int) -> NDArray[np.uint8]:
    return DRAW.integers(0, 256, shape or (8, 8, 3), dtype=np.uint8)


def put(path: Path, count: int = 2, ending: str = ".png", **options: Any) -> None:
    """Some images in a folder."""
    path.mkdir(parents=True, exist_ok=True)
    for at in range(count):
        Image.fromarray(noise()).save(path / f"{at}{ending}", **options)


def error_of(name: str | Path) -> DataError:
    with pytest.raises(DataError) as found:
        find(str(name))
    return found.value


def test_whole_numbers_are_in_the_order_of_their_values(tmp_path: Path) -> None:
    for name in range(12):
        put(tmp_path / "set" / str(name))
    assert find(f"folder:{tmp_path / 'set'}").classes == tuple(map(str, range(12)))
    assert ordered(["10", "9", "a"]) == ["10", "9", "a"]  # one name is no number
    assert ordered(["01", "1", "0"]) == ["0", "01", "1"]
    assert ordered(["٣", "10"]) == ["10", "٣"]  # digits of another script are letters here


def test_a_class_is_its_name_wherever_it_stands() -> None:
    assert numbers_of(["10", "2"], ["0", "1", "10", "2"], "x") == [2, 3]
    with pytest.raises(DataError, match='x has a class "0", which the net was not trained on') as found:
        numbers_of(["0", "1"], ["T-shirt/top", "Trouser"], "x")  # not by its place
    assert found.value.expected == "some of T-shirt/top, Trouser"
    with pytest.raises(DataError) as found:
        numbers_of(["cat"], ["Cat", "Dog"], "x")
    assert found.value.attempt == 'call it "Cat", as in training'
    assert near("a-b", ["A b", "ab"]) == ""  # either may be meant


SPLITS = [
    ("training", "testing"), ("Training", "Test"), ("train_set", "test_set"), ("seg_train", "seg_test"),
    ("TRAIN", "val"), ("trainset", "dev"), ("train-images", "validation images"), ("train2017", "val2017"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), SPLITS)
def test_folders_named_after_splits_are_no_classes(first: str, second: str, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        put(tmp_path / first / label, 3)
        put(tmp_path / second / label, 2)
    found = find(f"folder:{tmp_path}")
    assert (found.classes, found.counts) == (("cat", "dog"), {"train": 6, "test": 4})


@pytest.mark.parametrize("name", ["trainer", "test tube", "contest", "valley", "protest set", "train test", "", "set"])
def test_other_folders_hold_no_split(name: str) -> None:
    assert split_of(name) == ""


def test_splits_without_one_for_training_are_an_error(tmp_path: Path) -> None:
    for split in ("val", "test"):
        put(tmp_path / split / "cat")
        put(tmp_path / split / "dog")
    assert "has folders for test, val, and none for training" in error_of(f"folder:{tmp_path}").what
    put(tmp_path / "more" / "cat")
    assert "has folders for test, val, and none for training" in error_of(f"folder:{tmp_path}").what


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for label in ("bus", "car", "train"):
        put(tmp_path / label)
    assert find(f"folder:{tmp_path}").classes == ("bus", "car", "train")


def test_a_name_that_differs_by_a_capital_is_pointed_at(tmp_path: Path) -> None:
    for split, label in (("train", "Cat"), ("train", "Dog"), ("test", "cat"), ("test", "Dog")):
        put(tmp_path / split / label)
    error = error_of(f"folder:{tmp_path}")
    assert "no training images of the class cat" in error.what
    assert error.attempt == "give the folders cat and Cat one name"


def test_a_folder_that_lies_one_level_too_deep_is_pointed_at(tmp_path: Path) -> None:
    put(tmp_path / "pets" / "cat")
    put(tmp_path / "pets" / "dog")
    error = error_of(f"folder:{tmp_path}")
    assert "has one class, pets" in error.what
    assert error.attempt == f"folder:{tmp_path / 'pets'}, whose folders may be the classes"
    assert find(f"folder:{tmp_path / 'pets'}").classes == ("cat", "dog")
    (tmp_path / "pets" / "dog" / "0.png").unlink()
    (tmp_path / "pets" / "dog" / "1.png").unlink()
    (tmp_path / "pets" / "dog").rmdir()
    assert not error_of(f"folder:{tmp_path}").attempt


def test_what_is_left_out_is_counted_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, ending in (("cat", ".jpg"), ("dog", ".png"), ("fish", ".jfif")):
        put(tmp_path / "set" / label, 4, ending, format="PNG" if ending == ".png" else "JPEG")
    (tmp_path / "set" / "dog" / "labels.txt").write_text("not meant as an image", encoding="utf-8")
    (tmp_path / "set" / "dog" / "movie.mp4").touch()
    (tmp_path / "set" / "hawk").mkdir()
    for at in range(5):
        (tmp_path / "set" / "hawk" / f"{at}.HEIC").touch()
    found = find(f"folder:{tmp_path / 'set'}")
    assert found.classes == ("cat", "dog", "fish")
    assert found.notes["left_out"] == {"dog": {".mp4": 1}, "hawk": {".heic": 5}}
    assert found.notes["empty"] == ["hawk"]
    assert command(["data", "check", f"folder:{tmp_path / 'set'}"]) == 1
    told = capsys.readouterr().out
    assert "hawk: 5 .heic" in told
    assert "labels" not in told
    net = "input 8x8x3, conv 4 3x3 s2 relu, linear 3"
    args = ["train", net, "--data", f"folder:{tmp_path / 'set'}", "-o", str(tmp_path / "runs"), "--no-report"]
    assert command(args) == 0
    told = capsys.readouterr().err
    assert "warning: 6 files are not read as images: dog: 1 .mp4; hawk: 5 .heic" in told
    assert "warning: no images in the folder of hawk" in told


def test_test_images_that_are_training_images_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("a", "b"):
        put(tmp_path / "set" / label, 20)
        for path in list((tmp_path / "set" / label).iterdir()):
            Image.open(path).save(path.with_name(f"{path.stem} copy.bmp"))  # other bytes, so it is no copy of the file
    data = f"folder:{tmp_path / 'set'}"
    test = load(find(data), "test")
    learned = {image.tobytes() for image in load(find(data), "train").images}
    known = sum(image.tobytes() in learned for image in test.images)
    assert known > 0
    args = ["train", "input 8x8x3, conv 4 3x3 s2 relu, linear 2", "--data", data, "-o", str(tmp_path / "runs")]
    assert command([*args, "--no-report"]) == 0
    assert f"warning: {known} of 16 test images are training images, too" in capsys.readouterr().err


def test_a_video_alone_does_not_fail_a_check_and_an_unread_image_does(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        put(tmp_path / "set" / label, 3)
    (tmp_path / "set" / "dog" / "movie.mp4").touch()
    assert command(["data", "check", f"folder:{tmp_path / 'set'}"]) == 0
    (tmp_path / "set" / "dog" / "x.heif").touch()
    assert command(["data", "check", f"folder:{tmp_path / 'set'}"]) == 1


@pytest.mark.parametrize("ending", [".jfif", ".jpe", ".avif", ".jp2", ".ppm", ".pgm", ".bmp"])
def test_more_formats_are_images(ending: str, tmp_path: Path) -> None:
    pixels = np.full((16, 16), 90, np.uint8)
    path = tmp_path / f"x{ending}"
    form = {"format": "JPEG"} if ending in {".jfif", ".jpe"} else {}
    Image.fromarray(pixels).save(path, **form)
    assert np.asarray(open_image(path).convert("L")).mean() == pytest.approx(90, abs=3)


@pytest.mark.parametrize("form", ["AVIF", "JPEG2000", "PPM"])
def test_their_truncated_files_are_bad(form: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(file, form)
    content = file.getvalue()
    for share in (0.2, 0.5, 0.9, 0.99):
        (tmp_path / "cut").write_bytes(content[: int(share * len(content))])
        with pytest.raises(ImageError):
            open_image(tmp_path / "cut")


@pytest.mark.parametrize("largest", [200, 255, 256, 1000, 65535])
def test_sixteen_bits_are_sixteen_bits_whatever_the_largest_value_is(largest: int, tmp_path: Path) -> None:
    pixels = np.linspace(0, largest, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    Image.fromarray(pixels).save(tmp_path / "x.tif")
    for name in ("x.png", "x.tif"):
        assert int(np.asarray(open_image(tmp_path / name)).max()) == largest * 255 // 65535


@pytest.mark.parametrize(("largest", "expected"), [(1.0, 255), (0.5, 127), (255.0, 255), (100.0, 100)])
def test_floats_are_zero_to_one_or_zero_to_255(largest: float, expected: int, tmp_path: Path) -> None:
    Image.fromarray(np.linspace(0, largest, 64, dtype=np.float32).reshape(8, 8)).save(tmp_path / "x.tif")
    assert int(np.asarray(open_image(tmp_path / "x.tif")).max()) == expected


def test_floats_beyond_255_are_bad(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 300, np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(ImageError, match=r"x\.tif has floats up to 300"):
        open_image(tmp_path / "x.tif")


@pytest.mark.parametrize("stray", [b"\0\0", b"\0", b"abc", b"\xff", b"\xff\0"])
def test_a_jpeg_with_stray_bytes_between_its_segments_is_whole(stray: bytes, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(noise(32, 32, 3)).save(file, "JPEG")
    content = file.getvalue()
    (tmp_path / "stray.jpg").write_bytes(content[:20] + stray + content[20:])
    (tmp_path / "cut.jpg").write_bytes(content[:20] + stray + content[20:-2])
    assert open_image(tmp_path / "stray.jpg").size == (32, 32)
    with pytest.raises(ImageError, match="truncated"):
        open_image(tmp_path / "cut.jpg")


def saved(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


IMAGES, LABELS = DRAW.integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20) % 4


def test_arrays_that_do_not_go_together_are_told_in_words(tmp_path: Path) -> None:
    both = {"images": IMAGES, "labels": LABELS}
    assert "has one image" in error_of(saved(tmp_path / "one.npz", images=IMAGES[:1], labels=LABELS[:1])).what
    twice = error_of(saved(tmp_path / "twice.npz", **both, classes=np.array(["a", "a", "c", "d"])))
    assert 'has two classes called "a"' in twice.what
    names = np.array(list("abcd"), dtype=object)
    assert (
        "labels holds Python objects" in error_of(saved(tmp_path / "o.npz", images=IMAGES, labels=names[LABELS])).what
    )
    texts = error_of(saved(tmp_path / "s.npz", images=IMAGES, labels=np.array(list("abcd"))[LABELS]))
    assert "labels holds texts" in texts.what
    assert "numpy.unique" in texts.attempt
    floats = error_of(saved(tmp_path / "f.npz", images=IMAGES / 255, labels=LABELS))
    assert "(images * 255).round().astype(numpy.uint8)" in floats.attempt
    np.save(tmp_path / "a.npy", IMAGES)
    assert "holds one array" in error_of(f"npz:{tmp_path / 'a.npy'}").what
    learned = {"x_train": IMAGES, "y_train": LABELS % 3, "x_test": IMAGES, "y_test": LABELS}
    assert (
        'has test images of the class "3", and none for training' in error_of(saved(tmp_path / "t.npz", **learned)).what
    )


def test_names_of_bytes_and_capital_letters_are_taken(tmp_path: Path) -> None:
    names = np.array([b"a", "ö".encode(), b"c", b"d"])
    assert find(saved(tmp_path / "b.npz", images=IMAGES, labels=LABELS, classes=names)).classes == ("a", "ö", "c", "d")
    capital = {"X_train": IMAGES, "y_train": LABELS, "X_test": IMAGES[:8], "y_test": LABELS[:8]}
    assert find(saved(tmp_path / "c.npz", **capital)).counts == {"train": 20, "test": 8}


def test_a_fifth_of_each_class_is_for_testing(tmp_path: Path) -> None:
    labels = np.array([0] * 3 + [1] * 17)
    found = find(saved(tmp_path / "x.npz", images=IMAGES, labels=labels))
    assert np.bincount(load(found, "test").labels).tolist() == [1, 3]


def test_the_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("cat", "dog"):
        put(tmp_path / "set" / label, 3)
    (tmp_path / "set" / "dog" / "x.heif").touch()
    assert command(["data", "check", f"folder:{tmp_path / 'set'}", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "convscope/data-check/3"
    assert (told["left_out"], told["empty"]) == ({"dog": {".heif": 1}}, [])


@pytest.mark.parametrize("form", ["AVIF", "JPEG2000", "PPM"])
def test_a_small_file_of_many_pixels_is_refused_before_it_is_decoded(form: str, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, form)
    content, side = file.getvalue(), 9000
    if form == "AVIF":  # the box of the image's size
        at = content.index(b"ispe") + 8
        content = content[:at] + side.to_bytes(4, "big") * 2 + content[at + 8 :]
    elif form == "JPEG2000":  # boxes of the header, and SIZ of the stream: the image, then its tile
        content = content.replace((32).to_bytes(4, "big") * 2, side.to_bytes(4, "big") * 2)
    else:
        content = content.replace(b"32 32", b"9000 9000")
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ImageError, match="more pixels than a file of its size can plausibly hold"):
        open_image(tmp_path / "x")
