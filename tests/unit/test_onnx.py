"""Models in the format ONNX: every operator against ONNX Runtime, and what a file says besides."""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from convscope.cli import run as run_command
from convscope.core.op import spelled
from convscope.errors import FieldError, MissingExtraError, ModelError, ShapeError
from convscope.extras import pip
from convscope.frontends import read
from convscope.frontends.onnx import fold
from convscope.frontends.onnx.file import Source
from convscope.frontends.onnx.flow import SEQUENCES
from convscope.frontends.onnx.fold_shape import FOLDS
from convscope.frontends.onnx.rules import RULES
from onnx_cases import CASES, CONSTANTS, W
from onnx_models import Case, check, numbers, run, run_net, saved

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net

PLANE = (1, 4, 6, 5)
CONV = {"w": (6, 4, 3, 3), "b": (6,)}


def ops(net: Net) -> tuple[str, ...]:
    return tuple(spelled(layer.node.op) for layer in net)


def names(net: Net) -> tuple[str, ...]:
    return tuple(layer.node.name for layer in net)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_operator_computes_what_onnx_runtime_does(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
    if case.layers:
        assert ops(read(saved(case.model(), tmp_path))) == case.layers


@pytest.mark.parametrize("small", [fold.SMALL, -1], ids=["at once", "later"])
@pytest.mark.parametrize("text", CONSTANTS.values(), ids=CONSTANTS)
def test_stored_tensors_are_worked_out(text: str, small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "SMALL", small)
    more = {"zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "row": np.array([1, -1])}
    more |= {"d1": np.array([0, 2]), "e2": numbers((2, 2)), "e4": numbers((4,))}
    worked = f"{text} as = Cast<to=1>(c) y = Reshape(as, row)"
    count = math.prod(run(Case(f"r = Relu(x) {worked}", (1, 1), {**W, **more}).model(), numbers((1, 1))).shape)
    model = Case(f"{worked.replace('y = ', 'k = ')} y = Mul(x, k)", (1, count), {**W, **more}).model()
    net, x = read(saved(model, tmp_path)), numbers((1, count))
    assert np.allclose(run_net(net, x), run(model, x), atol=1e-5)


def test_every_rule_has_a_case() -> None:
    text = " ".join(case.text for case in CASES.values())
    assert {op for op in RULES if not re.search(rf"\b{op}[<(]", text)} <= {
        "DynamicQuantizeLinear",
        "Optional",
        "OptionalGetElement",
        "SimplifiedLayerNormalization",
        "Size",
    }
    constants = " ".join(CONSTANTS.values())
    assert {op for op in FOLDS if not re.search(rf"\b{op}[<(]", constants)} == set()
    assert {op for op in SEQUENCES if not re.search(rf"\b{op}[<(]", text + constants)} == {
        "SequenceEmpty",
        "SequenceInsert",
    }


def test_layers_are_called_by_their_modules(tmp_path: Path) -> None:
    model = Case(
        "a = Conv(x, w, b) c = Relu(a) d = Conv(c, v) e = Add(d, d) f = Relu(e) y = Relu(f)",
        PLANE,
        {**CONV, "v": (6, 6, 1, 1)},
    ).model()
    wanted = ("conv1/Conv", "relu/Relu", "down/down.0/Conv", "Add", "relu_1/Relu")
    for node, name in zip(model.graph.node, wanted, strict=False):
        node.name = f"/layer1/layer1.0/{name}"
    found = names(read(saved(model, tmp_path)))
    assert found == ("layer1.0.conv1", "layer1.0.relu", "layer1.0.down.0", "layer1.0.add", "layer1.0.relu_1", "relu")


def test_layers_are_called_by_their_nodes(tmp_path: Path) -> None:
    model = Case("a = Conv(x, w, b) c = Relu(a) d = Relu(c) y = Relu(d)", PLANE, CONV).model()
    for node, name in zip(model.graph.node, ["stem/conv:0", "Relu_12", "node_relu_1", "relu twice"], strict=True):
        node.name = name
    assert names(read(saved(model, tmp_path))) == ("stem.conv_0", "relu", "relu_2", "relu_twice")


def test_names_that_torch_writes_beside_a_node(tmp_path: Path) -> None:
    model = Case("a = Conv(x, w, b) c = Relu(a) y = Add(a, c)", PLANE, CONV).model()
    places = [
        ("['', 'stem', 'stem.conv', 'conv2d']", "['Net', 'Stem', 'torch.nn.modules.conv.Conv2d', 'aten.conv2d']"),
        ("['', 'stem', 'relu']", "['Net', 'Stem', 'aten.relu']"),
        ("['', 'add']", "['Net', 'aten.add']"),
    ]
    for node, (scopes, classes) in zip(model.graph.node, places, strict=True):
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scopes)
        node.metadata_props.add(key="pkg.torch.onnx.class_hierarchy", value=classes)
    assert names(read(saved(model, tmp_path))) == ("stem.conv", "stem.relu", "add")


def _with_input(model: Any, sizes: list[Any]) -> Any:
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes))
    return model


