"""Every class of Keras that is read: shapes, weights and outputs are those of Keras itself, live and saved."""

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if not all(map(find_spec, ("keras", "h5py", "torch"))):
    pytest.skip("Keras, h5py or torch is not installed", allow_module_level=True)

from convscope.frontends import read
from convscope.frontends.keras.rules import LAYERS
from convscope.frontends.keras.rules.acts import unchanged
from keras_twin import compare, filled, keras, stored

# Keras turns tensors into arrays in a way that numpy is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

L, ops = keras.layers, keras.ops
Make = Callable[[Any], Any]


def made(shape: tuple[int, ...], make: Make) -> Any:
    """A functional model of what is made of its input."""
    keras.utils.clear_session(free_memory=False)
    given = keras.Input(shape)
    return filled(keras.Model(given, make(given)))


CASES: dict[str, tuple[tuple[int, ...], Make]] = {
    "conv1d": ((9, 3), L.Conv1D(4, 3, activation="relu")),
    "conv1d causal": ((9, 3), L.Conv1D(4, 3, padding="causal", dilation_rate=2)),
    "conv2d": ((9, 8, 3), L.Conv2D(4, (3, 2), strides=(2, 1), padding="same", use_bias=False)),
    "conv2d dilated": ((9, 8, 3), L.Conv2D(4, 3, dilation_rate=2, activation="tanh")),
    "conv2d groups": ((9, 8, 4), L.Conv2D(6, 3, groups=2)),
    "conv3d": ((5, 6, 4, 2), L.Conv3D(3, 2, strides=2)),
    "depthwise1d": ((9, 3), L.DepthwiseConv1D(3, depth_multiplier=2)),
    "depthwise2d": ((9, 8, 3), L.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same", activation="relu6")),
    "separable1d": ((9, 3), L.SeparableConv1D(4, 3)),
    "separable2d": ((9, 8, 3), L.SeparableConv2D(4, 3, depth_multiplier=2, activation="elu")),
    "transpose1d": ((5, 3), L.Conv1DTranspose(4, 3, strides=2, padding="same")),
    "transpose2d": ((5, 4, 3), L.Conv2DTranspose(4, 3, strides=2, padding="same")),
    "transpose2d even": ((5, 4, 3), L.Conv2DTranspose(4, 4, strides=2, padding="same", activation="relu")),
    "transpose2d valid": ((5, 4, 3), L.Conv2DTranspose(4, 3, strides=(2, 3))),
    "transpose2d sparse": ((5, 4, 3), L.Conv2DTranspose(4, 2, strides=3)),
    "transpose2d more": ((5, 4, 3), L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1)),
    "transpose2d less": ((5, 4, 3), L.Conv2DTranspose(4, 5, strides=3, padding="same", output_padding=0)),
    "transpose2d valid more": ((5, 4, 3), L.Conv2DTranspose(4, 3, strides=2, output_padding=1)),
    "transpose2d dilated": ((5, 4, 3), L.Conv2DTranspose(4, 3, dilation_rate=2, padding="same")),
    "transpose3d": ((3, 4, 3, 2), L.Conv3DTranspose(3, 2, strides=2)),
    "dense": ((7,), L.Dense(4, activation="sigmoid")),
    "dense per place": ((5, 4, 3), L.Dense(4, use_bias=False)),
    "dense per step": ((5, 3), L.Dense(4)),
    "flatten dense": ((5, 4, 3), lambda x: L.Dense(4)(L.Flatten()(L.Conv2D(2, 2)(x)))),
    "flatten norm dense": (
        (5, 4, 3),
        lambda x: L.Dense(4)(L.Dropout(0.3)(L.BatchNormalization()(L.Flatten()(L.Conv2D(2, 2)(x))))),
    ),
    "flatten": ((5, 4, 3), L.Flatten()),
    "einsum dense": ((5, 3), L.EinsumDense("abc,cde->abde", output_shape=(5, 2, 4), bias_axes="de")),
    "einsum dense dots": ((5, 3), L.EinsumDense("...x,xy->...y", output_shape=6, bias_axes="y", activation="relu")),
    "einsum dense places": ((5, 3), L.EinsumDense("abc,bd->adc", output_shape=(6, 3))),
    "batch norm": ((5, 4, 3), L.BatchNormalization()),
    "batch norm plain": ((5, 4, 3), L.BatchNormalization(scale=False, center=False, epsilon=0.1)),
    "batch norm centred": ((5, 4, 3), L.BatchNormalization(scale=False)),
    "batch norm scaled": ((7,), L.BatchNormalization(center=False)),
    "batch norm axis": ((5, 4, 3), lambda x: L.Dense(2)(L.Flatten()(L.BatchNormalization(axis=1)(x)))),
    "layer norm": ((5, 4, 3), L.LayerNormalization()),
    "layer norm centred": ((5, 4, 3), L.LayerNormalization(scale=False, epsilon=0.1)),
    "layer norm scaled": ((5, 3), L.LayerNormalization(center=False)),
    "layer norm plain": ((5, 3), L.LayerNormalization(center=False, scale=False)),
    "layer norm whole": ((5, 4, 3), L.LayerNormalization(axis=[1, 2, 3])),
    "layer norm vector": ((7,), L.LayerNormalization()),
    "rms norm": ((5, 3), L.RMSNormalization()),
    "group norm": ((5, 4, 6), L.GroupNormalization(groups=3)),
    "group norm single": ((5, 4, 6), L.GroupNormalization(groups=-1, center=False)),
    "group norm vector": ((6,), L.GroupNormalization(groups=2)),
    "unit norm": ((5, 4, 3), L.UnitNormalization()),
    "spectral norm": ((5, 4, 3), L.SpectralNormalization(L.Conv2D(4, 3))),
    "relu": ((5, 3), L.ReLU()),
    "relu 6": ((5, 3), L.ReLU(6.0)),
    "relu 2": ((5, 3), L.ReLU(max_value=0.7)),
    "relu leaky": ((5, 3), L.ReLU(max_value=0.7, negative_slope=0.2)),
    "relu threshold": ((5, 3), L.ReLU(threshold=0.4)),
    "relu threshold below": ((5, 3), L.ReLU(threshold=0.4, max_value=0.5)),
    "relu all": ((5, 3), L.ReLU(threshold=0.2, max_value=0.7, negative_slope=0.3)),
    "leaky relu": ((5, 3), L.LeakyReLU(0.2)),
    "prelu": ((5, 4, 3), L.PReLU()),
    "prelu shared": ((5, 4, 3), L.PReLU(shared_axes=[1, 2])),
    "prelu one": ((5, 4, 3), L.PReLU(shared_axes=[1, 2, 3])),
    "elu": ((5, 3), L.ELU(alpha=0.5)),
    "softmax": ((5, 3), L.Softmax()),
    "softmax places": ((5, 3), L.Softmax(axis=1)),
    "activation layer": ((5, 4, 3), L.Conv2D(4, 2, activation=L.LeakyReLU(0.3))),
    "max pool": ((9, 8, 3), L.MaxPooling2D()),
    "max pool same": ((9, 8, 3), L.MaxPooling2D(3, strides=2, padding="same")),
    "max pool 1d": ((9, 3), L.MaxPooling1D(2)),
    "max pool 3d": ((4, 5, 4, 2), L.MaxPooling3D(2)),
    "average pool": ((9, 8, 3), L.AveragePooling2D((3, 2), strides=2)),
    "average pool same": ((9, 7, 3), L.AveragePooling2D(3, strides=2, padding="same")),
    "average pool 1d": ((9, 3), L.AveragePooling1D(2)),
    "average pool 3d": ((4, 5, 4, 2), L.AveragePooling3D(2)),
    "adaptive pool": ((9, 8, 3), L.AdaptiveAveragePooling2D((4, 3))),
    "adaptive max pool": ((9, 8, 3), L.AdaptiveMaxPooling2D((4, 3))),
    "global average": ((9, 8, 3), L.GlobalAveragePooling2D()),
    "global average kept": ((9, 8, 3), L.GlobalAveragePooling2D(keepdims=True)),
    "global average 1d": ((9, 3), L.GlobalAveragePooling1D()),
    "global max": ((9, 8, 3), L.GlobalMaxPooling2D()),
    "global max 3d": ((4, 5, 4, 2), L.GlobalMaxPooling3D()),
    "zero padding 1d": ((5, 3), L.ZeroPadding1D((1, 2))),
    "zero padding": ((5, 4, 3), L.ZeroPadding2D(((1, 2), (0, 3)))),
    "zero padding 3d": ((3, 4, 3, 2), L.ZeroPadding3D(1)),
    "cropping 1d": ((7, 3), L.Cropping1D(2)),
    "cropping": ((7, 6, 3), L.Cropping2D(((1, 2), (0, 3)))),
    "cropping 3d": ((5, 4, 5, 2), L.Cropping3D((1, 0, 2))),
    "up 1d": ((5, 3), L.UpSampling1D(3)),
    "up": ((5, 4, 3), L.UpSampling2D((2, 3))),
    "up bilinear": ((5, 4, 3), L.UpSampling2D(2, interpolation="bilinear")),
    "up 3d": ((3, 4, 3, 2), L.UpSampling3D(2)),
    "resizing": ((9, 8, 3), L.Resizing(5, 11)),
    "resizing nearest": ((9, 8, 3), L.Resizing(3, 16, interpolation="nearest")),
    "resizing nearest odd": ((9, 8, 3), L.Resizing(5, 11, interpolation="nearest")),
    "resizing nearest two": ((8, 8, 3), L.Resizing(16, 12, interpolation="nearest")),
    "resizing cropped": ((9, 8, 3), L.Resizing(6, 3, crop_to_aspect_ratio=True)),
    "resizing cropped wide": ((9, 6, 3), L.Resizing(4, 7, crop_to_aspect_ratio=True)),
    "resizing padded": ((9, 6, 3), L.Resizing(4, 7, pad_to_aspect_ratio=True)),
    "center crop": ((9, 8, 3), L.CenterCrop(4, 5)),
    "rescaling": ((5, 4, 3), L.Rescaling(1 / 127.5, -1)),
    "rescaling channels": ((5, 4, 3), L.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0])),
    "normalization": ((5, 4, 3), L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])),
    "normalization one": ((5, 4, 3), L.Normalization(axis=None, mean=0.3, variance=2.0)),
    "normalization inverted": ((5, 4, 3), L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0], invert=True)),
    "reshape": ((6, 4), lambda x: L.Conv2D(3, 2)(L.Reshape((3, -1, 2))(x))),
    "reshape image": ((28, 28), lambda x: L.Conv2D(3, 5, strides=5)(L.Reshape((28, 28, 1))(x))),
    "permute": ((6, 4), lambda x: L.Conv1D(3, 2)(L.Permute((2, 1))(x))),
    "repeat": ((6,), lambda x: L.Conv1D(3, 2)(L.RepeatVector(4)(x))),
    "dropout": ((5, 4, 3), lambda x: L.SpatialDropout2D(0.2)(L.GaussianNoise(0.3)(L.Dropout(0.5)(x)))),
    "augment": ((8, 8, 3), lambda x: L.RandomZoom(0.2)(L.RandomRotation(0.1)(L.RandomFlip()(x)))),
    "random crop": ((8, 8, 3), L.RandomCrop(8, 8)),
    "masking": ((5, 3), L.Masking(0.0)),
    "add": ((5, 4, 3), lambda x: L.Add()([x, L.Conv2D(3, 1)(x), L.ReLU()(x)])),
    "add gate": ((5, 4, 3), lambda x: L.Add()([x, L.GlobalAveragePooling2D()(x)])),
    "subtract": ((5, 4, 3), lambda x: L.Subtract()([x, L.Conv2D(3, 1)(x)])),
    "multiply": ((5, 4, 3), lambda x: L.Multiply()([L.GlobalAveragePooling2D(keepdims=True)(x), x])),
    "average": ((5, 4, 3), lambda x: L.Average()([x, L.Conv2D(3, 1)(x), L.ReLU()(x)])),
    "maximum": ((5, 4, 3), lambda x: L.Maximum()([x, L.Conv2D(3, 1)(x)])),
    "minimum": ((5, 4, 3), lambda x: L.Minimum()([x, L.Conv2D(3, 1)(x)])),
    "concatenate": ((5, 4, 3), lambda x: L.Concatenate()([x, L.Conv2D(2, 1)(x)])),
    "concatenate places": ((5, 4, 3), lambda x: L.Concatenate(axis=1)([x, L.MaxPooling2D((2, 1))(x)])),
    "concatenate flat": ((5, 4, 3), lambda x: L.Dense(4)(L.Concatenate()([L.Flatten()(x), L.GlobalMaxPooling2D()(x)]))),
    "dot": ((5, 3), lambda x: L.Dot(axes=(2, 2))([x, L.Dense(3)(x)])),
    "dot normalized": ((6,), lambda x: L.Dot(axes=1, normalize=True)([x, L.Dense(6)(x)])),
    "self attention": ((7, 8), lambda x: L.MultiHeadAttention(2, 4)(x, x)),
    "map attention": ((3, 4, 8), lambda x: L.MultiHeadAttention(2, 4)(L.Conv2D(8, 1)(x), L.Conv2D(8, 1)(x))),
    "self attention wide": ((7, 8), lambda x: L.MultiHeadAttention(2, 3, value_dim=5, output_shape=6)(x, x)),
    "self attention plain": ((7, 8), lambda x: L.MultiHeadAttention(2, 4, use_bias=False)(x, x, x)),
    "self attention causal": ((7, 8), lambda x: L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)),
    "cross attention": ((7, 8), lambda x: L.MultiHeadAttention(2, 4)(L.Dense(6)(x), L.Conv1D(5, 3)(x))),
    "attention": ((7, 8), lambda x: L.Attention(use_scale=True)([x, L.Conv1D(8, 3)(x)])),
    "additive attention": ((7, 8), lambda x: L.AdditiveAttention()([x, L.Conv1D(8, 3)(x)])),
    "lstm": ((7, 3), L.LSTM(4)),
    "lstm sequences": ((7, 3), L.LSTM(4, return_sequences=True, use_bias=False)),
    "gru": ((7, 3), L.GRU(4, return_sequences=True)),
    "gru plain": ((7, 3), L.GRU(4, use_bias=False)),
    "rnn of a cell": ((7, 3), L.RNN(L.LSTMCell(4))),
    "rnn of a cell, sequences": ((7, 3), L.RNN(L.GRUCell(4), return_sequences=True)),
    "bidirectional": ((7, 3), L.Bidirectional(L.LSTM(4))),
    "bidirectional sequences": ((7, 3), L.Bidirectional(L.GRU(4, return_sequences=True))),
    "bidirectional sum": ((7, 3), L.Bidirectional(L.GRU(4), merge_mode="sum")),
    "bidirectional ave": ((7, 3), L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode="ave")),
    "time distributed dense": ((5, 3), L.TimeDistributed(L.Dense(4))),
    "time distributed conv": (
        (3, 6, 5, 2),
        L.TimeDistributed(L.Conv2D(4, 3, strides=2, padding="same", activation="relu")),
    ),
    "time distributed pool": ((3, 6, 5, 2), L.TimeDistributed(L.GlobalAveragePooling2D())),
    "time distributed flatten": ((3, 6, 5, 2), L.TimeDistributed(L.Flatten())),
}


ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "glu", "sigmoid",
    "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "sparse_sigmoid", "log_sigmoid", "tanh", "tanh_shrink",
    "soft_shrink", "hard_shrink", "softplus", "sparse_plus", "squareplus", "softsign", "exponential", "softmax",
    "log_softmax", "linear",
)  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    model = made((5, 4), lambda x: L.Activation(name)(L.Dense(6)(x)))
    net = read(model)
    assert "opaque" not in {layer.node.op.keyword for layer in net}
    compare(model, net)


