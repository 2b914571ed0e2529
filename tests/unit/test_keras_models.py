"""Models of Keras as wholes: how they are built, where they are kept, what is refused."""

import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not all(map(find_spec, ("keras", "h5py", "torch"))):
    pytest.skip("Keras, h5py or torch is not installed", allow_module_level=True)

from convscope.cli import run
from convscope.core.net import Net
from convscope.errors import FieldError, ModelError, ShapeError
from convscope.frontends import read
from keras_twin import compare, filled, keras, stored

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

L = keras.layers


@pytest.fixture(autouse=True)
def _names_from_the_start() -> None:
    keras.utils.clear_session(free_memory=False)


def course() -> Any:
    """The net of the course notes: 32 3x3, 32 3x3, pool, 32 3x3, pool, 10 1x1, 10 5x5."""
    layers = [
        keras.Input((28, 28, 1)),
        L.Conv2D(32, (3, 3), activation="relu"),
        L.Conv2D(32, (3, 3), activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(32, (3, 3), activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(10, (1, 1), activation="relu"),
        L.Conv2D(10, (5, 5)),
        L.Flatten(),
        L.Activation("softmax"),
    ]
    return filled(keras.Sequential(layers, name="course"))


def shared() -> Any:
    """A model inside of a model, used twice, and layers used twice."""
    inner = keras.Input((8, 8, 4))
    block = keras.Model(
        inner, L.BatchNormalization(name="norm")(L.Conv2D(4, 3, padding="same", name="conv")(inner)), name="block"
    )
    given = keras.Input((8, 8, 3))
    twice = L.Conv2D(4, 1, activation="relu", name="twice")
    x = L.Conv2D(4, 3, padding="same", name="stem")(given)
    y = block(twice(block(x)))
    z = L.Add(name="sum")([x, y, twice(y)])
    return filled(keras.Model(given, L.Dense(5, name="head")(L.GlobalAveragePooling2D()(z))))


def transformer() -> Any:
    """Patches, attention, a recurrent layer after: layers that hold layers."""
    given = keras.Input((8, 8, 3))
    x = L.Reshape((16, 6))(L.Conv2D(6, 2, strides=2, name="patches")(given))
    x = L.Add()([x, L.MultiHeadAttention(2, 3, name="heads")(x, x)])
    x = L.LayerNormalization(name="norm")(x)
    x = L.MultiHeadAttention(2, 4, name="other")(x, x)
    x = keras.Sequential([L.Dense(8, activation="gelu"), L.Dropout(0.1), L.Dense(6)], name="between")(x)
    x = L.Bidirectional(L.LSTM(4, return_sequences=True), name="both")(x)
    x = L.TimeDistributed(L.Dense(3), name="each")(x)
    return filled(keras.Model(given, L.GRU(5, name="last")(x)))


def measured() -> Any:
    """What was measured on data is stored, not learned."""
    scale = L.Normalization(axis=-1)
    scale.adapt(np.random.default_rng(0).normal(2.0, 3.0, (8, 4, 4, 2)).astype("float32"))
    one = L.Normalization(axis=-1, invert=True)
    one.adapt(np.random.default_rng(0).normal(2.0, 3.0, (8, 4, 4, 1)).astype("float32"))
    given = keras.Input((4, 4, 2))
    return keras.Model(given, one(L.Conv2D(1, 1)(scale(given))))


MODELS = {"course": course, "shared": shared, "transformer": transformer, "measured": measured}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_saved_is_live(name: str, suffix: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    model.save(tmp_path / f"model.{suffix}")
    live, saved = read(model), read(str(tmp_path / f"model.{suffix}"))
    assert saved == live
    assert "opaque" not in {layer.node.op.keyword for layer in live}
    assert stored(live) == model.count_params()
    compare(model, live)
    compare(model, saved)


def test_the_net_of_the_course_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = course()
    path = tmp_path / "course.keras"
    model.save(path)
    assert [layer.node.name for layer in read(model)][:2] == ["conv2d", "conv2d.relu"]
    assert model.count_params() == 21_656
    assert run(["table", str(path)]) == 0
    assert "params 21,656" in capsys.readouterr().out


def test_a_third_number_is_a_stride() -> None:
    net = read(keras.Sequential([keras.Input((28, 28, 1)), L.Conv2D(32, 3, 3)]))
    assert str(net) == "input 28x28x1, conv2d: conv 32 3x3 s3"


def test_weights_of_shared_layers_count_once() -> None:
    net = read(shared())
    second = [layer for layer in net if layer.node.name in {"twice_2", "block.conv_2", "block.norm_2"}]
    assert len(second) == 3
    assert all(layer.weights == () for layer in second)


def test_channels_first() -> None:
    given = keras.Input((3, 8, 6))
    x = L.Conv2D(4, 3, data_format="channels_first", activation="relu")(given)
    x = L.BatchNormalization(axis=1)(x)
    x = L.MaxPooling2D(2, data_format="channels_first")(x)
    model = filled(keras.Model(given, L.ZeroPadding2D(1, data_format="channels_first")(x)))
    net = read(model)
    assert net.input == (3, 8, 6)
    compare(model, net, first=True)


def test_open_sizes_are_asked_for() -> None:
    model = filled(keras.Sequential([keras.Input((None, None, 3)), L.Conv2D(4, 3), L.GlobalAveragePooling2D()]))
    with pytest.raises(FieldError, match="does not state the height and width"):
        read(model)
    net = read(model, input="9x8x3")
    assert net.input == (3, 9, 8)
    compare(model, net, size=(9, 8, 3))
    with pytest.raises(FieldError, match="takes"):
        read(model, input="9x8x1")


def test_another_size_of_the_input() -> None:
    model = keras.Sequential([keras.Input((16, 16, 3)), L.Conv2D(4, 3), L.Flatten(), L.Dense(2)])
    with pytest.raises(ShapeError, match=r"dense.*784 channels, the input has 144"):
        read(model, input="8x8x3")
    deep = keras.Sequential([keras.Input((16, 16, 3)), L.Conv2D(4, 3, name="c"), L.GlobalMaxPooling2D(), L.Dense(2)])
    assert read(deep, input="9x8x3")["c"].output == (4, 7, 6)


def test_a_model_called_by_another_gives_the_right_output() -> None:
    inner = keras.Input((6, 6, 2))
    block = keras.Model(inner, [L.Conv2D(2, 1, name="a")(inner), L.Conv2D(3, 1, name="b")(inner)], name="block")
    given = keras.Input((6, 6, 2))
    a, b = block(given)
    c, d = block(a)
    model = filled(keras.Model(given, [d, b, c]))
    net = read(model)
    assert net.layers[-1].node.name == "block.b_2"
    assert net["block.b_2"].node.inputs == ("block.a",)


@keras.saving.register_keras_serializable(package="own")
class Doubled(L.Layer):  # type: ignore[misc, name-defined] # Keras has no types
    """A layer of a user: what it computes is not in the file."""

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), name="gain")

    def call(self, x: Any) -> Any:
        return x * self.gain * 2.0


def test_a_layer_of_the_user_is_opaque_in_a_file(tmp_path: Path) -> None:
    given = keras.Input((8, 8, 3))
    model = keras.Model(given, L.Conv2D(2, 1)(Doubled(name="mine")(given)))
    model.save(tmp_path / "model.keras")
    live, saved = read(model), read(tmp_path / "model.keras")
    assert str(saved["mine"].node.op) == "Opaque(out=(3, 8, 8))"
    assert not saved.table().macs.exact
    assert [weight.shape for weight in saved["mine"].weights or ()] == [(3,)]
    for net in (live, saved):
        assert (net.table().params.value, net.table().params.exact) == (3 + 8, True)
    compare(model, live)


def test_a_layer_of_the_user_at_the_end_is_refused(tmp_path: Path) -> None:
    given = keras.Input((8, 8, 3))
    keras.Model(given, Doubled(name="mine")(given)).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"mine \(Doubled\)"):
        read(tmp_path / "model.keras")