def test_open_sizes_are_asked_for_by_name(tmp_path: Path) -> None:
    model = _with_input(Case("y = Conv(x, w, b)", PLANE, CONV).model(), ["batch", 4, "height", "width"])
    path = saved(model, tmp_path)
    with pytest.raises(FieldError, match='"x" are not fixed: height, width') as caught:
        read(path)
    assert 'input="224x224x3"' in caught.value.expected
    assert read(path, input="6x5x4").output == (6, 4, 3)
    assert read(path, input="9x9x4").output == (6, 7, 7)
    with pytest.raises(FieldError, match="1 spatial axes, but the model takes 2"):
        read(path, input="9x4")
    with pytest.raises(ModelError, match="the input-channel axis of the weight has size"):
        read(path, input="9x9x5")
    with pytest.raises(ShapeError, match="a window of 3 does not fit into 2"):
        read(path, input="2x9x4")


def test_no_sizes_at_all(tmp_path: Path) -> None:
    path = saved(_with_input(Case("y = Conv(x, w, b)", PLANE, CONV).model(), None), tmp_path)  # type: ignore[arg-type] # no shape
    with pytest.raises(FieldError, match="are not fixed: all"):
        read(path)
    assert read(path, input="6x5x4").output == (6, 4, 3)


def test_a_given_size_overrides_that_of_the_file(tmp_path: Path) -> None:
    path = saved(Case("a = Conv(x, w, b) y = GlobalAveragePool(a)", PLANE, CONV).model(), tmp_path)
    assert read(path).layers[0].output == (6, 4, 3)
    assert read(path, input="16x16x4").layers[0].output == (6, 14, 14)


@pytest.mark.parametrize("batch", ["N", 8])
def test_a_batch_is_read_as_one_sample(batch: int | str, tmp_path: Path) -> None:
    size = batch if isinstance(batch, int) else 1
    stored = {**CONV, "s": np.array([size, -1] if size == 1 else [size, 72]), "m": (72, 3)}
    model = _with_input(
        Case("a = Conv(x, w, b) f = Reshape(a, s) y = MatMul(f, m)", PLANE, stored).model(), [batch, *PLANE[1:]]
    )
    assert ops(read(saved(model, tmp_path))) == ("conv 6 3x3", "linear 3 nobias")


def test_inputs_that_are_read_are_inputs(tmp_path: Path) -> None:
    model = Case("a = Conv(x, w, b) y = Relu(a)", PLANE, CONV).model()
    for tensor in model.graph.initializer:  # as files before 2019 have it
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.dims))
    model.graph.input.append(helper.make_tensor_value_info("nobody", TensorProto.INT64, [1]))
    assert ops(read(saved(model, tmp_path))) == ("conv 6 3x3", "relu")
    model.graph.node[1].input[0] = "nobody"
    model.graph.node.append(helper.make_node("Add", ["y", "a"], ["z"]))
    model.graph.output[0].name = "z"
    net = read(saved(model, tmp_path))
    assert [(one.name, one.kind) for one in net.inputs] == [("x", "float"), ("nobody", "int")]
    assert ops(net) == ("conv 6 3x3", "relu", "add")


