"""What is not handwriting: textures, blocks, frames and screenshots show nothing, and digits stay."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from convscope.data import DATASETS, load
from convscope.data.clean import clean
from convscope.data.image import upright
from convscope.data.preparation import Preparation
from convscope.data.strokes import strokes
from convscope.data.texture import share, straight, widths, written

ROOT = Path(__file__).parents[2]
DRAW = np.random.default_rng(0)
TRAIN = load(DATASETS["mnist"], "train")
STROKES = Preparation((1, 28, 28), ink=True, ground="dark")


def digit(number: int, side: int = 200) -> NDArray[Any]:
    """Where a training digit covers the paper, 0 to 1, within its box."""
    large = Image.fromarray(np.array(TRAIN.images[number, 0])).resize((side, side), Image.Resampling.BICUBIC)
    found = np.clip((np.asarray(large.filter(ImageFilter.GaussianBlur(3)), dtype=np.float32) - 100) / 30, 0, 1)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def landscape() -> Image.Image:
    """Blurred noise with a horizon: hills, clouds and trees have strokes of every width."""
    noise = Image.fromarray(DRAW.integers(0, 256, (60, 80), dtype=np.uint8)).resize((640, 480))
    fine = Image.fromarray(DRAW.integers(0, 256, (240, 320), dtype=np.uint8)).resize((640, 480))
    return Image.blend(noise, fine, 0.3)


def windows() -> Image.Image:
    """Three boxes with thick borders on white, as in a screenshot."""
    found = Image.new("L", (640, 480), 250)
    for left in (40, 240, 440):
        ImageDraw.Draw(found).rectangle((left, 120, left + 160, 280), outline=20, width=30)
    return found


@pytest.mark.parametrize("image", [landscape(), windows(), Image.open(ROOT / "docs" / "images" / "field.png")])
def test_what_is_no_handwriting_shows_nothing(image: Image.Image) -> None:
    assert STROKES.images(image) == ()


def test_no_digit_is_taken_for_anything_else() -> None:
    for number in DRAW.choice(len(TRAIN.images), 100, replace=False):
        ink = digit(int(number))
        where = np.zeros((300, 400), np.float32)
        where[40 : 40 + ink.shape[0], 100 : 100 + ink.shape[1]] = ink
        found = [((40, 100, 40 + ink.shape[0], 100 + ink.shape[1]), ink)]
        assert len(written(found, where)) == 1, number


def test_a_block_a_frame_and_a_part_of_a_texture_are_refused_and_a_bar_is_not() -> None:
    ring = np.ones((90, 90), np.float32)
    ring[25:65, 25:65] = 0
    block, bar = np.ones((90, 90), np.float32), np.ones((90, 20), np.float32)
    for ink, kept in ((ring, 0), (block, 0), (bar, 1)):
        signal = np.zeros((200, 200), np.float32)
        signal[50 : 50 + ink.shape[0], 50 : 50 + ink.shape[1]] = ink
        box = (50, 50, 50 + ink.shape[0], 50 + ink.shape[1])
        assert len(written([(box, ink)], signal)) == kept
    signal[5:45, 60:190] = signal[150:195, 60:190] = 0.8  # more of the same contrast beside the bar
    assert share([(box, bar)], signal) < 0.5
    assert written([(box, bar)], signal) == []
    signal[5:45, 60:190] = signal[150:195, 60:190] = 0.3  # weaker, such as the lines of squared paper
    assert share([(box, bar)], signal) == 1.0
    signal[:, :20] = 0.8  # a frame
    assert share([(box, bar)], signal) == 1.0
    assert straight(bar > 0) == 1.0
    assert widths(bar > 0) == (0.0, pytest.approx(20 / 90, abs=0.03))


def test_a_noisy_pixel_does_not_make_the_box_of_a_digit_larger() -> None:
    ink = digit(4)
    where = np.zeros((480, 640), np.float32)
    where[100 : 100 + ink.shape[0], 200 : 200 + ink.shape[1]] = ink
    photo = np.full((480, 640), 210.0) - 170 * where
    photo += np.random.default_rng(2).normal(0, 2, photo.shape)
    photo[92, 190] = photo[105 + ink.shape[0], 215 + ink.shape[1]] = 180  # as sensors have them
    image = upright(Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)))
    (found,) = clean(image, strokes(image))
    assert found.box == pytest.approx((100, 200, 100 + ink.shape[0], 200 + ink.shape[1]), abs=3)


def test_paper_in_a_dark_frame_is_not_the_stroke() -> None:
    """A thin one covers less than the light paper around it, which has straight edges."""
    photo = np.full((480, 640), 18.0)
    photo[56:424, 56:584] = 212
    photo[150:332, 310:334] = 36
    (found,) = strokes(Image.fromarray(photo.astype(np.uint8)))
    assert found.dark
    assert found.box == pytest.approx((150, 310, 332, 334), abs=4)


def test_a_very_thick_digit_is_not_read_by_its_edges() -> None:
    """The strokes of this eight run into each other and are wider than the first window."""
    alpha, ink = np.zeros((480, 640), np.float32), digit(56286, 280)
    alpha[80 : 80 + ink.shape[0], 200 : 200 + ink.shape[1]] = ink
    white = np.full((480, 640, 3), 255, np.uint8)
    (found,) = strokes(Image.fromarray(np.dstack([white, (255 * alpha).astype(np.uint8)])))
    assert found.box == pytest.approx((80, 200, 80 + ink.shape[0], 200 + ink.shape[1]), abs=3)
