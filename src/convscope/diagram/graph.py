"""The graph of a net as positions, and the modules that names speak of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convscope.core.net import Net

_PARTS = re.compile(r"[./]")
"""Separators in names of modules: a dot in torch and our notation, a slash in ONNX and Keras."""


def names_of(net: Net) -> tuple[str, ...]:
    """Return the names of the inputs and the layers, in topological order."""
    return (*(one.name for one in net.inputs), *(layer.node.name for layer in net))


def sources_of(net: Net) -> list[list[int]]:
    """Return the positions of what each input and layer reads, in the order of :func:`names_of`.

    >>> import convscope as cs
    >>> sources_of(cs.read("input 4x4x2, add( conv 2 1x1 | id )"))
    [[], [0], [1, 0]]
    """
    at = {name: place for place, name in enumerate(names_of(net))}
    return [*([] for _ in net.inputs), *([at[name] for name in layer.node.inputs] for layer in net)]


def module_of(name: str) -> tuple[str, ...]:
    """Return the modules that a layer is in, from the outside.

    >>> module_of("layer1.0.conv1"), module_of("/layer1/0/Conv"), module_of("conv1")
    (('layer1', '0'), ('layer1', '0'), ())
    """
    return tuple(part for part in _PARTS.split(name)[:-1] if part)
