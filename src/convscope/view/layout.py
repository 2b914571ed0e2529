"""Parts of figures: each knows its size and draws itself at a position of an SVG."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Protocol

from convscope.extras import missing_extra
from convscope.inert import in_html

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

SMALL, NORMAL, LARGE = 11, 13, 17
"""Font sizes [pixel]."""

LETTER = 0.56
"""Mean width of a letter relative to the font size; a little more than in common fonts, so that text has room."""

GAP = 14

PAGE = 860
"""Width that a figure should not exceed: that of a notebook's column, and of a report's [pixel]."""


class Part(Protocol):
    """A part of a figure; sizes are in pixels."""

    @property
    def width(self) -> float:
        """The space that the part takes [pixel]."""

    @property
    def height(self) -> float:
        """The space that the part takes [pixel]."""

    def draw(self, x: float, y: float) -> str:
        """Return SVG elements with the upper left corner at ``x, y``."""


def number(value: float) -> str:
    """Return the short form of a coordinate.

    >>> number(3.0), number(0.125)
    ('3', '0.12')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


def text(  # noqa: PLR0913 -- where, what, and how it looks
    x: float, y: float, words: str, *, size: int = NORMAL, anchor: str = "start", extra: str = ""
) -> str:
    """Return text with its baseline at ``y``."""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{number(x)}" y="{number(y)}" font-size="{size}"{at}{extra}>{in_html(words)}</text>'


@dataclass(frozen=True)
class Words:
    """Lines of text; their extent is rounded to full pixels, so that neighbouring parts are sharp."""

    lines: tuple[str, ...]
    size: int = NORMAL
    bold: bool = False
    soft: bool = False

    @property
    def width(self) -> float:
        """See :class:`Part`."""
        longest = max((len(line) for line in self.lines), default=0)
        return math.ceil(longest * self.size * LETTER * (1.08 if self.bold else 1))

    @property
    def height(self) -> float:
        """See :class:`Part`."""
        return len(self.lines) * round(self.size * 1.4)

    def draw(self, x: float, y: float) -> str:
        """See :class:`Part`."""
        extra = (' font-weight="600"' if self.bold else "") + (' class="soft"' if self.soft else "")
        return "".join(
            text(x, y + self.size * 1.05 + round(self.size * 1.4) * at, line, size=self.size, extra=extra)
            for at, line in enumerate(self.lines)
        )


@dataclass(frozen=True)
class Raster:
    """A raster of pixels, enlarged without smoothing.

    Attributes:
        pixels: uint8 ``h w 3``.
        zoom: side of a pixel [pixel].
    """

    pixels: NDArray[np.uint8]
    zoom: float = 1.0

    @property
    def width(self) -> float:
        """See :class:`Part`."""
        return float(self.pixels.shape[1] * self.zoom)

    @property
    def height(self) -> float:
        """See :class:`Part`."""
        return float(self.pixels.shape[0] * self.zoom)

    def draw(self, x: float, y: float) -> str:
        """See :class:`Part`."""
        data = base64.b64encode(png(self.pixels)).decode()
        return (
            f'<image x="{number(x)}" y="{number(y)}" width="{number(self.width)}" height="{number(self.height)}" '
            f'preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
        )


@dataclass(frozen=True)
class Box:
    """A rectangle over a raster, in units of its pixels; it may extend beyond the raster."""

    top: float
    left: float
    high: float
    wide: float
    colour: str = "#d55e00"
    dashed: bool = False


@dataclass(frozen=True)
class Marked:
    """A raster with boxes over it; there is room for boxes that extend beyond it."""

    raster: Raster
    boxes: tuple[Box, ...]

    def _room(self) -> tuple[float, float, float, float]:
        """The space beyond the raster: left, top, right, bottom [pixel of the raster]."""
        high, wide = self.raster.pixels.shape[:2]
        return (
            max(0.0, *(-box.left for box in self.boxes), 0.0),
            max(0.0, *(-box.top for box in self.boxes), 0.0),
            max(0.0, *(box.left + box.wide - wide for box in self.boxes), 0.0),
            max(0.0, *(box.top + box.high - high for box in self.boxes), 0.0),
        )

    @property
    def width(self) -> float:
        """See :class:`Part`."""
        left, _, right, _ = self._room()
        return self.raster.width + (left + right) * self.raster.zoom

    @property
    def height(self) -> float:
        """See :class:`Part`."""
        _, top, _, bottom = self._room()
        return self.raster.height + (top + bottom) * self.raster.zoom

    def draw(self, x: float, y: float) -> str:
        """See :class:`Part`."""
        zoom, (left, top, _, _) = self.raster.zoom, self._room()
        x, y = x + left * zoom, y + top * zoom
        drawn = [self.raster.draw(x, y)]
        for box in self.boxes:
            dash = ' stroke-dasharray="5 4"' if box.dashed else ""
            drawn.append(
                f'<rect x="{number(x + box.left * zoom)}" y="{number(y + box.top * zoom)}" '
                f'width="{number(box.wide * zoom)}" height="{number(box.high * zoom)}" fill="none" '
                f'stroke="{box.colour}" stroke-width="2"{dash}/>'
            )
        return "".join(drawn)


