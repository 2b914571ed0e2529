"""Files of images: which formats are opened, and by which decoders.

Pillow has some forty decoders and picks one by the first bytes, whatever the file is called; one of them starts a
program of the system (Ghostscript, for PostScript). Here it is given the list of those that we promise, and every file
of an image is opened by one of the functions below.
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
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""The names that files of images end in, and Pillow's names of the formats. No other format is opened."""

NAMES = tuple(dict.fromkeys(FORMATS.values()))

TOLD = "PNG, JPEG, WebP, BMP, GIF or TIFF"
"""The same for people."""

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
    (0, b"\x00\x00\x00\x0cjP", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyphei", "a HEIC image"),
    (4, b"ftypmif", "a HEIC image"),
    (4, b"ftyp", "a video"),
    (0, b"P1", "a PNM image"),
    (0, b"P2", "a PNM image"),
    (0, b"P3", "a PNM image"),
    (0, b"P4", "a PNM image"),
    (0, b"P5", "a PNM image"),
    (0, b"P6", "a PNM image"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
)
"""Where other files can be told by their first bytes: place, bytes, and what they are called."""


def kind_of(content: bytes) -> str:
    """What a file is that is not an image of ours, as far as its first bytes tell.

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
"""What Pillow logs is printed only where the program has a handler of its own."""


@contextmanager
def opened_image(file: IO[bytes] | bytes, formats: tuple[str, ...] = NAMES) -> Iterator[Image]:
    """An image by its header; nothing is decoded yet.

    Args:
        file: open, or its content.
        formats: that it may have, as Pillow names them.

    Raises:
        MissingExtraError: Pillow is not installed.
        PIL.UnidentifiedImageError: it is of another format.
        LimitError: opening it costs more than the file is worth.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("Pillow, which reads images,", "look") from None
    # for good, and not in a block: filters are shared by all threads, and images are decoded in several
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(_UNHEARD)
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    head, size = source.read(30), source.seek(0, os.SEEK_END)
    source.seek(0)
    check_canvas(head, size)
    with Image.open(source, formats=formats) as image:
        yield image


def decode(image: Image) -> None:
    """Have the pixels decoded. What libtiff prints of a damaged file is in the exception, too, and is not shown."""
    if image.format == "TIFF":
        with _silence:
            image.load()
    else:
        image.load()


class _Silence:
    """Keeps libraries in C from writing to standard error, as long as any thread wants it."""

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
    """Let standard error lead nowhere; where it led, or -1 where it is closed."""
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
