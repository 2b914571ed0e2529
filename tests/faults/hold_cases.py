"""Small files and lines of text that claim much, and large nets that are honest: one list for tests and benchmark."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from faults import hold_data, torch_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MODULUS = 2**61 - 1
"""Of Python's hash of integers: all its multiples have one hash."""


@dataclass(frozen=True)
class Case:
    """One call of the command line.

    Attributes:
        name: of the case.
        build: makes its files in an empty folder, and gives the arguments.
        bare: a call of the same kind with next to nothing in it, for the start of the program.
    """

    name: str
    build: Callable[[Path], Sequence[str]]
    bare: Sequence[str] = ("table", "input 8x8x1, relu")


def _net(command: str, text: str) -> Callable[[Path], Sequence[str]]:
    def build(folder: Path) -> Sequence[str]:
        (folder / "net.cnn").write_text(text, encoding="utf-8")
        return command, str(folder / "net.cnn")

    return build


def _file(name: str, content: Callable[[], bytes]) -> Callable[[Path], Sequence[str]]:
    def build(folder: Path) -> Sequence[str]:
        (folder / name).write_bytes(content())
        return "table", str(folder / name)

    return build


def _ids(count: int) -> str:
    return "|".join(["id"] * count)


def _texts() -> list[Case]:
    texts = {
        "empty joins, repeated": ("table", f"input 8x8x1, 20000*( add( {_ids(1000)} ) )"),
        "jumps, repeated": ("table", f"input 8x8x1, a: relu, 20000*( {'from a ' * 20000}relu )"),
        "a join of 250,000": ("table", f"input 8x8x1, add( {_ids(250_000)} )"),
        "a million line breaks": ("table", "input 8x8x1\n" + "\n" * 1_000_000),
        "20,000 convs on 2^20 x 2^20": ("table", "input 1048576x1048576x1, 20000*( conv 1 3x3 p1 )"),
        "field of a kernel of 30,000": ("field", "input 1000000x1, conv 1 30000 d3 p45000"),
        "check of a transposed conv of 1,000": ("check", "input 1000x1, convt 1 1000 s999 d7"),
        "check of up 1024": ("check", "input 1024x1024x1, up 1024, conv 1 3x3"),
        "check of 2^30 groups": ("check", "input 1x1x1073741824, conv 1073741824 1x1 g1073741824"),
        "field of 2^30 groups of a norm": ("field", "input 1x1x1073741824, gn 1073741824"),
        "check of 12 dilations of 3^i": (
            "check",
            "input 1000000x1, " + ", ".join(f"conv 1 3 d{3**at} p{3**at}" for at in range(12)),
        ),
        "field of 29 dilations": (
            "field",
            "input 100000x1, " + ", ".join(f"conv 1 3 d{d} p{d}" for d in range(2, 31)),
        ),
        "check of a slice of 2^31 channels": ("check", "input 1x1x2147483647, slice 0::2, relu"),
    }
    return [Case(f"notation: {name}", _net(*given), (given[0], "input 8x8x1, relu")) for name, given in texts.items()]


