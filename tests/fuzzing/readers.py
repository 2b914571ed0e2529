"""The four readers that are fuzzed: how an input is made a file, what is asked of it, small seeds, and mutations that
keep the structure of most inputs whole."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import convscope as cs
from convscope.cli.weights import weights_text
from faults import torch_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

EXTREME = (0, -1, 1, 2, 3, 7, 255, 1000, 65536, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))

WEIGHTS = (".pt", ".safetensors")

ASKED = 400
"""Layers up to which a net that was read is also analysed."""


@dataclass(frozen=True)
class Reader:
    """One of the readers.

    Attributes:
        suffix: of the file for an input.
        packed: an input as the content of a file.
        seeds: small inputs to begin with.
        mutated: an input changed within its structure.
        round_trip: whether what was read is the same when it is written and read again.
    """

    suffix: Callable[[bytes], str]
    packed: Callable[[bytes], bytes]
    seeds: Callable[[], list[bytes]]
    mutated: Callable[[bytes, Random], bytes]
    round_trip: bool = False

    def attempt(self, content: bytes, folder: Path) -> str:
        """Read an input, and ask what every user asks.

        Raises:
            ConvscopeError: it is refused.
        """
        path = folder / f"fuzzed{self.suffix(content)}"
        path.write_bytes(self.packed(content))
        if path.suffix in WEIGHTS:
            return str(weights_text(str(path), "text"))
        net = cs.read(path)
        answer = f"{net.table()}\n{cs.check(net)}" if len(net.layers) <= ASKED else f"{len(net.layers)} layers"
        if self.round_trip and str(cs.read(str(net))) != str(net):
            raise AssertionError(f"{str(net)[:500]} is read as another net")
        return answer


def _same(content: bytes) -> bytes:
    return content


def _always(suffix: str) -> Callable[[bytes], str]:
    return lambda _: suffix


NETS = (
    "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, conv 32 3x3 same s2 d2, gap, linear 10",
    "input 8x8x4, add( conv 4 3x3 p1 bn relu, conv 4 3x3 p1 | id ), relu, 3*( conv 4 1x1 g2 nobias )",
    "input 32x32x3\na: conv 8 3x3 # first\ncat( id | maxpool 2, conv 8 3x3 same relu, up 2 )\nconv 4 1x1\nfrom a",
    "input 16x8, linear 8, attention 2, ln, gelu",
    "input 8x8x8, mul( id | gap, linear 4, relu, linear 8, sigmoid ), convt 4 2 s2, gn 2, flatten, dropout 0.5",
    "input 4x4x4x2, conv 3 2x2x2, avgpool 2, adaptive 1, slice 0:1, pad 1 reflect, crop 1, shuffle 2",
)

WORDS = re.compile(r"[A-Za-z_]+|[0-9.]+|[^\sA-Za-z0-9]|\s+")


def _notation(content: bytes, draw: Random) -> bytes:
    words = WORDS.findall(content.decode("utf-8", "replace"))[:2000]
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(words) + 1)
        span = words[at : at + draw.randint(1, 12)]
        numbers = [place for place, word in enumerate(words) if word.isdigit()]
        kind = draw.randrange(6)
        if kind == 0 and numbers:
            words[draw.choice(numbers)] = str(draw.choice(EXTREME))
        elif kind == 1:
            words[at:at] = span * draw.choice((1, 2, 9))
        elif kind == 2:
            del words[at : at + draw.randint(1, 4)]
        elif kind == 3:
            words[at:at] = ["\n", f"{draw.choice((2, 3, 100, 20000))}*( ", *span, " ), "]
        elif kind == 4:
            words[at:at] = [f"{draw.choice(('add', 'cat', 'mul'))}( id | ", *span, " ), "]
        else:
            words[at:at] = WORDS.findall(draw.choice(NETS))[7 : 7 + draw.randint(1, 20)]
    return "".join(words).encode("utf-8", "replace")[:50_000]


def _keras_seeds() -> list[bytes]:
    from faults.test_keras_faults import conv, entry, functional, sequential

    nets = [
        sequential(
            conv(padding="same"),
            entry("BatchNormalization", "b"),
            entry("ReLU", "r"),
            entry("MaxPooling2D", "p", pool_size=[2, 2]),
            entry("Flatten", "f"),
            entry("Dense", "d", units=10, activation="softmax"),
        ),
        functional((conv(padding="same", filters=3), "in"), (entry("Resizing", "z", height=4, width=4), "c"), out="z"),
        sequential(entry("Reshape", "s", target_shape=[64, 3]), entry("LSTM", "l", units=4, return_sequences=True)),
        sequential(entry("DepthwiseConv2D", "w", kernel_size=3), entry("UpSampling2D", "u", size=[2, 2]), conv()),
    ]
    return [json.dumps(net).encode() for net in nets]


def _zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("config.json", content)
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
    return made.getvalue()


def _json(content: bytes, draw: Random) -> bytes:
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return content
    for _ in range(draw.randint(1, 3)):
        places = list(_places(whole))
        if not places:
            break
        holder, key = draw.choice(places)
        other, at = draw.choice(places)
        kind = draw.randrange(6)
        if kind == 0:
            holder[key] = draw.choice(
                (*EXTREME, 1e308, 0.5, None, True, "", "x" * 50, "\x1b[31m\n", [], {}, [None] * 4)
            )
        elif kind == 1 and isinstance(holder, list):
            holder[key:key] = [json.loads(json.dumps(holder[key]))] * draw.choice((1, 3, 50))
        elif kind == 2:
            del holder[key]
        elif kind == 3:
            holder[key] = json.loads(json.dumps(other[at]))
        elif kind == 4:
            holder[key] = [json.loads(json.dumps(holder[key]))] * draw.choice((1, 2, 3))
        elif isinstance(holder[key], int):
            holder[key] = draw.choice(EXTREME)
    return json.dumps(whole).encode()[:200_000]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a value with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < 5000:
        one = waiting.pop()
        inner = list(one.items()) if isinstance(one, dict) else list(enumerate(one)) if isinstance(one, list) else []
        found += [(one, key) for key, _ in inner]
        waiting += [part for _, part in inner]
    return found


def _onnx_seeds() -> list[bytes]:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node

    def model(nodes: list[Any], weights: dict[str, Any], size: tuple[int, ...] = (1, 4, 8, 8)) -> bytes:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, size)]
        outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
        graph = helper.make_graph(nodes, "g", inputs, outputs, kept)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        return bytes(made.SerializeToString())

    kernel, one = np.ones((4, 4, 3, 3), np.float32), np.ones(4, np.float32)
    shape = np.array([1, 4, 64], np.int64)
    return [
        model([node("Conv", ["x", "w"], ["c"], pads=[1] * 4), node("Relu", ["c"], ["y"])], {"w": kernel}),
        model(
            [
                node("BatchNormalization", ["x", "a", "a", "a", "a"], ["n"]),
                node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
                node("Reshape", ["x", "s"], ["y"]),
            ],
            {"a": one, "s": shape},
        ),
        model(
            [
                node("Shape", ["x"], ["h"]),
                node("Gather", ["h", "i"], ["g"]),
                node("Concat", ["g", "m"], ["t"], axis=0),
                node("Reshape", ["x", "t"], ["y"]),
            ],
            {"i": np.array([0], np.int64), "m": np.array([-1], np.int64)},
        ),
        model(
            [
                node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2),
                node("Concat", ["b", "a"], ["c"], axis=1),
                node("Resize", ["c", "", "r"], ["u"]),
                node("Add", ["u", "u"], ["y"]),
            ],
            {"r": np.array([1, 1, 2, 2], np.float32)},
        ),
        model(
            [
                node("SequenceConstruct", ["x", "x"], ["s"]),
                node("ConcatFromSequence", ["s"], ["c"], axis=1),
                node("Slice", ["c", "b", "e", "i"], ["y"]),
            ],
            {"b": np.array([0], np.int64), "e": np.array([4], np.int64), "i": np.array([1], np.int64)},
        ),
    ]


def _onnx(content: bytes, draw: Random) -> bytes:
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return content
    for _ in range(draw.randint(1, 3)):
        if model.graph.node:
            draw.choice(CHANGES)(model.graph, draw.choice(model.graph.node), draw)
    return bytes(model.SerializeToString())[:200_000]


def _repeated(graph: Any, node: Any, draw: Random) -> None:
    for _ in range(draw.choice((1, 1, 2, 50))):
        graph.node.add().CopyFrom(node)


def _removed(graph: Any, node: Any, _: Random) -> None:
    graph.node.remove(node)


def _joined(graph: Any, node: Any, draw: Random) -> None:
    words = ["", "x", "y", *(name for one in graph.node for name in (*one.input, *one.output))]
    names = node.input if draw.random() < 0.7 else node.output
    if names and draw.random() < 0.5:
        names[draw.randrange(len(names))] = draw.choice(words)
    else:
        names.append(draw.choice(words))


def _set(_: Any, node: Any, draw: Random) -> None:
    if node.attribute:
        attribute = draw.choice(node.attribute)
        attribute.i = draw.choice(EXTREME)
        if attribute.ints:
            attribute.ints[draw.randrange(len(attribute.ints))] = draw.choice(EXTREME)


def _stored(graph: Any, _: Any, draw: Random) -> None:
    if graph.initializer:
        _tensor(draw.choice(graph.initializer), draw)


def _sized(graph: Any, _: Any, draw: Random) -> None:
    sides = graph.input[0].type.tensor_type.shape.dim if graph.input else ()
    if sides:
        draw.choice(sides).dim_value = draw.choice(EXTREME)


def _renamed(_: Any, node: Any, draw: Random) -> None:
    node.op_type = draw.choice(OPERATORS)


CHANGES = (_repeated, _removed, _joined, _set, _stored, _sized, _renamed)

OPERATORS = [
    "Identity",
    "Relu",
    "Conv",
    "MaxPool",
    "Concat",
    "Split",
    "Reshape",
    "Shape",
    "Gather",
    "Slice",
    "Resize",
    "Transpose",
    "Expand",
    "Tile",
    "Range",
    "Where",
    "Loop",
    "If",
    "Scan",
    "ConstantOfShape",
    "Cast",
    "DequantizeLinear",
    "MatMul",
    "Gemm",
    "ReduceSum",
    "Max",
    "Unsqueeze",
    "Squeeze",
    "SequenceInsert",
    "SequenceAt",
    "Pad",
    "LSTM",
]


def _tensor(tensor: Any, draw: Random) -> None:
    kind = draw.randrange(3)
    if kind == 0 and tensor.dims:
        tensor.dims[draw.randrange(len(tensor.dims))] = draw.choice(EXTREME)
    elif kind == 1:
        tensor.data_type = draw.randrange(24)
    elif len(tensor.raw_data) >= 8:
        at = draw.randrange(len(tensor.raw_data) // 8) * 8
        value = struct.pack("<q", draw.choice(EXTREME))
        tensor.raw_data = tensor.raw_data[:at] + value + tensor.raw_data[at + 8 :]


def _weights_seeds() -> list[bytes]:
    table = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"format": "pt"}}
    head = json.dumps(table).encode()
    pairs = (torch_files.text("fc.weight"), torch_files.TENSOR, torch_files.text("n"), b"K\5")
    nested = torch_files.program(torch_files.text("net"), torch_files.program(*pairs)[2:-1])
    return [
        b"P" + torch_files.GOOD,
        b"P" + torch_files.program(*pairs),
        b"P" + nested,
        b"Z" + torch_files.archive(),
        b"S" + struct.pack("<Q", len(head)) + head + bytes(24),
    ]


def _weights(content: bytes, draw: Random) -> bytes:
    kind, rest = content[:1], content[1:]
    if kind == b"S" and len(rest) > 8:
        head = _json(rest[8:].rpartition(b"}")[0] + b"}", draw)
        return kind + struct.pack("<Q", len(head)) + head + bytes(24)
    if kind == b"P" and rest:
        at, to = sorted(draw.randrange(len(rest) + 1) for _ in range(2))
        part = rest[at:to] * draw.choice((1, 2, 20))
        return kind + rest[:to] + part + rest[to:]
    return content


def _torch(content: bytes) -> bytes:
    """The first letter says whether a pickle is to be put into an archive, or the rest is a file."""
    return torch_files.archive(content[1:]) if content[:1] == b"P" else content[1:]


READERS = {
    "notation": Reader(_always(".cnn"), _same, lambda: [net.encode() for net in NETS], _notation, round_trip=True),
    "onnx": Reader(_always(".onnx"), _same, _onnx_seeds, _onnx),
    "keras": Reader(_always(".keras"), _zipped, _keras_seeds, _json),
    "weights": Reader(lambda content: WEIGHTS[content[:1] == b"S"], _torch, _weights_seeds, _weights),
}
