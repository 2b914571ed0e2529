"""Hostile and damaged models: each is refused with an error of ours, quickly and in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import clock
from convscope.errors import ConvscopeError, ModelError
from convscope.frontends import read
from faults import limits
from faults.wire import field, varint
from onnx_cases import CASES
from onnx_models import Case, run_net, saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.faults

PLANE = (1, 4, 6, 5)
CONV = {"w": (6, 4, 3, 3), "b": (6,)}
HUGE = 2**62
MOST_SECONDS, MOST_BYTES = limits.SECONDS, 300 * 2**20


def conv() -> Any:
    return Case("a = Conv(x, w, b) y = Relu(a)", PLANE, CONV).model()


def changed(change: Callable[[Any], object]) -> bytes:
    model = conv()
    change(model)
    found: bytes = model.SerializeToString()
    return found


def graph(text: str, stored: dict[str, Any] | None = None, opset: int = 20, shape: tuple[int, ...] = PLANE) -> bytes:
    found: bytes = Case(text, shape, stored or {}, opset).model().SerializeToString()
    return found


def whole(*numbers: int) -> Any:
    return np.array(numbers, dtype=np.int64)


def nested_branches(depth: int, *, both: bool) -> bytes:
    inner = leaf = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r"])], "g", [], [helper.make_empty_tensor_value_info("r")]
    )
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["r"], then_branch=inner, else_branch=inner if both else leaf)
        inner = helper.make_graph([node], "g", [], [helper.make_empty_tensor_value_info("r")])
    model = Case("y = Relu(x)", stored={"c": np.array([True])}).model()
    model.graph.node[0].CopyFrom(helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=leaf))
    found: bytes = model.SerializeToString()
    return found


def functions(bodies: dict[str, list[str]]) -> bytes:
    """Functions by name, each a row of calls of others."""
    first = next(iter(bodies))
    model = Case(f"y = mine.{first}(x)", domains={"mine": 1}).model()
    for name, calls in bodies.items():
        nodes = [
            helper.make_node(call, [f"v{at}"], [f"v{at + 1}"], domain="" if call == "Relu" else "mine")
            for at, call in enumerate(calls)
        ]
        imports = [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]
        model.functions.append(helper.make_function("mine", name, ["v0"], [f"v{len(calls)}"], nodes, imports))
    found: bytes = model.SerializeToString()
    return found


def stored(name: str, dims: list[int], kind: int = TensorProto.FLOAT, **content: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        tensor = next(one for one in model.graph.initializer if one.name == name)
        tensor.ClearField("raw_data")
        tensor.dims[:] = dims
        tensor.data_type = kind
        for key, value in content.items():
            if isinstance(value, list):
                getattr(tensor, key)[:] = value
            else:
                setattr(tensor, key, value)

    return change


def input_of(*sizes: int | str) -> Callable[[Any], None]:
    return lambda model: model.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("x", TensorProto.FLOAT, list(sizes))
    )


def attribute(name: str, value: Any) -> Callable[[Any], None]:
    return lambda model: model.graph.node[0].attribute.append(helper.make_attribute(name, value))


def doubled(times: int) -> str:
    return " ".join(f"c{at + 1} = Concat<axis=0>(c{at}, c{at})" for at in range(times))


def operand(text: str) -> str:
    """A constant ``c`` that a layer takes."""
    return f"{text} y = Add(x, c)"


SPARSE = helper.make_sparse_tensor(
    helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]), helper.make_tensor("i", TensorProto.INT64, [1], [0]), [6]
)
EMPTY_NODES = field(7, b"\x0a\x00" * 3_000_000)
EMPTY_ATTRIBUTES = field(7, field(1, field(5, b"") * 2_000_000))
DEEP = b""
for _ in range(400):
    DEEP = field(7, field(1, field(5, field(6, DEEP)))) if not DEEP else field(1, field(5, field(6, DEEP)))

ATTACKS: dict[str, bytes] = {
    "nothing": b"",
    "text": b"input 28x28x1, conv 16 3x3\n" * 40,
    "one byte": b"\x0a",
    "noise": np.random.default_rng(0).bytes(100_000),
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    "a pointer to large file storage": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "cut off": conv().SerializeToString()[:-40],
    "cut off in the first field": conv().SerializeToString()[:5],
    "a length beyond the end": field(7, b"")[:1] + varint(2**40) + b"abc",
    "a length without an end": b"\x3a" + b"\xff" * 30,
    "messages 400 deep": field(7, DEEP),
    "three million operations of nothing": EMPTY_NODES,
    "two million attributes of nothing": EMPTY_ATTRIBUTES,
    "no operations": changed(lambda model: model.graph.ClearField("node")),
    "no graph": changed(lambda model: model.ClearField("graph")),
    "no opset": changed(lambda model: model.ClearField("opset_import")),
    "an old opset": graph("y = Relu(x)", opset=3),
    "an opset to come": changed(lambda model: setattr(model.opset_import[0], "version", 2**60)),
    "no input": changed(lambda model: model.graph.ClearField("input")),
    "an input of nothing": changed(lambda model: model.graph.input[0].ClearField("type")),
    "an input of 2^62": changed(input_of(1, 4, HUGE, HUGE)),
    "an input of 2^62 channels": changed(input_of(1, HUGE, 6, 5)),
    "an input of 2^31 numbers of samples": changed(input_of(2**31, HUGE)),
    "an input of less than nothing": changed(input_of(1, 4, -6, 5)),
    "an input of many dimensions": changed(input_of(*[2] * 60)),
    "open sizes": changed(input_of("n", 4, "h", "w")),
    "no output": changed(lambda model: model.graph.ClearField("output")),
    "an output that nothing gives": changed(lambda model: setattr(model.graph.output[0], "name", "nothing")),
    "an output that does not depend on the input": graph("y = Relu(w)", {"w": (3, 3)}),
    "the input as the output": changed(lambda model: setattr(model.graph.output[0], "name", "x")),
    "a circle": changed(lambda model: model.graph.node[0].input.__setitem__(0, "y")),
    "operations in the wrong order": changed(lambda model: model.graph.node.insert(0, model.graph.node.pop())),
    "an operation that reads nothing": changed(lambda model: model.graph.node[0].input.__setitem__(1, "nobody")),
    "a name given twice": changed(lambda model: model.graph.node.insert(1, model.graph.node[0])),
    "an input left out": changed(lambda model: model.graph.node[0].input.__delitem__(slice(0, 3))),
    "branches 10 deep, doubled": nested_branches(10, both=True),
    "branches 28 deep": nested_branches(28, both=False),
    "a function that calls itself": functions({"f": ["f"]}),
    "functions in a circle": functions({"f": ["g"], "g": ["h"], "h": ["f"]}),
    "functions that double": functions({**{f"f{at}": [f"f{at + 1}"] * 40 for at in range(14)}, "f14": ["Relu"] * 40}),
    "a constant of 2^62": changed(stored("w", [HUGE, HUGE], raw_data=b"")),
    "a constant of less than nothing": changed(stored("w", [-6, 4, 3, 3], raw_data=bytes(4))),
    "fewer bytes than the sizes say": changed(stored("w", [6, 4, 3, 3], raw_data=bytes(4 * 6 * 4 * 9 - 4))),
    "more bytes than the sizes say": changed(stored("w", [6, 4, 3, 3], raw_data=bytes(100_000))),
    "fewer numbers than the sizes say": changed(stored("w", [6, 4, 3, 3], float_data=[1.0] * 20)),
    "no numbers": changed(stored("w", [6, 4, 3, 3])),
    "numbers of another kind": changed(stored("w", [6, 4, 3, 3], TensorProto.INT64, float_data=[1.0] * 6 * 4 * 9)),
    "numbers of no kind": changed(stored("w", [6, 4, 3, 3], 77, raw_data=bytes(4 * 6 * 4 * 9))),
    "words for weights": changed(stored("w", [1, 4, 1, 1], TensorProto.STRING, string_data=[b"a"] * 4)),
    "a sparse bias": changed(
        lambda model: (model.graph.sparse_initializer.append(SPARSE), model.graph.initializer.pop())
    ),
    "strides in words": changed(attribute("strides", "two")),
    "a stride of nothing": changed(attribute("strides", [0, 0])),
    "a stride of 2^62": changed(attribute("strides", [HUGE, HUGE])),
    "a dilation of 2^40": changed(attribute("dilations", [2**40, 1])),
    "padding of 2^40": changed(attribute("pads", [2**40] * 4)),
    "padding of 2^30": changed(attribute("pads", [2**30] * 4)),
    "padding of less than nothing": changed(attribute("pads", [-9] * 4)),
    "three paddings": changed(attribute("pads", [1, 1, 1])),
    "groups of nothing": changed(attribute("group", 0)),
    "another kernel than the weights": changed(attribute("kernel_shape", [9, 9])),
    "an unknown word": changed(attribute("auto_pad", "SOMEHOW")),
    "an attribute of no kind": changed(lambda model: model.graph.node[0].attribute.add(name="group", type=11)),
    "an operator of nobody": graph("y = Nobody(x)"),
    "an operator of somebody": Case("y = acme.Conv(x)", domains={"acme": 1}).model().SerializeToString(),
    "a map of 2^40": graph("y = Resize(x, , s)", {"s": np.array([1, 1, 2.0**40, 2.0**40], np.float32)}),
    "a map of 2^31": graph('y = Resize<mode="linear">(x, , , s)', {"s": whole(1, 4, 2**31, 2**31)}),
    "a map of endless size": graph("y = Resize(x, , s)", {"s": np.array([1, 1, np.inf, np.nan], np.float32)}),
    "a pool that pads 2^40": graph("y = MaxPool<kernel_shape=[3,3], pads=[1099511627776,0,0,0]>(x)"),
    "a window of 2^62": graph("y = MaxPool<kernel_shape=[4611686018427387904,1]>(x)"),
    "padding by 2^40": graph("y = Pad(x, p)", {"p": whole(0, 0, 2**40, 0, 0, 0, 0, 0)}),
    "a view of 2^62": graph("y = Reshape(x, s)", {"s": whole(HUGE, HUGE)}),
    "a view of another size": graph("y = Reshape(x, s)", {"s": whole(1, 7, -1)}),
    "a view with two gaps": graph("y = Reshape(x, s)", {"s": whole(1, -1, -1)}),
    "an axis that is not there": graph("y = Concat<axis=9>(x, x)"),
    "an axis of 2^62": graph("a = Unsqueeze(x, a0) y = Relu(a)", {"a0": whole(HUGE)}),
    "dimensions in no order": graph("y = Transpose<perm=[0,1,1,9]>(x)"),
    "a hundred dimensions": graph(
        " ".join(f"v{at + 1} = Unsqueeze(v{at}, z)" for at in range(100)).replace("(v0", "(x") + " y = Relu(v100)",
        {"z": whole(0)},
    ),
    "a split in 2^40": graph("a, b = Split<axis=1, num_outputs=1099511627776>(x) y = Relu(a)"),
    "a tensor of 2^62 zeros": graph(operand("c = ConstantOfShape(s)"), {"s": whole(HUGE, 2)}),
    "a tensor of 2^40 zeros": graph(operand("c = ConstantOfShape(s)"), {"s": whole(2**20, 2**20)}),
    "a view given by 2^26 zeros": graph("c = ConstantOfShape(s) y = Reshape(x, c)", {"s": whole(2**26)}),
    "a size worked out from 2^26 zeros": graph(
        "c = ConstantOfShape(s) n = NonZero(c) k = Shape(n) y = Reshape(x, k)", {"s": whole(2**26)}
    ),
    "a range to 2^60": graph(operand("c = Range(a, b, s)"), {"a": np.array(0), "b": np.array(2**60), "s": np.array(1)}),
    "a range without a step": graph(
        operand("c = Range(a, b, s)"), {"a": np.array(0), "b": np.array(9), "s": np.array(0)}
    ),
    "a tensor spread to 2^62": graph(operand("c = Expand(a, s)"), {"a": (1,), "s": whole(2**31, 2**31)}),
    "the image spread to 2^62": graph("p = GlobalAveragePool(x) y = Expand(p, s)", {"s": whole(1, 4, 2**31, 2**31)}),
    "a tensor laid side by side 2^62 times": graph(operand("c = Tile(a, s)"), {"a": (1,), "s": whole(HUGE)}),
    "a tensor doubled 60 times": graph(operand(doubled(60) + " c = Identity(c60)"), {"c0": (8,)}),
    "one of 2^40 ones": graph(
        operand("c = OneHot(i, d, v)"), {"i": whole(1), "d": np.array(2**40), "v": np.array([0.0, 1.0], np.float32)}
    ),
    "an outer product of a million": graph(operand("c = MatMul(a, b)"), {"a": (2**14, 1), "b": (1, 2**14)}),
    "half a million numbers for a view": graph("y = Reshape(x, s)", {"s": np.ones(500_000, np.int64)}),
    "a bias of another size": graph("y = Conv(x, w, b)", {"w": (6, 4, 3, 3), "b": (5,)}),
    "weights of too few dimensions": graph("y = Conv(x, w)", {"w": (6, 4)}),
    "matrices that do not fit": graph("y = MatMul(x, w)", {"w": (7, 3)}),
    "tensors that do not fit": graph("y = Add(x, w)", {"w": (7, 7)}),
    "a norm of other channels": graph("y = BatchNormalization(x, s, s, s, s)", {"s": (5,)}),
    "a recurrent layer of other sizes": graph(
        "t = Squeeze(x, z) y = LSTM(t, w, w)", {"z": whole(0), "w": (1, 8, 3)}, shape=(1, 5, 1, 4)
    ),
    "names that are not text": conv().SerializeToString().replace(b"Relu", b"\xff\xfe\xfd\xfc"),
    "a name of a megabyte": changed(lambda model: setattr(model.graph.node[0], "op_type", "Conv" * 2**18)),
    "a name of dots": changed(lambda model: setattr(model.graph.node[0], "name", "/" + "a." * 2**19 + "/Conv")),
    "a name with a new line": changed(lambda model: setattr(model.graph.node[0], "op_type", "Co\nnv")),
}
READ = {"a name of dots", "branches 10 deep, doubled", "operations in the wrong order"}
"""Odd, and no attack after all: read as what they are."""


def _write(folder: Path) -> dict[str, Path]:
    paths = {}
    for at, (name, content) in enumerate(ATTACKS.items()):
        paths[name] = folder / f"{at}.onnx"
        paths[name].write_bytes(content)
    return paths


CHILD = """
import json, re, sys
from pathlib import Path
from convscope.errors import ConvscopeError
import clock
from convscope.frontends import read
read(sys.argv[1])  # what is imported is imported now
report = {}
for path in json.load(sys.stdin):
    def attempt():
        global said
        try:
            net = read(path)
            net.tensors()
            said = "read"
        except ConvscopeError as error:
            said = str(error)
        except BaseException as error:
            said = "BAD " + repr(error)
    seconds = clock.best(attempt, float(sys.argv[2]))
    # VmHWM, not ru_maxrss: the latter also counts the process that started this one.
    peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    report[path] = said, seconds, peak
