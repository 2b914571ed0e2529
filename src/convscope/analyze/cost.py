"""Parameters and multiply-adds, of a layer and in total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.core.op import FLOAT32

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convscope.core.net import Layer, Net
    from convscope.core.op import Weight


@dataclass(frozen=True)
class Total:
    """A sum in which parts may be unknown. Unknown is not zero: then ``value`` is a lower bound.

    Attributes:
        value: sum of the known parts.
        missing: names of the layers whose part is unknown.
    """

    value: int
    missing: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Nothing is missing."""
        return not self.missing


def total(parts: Iterable[tuple[str, int | None]]) -> Total:
    """Sum named parts; None is unknown.

    >>> total([("conv1", 160), ("mystery1", None)])
    Total(value=160, missing=('mystery1',))
    """
    pairs = list(parts)
    known = sum(value for _, value in pairs if value is not None)
    return Total(known, tuple(name for name, value in pairs if value is None))


def params(layer: Layer) -> int | None:
    """Learned numbers of a layer; None where unknown."""
    weights = layer.weights
    return None if weights is None else sum(weight.count for weight in weights if weight.trained)


def frozen(layer: Layer) -> int | None:
    """Parameters of a layer that training leaves as they are; None where unknown."""
    weights = layer.weights
    return None if weights is None else sum(weight.count for weight in weights if weight.frozen and weight.trained)


def net_frozen(net: Net) -> int:
    """Parameters of a net that training leaves as they are, as far as they are known."""
    return sum(frozen(layer) or 0 for layer in net) + sum(weight.count for weight in net.unused if weight.frozen)


def stored_bytes(layer: Layer) -> int | None:
    """Size of a layer's weights as the source stores them, buffers and scales included [byte]; None where unknown."""
    weights = layer.weights
    return None if weights is None else sum(weight.stored_bytes for weight in weights)


def is_float32(net: Net) -> bool:
    """Every learned tensor of a net is stored in float32."""
    return all(weight.dtype == FLOAT32 for weight in _weights(net) if weight.trained)


def _weights(net: Net) -> Iterator[Weight]:
    yield from net.unused
    for layer in net:
        yield from layer.weights or ()


def net_params(net: Net) -> Total:
    """Learned numbers of a net, those that no layer reads included."""
    return with_unused(net, total((layer.node.name, params(layer)) for layer in net))


def with_unused(net: Net, params: Total) -> Total:
    """The parameters of all layers with those that no layer reads."""
    return Total(params.value + sum(weight.count for weight in net.unused), params.missing)


def stored_with_unused(net: Net, stored: Total) -> Total:
    """The stored bytes of all layers with those of weights that no layer reads."""
    return Total(stored.value + sum(weight.stored_bytes for weight in net.unused), stored.missing)


def macs(layer: Layer) -> int | None:
    """Multiply-adds of a layer for one sample [MAC]; None where unknown."""
    own = layer.node.own.macs
    return layer.node.op.macs(layer.inputs, layer.output) if own is None else own
