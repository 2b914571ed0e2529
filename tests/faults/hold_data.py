"""Data sets that claim more than they are: folders of links, arrays and images that unpack to much."""

from __future__ import annotations

import io
import itertools
import os
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def links(folder: Path) -> str:
    """Twelve folders, each with eight links to the next: 8^12 ways, none of them a circle."""
    for at in range(13):
        (folder / f"z{at}").mkdir()
    for at, number in itertools.product(range(12), range(8)):
        (folder / f"z{at}" / f"k{number}").symlink_to(f"../z{at + 1}")
    (folder / "z12" / "0.png").write_bytes(b"")
    return f"folder:{folder}"


def deep(folder: Path) -> str:
    """Folders 3,000 deep."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("a", dir_fd=here)
        inner = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    return f"folder:{folder}"


def deep_by_links(folder: Path) -> str:
    """One folder in which each of 3,000 links leads one folder further: no path is long."""
    for at in range(3000):
        (folder / f"f{at}").mkdir()
        if at:
            (folder / f"f{at - 1}" / "n").symlink_to(folder / f"f{at}")
    return f"folder:{folder}"


def header(dtype: str, shape: tuple[int, ...], *, fortran: bool = False) -> bytes:
    """The header of an array, whatever follows."""
    made = io.BytesIO()
    np.lib.format.write_array_header_2_0(made, {"descr": dtype, "fortran_order": fortran, "shape": shape})
    return made.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> str:
    """An ``.npz`` of raw members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return f"npz:{path}"


def npz_bomb(folder: Path) -> str:
    """0.3 MB that unpack to 0.3 GB of images."""
    rows = 336_000
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as made:
        with made.open("images.npy", "w", force_zip64=True) as out:
            out.write(header("|u1", (rows, 28, 28)))
            for _ in range(0, rows * 784, 784 * 24_000):
                out.write(bytes(784 * 24_000))
        with made.open("labels.npy", "w") as out:
            out.write(header("|u1", (rows,)) + bytes(rows))
    return f"npz:{folder / 'a.npz'}"


def npz_of_many_rows(folder: Path) -> str:
    """40 kB with 20 million images of one pixel, all there."""
    rows = 20_000_000
    content = header("|u1", (rows, 1, 1)) + bytes(rows)
    return archive(folder / "a.npz", {"images": content, "labels": header("|u1", (rows,)) + bytes(rows)})


def npz_claim(folder: Path) -> str:
    """A header that claims 2^33 rows."""
    return archive(
        folder / "a.npz", {"images": header("|u1", (2**33, 28, 28)), "labels": header("<i8", (2**33,)) + bytes(80)}
    )


def npz_long_header(folder: Path) -> str:
    """A header that says it is 1 GB long, and is."""
    content = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**30) + b" " * 2**27
    return archive(folder / "a.npz", {"images": content, "labels": content})


def npz_deep_header(folder: Path) -> str:
    """A header of nothing but brackets."""
    text = b"(" * 9000
    content = b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text
    return archive(folder / "a.npz", {"images": content, "labels": content})


def npz_of_floats(folder: Path) -> str:
    """Images of 200 MB that are of another dtype, which their header says."""
    content = header("<f8", (25_000, 28, 28)) + bytes(8 * 25_000 * 784)
    return archive(folder / "a.npz", {"images": content, "labels": header("<i8", (25_000,)) + bytes(8 * 25_000)})


def npz_of_objects(folder: Path) -> str:
    """Labels that are objects of Python."""
    images = header("|u1", (4, 8, 8)) + bytes(256)
    return archive(folder / "a.npz", {"images": images, "labels": header("|O", (4,)) + bytes(32)})


def npz_of_long_names(folder: Path) -> str:
    """Names of classes of a hundred million letters each."""
    images = header("|u1", (4, 8, 8)) + bytes(256)
    labels = header("<i8", (4,)) + struct.pack("<4q", 0, 1, 0, 1)
    return archive(
        folder / "a.npz",
        {"images": images, "labels": labels, "classes": header("<U100000000", (2,)) + bytes(8 * 10**7)},
    )


def npz_of_members(folder: Path) -> str:
    """20,000 arrays."""
    with zipfile.ZipFile(folder / "a.npz", "w") as made:
        for at in range(20_000):
            made.writestr(f"a{at}.npy", b"")
    return f"npz:{folder / 'a.npz'}"


