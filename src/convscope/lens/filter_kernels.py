"""Kernels of the classic filters, given by name, as text, or as an array."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from convscope.errors import FieldError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LARGEST = 1001
"""The most taps along an axis."""

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Kernel:
    """The weights of a filter.

    Attributes:
        name: as the user wrote it.
        rows: the taps, from the top; each row from the left.
        anchor: row and column of the tap on the computed pixel. By default the middle, for even sizes the second of the
            two, as in OpenCV and SciPy.
    """

    name: str
    rows: Rows
    anchor: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and columns."""
        return len(self.rows), len(self.rows[0])

    @property
    def array(self) -> NDArray[np.float64]:
        """The taps, ``rows columns``."""
        return np.array(self.rows, dtype=np.float64)

    @property
    def taps(self) -> tuple[tuple[int, int, float], ...]:
        """Row, column and weight of every non-zero tap."""
        return tuple((y, x, tap) for y, row in enumerate(self.rows) for x, tap in enumerate(row) if tap)

    @property
    def sum(self) -> float:
        """The sum of all taps: the factor for a uniform area.

        >>> kernel_of("sharpen").sum, kernel_of("edge").sum
        (1.0, 0.0)
        """
        return math.fsum(tap for row in self.rows for tap in row)

    def flipped(self) -> Kernel:
        """Return the kernel rotated by 180°, with its anchor: cross-correlation with it is true convolution.

        >>> kernel_of("1 2 3 4").flipped().rows, kernel_of("1 2 3 4").anchor, kernel_of("1 2 3 4").flipped().anchor
        (((4.0, 3.0, 2.0, 1.0),), (0, 2), (0, 1))
        """
        height, width = self.shape
        rows = tuple(row[::-1] for row in self.rows[::-1])
        return replace(self, rows=rows, anchor=(height - 1 - self.anchor[0], width - 1 - self.anchor[1]))

    def factors(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Return a column and a row whose products are the taps, if that takes fewer multiply-adds; otherwise None.

        A kernel of rank one is such a product. The row is that of the largest tap; the column holds the factor of each
        row.

        >>> kernel_of("sobel-x").factors()
        ((0.5, 1.0, 0.5), (-2.0, 0.0, 2.0))
        >>> kernel_of("laplacian").factors() is None  # of rank two
        True
        """
        taps = self.array
        y, x = np.unravel_index(int(np.abs(taps).argmax()), taps.shape)
        if not taps[y, x]:
            return None
        column, row = taps[:, x] / taps[y, x], taps[y]
        error = np.abs(np.outer(column, row) - taps).max()
        if error > 1e-14 * abs(taps[y, x]) or np.count_nonzero(column) + np.count_nonzero(row) >= len(self.taps):
            return None
        return tuple(column.tolist()), tuple(row.tolist())

    def cost(self) -> str:
        """Describe the multiply-adds per value of the image, without taps of zero.

        >>> kernel_of("gaussian:2").cost()
        'separable: two 1-d passes of 17 + 17 multiply-adds a sample in place of 289'
        >>> kernel_of("laplacian").cost()
        'not separable: 5 multiply-adds a sample'
        """
        direct, parts = len(self.taps), self.factors()
        if parts:
            column, row = (sum(map(bool, part)) for part in parts)
            return f"separable: two 1-d passes of {column} + {row} multiply-adds a sample in place of {direct}"
        kind = "1-d" if min(self.shape) == 1 else "not separable" if direct > 1 else "one tap"
        return f"{kind}: {direct} multiply-add{'s' if direct != 1 else ''} a sample"

    def __str__(self) -> str:
        """Return the taps in aligned columns.

        >>> print(kernel_of("laplacian"))
         0  1  0
         1 -4  1
         0  1  0
        """
        cells = [[f"{tap:.4g}" for tap in row] for row in self.rows]
        width = max(len(cell) for row in cells for cell in row)
        return "\n".join(" ".join(cell.rjust(width) for cell in row) for row in cells)


def kernel_of(given: str | Kernel | NDArray[np.generic]) -> Kernel:
    """Return a kernel from a preset (``gaussian:2``), text (``"0 -1 0; -1 5 -1; 0 -1 0"``) or a 2-d array.

    Rows end at semicolons or line ends, numbers at blanks or commas; ``1/9`` is a number.

    Raises:
        UnknownNameError: there is no such preset.
        FieldError: a word is not a number, the rows differ in length, the argument of a preset is invalid, or the
            kernel is empty, not two-dimensional, or larger than 1001.

    >>> kernel_of("1/4 1/2 1/4").rows
    ((0.25, 0.5, 0.25),)
    """
    if isinstance(given, Kernel):
        return given
    if isinstance(given, str):
        return _preset(given) if given.strip()[:1].isalpha() else _made(given.strip(), _parsed(given))
    if not isinstance(given, np.ndarray) or given.ndim != 2 or given.dtype.kind not in "biuf":
        raise FieldError("the kernel is not a table of numbers", expected="a text, or an array of two dimensions")
    return _made("x".join(map(str, given.shape)), tuple(map(tuple, given.astype(float).tolist())))


def _made(name: str, rows: Rows) -> Kernel:
    """Make a kernel with its anchor in the middle.

    Raises:
        FieldError: it is empty, not rectangular, too large or not finite.
    """
    lengths = [len(row) for row in rows]
    if not rows or not lengths[0]:
        raise FieldError("the kernel is empty", expected='rows of numbers, such as "0 -1 0; -1 5 -1; 0 -1 0"')
    if len(set(lengths)) > 1:
        raise FieldError(
            "the kernel is not rectangular",
            given=f"rows of {', '.join(map(str, lengths[:12]))} values",
            expected="the same number of values in every row",
        )
    if max(len(rows), lengths[0]) > LARGEST:
        raise FieldError(f"the kernel has {len(rows)}x{lengths[0]} taps", expected=f"at most {LARGEST} along an axis")
    if not all(math.isfinite(tap) for row in rows for tap in row):
        raise FieldError("the kernel has a tap that is not finite", expected="finite numbers")
    return Kernel(name, rows, (len(rows) // 2, lengths[0] // 2))


def _parsed(text: str) -> Rows:
    lines = [line for line in text.replace("\n", ";").split(";") if line.strip()]
    return tuple(
        tuple(_number(word, y, x) for x, word in enumerate(line.replace(",", " ").split(), 1))
        for y, line in enumerate(lines, 1)
    )


def _number(word: str, row: int, at: int) -> float:
    try:
        value = float(Fraction(word))
    except (ValueError, OverflowError, ZeroDivisionError):
        raise FieldError(
            f'"{word[:40]}" is not a number',
            given=f"row {row}, number {at} of the kernel",
            expected="such as -1, 0.5 or 1/9",
        ) from None
    return value


def _preset(text: str) -> Kernel:
    name, colon, number = text.strip().partition(":")
    if name not in PRESETS:
        raise unknown("kernel", name, PRESETS, ALIASES)
    make = PRESETS[name]
    if not callable(make):
        if colon:
            raise FieldError(f"{name} takes no argument", given=text.strip(), attempt=name)
        return _made(name, tuple(tuple(map(float, row)) for row in make))
    return _made(text.strip(), make(_number(number, 1, 1) if colon else None))


def _box(side: float | None) -> Rows:
    """Average a square with equal weights."""
    size = 3 if side is None else int(side)
    if size != (side or 3) or not 1 <= size <= LARGEST:
        raise FieldError(
            f"blur:{side:g} is not a valid kernel", expected=f"an integer from 1 to {LARGEST}, such as blur:5"
        )
    return ((1 / size**2,) * size,) * size


def _gaussian(sigma: float | None) -> Rows:
    """Sample a Gaussian at pixels up to four standard deviations, normalised to sum 1, as in SciPy."""
    sigma = 1.0 if sigma is None else sigma
    if not 0.1 <= sigma <= 100:
        raise FieldError(
            f"gaussian:{sigma:g} is not a valid kernel", expected="a standard deviation of 0.1 to 100 pixels"
        )
    reach = int(4 * sigma + 0.5)
    bell = [math.exp(-0.5 * (at / sigma) ** 2) for at in range(-reach, reach + 1)]
    line = [value / math.fsum(bell) for value in bell]
    return tuple(tuple(down * across for across in line) for down in line)


PRESETS: dict[str, Callable[[float | None], Rows] | tuple[tuple[int, ...], ...]] = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "blur": _box,
    "gaussian": _gaussian,
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "edge": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "sobel-x": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "sobel-y": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "laplacian": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
}
"""The presets, in the order of the contact sheet; ``blur`` and ``gaussian`` take a number after a colon."""

ALIASES = {
    "box": "blur",
    "mean": "blur",
    "gauss": "gaussian",
    "outline": "edge",
    "sobel": "sobel-x",
    "none": "identity",
}
