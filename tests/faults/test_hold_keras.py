"""Small files of Keras that claim much: each is refused, or read, within a second and 300 MB."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

import convscope as cs
from convscope.errors import FieldError, LimitError, ModelError, ShapeError
from convscope.frontends import read
from convscope.frontends.tensors.builder import unique_words
from convscope.ops.act import Clamp
from faults.limits import answered, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.faults

Raw = dict[str, Any]
BIG = 2**31 - 1
KEYS = [None] * 30_000


def entry(kind: str, name: str, module: str = "keras.layers", **config: Any) -> Raw:
    return {"module": module, "class_name": kind, "config": {"name": name, **config}, "registered_name": None}


def function(kind: str, name: str, **config: Any) -> Raw:
    return entry(kind, name, "keras.src.ops.numpy", **config)


def tensor(layer: str, *, call: int = 0, output: int = 0, shape: tuple[Any, ...] = (8, 8, 3)) -> Raw:
    config = {"shape": [None, *shape], "dtype": "float32", "keras_history": [layer, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def called(layer: Raw, *calls: Any) -> Raw:
    nodes = [{"args": [one], "kwargs": {}} for one in calls]
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": nodes}


def model(*layers: Raw, out: Any, inputs: tuple[str, ...] = ("in",), shape: tuple[Any, ...] = (8, 8, 3)) -> Raw:
    first = [called(entry("InputLayer", name, batch_shape=[None, *shape])) for name in inputs]
    ends = {"input_layers": [[name, 0, 0] for name in inputs], "output_layers": out}
    return {"module": "keras", "class_name": "Functional", "config": {"name": "f", "layers": [*first, *layers], **ends}}


def chain(*layers: Raw, shape: tuple[Any, ...] = (8, 8, 3)) -> Raw:
    first = entry("InputLayer", "in", batch_shape=[None, *shape])
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [first, *layers]}}


def deep(count: int) -> Raw:
    """A model of so many layers in a row."""
    names = ["in", *(f"r{at}" for at in range(count))]
    rows = (called(entry("ReLU", name), tensor(before)) for before, name in itertools.pairwise(names))
    return model(*rows, out=[names[-1], 0, 0])


def shared(inner: Raw, times: int, name: str = "m") -> Raw:
    """A model that is called again and again, each time with what it gave before."""
    inner["config"]["name"] = name
    calls = (tensor("in") if at == 0 else tensor(name, call=at - 1) for at in range(times))
    return model(called(inner, *calls), out=[name, times, 0])


def nested(depth: int) -> Raw:
    found = deep(1)
    for level in range(depth):
        found = shared(found, 2, f"m{level}")
    return found


def wide(layer: Raw, count: int) -> Raw:
    """One layer that is given the input so many times."""
    return model(called(layer, [tensor("in")] * count), out=[layer["config"]["name"], 0, 0])


def named(name: str) -> Raw:
    """A layer whose output is read, of a class that nobody knows."""
    return called(entry("Weird", name), tensor("in"))


def opaque(shape: tuple[Any, ...]) -> Raw:
    rows = called(entry("Weird", "w"), tensor("in", shape=shape)), called(entry("ReLU", "r"), tensor("w"))
    return model(*rows, out=[["r", 0, 0]], shape=shape)


def on_input(layer: Raw, shape: tuple[Any, ...] = (8, 8, 3)) -> Raw:
    return model(called(layer, tensor("in", shape=shape)), out=[[layer["config"]["name"], 0, 0]], shape=shape)


def alike(*layers: Raw, calls: int) -> Raw:
    """Layers, each of which is called again and again."""
    return model(*(called(one, *[tensor("in")] * calls) for one in layers), out=[[layers[0]["config"]["name"], 0, 0]])


def in_dictionary(count: int) -> str:
    return '{"class_name":"Sequential","config":{"layers":[' + '{"":0},' * count + "[]]}}"


REFUSED: dict[str, tuple[Callable[[], Raw | str], str]] = {
    "an image of 2^31": (lambda: chain(entry("Resizing", "u", height=BIG, width=4)), "is too large"),
    "the nearest image of 2^31": (lambda: on_input(function("Resize", "u", size=[BIG, BIG])), "too large"),
    "up-sampling by 2^31": (lambda: chain(entry("UpSampling2D", "u", size=BIG, interpolation="bilinear")), "u (Up"),
    "2^31 windows": (lambda: chain(entry("AdaptiveAveragePooling2D", "a", output_size=BIG)), "too large"),
    "2^31 windows, the largest": (lambda: chain(entry("AdaptiveMaxPooling2D", "a", output_size=2**31)), "too large"),
    "padding of 2^31": (lambda: chain(entry("ZeroPadding2D", "p", padding=BIG)), "too large"),
    "2^31 repetitions": (lambda: chain(entry("RepeatVector", "r", n=BIG), entry("ReLU", "z"), shape=(4,)), "too large"),
    "an input of 2^31": (lambda: opaque((8, BIG, 3)), "input: 8x2147483647x3 is too large"),
    "an input of 10^308": (lambda: opaque((8, 1e308, 3)), "is too large"),
    "an input of 2^41 channels": (lambda: opaque((8, 8, 2**41)), "is too large"),
    "an input of nan": (lambda: opaque((8, float("nan"), 3)), ""),
    "an input of inf": (lambda: opaque((float("inf"), 8, 3)), ""),
    "2^20 parts": (
        lambda: on_input(function("Split", "s", axis=1, indices_or_sections=2**20), (2**20, 3)),
        "s (Split): this needs",
    ),
    "2^30 parts": (
        lambda: on_input(function("Split", "s", axis=-1, indices_or_sections=2**30), (4, 2**30)),
        "s (Split): this needs",
    ),
    "2^20 pieces": (lambda: on_input(function("Unstack", "s", axis=1), (2**20, 3)), "s (Unstack): this needs"),
    "30,000 new dimensions": (
        lambda: model(
            {**called(function("GetItem", "g")), "inbound_nodes": [{"args": [tensor("in"), KEYS], "kwargs": {}}]},
            out=[["g", 0, 0]],
        ),
        "30000 indices",
    ),
    "a name of a million letters": (lambda: shared(deep(4500), 1, "n" * 10**6), "is not a valid name for a Functional"),
    "a class of a million letters": (lambda: chain(entry("R" * 10**6, "r")), "is not a layer"),
    "long names in long names": (
        lambda: shared(shared(shared(shared(shared(deep(3), 1, "a" * 450), 1, "b" * 450), 1, "c" * 450), 1, "d" * 450),
                       1, "e" * 450),
        "at most 2000",
    ),
    "a model called twice, thirty times": (lambda: nested(30), ": this needs"),
    "a model of many layers called often": (lambda: shared(deep(100), 100), "(ReLU): this needs"),
    "a layer called 8000 times": (
        lambda: alike(entry("Lambda", "a", output_shape=[1] * 100_000), calls=8000),
        "a (Lambda): ",
    ),
    "a sum of 60,000": (lambda: wide(entry("Add", "a"), 60_000), "a"),
    "60,000 side by side": (lambda: wide(entry("Concatenate", "a"), 60_000), "a"),
    "a model that sums 2000 tensors, called often": (
        lambda: shared(wide(entry("Add", "a"), 2000), 4000),
        "m.a (Add): this needs",
    ),
    "a model of 20,000 outputs, called often": (
        lambda: model(
            called(model(called(entry("ReLU", "r"), tensor("in")), out=[["r", 0, 0]] * 20_000), *[tensor("in")] * 8000)
            | {"name": "f"},
            out=[["f", 1, 0]],
        ),
        "this needs",
    ),
    "90,000 outputs": (
        lambda: model(called(entry("ReLU", "r"), tensor("in")), out=[["r", 0, 0]] * 90_000),
        "the inputs and outputs of a model: this needs",
    ),
    "output number 2^20": (
        lambda: model(named("w"), called(entry("ReLU", "r"), tensor("w", output=2**20)), out=[["r", 0, 0]]),
        "output 1048576",
    ),
    "outputs with numbers of one hash": (
        lambda: model(
            named("w"),
            *(called(entry("ReLU", f"r{at}"), tensor("w", output=at * (2**61 - 1))) for at in range(5000)),
            out=[["r0", 0, 0]],
        ),
        "output 2305843009213693951",
    ),
    "many outputs of many layers": (
        lambda: model(
            *(named(f"w{at}") for at in range(1000)),
            *(called(entry("ReLU", f"r{at}"), tensor(f"w{at}", output=4095)) for at in range(1000)),
            out=[["r0", 0, 0]],
        ),
        "this needs",
    ),
    "290,000 small groups": (lambda: in_dictionary(290_000), "290,001 layers: this needs"),
    "millions of lists": (lambda: '{"config":[' + "[]," * 5_000_000 + "0]}", "the configuration, 15,000,0"),
    "millions of numbers": (lambda: '{"config":[' + "1," * 8_000_000 + "0]}", "the configuration, 16,000,0"),
    "a long word in wide letters": (lambda: '{"class_name":"' + "a" * 15_000_000 + '😀"}', "does not describe a model"),
    "20,000 layers": (lambda: chain(*(entry("ReLU", f"r{at}") for at in range(20_000))), "this needs"),
}  # fmt: skip


def packed(config: Raw | str) -> bytes:
    """The file, as small as it can be."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
    return file.getvalue()


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    make, words = REFUSED[name]
    path = tmp_path / "net.keras"
    path.write_bytes(packed(make()))
    assert words in str(refused(lambda: read(path)))


