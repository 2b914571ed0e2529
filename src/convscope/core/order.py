"""The layout of an input or output tensor relative to the ``n c h w`` of its layer.

An order is a pattern such as ``a8xb7xc7:nxbxcxa``: the axes of the layer before the colon, those of the tensor after
it, with ``n`` for the batch. An empty order is the natural layout of a library: channels first in PyTorch and ONNX,
channels last in Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.core.pattern import Pattern, parse
from convscope.errors import FieldError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.core.pattern import Axes
    from convscope.core.shape import Shape

BATCH = "n"
"""The letter of the batch."""

SCALAR = "scalar"
"""The part after the colon for a tensor without axes."""


@dataclass(frozen=True)
class Moves:
    """The steps that bring a tensor into an order: reshape, permute, reshape. None if a step changes nothing.

    Attributes:
        split: sizes, -1 for the batch.
        permuted: axes of the split tensor, in their new order.
        joined: sizes, -1 for the batch.
    """

    split: tuple[int, ...] | None
    permuted: tuple[int, ...] | None
    joined: tuple[int, ...] | None


def pattern_of(order: str) -> Pattern:
    """Return the pattern of an order, with a batch of one sample.

    Raises:
        FieldError: the text is not an order.

    >>> pattern_of("a8xb7:nxbxa").parts, pattern_of("1:scalar").parts
    ((('n', 'a', 'b'), ('n', 'b', 'a')), (('n', ''), ()))
    """
    if order.endswith(f":{SCALAR}"):
        found = parse(f"{BATCH}1x{order.removesuffix(SCALAR)}1", 2)
        found = Pattern((found.parts[0], ()), found.sizes)
    else:
        found = parse(f"{BATCH}1x{order}", 2)
    if found.dropped().strip(BATCH):
        raise FieldError(f'"{order}" leaves out some axes', expected="every letter on both sides of the colon")
    return found


def check_order(order: str, shape: Shape) -> None:
    """Raise ShapeError unless the order fits a layer of this shape ``c h w``."""
    if order:
        pattern_of(order).check(((1, *shape),))


def sizes_in(order: str, shape: Shape) -> tuple[int, ...]:
    """Return the sizes of a tensor in an order, for one sample.

    >>> sizes_in("a8xb7xc5:nxbxcxa", (8, 7, 5)), sizes_in("", (8, 7, 5))
    ((1, 7, 5, 8), (1, 8, 7, 5))
    """
    if not order:
        return (1, *shape)
    found = pattern_of(order)
    return found.shape(found.output)


def moves(order: str, axes: Sequence[int]) -> Moves:
    """Return the steps that bring the tensor of a layer into an order.

    Args:
        order: not empty.
        axes: the axes of ``n c h w`` in the order of the library: ``(0, 2, 3, 1)`` for channels last.

    Raises:
        ShapeError: the order repeats axes, which a permutation cannot do.

    >>> moves("a8xb7xc5:nxbxcxa", (0, 1, 2, 3))
    Moves(split=None, permuted=(0, 2, 3, 1), joined=None)
    >>> moves("a8xb7xc5:nxbxcxa", (0, 2, 3, 1))
    Moves(split=None, permuted=None, joined=None)
    >>> moves("a8x1x1:nxa", (0, 1, 2, 3))
    Moves(split=None, permuted=None, joined=(-1, 8))
    """
    pattern = pattern_of(order)
    return _between(pattern, _in_library(pattern, axes), pattern.output)


def moves_back(order: str, axes: Sequence[int]) -> Moves:
    """Return the steps that bring a tensor in an order into the layout of a library.

    Args:
        order: not empty.
        axes: as for :func:`moves`.

    Raises:
        ShapeError: as for :func:`moves`.

    >>> moves_back("a8xb7xc5:nxbxcxa", (0, 1, 2, 3)), moves_back("a8xb7:bxa", (0, 1, 2))
    (Moves(split=None, permuted=(0, 3, 1, 2), joined=None), Moves(split=(-1, 7, 8), permuted=(0, 2, 1), joined=None))
    """
    pattern = pattern_of(order)
    return _between(pattern, pattern.output, _in_library(pattern, axes))


def _in_library(pattern: Pattern, axes: Sequence[int]) -> Axes:
    return tuple(pattern.inputs[0][axis] for axis in axes)


def _between(pattern: Pattern, have: Axes, wanted: Axes) -> Moves:
    """Return the steps from some axes to others. A side without a batch temporarily has one of length 1."""
    letters, kept = (_with_batch(pattern.letters(axes)) for axes in (have, wanted))
    if set(kept) != set(letters):
        raise ShapeError(
            "an order that repeats axes is not supported", expected="every letter on both sides of the colon"
        )
    permuted = tuple(letters.index(letter) for letter in kept)
    if permuted == tuple(range(len(letters))):
        return Moves(None, None, None if have == wanted else _sizes(pattern, wanted))
    split = None if have == letters else _sizes(pattern, letters)
    return Moves(split, permuted, None if wanted == kept else _sizes(pattern, wanted))


def _with_batch(letters: tuple[str, ...]) -> tuple[str, ...]:
    return letters if BATCH in letters else (BATCH, *letters)


def _sizes(pattern: Pattern, axes: Axes) -> tuple[int, ...]:
    return tuple(-1 if BATCH in axis else pattern.size(axis) for axis in axes)