def test_kinds_of_numbers(tmp_path: Path) -> None:
    model = Case("c = Cast<to=1>(x) y = Relu(c)").model()
    for kind, name in ((TensorProto.INT64, "int"), (TensorProto.BOOL, "bool"), (TensorProto.FLOAT16, "float")):
        model.graph.input[0].type.tensor_type.elem_type = kind
        assert read(saved(model, tmp_path)).inputs[0].kind == name
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    with pytest.raises(ModelError, match='the input "x" is not a numeric tensor'):
        read(saved(model, tmp_path))


def test_weights_are_counted_once(tmp_path: Path) -> None:
    net = read(saved(Case("a = Conv(x, w) y = Conv(a, w)", (1, 4, 9, 9), {"w": (4, 4, 3, 3)}).model(), tmp_path))
    assert [sum(w.count for w in layer.weights or ()) for layer in net] == [144, 0]
    assert net.tensors is not None
    assert [tensor.shape for tensor in net.tensors().values()] == [(4, 4, 3, 3)] * 2


def test_what_no_layer_reads_is_said(tmp_path: Path) -> None:
    net = read(
        saved(Case("y = Conv(x, w, b)", PLANE, {**CONV, "left": (3, 2), "index": np.array([1])}).model(), tmp_path)
    )
    assert [(weight.name, weight.shape) for weight in net.unused] == [("left", (3, 2))]


def test_torch_says_which_tensors_are_parameters(tmp_path: Path) -> None:
    model = Case("a = Mul(x, p) y = Add(a, q)", PLANE, {"p": (4, 1, 1), "q": (4, 1, 1)}).model()
    for name, kind in (("p", "PARAMETER"), ("q", "BUFFER")):
        info = model.graph.value_info.add(name=name)
        info.metadata_props.add(key="pkg.torch.export.graph_signature.InputSpec.kind", value=kind)
    net = read(saved(model, tmp_path))
    assert ops(net) == ("scale 1x1x4", "shift 1x1x4 fixed")
    assert sum(weight.count for layer in net for weight in layer.weights or () if weight.trained) == 4


def test_constants_are_weights_where_there_are_no_others(tmp_path: Path) -> None:
    model = Case("y = Conv(x, w)", PLANE, {"w": (6, 4, 3, 3)}).model()
    value = model.graph.initializer.pop()
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=value))
    net = read(saved(model, tmp_path))
    assert sum(weight.count for weight in net.layers[0].weights or ()) == 216


def test_what_cannot_be_looked_into_is_said_where_its_size_is_known(tmp_path: Path) -> None:
    model = Case("g = Mod<fmod=1>(x, c) t = Floor(g) y = Conv(t, w, b)", PLANE, {**CONV, "c": np.float32(2)}).model()
    net = read(saved(model, tmp_path))
    assert ops(net) == ("opaque 6x5x4", "opaque 6x5x4", "conv 6 3x3")
    assert sum(weight.count for layer in net for weight in layer.weights or ()) == 222


def test_an_operator_of_somebody_else(tmp_path: Path) -> None:
    case = Case("a = acme.Magic(x, k) y = Relu(a)", PLANE, {"k": (3, 3)}, domains={"acme": 1})
    model = case.model()
    with pytest.raises(ModelError, match=r"\(acme.Magic\): Convscope does not know this operator"):
        read(saved(model, tmp_path))
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 2, 3, 3]))
    net = read(saved(model, tmp_path))
    assert ops(net) == ("opaque 3x3x2", "relu")
    assert net.layers[0].weights is not None
    assert [weight.shape for weight in net.layers[0].weights] == [(3, 3)]


