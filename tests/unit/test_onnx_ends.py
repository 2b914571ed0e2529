"""Models whose end cannot be read: the net goes up to there, and says what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import convscope as cs
from convscope.errors import ModelError, WriteError
from convscope.frontends import read
from onnx_models import Case, saved

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net

PLANE = (1, 4, 6, 5)
CONV = {"w": (6, 4, 3, 3), "b": (6,)}
HEAD = "a = Conv(x, w, b) flat = Reshape(a, to) "
NMS = {**CONV, "wb": (4, 4, 3, 3), "to": np.array([1, 1, 72]), "tob": np.array([1, 12, 4]), "tos": np.array([1, 6, 12]),
       "most": np.array([3]), "iou": np.array([0.5], np.float32), "two": np.array([2])}  # fmt: skip
BOXES = (
    "a = Conv(x, wb) m = Reshape(a, tob) s = Conv(x, w, b) t = Reshape(s, tos) "
    "n = NonMaxSuppression(m, t, most, iou) g = Gather<axis=1>(n, two) f = Cast<to=1>(g) y = Mul(f, f)"
)


def ops(net: Net) -> list[str]:
    return [layer.node.op.keyword for layer in net]


@pytest.mark.parametrize("count", ["found", None])
def test_a_suppression_at_the_end_is_told(count: str | None, tmp_path: Path) -> None:
    model = Case(BOXES, PLANE, NMS).model()
    model.graph.node[4].name = "nms"
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [count, 1]))
    net = read(saved(model, tmp_path))
    assert ops(net).count("conv") == 2
    assert [layer.node.name for layer in net][-3:] == ["rest", "rest_2", "add"]  # of the boxes, and of their scores
    table = net.table()
    assert (table.params.value, table.params.exact) == (6 * 36 + 6 + 4 * 36, True)
    assert (table.macs.value, table.macs.exact) == (12 * 10 * 36, True)  # what follows multiplies with no weights
    (note,) = net.notes
    assert note.startswith('node "nms" (NonMaxSuppression) and the 3 operations after it are shown as "rest"')
    assert note.endswith('Unknown sizes are shown as 1: "y" ?x1')
    with pytest.raises(WriteError):
        cs.write(net, to="onnx")


def test_weights_that_follow_are_counted_and_their_cost_is_not_known(tmp_path: Path) -> None:
    text = "a = Conv(x, w, b) n = NonZero(a) f = Cast<to=1>(n) y = MatMul(k, f)"
    net = read(saved(Case(text, PLANE, {**CONV, "k": (2, 4)}).model(), tmp_path))
    table = net.table()
    assert (table.params.value, table.params.exact) == (6 * 36 + 6 + 8, True)
    assert (table.macs.value, table.macs.exact) == (12 * 6 * 36, False)


def _graph(node: Any, name: str, *, inputs: tuple[Any, ...] = ()) -> Any:
    return helper.make_graph([node], name, list(inputs), [helper.make_empty_tensor_value_info(node.output[-1])])


def _branching(sizes: list[Any] | None) -> Any:
    """A branch that the image decides, one way of which has a convolution."""
    text = "a = Conv(x, w, b) m = ReduceMax<keepdims=0>(a) c = Cast<to=9>(m) y = Relu(a)"
    model = Case(text, PLANE, {**CONV, "v": (2, 6, 1, 1)}).model()
    then = _graph(helper.make_node("Conv", ["a", "v"], ["t"]), "then")
    other = _graph(helper.make_node("Relu", ["a"], ["e"]), "else")
    model.graph.node[3].CopyFrom(
        helper.make_node("If", ["c"], ["y"], name="choice", then_branch=then, else_branch=other)
    )
    if sizes is not None:
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, sizes))
    return model


def test_a_branch_that_the_image_decides_is_told(tmp_path: Path) -> None:
    net = read(saved(_branching(None), tmp_path))
    table = net.table()
    assert "opaque" in ops(net)
    assert (table.params.value, table.params.exact) == (6 * 36 + 6 + 12, True)  # those inside of the branch too
    assert not table.macs.exact
    assert net.notes[0].startswith('node "choice" (If) is shown as "rest"')
    assert net.notes[0].endswith('"y" of unknown sizes')


def test_a_branch_of_a_stated_size_is_an_opaque_layer(tmp_path: Path) -> None:
    net = read(saved(_branching([1, 6, 4, 3]), tmp_path))
    assert net.output == (6, 4, 3)
    assert net.notes == ()
    assert not net.table().macs.exact


def test_the_net_goes_on_where_the_file_states_sizes(tmp_path: Path) -> None:
    text = "a = Conv(x, w, b) m = acme.Odd(a) n = acme.Even(m) y = Conv(n, v)"
    model = Case(text, PLANE, {**CONV, "v": (2, 3, 1, 1)}, domains={"acme": 1}).model()
    model.graph.value_info.append(helper.make_tensor_value_info("n", TensorProto.FLOAT, [1, 3, 2, 2]))
    net = read(saved(model, tmp_path))
    assert ops(net) == ["conv", "opaque", "conv"]
    assert net.output == (2, 2, 2)


@pytest.mark.parametrize("op", ["Loop", "Scan"])
def test_a_loop_at_the_end_is_told(op: str, tmp_path: Path) -> None:
    model = Case(
        "a = Conv(x, w, b) y = Relu(a)", PLANE, {**CONV, "n": np.array(3), "go": np.array(1, np.bool_)}
    ).model()
    kind = TensorProto.FLOAT
    state = helper.make_tensor_value_info("s", kind, None)
    if op == "Loop":
        ends = [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("k", 9, []),
            state,
        ]
        body = helper.make_graph(
            [helper.make_node("Identity", ["k"], ["k2"]), helper.make_node("Add", ["s", "a"], ["s2"])], "body", ends,
            [helper.make_tensor_value_info("k2", 9, []), helper.make_tensor_value_info("s2", kind, None)],
        )  # fmt: skip
        node = helper.make_node("Loop", ["n", "go", "a"], ["y"], name="again", body=body)
    else:
        body = helper.make_graph(
            [helper.make_node("Relu", ["s"], ["s2"])],
            "body",
            [state],
            [helper.make_tensor_value_info("s2", kind, None)],
        )
        node = helper.make_node("Scan", ["a"], ["y"], name="again", body=body, num_scan_inputs=1)
    model.graph.node[1].CopyFrom(node)
    net = read(saved(model, tmp_path))
    assert ops(net) == ["conv", "opaque"]
    assert net.notes[0].startswith(f'node "again" ({op}) is shown as "rest"')


def test_outputs_before_what_is_lost_are_exact(tmp_path: Path) -> None:
    model = Case("a = Conv(x, w, b) n = NonZero(a) y = Cast<to=1>(n)", PLANE, CONV).model()
    model.graph.output.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, None))
    net = read(saved(model, tmp_path))
    assert [net.shape(one.node) for one in net.outputs] == [(1,), (6, 4, 3)]


def test_where_nothing_is_known_before_it_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\(acme.Odd\): Convscope does not know this operator"):
        read(saved(Case("a = acme.Odd(x) y = Relu(a)", PLANE, domains={"acme": 1}).model(), tmp_path))


def test_a_refusal_says_how_to_cut_the_model_before_it(tmp_path: Path) -> None:
    """What it says works, and what is cut off then is read."""
    text = "a = Conv(x, w, b) c = Relu(a) y = Conv(c, v)"
    path = saved(Case(text, PLANE, {**CONV, "v": (2, 5, 1, 1)}).model(), tmp_path)
    with pytest.raises(ModelError, match=r"\(Conv\): the input-channel axis of the weight") as caught:
        read(path)
    wanted = 'the part before it: onnx.utils.extract_model("model.onnx", "part of model.onnx", ["x"], ["c"])'
    assert caught.value.attempt == wanted
    onnx.utils.extract_model(str(path), str(tmp_path / "part of model.onnx"), ["x"], ["c"], check_model=False)
    assert ops(read(tmp_path / "part of model.onnx")) == ["conv", "relu"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("m = ReduceMean<keepdims=1>(x, first) y = Sub(x, m)", True),
        ("y = Softmax<axis=0>(x)", True),
        ("y = ReduceMax(x)", True),
        ("y = Softmax<axis=1>(x)", False),
        ("y = ReduceMean(x, last)", False),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_what_goes_over_a_batch_of_several_is_told(text: str, told: bool, batch: int, tmp_path: Path) -> None:
    stored = {"first": np.array([0]), "last": np.array([-1])}
    used = {name: one for name, one in stored.items() if name in text}
    net = read(saved(Case(text, (batch, 4, 6, 5), used).model(), tmp_path))
    assert any("mixes the 3 samples of a batch, but a net describes a single sample" in note for note in net.notes) == (
        told and batch > 1
    )
