"""Small models with large claims: each is refused, or read, in the time and the memory that its size is worth."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import clock
from convscope.budget import raise_limits
from convscope.errors import LimitError
from convscope.frontends import read
from faults.limits import MEGABYTES, SECONDS
from faults.wire import field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

pytestmark = pytest.mark.faults

node = helper.make_node


def model(
    nodes: Sequence[Any],
    stored: dict[str, Any] | None = None,
    functions: Sequence[Any] = (),
    shape: tuple[int, ...] = (1, 3, 8, 8),
    inputs: Iterable[str] = ("x",),
) -> Any:
    """A model with these operations from ``x`` to ``y``."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(one), name) for name, one in (stored or {}).items()],
    )
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("f", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def row(op: str, count: int, further: Sequence[str] = (), first: str = "x", **more: Any) -> list[Any]:
    """So many operations one after the other, the last of which gives ``y``."""
    names = [first, *(f"v{at}" for at in range(1, count)), "y"]
    return [node(op, [names[at], *further], [names[at + 1]], **more) for at in range(count)]


def calls(count: int, **more: Any) -> list[Any]:
    return [*row("D", count, domain="f", **more)[:-1], node("Relu", [f"v{count - 1}"], ["y"])]


def function(name: str = "D", inputs: Sequence[str] = ("a",), nodes: Sequence[Any] | None = None) -> Any:
    body = [node("Identity", [inputs[0]], ["b"])] if nodes is None else list(nodes)
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, list(inputs), ["b"], body, imports)


def with_parts(change: Callable[[Any], object], count: int) -> Any:
    """A function that is called often, with something changed."""
    found = function()
    change(found)
    return model(calls(count), functions=[found])


def many_defaults(found: Any) -> None:
    for at in range(5000):
        found.attribute_proto.append(helper.make_attribute(f"a{at}", at))


def many_imports(found: Any) -> None:
    found.opset_import.extend(helper.make_opsetid(f"d{at}", 1) for at in range(20_000))


def many_outputs(found: Any) -> None:
    found.output.extend(["b"] * 60_000)


def long_default(found: Any) -> None:
    found.attribute_proto.append(helper.make_attribute("long", [1] * 300_000))


def long_attribute(found: Any) -> None:
    found.node[0].attribute.append(helper.make_attribute("long", [1] * 300_000))


def many_values(found: Any) -> None:
    found.value_info.extend(helper.make_tensor_value_info(f"i{at}", 1, [1, 2, 3]) for at in range(30_000))


def many_unused(found: Any) -> None:
    found.node.extend(node("Relu", ["a"], [f"u{at}"]) for at in range(10_000))


def doubled(levels: int) -> Any:
    """Functions that each call the next one ten times."""
    made = []
    for at in range(levels):
        last = at == levels - 1
        names = ["a", *(f"t{one}" for one in range(9)), "b"]
        body = [
            node("Relu" if last else f"F{at + 1}", [names[one]], [names[one + 1]], domain="" if last else "f")
            for one in range(10)
        ]
        made.append(function(f"F{at}", nodes=body))
    return model([node("F0", ["x"], ["y"], domain="f")], functions=made)


def branch(depth: int, width: int) -> Any:
    """A graph with a branch in it, as deep as is said, and so many operations at each level."""
    inner = None
    for _ in range(depth):
        body = [node("Relu", ["x" if at == 0 else f"w{at - 1}"], [f"w{at}"]) for at in range(width)]
        if inner is not None:
            body.append(node("If", ["c"], [f"w{width}"], then_branch=inner, else_branch=inner))
        ends = [helper.make_empty_tensor_value_info(body[-1].output[0])]
        inner = helper.make_graph(body, "g", [], ends)
    return inner


def branch_in_calls() -> Any:
    body = [node("Constant", [], ["c"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True]))]
    inside = helper.make_graph(
        [node("Relu", ["a" if at == 0 else f"w{at - 1}"], [f"w{at}"]) for at in range(60)],
        "g", [], [helper.make_empty_tensor_value_info("w59")],
    )  # fmt: skip
    body.append(node("If", ["c"], ["b"], then_branch=inside, else_branch=inside))
    return model(calls(3000), functions=[function(nodes=body)])