@pytest.mark.parametrize(("op", "layer"), [("Gelu", "gelu"), ("FastGelu", "gelu approx")])
def test_operators_of_onnx_runtime(op: str, layer: str, tmp_path: Path) -> None:
    case = Case(f"y = com.microsoft.{op}(x)", domains={"com.microsoft": 1}, layers=(layer,))
    assert ops(check(case, tmp_path))[0] == layer


def test_a_quick_gelu(tmp_path: Path) -> None:
    case = Case("y = com.microsoft.QuickGelu(x)", domains={"com.microsoft": 1})
    assert ops(check(case, tmp_path))[:3] == ("times 1.702", "sigmoid", "mul")


def _with_function(text: str, body: list[Any], attributes: list[str]) -> Any:
    model = Case(text, domains={"mine": 1}).model()
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]
    model.functions.append(helper.make_function("mine", "Twice", ["a"], ["c"], body, imports, attributes))
    return model


def test_functions_are_put_in_the_place_of_their_calls(tmp_path: Path) -> None:
    first, second = helper.make_node("LeakyRelu", ["a"], ["b"]), helper.make_node("LeakyRelu", ["b"], ["c"], alpha=0.5)
    slope = first.attribute.add(name="alpha", ref_attr_name="slope", type=1)
    assert slope.ref_attr_name == "slope"
    model = _with_function("m = mine.Twice<slope=0.25>(x) y = mine.Twice(m)", [first, second], ["slope"])
    model.graph.node[0].name, model.graph.node[1].name = "/one/Twice", "/two/Twice"
    net = read(saved(model, tmp_path))
    assert ops(net) == ("leaky_relu 0.25", "leaky_relu 0.5", "leaky_relu", "leaky_relu 0.5")
    assert names(net) == ("one.leaky_relu", "one.leaky_relu_2", "two.leaky_relu", "two.leaky_relu_2")


def _branching(condition: Any) -> Any:
    then, other = (
        helper.make_graph([helper.make_node(op, ["x"], [op])], op, [], [helper.make_empty_tensor_value_info(op)])
        for op in ("Relu", "Tanh")
    )
    model = Case("y = Relu(x)", stored={"c": condition}).model()
    model.graph.node[0].CopyFrom(helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other))
    return model


def test_the_branch_that_is_taken_is_read(tmp_path: Path) -> None:
    assert ops(read(saved(_branching(np.array([True])), tmp_path))) == ("relu",)
    assert ops(read(saved(_branching(np.array([False])), tmp_path))) == ("tanh",)


def test_a_branch_that_the_image_decides_is_not(tmp_path: Path) -> None:
    model = _branching(np.array([True]))
    model.graph.node[0].input[0] = "x"
    with pytest.raises(ModelError, match=r"\(If\): Convscope does not know this operator"):
        read(saved(model, tmp_path))


KINDS = {
    "float32": (TensorProto.FLOAT, 1e-6),
    "float64": (TensorProto.DOUBLE, 1e-6),
    "float16": (TensorProto.FLOAT16, 1e-3),
    "bfloat16": (TensorProto.BFLOAT16, 1e-2),
    "float8": (TensorProto.FLOAT8E4M3FN, 1e-1),
}


