"""Conversion of image files to arrays and back, with depth and transparency preserved."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.backends.machine import free_memory
from convscope.data.home import printable
from convscope.data.image import decoded
from convscope.errors import ImageError, WriteError, nearest
from convscope.extras import missing_extra
from convscope.view.numbers import bytes_text

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]

PER_PIXEL, DEEP = 16, 32
"""The most memory for an image with 16-bit colours: decoded, as an array, its result, and the result as a file; a
signed response needs its array in addition [byte per pixel].
"""

WIDE = {"I", "I;16", "I;16B", "I;16L"}
"""Pillow's modes of more than 8 bits."""

LOW = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
"""Pillow keeps the first byte of two; with swapped byte order, it keeps the second."""

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""The formats for writing, by suffix."""


def load(path: Path) -> Pixels:
    """Read an image as ``h w c``, upright: grey, grey with alpha, RGB or RGBA; uint8, or uint16 if it has 16 bits.

    Palettes, CMYK and other colours become RGB, black and white become grey. Colours of
    16 bits are read in full from PNG; of other formats, and of grey with alpha, Pillow gives 8 bits.

    Raises:
        ImageError: the file is missing, not an image, damaged, of floating point, or needs more memory than is free.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("Pillow, which reads images,", "look") from None
    deep: list[str] = []

    with warnings.catch_warnings():  # it warns at 89 million pixels; our own limit applies, and memory is checked
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        high = decoded(path, _pixels, lambda image: deep.extend(_looked(image, path)))
        if not deep:
            return high
        low = decoded(path, _pixels, _read_low)
    made: NDArray[np.uint16] = high.astype(np.uint16)
    made <<= 8
    made |= low
    return made


def _looked(image: Image, path: Path) -> list[str]:
    """Return the raw mode of 16-bit values, of which Pillow would keep only the first 8 bits.

    Raises:
        ImageError: it is of floating point, or needs more memory than is free.
    """
    if image.mode == "F":
        raise ImageError(f"{printable(path)} is a floating-point image", expected="8 or 16 bits per channel")
    deep = [tile.args for tile in _tiles(image) if tile.args in LOW]
    need = (DEEP if deep else PER_PIXEL) * image.width * image.height
    check_room(need, f"{printable(path)}, {image.height}x{image.width} pixels,")
    return deep


def check_room(need: int, subject: str) -> None:
    """Raise ImageError if more memory is needed than is free [byte]."""
    free = free_memory()
    if free is not None and need > free:
        raise ImageError(f"{subject} needs about {bytes_text(need)} of memory", given=f"{bytes_text(free)} free")


def _tiles(image: Image) -> list[Any]:
    """Return the raw mode in which the pixels of a PNG will be decoded."""
    return getattr(image, "tile", []) if image.format == "PNG" else []


def _read_low(image: Image) -> None:
    """Decode the second byte of each value instead of the first."""
    image.tile = [tile._replace(args=LOW[tile.args]) for tile in _tiles(image)]  # type: ignore[attr-defined]


def _pixels(image: Image) -> Pixels:
    """Return the decoded image as an array, copied strip by strip to avoid a third copy."""
    from PIL import ImageOps

    turned = ImageOps.exif_transpose(image)
    wide, mode = turned.mode in WIDE, _mode(turned)
    channels = 1 if wide else len(mode)
    made: Any = np.empty((turned.height, turned.width, channels), np.uint16 if wide else np.uint8)
    for top in range(0, turned.height, 256):
        part = turned.crop((0, top, turned.width, min(top + 256, turned.height)))
        values = np.asarray(part if wide else part.convert(mode))
        if wide and (values.min() < 0 or values.max() > 65535):
            raise ImageError("the image has more than 16 bits per channel", expected="8 or 16 bits")
        made[top : top + 256] = values.reshape(-1, turned.width, channels)
    found: Pixels = made
    return found


def _mode(image: Image) -> str:
    """Return the mode of the pixels: grey or RGB, with alpha if something may be transparent."""
    bands = image.getbands()
    alpha = "A" if "A" in bands or "a" in bands or "transparency" in image.info else ""
    return ("L" if image.mode in {"1", "L", "LA", "La"} else "RGB") + alpha


def encode(pixels: Pixels, name: str) -> bytes:
    """Encode an image ``h w c`` in the format of the file's suffix.

    Raises:
        WriteError: the format is unknown, or cannot hold such an image.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("Pillow, which writes images,", "look") from None
    form = checked_form(pixels, name)
    if pixels.dtype == np.uint16:
        return deep_png(pixels.astype(np.uint16, copy=False))
    out = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    try:
        image.save(out, form, **({"compress_level": 3} if form == "PNG" else {"quality": 95} if form == "JPEG" else {}))
    except (OSError, ValueError) as error:  # a side that the format does not allow
        raise WriteError(f"{name} cannot hold {image.height}x{image.width} pixels: {error}") from None
    return out.getvalue()


def checked_form(pixels: Pixels, name: str) -> str:
    """Return the format of a suffix, if it can hold such an image.

    Raises:
        WriteError: the format is unknown, or cannot hold the image.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in FORMATS:
        raise WriteError(
            f'"{suffix or printable(name)}" does not name an image format',
            expected=f"a name that ends in {', '.join(FORMATS)}",
            attempt=nearest(suffix, FORMATS),
        )
    form = FORMATS[suffix]
    if pixels.dtype == np.uint16 and form != "PNG":
        raise WriteError(f"{form} is written with 8 bits, the image has 16", attempt="a name that ends in .png")
    if pixels.shape[2] in {2, 4} and form in {"JPEG", "BMP"}:
        raise WriteError(
            f"{form} does not support transparency, and the image has an alpha channel",
            attempt="a name that ends in .png",
        )
    return form


def deep_png(pixels: NDArray[np.uint16]) -> bytes:
    """Write a PNG of 16 bits per channel (W3C PNG), filtered by ``Sub``; Pillow writes 16 bits for grey only.

    >>> from PIL import Image
    >>> made = deep_png(np.full((1, 1, 1), 258, np.uint16))
    >>> Image.open(io.BytesIO(made)).getpixel((0, 0))
    258
    """
    height, width, channels = pixels.shape
    step, packer, out = 2 * channels, zlib.compressobj(3), io.BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, io.SEEK_END)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    out.write(_chunk(b"IHDR", header))
    for top in range(0, height, 64):
        part = np.ascontiguousarray(pixels[top : top + 64].astype(">u2")).view(np.uint8).reshape(-1, width * step)
        lines = np.empty((len(part), 1 + width * step), np.uint8)
        lines[:, 0] = 1  # the filter Sub
        lines[:, 1 : 1 + step] = part[:, :step]
        np.subtract(part[:, step:], part[:, :-step], out=lines[:, 1 + step :])
        out.write(_chunk(b"IDAT", packer.compress(lines.tobytes())))
    out.write(_chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b""))
    return out.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
