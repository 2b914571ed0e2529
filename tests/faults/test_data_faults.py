"""Damaged, hostile and odd data: each fault is found, the message names the file, and the data stays as it is."""

import gzip
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.cli import run
from convscope.data import find, load
from convscope.data.idx import File, IdxFiles, read_idx
from convscope.data.image import fitted, open_image
from convscope.errors import DataError, ImageError
from faults.limits import refused

pytestmark = pytest.mark.faults

MNIST = find("mnist")
DRAW = np.random.default_rng(0)
FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "GIF": "gif", "TIFF": "tif"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pixels(height: int = 21, width: int = 30) -> NDArray[np.uint8]:
    """Smooth colours with a little noise, as photographs have."""
    rows, columns = np.mgrid[:height, :width]
    ramp = np.stack([rows * 9, columns * 7, rows * 3 + columns * 4], -1)
    return np.clip(ramp + DRAW.integers(0, 20, ramp.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for label in ("ant", "bee"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for at in range(5):
            Image.fromarray(pixels()).save(tmp_path / "photos" / label / f"{at}.png")
    return tmp_path / "photos"


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Content, time and mode of everything in a folder."""
    return {
        os.fsdecode(os.fsencode(path)): (
            hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest(),
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
        )
        for path in sorted(folder.rglob("*"))
    }


def damages(content: bytes, count: int) -> Iterator[bytes]:
    """Cuts at random places, then flips of random bits."""
    draw = random.Random(2)
    for _ in range(count):
        yield content[: draw.randrange(len(content))]
    for _ in range(count):
        damaged = bytearray(content)
        damaged[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        yield bytes(damaged)


def idx_files() -> tuple[File, ...]:
    assert isinstance(MNIST.source, IdxFiles)
    return MNIST.source.test


@pytest.mark.parametrize("file", idx_files(), ids=lambda file: file.name)
def test_300_cuts_and_300_flips_of_a_packed_file_are_found(tmp_path: Path, file: File) -> None:
    path = tmp_path / file.name
    content, harmless = (MNIST.folder / file.name).read_bytes(), 0
    whole = gzip.decompress(content)
    for damaged in damages(content, 300):
        path.write_bytes(damaged)
        with suppress(DataError):
            found = read_idx(path, file)
            # when it was packed, or zeros copied from another place: the same numbers come out
            assert found.tobytes() == whole[-found.size :]
            harmless += 1
    assert harmless <= 12  # of 600


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_60_cuts_of_a_image_are_found(tmp_path: Path, form: str, mode: str) -> None:
    whole, path = tmp_path / f"whole.{FORMATS[form]}", tmp_path / f"cut.{FORMATS[form]}"
    Image.fromarray(pixels()).convert(mode).save(whole, form)
    content = whole.read_bytes()
    assert open_image(whole).size == (30, 21)
    draw = random.Random(3)
    ends = {len(content) - 1, len(content) - 2, *(draw.randrange(len(content)) for _ in range(60))}
    for end in ends:
        path.write_bytes(content[:end])
        with pytest.raises(ImageError, match=f"cut.{FORMATS[form]}"):
            open_image(path)


@pytest.mark.parametrize("form", FORMATS)
def test_flips_of_a_image_end_in_a_image_or_in_our_error(tmp_path: Path, form: str) -> None:
    whole, path = tmp_path / f"whole.{FORMATS[form]}", tmp_path / f"flipped.{FORMATS[form]}"
    Image.fromarray(pixels()).save(whole, form)
    found = 0
    flips = list(damages(whole.read_bytes(), 150))[150:]
    for damaged in flips:
        path.write_bytes(damaged)
        try:
            fitted(open_image(path), (3, 8, 8))
        except ImageError:
            found += 1
    assert found or form == "BMP"  # almost all of which is pixels
    if form == "PNG":
        assert found == len(flips)  # every part of a PNG has a checksum


def test_a_progressive_jpeg_with_a_thumbnail_and_a_tail_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9 ends nothing here"
    Image.fromarray(pixels()).save(path, progressive=True, exif=exif)
    path.write_bytes(path.read_bytes() + b"what a camera adds")
    assert open_image(path).size == (30, 21)


def test_every_bad_file_is_told_before_training(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "ant" / "empty.png").touch()
    (photos / "ant" / "text.jpg").write_text("no image")
    (photos / "bee" / "gone.png").symlink_to("nowhere")
    (photos / "bee" / "0.png").write_bytes((photos / "bee" / "0.png").read_bytes()[:-3])
    (photos / "lost.png").write_bytes((photos / "bee" / "1.png").read_bytes())
    os.mkfifo(photos / "bee" / "pipe.png")
    before = state(photos)
    bad = {"ant/empty.png", "ant/text.jpg", "bee/gone.png", "bee/0.png", "lost.png", "bee/pipe.png"}
    with pytest.raises(DataError, match="has 6 files that cannot be used") as caught:
        find(f"folder:{photos}")
    assert all(name in caught.value.given for name in bad)
    data = find(f"folder:{photos}", skip_bad=True)
    assert set(data.notes["skipped"]) == bad
    assert data.counts == {"train": 7, "test": 2}
    assert not bad & {name for split in data.splits for name in load(data, split).names}
    assert run(["data", "check", f"folder:{photos}"]) == 1
    assert run(["data", "stats", f"folder:{photos}"]) == 2
    assert "cannot be used" in capsys.readouterr().err
    assert state(photos) == before


def test_what_is_left_out_is_left_out_before_the_split(photos: Path) -> None:
    (photos / "ant" / "bad.png").write_text("no image")
    data = find(f"folder:{photos}", skip_bad=True)
    names = [load(data, split).names for split in data.splits]
    (photos / "ant" / "bad.png").unlink()
    clean = find(f"folder:{photos}")
    assert [load(clean, split).names for split in clean.splits] == names


def test_more_bad_files_than_a_message_holds(photos: Path) -> None:
    for at in range(300):
        (photos / "ant" / f"bad{at}.png").write_text("no image")
    error = refused(lambda: find(f"folder:{photos}"))
    assert "has 300 files" in str(error)
    assert "280 more" in str(error)


def test_sets_that_are_none(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "ant").mkdir(parents=True)
    for name, message in (
        ("empty", "has no images in class folders"),
        ("missing", "missing cannot be read: No such file"),
        ("photos/ant", "has no images in class folders"),
        ("photos/ant/0.png", "cannot be read: Not a directory"),
    ):
        error = refused(partial(find, f"folder:{tmp_path / name}"))
        assert message in str(error)
    for path in (photos / "bee").iterdir():
        path.unlink()
    assert "photos has one class, ant" in str(refused(lambda: find(f"folder:{photos}")))


def test_a_class_of_bad_files_only(photos: Path) -> None:
    for path in (photos / "bee").iterdir():
        path.write_text("no image")
    assert "no image of the class bee left for training" in str(
        refused(lambda: find(f"folder:{photos}", skip_bad=True))
    )


def test_a_class_that_is_only_tested(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "stated").mkdir()
    photos.rename(tmp_path / "stated" / "train")
    (tmp_path / "stated" / "test" / "elk").mkdir(parents=True)
    Image.fromarray(pixels()).save(tmp_path / "stated" / "test" / "elk" / "0.png")
    assert "no training images of the class elk" in str(refused(lambda: find(f"folder:{tmp_path / 'stated'}")))


def one_rule(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    return fitted(open_image(path), shape)


def test_one_rule_for_grey_alpha_sixteen_bits_cmyk_and_turned_images(tmp_path: Path) -> None:
    colours = pixels()
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    path = tmp_path / "x.png"

    Image.fromarray(grey).save(path)
    assert np.array_equal(one_rule(path, (3, 21, 30)), np.stack([grey] * 3))
    Image.fromarray(colours).save(path)
    assert np.array_equal(one_rule(path, (1, 21, 30))[0], grey)
    clear = np.dstack([colours, np.where(np.arange(30) < 15, 255, 0)[None].repeat(21, 0)]).astype(np.uint8)
    Image.fromarray(clear).save(path)
    seen = one_rule(path, (3, 21, 30)).transpose(1, 2, 0)
    assert np.array_equal(seen[:, :15], colours[:, :15])
    assert (seen[:, 15:] == 255).all()
    Image.fromarray(grey.astype(np.uint16) * 257).save(path)
    assert np.array_equal(one_rule(path, (1, 21, 30))[0], grey)
    cmyk = tmp_path / "x.tif"
    Image.fromarray(colours).convert("CMYK").save(cmyk)
    assert np.abs(one_rule(cmyk, (3, 21, 30)).transpose(1, 2, 0).astype(int) - colours).max() <= 1
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right
    Image.fromarray(colours).save(path, exif=exif)
    assert np.array_equal(one_rule(path, (3, 30, 21)).transpose(1, 2, 0), np.rot90(colours, -1))


def test_a_bomb_is_refused_by_its_header(photos: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 12000, 12000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    )
    (photos / "ant" / "bomb.png").write_bytes(bomb)
    error = refused(lambda: find(f"folder,16x16x3:{photos}"))
    assert "ant/bomb.png has 12000x12000 pixels" in str(error)


def test_links_are_followed_and_loops_are_told(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    Image.fromarray(pixels()).save(tmp_path / "more" / "9.png")
    (photos / "ant" / "inner").symlink_to(tmp_path / "more")
    (tmp_path / "herd").mkdir()
    Image.fromarray(pixels()).save(tmp_path / "herd" / "0.png")
    Image.fromarray(pixels()).save(tmp_path / "herd" / "1.png")
    (photos / "cow").symlink_to(tmp_path / "herd")
    assert find(f"folder:{photos}").classes == ("ant", "bee", "cow")
    (photos / "dog").symlink_to(photos / "bee")
    assert "dog leads to the same folder as bee" in str(refused(lambda: find(f"folder:{photos}")))
    (photos / "ant" / "loop").symlink_to(photos)
    (photos / "bee" / "self").symlink_to(photos / "bee" / "self")
    error = refused(lambda: find(f"folder:{photos}"))
    assert "ant/loop is a link that leads back" in str(error)
    assert find(f"folder:{photos}", skip_bad=True).classes == ("ant", "bee", "cow")


ODD = ["a b.png", "größe é.png", "new\nline.png", "-rf.png", "'\"$(x)`.png", "y" * 251 + ".png", "a\u202eb.png"]


def test_odd_names_of_files_work(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ODD:
        Image.fromarray(pixels()).save(photos / "ant" / name)
    raw = os.fsencode(photos / "bee") + b"/\xff\xfe.png"
    Path(os.fsdecode(raw)).write_bytes((photos / "ant" / "0.png").read_bytes())
    data = find(f"folder:{photos}")
    assert sum(data.counts.values()) == 10 + len(ODD) + 1
    names = {name for split in data.splits for name in load(data, split).names}
    assert {"ant/a b.png", "ant/größe é.png", "ant/new\\x0aline.png", "bee/\\xff\\xfe.png"} <= names
    assert all(name.isprintable() for name in names)
    Path(os.fsdecode(raw)).write_bytes(b"x")
    with pytest.raises(DataError, match="cannot be used") as caught:
        find(f"folder:{photos}")
    assert "bee/\\xff\\xfe.png is not an image" in str(caught.value)
    assert run(["data", "check", f"folder:{photos}"]) == 1
    assert "\\xff\\xfe.png is not an image" in capsys.readouterr().out


def test_odd_names_of_classes_and_folders(photos: Path, tmp_path: Path) -> None:
    (photos / "bee").rename(photos / "b\ne")
    assert find(f"folder:{photos}").classes == ("ant", "b\\x0ae")
    (photos / "b\\x0ae").mkdir()
    Image.fromarray(pixels()).save(photos / "b\\x0ae" / "0.png")
    assert "print alike" in str(refused(lambda: find(f"folder:{photos}")))
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    photos.rename(odd)
    assert "unprintable characters" in str(refused(lambda: find(f"folder:{odd}")))


def test_the_folder_stays_as_it_is(photos: Path, own_cache: Path, tmp_path: Path) -> None:
    for path in (photos, *photos.iterdir()):
        path.chmod(0o555)
    before = state(photos)
    assert run(["data", "check", f"folder:{photos}"]) == 0
    assert run(["data", "show", f"folder:{photos}", "--out", str(tmp_path / "sheet.png")]) == 0
    data = find(f"folder:{photos}")
    load(data, "train").images[:] = 0  # stays in memory
    assert load(data, "train").images.max() > 0
    assert state(photos) == before
    assert list(own_cache.iterdir()) == [own_cache / "prepared"]


def test_a_cache_that_cannot_be_written_says_so(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "file"))
    error = refused(lambda: find(f"folder:{photos}"))
    assert "cannot be written" in error.what
    assert "CONVSCOPE_CACHE" in error.attempt


LIMITED = """
import resource, sys
from convscope.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
sys.argv = ["convscope", "data", "stats", sys.argv[1]]
main()
"""


def test_a_full_disk_leaves_nothing_half_written(photos: Path, own_cache: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, f"folder:{photos}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in own_cache.rglob("*") if path.is_file()] == ["found.json"]
    assert find(f"folder:{photos}").counts == {"train": 8, "test": 2}


HELD = """
import sys
from convscope.cli import main
from convscope.data import prepared
def hold(*_):
    print("begun", flush=True)
    sys.stdin.read()
prepared._add = hold
main()
"""
"""The first rows are written, and then nothing happens any more."""


def test_a_killed_preparation_is_begun_again(photos: Path, own_cache: Path) -> None:
    words = [sys.executable, "-c", HELD, "data", "stats", f"folder:{photos}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.kill()
    assert list(own_cache.rglob(".draft-*/*.rows"))
    assert not list(own_cache.rglob("index.json"))
    assert sum(find(f"folder:{photos}").counts.values()) == 10
    assert not list(own_cache.rglob(".draft-*"))


def test_two_at_the_same_time_prepare_the_same(photos: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(find, [f"folder:{photos}"] * 4))
    assert all(data == found[0] for data in found)
    assert load(found[0], "train").images.shape == (8, 3, 21, 30)


@pytest.mark.parametrize("name", ["train.images.npy", "train.labels.npy", "train.names.json"])
def test_a_damaged_cache_says_so(photos: Path, own_cache: Path, name: str) -> None:
    data = find(f"folder:{photos}")
    (path,) = own_cache.rglob(name)
    content = path.read_bytes()
    for damaged in (content[:-9], content[:9], b""):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=f"{name} is damaged") as caught:
            load(data, "train")
        assert "remove the folder" in caught.value.attempt


def test_a_damaged_index_is_prepared_again(photos: Path, own_cache: Path) -> None:
    data = find(f"folder:{photos}")
    (path,) = own_cache.rglob("index.json")
    for damaged in (b"", b"{}", path.read_bytes()[:-20], path.read_bytes().replace(b'"rule": 1', b'"rule": 0')):
        path.write_bytes(damaged)
        assert find(f"folder:{photos}") == data


def test_damaged_arrays_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=DRAW.integers(0, 256, (40, 8, 8), dtype=np.uint8), labels=np.arange(40) % 4)
    content = path.read_bytes()
    assert find(f"npz:{path}").counts == {"train": 32, "test": 8}
    for damaged in list(damages(content, 60))[:60]:
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.npz"):
            find(f"npz:{path}")