def sequences(nodes: Sequence[Any], **more: Any) -> Any:
    return model([node("SequenceEmpty", [], ["s0"]), *nodes], **more)


def inserts(count: int, place: Sequence[str] = ()) -> list[Any]:
    return [node("SequenceInsert", [f"s{at}", "x", *place], [f"s{at + 1}"]) for at in range(count)]


def folded(nodes: Sequence[Any], last: str, stored: dict[str, Any] | None = None) -> Any:
    """Operations on constants, of whose result the sum counts."""
    ends = [node("Cast", [last], ["as_floats"], to=1), node("ReduceSum", ["as_floats"], ["sum"], keepdims=0)]
    return model([*nodes, *ends, node("Mul", ["x", "sum"], ["y"])], stored)


LONG = {"n": np.array([60_000]), "one": np.array([1.0], np.float32)}
BIG = node("Expand", ["one", "n"], ["big"])
"""A tensor of 60,000 numbers from a few bytes."""


def of_many(op: str, count: int, times: int) -> Any:
    steps = [node(op, ["big", *["one"] * count], [f"q{at}"]) for at in range(times)]
    return folded([BIG, *steps, node("Concat", [f"q{at}" for at in range(times)], ["all"], axis=0)], "all", LONG)


def reduced(op: str, times: int) -> Any:
    steps = [node(op, ["big"], [f"q{at}"]) for at in range(times)]
    joined = node("Concat", [f"q{at}" for at in range(times)], ["all"], axis=0)
    return folded([BIG, *steps, joined], "all", LONG)


def multiplied(times: int) -> Any:
    matrices = {"a": np.array([1, 60_000]), "b": np.array([60_000, 1]), "one": np.array([1.0], np.float32)}
    steps = [node("Expand", ["one", "a"], ["left"]), node("Expand", ["one", "b"], ["right"])]
    steps += [node("MatMul", ["left", "right"], [f"q{at}"]) for at in range(times)]
    joined = node("Concat", [f"q{at}" for at in range(times)], ["all"], axis=0)
    return folded([*steps, joined], "all", matrices)


def sized(op: str, sizes: Sequence[int], *further: str, stored: dict[str, Any] | None = None, **more: Any) -> Any:
    """One operation on a stored number that makes a large tensor of it."""
    first = [] if op == "ConstantOfShape" else ["one"]
    return folded(
        [node(op, [*first, "sizes", *further], ["made"], **more)], "made",
        {"sizes": np.array(sizes), "one": np.array([1.0], np.float32), **(stored or {})},
    )  # fmt: skip


def blocks(op: str) -> Any:
    integers = {"i": np.zeros((4096, 1), np.int8 if op == "DequantizeLinear" else np.float32)}
    scale = {"s": np.ones((4096, 1), np.float32)}
    return folded([node(op, ["i", "s"], ["made"], axis=1, block_size=2**18)], "made", integers | scale)


def scales() -> Any:
    """A scale along another dimension than the tensor's."""
    stored = {"i": np.zeros((1, 60_000), np.int8), "s": np.ones(60_000, np.float32)}
    return folded([node("DequantizeLinear", ["i", "s"], ["made"], axis=0)], "made", stored)


def after_lost(count: int) -> Any:
    """A long row of operations whose sizes depend on the data."""
    lost = node("NonZero", ["x"], ["v0"])
    return model([lost, *row("Neg", count, first="v0")])


def many_inputs(count: int, name: str = "i{}") -> Any:
    names = ["x", *(name.format(at) for at in range(count))]
    nodes = [node("Relu", [name], [f"r{at}"]) for at, name in enumerate(names)]
    return model([*nodes, node("Relu", ["r0"], ["y"])], inputs=names, shape=(1, 3))


def quantized(count: int) -> Any:
    """Many cuts of one early tensor."""
    stored = {"s": np.float32(0.1), "z": np.uint8(3)}
    cuts = []
    for at in range(count):
        cuts += [node("QuantizeLinear", ["x", "s", "z"], [f"q{at}"]), node("Relu", ["x"], [f"r{at}"])]
        cuts.append(node("DequantizeLinear", [f"q{at}", "s", "z"], [f"d{at}"]))
    return model([*cuts, node("Concat", [f"d{at}" for at in range(count)], ["y"], axis=1)], stored)