UNREAD = {
    "AutoContrast", "CategoryEncoding", "ContrastLimitedAdaptiveHistogramEqualization", "Discretization", "FlaxLayer",
    "GroupQueryAttention", "HashedCrossing", "Hashing", "IntegerLookup", "JaxLayer", "Lambda", "MaxNumBoundingBoxes",
    "MelSpectrogram", "Pipeline", "ReversibleEmbedding", "STFTSpectrogram", "StringLookup", "TFSMLayer",
    "TextVectorization", "TorchModuleWrapper",
}  # fmt: skip
"""These become opaque layers."""

PARTS = {"GRUCell", "InputLayer", "InputSpec", "LSTMCell", "Layer", "SimpleRNNCell", "StackedRNNCells", "Wrapper"}
"""What is not a layer by itself."""


def test_every_layer_of_keras_is_one_of_these() -> None:
    names = {name for name in dir(L) if isinstance(getattr(L, name), type)}
    assert names - LAYERS.keys() == UNREAD | PARTS


UNCHANGED = sorted(name for name, rule in LAYERS.items() if rule is unchanged and hasattr(L, name))
UNCHANGED.remove("Equalization")  # Keras cannot take it into a functional model


@pytest.mark.parametrize("name", UNCHANGED)
def test_what_is_random_changes_nothing(name: str) -> None:
    kind = getattr(L, name)
    needed = [one.name for one in inspect.signature(kind).parameters.values() if one.default is one.empty]
    numbers = {one: 4 if "Poster" in name else 0.2 for one in needed if one != "kwargs"}
    model = made((8, 8, 3), kind(**numbers))
    compare(model, read(model))


