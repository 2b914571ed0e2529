"""What is written gives the outputs of the net, in number, nesting, order and axes: nets that are more than chains."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import convscope as cs
from convscope.backends.torch import TorchNet, arranged
from convscope.core.graph import INPUT
from convscope.core.net import Net
from convscope.writers import keras_state, torch_state
from convscope.writers.ends import words_of
from graphs import at, random_net
from keras_twin import keras
from written import filled

Tensors = dict[str, np.ndarray[Any, Any]]

NETS = 1000
GROUPS = 20
SEEDS = [range(start, NETS, GROUPS) for start in range(GROUPS)]


def given(net: Net) -> list[Tensor]:
    """Two samples for each input, ``n c h w``."""
    random = torch.Generator().manual_seed(7)
    return [torch.rand(2, *one.shape, generator=random, dtype=torch.float64) - 0.3 for one in net.inputs]


def wanted(net: Net, model: TorchNet, inputs: list[Tensor]) -> list[Tensor]:
    """What the net gives, each output as it lies in the source."""
    with torch.no_grad():
        found = model(*inputs)
    results = found if isinstance(found, tuple) else (found,)
    return [arranged(one, output.order) for one, output in zip(results, net.outputs, strict=True)]


def same(net: Net, mine: Tensor, theirs: Tensor, tolerance: float) -> None:
    assert mine.shape == theirs.shape, (str(net), mine.shape, theirs.shape)
    scale = max(1.0, float(theirs.abs().max()))
    assert float((mine.double() - theirs).abs().max()) <= tolerance * scale, str(net)


def torch_outputs(net: Net, tensors: Tensors, inputs: list[Tensor]) -> list[Tensor]:
    names = {"__name__": "written"}
    exec(cs.write(net, to="torch"), names)  # noqa: S102 -- our own code
    model: nn.Module = names["Net"]().double().eval()  # type: ignore[operator] # a class by then
    model.load_state_dict({key: torch.from_numpy(np.array(one)) for key, one in torch_state(net, tensors).items()})
    literal = [arranged(x, one.order) for x, one in zip(inputs, net.inputs, strict=True)]
    words = words_of(net.inputs)
    with torch.no_grad():
        results = model(**dict(zip(words, literal, strict=True)))
    return [at(results, one.path) for one in net.outputs]


def onnx_outputs(net: Net, tensors: Tensors, inputs: list[Tensor]) -> list[Tensor]:
    session = onnxruntime.InferenceSession(
        cs.write(net, to="onnx", tensors=tensors), providers=["CPUExecutionProvider"]
    )
    literal = {one.name: arranged(x, one.order).float().numpy() for x, one in zip(inputs, net.inputs, strict=True)}
    return [torch.from_numpy(one) for one in session.run(None, literal)]


def keras_outputs(net: Net, tensors: Tensors, inputs: list[Tensor]) -> list[Tensor]:
    names = {"__name__": "written"}
    exec(cs.write(net, to="keras"), names)  # noqa: S102 -- our own code
    model = names["build"]()  # type: ignore[operator] # a function by then
    for name, arrays in keras_state(net, tensors).items():
        model.get_layer(name).set_weights(arrays)
    literal = [in_keras(x, one.order).float() for x, one in zip(inputs, net.inputs, strict=True)]
    results = model(literal[0] if [one.name for one in net.inputs] == [INPUT] else literal)
    return [at(results, one.path[alone(net) :]).detach() for one in net.outputs]


def alone(net: Net) -> bool:
    """A list or tuple of one result, which Keras returns without the list."""
    return all(len(one.path) and one.path[0] in {0, "[0]"} for one in net.outputs)


def in_keras(tensor: Tensor, order: str) -> Tensor:
    """As Keras has it where nothing else is stated: channels last."""
    return arranged(tensor, order) if order else tensor.movedim(1, -1)


def test_the_draws_hold_what_they_are_for() -> None:
    nets = [random_net(seed) for seed in range(NETS)]
    assert sum(len(net.inputs) > 1 for net in nets) > 300
    assert sum(len(net.outputs) > 1 for net in nets) > 300
    assert sum(len(net.live()) < len(net.inputs) + len(net) for net in nets) > 300
    assert sum(any(getattr(layer.node.op, "along", 0) for layer in net) for net in nets) > 100


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_torch_and_onnx(seeds: range) -> None:
    for seed in seeds:
        net = random_net(seed)
        model, tensors = filled(net)
        inputs = given(net)
        true = wanted(net, model, inputs)
        for mine, theirs in zip(torch_outputs(net, tensors, inputs), true, strict=True):
            same(net, mine, theirs, 1e-10)
        for mine, theirs in zip(onnx_outputs(net, tensors, inputs), true, strict=True):
            same(net, mine, theirs, 1e-5)


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_keras(seeds: range) -> None:
    assert keras.backend.backend() == "torch"
    for seed in seeds:
        net = random_net(seed)
        model, tensors = filled(net)
        inputs = given(net)
        with torch.no_grad():
            found = model(*inputs)
        results = found if isinstance(found, tuple) else (found,)
        true = [in_keras(one, output.order) for one, output in zip(results, net.outputs, strict=True)]
        for mine, theirs in zip(keras_outputs(net, tensors, inputs), true, strict=True):
            same(net, mine, theirs, 1e-5)


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_the_notation_reads_back(seeds: range) -> None:
    for seed in seeds:
        net = random_net(seed)
        assert cs.read(str(net)) == net, str(net)