def named(count: int, name: Callable[[int], str], op: Callable[[int], str] = lambda _: "Relu") -> Any:
    found = row("Relu", count)
    for at, one in enumerate(found):
        one.name, one.op_type = name(at), op(at)
    return model(found)


def tensor_names(count: int, letters: int) -> Any:
    names = ["x", *(f"{at:06}".ljust(letters, "n") for at in range(count - 1)), "y"]
    return model([node("Relu", [names[at]], [names[at + 1]]) for at in range(count)])


def activations(count: int) -> Any:
    """``x * sigmoid(x)``, many times."""
    found = []
    for at in range(count):
        before, after = ("x" if at == 0 else f"v{at}"), ("y" if at == count - 1 else f"v{at + 1}")
        found += [node("Sigmoid", [before], [f"g{at}"]), node("Mul", [before, f"g{at}"], [after])]
    return model(found)


def in_raw_bytes(change: Callable[[Any], object]) -> Any:
    found = model([node("Relu", ["x"], ["y"])])
    change(found)
    return found


def attributes(found: Any) -> None:
    for at in range(100_000):
        found.graph.node[0].attribute.add(name=str(at), type=2, i=1)


def packed(kind: str) -> Callable[[Any], None]:
    def change(found: Any) -> None:
        tensor = found.graph.initializer.add(name="t", data_type=7 if kind == "int64_data" else 6)
        tensor.dims.append(20_000_000)
        getattr(tensor, kind).extend(np.zeros(20_000_000, np.int64))

    return change


def strings(found: Any) -> None:
    tensor = found.graph.initializer.add(name="t", data_type=8, dims=[2_000_000])
    tensor.string_data.extend([b""] * 2_000_000)


DEEP = b""
for _ in range(30):
    DEEP = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, DEEP * 2)))[:200_000]

