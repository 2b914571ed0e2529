"""Conversion of users' images to the form that a net was trained on."""

from __future__ import annotations

import io
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from convscope.data.decoding import afforded
from convscope.data.home import printable
from convscope.data.imagefile import TOLD, decode, kind_of, opened_image
from convscope.data.taken import MAX_BYTES
from convscope.data.truncated import cut_off
from convscope.errors import ImageError, LimitError, refuse_scarcity
from convscope.extras import missing_extra
from convscope.files import opened, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from convscope.core.shape import Shape
    from convscope.data.taken import Content

MAX_PIXELS = 100_000_000

QUARTER_TURNED = 5
"""EXIF orientations from this value on swap height and width."""

GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L")
"""Pillow's modes without colours."""

DEEP = ("I", "I;16", "I;16B", "I;16L", "F")
"""Pillow's modes for grey of more than 8 bits."""

TILE = 1024
"""Side of the tiles in which an image is converted [pixel]."""


def fitted(image: Image, shape: Shape) -> NDArray[np.uint8]:
    """Scale the full image to ``c h w`` (each axis independently, bicubic with antialiasing), grey or RGB."""
    channels, height, width = shape
    if channels == 1 and image.mode != "L":
        image = image.convert("L")
    small = np.asarray(_as(image.resize((width, height)), _mode(channels)), dtype=np.uint8)
    return small.reshape(height, width, channels).transpose(2, 0, 1).copy()


def _mode(channels: int) -> str:
    return "L" if channels == 1 else "RGB"


def _as(image: Image, mode: str) -> Image:
    """Convert an image; Pillow's own ``convert`` also copies images that have the mode already."""
    return image if image.mode == mode else image.convert(mode)


def open_image(path: Path, least: Sequence[int] = ()) -> Image:
    """Return the decoded image, grey (``L``) or ``RGB``, upright, 8 bits per channel, on white where it is transparent.

    EXIF's orientation is applied. 16 bits per channel are scaled to 8. CMYK and other colours become RGB; an animation
    is reduced to its first image. A JPEG too large for its file is read at a half, a quarter or an eighth of its size
    if it will be scaled to ``least``, height and width, anyway.

    Raises:
        ImageError: the file is missing, is not an image, is damaged or truncated, or is too large.
        MissingExtraError: Pillow is not installed.
    """
    return decoded(path, plain, least=least)


_Made = TypeVar("_Made")


def decoded(
    path: Path,
    made: Callable[[Image], _Made],
    ready: Callable[[Image], object] = lambda _: None,
    least: Sequence[int] = (),
    given: Content | None = None,
) -> _Made:
    """Return what ``made`` makes of an image file, once the file is complete and decoded.

    Args:
        path: the file, or the name of the image if its content is given.
        made: converts the decoded image.
        ready: called before the pixels are decoded.
        least: height and width to which it will be scaled, if it will be.
        given: returns the content of the file, or pixels.

    Raises:
        ImageError: the file is missing, is not an image, is damaged or truncated, or is too large.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise missing_extra("Pillow, which reads images,", "look") from None
    content = b""
    try:
        found = given() if given else read(path, MAX_BYTES)
        if not isinstance(found, bytes):
            return made(as_image(found))
        content = found
        with opened_image(content) as file:
            _check_size(file, path)
            with afforded(file, content, (least[0], least[1]) if least else None):
                ready(file)
                decode(file)
                _check_end(content, file.format or "", path)
                result = made(file)
                if result is not file:
                    file.close()  # its pixels are freed before the next large image is admitted
                return result
    except UnidentifiedImageError:
        what = kind_of(content) or "not an image"
        raise ImageError(f"{printable(path)} is {what}", expected=f"{TOLD}, whatever its name is") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{printable(path)} has too many pixels", expected="at most 100 million") from None
    except LimitError as error:
        raise ImageError(
            f"{printable(path)} has more pixels than a file of its size can plausibly hold: {error.what}",
            expected=error.expected,
            attempt=error.attempt,
        ) from None
    except ImageError as error:
        if printable(path) not in error.what:  # whatever rejected the pixels does not know their file
            error.what = f"{printable(path)} {error.what}"
        raise
    except Exception as error:  # noqa: BLE001 -- decoders may raise anything on damaged files
        refuse_scarcity(error)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageError(f"{printable(path)} cannot be read: {reason}") from None


@dataclass(frozen=True)
class Seen:
    """The facts in the header of an image file.

    Attributes:
        form: format, as Pillow names it.
        mode: mode of the pixels, as Pillow names it.
        height: height of the upright image [pixel].
        width: width of the upright image [pixel].
    """

    form: str
    mode: str
    height: int
    width: int

    @property
    def grey(self) -> bool:
        """Whether the image has no colours."""
        return self.mode in GREY


def seen(path: Path, given: Content | None = None) -> Seen | None:
    """Read the header of an image without decoding it; None if it cannot be read.

    Args:
        path: the file.
        given: returns its content, or pixels, if it is not a file of its own.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import ExifTags
    except ImportError:
        raise missing_extra("Pillow, which reads images,", "look") from None
    try:
        from PIL import Image

        content = given() if given else b""
        if not isinstance(content, bytes):
            return Seen("pixels", _mode(len(content)), *content.shape[1:])
        with (
            nullcontext(io.BytesIO(content)) if given else opened(path, most=MAX_BYTES) as file,
            opened_image(file) as image,
        ):
            # a PNG's EXIF may come after its pixels, so Pillow's own method would decode them
            turned = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1) >= QUARTER_TURNED
            height, width = (image.width, image.height) if turned else (image.height, image.width)
            return Seen(image.format or "", image.mode, height, width)
    except Exception as error:  # noqa: BLE001 -- decoding reports whatever is wrong with it
        refuse_scarcity(error)
        return None


