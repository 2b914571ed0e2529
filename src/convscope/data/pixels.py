"""Images that a program has in memory, as uint8: arrays, tensors of any library, and images of Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data.image import GREY, plain
from convscope.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def is_image(given: object) -> bool:
    """Return whether an object may be an image or several: an array, a tensor, or an image of Pillow."""
    return hasattr(given, "__array__") or hasattr(given, "__array_interface__")


def for_net(image: Any) -> Any:
    """Return an image in memory as an array ``c h w``; anything else as it is.

    uint8 ``h w c`` and images of Pillow are turned; other values are used as they are.

    Raises:
        DataError: it is not an image.
    """
    if not is_image(image):
        return image
    if callable(getattr(image, "convert", None)):
        return image_array(image, "the image").transpose(2, 0, 1)
    found = as_array(image, "the image")
    found = found[0] if found.ndim == 4 and len(found) == 1 else found
    last = found.ndim == 3 and found.shape[2] in {1, 3} and found.shape[0] not in {1, 3}
    return found.transpose(2, 0, 1) if last and found.dtype == np.uint8 else found


def as_array(given: object, what: str) -> NDArray[Any]:
    """Return numbers of any library as an array; a tensor may lie on a device or have a gradient.

    Args:
        given: an array, a tensor, or nested lists of numbers.
        what: its name, for the error.

    Raises:
        DataError: it is not a regular array.
    """
    tensor: Any = given
    try:
        if callable(getattr(tensor, "detach", None)):
            tensor = tensor.detach().cpu()
        found = np.asarray(tensor)
    except Exception as error:  # noqa: BLE001 -- the object of another library may raise anything
        raise DataError(f"{what} cannot be read as an array: {type(error).__name__}: {error}"[:300]) from None
    if found.dtype == object:
        raise DataError(f"{what} is {type(given).__name__}, not an array of numbers", expected="images of one size")
    return found


def as_bytes(pixels: NDArray[Any], what: str) -> NDArray[np.uint8]:
    """Return pixels as uint8: integers from 0 to 255 as they are, floating-point numbers from 0 to 1 times 255.

    >>> as_bytes(np.array([0.0, 0.5, 1.0]), "x").tolist(), as_bytes(np.array([0, 255]), "x").dtype
    ([0, 128, 255], dtype('uint8'))

    Raises:
        DataError: a value is out of range.
    """
    if pixels.dtype == np.uint8 or not pixels.size:
        return pixels.astype(np.uint8)
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind not in "iuf":
        raise DataError(f"{what} holds {pixels.dtype}", expected="numbers: 0 to 255, or 0 to 1")
    low, high = pixels.min(), pixels.max()
    top = 255 if pixels.dtype.kind in "iu" else 1
    whole = pixels.dtype.kind == "f" and bool((pixels == pixels.round()).all())
    if whole and high > 1:  # a float image whose values are 0 … 255
        top = 255
    if not (low >= 0 and high <= top):
        raise DataError(
            f"the values of {what} range from {low:.4g} to {high:.4g}",
            expected="integers from 0 to 255, or 0 to 1: images before they are normalised",
        )
    scaled = pixels if top == 255 else (pixels * 255).round()
    return scaled.astype(np.uint8)


def image_array(given: object, what: str) -> NDArray[np.uint8]:
    """Return one image as uint8 ``h w c``, with 1 or 3 channels.

    Args:
        given: an image of Pillow; or an array or a tensor, ``h w``, ``h w c`` or ``c h w``.
        what: its name, for the error.

    Raises:
        DataError: it is not an image.
    """
    if callable(getattr(given, "convert", None)) and hasattr(given, "mode"):
        image: Any = given
        found = np.asarray(plain(image).convert("L" if image.mode in GREY else "RGB"))
    else:
        found = as_bytes(as_array(given, what), what)
    if found.ndim == 3 and found.shape[2] not in {1, 3} and found.shape[0] in {1, 3}:
        found = found.transpose(1, 2, 0)
    found = found[..., None] if found.ndim == 2 else found
    if found.ndim != 3 or found.shape[2] not in {1, 3} or 0 in found.shape:
        raise DataError(f"{what} has the shape {found.shape}", expected="h w, h w c or c h w, with 1 or 3 channels")
    return found
