"""Cross-correlation of images with small kernels, a strip of rows at a time.

``y[i, j] = sum over u, v of k[u, v] * x[i + u - a, j + v - b]`` with the anchor ``(a, b)``: this is the convolution of
deep learning, as computed by torch's and our conv layers, by OpenCV's ``filter2D`` and by SciPy's ``correlate``. The
kernel is not flipped.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.errors import FieldError, ShapeError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from convscope.lens.filter_kernels import Kernel

    Floats = NDArray[np.floating]

LONG, BLOCK = 8, 64
"""Least number of taps at which a separable kernel is applied as a matrix product, and outputs of one matrix."""

BORDERS = ("zero", "reflect", "symmetric", "replicate", "circular", "none")
"""The pixels beyond the image: zeros; the image mirrored at the outermost pixels, or beyond them so that they occur
twice; the outermost pixels; the opposite side of the image. With ``none``, the kernel stays inside and the result is
smaller.
"""

STRIP = 64 * 1024
"""Number of values in a strip: with its copies it fits into a core's cache, where NumPy is several times as fast."""


def beyond(border: str, at: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Return the index that each position, inside or beyond, reads along an axis; -1 for zero.

    The rule is repeated for positions far outside.

    >>> from numpy import arange
    >>> {border: beyond(border, arange(-3, 6), 3).tolist() for border in ("zero", "reflect", "symmetric")}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'zero':      [-1, -1, -1, 0, 1, 2, -1, -1, -1],
     'reflect':   [1, 2, 1, 0, 1, 2, 1, 0, 1],
     'symmetric': [2, 1, 0, 0, 1, 2, 2, 1, 0]}
    >>> {border: beyond(border, arange(-3, 6), 3).tolist() for border in ("replicate", "circular")}
    {'replicate': [0, 0, 0, 0, 1, 2, 2, 2, 2], 'circular': [0, 1, 2, 0, 1, 2, 0, 1, 2]}
    """
    if border == "replicate":
        return np.clip(at, 0, size - 1)
    if border == "circular":
        return at % size
    if border == "reflect":
        period = max(2 * size - 2, 1)
        return np.minimum(at % period, period - at % period)
    if border == "symmetric":
        return np.minimum(at % (2 * size), 2 * size - 1 - at % (2 * size))
    return np.where((at >= 0) & (at < size), at, -1)


def size_of(shape: tuple[int, int], kernel: Kernel, border: str) -> tuple[int, int]:
    """Return height and width of the result.

    Raises:
        UnknownNameError: there is no such border.
        ShapeError: the kernel must stay inside the image but is larger.
    """
    if border not in BORDERS:
        raise unknown("border", border, BORDERS, {"valid": "none", "wrap": "circular", "mirror": "reflect"})
    if border != "none":
        return shape
    height, width = (size - taps + 1 for size, taps in zip(shape, kernel.shape, strict=True))
    if min(height, width) < 1:
        taps, sides = ("x".join(map(str, pair)) for pair in (kernel.shape, shape))
        raise ShapeError(f"a {taps} kernel does not fit into a {sides} image", expected="another --border")
    return height, width


def correlate(pixels: NDArray[np.generic], kernel: Kernel, border: str) -> Iterator[tuple[slice, Floats]]:
    """Yield the response of an image ``h w c`` from the top: rows of the result, with their values ``rows w' c``.

    8-bit images are computed in float32, everything else in float64.

    Raises:
        UnknownNameError: there is no such border.
        ShapeError: the kernel must stay inside the image but is larger.
    """
    height, width = size_of((pixels.shape[0], pixels.shape[1]), kernel, border)
    rows = max(
        1, STRIP // (width * pixels.shape[2]), BLOCK // 2 if max(kernel.shape) > LONG else 1, kernel.shape[0] - 1
    )
    for top, bottom in pairwise([*range(0, height, rows), height]):
        source = _source(pixels, kernel, border, top, bottom - top)
        yield slice(top, bottom), _weighed(source, kernel, bottom - top, width, pixels.shape[2])


def _source(pixels: NDArray[np.generic], kernel: Kernel, border: str, top: int, rows: int) -> Floats:
    """Return the input of a strip with filled borders: ``rows + taps - 1, (w + taps - 1) * c``."""
    height, width, channels = pixels.shape
    above, left = (0, 0) if border == "none" else kernel.anchor
    across = 0 if border == "none" else kernel.shape[1] - 1
    at = beyond(border, np.arange(top - above, top - above + rows + kernel.shape[0] - 1), height)
    inside = at[0] >= 0 and at[-1] - at[0] == len(at) - 1 and bool((np.diff(at) == 1).all())
    lines = pixels[at[0] : at[-1] + 1] if inside else pixels[at]
    made = np.empty((len(at), width + across, channels), np.float32 if pixels.dtype == np.uint8 else np.float64)
    made[:, left : left + width] = lines
    for side in (slice(0, left), slice(left + width, None)):
        columns = beyond(border, np.arange(width + across)[side] - left, width)
        made[:, side] = lines[:, columns]
        made[:, side][:, columns < 0] = 0
    made[at < 0] = 0
    return made.reshape(len(at), -1)


def _weighed(source: Floats, kernel: Kernel, rows: int, width: int, channels: int) -> Floats:
    """Compute the sums of a strip, ``rows w c``: over all taps, or down and then across."""
    parts, across = kernel.factors(), width * channels
    if parts and max(kernel.shape) > LONG and bool(np.isfinite(source).all()):  # in a product, 0 * inf would spread
        return _banded(source, *parts, rows, width, channels)
    if parts:
        column, row = parts
        source = _sum(((tap, source[y : y + rows]) for y, tap in enumerate(column) if tap), source[:rows])
        taps = tuple((0, x, tap) for x, tap in enumerate(row) if tap)
    else:
        taps = kernel.taps
    views = ((tap, source[y : y + rows, x * channels : x * channels + across]) for y, x, tap in taps)
    return _sum(views, source[:rows, :across]).reshape(rows, width, channels)


def _banded(  # noqa: PLR0913 -- the sizes of a strip
    source: Floats, column: tuple[float, ...], row: tuple[float, ...], rows: int, width: int, channels: int
) -> Floats:
    """Compute the two passes as products with banded matrices of the taps.

    They multiply by zeros, too, but are twenty times as fast as a pass over the strip for each tap.
    """
    down = (_band(column, rows, source.dtype) @ source).reshape(rows, -1, channels)
    band, made = _band(row, BLOCK, source.dtype).T, np.empty((rows, width, channels), source.dtype)
    for channel in range(channels):
        plane = np.ascontiguousarray(down[..., channel])
        for left in range(0, width, BLOCK):
            size = min(BLOCK, width - left)
            part = plane[:, left : left + size + len(row) - 1]
            made[:, left : left + size, channel] = part @ band[: size + len(row) - 1, :size]
    return made


def _band(taps: tuple[float, ...], count: int, dtype: np.dtype[Any]) -> Floats:
    """Return a banded matrix ``count, count + taps - 1`` with the taps that each output reads.

    >>> _band((1.0, 2.0), 2, np.dtype(np.float64)).tolist()
    [[1.0, 2.0, 0.0], [0.0, 1.0, 2.0]]
    """
    made, at = np.zeros((count, count + len(taps) - 1), dtype), np.arange(count)
    for offset, tap in enumerate(taps):
        made[at, at + offset] = tap
    return made


def _sum(terms: Iterable[tuple[float, Floats]], like: Floats) -> Floats:
    """Return the outer product of weight and values."""
    total, spare = np.empty(like.shape, like.dtype), np.empty(like.shape, like.dtype)
    more = iter(terms)
    weight, values = next(more, (0.0, like))
    np.multiply(values, weight, out=total)
    for weight, values in more:
        if weight == 1:
            total += values
        elif weight == -1:
            total -= values
        else:
            np.multiply(values, weight, out=spare)
            total += spare
    return total


RESPONSES = ("clip", "absolute", "signed")
"""The treatment of sums outside the grey levels: clipped to black and white; their absolute value, clipped to white;
kept as signed values, drawn with zero as mid-grey.
"""


def white(dtype: np.dtype[np.generic]) -> float:
    """Return the largest value of an image: 255, 65535, or 1 for floating point."""
    return float(np.iinfo(dtype.name).max) if dtype.kind == "u" else 1.0


def respond(values: Floats, response: str, dtype: np.dtype[np.generic]) -> Floats:
    """Convert sums to the type of the image in place; integers are rounded, halves to even.

    Raises:
        UnknownNameError: there is no such response.
    """
    if response not in RESPONSES:
        raise unknown("response", response, RESPONSES, {"abs": "absolute", "raw": "signed"})
    if response == "signed":
        return values
    if response == "absolute":
        np.abs(values, out=values)
    if dtype.kind == "u":
        np.rint(values, out=values)
    return np.clip(values, 0, white(dtype), out=values)


def checked_position(at: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Check a position ``y, x`` in an image.

    Raises:
        FieldError: the position lies outside.
    """
    if not all(0 <= position < side for position, side in zip(at, size, strict=True)):
        raise FieldError(
            f"pixel {at[0]},{at[1]} lies outside the image",
            expected=f"y below {size[0]} and x below {size[1]}, counted from 0",
        )
    return at