def as_image(pixels: NDArray[np.uint8]) -> Image:
    """Return pixels ``c h w`` as an image."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)))


def upright(image: Image) -> Image:
    """Convert a decoded image to grey (``L``), ``RGB``, or ``RGBA`` if a part of it is transparent, upright, 8 bits."""
    image = _rotated(image)
    if not _transparent(image):
        return plain(image)
    found = _by_tiles(image, "RGBA", lambda part: part.convert("RGBA"))
    return _by_tiles(found, "RGB", _on_white) if found.getchannel("A").getextrema() == (255, 255) else found


def plain(image: Image) -> Image:
    """Convert a decoded image to grey (``L``) or ``RGB``, upright, 8 bits per channel, transparent parts on white."""
    image = _rotated(image)
    if image.mode in DEEP:
        return _by_tiles(image, "L", _eight_bits(image))
    if _transparent(image):
        return _by_tiles(image, "RGB", _on_white)
    mode = "L" if image.mode in GREY else "RGB"
    return image if image.mode == mode else _by_tiles(image, mode, lambda part: part.convert(mode))


def _rotated(image: Image) -> Image:
    from PIL import ExifTags, ImageOps

    return ImageOps.exif_transpose(image) if image.getexif().get(ExifTags.Base.Orientation, 1) != 1 else image


def _transparent(image: Image) -> bool:
    return "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info


def _by_tiles(image: Image, mode: str, made: Callable[[Image], Image]) -> Image:
    """Convert an image tile by tile, so that no intermediate result is as large."""
    from PIL import Image as Pillow

    found = Pillow.new(mode, image.size)
    for box in _tiles(image):
        found.paste(made(image.crop(box)), box)
    return found


def _tiles(image: Image) -> Iterator[tuple[int, int, int, int]]:
    """Yield boxes that cover an image."""
    for top in range(0, image.height, TILE):
        for left in range(0, image.width, TILE):
            yield left, top, min(left + TILE, image.width), min(top + TILE, image.height)


def _on_white(part: Image) -> Image:
    from PIL import Image

    part = part.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", part.size, "white"), part).convert("RGB")


def _check_size(image: Image, path: Path) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"{printable(path)} has {image.width}x{image.height} pixels", expected="at most 100 million")


def _check_end(content: bytes, form: str, path: Path) -> None:
    if cut_off(content, form):
        raise ImageError(f"{printable(path)} is truncated", given=f"{len(content):,} bytes")


def _eight_bits(image: Image) -> Callable[[Image], Image]:
    """Reduce 16-bit and float grey to 8 bits; Pillow's own conversion would clip at 255.

    Integers span 16 bits, whatever the largest of them is: a set has dark images and light ones. Floats have no range
    of their own; they are 0 to 1, as most programs write them, or 0 to 255 if one is above 1.

    Raises:
        ImageError: a value is above 255.
    """
    from PIL import Image as Pillow

    def values(part: Image) -> NDArray[np.float64]:
        return np.nan_to_num(np.asarray(part, dtype=np.float64), posinf=0.0, neginf=0.0)

    top = 65535.0
    if image.mode == "F":
        largest = max(float(values(image.crop(box)).max()) for box in _tiles(image))
        if largest > 255:
            raise ImageError(f"has floats up to {largest:.6g}", expected="0 to 1, or 0 to 255")
        top = 255.0 if largest > 1 else 1.0
    return lambda part: Pillow.fromarray(np.clip(values(part) / top * 255, 0, 255).astype(np.uint8))
