"""One preparation for one image: predictions, evaluation, figures and exported files give a net the same pixels."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import convscope as cs
from convscope.cli import run as command
from convscope.data import DATASETS, load
from convscope.data.preparation import Preparation, ground_of, prepared
from convscope.data.strokes import strokes
from convscope.training.run import Run

TEST = load(DATASETS["mnist"], "test")
ROWS, COLUMNS = np.mgrid[:240, :320]
PAPER, INK = 210.0, 40.0
STROKES = Preparation((1, 28, 28), ink=True, ground="dark")


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def ink(number: int, side: int = 150, left: int = 90, top: int = 45) -> NDArray[np.float64]:
    """Where a test digit covers the paper, 0 to 1."""
    found = np.zeros((240, 320))
    digit = Image.fromarray(np.array(TEST.images[number, 0])).resize((side, side), Image.Resampling.BICUBIC)
    found[top : top + side, left : left + side] = np.clip((np.asarray(digit) - 100.0) / 40, 0, 1)
    return found


def photo(where: NDArray[np.float64], light: Any = 1.0) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 3, where.shape)
    return Image.fromarray(np.clip((PAPER * (1 - where) + INK * where) * light + noise, 0, 255).astype(np.uint8))


SHADOW = np.where(COLUMNS + 0.4 * ROWS < 200, 0.5, 1.0)
SQUARES = np.where((ROWS % 20 < 1) | (COLUMNS % 20 < 1), 0.7, 1.0)
DESK = np.where(COLUMNS > 280, 0.35, 1.0)
FRAME = np.where((ROWS < 15) | (ROWS > 225) | (COLUMNS < 15) | (COLUMNS > 305), 0.08, 1.0)
LIGHTS = {"even": 1.0, "shadow": SHADOW, "squares": SQUARES, "desk": DESK, "frame": FRAME}


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("number", [0, 4])
def test_a_digit_is_found_in_a_photo(number: int, light: str) -> None:
    where = ink(number)
    found = strokes(photo(where, LIGHTS[light]))
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    assert len(found) == 1
    assert found[0].dark
    assert found[0].box == pytest.approx((rows[0], columns[0], rows[-1] + 1, columns[-1] + 1), abs=6)


@pytest.mark.parametrize("light", LIGHTS)
def test_paper_without_a_digit_shows_nothing(light: str) -> None:
    assert strokes(photo(np.zeros((240, 320)), LIGHTS[light])) == ()


def test_a_speck_is_not_a_digit() -> None:
    where = ink(0)
    where[200:203, 20:23] = 1
    assert len(strokes(photo(where))) == 1


def test_yellow_ink_and_white_strokes_on_nothing() -> None:
    where = ink(0)[..., None]
    yellow = np.array([210.0, 210.0, 200.0]) * (1 - where) + np.array([225.0, 205.0, 40.0]) * where
    white = np.dstack([np.full((240, 320, 3), 255.0), 255 * where])
    for image in (yellow, white):
        found = strokes(Image.fromarray(image.astype(np.uint8)))
        assert len(found) == 1
        assert found[0].box[2] - found[0].box[0] > 80


def test_digits_are_read_in_order(tmp_path: Path, short_run: Run) -> None:
    where = ink(0, 84, 210, 10) + ink(2, 84, 20, 14) + ink(3, 84, 120, 130)  # 1 7 in a line, 0 below
    photo(where).save(tmp_path / "x.png")
    found = cs.predict(short_run, tmp_path / "x.png")
    assert [one.label for one in found] == ["1", "7", "0"]
    assert [one.place for one in found] == [(1, 3), (2, 3), (3, 3)]
    assert "x.png, digit 2 of 3: 7" in str(found[1])
    assert "x.png shows 1 7 0" in found.told()


def test_a_blank_photo_is_answered_with_nothing(
    tmp_path: Path, short_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    photo(np.zeros((240, 320)), SHADOW).save(tmp_path / "a.png")
    photo(ink(0)).save(tmp_path / "b.png")
    assert command(["predict", str(short_run.path), str(tmp_path), "--show", str(tmp_path / "given.svg")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("a.png: nothing here   (no strokes of a pen stand out)")
    assert "b.png: 7 " in second
    drawing = (tmp_path / "given.svg").read_text(encoding="utf-8")
    assert "nothing here" in drawing
    assert drawing.count("<image") == 1
    assert command(["predict", str(short_run.path), str(tmp_path / "a.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "convscope/predict/4"
    assert told["preparation"] == {"size": "28x28x1", "strokes": True, "background": "dark"}
    assert told["images"][0] | {"image": ""} == {
        "image": "", "class": None, "likeliest": None, "sure": False, "unlike": None, "distance": None,
        "probabilities": {},
        "box": None, "digit": 0, "digits": 0, "inverted": False,
    }  # fmt: skip


def test_evaluation_of_other_images_prepares_them_as_predictions_do(tmp_path: Path, short_run: Run) -> None:
    for at in range(60):
        for split in ("train", "test"):
            path = tmp_path / "mine" / split / str(TEST.labels[at]) / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - np.array(TEST.images[at, 0])).resize((56, 56)).save(path)
    read = cs.predict(short_run, tmp_path / "mine" / "test")
    right = sum(Path(one.image).parent.name == one.label for one in read)
    found = cs.evaluate(short_run, data=f"folder:{tmp_path / 'mine'}")
    assert (found.hits, found.count) == (right, 60)
    assert right >= 50
    labels = np.asarray(TEST.labels[:60])
    np.savez(
        tmp_path / "x.npz", x_train=255 - TEST.images[:60], y_train=labels, x_test=255 - TEST.images[:60], y_test=labels
    )
    plain = cs.evaluate(short_run, data="mnist")
    assert cs.evaluate(short_run, data=f"npz:{tmp_path / 'x.npz'}").accuracy == pytest.approx(plain.accuracy, abs=0.07)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run on bright shapes on dark ground, and the folder of ``light`` and ``dark`` images."""
    root, draw = tmp_path_factory.mktemp("shapes"), np.random.default_rng(0)
    for label, name in enumerate(("bar", "disc", "cross")):
        for at in range(40):
            yy, xx = np.mgrid[:28, :28] - np.array([14, 14]).reshape(2, 1, 1) + draw.integers(-3, 4, (2, 1, 1))
            inside = (abs(yy) < 10) & (abs(xx) < 10)
            shape = inside & [abs(xx) < 3, yy**2 + xx**2 < 60, (abs(xx) < 2) | (abs(yy) < 2)][label]
            image = (shape * 220 + draw.integers(0, 20, (28, 28))).astype(np.uint8)
            for kind, pixels in (("light", image), ("dark", 255 - image)):
                path = root / kind / name / f"{at}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    net = "input 28x28x1, conv 8 5x5 s2 bn relu, conv 16 3x3 bn relu, gap, linear 3"
    return cs.train(net, data=f"folder:{root / 'light'}", epochs=100, out=root / "runs"), root