json.dump(report, sys.stdout)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float, int]]:
    """What a process of its own says of every attack, how long it took, and the memory at its highest so far."""
    folder = tmp_path_factory.mktemp("attacks")
    good, paths = saved(conv(), folder, "good.onnx"), _write(folder)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(good), str(MOST_SECONDS)],
        input=json.dumps([str(path) for path in paths.values()]),
        capture_output=True,
        text=True,
        check=True,
        env=clock.environment(OMP_NUM_THREADS="1"),
    )
    found = json.loads(done.stdout)
    return {name: tuple(found[str(path)]) for name, path in paths.items()}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(name: str, report: dict[str, tuple[str, float, int]]) -> None:
    said, seconds, memory = report[name]
    assert not said.startswith("BAD"), said
    assert (said == "read") == (name in READ), said
    assert name in READ or len(said) < 1500
    assert seconds < MOST_SECONDS
    assert memory < MOST_BYTES


def test_messages_name_the_file_and_say_what_is_wrong(report: dict[str, tuple[str, float, int]]) -> None:
    said = {name: found[0].splitlines()[0] for name, found in report.items()}
    assert said["nothing"].endswith(".onnx is empty")
    assert "is only a Git LFS pointer, not the file itself" in said["a pointer to large file storage"]
    assert "reads what depends on its own result" in said["a circle"]
    assert "functions or branches are nested more than 16 deep" in said["a function that calls itself"]
    assert 'the tensor "w" of 6x4x3x3 needs 864 bytes and has 860' in said["fewer bytes than the sizes say"]
    assert "the model does not state the version of its operators" in said["no opset"]
    assert "are not fixed: h, w" in said["open sizes"]


