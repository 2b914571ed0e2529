"""Image files: the formats that are opened, and their decoders.

Pillow has some forty decoders and picks one by the first bytes, whatever the file is called; one of them starts a
program of the system (Ghostscript, for PostScript). Here it gets the list of the formats that we support, and every
image file is opened by one of the functions below.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from convscope.data.decoding import check_canvas
from convscope.extras import missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".jp2": "JPEG2000",
    ".j2k": "JPEG2000",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pbm": "PPM",
    ".pnm": "PPM",
}
"""Pillow's name of the format for each suffix. No other format is opened."""

NAMES = tuple(dict.fromkeys(FORMATS.values()))

TOLD = "PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF, JPEG 2000 or PNM"
"""The supported formats in words."""

UNREAD = {
    ".heic", ".heif", ".jxl", ".svg", ".psd", ".tga", ".ico", ".icns", ".exr", ".hdr", ".dds", ".pcx", ".eps", ".pdf",
    ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf",
}  # fmt: skip
"""Suffixes of images that are not read, including the raw images of cameras."""

KINDS = (
    (0, b"%!PS", "a PostScript file"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"icns", "an icon"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"SIMPLE", "a FITS file"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"qoif", "a QOI image"),
    (0, b"v/1\x01", "an OpenEXR image"),
    (4, b"ftyphei", "a HEIC image"),
    (4, b"ftypmif", "a HEIC image"),
    (4, b"ftyp", "a video"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
)
"""Signatures of other files: position, bytes, and the name of the format."""


def kind_of(content: bytes) -> str:
    """Describe a file that is not a supported image, as far as its first bytes reveal.

    >>> kind_of(b"%!PS-Adobe-3.0 EPSF-3.0"), kind_of(b' <svg xmlns="http://www.w3.org/2000/svg"/>')
    ('a PostScript file', 'an SVG drawing')
    >>> kind_of(b"hello")
    ''
    """
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<?xml", b"<svg", b"<!doctype svg")) and b"<svg" in head:
        return "an SVG drawing"
    return next((name for at, mark, name in KINDS if content[at : at + len(mark)] == mark), "")


_UNHEARD = logging.NullHandler()
"""Print Pillow's log messages only if the program has a handler of its own."""


@contextmanager
def opened_image(file: IO[bytes] | bytes, formats: tuple[str, ...] = NAMES) -> Iterator[Image]:
    """Open an image without decoding it.

    Args:
        file: the open file, or its content.
        formats: the formats that it may have, as Pillow names them.

    Raises:
        MissingExtraError: Pillow is not installed.
        PIL.UnidentifiedImageError: it is of another format.
        LimitError: opening it costs too much for the size of the file.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("Pillow, which reads images,", "look") from None
    # permanently, not in a block: filters are shared by all threads, and several of them decode images
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(_UNHEARD)
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    head, size = source.read(30), source.seek(0, os.SEEK_END)
    source.seek(0)
    check_canvas(head, size)
    with Image.open(source, formats=formats) as image:
        yield image


def decode(image: Image) -> None:
    """Decode the pixels. What libtiff prints about a damaged file is hidden, since the exception has it, too."""
    if image.format == "TIFF":
        with _silence:
            image.load()
    else:
        image.load()


class _Silence:
    """Keeps C libraries from writing to standard error while any thread requests it."""

    def __init__(self) -> None:
        self.lock, self.wanted, self.kept = threading.Lock(), 0, -1

    def __enter__(self) -> None:
        with self.lock:
            self.wanted += 1
            if self.wanted == 1:
                self.kept = _redirected()

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.wanted -= 1
            if self.wanted == 0 and self.kept >= 0:
                os.dup2(self.kept, 2)
                os.close(self.kept)


def _redirected() -> int:
    """Redirect standard error to the null device; return a copy of the original, or -1 if it is closed."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    except (OSError, ValueError):
        return -1
    return kept


_silence = _Silence()
