"""Models of Keras with several inputs and outputs: each by its name, in order, with the axes and nesting of Keras."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not all(map(find_spec, ("keras", "h5py", "torch"))):
    pytest.skip("Keras, h5py or torch is not installed", allow_module_level=True)

import convscope as cs
from convscope.core.graph import Input
from convscope.errors import FieldError, UnknownNameError
from convscope.frontends import read
from convscope.writers import keras_state, write
from keras_twin import compare_all, filled, keras, stored
from unit.test_writers import module

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

L, ops = keras.layers, keras.ops


@pytest.fixture(autouse=True)
def _names_from_the_start() -> None:
    keras.utils.clear_session(free_memory=False)


def siamese() -> Any:
    inner = keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(5)])
    left, right = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    return keras.Model([left, right], L.Dense(1, name="same")(ops.abs(inner(left) - inner(right))))


def heads() -> Any:
    given = keras.Input((9, 8, 3), name="image")
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="stem")(given)
    return keras.Model(
        given,
        {
            "mask": L.Conv2D(1, 1, name="mask")(x),
            "box": [L.Dense(4, name="box")(L.Flatten()(x)), L.GlobalMaxPooling2D(name="top")(x)],
            "features": x,
        },
    )


def mixed() -> Any:
    image, meta = keras.Input((8, 6, 3), name="image"), keras.Input((5,), name="meta")
    sequence = keras.Input((7, 4), name="steps")
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(image))
    both = L.Concatenate(name="both")([x, L.Dense(3)(meta), L.LSTM(2)(sequence)])
    steps = L.Conv1D(2, 3, padding="same", name="conv")(sequence)
    return keras.Model((image, meta, sequence), (L.Dense(2, name="class")(both), steps, L.Permute((2, 1))(steps)))


def states() -> Any:
    given = keras.Input((7, 3), name="steps")
    out, state = L.GRU(4, return_sequences=True, return_state=True, name="gru")(given)
    return keras.Model(given, [out, state])


def both_ways() -> Any:
    given = keras.Input((7, 3), name="steps")
    steps = L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None, name="steps_of")(given)
    last = L.Bidirectional(L.GRU(2), merge_mode=None, name="last_of")(given)
    return keras.Model(given, [steps, last])


def passed_on() -> Any:
    given = keras.Input((6, 5, 2), name="image")
    return keras.Model(given, [given, L.Conv2D(3, 2, name="conv")(given), L.Flatten(name="flat")(given)])


def inner_dicts() -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    inner = keras.Model({"b": b, "a": a}, {"z": L.Dense(2)(a), "y": L.Dense(5)(b)}, name="inner")
    p, q = keras.Input((3,), name="p"), keras.Input((4,), name="q")
    made = inner({"a": q, "b": p})
    return keras.Model([p, q], [made["z"], made["y"]])


def first() -> Any:
    given = keras.Input((3, 8, 6), name="image")
    x = L.Conv2D(4, 3, data_format="channels_first")(given)
    return keras.Model(given, [x, L.GlobalAveragePooling2D(data_format="channels_first")(x)])


MODELS: dict[str, Callable[[], Any]] = {
    one.__name__: one for one in (siamese, heads, mixed, states, both_ways, passed_on, inner_dicts, first)
}


def numbers(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(1)
    return {one.name: rng.normal(size=(2, *one.shape[1:])).astype("float32") for one in model.inputs}


@pytest.mark.parametrize("suffix", ["", "keras", "h5"])
@pytest.mark.parametrize("name", MODELS)
def test_every_output_is_that_of_keras(name: str, suffix: str, tmp_path: Path) -> None:
    model = filled(MODELS[name]())
    if suffix:
        model.save(tmp_path / f"model.{suffix}")
    net = read(tmp_path / f"model.{suffix}" if suffix else model)
    assert stored(net) == model.count_params()
    if len(net.inputs) > 1:
        assert [one.name for one in net.inputs] == [one.name for one in model.inputs]
    compare_all(model, net, numbers(model), first=name == "first")


def test_names_and_nesting() -> None:
    assert [one.path for one in read(heads()).outputs] == [("box", "[0]"), ("box", "[1]"), ("features",), ("mask",)]
    found = read(mixed()).outputs
    assert [(one.path, one.name) for one in found] == [((0,), "class"), ((1,), "conv"), ((2,), "permute")]
    assert [one.path for one in read(states()).outputs] == [("[0]",), ("[1]",)]
    assert [one.path for one in read(siamese()).outputs] == [()]


def test_a_list_of_one_is_left_out() -> None:
    given = keras.Input((4,), name="x")
    made = L.Dense(2, name="d")(given)
    for results, path in (([made], ()), ([[made]], ("[0]",)), ([{"a": made}], ("a",)), ({"a": [made]}, ("a", "[0]"))):
        assert [one.path for one in read(keras.Model(given, results)).outputs] == [path]


def test_a_model_that_hands_out_its_input() -> None:
    given = keras.Input((5, 3), name="x")
    model = keras.Model(given, [given, L.Permute((2, 1))(given)])
    compare_all(model, read(model), numbers(model))


def test_axes() -> None:
    found = read(mixed())
    assert [(one.node, one.order) for one in found.outputs] == [("class", ""), ("conv", ""), ("conv", "a2xb7:nxaxb")]
    assert read(first()).inputs == (Input("input", (3, 8, 6), "a3xb8xc6:nxaxbxc"),)


def test_no_output_is_dead() -> None:
    findings = cs.check(read(heads())).findings
    assert "CS013" not in {one.code for one in findings}


def test_integers() -> None:
    tokens, image = keras.Input((6,), dtype="int32", name="tokens"), keras.Input((4, 4, 3), dtype="uint8", name="image")
    model = keras.Model([tokens, image], [L.Embedding(9, 4)(tokens), L.Rescaling(1 / 255)(image)])
    assert [(one.name, one.kind) for one in read(model).inputs] == [("tokens", "int"), ("image", "float")]


def test_open_sizes_by_name() -> None:
    image, meta = keras.Input((None, None, 3), name="image"), keras.Input((5,), name="meta")
    joined = L.Concatenate()([L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(image)), meta])
    model = filled(keras.Model([image, meta], L.Dense(2)(joined)))
    with pytest.raises(FieldError, match=r"image: .*does not state the height and width") as error:
        read(model)
    assert "--input image=" in str(error.value)
    net = read(model, input={"image": "9x8x3"})
    assert [one.shape for one in net.inputs] == [(3, 9, 8), (5,)]
    compare_all(model, net, {"image": np.ones((2, 9, 8, 3), "float32"), "meta": np.ones((2, 5), "float32")})
    with pytest.raises(UnknownNameError, match='no input is called "img"'):
        read(model, input={"img": "9x8x3"})


def test_a_constant() -> None:
    net = read(filled(siamese()), input={"right": ("constant", np.zeros((1, 8, 8, 1)))})
    assert [one.name for one in net.inputs] == ["input"]
    assert net.output == (1,)


def values(model: Any, inputs: dict[str, np.ndarray[Any, Any]]) -> tuple[Any, list[np.ndarray[Any, Any]]]:
    """What a model returns, and the tensors in it."""
    nested = keras.tree.pack_sequence_as(model._inputs_struct, [inputs[one.name] for one in model.inputs])
    found = model(nested, training=False)
    return found, [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(found)]


@pytest.mark.parametrize("name", MODELS)
def test_written_for_keras(name: str) -> None:
    model = filled(MODELS[name]())
    net, inputs = read(model), numbers(model)
    twin = module(str(write(net, to="keras")))["build"]()
    assert net.tensors is not None
    for layer, arrays in keras_state(net, net.tensors()).items():
        twin.get_layer(layer).set_weights(arrays)
    if len(model.inputs) > 1:
        assert [one.name for one in twin.inputs] == [one.name for one in model.inputs]
    mine = dict(zip((one.name for one in twin.inputs), (inputs[one.name] for one in model.inputs), strict=True))
    (wanted, its), (found, ours) = values(model, inputs), values(twin, mine)
    assert type(found) is type(wanted)
    assert [one.shape for one in ours] == [one.shape for one in its]
    assert all(np.allclose(one, other, rtol=1e-4, atol=1e-4) for one, other in zip(ours, its, strict=True))
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()


@pytest.mark.parametrize("name", MODELS)
def test_written_for_onnx(name: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    model = filled(MODELS[name]())
    net, inputs = read(model), numbers(model)
    session = runtime.InferenceSession(write(net, to="onnx"))
    places = zip(session.get_inputs(), model.inputs, net.inputs, strict=True)
    given = {
        mine.name: inputs[its.name][:1] if one.order else np.moveaxis(inputs[its.name][:1], -1, 1)
        for mine, its, one in places
    }
    found = session.run(None, given)
    for one, other, output in zip(found, values(model, inputs)[1], net.outputs, strict=True):
        laid = other[:1] if output.order else np.moveaxis(other[:1], -1, 1)
        assert one.shape == laid.shape
        assert np.allclose(one, laid, rtol=1e-4, atol=1e-4)