def test_the_background_of_the_training_images_decides(shapes: tuple[Run, Path]) -> None:
    run, root = shapes
    assert cs.load_run(run.path).dataset.ground == "dark"
    for kind, inverted in (("light", 0), ("dark", 120)):
        found = cs.predict(run, root / kind)
        assert np.mean([Path(one.image).parent.name == one.label for one in found]) > 0.95
        assert sum(one.inverted for one in found) == inverted
    assert "120 of 120 images inverted: the background of the training images is dark, theirs is light" in found.told()
    assert cs.evaluate(run, data=f"folder:{root / 'dark'}").accuracy > 0.95


def test_an_exported_file_prepares_images_as_its_run(shapes: tuple[Run, Path], tmp_path: Path) -> None:
    run, root = shapes
    assert command(["export", str(run.path), "-o", str(tmp_path / "net.onnx")]) == 0
    for path in ("light/bar/0.png", "dark/disc/1.png", "light/cross/2.png"):
        told = [str(cs.look(source, "saliency", image=root / path)) for source in (run, str(tmp_path / "net.onnx"))]
        assert told[0].splitlines()[0].partition(",")[0] == told[1].splitlines()[0].partition(",")[0]
        assert f"attributions for {Path(path).parent.name} " in told[1]


def test_the_class_of_an_image_of_ones_own_is_not_known(shapes: tuple[Run, Path]) -> None:
    run, root = shapes
    line = str(cs.look(run, "mistakes", image=root / "light/disc/0.png")).splitlines()[1]
    assert line.startswith("predicted  disc, then ")
    assert "true" not in line
    assert "the class of this image is not known" in line


def test_backgrounds_that_differ_decide_nothing() -> None:
    dark, light = np.full((10, 1, 8, 8), 10, np.uint8), np.full((10, 1, 8, 8), 250, np.uint8)
    assert (ground_of(dark), ground_of(light), ground_of(np.concatenate([dark, light]))) == ("dark", "light", "")
    noise = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8), dtype=np.uint8)
    assert ground_of(noise) == ""


def test_an_image_in_the_form_of_the_training_images_is_used_as_it_is(tmp_path: Path) -> None:
    for number in range(20):
        for pixels, inverted in ((TEST.images[number, 0], False), (255 - TEST.images[number, 0], True)):
            Image.fromarray(np.array(pixels)).save(tmp_path / "x.png")
            (found,) = prepared(tmp_path / "x.png", STROKES)
            assert (found.pixels == TEST.images[number]).all()
            assert found.inverted is inverted
