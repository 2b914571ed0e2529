"""A model of Keras and the net that was read from it, side by side. Keras runs on torch here."""

import os
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

from convscope.backends.torch import TorchNet, arranged, weights_in
from convscope.core.net import Net

__all__ = ["compare", "compare_all", "filled", "keras", "stored"]


def stored(net: Net) -> int:
    """All numbers that the net says are stored, statistics of norms included, as Keras counts them."""
    kept = [weight for layer in net for weight in layer.weights or () if weight.name != "num_batches_tracked"]
    return sum(weight.count for weight in (*kept, *net.unused))


def filled(model: Any) -> Any:
    """The model with weights, and statistics, that are all different numbers."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        spread = "var" in variable.name
        numbers = rng.uniform(0.5, 1.5, variable.shape) if spread else rng.normal(0, 0.5, variable.shape)
        variable.assign(numbers.astype("float32") if variable.dtype == "float32" else numbers.astype(variable.dtype))
    return model


def compare_all(model: Any, net: Net, inputs: dict[str, np.ndarray[Any, Any]], *, first: bool = False) -> None:
    """The net gives every output of the model, in its order and with its axes.

    Args:
        model: of Keras.
        net: read from it.
        inputs: of the model by name, as Keras has them.
        first: the model takes its channels first.
    """
    assert net.tensors is not None
    twin = TorchNet(net).eval()
    weights_in(twin, {name: torch.as_tensor(np.array(tensor)) for name, tensor in net.tensors().items()})
    given = [inputs[one.name] if len(net.inputs) > 1 else next(iter(inputs.values())) for one in net.inputs]
    with torch.no_grad():
        nested = keras.tree.pack_sequence_as(model._inputs_struct, [inputs[one.name] for one in model.inputs])
        wanted = keras.tree.flatten(model(nested, training=False))
        found = twin(*(_channels_first(one, already=first).float() for one in given))
    found = found if isinstance(found, tuple) else (found,)
    for mine, its, output in zip(found, wanted, net.outputs, strict=True):
        laid = arranged(mine, output.order) if output.order else torch.movedim(mine, 1, -1)
        assert laid.shape == its.shape
        assert torch.allclose(laid, its, rtol=1e-4, atol=1e-4), output


def _channels_first(numbers: np.ndarray[Any, Any], *, already: bool) -> torch.Tensor:
    moved = numbers if already or numbers.ndim < 3 else np.moveaxis(numbers, -1, 1)
    return torch.tensor(np.ascontiguousarray(moved))


def compare(model: Any, net: Net, *, first: bool = False, size: tuple[int, ...] | None = None) -> None:
    """The net computes what the model does.

    Args:
        model: of Keras.
        net: read from it.
        first: the model takes its channels first.
        size: of the input, where the model leaves it open.
    """
    assert net.tensors is not None
    twin = TorchNet(net).eval()
    weights_in(twin, {name: torch.as_tensor(np.array(tensor)) for name, tensor in net.tensors().items()})
    x = np.random.default_rng(1).normal(size=(2, *(size or model.input_shape[1:]))).astype("float32")
    with torch.no_grad():
        result = model(x, training=False)
        result = result[0] if isinstance(result, list) else result
        wanted = _channels_first(keras.ops.convert_to_numpy(result), already=first)
        found = twin(_channels_first(x, already=first))
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4), float((found - wanted).abs().max())