ANSWERED: dict[str, tuple[Callable[[], Raw], int]] = {
    "400 images of a million rows": (
        lambda: chain(*(entry("Resizing", f"u{at}", height=2**20 - 1 - at, width=1) for at in range(400))), 400),
    "400 poolings of a million windows": (
        lambda: chain(
            *(entry("AdaptiveAveragePooling1D", f"a{at}", output_size=2**20 - 1 - at) for at in range(400)),
            shape=(2**20, 1),
        ), 400),
    "an LSTM of 2^31 units": (lambda: chain(entry("LSTM", "l", units=BIG), shape=(8, 4)), 3),
    "a GRU of 2^31 units": (lambda: chain(entry("GRU", "g", units=BIG), shape=(8, 4)), 3),
    "2000 inputs": (
        lambda: model(
            called(entry("ReLU", "r"), tensor("i0")), out=[["r", 0, 0]], inputs=tuple(f"i{at}" for at in range(2000))
        ), 1),
    "the last of 64 pieces": (
        lambda: model(called(function("Unstack", "u", axis=1), tensor("in", shape=(64, 3))),
                      called(entry("ReLU", "r"), tensor("u", output=63, shape=(3,))), out=[["r", 0, 0]], shape=(64, 3)),
        66),
    "a shared model of honest size": (lambda: shared(deep(20), 40), 800),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERED)
