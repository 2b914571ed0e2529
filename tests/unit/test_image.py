"""Images that people bring."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convscope.data import DATASETS, load
from convscope.data.preparation import read_image
from convscope.errors import ImageError

MNIST = DATASETS["mnist"]
SEVEN = load(MNIST, "test").images[0, 0]


def close(path: Path, tolerance: float) -> None:
    """The image is read as the digit that it was made from."""
    found = read_image(path, MNIST)[0].astype(float)
    assert found.shape == (28, 28)
    difference = np.abs(found - SEVEN).mean() / 255
    assert difference < tolerance, difference


def save(tmp_path: Path, image: Image.Image, name: str = "x.png", **options: Any) -> Path:
    path = tmp_path / name
    image.save(path, **options)
    return path


def test_its_own_images_come_back(tmp_path: Path) -> None:
    close(save(tmp_path, Image.fromarray(SEVEN)), 0.001)


def test_dark_on_light_is_turned_round(tmp_path: Path) -> None:
    close(save(tmp_path, Image.fromarray(255 - SEVEN)), 0.001)


@pytest.mark.parametrize("size", [(10, 10), (100, 100), (640, 480), (300, 900)])
def test_any_size_and_place(tmp_path: Path, size: tuple[int, int]) -> None:
    side = min(size)
    digit = Image.fromarray(SEVEN).resize((side, side), Image.Resampling.BICUBIC)
    canvas = Image.new("L", size, 0)
    canvas.paste(digit, (size[0] - side, size[1] - side))
    close(save(tmp_path, canvas), 0.1 if side < 28 else 0.03)


def test_every_mode_of_a_file(tmp_path: Path) -> None:
    grey = Image.fromarray(255 - SEVEN)
    close(save(tmp_path, grey.convert("RGB"), "x.jpg", quality=95), 0.02)
    close(save(tmp_path, grey.convert("P")), 0.001)
    close(save(tmp_path, Image.fromarray(SEVEN).point(lambda v: 255 * (v > 127)).convert("1")), 0.06)
    close(save(tmp_path, Image.fromarray(SEVEN.astype(np.uint16) * 257)), 0.001)
    clear = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    clear.putalpha(Image.fromarray(SEVEN))
    close(save(tmp_path, clear), 0.001)


def test_a_turned_photo_is_put_upright(tmp_path: Path) -> None:
    turned = Image.fromarray(SEVEN).rotate(90, expand=True)  # counter-clockwise; orientation 6 says: turn clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    close(save(tmp_path, turned, "x.png", exif=exif), 0.001)


def test_what_is_no_image_says_so(tmp_path: Path) -> None:
    for content in (b"", b"text", b"\x89PNG\r\n\x1a\n"):
        path = tmp_path / "bad.png"
        path.write_bytes(content)
        with pytest.raises(ImageError):
            read_image(path, MNIST)
    with pytest.raises(ImageError, match="No such file"):
        read_image(tmp_path / "missing.png", MNIST)
    with pytest.raises(ImageError):
        read_image(tmp_path, MNIST)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp"])
def test_a_cut_image_is_an_error_and_never_a_guess(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    content = save(tmp_path, Image.fromarray(noise), f"x.{suffix}").read_bytes()
    for share in (0.05, 0.3, 0.5, 0.9):
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ImageError):
            read_image(path, MNIST)


def test_an_empty_page_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="shows nothing"):
        read_image(save(tmp_path, Image.new("L", (50, 50), 200)), MNIST)


def test_a_huge_image_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = save(tmp_path, Image.new("1", (20_000, 20_000)))
    assert path.stat().st_size < 100_000
    with pytest.raises(ImageError, match="pixels"):
        read_image(path, MNIST)