ATTACKS: dict[str, Callable[[], Any]] = {
    "a function of 5,000 attributes, called 5,000 times": lambda: with_parts(many_defaults, 5000),
    "a function of 20,000 imports, called 20,000 times": lambda: with_parts(many_imports, 20_000),
    "a function of 60,000 inputs, called 3,000 times": lambda: model(
        calls(3000), functions=[function(inputs=[f"a{at}" for at in range(60_000)])]
    ),
    "a function of 60,000 outputs, called 3,000 times": lambda: with_parts(many_outputs, 3000),
    "a function with a long attribute, called 3,000 times": lambda: with_parts(long_attribute, 3000),
    "a function with a long default, called 3,000 times": lambda: with_parts(long_default, 3000),
    "a function of 10,000 idle operations, called 3,000 times": lambda: with_parts(many_unused, 3000),
    "a function of 30,000 stated sizes, called 3,000 times": lambda: with_parts(many_values, 3000),
    "functions that call the next one ten times, 5 deep": lambda: doubled(5),
    "functions that call the next one ten times, 15 deep": lambda: doubled(15),
    "a branch in a function, called 3,000 times": branch_in_calls,
    "branches 10 deep, in both ways": lambda: model(
        [node("If", ["c"], ["y"], then_branch=branch(10, 3), else_branch=branch(1, 1))], {"c": np.array([True])}
    ),
    "a sequence of sequences, 40 deep": lambda: model(
        [
            node("SequenceConstruct", ["x"], ["s0"]),
            *(node("SequenceConstruct", [f"s{at}"] * 2, [f"s{at + 1}"]) for at in range(40)),
            node("ConcatFromSequence", ["s40"], ["y"], axis=1),
        ]
    ),
    "a sequence that grows 10,000 times": lambda: sequences(
        [*inserts(10_000), node("ConcatFromSequence", ["s10000"], ["y"], axis=1)]
    ),
    "a sequence that grows 10,000 times at its front": lambda: sequences(
        [*inserts(10_000, ["z"]), node("ConcatFromSequence", ["s10000"], ["y"], axis=1)],
        stored={"z": np.array(0)},
    ),
    "a long sequence that is read 5,000 times": lambda: sequences(
        [
            *inserts(5000),
            *(node("SequenceAt", ["s5000", "z"], [f"a{at}"]) for at in range(5000)),
            node("Concat", [f"a{at}" for at in range(5000)], ["y"], axis=1),
        ],
        stored={"z": np.array(0)},
    ),
    "a long sequence that is joined 2,000 times": lambda: sequences(
        [
            *inserts(2000),
            *(node("ConcatFromSequence", ["s2000"], [f"a{at}"], axis=1) for at in range(2000)),
            node("Concat", [f"a{at}" for at in range(2000)], ["y"], axis=1),
        ]
    ),
    "a split into 4,096 tensors of a sequence, 20 times": lambda: model(
        [*(node("SplitToSequence", ["x"], [f"s{at}"], axis=1) for at in range(20)),
         *(node("ConcatFromSequence", [f"s{at}"], [f"y{at}"], axis=1) for at in range(20)),
         node("Sum", [f"y{at}" for at in range(20)], ["y"])], shape=(1, 4096, 2, 2)),
    "integers in blocks of 2^18": lambda: blocks("DequantizeLinear"),
    "floats in blocks of 2^18": lambda: blocks("QuantizeLinear"),
    "a scale along another dimension": scales,
    **{f"{op} of one long tensor and 3,900 numbers, 50 times": lambda op=op: of_many(op, 3900, 50)  # type: ignore[misc]
       for op in ("Max", "Min", "Sum", "Mean")},
    **{f"{op} of a long tensor, 3,000 times": lambda op=op: reduced(op, 3_000)  # type: ignore[misc]
       for op in ("ReduceMax", "ReduceMean", "ReduceL2", "ReduceProd", "ReduceLogSumExp", "ArgMax")},
    "matrices to one number, 4,000 times": lambda: multiplied(4_000),
    "a tensor of 2^31 zeros": lambda: sized("ConstantOfShape", [2**31]),
    "a tensor that is spread to 2^31": lambda: sized("Expand", [2**31]),
    "a tensor that is laid side by side 2^31 times": lambda: sized("Tile", [2**31]),
    "a tensor that is padded by 2^31": lambda: sized("Pad", [2**31, 2**31]),
    "one of 2^30 ones": lambda: folded(
        [node("OneHot", ["i", "d", "v"], ["made"])], "made",
        {"i": np.array([1]), "d": np.array(2**30), "v": np.array([0.0, 1.0], np.float32)},
    ),
    "a matrix of 2^30 zeros and ones": lambda: folded(
        [node("ConstantOfShape", ["s"], ["c"]), node("EyeLike", ["c"], ["made"])], "made", {"s": np.array([2**15] * 2)}
    ),
    "a range to 2^31": lambda: folded(
        [node("Range", ["a", "b", "s"], ["made"])], "made",
        {"a": np.array(0), "b": np.array(2**31), "s": np.array(1)},
    ),
    "a stored map that is resized to 2^30": lambda: folded(
        [node("Resize", ["m", "", "", "s"], ["made"])], "made",
        {"m": np.ones((1, 1, 2, 2), np.float32), "s": np.array([1, 1, 2**15, 2**15])},
    ),
    "numbers that are picked 2^30 times": lambda: folded(
        [node("ConstantOfShape", ["s"], ["i"], value=helper.make_tensor("v", 7, [1], [0])),
         node("Gather", ["one", "i"], ["made"])], "made",
        {"s": np.array([2**30]), "one": np.array([1.0], np.float32)},
    ),
    "a product of all with all": lambda: folded(
        [BIG, node("Unsqueeze", ["big", "z"], ["a"]), node("Transpose", ["a"], ["b"]),
         node("Mul", ["a", "b"], ["made"])],
        "made", LONG | {"z": np.array([0])},
    ),
    "5,000 functions of a long tensor": lambda: folded(
        [BIG, *(node("Erf", ["big" if at == 0 else f"q{at - 1}"], [f"q{at}"]) for at in range(5000))], "q4999", LONG
    ),
    "2,000 operations that only the reference knows": lambda: folded(
        [*(node("Hardmax", ["one" if at == 0 else f"q{at - 1}"], [f"q{at}"]) for at in range(2000))], "q1999", LONG
    ),
    "a tensor that is doubled 100 times": lambda: folded(
        [*(node("Concat", ["one" if at == 0 else f"q{at - 1}"] * 2, [f"q{at}"], axis=0) for at in range(100))],
        "q99", LONG,
    ),
    "a split into 60,000": lambda: model(
        [node("Split", ["x"], [f"s{at}" for at in range(60_000)], axis=1),
         node("Concat", [f"s{at}" for at in range(60_000)], ["y"], axis=1)], shape=(1, 60_000, 8, 8)),
    **{f"{op} of the image 300,000 times": lambda op=op: model([node(op, ["x"] * 300_000, ["y"])])  # type: ignore[misc]
       for op in ("Max", "Sum", "Mean")},
    "the image 300,000 times, joined": lambda: model([node("Concat", ["x"] * 300_000, ["y"], axis=1)]),
    "an operator of nobody with 400 inputs and 400 outputs": lambda: model(
        [*(node("Relu", ["x"], [f"r{at}"]) for at in range(400)),
         node("Loop", [f"r{at}" for at in range(400)], [f"o{at}" for at in range(400)]),
         node("Relu", ["o0"], ["y"])]),
    "10,000 operations after one whose sizes depend on the data": lambda: after_lost(10_000),
    "indices in 8,000 that no rule gives, in 2,000 operations": lambda: model(
        row("Gather", 2000, ["i"], axis=1),
        {"i": np.random.default_rng(0).permutation(8000)}, shape=(1, 8000, 1, 1)),
    "60,000 places where a tensor is cut, in 2,000 operations": lambda: model(
        row("Slice", 2000, ["b", "e", "a"]),
        {"b": np.zeros(60_000, np.int64), "e": np.full(60_000, 99), "a": np.zeros(60_000, np.int64)}),
    "a row that is turned around, of 2^31 channels": lambda: model(
        [node("Slice", ["x", "b", "e", "a", "s"], ["y"])],
        {"b": np.array([-1]), "e": np.array([-(2**40)]), "a": np.array([1]), "s": np.array([-1])}, shape=(1, 2**31, 1)),
    "sums along 2^31 channels": lambda: model(
        [node("CumSum", ["x", "a"], ["y"], exclusive=1)], {"a": np.array(2)}, shape=(1, 2**31, 8)),
    "maps that are resized to 2^20, 300 times": lambda: model(
        [step for at in range(300) for step in (
            node("Resize", ["x", "", "", "s"], [f"r{at}"], mode="nearest"),
            node("GlobalMaxPool", [f"r{at}"], [f"p{at}"]))]
        + [node("Concat", [f"p{at}" for at in range(300)], ["y"], axis=1)],
        {"s": np.array([1, 3, 2**20, 8])}),
    "a pool of 2^20 places with a window of 2^10": lambda: model(
        [node("AveragePool", ["x"], ["y"], kernel_shape=[1024, 1], pads=[900, 0, 900, 0])], shape=(1, 1, 2**20, 1)),
    "an equation of 3,000 tensors": lambda: model(
        [node("Einsum", ["x"] * 3000, ["y"], equation=",".join(
            "".join(chr(0x4E00 + (4 * at + one) % 20_000) for one in range(4)) for at in range(3000)))]),
    "3,000 inputs": lambda: many_inputs(3000),
    "3,000 inputs whose names become one": lambda: many_inputs(3000, "i" + ":" * 3 + "{}"),
    "1,000 cuts of one early tensor": lambda: quantized(1000),
    "2,000 activations in two operations": lambda: activations(2000),
    "names of 300 dots": lambda: named(3000, lambda at: f"/{at}" + ".a" * 148 + "/Relu"),
    "3,000 operators of nobody": lambda: named(3000, lambda at: f"n{at}", lambda at: f"{'Op' * 40}{at}"),
    "8,000 names of 4,000 letters": lambda: tensor_names(4000, 4000),
    "160 million letters": lambda: in_raw_bytes(lambda one: setattr(one.graph.node[0], "name", "a" * 157_000_000)),
    "160 million letters of documentation": lambda: in_raw_bytes(
        lambda one: setattr(one, "doc_string", "a" * 157_000_000)
    ),
    "20 million integers in as many bytes": lambda: in_raw_bytes(packed("int64_data")),
    "20 million small integers in as many bytes": lambda: in_raw_bytes(packed("int32_data")),
    "2 million texts of nothing": lambda: in_raw_bytes(strings),
    "100,000 attributes": lambda: in_raw_bytes(attributes),
    "messages in messages": lambda: field(7, field(1, DEEP) + field(11, field(1, b"x"))),
    "a million empty fields": lambda: field(7, field(5, b"\x08\x01" * 5_000_000)),
    "2^31 channels": lambda: model(
        [node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2), node("Concat", ["b", "a"], ["y"], axis=1)],
        shape=(1, 2**31, 4, 4)),
}  # fmt: skip

