"""ONNX files are valid and compute what the net computes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import convscope as cs
from convscope.backends.torch import TorchNet, weights_in
from convscope.cli import run
from convscope.core.net import Net
from convscope.core.op import Example, Op
from convscope.errors import WriteError
from convscope.training.run import Run
from convscope.training.train import tensors_of
from convscope.writers.weights import initial
from written import EXAMPLES, NETS, filled, net_of, sample


def answer(data: bytes, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What onnxruntime computes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    (found,) = onnxruntime.InferenceSession(data, options).run(None, {"input": x.astype(np.float32)})
    return np.asarray(found)


def bytes_of(net: Net, **more: Any) -> bytes:
    data = cs.write(net, to="onnx", **more)
    assert isinstance(data, bytes)
    return data


def error(net: Net) -> float:
    """How far onnxruntime in float32 is from torch in float64, relative to numbers above 1."""
    model, tensors = filled(net, seed=4)
    data = bytes_of(net, tensors=tensors)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    x = sample(net)
    with torch.no_grad():
        true = model(torch.from_numpy(x)).numpy()
    found = answer(data, x)
    assert found.shape == true.shape
    assert np.array_equal(np.isnan(found), np.isnan(true))
    return float(np.nan_to_num(np.abs(found - true) / np.maximum(1, np.abs(true))).max())


@pytest.mark.parametrize("name", NETS)
def test_nets(name: str) -> None:
    assert error(cs.read(NETS[name])) <= 1e-5


@pytest.mark.parametrize(("made", "example"), EXAMPLES, ids=[example.text for _, example in EXAMPLES])
def test_every_op(made: type[Op], example: Example) -> None:
    net = net_of(made, example)
    if made.keyword != "opaque":
        assert error(net) <= 1e-5
        return
    with pytest.raises(WriteError, match="it: opaque has no spelling in onnx"):
        bytes_of(net)


def test_a_wrong_weight_would_be_found() -> None:
    net = cs.read(NETS["lenet"])
    _, tensors = filled(net)
    x = sample(net)
    right = answer(bytes_of(net, tensors=tensors), x)
    wrong = answer(bytes_of(net, tensors={**tensors, "conv1.bias": tensors["conv1.bias"] + 1e-2}), x)
    assert np.abs(right - wrong).max() > 1e-5


def test_layers_and_tensors_keep_their_names() -> None:
    net = cs.read("input 8x8x1, stem: conv 4 3x3, bn, relu")
    model = onnx.load_from_string(bytes_of(net))
    assert [node.output[0] for node in model.graph.node] == ["stem", "bn1", "relu1"]
    assert {"stem.weight", "stem.bias", "bn1.running_mean"} <= {array.name for array in model.graph.initializer}
    shapes = [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input]
    assert shapes == [["n", 1, 8, 8]]


def test_tensors_that_are_missing_or_of_another_shape() -> None:
    net = cs.read("input 8x8x1, conv 4 3x3 nobias")
    with pytest.raises(WriteError, match=r"there is no tensor conv1\.weight"):
        bytes_of(net, tensors={})
    with pytest.raises(WriteError, match=r"conv1\.weight has the shape \(4,\)"):
        bytes_of(net, tensors={"conv1.weight": np.zeros(4)})


def test_random_weights_follow_the_seed_and_keep_the_scale() -> None:
    net = cs.read("input 16x16x64, conv 64 3x3 bn relu, conv 64 3x3 relu")
    assert bytes_of(net) == bytes_of(net)
    assert bytes_of(net) != bytes_of(net, seed=1)
    tensors = initial(net)
    assert abs(float(tensors["conv1.weight"].std()) - (2 / 576) ** 0.5) < 1e-3
    assert tensors["bn1.running_var"].tolist() == [1.0] * 64


def test_the_command_says_that_weights_are_random(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.onnx"
    assert run(["write", NETS["lenet"], "-o", str(path), "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"the net has no weights: they are random, with seed 3\nwrote {path}\n")
    assert path.read_bytes() == bytes_of(cs.read(NETS["lenet"]), seed=3)


def test_a_run_is_written_with_its_weights(short_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "digits.onnx"
    assert run(["write", str(short_run.path), "-o", str(path)]) == 0
    assert capsys.readouterr().err == f"wrote {path}\n"
    model = TorchNet(short_run.net).eval()
    weights_in(model, {key: torch.from_numpy(value) for key, value in tensors_of(short_run).items()})
    x = sample(short_run.net)
    with torch.no_grad():
        true = model(torch.from_numpy(x).float()).numpy()
    assert np.abs(answer(path.read_bytes(), x) - true).max() <= 1e-5
