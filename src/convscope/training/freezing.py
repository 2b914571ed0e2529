"""Layers that training leaves as they are."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from convscope.data.classes import listed
from convscope.errors import FieldError
from convscope.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from convscope.backends.torch import TorchNet
    from convscope.core.net import Layer, Net


def frozen(net: Net, patterns: Sequence[str]) -> list[str]:
    """Return the tensors that patterns name, by ``layer.tensor``.

    Args:
        net: the net.
        patterns: of shells: ``conv*``, ``*.bias``; the name of a layer or a module stands for all in it.

    Raises:
        FieldError: a pattern names nothing, or nothing is left to train.

    >>> import convscope as cs
    >>> net = cs.read("input 8x8x1, conv 4 3x3 bn relu, linear 2")
    >>> frozen(net, ["conv*", "linear1.bias"])
    ['conv1.weight', 'conv1.bias', 'linear1.bias']
    """
    learned = {f"{layer.node.name}.{one}": True for layer in net for one in trained(layer)}
    names = learned | {f"{layer.node.name}.{one}": False for layer in net for one in _statistics(layer)}
    found: set[str] = set()
    for pattern in patterns:
        fitting = [name for name in names if _fits(name, pattern)]
        if not fitting:
            layers = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
            raise FieldError(
                f'no layer with weights is called "{inert(str(pattern))}"',
                expected=f"a name or a pattern for some of {listed(layers)}",
            )
        found.update(fitting)
    if learned and found.issuperset(learned):
        raise FieldError("every layer is frozen, so there is nothing to train", expected="patterns that leave some")
    return [name for name in names if name in found]


def _statistics(layer: Layer) -> tuple[str, ...]:
    """Return the names of the tensors of a layer that has statistics and nothing to learn, as a norm may be."""
    weights = layer.node.op.weights(layer.inputs) or ()
    return () if any(one.trained for one in weights) else tuple(one.name for one in weights)


def trained(layer: Layer) -> tuple[str, ...]:
    """Return the names of the tensors of a layer that training may change, frozen in the source or not."""
    return tuple(one.name for one in layer.node.op.weights(layer.inputs) or () if one.trained)


def _fits(name: str, pattern: str) -> bool:
    layer = name.rpartition(".")[0]
    return fnmatchcase(name, pattern) or fnmatchcase(layer, pattern) or layer.startswith(f"{pattern}.")


def patterns(freeze: str | Sequence[str]) -> tuple[str, ...]:
    """Return one pattern, or several, as a tuple.

    >>> patterns("conv1"), patterns(["conv1", "bn*"])
    (('conv1',), ('conv1', 'bn*'))
    """
    return (freeze,) if isinstance(freeze, str) else tuple(freeze)


def freeze(model: TorchNet, patterns: Sequence[str]) -> None:
    """Freeze the layers that patterns name; a norm that is frozen as a whole keeps its statistics, too.

    Raises:
        FieldError: as for :func:`frozen`.
    """
    if not patterns:
        return
    names = set(frozen(model.net, patterns))
    for name, part in zip(model.names, model.parts, strict=True):
        own = dict(part.named_parameters())
        held = [key for key in own if f"{name}.{key}" in names]
        for key in held:
            own[key].requires_grad_(False)  # noqa: FBT003 -- torch's own
        whole = len(held) == len(own) if own else any(f"{name}.{key}" in names for key, _ in part.named_buffers())
        if whole:
            part.register_forward_pre_hook(_as_evaluated)


def _as_evaluated(part: nn.Module, given: tuple[Tensor, ...]) -> None:  # noqa: ARG001 -- torch's
    """Keep a layer in evaluation mode, whatever mode the model is in."""
    if part.training:
        part.eval()