def test_answered(name: str, tmp_path: Path) -> None:
    make, layers = ANSWERED[name]
    path = tmp_path / "net.keras"
    path.write_bytes(packed(make()))
    assert len(answered(lambda: read(path))) == layers


def test_sizes_of_any_kind_end_in_one_error(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    for value in (BIG, 2**31, -1, 0, 1e308, float("nan"), float("inf"), True, "3", [[3]], [3] * 1000, 2**63, 10**400):
        for kind, key in (("Resizing", "height"), ("UpSampling2D", "size"), ("AdaptiveMaxPooling2D", "output_size")):
            config: Raw = {"Resizing": {"width": 4}}.get(kind, {}) | {key: value}
            path.write_bytes(packed(chain(entry(kind, "l", **config), entry("ReLU", "z"))))
            error = refused(lambda: read(path))
            assert isinstance(error, ModelError | ShapeError | FieldError | LimitError), (kind, value)


def test_5000_layers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(packed(deep(5000)))
    assert len(read(path)) == 5000


def test_dense_250_is_read(tmp_path: Path) -> None:
    """Every layer reads all before it."""
    rows, known = [], [tensor("in")]
    for at in range(250):
        rows.append(called(entry("Concatenate", f"j{at}"), list(known)))
        rows.append(called(entry("ReLU", f"r{at}"), tensor(f"j{at}")))
        known.append(tensor(f"r{at}", shape=(8, 8, 3 * 2**at)))
        if at > 8:  # else the channels double each time
            known = known[:1] * len(known)
    path = tmp_path / "net.keras"
    path.write_bytes(packed(model(*rows, out=[["r249", 0, 0]])))
    assert len(read(path)) > 250


def test_limits_can_be_raised(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(packed(shared(deep(100), 100)))
    with pytest.raises(LimitError, match=r"--raise-limits"):
        read(path)
    with cs.raise_limits(5):
        assert len(read(path)) == 10_000


def test_an_input_is_checked_wherever_a_net_is_built() -> None:
    with pytest.raises(ShapeError, match="is too large"):
        cs.read("input 2097152x1, relu")


def test_words_for_many_names_take_no_time() -> None:
    words = answered(lambda: unique_words(chr(0x4E00 + at) for at in range(20_000)))
    assert len(set(words)) == 20_000


def test_floats_of_one_hash_are_told_apart_by_text() -> None:
    ends = [2.0 ** (61 * at) for at in range(1, 16)]
    found = {Clamp(-low, high) for low in ends for high in ends}
    assert len({hash(one) for one in found}) == len(found) == 225
    assert hash(Clamp(0, 6)) == hash(Clamp(-0.0, 6.0))


def saved(fill: Callable[[h5py.Group], None], layers: int) -> bytes:
    """A net of layers of a user, whose tensors the file names."""
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        fill(made.create_group("layers"))
    rows = [called({**entry("Mine", f"m{at}"), "module": "theirs"}, tensor("in")) for at in range(layers)]
    ends = [called(entry("ReLU", f"r{at}"), tensor(f"m{at}")) for at in range(layers)]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(model(*rows, *ends, out=[["r0", 0, 0]])))
        archive.writestr("model.weights.h5", file.getvalue())
    return data.getvalue()


def test_weights_are_looked_for_in_each_group_once(tmp_path: Path) -> None:
    def fill(group: h5py.Group) -> None:
        for at in range(300):
            group[f"mine_{at}/vars/0" if at else "mine/vars/0"] = np.ones((at + 1,), np.float32)

    path = tmp_path / "net.keras"
    path.write_bytes(saved(fill, 300))
    net = answered(lambda: read(path))
    assert net.table().params.value == sum(range(1, 301))


def test_one_group_under_many_names(tmp_path: Path) -> None:
    """Every layer has the same two thousand tensors, by a link."""

    def fill(group: h5py.Group) -> None:
        many = group.create_group("mine")
        for at in range(2000):
            many[f"vars/{at}"] = np.ones((1,), np.float32)
        for at in range(1, 300):
            group[f"mine_{at}"] = many

    path = tmp_path / "net.keras"
    path.write_bytes(saved(fill, 300))
    assert "the names in the weights file: this needs" in refused(lambda: read(path)).what


def test_names_without_an_end(tmp_path: Path) -> None:
    path, data = tmp_path / "net.keras", saved(lambda group: group.create_group("mine/vars"), 1)
    path.write_bytes(data)
    assert len(answered(lambda: read(path))) == 2
