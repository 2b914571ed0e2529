"""Detection of truncated image files.

Decoders are lenient: they show what they got and stop. This module looks for the end marker of each format, so that a
file is either complete or bad.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def cut_off(content: bytes, form: str) -> bool:
    """Return whether a file of that format (``PNG``, ``JPEG``, ``GIF``, ``WEBP``, ``BMP``) lacks its end.

    Formats without an end marker count as complete; decoding finds what they lack.

    >>> cut_off(b"RIFF" + (100).to_bytes(4, "little") + b"WEBPVP8 ", "WEBP")
    True
    """
    walk = WALKS.get(form)
    try:
        return walk is not None and not walk(content)
    except (IndexError, ValueError, struct.error):
        return True


def _png(content: bytes) -> bool:
    """Follow chunks up to IEND, and verify the checksum of each (W3C PNG, section 5)."""
    at = 8
    while True:
        size, kind = struct.unpack_from(">I4s", content, at)
        (stated,) = struct.unpack_from(">I", content, at + 8 + size)
        if zlib.crc32(memoryview(content)[at + 4 : at + 8 + size]) != stated:
            return False
        if kind == b"IEND":
            return True
        at += 12 + size


def _jpeg(content: bytes) -> bool:
    """Follow segments up to the first scan, then find the end marker; a thumbnail has its own (T.81, section B.1)."""
    return content.find(b"\xff\xd9", _scan(content)) >= 0


def _scan(content: bytes) -> int:
    """Return where the header of the first scan of a JPEG begins.

    Raises:
        IndexError, ValueError, struct.error: there is none.
    """
    at = 2
    while True:
        at = content.index(b"\xff", at)  # decoders skip what stands between two segments
        while content[at + 1] == 0xFF:
            at += 1
        if content[at + 1] == 0xDA:
            return at
        if content[at + 1] == 0:  # no mark
            at += 2
            continue
        (size,) = struct.unpack_from(">H", content, at + 2)
        at += 2 + size


def scans(content: bytes, components: int) -> int:
    r"""Return an upper bound of the number of passes that a JPEG decoder makes over the pixels.

    >>> scans(b"\xff\xd8" + b"\xff\xda\0\x0c\1" + b"\xff\xda\0\x0c\2", 3)
    2
    """
    try:
        first = _scan(content)
        more = content[first + 4] < components  # the others are to follow
        return max(2 if more else 1, content.count(b"\xff\xda", first))
    except (IndexError, ValueError, struct.error):
        return 1


def _gif(content: bytes) -> bool:
    """Follow blocks up to the trailer (GIF89a, section 17)."""

    def table(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    at = 13 + table(content[10])
    while content[at] != 0x3B:
        at += 11 + table(content[at + 9]) if content[at] == 0x2C else 2
        while content[at]:
            at += 1 + content[at]
        at += 1
    return True


def _riff(content: bytes) -> bool:
    """Compare the length with the header (WebP container, section RIFF)."""
    return len(content) >= 8 + int(struct.unpack_from("<I", content, 4)[0])


def _bmp(content: bytes) -> bool:
    """Compare the length with the header."""
    return len(content) >= int(struct.unpack_from("<I", content, 2)[0])


WALKS: dict[str, Callable[[bytes], bool]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "GIF": _gif,
    "WEBP": _riff,
    "BMP": _bmp,
}


def canvas(head: bytes) -> tuple[int, int]:
    r"""Return the width and height in the first 30 bytes of a WebP; 0 for another format.

    Source: the specification of the WebP container; RFC 6386, section 9.1; the specification of lossless WebP.

    >>> canvas(b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + bytes([9, 0, 0, 4, 0, 0]))
    (10, 5)
    >>> canvas(b"no WebP")
    (0, 0)
    """
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return 0, 0
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        sides = int.from_bytes(head[21:25], "little")
        return (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0