def _integer(value: int) -> bytes:
    """The code for a long integer."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def _equal_keys() -> bytes:
    pairs = b"".join(_integer(at * MODULUS) + b"N" for at in range(1, 100_001))
    return torch_files.archive(b"\x80\x02}(" + pairs + b"u.")


def _equal_strides() -> bytes:
    storage = torch_files.STORAGE + b"q\0"
    first = torch_files.MAKER + b"q\1(" + storage + b"K\0K\1\x85K\1\x85\x89ccollections\nOrderedDict\nq\2)RtR"
    more = (b"h\1(h\0K\0K\1\x85" + _integer(at * MODULUS) + b"\x85\x89h\2)RtR" for at in range(1, 24_000))
    pairs = (torch_files.text(str(at)) + one for at, one in enumerate((first, *more)))
    return torch_files.archive(b"\x80\x02}(" + b"".join(pairs) + b"u.")


def _layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "registered_name": None}


def _sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    first = _layer("InputLayer", "in", batch_shape=[None, 8, 8, 3])
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [first, *layers]}}


def _opaque_first(side: float) -> dict[str, Any]:
    def called(layer: dict[str, Any], source: str) -> dict[str, Any]:
        about = {"shape": [None, 8, 8, 3], "dtype": "float32", "keras_history": [source, 0, 0]}
        tensor = {"class_name": "__keras_tensor__", "config": about}
        return {**layer, "name": layer["config"]["name"], "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}

    first = {**_layer("InputLayer", "in", batch_shape=[None, 8, side, 3]), "name": "in", "inbound_nodes": []}
    layers = [first, called(_layer("Weird", "w"), "in"), called(_layer("ReLU", "r"), "w")]
    config = {"name": "f", "layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [["r", 0, 0]]}
    return {"class_name": "Functional", "config": config}


def _keras(config: dict[str, Any]) -> Callable[[], bytes]:
    def content() -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", json.dumps(config))
            archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        return made.getvalue()

    return content


def _long_name() -> bytes:
    inner = _sequential(*(_layer("ReLU", f"r{at}") for at in range(5000)))
    outer = _sequential({**inner, "config": {**inner["config"], "name": "n" * 1_000_000}})
    return _keras(outer)()


def _onnx(build: Callable[[], Any]) -> Callable[[], bytes]:
    return lambda: bytes(build().SerializeToString())


def _model(
    nodes: list[Any], functions: Sequence[Any] = (), size: tuple[int, ...] = (1, 3, 8, 8), init: Sequence[Any] = ()
) -> Any:
    from onnx import helper

    inputs = [helper.make_tensor_value_info("x", 1, size)]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", 1, None)], list(init))
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("f", 1)]
    return helper.make_model(graph, opset_imports=sets, functions=list(functions), ir_version=9)


def _calls(count: int, names: Sequence[str] = ("a",), attributes: int = 0, sets: int = 0) -> Any:
    """A function with much in its head, called many times."""
    from onnx import helper

    node = helper.make_node
    inner = [node("Identity", [names[0]], ["b"])]
    made = helper.make_function("f", "D", list(names), ["b"], inner, [helper.make_opsetid("", 18)])
    for at in range(attributes):
        made.attribute_proto.add().CopyFrom(helper.make_attribute(f"a{at}", at))
    for at in range(sets):
        made.opset_import.add().CopyFrom(helper.make_opsetid(f"d{at}", 1))
    nodes = [node("D", [f"v{at - 1}" if at else "x"], [f"v{at}"], domain="f") for at in range(count)]
    return _model([*nodes, node("Relu", [f"v{count - 1}"], ["y"])], [made])


def _doubled() -> Any:
    from onnx import helper

    node = helper.make_node
    nodes = [node("SequenceConstruct", ["x"], ["s0"])]
    nodes += [node("SequenceConstruct", [f"s{at}", f"s{at}"], [f"s{at + 1}"]) for at in range(40)]
    return _model([*nodes, node("ConcatFromSequence", ["s40"], ["y"], axis=1)])


def _inserted() -> Any:
    from onnx import helper

    node = helper.make_node
    nodes = [node("SequenceEmpty", [], ["s0"])]
    nodes += [node("SequenceInsert", [f"s{at}", "x"], [f"s{at + 1}"]) for at in range(20_000)]
    return _model([*nodes, node("ConcatFromSequence", ["s20000"], ["y"], axis=1)])


def _constant(name: str, values: Any) -> Any:
    import numpy as np
    from onnx import helper, numpy_helper

    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(values, np.int64), name))


def _blocks() -> Any:
    from onnx import helper

    node = helper.make_node
    return _model(
        [
            _constant("i", [[0]] * 4096),
            node("Cast", ["i"], ["i8"], to=3),
            node("Cast", ["i"], ["sf"], to=1),
            node("DequantizeLinear", ["i8", "sf"], ["d"], axis=1, block_size=2**18),
            node("ReduceSum", ["d"], ["s"]),
            node("Mul", ["x", "s"], ["y"]),
        ]
    )


def _maxima() -> Any:
    from onnx import helper

    node = helper.make_node
    nodes = [_constant("n", 0), _constant("m", 60_000), _constant("o", 1), node("Range", ["n", "m", "o"], ["big"])]
    nodes += [node("Max", ["big", *["o"] * 3900], [f"q{at}"]) for at in range(200)]
    nodes += [node("Concat", [f"q{at}" for at in range(200)], ["cc"], axis=0), node("Cast", ["cc"], ["cf"], to=1)]
    return _model([*nodes, node("ReduceSum", ["cf"], ["rs"]), node("Mul", ["x", "rs"], ["y"])])


def _split() -> Any:
    from onnx import helper

    names = [f"s{at}" for at in range(60_000)]
    nodes = [helper.make_node("Split", ["x"], names, axis=1), helper.make_node("Concat", names, ["y"], axis=1)]
    return _model(nodes, size=(1, 60_000, 8, 8))


def _of_input() -> Any:
    from onnx import helper

    return _model([helper.make_node("Max", ["x"] * 300_000, ["y"])])


def _channels() -> Any:
    from onnx import helper

    node = helper.make_node
    nodes = [node("Split", ["x"], ["a", "b"], axis=1), node("Concat", ["b", "a"], ["c"], axis=1)]
    return _model([*nodes, node("Relu", ["c"], ["y"])], size=(1, 2**31 - 2, 1, 1))


ONNX: dict[str, Callable[[], Any]] = {
    "5,000 attributes of a function x 5,000 calls": lambda: _calls(5000, attributes=5000),
    "20,000 opsets of a function x 20,000 calls": lambda: _calls(20_000, sets=20_000),
    "60,000 inputs of a function x 3,000 calls": lambda: _calls(3000, names=[f"a{at}" for at in range(60_000)]),
    "a sequence doubled 40 times": _doubled,
    "20,000 inserts into a sequence": _inserted,
    "blocks of 2^18": _blocks,
    "maxima of 3,900 constants": _maxima,
    "Split in 60,000": _split,
    "Max of the input 300,000 times": _of_input,
    "2^31 channels": _channels,
}

KERAS: dict[str, Callable[[], bytes]] = {
    "Resizing to 2^31": _keras(_sequential(_layer("Resizing", "u", height=2**31 - 1, width=4))),
    "an opaque layer on a side of 2^31": _keras(_opaque_first(2**31 - 1)),
    "an opaque layer on a side of 1e308": _keras(_opaque_first(1e308)),
    "escapes in a name": _keras(
        _sequential(_layer("Conv2D", "\x1b[31mEVIL\x07\u202e\nModelError: forged", filters=-1, kernel_size=3))
    ),
    "a name of 1 MB over 5,000 layers": _long_name,
}

WEIGHTS: dict[str, Callable[[], bytes]] = {
    "100,000 keys of one hash": _equal_keys,
    "24,000 strides of one hash": _equal_strides,
}


def _data(made: Callable[[Path], str]) -> Callable[[Path], Sequence[str]]:
    return lambda folder: ("data", "check", made(folder))


CASES: tuple[Case, ...] = (
    *_texts(),
    *(Case(f"weights: {name}", _file("a.pt", content)) for name, content in WEIGHTS.items()),
    *(Case(f"keras: {name}", _file("a.keras", content)) for name, content in KERAS.items()),
    *(Case(f"onnx: {name}", _file("a.onnx", _onnx(build))) for name, build in ONNX.items()),
    *(
        Case(f"data: {name.replace('_', ' ')}", _data(made), ("data", "stats", "nothing"))
        for name, made in (hold_data.REFUSED | hold_data.TAKEN).items()
    ),
)
"""Hostile: refused or answered within a second of the processor and 300 MB above the start."""

DILATED = ", ".join(f"add( conv 16 2 d{2**at} p{2**at}:0 tanh, conv 16 1 | id )" for at in range(10))


def _dense(count: int) -> str:
    """Each layer reads all before it."""
    return "input 32x32x8, " + ", ".join(["cat( id | conv 8 3x3 p1 )"] * count)


def _unet(levels: int) -> str:
    inner = "conv 8 3x3 same relu"
    for _ in range(levels):
        inner = f"conv 8 3x3 same relu, cat( id | maxpool 2, {inner}, up 2 ), conv 8 3x3 same relu"
    return f"input 8192x8192x3, {inner}"


def _module(folder: Path) -> Sequence[str]:
    (folder / "large.py").write_text(
        "from torch import nn\n\n\ndef net():\n"
        "    return nn.Sequential(*(nn.Conv2d(3200, 3200, 3, padding=1, device='meta') for _ in range(11)))\n",
        encoding="utf-8",
    )
    return "table", f"{folder / 'large.py'}:net", "--input", "64x64x3200"


HONEST: tuple[Case, ...] = (
    Case("5,000 layers", _net("table", "input 64x64x8, 2500*( conv 8 3x3 p1, relu )")),
    Case("2,000 residual blocks", _net("table", "input 64x64x8, 2000*( add( conv 8 3x3 p1 bn relu | id ), relu )")),
    Case("dense, 250 layers", _net("table", _dense(250))),
    Case("5,000 branches", _net("table", f"input 8x8x4, cat( {'|'.join(['conv 4 1x1'] * 5000)} )")),
    Case("U-Net at 8192x8192", _net("table", _unet(5))),
    Case("WaveNet on 2^20 samples", _net("table", f"input 1048576x1, conv 16 1, 3*( {DILATED} ), conv 1 1")),
    Case("a module of 10^9 params", _module, ("table", "--help")),
)
"""Honest and large: answered."""