def test_every_activation_of_keras_is_one_of_these() -> None:
    names = {name for name in dir(keras.activations) if not name.startswith("_")}
    helpers = {"deserialize", "get", "serialize"}
    other = {"threshold", "sparsemax"}  # the one needs settings, the other sorts and becomes an opaque layer
    assert names == {*ACTIVATIONS, *helpers, *other}


OPERATIONS: dict[str, tuple[tuple[int, ...], Make]] = {
    "sums": ((5, 4, 3), lambda x: (x + 1.0) * 2.0 - x / 3.0 + 1.0 / (x * x + 2.0) - (1.0 - x)),
    "functions": ((5, 3), lambda x: ops.exp(ops.sin(x)) + ops.sqrt(ops.abs(x)) - ops.square(x) + ops.erf(-x)),
    "powers": ((5, 3), lambda x: ops.power(ops.abs(x) + 1.0, 1.5) + x**2 + ops.rsqrt(ops.square(x) + 1.0)),
    "jumps": ((5, 4), lambda x: ops.hard_shrink(x, 0.3) + ops.threshold(x, 0.2, 0.0)),
    "activations": ((5, 4), lambda x: ops.relu(x) + ops.gelu(x) + ops.leaky_relu(x) + ops.celu(x, 0.5)),
    "clip": ((5, 4), lambda x: ops.clip(x, -0.5, 0.7) + ops.clip(x, 0.0, 6.0) + ops.clip(x, 0.0, 0.5)),
    "keras relu": ((5, 4), lambda x: keras.activations.relu(x, max_value=0.5) + keras.activations.softmax(x)),
    "mean": ((5, 4, 3), lambda x: ops.mean(x, axis=(1, 2))),
    "mean of channels": ((5, 4, 3), lambda x: ops.mean(x, axis=-1, keepdims=True) + ops.max(x, axis=3, keepdims=True)),
    "statistics": ((5, 3), lambda x: ops.var(x, axis=1) + ops.std(x, axis=1) + ops.sum(x, axis=1) - ops.min(x, axis=1)),
    "reshape": ((6, 4), lambda x: L.Conv2D(3, 2)(ops.reshape(x, (-1, 3, 4, 2)))),
    "transpose": ((6, 4), lambda x: L.Conv1D(3, 2)(ops.transpose(x, (0, 2, 1)))),
    "dims": ((6, 4), lambda x: ops.squeeze(L.Conv2D(1, 2)(ops.expand_dims(x, -1)), axis=-1)),
    "swap": ((6, 4), lambda x: L.Dense(3)(ops.swapaxes(ops.moveaxis(x, 1, 2), 1, 2))),
    "concatenate": ((6, 4), lambda x: ops.concatenate([x, ops.relu(x)], axis=-1)),
    "stack": ((6, 4), lambda x: L.Conv2D(3, 2)(ops.stack([x, ops.relu(x)], axis=-1))),
    "split": ((6, 4), lambda x: ops.multiply(*ops.split(x, 2, axis=-1))),
    "slices": ((6, 5, 4), lambda x: x[:, 1:5, ::2, :2] + x[:, 1:5, ::2, 2:]),
    "index": ((5, 5, 4), lambda x: x[:, 2] + x[..., 1, :]),
    "repeat": ((6, 4), lambda x: ops.repeat(x, 2, axis=1) + ops.tile(x, (1, 2, 1))),
    "pad": ((6, 5, 4), lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)))),
    "pad reflect": ((6, 5, 4), lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), mode="reflect")),
    "roll": ((6, 5, 4), lambda x: ops.roll(x, (1, -2), axis=(1, 2))),
    "matmul": ((6, 4), lambda x: ops.matmul(x, ops.transpose(L.Dense(4)(x), (0, 2, 1)))),
    "einsum": ((6, 4), lambda x: ops.einsum("btd,bsd->bts", x, L.Dense(4)(x))),
    "einsum outer": ((6, 4), lambda x: ops.einsum("btd,bt->btd", x, ops.mean(x, axis=-1))),
    "normalize": ((6, 4), lambda x: ops.normalize(x, axis=-1)),
    "resize": ((6, 5, 4), lambda x: ops.image.resize(x, (9, 4))),
    "pools": ((6, 6, 4), lambda x: ops.max_pool(x, 2) + ops.average_pool(x, 2, padding="same")),
    "cast": ((6, 4), lambda x: ops.stop_gradient(ops.cast(x, "float32")) + 0.0 * x),
    "maximum": ((6, 4), lambda x: ops.maximum(x, ops.relu(-x)) + ops.minimum(x, L.Dense(4)(x))),
    "space to depth": ((6, 4, 3), lambda x: L.Conv2D(2, 1)(ops.nn.space_to_depth(x, 2))),
    "depth to space": ((3, 2, 8), lambda x: L.Conv2D(2, 1)(ops.nn.depth_to_space(x, 2))),
}


@pytest.mark.parametrize(("shape", "make"), OPERATIONS.values(), ids=OPERATIONS)
def test_operations(shape: tuple[int, ...], make: Make) -> None:
    model = made(shape, make)
    net = read(model)
    assert not [layer.node.name for layer in net if layer.node.op.keyword == "opaque"]
    compare(model, net)


@pytest.mark.parametrize(("shape", "make"), CASES.values(), ids=CASES)
def test_layers(shape: tuple[int, ...], make: Make, tmp_path: Path) -> None:
    model = made(shape, make)
    net = read(model)
    assert not [layer.node.name for layer in net if layer.node.op.keyword == "opaque"]
    assert net.output == tuple(model.output_shape[-1:] + model.output_shape[1:-1])
    assert stored(net) == model.count_params()
    compare(model, net)
    model.save(tmp_path / "model.keras")
    saved = read(tmp_path / "model.keras")
    assert saved == net
    compare(model, saved)