def _external(folder: Path, location: str, **entries: int) -> Path:
    model = conv()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    folder.mkdir(exist_ok=True)
    return saved(model, folder)


SIZE = 4 * 6 * 4 * 3 * 3


@pytest.mark.parametrize(
    "location",
    [
        "../secret",
        "a/../../secret",
        "{folder}/secret",
        "..\\secret",
        "C:\\secret",
        "link",
        "sub/link",
        "",
        ".",
        "\0",
        "/dev/zero",
    ],
)
def test_weights_outside_of_the_folder_are_not_opened(location: str, tmp_path: Path) -> None:
    inside = tmp_path / "model"
    (tmp_path / "secret").write_bytes(bytes(SIZE))
    path = _external(inside, location.format(folder=tmp_path))
    (inside / "sub").mkdir()
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "sub" / "link").symlink_to(tmp_path / "secret")
    net = read(path)
    assert net.layers[0].output == (6, 4, 3)
    assert net.tensors is not None
    with pytest.raises(ModelError, match=r"a file in the same folder as the model|is not a file|cannot be read"):
        net.tensors()


def test_weights_beside_the_model_are_opened_when_they_are_asked_for(tmp_path: Path) -> None:
    weights = np.arange(6 * 4 * 9, dtype=np.float32)
    path = _external(tmp_path / "model", "weights.bin", offset=8, length=SIZE)
    net = read(path)  # the file is not there yet
    (tmp_path / "model" / "weights.bin").write_bytes(bytes(8) + weights.tobytes())
    assert net.tensors is not None
    assert np.array_equal(net.tensors()["conv.weight"].ravel(), weights)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"length": SIZE - 4}, "have 860 bytes"),
        ({"offset": 4}, "is too short"),
        ({"offset": 2**50}, "is too short"),
        ({"offset": -4}, "integer"),
    ],
)
def test_lies_about_weights_beside_the_model(entries: dict[str, int], said: str, tmp_path: Path) -> None:
    path = _external(tmp_path / "model", "weights.bin", **entries)
    (tmp_path / "model" / "weights.bin").write_bytes(bytes(SIZE))
    net = read(path)
    assert net.tensors is not None
    with pytest.raises(ModelError) as caught:
        net.tensors()
    assert said in str(caught.value)