def test_a_lambda_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    name = str(mark)
    given = keras.Input((8, 8, 3))
    code = L.Lambda(lambda t: t * float(open(name, "w").write("2")), output_shape=(8, 8, 3), name="code")  # noqa: PTH123, SIM115 -- Keras keeps no imports
    x = code(given)
    model = keras.Model(given, L.Conv2D(2, 1)(x))
    model.save(tmp_path / "model.keras")
    mark.unlink(missing_ok=True)
    assert str(read(tmp_path / "model.keras")["code"].node.op) == "Opaque(out=(3, 8, 8))"
    assert read(model)["code"].output == (3, 8, 8)
    assert not mark.exists()


@keras.saving.register_keras_serializable(package="own")
class Named(keras.Model):  # type: ignore[misc] # Keras has no types
    """A functional model under a name of the user's own."""


def test_a_model_of_a_class_of_the_user(tmp_path: Path) -> None:
    given = keras.Input((8, 8, 3))
    model = filled(Named(given, L.Conv2D(2, 3, name="c")(given)))
    model.save(tmp_path / "model.keras")
    for net in (read(model), read(tmp_path / "model.keras")):
        assert [layer.node.name for layer in net] == ["c"]
        compare(model, net)


def test_a_model_that_was_not_built() -> None:
    model = keras.Sequential([L.Conv2D(2, 3, name="c"), L.Flatten()])
    with pytest.raises(FieldError, match="does not state its size"):
        read(model)
    assert read(model, input="5x4x3")["c"].output == (2, 3, 2)


