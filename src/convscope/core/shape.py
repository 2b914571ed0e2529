"""Conversion between sizes as people write them (``28x28x1``) and shapes of tensors (``c h w``, no batch axis)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convscope.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterable

Shape = tuple[int, ...]

_SIZE = re.compile(r"[0-9]+(x[0-9]+)*")
MAX_INT = 2**31


def joined(values: Iterable[object]) -> str:
    """Join numbers with an x.

    >>> joined((3, 5))
    '3x5'
    """
    return "x".join(map(str, values))


def to_text(shape: Shape) -> str:
    """Format a tensor shape ``c h w`` as ``HxWxC``.

    >>> to_text((32, 26, 20))
    '26x20x32'
    """
    channels, *spatial = shape
    return joined((*spatial, channels))


def parse_numbers(text: str) -> tuple[int, ...]:
    """Parse the numbers of ``3x3``.

    Raises:
        FieldError: the text has another form, or a number is above 2^31.

    >>> parse_numbers("1x5x5")
    (1, 5, 5)
    """
    if not _SIZE.fullmatch(text) or len(text) > 200:
        raise FieldError(f'"{text[:40]}" is not a size', expected="integers separated by x, such as 3x3")
    numbers = tuple(map(int, text.split("x")))
    if max(numbers) > MAX_INT:
        raise FieldError(f"{max(numbers)} is too large", expected="at most 2,147,483,648")
    return numbers


def turned(shape: Shape) -> str:
    """Return the right form of a size that seems to have its channels first; empty if it does not.

    >>> turned(from_text("3x224x224")), turned(from_text("28x28x1"))
    ('224x224x3', '')
    """
    channels, *positions = shape
    first_few = len(positions) > 1 and positions[0] in {1, 3, 4} and min(channels, *positions[1:]) > 4
    return joined((*positions[1:], channels, positions[0])) if first_few else ""


def batch_first(shape: Shape) -> Shape:
    """Return the probable ``n c h w`` of a shape without a batch or with channels last; empty for any other.

    >>> batch_first((3, 32, 32)), batch_first((32, 32, 3)), batch_first((8, 32, 32, 3))
    ((1, 3, 32, 32), (1, 3, 32, 32), (8, 3, 32, 32))
    >>> batch_first((1, 3, 32, 32)), batch_first((1, 32))
    ((), ())
    """
    few = {1, 3, 4}
    if len(shape) == 4 and shape[3] in few and min(shape[1:3]) > max(few):
        return (shape[0], shape[3], *shape[1:3])
    if len(shape) == 3 and shape[0] in few and min(shape[1:]) > max(few):
        return (1, *shape)
    if len(shape) == 3 and shape[2] in few and min(shape[:2]) > max(few):
        return (1, shape[2], *shape[:2])
    return ()


def from_text(text: str) -> Shape:
    """Parse ``HxWxC`` as a tensor shape ``c h w``.

    Raises:
        FieldError: the text is not a size, or has an axis of length 0, or more than 4 axes.

    >>> from_text("28x20x1")
    (1, 28, 20)
    """
    *spatial, channels = parse_numbers(text)
    if min(*spatial, channels, 1) < 1:
        raise FieldError(f"{text} has an axis of length 0", expected="at least 1 along every axis")
    if len(spatial) > 3:
        raise FieldError(
            f"{text} has {len(spatial)} spatial axes",
            expected="height x width x channels, with 0 to 3 spatial axes",
        )
    return (channels, *spatial)
