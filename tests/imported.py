"""A module of torch beside the net that is read from it: how tests compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from convscope.backends.torch import TorchNet, arranged, weights_in
from convscope.frontends.given import of_shape
from convscope.frontends.torch import module as reader
from convscope.frontends.torch.ends import Taken
from convscope.frontends.torch.untouched import Kept, untouched

if TYPE_CHECKING:
    from torch import nn

    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.frontends.torch import Imported


def loaded(net: Net) -> TorchNet:
    """The net as a module with the weights that came along."""
    assert net.tensors is not None
    model = TorchNet(net).eval()
    weights_in(model, {name: torch.tensor(numbers) for name, numbers in net.tensors().items()})
    return model


def in_order(imported: Imported, output: Tensor) -> Tensor:
    """The first output of the net, as it lies in the module."""
    return arranged(output, imported.net.outputs[0].order)


def without_ones(tensor: Tensor) -> tuple[int, ...]:
    """Its sizes but those of 1."""
    return tuple(size for size in tensor.shape if size > 1)


def real_run(module: nn.Module, shape: Shape) -> Imported:
    """The module read with real numbers, which holds the sizes of every value against torch's."""
    parts = reader._Parts.of(module)
    kept = Kept(parts.tensors)
    with untouched(list(parts.modules.values()), kept):
        taken = Taken.of(module, of_shape(shape))
        return reader._Reading(module, parts, taken, kept, real=True).run()
