"""Keras models compute what the net computes, with the channels last."""

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import given, settings

import convscope as cs
from convscope.core.net import Net
from convscope.core.op import Example, Op
from convscope.errors import WriteError
from convscope.writers import keras_state
from strategies import geometry_texts, net_texts
from unit.test_writers import DRAWS, far, fitting, module, written
from written import EXAMPLES, NETS, filled, net_of, repeating_texts, sample

os.environ.setdefault("KERAS_BACKEND", "torch")

REFUSED = {
    "convt 4 3 s2 g2 d2": "it has groups",
    "maxpool 2 s2 d2": "it has a dilation",
    "lstm 2 layers2 both nobias": "several layers",
    "lstm 2 along2": "over a map",
    "resize 7x2 bilinear align": "corners",
    "resize 1x5 bilinear align": "corners",
    "resize 7x4 bicubic": "not bilinear",
    "resize 5x6 bicubic align": "not bilinear",
    "resize 9 bilinear": "on a plane",
    "resize 3x4x2 bilinear": "on a plane",
    "opaque 2x2x3": "unknown",
    "opaque 5": "unknown",
}
"""Examples that Keras has no layers for, and the reason that is given."""


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Numbers of 64 bits while a test runs."""
    import keras

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])
    keras.utils.clear_session(free_memory=False)  # else all that the tests hold is searched for garbage each time


def error(net: Net, code: str) -> float:
    """How far the written model is from the net; Keras works out some of it in float32 all the same."""
    reference, tensors = filled(net, seed=4)
    model = module(code)["build"]()
    state = keras_state(net, tensors)
    assert {layer.name for layer in model.layers if layer.weights} == set(state)
    for name, arrays in state.items():
        model.get_layer(name).set_weights(arrays)
    x = sample(net)
    with torch.no_grad():
        true = reference(torch.from_numpy(x)).numpy()
        found = model(torch.from_numpy(np.moveaxis(x, 1, -1).copy())).detach().numpy()
    return far(true, np.moveaxis(found, -1, 1).reshape(true.shape))


def params(model: Any) -> int:
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.mark.parametrize("name", NETS)
def test_nets(name: str) -> None:
    net = cs.read(NETS[name])
    code = written(net, "keras")
    assert error(net, code) <= 1e-5
    if name != "unread":  # a Keras model holds only what leads to its output
        assert params(module(code)["build"]()) == net.table().params.value


def cases() -> Iterator[Any]:
    """The first example of every op, and as slow ones the others: building a model takes a tenth of a second."""
    seen: set[str] = set()
    for made, example in EXAMPLES:
        marks = [pytest.mark.slow] if made.keyword in seen else []
        seen.add(made.keyword)
        yield pytest.param(made, example, id=example.text, marks=marks)


@pytest.mark.parametrize(("made", "example"), list(cases()))
def test_every_op(made: type[Op], example: Example) -> None:
    net = net_of(made, example)
    if example.text in REFUSED:
        with pytest.raises(WriteError, match=f"it: {made.keyword} has no spelling in keras: .*{REFUSED[example.text]}"):
            written(net, "keras")
        return
    assert error(net, written(net, "keras")) <= 1e-5


def keras_or_none(net: Net) -> str | None:
    """The code, where Keras has words for it."""
    try:
        return written(net, "keras")
    except WriteError:
        return None


@settings(DRAWS, max_examples=4)
@given(repeating_texts())
def test_blocks_that_come_back_with_other_numbers(text: str) -> None:
    net = fitting(text)
    code = keras_or_none(net)
    assert code is not None
    assert error(net, code) <= 1e-4


# A softmax over one channel is a constant, of which Keras warns; the net says so, and its model has to as well.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning")
@hypothesis.example("input 7x7x1, conv 1 1x1, softmax", "input 7x7x1, up 1x3")
@settings(DRAWS, max_examples=3)
@given(net_texts(), geometry_texts())
def test_random_nets(one: str, other: str) -> None:
    for net in map(fitting, (one, other)):
        code = keras_or_none(net)
        assert code is None or error(net, code) <= 1e-4


def test_a_wrong_weight_would_be_found() -> None:
    net = cs.read(NETS["resnet"])
    assert error(net, written(net, "keras").replace("epsilon=1e-5", "epsilon=1e-3")) > 1e-4


def test_a_chain_is_sequential_and_activations_are_taken_in() -> None:
    code = written(cs.read(NETS["lenet"]), "keras")
    assert "return keras.Sequential(" in code
    assert 'layers.Conv2D(6, 5, padding="same", activation="tanh", name="conv1"),' in code


def test_blocks_are_functions() -> None:
    code = written(cs.read(NETS["resnet"]), "keras")
    assert "def residual_block(x, filters, stride=1, *, name):" in code
    assert "    if stride != 1 or channels != filters:\n        shortcut = layers.Conv2D(filters, 1" in code
    assert 'x = residual_block(x, 16, stride=2, name="residual_block3")' in code


BLOCKS = {
    "a shortcut from inside of a block, in one of two uses": (
        "input 8x8x2, conv 2 3x3 p1 bn relu, add( conv 2 3x3 p1 bn relu, conv 2 3x3 p1 bn | id ) relu, "
        "cat( conv 1 1x1 bn relu | conv 2 1x1 bn relu, conv 1 3x3 p1 bn relu ), conv 2 3x3 p1 bn relu, "
        "add( conv 2 3x3 p1 bn relu, conv 2 3x3 p1 bn | conv 2 1x1 bn ) relu, "
        "cat( conv 1 1x1 bn relu | conv 1 1x1 bn relu, conv 1 3x3 p1 bn relu ), "
        "add( conv 6 1x1 bn relu, conv 6 3x3 p1 bn | conv 6 1x1 bn ) relu"
    ),
    "the first of a second kind, and the 21st of the first": (
        "input 8x8x2, 21*( conv 2 3x3 p1 bn relu ), add( conv 2 1x1 bn relu, conv 2 3x3 p1 bn | id ) relu, "
        "cat( conv 1 1x1 bn relu | conv 2 1x1 bn relu, conv 1 1x1 bn relu ), gap, linear 3"
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_that_were_wrong_once(name: str) -> None:
    net = cs.read(BLOCKS[name])
    assert error(net, str(cs.write(net, to="keras"))) <= 1e-4
