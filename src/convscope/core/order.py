"""How a tensor that goes in or out lies, compared with the ``n c h w`` of its layer.

An order is a pattern such as ``a8xb7xc7:nxbxcxa``: before the colon the axes of the layer, after it those of the
tensor, ``n`` for the batch. An empty order is the layout that is natural for a library: channels first in PyTorch and
ONNX, channels last in Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.core.pattern import Pattern, parse
from convscope.errors import FieldError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.shape import Shape

BATCH = "n"
"""The letter of the batch."""


@dataclass(frozen=True)
class Moves:
    """What brings a tensor into an order: a reshape, a permutation, a reshape. None where a step changes nothing.

    Attributes:
        split: sizes, -1 for the batch.
        permuted: axes of the split tensor, in their new order.
        joined: sizes, -1 for the batch.
    """

    split: tuple[int, ...] | None
    permuted: tuple[int, ...] | None
    joined: tuple[int, ...] | None


def pattern_of(order: str) -> Pattern:
    """The pattern that an order is, with a batch of one sample.

    Raises:
        FieldError: it is not an order.

    >>> pattern_of("a8xb7:nxbxa").parts
    (('n', 'a', 'b'), ('n', 'b', 'a'))
    """
    found = parse(f"{BATCH}1x{order}", 2)
    if found.dropped().strip(BATCH):
        raise FieldError(f'"{order}" leaves axes out', expected="every letter on both sides of the colon")
    return found


def check_order(order: str, shape: Shape) -> None:
    """Raise ShapeError unless the order is one for a layer of this shape ``c h w``."""
    if order:
        pattern_of(order).check(((1, *shape),))


def sizes_in(order: str, shape: Shape) -> tuple[int, ...]:
    """Sizes of a tensor in an order, for one sample.

    >>> sizes_in("a8xb7xc5:nxbxcxa", (8, 7, 5)), sizes_in("", (8, 7, 5))
    ((1, 7, 5, 8), (1, 8, 7, 5))
    """
    if not order:
        return (1, *shape)
    found = pattern_of(order)
    return found.shape(found.output)


def moves(order: str, axes: Sequence[int]) -> Moves:
    """What brings the tensor of a layer into an order.

    Args:
        order: not empty.
        axes: which axes of ``n c h w`` the library has, in its order: ``(0, 2, 3, 1)`` where channels are last.

    Raises:
        ShapeError: the order repeats what is there, which no permutation does.

    >>> moves("a8xb7xc5:nxbxcxa", (0, 1, 2, 3))
    Moves(split=None, permuted=(0, 2, 3, 1), joined=None)
    >>> moves("a8xb7xc5:nxbxcxa", (0, 2, 3, 1))
    Moves(split=None, permuted=None, joined=None)
    >>> moves("a8x1x1:nxa", (0, 1, 2, 3))
    Moves(split=None, permuted=None, joined=(-1, 8))
    """
    pattern = pattern_of(order)
    have = tuple(pattern.inputs[0][axis] for axis in axes)
    letters = pattern.letters(have)
    wanted = pattern.letters(pattern.output)
    kept = wanted if BATCH in wanted else (BATCH, *wanted)
    if set(kept) != set(letters):
        raise ShapeError(f'the order "{order}" repeats what is there')
    permuted = tuple(letters.index(letter) for letter in kept)
    stays = permuted == tuple(range(len(letters)))
    split = _sizes(pattern, letters)
    flat = any(len(axis) > 1 for axis in have)
    if stays:
        same = have == pattern.output
        return Moves(None, None, None if same else _sizes(pattern, pattern.output))
    whole = tuple(kept) == pattern.output
    needs_split = flat or len(letters) < len(have)
    return Moves(split if needs_split else None, permuted, None if whole else _sizes(pattern, pattern.output))


def _sizes(pattern: Pattern, axes: Sequence[str]) -> tuple[int, ...]:
    return tuple(-1 if BATCH in axis else pattern.size(axis) for axis in axes)