@dataclass(frozen=True)
class Titled:
    """A part with text above and below."""

    part: Part
    title: str = ""
    note: str = ""

    def _words(self) -> tuple[Words | None, Words | None]:
        return (
            Words((self.title,), SMALL) if self.title else None,
            Words(tuple(self.note.split("\n")), SMALL, soft=True) if self.note else None,
        )

    @property
    def width(self) -> float:
        """See :class:`Part`."""
        return max(self.part.width, *(words.width for words in self._words() if words), 0.0)

    @property
    def height(self) -> float:
        """See :class:`Part`."""
        return self.part.height + sum(words.height + 3 for words in self._words() if words)

    def draw(self, x: float, y: float) -> str:
        """See :class:`Part`."""
        title, note = self._words()
        drawn = []
        if title:
            drawn.append(title.draw(x, y))
            y += title.height + 3
        drawn.append(self.part.draw(x, y))
        if note:
            drawn.append(note.draw(x, y + self.part.height + 3))
        return "".join(drawn)


@dataclass(frozen=True)
class Across:
    """Parts side by side, aligned at the top."""

    parts: tuple[Part, ...]
    gap: float = GAP

    @property
    def width(self) -> float:
        """See :class:`Part`."""
        return sum(part.width for part in self.parts) + self.gap * max(0, len(self.parts) - 1)

    @property
    def height(self) -> float:
        """See :class:`Part`."""
        return max((part.height for part in self.parts), default=0.0)

    def draw(self, x: float, y: float) -> str:
        """See :class:`Part`."""
        drawn = []
        for part in self.parts:
            drawn.append(part.draw(x, y))
            x += part.width + self.gap
        return "".join(drawn)


@dataclass(frozen=True)
class Down:
    """Parts below each other, aligned at the left."""

    parts: tuple[Part, ...]
    gap: float = GAP

    @property
    def width(self) -> float:
        """See :class:`Part`."""
        return max((part.width for part in self.parts), default=0.0)

    @property
    def height(self) -> float:
        """See :class:`Part`."""
        return sum(part.height for part in self.parts) + self.gap * max(0, len(self.parts) - 1)

    def draw(self, x: float, y: float) -> str:
        """See :class:`Part`."""
        drawn = []
        for part in self.parts:
            drawn.append(part.draw(x, y))
            y += part.height + self.gap
        return "".join(drawn)


def flowed(parts: Iterable[Part], gap: float = GAP, most: float = PAGE) -> Part:
    """Arrange parts in rows, each as full as the width allows."""
    rows: list[list[Part]] = [[]]
    left = most
    for part in parts:
        if rows[-1] and part.width > left:
            rows.append([])
            left = most
        rows[-1].append(part)
        left -= part.width + gap
    return Down(tuple(Across(tuple(row), gap) for row in rows), gap)


def broken(line: str, wide: float, size: int) -> list[str]:
    """Break a line of text at words, so that it fits a width [pixel].

    >>> broken("one two three", 60, 11)
    ['one two', 'three']
    """
    return wrap(line, max(1, int(wide / (size * LETTER))), break_long_words=False, break_on_hyphens=False) or [""]


def tiles(parts: tuple[Part, ...], columns: int, gap: float = 6) -> Part:
    """Arrange parts in rows of a number of columns, each as wide as its widest part."""
    wide = [max((part.width for part in parts[at::columns]), default=0.0) for at in range(columns)]
    rows = (parts[at : at + columns] for at in range(0, len(parts), columns))
    return Down(tuple(Across(tuple(map(Padded, row, wide)), gap) for row in rows), gap)


@dataclass(frozen=True)
class Padded:
    """A part padded to a least width."""

    part: Part
    least: float

    @property
    def width(self) -> float:
        """See :class:`Part`."""
        return max(self.least, self.part.width)

    @property
    def height(self) -> float:
        """See :class:`Part`."""
        return self.part.height

    def draw(self, x: float, y: float) -> str:
        """See :class:`Part`."""
        return self.part.draw(x, y)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels ``h w 3`` as a small PNG.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("Pillow, which writes images,", "look") from None
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return out.getvalue()