def test_no_file_can_point_to_bytes_of_its_choice(tmp_path: Path) -> None:
    """What is cut out is called by a name that is drawn anew for each reading."""
    names = (bytes(16) + at.to_bytes(8, "little") for at in range(2))
    small, large = (numpy_helper.from_array(np.zeros(n, np.float32), name) for n, name in ((6, "b"), (9000, "l")))
    for name in names:
        small.raw_data = name
        model = conv()
        model.graph.initializer[1].CopyFrom(small)
        model.graph.initializer.append(large)
        net = read(saved(model, tmp_path))
        assert net.tensors is not None
        assert net.tensors()["conv.bias"].tobytes() == name


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelError, match="is a pipe, not a file"):
        read(tmp_path / "pipe.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match="is a folder, not a file"):
        read(tmp_path / "folder.onnx")


def _chain(count: int) -> bytes:
    model = Case("y = Relu(x)", (1, 3)).model()
    nodes = [helper.make_node("Relu", [f"v{at}"], [f"v{at + 1}"], name=f"relu{at}") for at in range(count)]
    nodes[0].input[0], nodes[-1].output[0] = "x", "y"
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    found: bytes = model.SerializeToString()
    return found


LONG = """
import sys
import clock
from convscope.frontends import read
read(sys.argv[1])
times = []
for path in sys.argv[1:]:
    start = clock.now()
    net = read(path)
    times.append(clock.since(start))
print(len(net), times[1] / times[0])
"""


@pytest.mark.slow
def test_a_hundred_thousand_operations_take_linear_time(tmp_path: Path) -> None:
    paths = []
    for count in (20_000, 100_000):
        paths.append(tmp_path / f"{count}.onnx")
        paths[-1].write_bytes(_chain(count))
    command = [sys.executable, "-c", LONG, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clock.environment())
    layers, ratio = done.stdout.split()
    assert int(layers) == 100_000
    assert float(ratio) < 5 * 2  # five times as many; quadratic would be 25


def test_a_long_row_of_stored_tensors_is_worked_out_without_recursion(tmp_path: Path) -> None:
    count = 5000
    row = " ".join(f"c{at + 1} = Add(c{at}, o)" for at in range(count))
    model = Case(f"{row} y = Mul(x, c{count})", (1, 70_000), {"c0": np.zeros(70_000, np.float32), "o": np.float32(1)})
    net = read(saved(model.model(), tmp_path))
    x = np.ones((1, 70_000), np.float32)
    assert (run_net(net, x) == count).all()


SEEDS = [
    case.model().SerializeToString()
    for name, case in CASES.items()
    if len(case.text) > 60 or name in {"conv", "bn", "gemm"}
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A model with bits turned, bytes left out, or a part of another model put in."""
    found = bytearray(draw(st.sampled_from(SEEDS)))
    kind = draw(st.sampled_from(["bits", "cut", "less", "splice"]))
    at = draw(st.integers(0, len(found) - 1))
    if kind == "bits":
        for _ in range(draw(st.integers(1, 4))):
            found[draw(st.integers(0, len(found) - 1))] ^= 1 << draw(st.integers(0, 7))
    elif kind == "cut":
        del found[at:]
    elif kind == "less":
        del found[at : at + draw(st.integers(1, 30))]
    else:
        other = draw(st.sampled_from(SEEDS))
        start = draw(st.integers(0, len(other) - 1))
        found[at : at + draw(st.sampled_from([0, 8, 60]))] = other[start : start + draw(st.integers(1, 200))]
    return bytes(found)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=damaged())
def test_damaged_files_give_errors_of_ours(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    try:
        net = read(path)
        assert net.tensors is not None
        net.tensors()
    except ConvscopeError as error:
        assert len(str(error)) < 2000  # noqa: PT017 -- what is raised is the subject


NATIVE = {
    "a norm over a dimension of 2^40": graph("a, m, y = LayerNormalization<axis=1099511627776>(x, w)", {"w": (5,)}),
    "a matrix like nothing": graph("y = EyeLike(, x)"),
    "indices after dimensions of less than nothing": graph("y = GatherND<batch_dims=-3>(x, i)", {"i": whole(0, 1, 1)}),
    "fewer parts than are named": graph("a, b, c, y = Split<axis=1, num_outputs=2>(x)"),
    "parts of 2^40": graph("a, y = Split<axis=1, num_outputs=1099511627776>(x)"),
    "a pool over less than nothing": graph("y = LpPool<kernel_shape=[-3, 3]>(x)"),
    "states of less than nothing": graph("a, y = RNN<hidden_size=-5>(x, w, r)", {"w": (1, 5, 4), "r": (1, 5, 5)}),
}
"""What ONNX's own inference, which is native code, takes wrongly where it is asked."""


def test_native_code_is_not_given_what_it_cannot_take(tmp_path: Path) -> None:
    """In a process of its own, which would end with a signal."""
    good = saved(conv(), tmp_path, "good.onnx")
    paths = {}
    for at, (name, content) in enumerate(NATIVE.items()):
        paths[str(tmp_path / f"{at}.onnx")] = name
        (tmp_path / f"{at}.onnx").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(good), str(MOST_SECONDS)], input=json.dumps(list(paths)),
        capture_output=True, text=True, check=True, env=clock.environment(OMP_NUM_THREADS="1"),
    )  # fmt: skip
    found = {name: json.loads(done.stdout)[path] for path, name in paths.items()}
    assert {name: words for name, (words, *_) in found.items() if words.startswith("BAD")} == {}
    assert {name: seconds for name, (_, seconds, _) in found.items() if seconds > MOST_SECONDS} == {}