def test_numbers_in_functions_are_not_stored() -> None:
    given = keras.Input((5, 4))
    model = keras.Model(given, (given + np.arange(4, dtype=np.float32)) * np.full((5, 1), 2.0, np.float32))
    net = read(model)
    assert [layer.weights for layer in net] == [(), ()]
    compare(model, net)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision(kind: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3), dtype=kind), L.Conv2D(4, 3, dtype=kind)])
    model.save(tmp_path / "model.keras")
    live, saved = (read(one) for one in (model, tmp_path / "model.keras"))
    tensors = [(net.tensors or dict)() for net in (live, saved)]
    assert tensors[0]["conv2d.weight"].dtype == np.float32
    assert all((tensors[0][name] == tensors[1][name]).all() for name in tensors[0])


def test_without_h5py_there_are_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = course()
    model.save(tmp_path / "model.keras")
    monkeypatch.setattr("convscope.frontends.keras.archive.find_spec", {}.get)
    assert read(tmp_path / "model.keras").tensors is None


def test_a_file_is_read_without_keras(tmp_path: Path) -> None:
    course().save(tmp_path / "model.keras")
    code = (
        "import sys, convscope\n"
        f"net = convscope.read({str(tmp_path / 'model.keras')!r})\n"
        "assert net.output == (10,)\n"
        "assert not {'keras', 'torch', 'h5py', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def layer(kind: str, name: str, calls: list[Any], **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}


def old_model() -> dict[str, Any]:
    """As Keras 2 wrote it: lists for calls, functions by name, the first call of an inner model counted."""
    inner = {
        "name": "inner",
        "layers": [
            layer("InputLayer", "in", [], batch_input_shape=[None, 4, 4, 3]),
            layer("Conv2D", "k", [[["in", 0, 0, {}]]], filters=3, kernel_size=[1, 1], activation="hard_sigmoid"),
        ],
        "input_layers": [["in", 0, 0]],
        "output_layers": [["k", 0, 0]],
    }
    layers = [
        layer("InputLayer", "img", [], batch_input_shape=[None, 4, 4, 3]),
        {
            "class_name": "Functional",
            "name": "inner",
            "config": inner,
            "inbound_nodes": [[["img", 0, 0, {}]], [["inner", 1, 0, {}]]],
        },
        layer("TFOpLambda", "plus", [["inner", 1, 0, {"y": ["inner", 2, 0]}]], function="math.add"),
        layer("TFOpLambda", "mean", [["plus", 0, 0, {"axis": [1, 2], "keepdims": False}]], function="math.reduce_mean"),
        layer("Dense", "head", [[["mean", 0, 0, {}]]], units=2),
    ]
    layers[2]["inbound_nodes"] = [[["inner", 1, 0, {"y": ["inner", 2, 0]}]]]
    layers[3]["inbound_nodes"] = [[["plus", 0, 0, {"axis": [1, 2], "keepdims": False}]]]
    config = {"name": "old", "layers": layers, "input_layers": [["img", 0, 0]], "output_layers": [["head", 0, 0]]}
    return {"class_name": "Functional", "config": config}


def archive(path: Path, config: Any, version: str = "3.15.1") -> Net:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": version}))
        file.writestr("config.json", json.dumps(config))
    return read(path)


def test_files_of_keras_2(tmp_path: Path) -> None:
    net = archive(tmp_path / "old.keras", old_model(), "2.15.0")
    rows = [(node.name, node.op.keyword, node.inputs) for node in (layer.node for layer in net)]
    assert ("inner.k_2", "conv", ("inner.k.clamp",)) in rows
    assert ("plus", "add", ("inner.k.clamp", "inner.k.clamp_2")) in rows
    assert rows[-1][:2] == ("head", "linear")
    assert (stored(net), net.tensors) == (12 + 8, None)


def test_a_sequential_model_of_keras_1(tmp_path: Path) -> None:
    layers = [
        {
            "class_name": "Conv2D",
            "config": {"name": "c", "batch_input_shape": [None, 9, 9, 1], "filters": 2, "kernel_size": 3},
        },
        {"class_name": "MaxPooling2D", "config": {"name": "p", "pool_size": [2, 2], "padding": "valid"}},
        {"class_name": "BatchNormalization", "config": {"name": "b", "axis": [3]}},
    ]
    net = archive(tmp_path / "old.keras", {"class_name": "Sequential", "config": layers}, "2.1.0")
    assert str(net) == "input 9x9x1, c: conv 2 3x3, p: maxpool 2x2, b: bn e0.001"


def test_layers_that_wait_for_each_other(tmp_path: Path) -> None:
    config = old_model()
    config["config"]["layers"][2]["inbound_nodes"] = [[["mean", 0, 0, {"y": ["inner", 2, 0]}]]]
    with pytest.raises(
        ModelError, match="plus reads a tensor that is never computed, or that depends on its own output"
    ):
        archive(tmp_path / "old.keras", config, "2.15.0")


def test_weights_without_numbers() -> None:
    with keras.device("meta"):
        net = read(keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3)]))
    assert net.tensors is not None
    with pytest.raises(ModelError, match="conv2d: the values of kernel cannot be read"):
        net.tensors()
