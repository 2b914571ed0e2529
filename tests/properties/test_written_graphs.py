"""What is written gives the outputs of the net, in number, nesting, order and axes: nets that are more than chains."""

import pytest
import torch
from torch import Tensor

import convscope as cs
from convscope.backends.torch import TorchNet, arranged
from convscope.core.net import Net
from graphs import random_net
from outputs import in_keras, keras_outputs, onnx_outputs, same, torch_outputs
from written import filled

NETS = 1000
GROUPS = 20
SEEDS = [range(start, NETS, GROUPS) for start in range(GROUPS)]


def given(net: Net) -> list[Tensor]:
    """Two samples for each input, ``n c h w``."""
    random = torch.Generator().manual_seed(7)
    return [torch.rand(2, *one.shape, generator=random, dtype=torch.float64) - 0.3 for one in net.inputs]


def literal(net: Net, inputs: list[Tensor]) -> list[Tensor]:
    """As the inputs lie in the source."""
    return [arranged(x, one.order) for x, one in zip(inputs, net.inputs, strict=True)]


def wanted(net: Net, model: TorchNet, inputs: list[Tensor]) -> list[Tensor]:
    """What the net gives, each output as it lies in the source."""
    with torch.no_grad():
        found = model(*inputs)
    results = found if isinstance(found, tuple) else (found,)
    return [arranged(one, output.order) for one, output in zip(results, net.outputs, strict=True)]


def test_the_draws_hold_what_they_are_for() -> None:
    nets = [random_net(seed) for seed in range(NETS)]
    assert sum(len(net.inputs) > 1 for net in nets) > 300
    assert sum(len(net.outputs) > 1 for net in nets) > 300
    assert sum(len(net.live()) < len(net.inputs) + len(net) for net in nets) > 300
    assert sum(any(getattr(layer.node.op, "along", 0) for layer in net) for net in nets) > 100


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_every_writer(seeds: range) -> None:
    for seed in seeds:
        net = random_net(seed)
        model, tensors = filled(net)
        inputs = given(net)
        true, taken = wanted(net, model, inputs), literal(net, inputs)
        for mine, theirs in zip(torch_outputs(net, tensors, taken), true, strict=True):
            same(net, mine, theirs, 1e-10)
        for mine, theirs in zip(onnx_outputs(net, tensors, taken), true, strict=True):
            same(net, mine, theirs, 1e-5)
        for mine, theirs, one in zip(keras_outputs(net, tensors, taken), true, net.outputs, strict=True):
            same(net, mine, in_keras(theirs, one.order), 1e-5)


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_the_notation_reads_back(seeds: range) -> None:
    for seed in seeds:
        net = random_net(seed)
        assert cs.read(str(net)) == net, str(net)