@pytest.mark.parametrize("raw", [True, False], ids=["as in memory", "as numbers"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_every_kind(kind: str, raw: bool, tmp_path: Path) -> None:
    model = Case("y = Conv(x, w)", PLANE, {"w": (6, 4, 3, 3)}).model()
    true = numpy_helper.to_array(model.graph.initializer[0])
    number, near = KINDS[kind]
    data = helper.make_tensor("w", number, true.shape, true.astype(np.float64).ravel())
    if raw:
        stored = numpy_helper.to_array(data)
        data = helper.make_tensor("w", number, true.shape, stored.tobytes(), raw=True)
    model.graph.initializer[0].CopyFrom(data)
    net = read(saved(model, tmp_path))
    assert net.tensors is not None
    found = net.tensors()["conv.weight"]
    assert found.dtype == np.float32
    assert np.allclose(found, true, rtol=near, atol=near)


def test_quantised_weights_are_weights(tmp_path: Path) -> None:
    stored = {"w": np.arange(-54, 54, dtype=np.int8).reshape(3, 4, 3, 3), "s": np.array([0.1, 0.2, 0.3], np.float32)}
    case = Case("k = DequantizeLinear<axis=0>(w, s) y = Conv(x, k)", PLANE, stored)
    net = check(case, tmp_path)
    assert ops(net)[0] == "conv 3 3x3 nobias"
    assert [weight.name for weight in net.layers[0].weights or ()] == ["w", "s"]


def test_large_weights_stay_in_the_file_until_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("t = Transpose<perm=[1,0]>(m) f = Flatten(x) y = MatMul(f, t)", PLANE, {"m": (300, 120)})
    loaded: list[int] = []
    part = Source.part

    def seen(source: Source, start: int, length: int) -> bytes:
        loaded.append(length)
        return part(source, start, length)

    monkeypatch.setattr(Source, "part", seen)
    net = read(saved(case.model(), tmp_path))
    assert "36,000" in str(net.table())
    assert loaded == []
    assert net.tensors is not None
    assert net.tensors()["linear.weight"].shape == (300, 120)
    assert loaded == [4 * 300 * 120]


def test_a_file_that_changed_is_not_taken_for_what_it_was(tmp_path: Path) -> None:
    path = saved(Case("f = Flatten(x) y = MatMul(f, m)", PLANE, {"m": (120, 300)}).model(), tmp_path)
    net = read(path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert net.tensors is not None
    with pytest.raises(ModelError, match="has changed since it was read"):
        net.tensors()


@pytest.mark.parametrize(("opset", "said"), [(6, "version 6 of the operators"), (99, "version 99 of the operators")])
def test_versions_of_operators(opset: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        read(saved(Case("y = Relu(x)", opset=opset).model(), tmp_path))


def test_an_error_names_file_node_and_operator(tmp_path: Path) -> None:
    model = Case("y = Conv(x, w)", PLANE, {"w": (6, 3, 3, 3)}).model()
    model.graph.node[0].name = "stem"
    with pytest.raises(ModelError) as caught:
        read(saved(model, tmp_path))
    assert (
        caught.value.what
        == f'{tmp_path}/model.onnx: node "stem" (Conv): the input-channel axis of the weight has size 3'
    )
    assert caught.value.expected == "4"


def test_the_command_line_reads_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(Case("a = Conv(x, w, b) y = Relu(a)", PLANE, CONV).model(), tmp_path)
    assert run_command(["table", str(path)]) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("conv "))
    assert row[:8] == ["conv", "conv", "6", "3x3", "4x3x6", "222", "100.0", "2,592"]
    assert run_command(["table", str(tmp_path / "none.onnx")]) == 2
    assert "ModelError: " in capsys.readouterr().err


def test_without_onnx_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(Case("y = Relu(x)").model(), tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError) as caught:
        read(path)
    assert caught.value.attempt == pip("onnx")


def test_the_open_dimension_of_an_output_is_its_batch(tmp_path: Path) -> None:
    model = Case("r = Relu(x) u = Transpose<perm=[1, 0, 2]>(r) y = Unsqueeze(u, a)", (1, 1, 6), {}).model()
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "a"))
    for axis, order in ((2, "1xa6:1x1xnxa"), (1, "1xa6:1xnx1xa")):
        sizes = [1, 1, 1, 6]
        sizes[axis] = "n"  # type: ignore[call-overload] # a name for one that is open
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, sizes))
        assert read(saved(model, tmp_path)).outputs[0].order == order
