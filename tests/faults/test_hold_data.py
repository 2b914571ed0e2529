"""Data sets that claim more than they are: refused or read within a second and 300 MB, whatever they claim."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clock
import convscope as cs
from convscope.budget import question
from convscope.data import DATASETS, find
from convscope.data.audit import Audit, Listed
from convscope.data.decoding import Room
from convscope.data.folder import Entry, divided
from convscope.data.image import fitted, open_image, seen
from convscope.data.preparation import read_image
from convscope.errors import DataError, ImageError, LimitError
from faults.hold_data import (
    COLOURS,
    REFUSED,
    TAKEN,
    archive,
    encoded,
    header,
    jpeg_progressive,
    npz_bomb,
    png_bomb,
    png_bomb_clear,
)
from faults.limits import answered, in_memory, refused

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "set").mkdir()
    yield tmp_path / "set"
    subprocess.run(["rm", "-rf", tmp_path / "set"], check=True)  # pytest cannot remove what is 3,000 deep


@pytest.mark.parametrize("made", REFUSED.values(), ids=REFUSED)
def test_a_set_that_claims_too_much_is_refused(place: Path, made: Callable[[Path], str]) -> None:
    name = made(place)
    assert isinstance(refused(lambda: find(name)), DataError | LimitError)


@pytest.mark.parametrize("made", TAKEN.values(), ids=TAKEN)
def test_a_set_of_large_images_is_read_one_at_a_time(place: Path, made: Callable[[Path], str]) -> None:
    name = made(place)
    assert answered(lambda: find(name)).counts == {"train": 4, "test": 2}


@pytest.mark.parametrize("made", [png_bomb, png_bomb_clear, jpeg_progressive])
def test_an_image_for_a_net_of_digits_is_no_dearer(place: Path, made: Callable[[Path], str]) -> None:
    made(place)
    (path,) = (place / "ant").glob("x.*")
    message = str(refused(lambda: read_image(path, DATASETS["mnist"])))
    assert "more pixels than a file of its size can plausibly hold" in message


def test_a_limit_that_is_raised_holds_in_every_thread(place: Path) -> None:
    name = png_bomb_clear(place)
    with pytest.raises(DataError, match="2 files that cannot be used"):
        find(name)
    with cs.raise_limits(2):
        assert find(name).counts == {"train": 4, "test": 2}


def test_the_error_names_the_array_and_the_limit(place: Path) -> None:
    name = npz_bomb(place)
    with pytest.raises(LimitError, match=r"a\.npz: ") as caught:
        find(name)
    assert "--raise-limits" in caught.value.attempt


@pytest.mark.parametrize("fortran", [False, True])
def test_60_000_images_packed_ten_to_one_are_read(place: Path, *, fortran: bool) -> None:
    images = np.zeros((60_000, 28, 28), np.uint8)
    images[:, :2] = np.random.default_rng(0).integers(0, 256, (60_000, 2, 28), dtype=np.uint8)
    ordered = np.asfortranarray(images) if fortran else images
    np.savez_compressed(place / "a.npz", images=ordered, labels=np.arange(60_000) % 10)
    assert images.nbytes > 8 * (place / "a.npz").stat().st_size
    assert in_memory(lambda: find(f"npz:{place / 'a.npz'}")).counts == {"train": 43_200, "val": 4_800, "test": 12_000}


def test_arrays_say_what_they_are_before_they_are_unpacked(place: Path) -> None:
    images = header("|u1", (4, 8, 8)) + bytes(256)
    labels = header("<i8", (4,)) + np.arange(4).astype("<i8").tobytes()
    for odd, message in (
        ({"labels": labels[:-1]}, "labels.npy is int64"),
        ({"images": images + b"x"}, "images.npy is uint8"),
        ({"images": header("|u1", (-4, 8, 8))}, "images.npy is uint8"),
        ({"images": b"\x93NUMPY\x03\x00" + images[8:]}, "version"),
        ({"images": b"\x80\x04."}, "damaged"),
        ({"labels": header("<f8", (4,)) + bytes(32)}, "its labels are float64"),
        ({"classes": header("|O", (2,)) + bytes(16)}, "Python objects"),
    ):
        name = archive(place / "a.npz", {"images": images, "labels": labels, **odd})
        with pytest.raises(DataError, match=message):
            find(name)
    assert find(archive(place / "a.npz", {"images": images, "labels": labels})).classes == ("0", "1", "2", "3")


def test_a_folder_is_read_once_however_it_is_reached(place: Path) -> None:
    for label, colours in COLOURS.items():
        (place / label / "inner").mkdir(parents=True)
        for at, colour in enumerate(colours):
            Image.new("RGB", (8, 8), colour).save(place / label / "inner" / f"{at}.png")
    (place / "ant" / "back").symlink_to(place)
    (place / "cow").symlink_to(place / "bee" / "inner")
    data = find(f"folder,skip_bad:{place}")
    assert sum(data.counts.values()) == 4
    assert data.notes["skipped"] == {
        "ant/back": "is a link that leads back to a folder above it",
        "cow": "leads to the same folder as bee/inner",
    }


def test_an_audit_of_many_copies_is_linear() -> None:
    def took(groups: int) -> float:
        copies = tuple((Listed("train", f"{at}a", "x"), Listed("train", f"{at}b", "x")) for at in range(groups))
        found = Audit("d", (1, 8, 8), {"train": {"x": 2 * groups}}, {}, {}, (), copies, ())
        assert f"{groups:,}  other duplicates" in str(found)
        return clock.best(lambda: str(found), 1)

    took(100)
    assert took(32_000) < 1


def test_a_group_of_many_copies_is_one_line_that_can_be_read() -> None:
    group = tuple(Listed("train", str(at), "x") for at in range(34_000))
    said = str(Audit("d", (1, 8, 8), {"train": {"x": 34_000}}, {}, {}, (), (group,), ()))
    assert "train 9 (x) = 33,990 more" in said
    assert len(said) < 1000


def test_dividing_many_classes_is_linear(tmp_path: Path) -> None:
    entries = [Entry(tmp_path, f"{at // 2}/{at}.png", "", str(at // 2), 0, 0) for at in range(40_000)]
    assert {name: len(part) for name, part in divided(entries).items()} == {"train": 20_000, "test": 20_000}
    assert clock.best(lambda: divided(entries), 1) < 1


def test_the_header_of_a_png_is_read_without_its_pixels(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encoded((9000, 9000), "PNG"))
    found = answered(lambda: seen(tmp_path / "x.png"))
    assert found
    assert found.height == 9000
    assert clock.best(lambda: seen(tmp_path / "x.png"), 0.2) < 0.2


def test_a_large_jpeg_that_is_worth_it_is_read_smaller(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    ramp = Image.linear_gradient("L").resize((8400, 7600))
    whole = Image.merge("RGB", [ramp, ramp.transpose(Image.Transpose.FLIP_TOP_BOTTOM), ramp])
    whole.save(path, quality=85)
    with pytest.raises(ImageError, match="more pixels than a file of its size"):
        open_image(path)
    found = open_image(path, (64, 64))
    assert found.size == (4200, 3800)
    small = fitted(found, (3, 64, 64)).astype(int)
    true = fitted(whole, (3, 64, 64)).astype(int)
    assert np.abs(small - true).max() <= 3
    with pytest.raises(ImageError, match="more pixels"):
        open_image(path, (4096, 4096))


def test_large_images_wait_for_each_other() -> None:
    room = Room(10)
    with room.taken(6):
        assert room.used == 6
        with room.taken(4):
            assert room.used == 10
    with room.taken(100):
        assert room.used == 100
    assert room.used == 0


def test_16_bits_transparency_and_turns_are_the_same_in_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x112] = 6
    whole = Image.fromarray(draw.integers(0, 256, (50, 70, 4), dtype=np.uint8))
    deep = Image.fromarray(draw.integers(0, 65536, (50, 70)).astype(np.uint16))
    images = [whole, whole.convert("P"), whole.convert("CMYK"), whole.convert("LA"), deep]
    for at, image in enumerate(images):
        path = tmp_path / (f"{at}.tif" if image.mode == "CMYK" else f"{at}.png")
        image.save(path, exif=exif)
        at_once = open_image(path)
        monkeypatch.setattr("convscope.data.image.TILE", 16)
        assert open_image(path).tobytes() == at_once.tobytes()
        assert at_once.size == (50, 70)
        monkeypatch.undo()


def test_what_a_question_counts_apart_is_not_a_part_of_another(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encoded((5000, 5000), "PNG"))
    with question() as budget:
        for _ in range(3):
            read_image(path, replace(DATASETS["mnist"], ink=False))
        assert budget.held == 0
        assert budget.spent == 0
