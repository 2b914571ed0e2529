"""The default layer: one stated rule for each kind of figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convscope.errors import FieldError
from convscope.lens.activation_formulas import FORMULAS
from convscope.ops.act import Identity
from convscope.ops.conv import Conv, ConvTranspose
from convscope.ops.linear import Linear

if TYPE_CHECKING:
    from convscope.core.net import Layer, Net

GIVEN = "as requested"
FIRST_KERNELS = "the first convolution"
FIRST_MAPS = "the first activation"
LAST_MAP = "the last feature map before the scores"


@dataclass(frozen=True)
class Choice:
    """A layer, with the reason for choosing it."""

    layer: Layer
    why: str

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.layer.node.name


def has_kernels(layer: Layer) -> bool:
    """Return whether the layer's weights are kernels: a convolution, or a linear layer on a map."""
    op, shape = layer.node.op, layer.inputs[0]
    return (isinstance(op, Conv | ConvTranspose) and len(shape) == 3) or (isinstance(op, Linear) and len(shape) == 3)


def has_map(layer: Layer) -> bool:
    """Return whether the layer's output is a map larger than 1x1."""
    return len(layer.output) == 3 and max(layer.output[1:]) > 1


def with_kernels(net: Net, name: str | None = None) -> Choice:
    """Return the layer of that name, or the first convolution.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: the layer has no kernels.

    >>> import convscope as cs
    >>> with_kernels(cs.read("input 8x8x1, bn, conv 4 3x3")).name
    'conv1'
    """
    if name is not None and has_kernels(net[name]):
        return Choice(net[name], GIVEN)
    found = [layer for layer in net if has_kernels(layer)]
    if name is not None or not found:
        raise FieldError(
            f"{name} has no kernels" if name else "no layer of this net has kernels",
            expected=_listed(found) or "a net with a convolution",
        )
    convolutions = [layer for layer in found if not isinstance(layer.node.op, Linear)]
    return Choice(convolutions[0], FIRST_KERNELS) if convolutions else Choice(found[0], "the first layer with kernels")


def is_activation(layer: Layer) -> bool:
    """Return whether the layer's op is an activation function."""
    op = layer.node.op
    return isinstance(op, tuple(FORMULAS)) and not isinstance(op, Identity)


def for_features(net: Net, name: str | None = None) -> Choice:
    """Return the layer of that name, or the first activation, in whose maps people recognise the image.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: no layer is requested, and none has a map.

    >>> import convscope as cs
    >>> for_features(cs.read("input 8x8x1, conv 4 3x3, relu, conv 4 3x3, relu, gap, linear 2")).name
    'relu1'
    """
    if name is not None:
        return Choice(net[name], GIVEN)
    found = [layer for layer in net if is_activation(layer) and has_map(layer)]
    return Choice(found[0], FIRST_MAPS) if found else with_map(net)


def along_the_net(net: Net) -> tuple[str, ...]:
    """Return the first, the middle and the last activation with a map, which show features from edges to parts.

    >>> import convscope as cs
    >>> along_the_net(cs.read("input 8x8x1, 5*( conv 4 3x3 p1, relu ), gap, linear 2"))
    ('relu1', 'relu3', 'relu5')
    """
    found = [layer.node.name for layer in net.layers[:-1] if has_map(layer) and is_activation(layer)]
    found = found or [with_map(net).name]
    return tuple(dict.fromkeys((found[0], found[len(found) // 2], found[-1])))


def before(net: Net, name: str) -> list[str]:
    """Return layers with a map before a layer: those with the same op first, then nearest first.

    >>> import convscope as cs
    >>> before(cs.read("input 8x8x1, conv 4 3x3, relu, conv 4 3x3, relu, gap, linear 2"), "relu2")
    ['relu1', 'conv2', 'conv1']
    """
    at = net.layers.index(net[name])
    earlier = [layer for layer in reversed(net.layers[:at]) if has_map(layer)]
    same = [layer for layer in earlier if type(layer.node.op) is type(net[name].node.op)]
    return [layer.node.name for layer in (*same, *(layer for layer in earlier if layer not in same))]


def any_layer(net: Net, name: str | None = None) -> Choice:
    """Return the layer of that name, or the last one before the scores that has a feature map.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: no layer before the scores has a map.
    """
    return Choice(net[name], GIVEN) if name is not None else with_map(net)


def with_map(net: Net, name: str | None = None) -> Choice:
    """Return the layer of that name, or the last one before the scores whose map is larger than 1x1.

    Raises:
        UnknownNameError: there is no such layer.
        FieldError: the layer has no map.

    >>> import convscope as cs
    >>> with_map(cs.read("input 8x8x1, conv 4 3x3, relu, gap, linear 2")).name
    'relu1'
    """
    if name is not None and has_map(net[name]):
        return Choice(net[name], GIVEN)
    found = [layer for layer in net.layers[:-1] if has_map(layer)]
    if name is not None or not found:
        raise FieldError(
            f"the output of {name} is not a map" if name else "no layer before the scores has a map larger than 1x1",
            expected=_listed(found),
        )
    return Choice(found[-1], LAST_MAP)


def _listed(layers: list[Layer]) -> str:
    names = [layer.node.name for layer in layers]
    return f"one of {', '.join(names[:12])}{', …' if len(names) > 12 else ''}" if names else ""
