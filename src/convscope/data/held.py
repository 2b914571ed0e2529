"""Images that a program has in memory, given where files of images are expected: they take the same way as files."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from convscope.data.pixels import as_array, as_bytes, image_array, is_image
from convscope.errors import ConvscopeError, ImageError, refuse_scarcity

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from convscope.core.shape import Shape

EXPECTED = "a file or a folder, an array, a tensor, an image of Pillow, or several of these"


@dataclass(frozen=True)
class Held:
    """Paths of images.

    Attributes:
        paths: the files and folders, in order.
        names: what to call those that were written for images in memory.
    """

    paths: list[str | Path]
    names: dict[str, str] = field(default_factory=dict)


@contextmanager
def in_files(images: object, shape: Shape = ()) -> Iterator[Held]:
    """Write images that are in memory to files, for the time of the block.

    Args:
        images: a path; an array or a tensor, ``h w``, ``h w c`` (also with transparency) or ``c h w``, or several of
            them with a first axis more; an image of Pillow; or several of these.
        shape: ``c h w`` that a net takes. Three grey images of that size are not one of three channels.

    Raises:
        ImageError: it is something else, or there is none.
        MachineError: the files cannot be written.
    """
    given = _listed(images, shape)
    if not given:
        raise ImageError("no images were given", expected=EXPECTED)
    with TemporaryDirectory(prefix="convscope-", ignore_cleanup_errors=True) as folder:
        held = Held([])
        for at, image in enumerate(given):
            if isinstance(image, str | os.PathLike):
                held.paths.append(Path(image))
                continue
            path = Path(folder, f"{at:06}.png")
            _write(image, f"image {at}", path)
            held.paths.append(path)
            held.names[str(path)] = f"image {at}"
        yield held


def _listed(images: Any, shape: Shape) -> list[Any]:
    """Return the images one by one."""
    if isinstance(images, str | os.PathLike) or (is_image(images) and callable(getattr(images, "convert", None))):
        return [images]
    if is_image(images):
        found = _array(images)
        grey = found.shape[1:] == shape[1:] and shape[:1] == (1,) and len(found) > 1
        apart = {1, 3} & {*found.shape[:1]} or {1, 3, 4} & {*found.shape[2:]}  # channels, first or last
        single = found.ndim == 2 or (found.ndim == 3 and apart and not grey)
        return [found] if single or found.ndim not in {3, 4} else list(found)
    try:
        return list(images)
    except TypeError:
        raise ImageError(f"images cannot be {type(images).__name__}", expected=EXPECTED) from None


def _array(image: object) -> np.ndarray[Any, Any]:
    try:
        return as_array(image, "the image")
    except ConvscopeError as error:
        raise ImageError(error.what, expected=error.expected) from None


def _write(image: object, name: str, path: Path) -> None:
    from PIL import Image

    if not is_image(image):
        raise ImageError(f"{name} cannot be {type(image).__name__}", expected=EXPECTED)
    try:
        if callable(getattr(image, "save", None)):  # Pillow's, with its transparency
            taken: Any = image
            (taken if taken.mode in PNG else taken.convert("RGB")).save(path)
        else:
            pixels = _with_transparency(image, name)
            Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path)
    except ConvscopeError as error:
        raise ImageError(error.what, given=error.given, expected=error.expected) from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            refuse_scarcity(error)
        raise ImageError(f"{name} cannot be read: {error}") from None


def _with_transparency(image: object, name: str) -> np.ndarray[Any, Any]:
    """Return an image as uint8 ``h w c``, with 1, 3 or, if some of it is transparent, 4 channels."""
    found = _array(image)
    return as_bytes(found, name) if found.ndim == 3 and found.shape[2] == 4 else image_array(found, name)


PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Modes of Pillow's images that a PNG keeps as they are."""
