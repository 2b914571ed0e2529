"""Models of Keras whose layers are only in code: their call is run on symbolic tensors, and what it calls is read."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not all(map(find_spec, ("keras", "h5py", "torch"))):
    pytest.skip("Keras, h5py or torch is not installed", allow_module_level=True)

from convscope.errors import FieldError, ModelError
from convscope.frontends import read
from keras_twin import compare, compare_all, filled, keras

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

L, ops = keras.layers, keras.ops


class Block(L.Layer):  # type: ignore[misc, name-defined] # Keras has no types
    """A residual block that cannot say what it was made with."""

    def __init__(self, filters: int, rate: float) -> None:
        super().__init__()
        self.conv, self.norm = L.Conv2D(filters, 3, padding="same"), L.BatchNormalization()
        self.skip, self.drop = L.Conv2D(filters, 1), L.Dropout(rate)

    def call(self, x: Any, training: Any = None) -> Any:
        y = self.drop(self.norm(self.conv(x), training=training), training=training)
        return ops.relu(y + self.skip(x))


class Scaled(L.Layer):  # type: ignore[misc, name-defined] # as above
    """A learned factor for each channel, and a buffer."""

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), name="gain")
        self.mean = self.add_weight(shape=(shape[-1],), name="mean", trainable=False)

    def call(self, x: Any) -> Any:
        return (x - self.mean) * self.gain


class Net2(keras.Model):  # type: ignore[misc] # as above
    """Blocks in a list, a model inside, two outputs, a layer that is never called."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = L.Conv2D(4, 3, activation="relu")
        self.blocks = [Block(4, 0.1), Block(6, 0.1)]
        self.scaled = Scaled()
        self.head = keras.Sequential([L.GlobalAveragePooling2D(), L.Dense(classes)])
        self.spare = L.Dense(2)
        self.spare.build((None, 3))

    def call(self, x: Any, training: Any = None) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, training=training)
        x = self.scaled(x)
        return {"logits": self.head(x), "map": x}


class Gain(keras.Model):  # type: ignore[misc] # as above
    """A variable of the model itself, in a product and in a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = self.add_weight(shape=(3, 5), name="kernel")
        self.shift = self.add_weight(shape=(1, 5), name="shift")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.kernel) + self.shift


class Patches(keras.Model):  # type: ignore[misc] # as above
    """Tokens of patches, with shapes asked for while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm = L.Conv2D(6, 4, strides=4), L.LayerNormalization()
        self.heads, self.place = L.MultiHeadAttention(2, 3), self.add_weight(shape=(1, 4, 6), name="place")

    def call(self, x: Any) -> Any:
        x = self.patches(x)
        x = ops.reshape(x, (ops.shape(x)[0], -1, 6)) + self.place
        y = self.norm(x)
        return (x + self.heads(y, y))[:, 0]


class Pair(keras.Model):  # type: ignore[misc] # as above
    """Two arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = L.Dense(4), L.Dense(4)

    def call(self, a: Any, b: Any) -> Any:
        return self.left(a) * self.right(b)


class Named(keras.Model):  # type: ignore[misc] # as above
    """One argument that is a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.meta = L.Conv2D(3, 3), L.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.image(inputs["image"]), self.meta(inputs["meta"])


