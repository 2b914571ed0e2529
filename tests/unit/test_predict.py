"""Predictions for folders of images."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.cli import run as command
from convscope.data import DATASETS, load
from convscope.errors import ImageError
from convscope.training import predict as predicting
from convscope.training.predict import image_files, predict, predict_files
from convscope.training.run import Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images in three folders, among other things."""
    test = load(DATASETS["mnist"], "test")
    for at, name in enumerate(("b.png", "a.PNG", "10/x.bmp", "10/deep/y.jpg", "2/z.webp", "c.gif")):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.images[at, 0]).save(path)
    for name in (".hidden.png", "notes.txt", "10/.cache/n.png"):
        path = tmp_path / "scans" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no image")
    (tmp_path / "scans" / "loop").symlink_to(tmp_path / "scans")
    return tmp_path / "scans"


def test_a_folder_is_walked_in_order(folder: Path) -> None:
    names = [str(path.relative_to(folder)) for path in image_files(folder)]
    assert names == ["a.PNG", "b.png", "c.gif", "10/x.bmp", "10/deep/y.jpg", "2/z.webp"]


def test_batches_change_nothing(folder: Path, short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict(short_run, folder)
    assert [Path(entry.image) for entry in whole] == list(image_files(folder))
    monkeypatch.setattr(predicting, "BATCH", 4)
    parts = predict(short_run, folder)
    assert [entry.image for entry in parts] == [entry.image for entry in whole]
    for one, other in zip(parts, whole, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_three_images_of_a_grey_net_are_not_one_in_colour(short_run: Run) -> None:
    images = load(DATASETS["mnist"], "test").images[:3]
    apart = [predict(short_run, image[0])[0].probabilities for image in images]
    assert [one.probabilities for one in predict(short_run, images[:, 0])] == [pytest.approx(one) for one in apart]
    assert len(predict(short_run, images[0])) == 1


def test_pixels_with_transparency_are_one_image(folder: Path, short_run: Run) -> None:
    """``np.asarray`` of a PNG with transparency has four channels, last."""
    pixels = np.asarray(Image.open(folder / "b.png").convert("RGBA"))
    true = predict(short_run, Image.fromarray(pixels))[0].probabilities
    for given in (pixels, pixels / 255, [pixels]):
        (found,) = predict(short_run, given)
        assert found.probabilities == pytest.approx(true)
    assert len(predict(short_run, np.stack([pixels, pixels]))) == 2


def test_a_file_that_is_given_twice_is_answered_twice(folder: Path, short_run: Run) -> None:
    found = predict(short_run, [folder / "b.png", folder / "a.PNG", folder / "b.png"])
    assert [Path(entry.image).name for entry in found] == ["b.png", "a.PNG", "b.png"]
    assert found[0].probabilities == pytest.approx(found[2].probabilities)


def test_bad_files_are_named_and_left_out_on_request(
    folder: Path, short_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bb.png").write_bytes((folder / "b.png").read_bytes()[:60])
    assert command(["predict", str(short_run.path), str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ImageError: {folder / 'bb.png'} ")
    assert command(["predict", str(short_run.path), str(folder), "--skip-bad"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 6
    assert err.startswith(f"not read: {folder / 'bb.png'} ")
    assert err.splitlines()[-1].startswith("6 images, ")
    assert err.endswith(" images/s; 1 could not be read\n")
    assert command(["predict", str(short_run.path), str(folder), "--skip-bad", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "convscope/predict/4"
    assert [Path(entry["image"]).name for entry in data["unreadable"]] == ["bb.png"]
    assert len(data["images"]) == 6
    assert data["images_per_second"] == pytest.approx(6 / data["seconds"])


def test_nothing_to_predict(tmp_path: Path, short_run: Run) -> None:
    with pytest.raises(ImageError, match="contains no images"):
        predict(short_run, tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match="none of 1 images can be read"):
        predict_files(short_run, tmp_path, skip_bad=True)
    with pytest.raises(ImageError, match="cannot be read"):
        predict(short_run, tmp_path / ("x" * 300))


def test_names_that_are_no_text_are_shown_on_one_line(
    folder: Path, short_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (b"new\nline.png", b"\xff\xfe.png"):
        (folder / "b.png").rename(folder / os.fsdecode(name))
        assert command(["predict", str(short_run.path), str(folder)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 6
        assert any("new\\x0aline.png: " in line or "\\xff\\xfe.png: " in line for line in lines)
        assert command(["predict", str(short_run.path), str(folder), "--json"]) == 0
        capsys.readouterr()
        (folder / os.fsdecode(name)).rename(folder / "b.png")
