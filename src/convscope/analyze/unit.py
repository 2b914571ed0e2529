"""The receptive field of one unit: its exact support and the distribution of the weight."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.effective import Effective, effective
from convscope.analyze.support import At, Support, drawable, support
from convscope.budget import per_layer
from convscope.core.shape import joined
from convscope.errors import ImageError
from convscope.extras import missing_extra
from convscope.files import put
from convscope.inert import inert
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.core.net import Net


_APPROXIMATE = " (approximate: axes of a layer on the way depend on each other)"


@dataclass(frozen=True, eq=False)
class UnitField:
    """The result of ``net.field()``; prints itself.

    Attributes:
        support: the pixels that are read.
        effective: the weight of each pixel along the spatial paths.
    """

    support: Support
    effective: Effective

    @property
    def box(self) -> tuple[tuple[int, int], ...] | None:
        """The first and last pixel along each axis, inclusive; None if nothing is read."""
        return self.support.box

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The mask of the pixels that are read, ``h w``; computed on each access."""
        return self.support.mask

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/field/1``."""
        return self.support.to_json() | {"schema": "convscope/field/1", "effective": self.effective.to_json()}

    def save_mask(self, path: str | Path) -> None:
        """Write :meth:`mask_png` to a file.

        Raises:
            WriteError: the file cannot be written. Other errors are those of :meth:`mask_png`.
        """
        put(path, self.mask_png())

    def mask_png(self) -> bytes:
        """Draw the pixels that are read in white, on a grey box, on black.

        Raises:
            MissingExtraError: Pillow is not installed.
            ImageError: the support is not that of an image.
            ShapeError: the image is too large for a mask.
        """
        try:
            from PIL import Image
        except ImportError:
            raise missing_extra("Pillow, which writes images,", "look") from None
        if len(self.support.shape) > 2:
            raise ImageError("the support of a volume cannot be drawn as a single image", expected="a net on images")
        drawable(self.support.shape)
        image = np.zeros(self.support.shape, dtype=np.uint8)
        if self.box:
            box = tuple(slice(first, last + 1) for first, last in self.box)
            image[box] = np.where(self.support.window, 255, 80)
        out = io.BytesIO()
        Image.fromarray(np.atleast_2d(image)).save(out, format="PNG")
        return out.getvalue()

    def __str__(self) -> str:
        found = self.support
        positions = ", ".join(str(a) if a == b else f"{a}:{b}" for a, b in found.patch)
        node = inert(found.node)
        lines = [f"{node} at {positions}, image {joined(found.shape)}" if positions else node]
        if not found.box:
            return f"{lines[0]}\nno pixel of the image is read"
        box = ", ".join(f"{first} … {last}" for first, last in found.box)
        size = joined(last - first + 1 for first, last in found.box)
        hull = "" if found.exact else " (an upper bound: axes of a layer on the way depend on each other)"
        lines.append(f"box        {box}  ({size}){hull}")
        lines.append(
            f"pixels     {found.pixels:,} of {found.area:,}, coverage {100 * found.coverage:.1f} %{_holes(found)}"
        )
        local = "" if self.effective.area == found.area else " along the spatial paths"
        std = ", ".join(f"{value:.2f}" for value in self.effective.std)
        note = "" if self.effective.exact else _APPROXIMATE
        lines.append(f"weight     standard deviation {std} pixels; {_shares(self.effective, local)}{note}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return text_html(str(self))


def _holes(found: Support) -> str:
    if not found.holes:
        return ", no holes"
    grid = f": one of every {joined(found.grid)} is read" if max(found.grid) > 1 else ""
    return f", {found.holes:,} holes{grid}"


def _shares(weights: Effective, local: str) -> str:
    parts = (f"{level} % in {100 * share:.1f} %" for level, share in weights.shares().items())
    return f"{', '.join(parts)} of the box{local}"


@per_layer
def unit_field(
    net: Net,
    node: str | None = None,
    at: At | None = None,
    *,
    gates: bool = True,
    of: str | None = None,
) -> UnitField:
    """Return support and effective field of the units ``at`` of a layer, by default its middle unit, in an input.

    Raises:
        UnknownNameError: there is no such layer or input.
        FieldError: ``at`` lies outside of the layer.
        ShapeError: the input is not an image.

    >>> import convscope as cs
    >>> cs.read("input 9x9x1, conv 1 3x3").field(at=(0, 0)).box
    ((0, 2), (0, 2))
    """
    layer = net.layer(node)
    positions = tuple(size // 2 for size in layer.output[1:]) if at is None else at
    return UnitField(support(net, node, positions, gates=gates, of=of), effective(net, node, positions, of=of))
