"""The cost of decoding an image: memory and work are computed from its header, before a pixel is decoded.

An image file of 10 kB can claim 100 million pixels. Small images are decoded on all cores at once; large ones take
turns, so that a folder of large images takes the memory of one.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

from convscope.budget import hold, question, spend
from convscope.data.truncated import canvas, scans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from PIL.Image import Image

BASE = 96 * 2**20
"""Memory that one image may take beyond the general limit: WebP of 13 million pixels, JPEG and PNG of 56 [byte]."""

AT_ONCE = 64 * 2**20
"""Memory for all images that are decoded at the same time, unless a single one takes more [byte]."""

BLOCK = 64 * 2**20
"""Above 32 MiB, the C library returns freed memory to the system [byte]."""

BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Memory of a pixel in Pillow, by mode; other modes take 4 [byte]."""

AS_THEY_ARE = ("L", "RGB")
"""Modes that need no conversion."""

TO_GREY = ("1", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes that are converted to ``L``."""

WEBP = 12
"""Memory of Pillow's WebP decoder beside the image: two canvases and a copy [byte per pixel]."""

AVIF = 12
"""The same of AVIF: three planes of up to 16 bits, and the colours that are made of them, twice."""

JPEG2000 = 8
"""The same of JPEG 2000 for each band: its coefficients and those of the next level, of 32 bits."""

PASSES = 10
"""Number of passes over a JPEG that take as long as producing its pixels."""

JPEG = ("JPEG", "MPO")

TURN, TILE_WIDTH, TILE_HEIGHT = 0x0112, 322, 323
"""EXIF and TIFF tags."""


class Room:
    """Memory shared by several threads: a thread that needs more than is left waits, if need be until it is alone.

    >>> room = Room(10)
    >>> with room.taken(100):
    ...     room.used
    100
    """

    def __init__(self, size: int) -> None:
        self.size: int = size
        self.used: int = 0
        self._changed = Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait for that many bytes, and release them at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.used + size <= max(self.size, size))
            self.used += size
        try:
            yield
        finally:
            with self._changed:
                self.used -= size
                self._changed.notify_all()


_room = Room(AT_ONCE)


@contextmanager
def afforded(image: Image, content: bytes, least: tuple[int, int] | None) -> Iterator[None]:
    """Allow an image to be decoded within the block, if its cost suits the size of its file.

    Args:
        image: opened, not yet decoded.
        content: content of its file.
        least: height and width that the image will be scaled to. A JPEG that costs too much is then decoded at a half,
            a quarter or an eighth of its size, if that is still twice as large.

    Raises:
        LimitError: the cost is too high.
    """
    whole, bands = image.width * image.height, len(image.getbands())
    passes = scans(content, bands) if image.format in JPEG else 1
    if "progressive" in image.info:
        passes = max(2, passes)
    with question(size=len(content), memory=BASE, apart=True) as budget:
        if least and image.format in JPEG and memory(image, passes) > budget.bytes:
            _shrink(image, least, budget.bytes)
        need = memory(image, passes, turned=_turned(image, content))
        if need > AT_ONCE:
            _in_large_blocks()
        with _room.taken(need):
            hold(need)
            spend(0, elements=bands * (image.width * image.height + whole * passes // PASSES))
            yield


def check_canvas(head: bytes, size: int) -> None:
    """Count the cost of opening a WebP, whose decoder allocates its canvases before a pixel is requested.

    Args:
        head: the first 30 bytes of a file of any format.
        size: size of the file [byte].

    Raises:
        LimitError: the cost is too high.
    """
    width, height = canvas(head)
    with question(size=size, memory=BASE, apart=True):
        hold(WEBP * width * height)


def _in_large_blocks() -> None:
    """Let Pillow keep pixels in blocks that return to the system; blocks of 16 MiB would stay with each thread."""
    from PIL import Image

    getattr(Image, "core").set_block_size(BLOCK)  # noqa: B009 -- documented, but not exported


def memory(image: Image, passes: int = 1, *, turned: bool = False) -> int:
    """Return the memory for an image until it is converted, by its header [byte].

    Args:
        image: opened, not yet decoded.
        passes: passes over a JPEG; with more than one, all its coefficients are kept.
        turned: whether it may have to be rotated upright.
    """
    stored = BYTES.get(image.mode, 4)
    plain = image.mode in AS_THEY_ARE and "transparency" not in image.info
    made = 0 if plain else 1 if image.mode in TO_GREY else 4
    own = _own(image, passes)
    pixels = image.width * image.height
    return pixels * (own + stored + (stored if turned else 0) + made) + _tile(image)


def _own(image: Image, passes: int) -> int:
    """What the decoder of a format needs beside the image [byte for each pixel]."""
    bands = len(image.getbands())
    known = {"WEBP": WEBP, "AVIF": AVIF, "JPEG2000": JPEG2000 * bands}
    return known.get(image.format or "", 2 * bands * _scale(image) ** 2 if passes > 1 else 0)


def _scale(image: Image) -> int:
    """Return the factor by which a JPEG is reduced while it is decoded."""
    config: tuple[int, ...] = getattr(image, "decoderconfig", ()) or (1,)
    return config[0]


def _tile(image: Image) -> int:
    """Return the memory for one tile of a TIFF; its header may state a tile larger than the image [byte]."""
    tags: Mapping[int, int] = getattr(image, "tag_v2", {})
    sides = (tags.get(TILE_WIDTH, 0), tags.get(TILE_HEIGHT, 0))
    return 8 * sides[0] * sides[1] if all(isinstance(side, int) for side in sides) else 0


def _shrink(image: Image, least: tuple[int, int], most: float) -> None:
    """Let a JPEG be decoded at a half, a quarter or an eighth of its size: the largest that is affordable."""
    sizes = [(image.width // scale, image.height // scale) for scale in (2, 4, 8)]
    enough = [size for size in sizes if size[0] >= 2 * least[1] and size[1] >= 2 * least[0]]
    for size in enough:
        if size[0] * size[1] * 8 <= most or size is enough[-1]:
            image.draft(None, size)
            return


def _turned(image: Image, content: bytes) -> bool:
    """Return whether the image may have to be rotated; a PNG's EXIF may come after its pixels and is not read yet."""
    from PIL import Image as Pillow

    if image.format == "PNG" and "exif" not in image.info:
        return any(mark in content for mark in (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp"))
    return bool(Pillow.Image.getexif(image).get(TURN, 1) != 1)
