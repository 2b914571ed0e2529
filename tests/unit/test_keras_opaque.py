"""Layers of Keras that no rule reads: opaque rows with the shape and the parameters that Keras itself states."""

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if not all(map(find_spec, ("keras", "h5py", "torch"))):
    pytest.skip("Keras, h5py or torch is not installed", allow_module_level=True)

from convscope.core.net import Net
from convscope.core.order import sizes_in
from convscope.errors import ModelError
from convscope.frontends import read
from keras_twin import filled, keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

L, ops = keras.layers, keras.ops
Make = Callable[[Any], Any]


@keras.saving.register_keras_serializable(package="own")
class Gained(L.Layer):  # type: ignore[misc, name-defined] # Keras has no types
    """A layer of a user, with a learned gain, a stored counter and another layer inside."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.inner = L.Dense(3)

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), name="gain")
        self.count = self.add_weight(shape=(2,), name="count", dtype="int32", trainable=False, initializer="zeros")
        self.inner.build(shape)

    def call(self, x: Any) -> Any:
        return self.inner(x * self.gain)

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], 3)


@keras.saving.register_keras_serializable(package="own")  # type: ignore[untyped-decorator] # as above
def odd(x: Any) -> Any:
    """An activation of a user."""
    return x * ops.sigmoid(3.0 * x)


class Cell(L.Layer):  # type: ignore[misc, name-defined] # Keras has no types
    """A recurrent cell of a user."""

    state_size = 4
    output_size = 4

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

    def call(self, x: Any, states: Any) -> Any:
        found = ops.matmul(x, self.kernel) + states[0]
        return found, [found]


KNOWN: dict[str, tuple[tuple[int, ...], Make]] = {
    "conv lstm 1d": ((5, 9, 3), L.ConvLSTM1D(4, 3)),
    "conv lstm 2d": ((5, 9, 8, 3), L.ConvLSTM2D(4, (3, 2), strides=(2, 1))),
    "conv lstm 2d, steps": ((5, 9, 8, 3), L.ConvLSTM2D(4, 3, padding="same", return_sequences=True, use_bias=False)),
    "conv lstm 3d": ((3, 5, 6, 8), lambda x: L.ConvLSTM3D(2, 2)(L.Reshape((3, 5, 6, 4, 2))(x))),
    "conv lstm 3d, steps": (
        (3, 5, 6, 8),
        lambda x: L.ConvLSTM3D(2, 2, return_sequences=True)(L.Reshape((3, 5, 6, 4, 2))(x)),
    ),
    "random crop": ((8, 8, 3), L.RandomCrop(5, 4)),
    "auto contrast": ((8, 8, 3), L.AutoContrast()),
    "resizing smoothed": ((8, 8, 3), L.Resizing(5, 4, antialias=True)),
    "resizing area": ((8, 8, 3), L.Resizing(5, 4, interpolation="bicubic", antialias=True)),
    "simple rnn": ((7, 3), L.SimpleRNN(4)),
    "rnn of simple cells": ((7, 3), L.RNN(L.SimpleRNNCell(4), return_sequences=True)),
    "rnn of a stack": ((7, 3), L.RNN([L.LSTMCell(4), L.GRUCell(5)])),
    "gru, before": ((7, 3), L.GRU(4, reset_after=False)),
    "lstm, backwards": ((7, 3), L.LSTM(4, go_backwards=True, return_sequences=True)),
    "lstm, relu": ((7, 3), L.LSTM(4, activation="relu")),
    "both ways, two kinds": (
        (7, 3),
        L.Bidirectional(
            L.LSTM(4, return_sequences=True), backward_layer=L.GRU(4, return_sequences=True, go_backwards=True)
        ),
    ),
    "both ways, simple": ((7, 3), L.Bidirectional(L.SimpleRNN(4), merge_mode="sum")),
    "both ways, of cells": ((7, 3), L.Bidirectional(L.RNN(L.LSTMCell(4)))),
    "categories": ((5,), L.CategoryEncoding(num_tokens=9, output_mode="multi_hot")),
    "categories, one": ((5,), L.CategoryEncoding(num_tokens=9, output_mode="one_hot")),
    "bins": ((5, 3), L.Discretization(bin_boundaries=[0.0, 0.5])),
    "bins, one": ((5, 3), L.Discretization(bin_boundaries=[0.0, 0.5], output_mode="one_hot")),
    "spectrogram": ((400, 1), L.STFTSpectrogram(frame_length=64, frame_step=20)),
    "spectrogram, padded": ((400, 2), L.STFTSpectrogram(frame_length=60, padding="same", mode="stft")),
    "spectrogram, expanded": ((400, 2), L.STFTSpectrogram(frame_length=64, frame_step=20, expand_dims=True)),
    "mel": ((4000,), L.MelSpectrogram(num_mel_bins=20)),
    "grouped queries": ((7, 8), lambda x: L.GroupQueryAttention(4, 4, 2)(x, x)),
    "heads of axes": ((5, 6, 8), lambda x: L.MultiHeadAttention(2, 4, attention_axes=(2,))(x, x)),
    "sparsemax": ((5, 6), L.Activation("sparsemax")),
    "dense, sparsemax": ((5, 6), L.Dense(4, activation="sparsemax")),
    "conv, own activation": ((8, 8, 3), L.Conv2D(4, 3, activation=odd)),
    "lambda with a shape": ((8, 8, 3), L.Lambda(lambda t: t[..., :2] * 2, output_shape=(8, 8, 2))),
    "each step": ((5, 8, 8, 3), L.TimeDistributed(L.Resizing(4, 6, antialias=True))),
    "each step, a sequence": ((5, 7, 3), L.TimeDistributed(L.LSTM(4))),
    "sorted": ((5, 6), ops.sort),
    "arg max": ((5, 6), lambda x: ops.argmax(x, axis=-1)),
}
"""What the settings of the layer tell: read from a file too, wherever it stands."""

SEVERAL: dict[str, tuple[tuple[int, ...], Make]] = {
    "lstm with states": ((7, 3), L.LSTM(4, return_state=True)),
    "conv lstm with states": ((5, 9, 8, 3), L.ConvLSTM2D(4, 3, return_state=True, return_sequences=True)),
    "both ways with states": ((7, 3), L.Bidirectional(L.GRU(4, return_state=True))),
    "scores": ((7, 8), lambda x: L.MultiHeadAttention(2, 4)(x, x, return_attention_scores=True)),
    "largest": ((7, 8), lambda x: ops.top_k(x, 3)),
    "state from another": ((7, 3), lambda x: L.GRU(3, return_state=True)(x, initial_state=x[:, 0])),
}
"""Several outputs, whose shapes the settings tell."""

STATED: dict[str, tuple[tuple[int, ...], Make]] = {
    "lambda": ((8, 8, 3), L.Lambda(lambda t: t[..., :2] * 2)),
    "a layer of the user": ((8, 8, 3), Gained()),
    "a cell of the user": ((7, 3), L.RNN(Cell())),
    "each step, of the user": ((5, 8, 3), L.TimeDistributed(Gained())),
}
"""What only the live layer tells, or the layer that takes its output."""


def made(shape: tuple[int, ...], make: Make, *, inside: bool) -> Any:
    keras.utils.clear_session(free_memory=False)
    given = keras.Input(shape)
    found = make(given)
    return filled(keras.Model(given, L.Dense(3, name="last")(L.Flatten()(found)) if inside else found))


def counted(model: Any) -> int:
    """Parameters that are learned, by Keras itself."""
    return sum(int(keras.ops.size(one)) for one in model.trainable_weights)


def right(net: Net, model: Any) -> None:
    """The shape of the output and the number of parameters are those of Keras."""
    channels, *places = net.output
    assert (
        tuple(size for size in (*places, channels) if size > 1)
        == tuple(size for size in model.output_shape[1:] if size > 1)
        or len(net.output) == 4
    )
    total = net.table().params
    assert (total.value, total.exact) == (counted(model), True)


@pytest.mark.parametrize("inside", [False, True], ids=["last", "inside"])
@pytest.mark.parametrize("name", [*KNOWN, *STATED])
def test_live(name: str, inside: bool) -> None:
    model = made(*(KNOWN | STATED)[name], inside=inside)
    right(read(model), model)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("inside", [False, True], ids=["last", "inside"])
@pytest.mark.parametrize("name", KNOWN)
def test_saved(name: str, inside: bool, suffix: str, tmp_path: Path) -> None:
    model = made(*KNOWN[name], inside=inside)
    model.save(tmp_path / f"model.{suffix}")
    right(read(tmp_path / f"model.{suffix}"), model)


@pytest.mark.parametrize("suffix", ["", "keras", "h5"])
@pytest.mark.parametrize("name", SEVERAL)
def test_several_outputs(name: str, suffix: str, tmp_path: Path) -> None:
    model = made(*SEVERAL[name], inside=False)
    if suffix:
        model.save(tmp_path / f"model.{suffix}")
    net = read(tmp_path / f"model.{suffix}" if suffix else model)
    shapes = [tuple(one.shape[1:]) for one in model.outputs]
    found = [sizes_in(one.order, net.shape(one.node)) for one in net.outputs]
    natural = [size[1:] if one.order else (*size[2:], size[1]) for size, one in zip(found, net.outputs, strict=True)]
    assert natural == shapes
    assert (net.table().params.value, net.table().params.exact) == (counted(model), True)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", STATED)
def test_saved_inside(name: str, suffix: str, tmp_path: Path) -> None:
    model = made(*STATED[name], inside=True)
    model.save(tmp_path / f"model.{suffix}")
    right(read(tmp_path / f"model.{suffix}"), model)


@pytest.mark.parametrize("name", STATED)
def test_a_shape_that_only_code_knows_is_told_at_the_end_of_a_file(name: str, tmp_path: Path) -> None:
    model = made(*STATED[name], inside=False)
    model.save(tmp_path / "model.keras")
    if name != "lambda":
        with pytest.raises(ModelError, match=r"does not state the shape of its output") as error:
            read(tmp_path / "model.keras")
        assert "the live model, loaded with keras.models.load_model" in str(error.value)
        return
    net = read(tmp_path / "model.keras")
    assert math.prod(net.output) == 1
    (note,) = net.notes
    assert "every size is shown as 1" in note
    assert "the live model, loaded with keras.models.load_model" in note
    assert "a Lambda with output_shape" in note
    assert net.table().params.value == counted(model)


def test_nothing_goes_on_from_a_shape_that_nobody_states(tmp_path: Path) -> None:
    layers = [L.Lambda(lambda t: t * 2, name="twice"), L.Lambda(lambda t: t * 3, name="again"), L.ReLU()]
    keras.Sequential([keras.Input((8, 8, 3)), *layers]).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"again \(Lambda\): the layer Lambda cannot be inspected"):
        read(tmp_path / "model.keras")
