"""Netron itself must find our metrics: its own code opens a model and the file, under node."""

import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convscope.cli import run

onnx = pytest.importorskip("onnx")
PACKAGE = find_spec("netron")
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(PACKAGE is None, reason="netron is not installed"),
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
]

NET = "input 9x9x1, stem: conv 4 3x3, relu, head: conv 2 1x1 nobias"


@pytest.fixture(scope="module")
def netron(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Netron's files as a package of modules, which is how its page loads them."""
    assert PACKAGE
    assert PACKAGE.submodule_search_locations
    folder = tmp_path_factory.mktemp("netron")
    shutil.copytree(PACKAGE.submodule_search_locations[0], folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The net as an ONNX file whose nodes have the names of our layers."""
    make, array = onnx.helper.make_node, onnx.numpy_helper.from_array
    shapes = {"w1": (4, 1, 3, 3), "b1": (4,), "w2": (2, 4, 1, 1)}
    nodes = [
        make("Conv", ["x", "w1", "b1"], ["a"], name="stem"),
        make("Relu", ["a"], ["b"], name="relu1"),
        make("Conv", ["b", "w2"], ["y"], name="head"),
    ]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", (1, 1, 9, 9)), ("y", (1, 2, 7, 7)))
    ]
    weights = [array(np.zeros(shape, np.float32), name) for name, shape in shapes.items()]
    path = tmp_path / "net.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)), path)
    return path


def shown(netron: Path, model: Path, metrics: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("netron.mjs")
    done = subprocess.run(
        ["node", str(script), str(netron), str(model), str(metrics)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_netron_shows_our_numbers_beside_the_model(netron: Path, model: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "net.metrics.json"
    assert run(["table", NET, "--to", "netron", "-o", str(metrics)]) == 0
    found = shown(netron, model, metrics)
    assert found["taken"] is True
    # 3*3*4 + 4 and 4*2 params; 7*7*4*9 and 7*7*2*4 multiply-adds, two FLOPs each; maps of 7*7*(4 + 4 + 2) numbers
    assert found["model"] == {
        "parameters": "48", "MACs": "2,156", "FLOPs": "4.31 k", "activations": "1.91 KiB (float32, batch 1)"
    }  # fmt: skip
    assert set(found["nodes"]) == {"stem", "relu1", "head"}
    stem, head = found["nodes"]["stem"], found["nodes"]["head"]
    assert stem["metadata"] == {"op": "conv 4 3x3", "output": "7x7x4"}
    assert (stem["metrics"]["parameters"], stem["metrics"]["MACs"]) == ("40", "1,764")
    assert (head["metrics"]["receptive field"], head["metrics"]["MACs"]) == ("3x3", "392")


def test_netron_would_not_show_another_file(netron: Path, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "table.json"
    assert run(["table", NET, "--json", "-o", str(other)]) == 0
    found = shown(netron, model, other)
    assert found["taken"] is False
    assert found["model"] == {}
    assert found["nodes"]["stem"] == {"metadata": {}, "metrics": {}}
