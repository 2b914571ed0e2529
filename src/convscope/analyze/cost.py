"""Parameters and multiply-adds of a layer and in total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.core.op import FLOAT32

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convscope.core.net import Layer, Net
    from convscope.core.op import Weight


@dataclass(frozen=True)
class Total:
    """A sum in which parts may be unknown. Unknown is not zero, so ``value`` is then a lower bound.

    Attributes:
        value: the sum of the known parts.
        missing: names of the layers whose part is unknown.
    """

    value: int
    missing: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def total(parts: Iterable[tuple[str, int | None]]) -> Total:
    """Sum named parts; None means unknown.

    >>> total([("conv1", 160), ("mystery1", None)])
    Total(value=160, missing=('mystery1',))
    """
    pairs = list(parts)
    known = sum(value for _, value in pairs if value is not None)
    return Total(known, tuple(name for name, value in pairs if value is None))


Weights = tuple["Weight", ...] | None
"""The weights of a layer; None if they are unknown."""


def learned(weights: Weights) -> int | None:
    """Return the number of learned values; None if unknown."""
    return None if weights is None else sum([weight.count for weight in weights if weight.trained])


def net_macs(net: Net) -> Total:
    """Return the multiply-adds of a net for one sample [MAC]."""
    return total((layer.node.name, macs(layer)) for layer in net)


def params(layer: Layer) -> int | None:
    """Return the number of parameters of a layer; None if unknown."""
    return learned(layer.weights)


def locked(weights: Weights) -> int | None:
    """Return the number of frozen parameters; None if unknown."""
    return None if weights is None else sum([weight.count for weight in weights if weight.frozen and weight.trained])


def frozen(layer: Layer) -> int | None:
    """Return the number of frozen parameters of a layer; None if unknown."""
    return locked(layer.weights)


def unused_frozen(net: Net) -> int:
    """Return the number of frozen parameters that no layer reads."""
    return sum(weight.count for weight in net.unused if weight.frozen)


def net_frozen(net: Net) -> int:
    """Return the number of frozen parameters of a net, as far as known."""
    return sum(frozen(layer) or 0 for layer in net) + unused_frozen(net)


def stored_bytes(weights: Weights) -> int | None:
    """Return the size of weights as stored in the source, with buffers and scales [byte]; None if unknown."""
    return None if weights is None else sum([weight.stored_bytes for weight in weights])


def in_float32(weights: Weights) -> bool:
    """Return whether every parameter is stored in float32, as far as known."""
    return all(weight.dtype == FLOAT32 for weight in weights or () if weight.trained)


def net_params(net: Net) -> Total:
    """Return the number of parameters of a net, including those that no layer reads."""
    return with_unused(net, total((layer.node.name, params(layer)) for layer in net))


def with_unused(net: Net, params: Total) -> Total:
    """Add parameters that no layer reads to those of all layers."""
    return Total(params.value + sum(weight.count for weight in net.unused), params.missing)


def stored_with_unused(net: Net, stored: Total) -> Total:
    """Add the bytes of weights that no layer reads to those of all layers."""
    return Total(stored.value + sum(weight.stored_bytes for weight in net.unused), stored.missing)


def macs(layer: Layer) -> int | None:
    """Return the multiply-adds of a layer for one sample [MAC]; None if unknown."""
    own = layer.node.own.macs
    return layer.node.op.macs(layer.inputs, layer.output) if own is None else own
