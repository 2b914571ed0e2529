"""What written models give, each output where the net has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

import convscope as cs
from convscope.core.graph import INPUT
from convscope.writers import keras_state, torch_state
from convscope.writers.ends import words_of
from graphs import at
from keras_twin import keras

if TYPE_CHECKING:
    from convscope.core.net import Net

    Tensors = dict[str, np.ndarray[Any, Any]]


def same(net: Net, mine: Tensor, theirs: Tensor, tolerance: float) -> None:
    assert mine.shape == theirs.shape, (str(net), mine.shape, theirs.shape)
    scale = max(1.0, float(theirs.abs().max()))
    assert float((mine.double() - theirs).abs().max()) <= tolerance * scale, str(net)


def torch_outputs(net: Net, tensors: Tensors, inputs: list[Tensor], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    names = {"__name__": "written"}
    exec(cs.write(net, to="torch"), names)  # noqa: S102 -- our own code
    model: nn.Module = names["Net"]().to(dtype).eval()  # type: ignore[operator] # a class by then
    model.load_state_dict({key: torch.from_numpy(np.array(one)) for key, one in torch_state(net, tensors).items()})
    words = words_of(net.inputs)
    with torch.no_grad():
        results = model(**{word: cast(x, dtype) for word, x in zip(words, inputs, strict=True)})
    return [at(results, one.path) for one in net.outputs]


def onnx_outputs(net: Net, tensors: Tensors, inputs: list[Tensor]) -> list[Tensor]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    code = cs.write(net, to="onnx", tensors=tensors)
    session = onnxruntime.InferenceSession(code, options, providers=["CPUExecutionProvider"])
    given = {one.name: cast(x).numpy() for x, one in zip(inputs, net.inputs, strict=True)}
    return [torch.from_numpy(np.asarray(one)) for one in session.run(None, given)]


def cast(tensor: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """In another precision, if it holds floats."""
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def keras_outputs(net: Net, tensors: Tensors, inputs: list[Tensor]) -> list[Tensor]:
    names = {"__name__": "written"}
    exec(cs.write(net, to="keras"), names)  # noqa: S102 -- our own code
    assert keras.backend.backend() == "torch"
    model = names["build"]()  # type: ignore[operator] # a function by then
    for name, arrays in keras_state(net, tensors).items():
        model.get_layer(name).set_weights(arrays)
    literal = [in_keras(cast(x), one.order) for x, one in zip(inputs, net.inputs, strict=True)]
    results = model(literal[0] if [one.name for one in net.inputs] == [INPUT] else literal)
    return [at(results, one.path[alone(net) :]).detach() for one in net.outputs]


def alone(net: Net) -> bool:
    """A list or tuple of one result, which Keras returns without the list."""
    return all(len(one.path) and one.path[0] in {0, "[0]"} for one in net.outputs)


def in_keras(tensor: Tensor, order: str) -> Tensor:
    """As Keras has it: channels last, where no order is stated."""
    return tensor if order or tensor.dim() < 3 else tensor.movedim(1, -1)
