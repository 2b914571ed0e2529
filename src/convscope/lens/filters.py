"""Filtering an image with a kernel: ``cs.filter``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.core.shape import to_text
from convscope.errors import FieldError, ShapeError
from convscope.files import put
from convscope.lens.filter_engine import checked_position, correlate, respond, size_of, white
from convscope.lens.filter_files import check_room, checked_form, encode, load
from convscope.lens.filter_kernels import kernel_of
from convscope.lens.filter_terms import Terms, terms_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.lens.filter_files import Pixels
    from convscope.lens.filter_kernels import Kernel

TYPES: set[type] = {np.uint8, np.uint16, np.float32, np.float64}
"""The dtypes that an image may have."""

PREVIEW = 800
"""Longest side of an image in a notebook [pixel]."""


@dataclass(frozen=True, eq=False)
class Filtered:
    """The result of :func:`filtered`; prints itself, and shows itself in a notebook.

    Attributes:
        array: the response, ``h w`` or ``h w c`` like the image, in the image's own type; a signed response is floating
            point.
        kernel: the kernel as applied, flipped if requested.
        border: the rule for pixels beyond the image.
        response: ``clip``, ``absolute`` or ``signed``.
        flip: whether it is a true convolution.
        seconds: time for filtering, from array to array [second].
        decoding: time for reading the file, or None for an array [second].
        image: the file, or ``array``.
        source: the image.
    """

    array: NDArray[Any]
    kernel: Kernel
    border: str
    response: str
    flip: bool
    seconds: float
    decoding: float | None
    image: str
    source: NDArray[Any] = field(repr=False)

    @property
    def note(self) -> str:
        """Describe the computation and its cost."""
        kind = "true convolution: kernel flipped" if self.flip else "cross-correlation, as conv layers compute it"
        lines = [f"{self.kernel.name}: {'x'.join(map(str, self.kernel.shape))}, {self.kernel.cost()}", kind]
        told = {"signed": f"; zero is mid-grey, white is {self.peak():.4g} and black is -{self.peak():.4g}"}
        kept = "; alpha is kept, not filtered" if _alpha(_planes(self.source)) else ""
        lines.append(f"border {self.border}; response {self.response}{told.get(self.response, '')}{kept}")
        return "\n".join(lines)

    def peak(self) -> float:
        """Return the largest absolute value of the response, without alpha."""
        colours = _colours(_planes(self.array))
        return max(float(colours.max()), -float(colours.min()))

    def explain(self, y: int, x: int) -> Terms:
        """Compute the sum of one pixel term by term, independently.

        Raises:
            FieldError: the position lies outside the result.
        """
        at = checked_position((y, x), (self.array.shape[0], self.array.shape[1]))
        return terms_of(_colours(_planes(self.source)), self.kernel, self.border, self.response, at)

    def pixels(self) -> Pixels:
        """Return the response as an image ``h w c`` of integers; floating-point arrays become 8 bits."""
        planes, kind = _planes(self.array), self.source.dtype
        if planes.dtype.kind == "u":
            return planes.view()
        depth = np.uint16 if kind == np.uint16 else np.uint8
        top = float(np.iinfo(depth).max)
        scale = top / white(kind)
        factor, zero = scale, 0.0
        if self.response == "signed":
            factor, zero = (top - 1) / 2 / (self.peak() or 1.0), (top + 1) / 2
        made: Pixels = np.empty(planes.shape, depth)
        for at in range(0, len(planes), 256):  # to avoid another copy of a large image
            part = planes[at : at + 256]
            _colours(made)[at : at + 256] = np.rint(_colours(part) * factor + zero)
            if _alpha(planes):
                made[at : at + 256, :, -1] = np.rint(part[..., -1] * scale)
        return made

    def encoded(self, name: str) -> bytes:
        """Encode the response in the format of the file's suffix.

        Raises:
            WriteError: the format is unknown, or cannot hold such an image.
        """
        return encode(self.pixels(), name)

    def save(self, path: str | Path) -> Path:
        """Write the response as an image, replacing an existing file.

        Raises:
            WriteError: the format is unknown or cannot hold such an image, or the file cannot be written.
        """
        put(Path(path), self.encoded(str(path)))
        return Path(path)

    def to_json(self) -> dict[str, Any]:
        """Return plain data of schema ``convscope/filter/2``, without the pixels."""
        return {
            "schema": "convscope/filter/2",
            "image": self.image,
            "size": _size(self.array),
            "type": str(self.array.dtype),
            "kernel": {
                "name": self.kernel.name,
                "taps": [list(row) for row in self.kernel.rows],
                "anchor": list(self.kernel.anchor),
                "cost": self.kernel.cost(),
            },
            "border": self.border,
            "response": self.response,
            "flip": self.flip,
            "seconds": {"decode": self.decoding, "filter": self.seconds},
        }

    def __str__(self) -> str:
        return f"{self.image}: {_size(self.array)}, {self.array.dtype}\n{self.note}"

    __repr__ = __str__

    def _repr_png_(self) -> bytes:
        step = math.ceil(max(self.array.shape[:2]) / PREVIEW)
        small = replace(self, array=self.array[::step, ::step])
        return small.encoded("preview.png")


def filtered(  # noqa: PLR0913 -- the parts of a filter
    image: str | Path | NDArray[Any],
    kernel: str | Kernel | NDArray[Any],
    *,
    border: str = "reflect",
    response: str | None = None,
    flip: bool = False,
    out: str | None = None,
) -> Filtered:
    """Filter an image with a kernel: the cross-correlation that conv layers compute, the same for each colour.

    Values are used as stored, without gamma correction. Alpha is kept, not filtered. 16 bits stay 16 bits.

    Args:
        image: a file, or an array ``h w`` or ``h w c`` with 1 to 4 channels, of which the second of two and the
            fourth of four are alpha: uint8, uint16, or floating point with 1 as white. Other integers become
            float64.
        kernel: a preset (``gaussian:2``), numbers (``"0 -1 0; -1 5 -1; 0 -1 0"``) or an array.
        border: ``zero``, ``reflect``, ``symmetric``, ``replicate``, ``circular``, or ``none``, with which the kernel
            stays inside and the result is smaller. A kernel may be larger than the image; the border rule is repeated.
        response: ``clip`` (clipped to black and white), ``absolute`` (the absolute value, clipped to white) or
            ``signed``. By default ``absolute`` if the taps sum to zero but are not all zero, otherwise ``clip``;
            ``signed`` for floating-point arrays.
        flip: rotate the kernel by 180° first, for true convolution as in ``scipy.ndimage.convolve``.
        out: name of the output file, to check first that its format can hold the response.

    Raises:
        FieldError: the kernel is not rectangular or not numeric, or the array is not an image.
        UnknownNameError: there is no such preset, border or response.
        ShapeError: the array has the wrong dimensions, or the kernel does not fit and ``border`` is ``none``.
        ImageError: the file is not an image, is damaged, or needs more memory than is free.
        WriteError: the format of ``out`` cannot hold it.

    >>> filtered(np.array([[1.0, 2.0, 4.0, 8.0]]), "1 2 3", border="zero").array  # 2*1+3*2, 1*1+2*2+3*4, ...
    array([[ 8., 17., 34., 20.]])
    >>> filtered(np.array([[1.0, 2.0, 4.0, 8.0]]), "1 2 3", border="zero", flip=True).array  # 2*1+1*2, ...
    array([[ 4., 11., 22., 28.]])
    """
    applied = kernel_of(kernel).flipped() if flip else kernel_of(kernel)
    started = perf_counter()
    source = _array(image) if isinstance(image, np.ndarray) else load(Path(image))
    if out is not None:
        checked_form(_as_written(source), out)
    decoding = None if isinstance(image, np.ndarray) else perf_counter() - started
    chosen = response or default_response(applied, source.dtype)
    started = perf_counter()
    array = _filtered(_planes(source), applied, border, chosen)
    seconds = perf_counter() - started
    shown = array.reshape(array.shape[:2]) if source.ndim == 2 else array
    name = "array" if isinstance(image, np.ndarray) else str(image)
    return Filtered(shown, applied, border, chosen, flip, seconds, decoding, name, source)


def default_response(kernel: Kernel, dtype: np.dtype[Any]) -> str:
    """Return the default treatment of sums.

    >>> [default_response(kernel_of(name), np.dtype(np.uint8)) for name in ("sobel-x", "blur")]
    ['absolute', 'clip']
    """
    if dtype.kind == "f":
        return "signed"
    return "absolute" if abs(kernel.sum) < 1e-9 * sum(abs(tap) for _, _, tap in kernel.taps) else "clip"


def _filtered(planes: NDArray[Any], kernel: Kernel, border: str, response: str) -> NDArray[Any]:
    """Filter all colours, ``h w c``; alpha is kept at the positions of the result."""
    height, width = size_of((planes.shape[0], planes.shape[1]), kernel, border)
    colours = _colours(planes)
    kind = np.result_type(planes.dtype, np.float32) if response == "signed" else planes.dtype
    check_room(height * width * planes.shape[2] * kind.itemsize, f"the response, {height}x{width} pixels,")
    made = np.empty((height, width, planes.shape[2]), kind)
    for rows, values in correlate(colours, kernel, border):
        _colours(made)[rows] = respond(values, response, planes.dtype)
    if _alpha(planes):
        top, left = kernel.anchor if border == "none" else (0, 0)
        made[..., -1] = planes[top : top + height, left : left + width, -1]
    return made


def _array(given: NDArray[Any]) -> NDArray[Any]:
    """Convert an array to an image.

    Raises:
        FieldError: it is not numeric.
        ShapeError: it has the wrong shape.
    """
    if given.dtype.kind not in "iuf":
        raise FieldError(f"an array of dtype {given.dtype} is not an image", expected="uint8, uint16 or floating point")
    if given.ndim not in {2, 3} or 0 in given.shape or (given.ndim == 3 and given.shape[2] > 4):
        size = "x".join(map(str, given.shape)) or "no dimension"
        raise ShapeError(f"an array of {size} is not an image", expected="h w, or h w c with 1 to 4 channels")
    return given if given.dtype.type in TYPES else given.astype(np.float64)


def _as_written(source: NDArray[Any]) -> Pixels:
    """Return a pixel of the future file."""
    corner = _planes(source)[:1, :1]
    return corner.astype(np.uint16) if source.dtype == np.uint16 else corner.astype(np.uint8)


def _planes(array: NDArray[Any]) -> NDArray[Any]:
    return array[..., None] if array.ndim == 2 else array


def _alpha(planes: NDArray[Any]) -> bool:
    return planes.shape[2] in {2, 4}


def _colours(planes: NDArray[Any]) -> NDArray[Any]:
    """Return a view of all channels but alpha."""
    return planes[..., :-1] if _alpha(planes) else planes


def _size(array: NDArray[Any]) -> str:
    height, width, channels = _planes(array).shape
    return to_text((channels, height, width))