COLOURS = {"ant": ("red", "pink"), "bee": ("blue", "navy")}


def _photos(folder: Path, name: str, content: bytes) -> str:
    """A folder of two classes, with one file among its images."""
    for label in ("ant", "bee"):
        (folder / label).mkdir()
        Image.new("RGB", (8, 8), COLOURS[label][0]).save(folder / label / "0.png")
        Image.new("RGB", (8, 8), COLOURS[label][1]).save(folder / label / "1.png")
    (folder / "ant" / name).write_bytes(content)
    (folder / "bee" / name).write_bytes(content)
    return f"folder:{folder}"


def encoded(size: tuple[int, int], form: str, mode: str = "RGB", **settings: object) -> bytes:
    """An image of one colour as a file."""
    made = io.BytesIO()
    Image.new(mode, size).save(made, form, **settings)
    return made.getvalue()


def png_bomb(folder: Path) -> str:
    """0.3 MB of 88 million pixels, which Pillow itself would take."""
    return _photos(folder, "x.png", encoded((9400, 9400), "PNG"))


def png_bomb_clear(folder: Path) -> str:
    """The same with transparency, which takes three copies more."""
    return _photos(folder, "x.png", encoded((6000, 6000), "PNG", "RGBA"))


def png_bomb_deep(folder: Path) -> str:
    """16 bits a channel, which are converted by numbers of 64."""
    return _photos(folder, "x.png", encoded((9000, 9000), "PNG", "I;16"))


def png_turned_late(folder: Path) -> str:
    """An orientation that comes after the pixels."""
    exif = Image.Exif()
    exif[0x112] = 6
    whole = encoded((7000, 7000), "PNG")
    body = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    return _photos(folder, "x.png", whole[:-12] + chunk + whole[-12:])


def jpeg_claim(folder: Path) -> str:
    """10 kB that claim 9999x9999."""
    return _photos(folder, "x.jpg", encoded((9400, 9400), "JPEG")[:10_000] + b"\xff\xd9")


def jpeg_progressive(folder: Path) -> str:
    """The same in several passes, for which every coefficient is kept."""
    return _photos(folder, "x.jpg", encoded((9400, 9400), "JPEG", progressive=True)[:10_000] + b"\xff\xd9")


def jpeg_passes(folder: Path) -> str:
    """20,000 passes over 4,000x4,000 pixels, each of a few bytes."""
    whole = encoded((4000, 4000), "JPEG", "L", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return _photos(folder, "x.jpg", whole[:-2] + (whole[last : last + 10] + b"\0" * 4) * 20_000 + b"\xff\xd9")


def webp_bomb(folder: Path) -> str:
    """WebP, whose decoder keeps two canvases."""
    return _photos(folder, "x.webp", encoded((9000, 9000), "WEBP", quality=1, method=0))


def gif_bomb(folder: Path) -> str:
    """A palette, of which each byte becomes four."""
    return _photos(folder, "x.gif", encoded((9400, 9400), "GIF", "P"))


def tiff_bomb(folder: Path) -> str:
    """TIFF by deflate."""
    return _photos(folder, "x.tif", encoded((9400, 9400), "TIFF", compression="tiff_adobe_deflate"))


def two_large(folder: Path) -> str:
    """Two images that each may be decoded, but not both at the same time."""
    return _photos(folder, "x.jpg", encoded((6200, 6200), "JPEG"))


REFUSED: dict[str, Callable[[Path], str]] = {
    made.__name__: made
    for made in (
        links,
        deep,
        deep_by_links,
        npz_bomb,
        npz_of_many_rows,
        npz_claim,
        npz_long_header,
        npz_deep_header,
        npz_of_floats,
        npz_of_objects,
        npz_of_long_names,
        npz_of_members,
        png_bomb,
        png_bomb_clear,
        png_bomb_deep,
        png_turned_late,
        jpeg_progressive,
        jpeg_passes,
        webp_bomb,
        gif_bomb,
        tiff_bomb,
    )
}
"""Builders of data sets that are refused; each makes one in an empty folder and gives its name."""

TAKEN: dict[str, Callable[[Path], str]] = {made.__name__: made for made in (jpeg_claim, two_large)}
"""Builders of data sets that are read at bounded cost."""
