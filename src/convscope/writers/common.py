"""Functions shared by the writers."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

from convscope.core.shape import to_text
from convscope.errors import WriteError
from convscope.ops.view import ChannelShuffle, PixelShuffle, PixelUnshuffle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convscope.core.net import Net
    from convscope.core.op import Op
    from convscope.core.shape import Shape


def one(values: tuple[Any, ...]) -> Any:
    """Return a single number if all are equal.

    >>> one((3, 3)), one((1, 3))
    (3, (1, 3))
    """
    return values[0] if len(set(values)) == 1 else values


def evenly(pairs: tuple[tuple[int, int], ...]) -> bool:
    """Return the padding per axis if it is symmetric; otherwise None."""
    return all(lo == hi for lo, hi in pairs)


def params(net: Net) -> int:
    """Count the parameters of the layers, each with its own weights."""
    weights = (weight for layer in net for weight in layer.node.op.weights(layer.inputs) or ())
    return sum(weight.count for weight in weights if weight.trained)


def sizes_text(net: Net) -> str:
    """Describe inputs and outputs for the first line of a text.

    >>> import convscope as cs
    >>> sizes_text(cs.read("input 8x8x1, conv 4 3x3"))
    '8x8x1 -> 6x6x4'
    """
    given, made = (
        [*map(to_text, shapes)]
        for shapes in ([one.shape for one in net.inputs], [net.shape(one.node) for one in net.outputs])
    )
    return " -> ".join(f"{', '.join(one[:4])}{', …' if len(one) > 4 else ''}" for one in (given, made))


def definitions(helpers: Mapping[str, tuple[str, ...]], names: set[str]) -> list[str]:
    """Return the texts of some helpers, in the order of the list, each once.

    >>> definitions({"a": ("x", "y"), "b": ("x", "z"), "c": ()}, {"a", "b"})
    ['x', 'y', 'z']
    """
    texts = [text for name, parts in helpers.items() if name in names for text in parts]
    return [text.strip("\n") for text in dict.fromkeys(texts)]


def unwritten(op: Op, language: str, why: str = "") -> WriteError:
    """Return the error for an op that a language cannot express."""
    reason = why or ("what it computes is unknown" if op.keyword == "opaque" else "")
    return WriteError(f"{op.keyword} has no spelling in {language}" + (f": {reason}" if reason else ""))


def view_pattern(op: Op, shape: Shape) -> str:
    """Return the equivalent pattern of an op that moves values by a rule of its own.

    >>> from convscope.ops.view import ChannelShuffle, PixelShuffle
    >>> view_pattern(ChannelShuffle(2), (6, 5))
    'a2b3xc5:baxc'
    >>> view_pattern(PixelShuffle(2), (8, 3, 5))
    'a2b2c2xd3xe5:axdbxec'
    """
    return _view(op, shape)


@singledispatch
def _view(op: Op, shape: Shape) -> str:
    raise TypeError(f"{op.keyword} is not a view of {shape}")


@_view.register(ChannelShuffle)
def _shuffle(op: ChannelShuffle, shape: Shape) -> str:
    channels, *spatial = shape
    positions = "".join(f"x{letter}{size}" for letter, size in zip("cde", spatial, strict=False))
    names = "".join(f"x{letter}" for letter, _ in zip("cde", spatial, strict=False))
    return f"a{op.groups}b{channels // op.groups}{positions}:ba{names}"


@_view.register(PixelShuffle)
def _pixelshuffle(op: PixelShuffle, shape: Shape) -> str:
    channels, high, wide = shape
    f = op.factor
    return f"a{channels // f**2}b{f}c{f}xd{high}xe{wide}:axdbxec"


@_view.register(PixelUnshuffle)
def _pixelunshuffle(op: PixelUnshuffle, shape: Shape) -> str:
    channels, high, wide = shape
    f = op.factor
    return f"a{channels}xd{high // f}b{f}xe{wide // f}c{f}:abcxdxe"
