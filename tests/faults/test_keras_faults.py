"""Hostile and damaged files of Keras: each is refused with our own error, soon, and in little memory."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clock
from convscope.errors import ConvscopeError, ModelError
from convscope.frontends import read
from faults import limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.faults

SECONDS, MEGABYTES = limits.SECONDS, limits.MEGABYTES
Bytes = bytes | bytearray


def entry(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "registered_name": None}


def sequential(*layers: dict[str, Any], size: tuple[Any, ...] = (8, 8, 3)) -> dict[str, Any]:
    first = entry("InputLayer", "in", batch_shape=[None, *size])
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": [first, *layers]}}


def conv(name: str = "c", **config: Any) -> dict[str, Any]:
    return entry("Conv2D", name, **{"filters": 4, "kernel_size": [3, 3], **config})


def tensor(name: str, call: int = 0) -> dict[str, Any]:
    shape = {"shape": [None, 8, 8, 3], "dtype": "float32", "keras_history": [name, call, 0]}
    return {"class_name": "__keras_tensor__", "config": shape}


def functional(*calls: tuple[dict[str, Any], str], out: str) -> dict[str, Any]:
    """Layers, each called once with the output of the one that is named."""
    first = {**entry("InputLayer", "in", batch_shape=[None, 8, 8, 3]), "name": "in", "inbound_nodes": []}
    layers = [
        {**one, "name": one["config"]["name"], "inbound_nodes": [{"args": [tensor(source)], "kwargs": {}}]}
        for one, source in calls
    ]
    config = {"name": "net", "layers": [first, *layers], "input_layers": ["in", 0, 0], "output_layers": [out, 0, 0]}
    return {"module": "keras", "class_name": "Functional", "config": config}


def packed(config: Any, *more: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("config.json", config if isinstance(config, str | bytes) else json.dumps(config))
        for name, data in more:
            archive.writestr(name, data)
    return file.getvalue()


def doubled(depth: int) -> dict[str, Any]:
    """A model that calls a model twice that calls a model twice ..."""
    inside = functional((entry("Flatten", "flat"), "in"), out="flat")
    inside["config"]["layers"][1]["class_name"] = "Activation"
    inside["config"]["layers"][1]["config"]["activation"] = "linear"
    for level in range(depth):
        inside["config"]["name"] = name = f"m{level}"
        inside = functional((inside, "in"), out=name)
        node = {"args": [tensor(name, 0)], "kwargs": {}}
        inside["config"]["layers"][1]["inbound_nodes"].append(node)
        inside["config"]["output_layers"] = [name, 2, 0]
    return inside


def lying() -> bytes:
    """The directory says that the configuration is short."""
    data = bytearray(packed(b" " * 2**27, method=zipfile.ZIP_DEFLATED))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 100)
    return bytes(data)


def crowded() -> bytes:
    """A directory of 300,000 names."""
    one = b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0) + b"aaaaaaaa"
    directory = one * 300_000
    end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, len(directory), 4, 0)
    return b"PK\x03\x04" + directory + end


def locked() -> bytes:
    data = bytearray(packed(sequential(conv())))
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.index(mark)
        struct.pack_into("<H", data, at + place, 1)
    return bytes(data)


def deep_arguments() -> dict[str, Any]:
    found = functional((conv("a"), "in"), out="a")
    node = found["config"]["layers"][1]["inbound_nodes"][0]
    for _ in range(700):
        node["args"] = [node["args"]]
    return found


CODE = ["4wAAAAAAAAAAAAAAAAIAAABTAAAA8xAAAACXAHQAAAAAAAAAAAB8AIMBUwA=", None, None]
"""Marshalled code, as Keras 2 keeps that of a Lambda."""


def lambda_layer() -> dict[str, Any]:
    code = {"class_name": "__lambda__", "config": {"code": CODE[0], "defaults": None, "closure": None}}
    return entry("Lambda", "code", function=code)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "lambda at the end": lambda: packed(sequential(conv(), lambda_layer())),
    "old lambda": lambda: packed(sequential(conv(), entry("Lambda", "code", function=CODE, function_type="lambda"))),
    "tensorflow model": lambda: packed(sequential(entry("TFSMLayer", "t", filepath="/etc", call_endpoint="serve"))),
    "jax code": lambda: packed(sequential(entry("JaxLayer", "j", call_fn="os.system"))),
    "class of another module": lambda: packed(sequential({**conv(), "module": "os", "class_name": "system"})),
    "class of the name of one of Keras": lambda: packed(sequential({**conv(), "module": "mine.layers"})),
    "bomb": lambda: packed(b" " * 2**27, method=zipfile.ZIP_DEFLATED),
    "packed otherwise": lambda: packed(sequential(conv()), method=zipfile.ZIP_LZMA),
    "lies about its size": lying,
    "300,000 names": crowded,
    "locked": locked,
    "name outside": lambda: packed(sequential(conv()), ("../../evil", b"")),
    "absolute name": lambda: packed(sequential(conv()), ("/etc/evil", b"")),
    "name with a drive": lambda: packed(sequential(conv()), ("C:\\evil", b"")),
    "deep": lambda: packed(b"[" * 50_000_000 + b"]" * 50_000_000, method=zipfile.ZIP_DEFLATED),
    "deep and small": lambda: packed(b"[" * 100_000 + b"]" * 100_000),
    "deep, just parsed": lambda: packed(b'{"class_name": "a", "config": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "deep arguments": lambda: packed(deep_arguments()),
    "wide": lambda: packed(b'{"config": [' + b"[]," * 5_000_000 + b"0]}"),
    "wide with numbers": lambda: packed(b'{"config": [' + b"1," * 8_000_000 + b"0]}"),
    "no configuration": lambda: packed("", ("other.json", b"{}")).replace(b"config.json", b"kanfig.json"),
    "empty configuration": lambda: packed(""),
    "no model": lambda: packed({"a": 1}),
    "a list": lambda: packed([1, 2]),
    "no layers": lambda: packed({"class_name": "Sequential", "config": {"layers": []}}),
    "layers are not list": lambda: packed({"class_name": "Sequential", "config": {"layers": 3}}),
    "a layer is a number": lambda: packed({"class_name": "Sequential", "config": {"layers": [1]}}),
    "models in models": lambda: packed(doubled(40)),
    "circle": lambda: packed(functional((conv("a"), "b"), (conv("b"), "a"), out="b")),
    "reads itself": lambda: packed(functional((conv("a"), "a"), out="a")),
    "dangling": lambda: packed(functional((conv("a"), "nobody"), out="a")),
    "dangling output": lambda: packed(functional((conv("a"), "in"), out="nobody")),
    "twice": lambda: packed(functional((conv("a"), "in"), (conv("a"), "in"), out="a")),
    "later call": lambda: packed(functional((conv("a"), "in"), out="a")).replace(b'["a", 0, 0]', b'["a", 9, 0]'),
    "many filters": lambda: packed(sequential(conv(filters=2**62))),
    "filters of nothing": lambda: packed(sequential(conv(filters=None))),
    "filters in words": lambda: packed(sequential(conv(filters="many"))),
    "kernel 0": lambda: packed(sequential(conv(kernel_size=0))),
    "kernel of lists": lambda: packed(sequential(conv(kernel_size=[[3], [3]]))),
    "stride 0": lambda: packed(sequential(conv(strides=[0, 1]))),
    "dilation 2^40": lambda: packed(sequential(conv(dilation_rate=2**40))),
    "groups": lambda: packed(sequential(conv(groups=2))),
    "kernel too large": lambda: packed(sequential(conv(kernel_size=9))),
    "padding": lambda: packed(sequential(conv(padding="full"))),
    "zero padding 2^40": lambda: packed(sequential(entry("ZeroPadding2D", "z", padding=2**40))),
    "up 2^31": lambda: packed(sequential(entry("UpSampling2D", "u", size=2**31), conv())),
    "repeat 2^31": lambda: packed(
        sequential(entry("RepeatVector", "r", n=2**31), entry("Dense", "d", units=3), size=(4,))
    ),
    "reshape": lambda: packed(sequential(entry("Reshape", "r", target_shape=[-1, -1]))),
    "reshape to more": lambda: packed(sequential(entry("Reshape", "r", target_shape=[2**31, 2**31]))),
    "axis 99": lambda: packed(sequential(entry("BatchNormalization", "b", axis=99))),
    "eps": lambda: packed(sequential(entry("BatchNormalization", "b", epsilon=-1))),
    "slope": lambda: packed(sequential(entry("LeakyReLU", "l", negative_slope=1e999))),
    "huge input": lambda: packed(sequential(conv(), size=(2**40, 2**40, 3))),
    "input of nothing": lambda: packed(sequential(conv(), size=(0, 8, 3))),
    "input in words": lambda: packed(sequential(conv(), size=("a", 8, 3))),
    "input of many dimensions": lambda: packed(sequential(conv(), size=(8,) * 9)),
    "100,000 layers": lambda: packed(sequential(*(entry("ReLU", f"r{at}") for at in range(100_000)))),
    "10,000 layers, the last one bad": lambda: packed(
        sequential(*(entry("ReLU", f"r{at}") for at in range(9_998)), conv(filters=0))
    ),
    "text": lambda: b"input 8x8x1, conv 4 3x3",
    "nothing": lambda: b"",
    "half": lambda: packed(sequential(conv()))[:300],
    "the end": lambda: packed(sequential(conv()))[300:],
}


def hdf5(path: Path, **attributes: Any) -> None:
    with h5py.File(path, "w") as file:
        for name, value in attributes.items():
            file.attrs[name] = value


LEGACY: dict[str, dict[str, Any]] = {
    "weights only": {},
    "a number": {"model_config": 3},
    "an array": {"model_config": np.zeros(100)},
    "an empty one": {"model_config": h5py.Empty("f")},
    "an empty text": {"model_config": ""},
    "100 MB": {"model_config": "[" * 100_000_000},
    "a lambda": {"model_config": json.dumps(sequential(conv(), lambda_layer()))},
}

CHILD = """
import re, sys
from pathlib import Path
import clock
import convscope.frontends.keras
from convscope.errors import ConvscopeError
start = clock.now()
try:
    net = convscope.read(sys.argv[1])
    print("READ", net.output)