READER = """
import json, os, re, resource, sys
from pathlib import Path
import clock
from convscope.errors import ConvscopeError
from convscope.frontends import read
read(sys.argv[1])  # what is imported is imported now
for path in json.load(sys.stdin):
    if os.fork() == 0:
        resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        def attempt():
            global said
            try:
                said = f"read: {len(read(path))} layers"
            except ConvscopeError as error:
                said = str(error)
            except BaseException as error:
                said = "BAD " + repr(error)
        seconds = clock.best(attempt, float(sys.argv[2]))
        peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
        print(json.dumps([path, said, seconds, peak]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float, int]]:
    """What the reader says of every attack, in a process of its own; seconds; megabytes at its highest."""
    folder = tmp_path_factory.mktemp("hold")
    good = folder / "good.onnx"
    good.write_bytes(model([node("Relu", ["x"], ["y"])]).SerializeToString())
    paths = {}
    for at, (name, made) in enumerate(ATTACKS.items()):
        content = made()
        paths[str(folder / f"{at}.onnx")] = name
        data = content if isinstance(content, bytes) else content.SerializeToString()
        (folder / f"{at}.onnx").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(good), str(SECONDS)], input=json.dumps(list(paths)),
        capture_output=True, text=True, check=True, env=clock.environment(OMP_NUM_THREADS="1"),
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {paths[path]: (said, seconds, memory) for path, said, seconds, memory in lines}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_what_its_file_is_worth(name: str, report: dict[str, tuple[str, float, int]]) -> None:
    said, seconds, memory = report.get(name, ("it was stopped", 20.0, 3000))
    assert not said.startswith("BAD"), said
    assert seconds < SECONDS, f"{seconds:.2f} s: {said}"
    assert memory < MEGABYTES, f"{memory} MB: {said}"
    assert len(said) < 1500


def test_the_operation_and_the_limit_are_named_and_the_user_raises_it(tmp_path: Path) -> None:
    wide = model([node("Max", ["x"] * 30_000, ["y"], name="the widest")])
    (tmp_path / "wide.onnx").write_bytes(wide.SerializeToString())
    with pytest.raises(LimitError, match=r'node "the widest" \(Max\): this needs [\d,]+ steps of work') as caught:
        read(tmp_path / "wide.onnx")
    assert caught.value.expected.startswith("at most 1,0")
    assert "--raise-limits 2" in caught.value.attempt
    with raise_limits(4):
        assert len(read(tmp_path / "wide.onnx")) == 29_999


def test_what_is_computed_for_weights_is_counted_when_they_are_asked_for(tmp_path: Path) -> None:
    """A net that adds a tensor of 2^28 numbers is read; it is its weights that take too much."""
    stored = {"one": np.array([1.0], np.float32), "sizes": np.array([1, 1, 2**14, 2**14])}
    steps = [node("Expand", ["one", "sizes"], ["c"]), node("Exp", ["c"], ["e"]), node("Add", ["x", "e"], ["y"])]
    path = tmp_path / "large.onnx"
    path.write_bytes(model(steps, stored, shape=(1, 1, 2**14, 2**14)).SerializeToString())
    net = read(path)
    assert net.output == (1, 2**14, 2**14)
    assert net.tensors is not None
    with pytest.raises(LimitError, match=r"shift\.weight: this needs 1,024 MiB of memory or more"):
        net.tensors()
