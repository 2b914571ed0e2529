"""Tensors of Keras models that are quantised, in half precision, frozen, or have LoRA: values, counts and bytes."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not all(map(find_spec, ("keras", "h5py", "torch"))):
    pytest.skip("Keras, h5py or torch is not installed", allow_module_level=True)

from convscope.core.net import Net
from convscope.frontends import read
from keras_twin import compare, filled, keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:.*does not have a `quantize` method"),
]

L, quantizers = keras.layers, keras.quantizers
Make = Callable[[], Any]

CASES: dict[str, tuple[tuple[int, ...], Make]] = {
    "dense": ((6,), lambda: L.Dense(5)),
    "dense, one": ((6,), lambda: L.Dense(1, use_bias=False)),
    "dense per step": ((5, 6), lambda: L.Dense(4, activation="relu")),
    "einsum": ((5, 6), lambda: L.EinsumDense("abc,cde->abde", output_shape=(5, 2, 4), bias_axes="de")),
    "einsum, turned": ((5, 6), lambda: L.EinsumDense("abc,dec->abed", output_shape=(5, 3, 4))),
    "einsum, two": ((5, 6), lambda: L.EinsumDense("abc,bcd->ad", output_shape=(4,), bias_axes="d")),
    "einsum, places": ((5, 6), lambda: L.EinsumDense("abc,bd->adc", output_shape=(4, 6))),
    "einsum, shared": ((5, 6), lambda: L.EinsumDense("abc,bcd->abd", output_shape=(5, 4))),
}

CONFIGS: dict[str, Make] = {
    "int8": lambda: quantizers.Int8QuantizationConfig(activation_quantizer=None),
    "int4": lambda: quantizers.Int4QuantizationConfig(block_size=-1),
    "int4, blocks": lambda: quantizers.Int4QuantizationConfig(block_size=4),
    "int4, one block": quantizers.Int4QuantizationConfig,
}
"""Of the weights alone, so that the outputs are those of the dequantised weights."""


@pytest.fixture(autouse=True)
def _names_from_the_start() -> None:
    keras.utils.clear_session(free_memory=False)


def made(shape: tuple[int, ...], make: Make) -> Any:
    return filled(keras.Sequential([keras.Input(shape), make()]))


def taken(model: Any, path: Path, suffix: str) -> Net:
    """The net of a live model, or of its file."""
    if not suffix:
        return read(model)
    model.save(path / f"model.{suffix}")
    return read(path / f"model.{suffix}")


@pytest.mark.parametrize("suffix", ["", "keras", "h5"])
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", CASES)
def test_quantised(name: str, config: str, suffix: str, tmp_path: Path) -> None:
    model = made(*CASES[name])
    plain = read(model).table()
    model.quantize(config=CONFIGS[config]())
    net = taken(model, tmp_path, suffix)
    compare(model, net)
    table = net.table()
    assert (table.params, table.macs) == (plain.params, plain.macs)
    held = sum(one.value.nbytes if hasattr(one.value, "nbytes") else 0 for one in model.weights)
    assert table.stored_bytes.value == pytest.approx(held, abs=3)  # Keras pads each row of int4 to whole bytes


@pytest.mark.parametrize("suffix", ["", "keras", "h5"])
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_quantised_with_its_inputs(mode: str, suffix: str, tmp_path: Path) -> None:
    model = made((6,), lambda: L.Dense(5))
    exact = np.abs(keras.ops.convert_to_numpy(model.layers[0].kernel))
    model.quantize(mode)
    net = taken(model, tmp_path, suffix)
    assert net.tensors is not None
    weight = np.abs(net.tensors()["dense.weight"].T)
    assert np.allclose(weight, exact, atol=exact.max() / (7 if mode == "int4" else 16))
    assert net.table().params.value == 35


def test_embeddings() -> None:
    for config in CONFIGS.values():
        model = filled(keras.Sequential([keras.Input((4,), dtype="int32"), L.Embedding(9, 6)]))
        layer = model.layers[0]
        model.quantize(config=config())
        net = read(model)
        assert net.table().params.value == 54
        assert net.table().stored_bytes.value < 4 * 54
        del layer


@pytest.mark.parametrize("suffix", ["", "keras", "h5"])
def test_attention(suffix: str, tmp_path: Path) -> None:
    given = keras.Input((7, 8))
    model = filled(keras.Model(given, L.MultiHeadAttention(2, 3, value_dim=5)(given, given)))
    model.quantize(config=CONFIGS["int8"]())
    compare(model, taken(model, tmp_path, suffix))


LORA: dict[str, tuple[tuple[int, ...], Make]] = {
    "dense": ((6,), lambda: L.Dense(5)),
    "conv1d": ((9, 4), lambda: L.Conv1D(5, 3)),
    "conv2d": ((9, 8, 4), lambda: L.Conv2D(6, 3, groups=2, activation="relu")),
    "einsum": ((5, 6), lambda: L.EinsumDense("abc,cde->abde", output_shape=(5, 2, 4), bias_axes="de")),
}


@pytest.mark.parametrize("suffix", ["", "keras", "h5"])
@pytest.mark.parametrize("name", LORA)
def test_lora(name: str, suffix: str, tmp_path: Path) -> None:
    model = made(*LORA[name])
    model.layers[0].enable_lora(2, lora_alpha=3)
    filled(model)
    net = taken(model, tmp_path, suffix)
    compare(model, net)
    table = net.table()
    frozen = sum(int(keras.ops.size(one)) for one in model.non_trainable_weights)
    assert (table.params.value, table.frozen) == (model.count_params(), frozen)


def test_lora_on_integers() -> None:
    model = made((6,), lambda: L.Dense(5))
    model.quantize(config=CONFIGS["int8"]())
    model.layers[0].enable_lora(2)
    model.layers[0].lora_kernel_b.assign(np.full((2, 5), 0.3, np.float32))
    net = read(model)
    compare(model, net)
    assert (net.table().params.value, net.table().frozen) == (30 + 5 + 12 + 10, 30)


@pytest.mark.parametrize("suffix", ["", "keras", "h5"])
def test_frozen_layers(suffix: str, tmp_path: Path) -> None:
    base = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3), L.BatchNormalization()], name="base")
    base.trainable = False
    given = keras.Input((8, 8, 3))
    steps = L.Reshape((6, 24))(base(given))
    both = L.Bidirectional(L.LSTM(3))
    found = both(steps)
    both.trainable = False
    model = keras.Model(given, L.Dense(2, name="head")(found))
    table = taken(model, tmp_path, suffix).table()
    trained = sum(int(keras.ops.size(one)) for one in model.trainable_weights)
    assert table.params.value - table.frozen == trained == 14
    assert {row.name for row in table.rows if row.params and not row.frozen} == {"head"}


def test_what_keras_trains_is_trained() -> None:
    """A wrapper that is made frozen does not freeze what it holds; a model that is frozen trains nothing."""
    given = keras.Input((5, 3))
    found = L.LSTM(4, trainable=False, return_sequences=True)(
        L.Bidirectional(L.LSTM(4), trainable=False, name="b")(given)[:, None]
    )
    model = keras.Model(given, L.RNN(L.LSTMCell(2, trainable=False))(found))
    trained = sum(int(keras.ops.size(one)) for one in model.trainable_weights)
    table = read(model).table()
    assert table.params.value - table.frozen == trained > 0
    model.trainable = False
    assert read(model).table().frozen == table.params.value


def test_a_frozen_layer_of_the_user_has_params() -> None:
    class Own(L.Layer):  # type: ignore[misc, name-defined] # Keras has no types
        def build(self, shape: Any) -> None:
            self.gain = self.add_weight(shape=(shape[-1],), name="gain")
            self.seen = self.add_weight(shape=(2,), name="seen", trainable=False)

        def call(self, x: Any) -> Any:
            return x * self.gain

    model = keras.Sequential([keras.Input((5, 3)), Own(name="own")])
    model.layers[0].trainable = False
    table = read(model).table()
    assert (table.params.value, table.frozen) == (3, 3)


@pytest.mark.parametrize("suffix", ["", "keras"])
@pytest.mark.parametrize(("dtype", "size"), [("float16", 2), ("bfloat16", 2), ("mixed_float16", 4), ("float64", 8)])
def test_bytes(dtype: str, size: int, suffix: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((6,), dtype=dtype.removeprefix("mixed_")), L.Dense(5, dtype=dtype)])
    assert taken(model, tmp_path, suffix).table().stored_bytes.value == 35 * size
