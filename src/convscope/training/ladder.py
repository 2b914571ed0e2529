"""A net for images of one's own: one of three designs by the size of the images, as wide as their number allows.

All halve the map as soon as they can, since large maps cost most; pooling comes before norm and relu, which then
process a quarter of the values; layers before a norm have no bias, since the norm cancels it. The mean over the last
map makes the net indifferent to where in the image something is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.core.shape import to_text

if TYPE_CHECKING:
    from convscope.core.shape import Shape

DESIGNS: tuple[tuple[int, str], ...] = (
    (
        64,
        (
            "conv {a} 5x5 s2 p2 nobias, maxpool 2 bn relu, conv {b} 3x3 p1 nobias, maxpool 2 bn relu, "
            "conv {c} 3x3 p1 nobias, maxpool 2 bn relu, conv {d} 3x3 p1 nobias bn relu"
        ),
    ),
    (
        20,
        (
            "conv {a} 5x5 s2 p2 nobias bn relu, conv {b} 3x3 p1 nobias, maxpool 2 bn relu, "
            "conv {c} 3x3 p1 nobias, maxpool 2 bn relu, conv {d} 3x3 p1 nobias bn relu"
        ),
    ),
    (
        4,
        (
            "conv {a} 3x3 p1 nobias bn relu, conv {b} 3x3 p1 nobias, maxpool 2 bn relu, "
            "conv {c} 3x3 p1 nobias bn relu, conv {d} 3x3 p1 nobias bn relu"
        ),
    ),
    (1, "conv {a} 3x3 p1 nobias bn relu, conv {b} 3x3 p1 nobias bn relu"),
)
"""The designs, by the shortest side that they are for [pixel]; the last is for images that cannot be halved."""

WIDTHS: tuple[tuple[int, tuple[int, int, int, int]], ...] = (
    (20_000, (48, 96, 192, 256)),
    (1_000, (32, 64, 128, 192)),
    (0, (24, 48, 96, 128)),
)
"""Channels of the layers, by the least number of training images."""


def notation(shape: Shape, classes: int, images: int) -> str:
    """Return a net in the notation.

    Args:
        shape: ``c h w`` of the images [pixel].
        classes: number of classes.
        images: number of training images.

    >>> notation((1, 8, 8), 3, 240)  # doctest: +NORMALIZE_WHITESPACE
    'input 8x8x1, conv 24 3x3 p1 nobias bn relu, conv 48 3x3 p1 nobias, maxpool 2 bn relu,
    conv 96 3x3 p1 nobias bn relu, conv 128 3x3 p1 nobias bn relu, gap, linear 3'
    """
    side = min(shape[1:])
    design = next(design for least, design in DESIGNS if side >= least)
    widths = next(widths for least, widths in WIDTHS if images >= least)
    body = design.format(**dict(zip("abcd", widths, strict=True)))
    return f"input {to_text(shape)}, {body}, gap, linear {classes}"