class Torch(keras.Model):  # type: ignore[misc] # as above
    """Its code wants tensors of PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = L.Conv2D(4, 3)

    def call(self, x: Any) -> Any:
        import torch

        return torch.relu(self.conv(x))


@pytest.fixture(autouse=True)
def _names_from_the_start() -> None:
    keras.utils.clear_session(free_memory=False)


def called(model: Any, *shapes: tuple[int, ...]) -> Any:
    """The model after a first call, with values."""
    model(*(np.zeros((1, *shape), np.float32) for shape in shapes))
    return filled(model)


def test_layers_of_the_user_are_entered() -> None:
    model = called(Net2(5), (9, 8, 3))
    net = read(model)
    assert "opaque" not in {layer.node.op.keyword for layer in net}
    assert sorted(weight.count for weight in net.unused) == [2, 6]
    learned = sum(int(keras.ops.size(one)) for one in model.trainable_weights)
    assert (net.table().params.value, net.table().params.exact) == (learned, True)
    assert [one.path for one in net.outputs] == [("logits",), ("map",)]
    twin = functional(model, (9, 8, 3))
    compare_all(twin, net, {"image": np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")})


def functional(model: Any, shape: tuple[int, ...]) -> Any:
    """The same model, called as a layer."""
    given = keras.Input(shape, name="image")
    return keras.Model(given, model(given))


def test_variables_of_the_model() -> None:
    model = called(Gain(), (7, 3))
    net = read(model)
    assert [layer.node.op.keyword for layer in net] == ["conv", "shift"]
    assert net.table().params.value == 20
    compare(model, net, size=(7, 3))


def test_shapes_that_are_asked_for() -> None:
    model = called(Patches(), (8, 8, 3))
    net = read(model)
    assert "opaque" not in {layer.node.op.keyword for layer in net}
    assert net.table().params.value == model.count_params()
    compare(model, net, size=(8, 8, 3))


def test_the_model_is_left_as_it_was() -> None:
    model = called(Net2(5), (9, 8, 3))
    before = [(len(one._inbound_nodes), len(one._outbound_nodes)) for one in model._flatten_layers()]
    read(model)
    assert before == [(len(one._inbound_nodes), len(one._outbound_nodes)) for one in model._flatten_layers()]
    assert not {"__call__", "get_config"} & Block.__dict__.keys()
    assert read(model) == read(model)


def test_a_model_that_was_never_called() -> None:
    with pytest.raises(FieldError, match="Net2 does not state the size of its input"):
        read(Net2(5))
    assert read(Net2(5), input="16x12x3").inputs[0].shape == (3, 16, 12)


def test_several_arguments() -> None:
    with pytest.raises(FieldError, match="Pair takes 2 inputs: a, b") as error:
        read(Pair(), input="3")
    assert "--input a=HxWxC --input b=HxWxC" in str(error.value)
    net = read(Pair(), input={"a": "3", "b": "5"})
    assert [(one.name, one.shape) for one in net.inputs] == [("a", (3,)), ("b", (5,))]


def test_a_dict_of_inputs() -> None:
    model = Named()
    model({"image": np.zeros((1, 8, 6, 3), np.float32), "meta": np.zeros((1, 5), np.float32)})
    for net in (read(model), read(Named(), input={"image": "8x6x3", "meta": "5"})):
        assert [(one.name, one.shape) for one in net.inputs] == [("image", (3, 8, 6)), ("meta", (5,))]
        assert [one.path for one in net.outputs] == [(0,), (1,)]


def test_code_that_wants_tensors_of_pytorch() -> None:
    with pytest.raises(ModelError, match="Torch defines its layers in code that does not run on symbolic") as error:
        read(called(Torch(), (8, 8, 3)))
    assert "functions of keras.ops" in str(error.value)


def test_a_file_of_such_a_model(tmp_path: Path) -> None:
    called(Gain(), (7, 3)).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="'Gain' defines its layers in code") as error:
        read(tmp_path / "model.keras")
    assert "keras.models.load_model" in str(error.value)


def test_a_functional_model_with_layers_of_the_user() -> None:
    given = keras.Input((9, 8, 3))
    model = filled(keras.Model(given, L.Flatten()(Scaled()(Block(4, 0.2)(L.Conv2D(2, 1)(given))))))
    net = read(model)
    assert "opaque" not in {layer.node.op.keyword for layer in net}
    learned = sum(int(keras.ops.size(one)) for one in model.trainable_weights)
    assert (net.table().params.value, net.table().params.exact) == (learned, True)
    compare(model, net)
