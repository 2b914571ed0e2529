"""Random nets written for Keras, and read from there again: every output, in number, nesting, axes and values."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

if not all(map(find_spec, ("keras", "h5py"))):
    pytest.skip("Keras or h5py is not installed", allow_module_level=True)

from convscope.backends.torch import TorchNet, arranged, weights_in
from convscope.core.net import Net
from convscope.frontends import read
from convscope.writers import keras_state, write
from graphs import at, random_net
from keras_twin import keras
from unit.test_writers import module
from written import filled

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

NETS, GROUPS = 80, 8
SEEDS = [range(start, NETS, GROUPS) for start in range(GROUPS)]


def model_of(seed: int) -> Any:
    """A random net as a Keras model; None where the batch does not come first, which no Keras model has."""
    net = random_net(seed)
    _, tensors = filled(net)
    keras.utils.clear_session(free_memory=False)
    model = module(str(write(net, to="keras")))["build"]()
    for name, arrays in keras_state(net, tensors).items():
        model.get_layer(name).set_weights(arrays)
    ends = [*model.inputs, *model.outputs]
    return model if all(one.shape[0] is None and None not in one.shape[1:] for one in ends) else None


def holds(net: Net, model: Any, inputs: list[np.ndarray[Any, Any]]) -> None:
    """The net gives what the model gives, each output at its place."""
    assert net.tensors is not None
    twin = TorchNet(net).eval()
    weights_in(twin, {name: torch.as_tensor(np.array(one)) for name, one in net.tensors().items()})
    with torch.no_grad():
        result = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        found = twin(*(torch.tensor(np.moveaxis(one, -1, 1).copy()) for one in inputs))
    found = found if isinstance(found, tuple) else (found,)
    assert len(net.outputs) == len(model.outputs)
    for mine, output in zip(found, net.outputs, strict=True):
        wanted = at(result, output.path)
        laid = arranged(mine, output.order) if output.order else torch.movedim(mine, 1, -1)
        assert laid.shape == wanted.shape, (str(net), output)
        assert torch.allclose(laid, wanted, rtol=1e-3, atol=1e-4), (str(net), output)


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"from {seeds.start}")
def test_random_models(seeds: range, tmp_path: Path) -> None:
    read_of = 0
    for seed in seeds:
        model = model_of(seed)
        if model is None:
            continue
        read_of += 1
        random = np.random.default_rng(seed)
        inputs = [random.normal(size=(2, *one.shape[1:])).astype("float32") for one in model.inputs]
        holds(read(model), model, inputs)
        for suffix in ("keras", "h5"):
            path = tmp_path / f"{seed}.{suffix}"
            model.save(path)
            holds(read(path), model, inputs)
    assert read_of > len(seeds) // 5
