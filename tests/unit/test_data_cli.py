"""``convscope data check|show|stats``: every kind of finding planted and found."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from convscope.cli import run
from convscope.cli.data import data as group
from convscope.data import find
from convscope.data.audit import audit
from convscope.data.sheet import sheet
from convscope.data.stats import objects, stats


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes in two splits, eight files each; every image has an object of 6x3 at another place."""
    draw = np.random.default_rng(1)
    for split in ("train", "test"):
        for label in ("ant", "bee"):
            folder = tmp_path / "photos" / split / label
            folder.mkdir(parents=True)
            for at in range(8):
                pixels = np.full((16, 16, 3), 240, np.uint8)
                row, column = draw.integers(1, 9), draw.integers(1, 12)
                pixels[row : row + 6, column : column + 3] = draw.integers(0, 200, (6, 3, 3))
                Image.fromarray(pixels).save(folder / f"{at}.png")
    return tmp_path / "photos"


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = run(["data", *arguments])
    return status, capsys.readouterr().out


def test_a_good_set_passes(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = asked(capsys, "check", f"folder:{photos}")
    assert status == 0
    assert text.startswith(f"folder,16x16x3,skip_bad:{photos}: 16x16x3, 2 classes, 16 train, 16 test\n")
    assert text.endswith("passed\n")


def test_every_planted_fault_is_found(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = photos / "train", photos / "test"
    shutil.copy(train / "ant" / "1.png", train / "ant" / "again.png")  # a copy
    shutil.copy(train / "ant" / "2.png", test / "ant" / "seen.png")  # a leak
    shutil.copy(train / "ant" / "3.png", train / "bee" / "other.png")  # a conflict
    Image.new("RGB", (16, 16), "red").save(test / "bee" / "red.png")
    (train / "bee" / "torn.png").write_bytes((train / "bee" / "0.png").read_bytes()[:-9])
    status, text = asked(capsys, "check", f"folder:{photos}", "--json")
    found = json.loads(text)
    assert status == 1
    assert found["schema"] == "convscope/data-check/3"
    assert found["bad"] == {"train/bee/torn.png": "is truncated"}
    assert found["leaks"] == [["train train/ant/2.png (ant)", "test test/ant/seen.png (ant)"]]
    assert found["conflicts"] == [["train train/ant/3.png (ant)", "train train/bee/other.png (bee)"]]
    assert len(found["copies"]) == 3
    assert found["blank"] == ["test test/bee/red.png (bee)"]
    assert found["counts"]["train"] == {"ant": 9, "bee": 9}
    status, text = asked(capsys, "check", f"folder:{photos}")
    assert status == 1
    assert "     1  leaks: identical images in two splits\n        train train/ant/2.png (ant) = test" in text
    assert text.endswith("failed\n")


def test_copies_of_other_formats_and_colours_of_no_class(photos: Path) -> None:
    Image.open(photos / "train" / "ant" / "1.png").save(photos / "test" / "bee" / "same.bmp")
    for path in (photos / "test" / "ant").iterdir():
        path.unlink()
    found = audit(find(f"folder:{photos}"))
    assert found.leaks == found.conflicts
    assert len(found.leaks) == 1
    assert found.absent == ("test: ant",)


def test_stats(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = stats(find(f"folder:{photos}"))
    assert (found.objects.measured, found.objects.looked) == (16, 16)
    assert found.objects.height[1] == 6
    assert found.objects.width[1] == 3
    assert found.files["formats"] == {"PNG": 32}
    status, text = asked(capsys, "stats", f"folder:{photos}")
    assert status == 0
    assert "objects    6x3" in text
    assert "class  train  test\nant        8     8" in text
    status, text = asked(capsys, "stats", "mnist", "--json")
    found_json = json.loads(text)
    assert found_json["schema"] == "convscope/data-stats/2"
    assert found_json["object_height"][1] == 20  # the longer side of a digit of MNIST is 20


def test_objects_need_a_plain_ground() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 3, 9, 9), dtype=np.uint8)
    assert objects(noise).measured == 0
    assert "none of 5 images" in str(objects(noise))
    assert objects(np.zeros((5, 3, 9, 9), np.uint8)).measured == 0


def test_a_sheet_shows_the_images(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    assert asked(capsys, "show", f"folder:{photos}", "--out", str(out), "--each", "4") == (0, f"{out}\n")
    drawn = np.asarray(Image.open(out).convert("RGB"))  # twice as large as the drawing, in which a pixel is 2x2
    first = np.asarray(Image.open(photos / "train" / "ant" / "0.png"))
    grown = first.repeat(4, 0).repeat(4, 1)[:, :, 0].astype(int)
    places = sliding_window_view(drawn[:, :, 0].astype(int), grown.shape)
    corners = np.argwhere(np.abs(places[:, :, 0, 0] - grown[0, 0]) <= 1)
    assert sum(bool((np.abs(places[y, x] - grown) <= 1).all()) for y, x in corners) == 1
    svg = tmp_path / "sheet.svg"
    assert asked(capsys, "show", f"folder:{photos}", "--out", str(svg), "--each", "4") == (0, f"{svg}\n")
    assert svg.read_text(encoding="utf-8").count("<image") == 2 * 4
    assert run(["data", "show", f"folder:{photos}", "--out", str(tmp_path / "no" / "x.png")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_class_with_an_odd_name_is_drawn(photos: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (photos / split / "bee").rename(photos / split / "蜂 🐝")
    assert sheet(find(f"folder:{photos}"), tmp_path / "x.png").stat().st_size > 100
    assert ">蜂 🐝</text>" in sheet(find(f"folder:{photos}"), tmp_path / "x.svg").read_text(encoding="utf-8")


def test_every_command_has_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for name in group.commands:
        status, text = asked(capsys, name, "--help")
        assert status == 0
        assert "Examples:\n    convscope data " in text