except ConvscopeError as error:
    print(type(error).__name__, error.what[:200])
seconds = clock.since(start)
print(seconds, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


ERRORS = {"ModelError", "FieldError", "ShapeError", "LimitError"}

NAMED_ONLY = {"lambda at the end", "old lambda", "a lambda"}
"""A Lambda at the end of a file is a row without a shape; its code is never looked at."""


def refused(path: Path, outcome: set[str] = ERRORS) -> None:
    """In a process of its own: with our error, in less than a second of work and 300 MB."""
    for _ in range(clock.TRIES):
        said, seconds, megabytes = _child(path)
        assert said.split()[0] in outcome, said
        assert megabytes < MEGABYTES, said
        if seconds < SECONDS:
            return
    pytest.fail(f"{seconds:.2f} s: {said}")


def _child(path: Path) -> tuple[str, float, float]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=path.parent,
        timeout=clock.HANG,
        env=clock.environment(),
    )
    said, figures = done.stdout.strip().split("\n")[-2:]
    seconds, megabytes = map(float, figures.split())
    return said, seconds, megabytes


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(ARCHIVES[name]())
    refused(path, {"READ"} if name in NAMED_ONLY else ERRORS)
    assert [one.name for one in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize("name", LEGACY)
def test_old_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    hdf5(path, **LEGACY[name])
    refused(path, {"READ"} if name in NAMED_ONLY else ERRORS)
    assert [one.name for one in tmp_path.iterdir()] == ["model.h5"]


def test_no_file_and_a_folder_and_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.keras")
    (tmp_path / "folder.keras").mkdir()
    for name in ("missing.keras", "pipe.keras", "folder.keras", "missing.h5"):
        with pytest.raises(ModelError):
            read(tmp_path / name)


def saved(path: Path, fill: Callable[[h5py.Group], None]) -> Any:
    """The weights of a net whose file has a group for its one layer."""
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        fill(made.create_group("layers/conv2d/vars"))
    path.write_bytes(packed(sequential(conv()), ("model.weights.h5", file.getvalue())))
    tensors = read(path).tensors
    assert tensors is not None
    return tensors


def good(group: h5py.Group) -> None:
    group["0"], group["1"] = np.ones((3, 3, 3, 4), np.float32), np.zeros(4, np.float32)


def test_weights_that_are_there(tmp_path: Path) -> None:
    assert saved(tmp_path / "model.keras", good)()["c.weight"].shape == (4, 3, 3, 3)


def _link(group: h5py.Group) -> None:
    group["real"] = np.ones((3, 3, 3, 4), np.float32)
    group["0"] = h5py.SoftLink("/layers/conv2d/vars/real")


def _elsewhere(group: h5py.Group) -> None:
    group.create_dataset("0", (3, 3, 3, 4), "f4", external=[("/etc/passwd", 0, 432)])


def _bomb(group: h5py.Group) -> None:
    group.create_dataset("0", (2**20, 2**20), "f4", chunks=(64, 64), compression="gzip")


def _other(group: h5py.Group) -> None:
    group["0"] = np.ones((3, 3, 3, 5), np.float32)


def _whole(group: h5py.Group) -> None:
    group["0"] = np.ones((3, 3, 3, 4), np.int8)


def _nothing(group: h5py.Group) -> None:
    """No tensor at all."""


@pytest.mark.parametrize("fill", [_link, _elsewhere, _bomb, _other, _whole, _nothing])
def test_weights_that_are_not(fill: Callable[[h5py.Group], None], tmp_path: Path) -> None:
    tensors = saved(tmp_path / "model.keras", fill)
    with pytest.raises(ModelError, match=r"c\.kernel"):
        tensors()


def with_own_layer(fill: Callable[[h5py.Group], None], method: int = zipfile.ZIP_STORED) -> bytes:
    """A net of one layer of a user, whose tensors the file names."""
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        fill(made.create_group("layers/mine"))
    own = {**entry("Mine", "mine"), "module": "theirs", "registered_name": "theirs>Mine"}
    config = functional((own, "in"), (entry("Activation", "a", activation="relu"), "mine"), out="a")
    return packed(config, ("model.weights.h5", file.getvalue()), method=method)


def nested(group: h5py.Group) -> None:
    group["vars/0"], group["inner/vars/0"] = np.ones((3, 4), np.float32), np.zeros((5,), np.float32)
    group["seed_generator/vars/0"] = np.zeros((2,), np.uint32)
    for at in range(40):  # more than one node of a tree holds
        group[f"many/vars/{at}"] = np.ones((at + 1,), np.float16)


NESTED = 12 + 5 + sum(range(1, 41))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_params_are_those_of_the_file(method: int, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(with_own_layer(nested, method))
    total = read(tmp_path / "model.keras").table().params
    assert (total.value, total.exact) == (NESTED, True)


def circle(group: h5py.Group) -> None:
    group["vars/0"] = np.ones((3, 4), np.float32)
    group["again"] = group.parent


def claimed(group: h5py.Group) -> None:
    group.create_dataset("vars/0", (2**20, 2**20), "f4", chunks=(64, 64))


@pytest.mark.parametrize(("fill", "expected"), [(circle, (12, True)), (claimed, (0, False))])
def test_params_of_odd_files(fill: Callable[[h5py.Group], None], expected: tuple[int, bool], tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(with_own_layer(fill))
    total = read(tmp_path / "model.keras").table().params
    assert (total.value, total.exact) == expected


def test_params_of_damaged_files(tmp_path: Path) -> None:
    """Bytes of the weights are flipped: the net is read all the same, soon, and what is not known is not claimed."""
    data, path = with_own_layer(nested), tmp_path / "model.keras"
    start = data.index(b"\x89HDF")
    random_ = random.Random(0)
    known, begin = 0, clock.now()
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(random_.randint(1, 12)):
            broken[random_.randrange(start, start + 12_000)] = random_.randrange(256)
        path.write_bytes(broken)
        known += read(path).table().params.exact
    assert clock.since(begin) < 60
    assert 0 < known < 300


def test_weights_of_another_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as other:
        good(other)

    def fill(group: h5py.Group) -> None:
        group["0"], group["1"] = (h5py.ExternalLink(str(tmp_path / "secret.h5"), name) for name in "01")

    tensors = saved(tmp_path / "model.keras", fill)
    with pytest.raises(ModelError, match="0 is a link"):
        tensors()


def test_weights_that_are_gone(tmp_path: Path) -> None:
    tensors = saved(tmp_path / "model.keras", good)
    (tmp_path / "model.keras").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        tensors()


WHOLE = packed(
    functional((conv("a", padding="same", filters=3), "in"), (entry("BatchNormalization", "b"), "a"), out="b"),
    ("model.weights.h5", b"no weights"),
)


def _damaged(data: bytes, seed: int) -> bytes:
    """Bytes flipped, cut off, doubled; and, within the text, one word for another."""
    chance = random.Random(seed)
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(found) or 1), chance.randint(1, 30)
        kind = chance.randrange(4)
        if kind == 0 and found:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del found[at : at + length]
        elif kind == 2:
            found[at:at] = found[at : at + length]
        else:
            found = found[:at] if chance.random() < 0.2 else found
    return bytes(found)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_damaged_archives(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(_damaged(WHOLE, seed))
    _reads_or_refuses(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_damaged_old_files(tmp_path: Path, seed: int) -> None:
    whole, path = tmp_path / "whole.h5", tmp_path / "model.h5"
    if not whole.exists():
        hdf5(whole, keras_version="3.1", model_config=json.dumps(sequential(conv())))
    path.write_bytes(_damaged(whole.read_bytes(), seed))
    try:
        read(path)
    except ConvscopeError:
        return


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_damaged_configurations(tmp_path: Path, seed: int) -> None:
    """The archive is whole, its text is not."""
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        text = archive.read("config.json")
    path = tmp_path / "model.keras"
    path.write_bytes(packed(_damaged(text, seed)))
    _reads_or_refuses(path)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats()
    | st.sampled_from(["in", "a", "same", "relu", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["config", "class_name", "axis"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = [
    "Conv2D", "Conv1D", "Conv2DTranspose", "SeparableConv2D", "DepthwiseConv2D", "Dense", "EinsumDense",
    "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization", "Normalization",
    "Rescaling", "ReLU", "PReLU", "Softmax", "Activation", "MaxPooling2D", "AveragePooling2D",
    "GlobalMaxPooling2D", "ZeroPadding2D", "Cropping2D", "UpSampling2D", "Resizing", "CenterCrop", "Reshape",
    "Permute", "Flatten", "RepeatVector", "Concatenate", "Add", "Dot", "LSTM", "GRU", "Bidirectional",
    "TimeDistributed", "Embedding", "MultiHeadAttention", "Attention", "SpectralNormalization", "TFOpLambda",
]  # fmt: skip
NAMES = [
    "filters", "kernel_size", "strides", "padding", "dilation_rate", "groups", "units", "axis", "epsilon",
    "scale", "center", "activation", "pool_size", "size", "cropping", "target_shape", "dims", "n", "axes",
    "layer", "num_heads", "key_dim", "input_dim", "output_dim", "equation", "output_shape", "bias_axes",
    "mean", "variance", "offset", "height", "width", "shared_axes", "max_value", "data_format",
    "output_padding", "depth_multiplier", "function", "use_bias", "merge_mode",
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), _JSON, max_size=5)),
        min_size=1,
        max_size=3,
    )
)
def test_settings_of_any_kind(tmp_path: Path, layers: list[tuple[str, dict[str, Any]]]) -> None:
    made = [entry(kind, f"l{at}", **config) for at, (kind, config) in enumerate(layers)]
    path = tmp_path / "model.keras"
    path.write_bytes(packed(sequential(*made)))
    _reads_or_refuses(path)


def _reads_or_refuses(path: Path) -> None:
    try:
        net = read(path)
        if net.tensors:
            net.tensors()
    except ConvscopeError:
        return
