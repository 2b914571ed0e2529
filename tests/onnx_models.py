"""Small models in the format ONNX, from the text of their graphs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import ModelProto, ValueInfoProto, helper, numpy_helper, parser

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from convscope.core.net import Net

OPSET = 20


def numbers(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    """Random numbers, none of them near zero."""
    random = np.random.default_rng([seed, *shape])
    return np.asarray(random.uniform(0.2, 1.0, shape) * random.choice([-1, 1], shape), dtype=np.float32)


@dataclass(frozen=True)
class Case:
    """A graph with the input ``x`` and the output ``y``.

    Attributes:
        text: its operations, as ONNX writes them.
        shape: of the input, batch included.
        stored: sizes of stored random tensors, or their numbers, by name.
        opset: version of the operators.
        layers: what the net should be, in the notation; empty where any net will do that gives the right numbers.
        domains: versions of further domains.
    """

    text: str
    shape: tuple[int, ...] = (1, 4, 6, 5)
    stored: Mapping[str, Any] = field(default_factory=dict)
    opset: int = OPSET
    layers: tuple[str, ...] = ()
    domains: Mapping[str, int] = field(default_factory=dict)

    def model(self, *, tail: int = 0) -> ModelProto:
        """The model; with a linear map of so many numbers after it, so that their order counts."""
        text, stored = self.text, dict(self.stored)
        if tail:
            text += " last_flat = Flatten<axis=0>(y) last_row = Reshape(last_flat, last_one)"
            text += " last = MatMul(last_row, last_w)"
            stored |= {"last_w": numbers((tail, 7)), "last_one": np.array([1, -1])}
        graph = parser.parse_graph(f"g (float[{','.join(map(str, self.shape))}] x) => (float out) {{ {text} }}")
        graph.output[0].CopyFrom(ValueInfoProto(name="last" if tail else "y"))
        graph.output[0].type.tensor_type.elem_type = 1
        for name, one in stored.items():
            array = numbers(one, len(name)) if isinstance(one, tuple) else np.asarray(one)
            graph.initializer.append(numpy_helper.from_array(array, name))
        imports = [helper.make_opsetid(domain, version) for domain, version in self.domains.items()]
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset), *imports], ir_version=9)


def saved(model: ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    """A file with a model."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def run(model: ModelProto, x: NDArray[np.float32]) -> NDArray[Any]:
    """What ONNX Runtime computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: NDArray[Any] = session.run(None, {session.get_inputs()[0].name: x})[0]
    return found


def run_net(net: Net, x: NDArray[np.float32]) -> NDArray[Any]:
    """What the net computes with the weights of its source."""
    import torch

    from convscope.backends.torch import TorchNet, weights_in

    model = TorchNet(net).eval()
    assert net.tensors is not None
    weights_in(model, {name: torch.from_numpy(np.array(one)) for name, one in net.tensors().items()})
    with torch.no_grad():
        found: NDArray[Any] = model(torch.from_numpy(x)).numpy()
    return found


def check(case: Case, folder: Path) -> Net:
    """The net of a case computes what ONNX Runtime does, for random numbers; channels may come last in the file."""
    from convscope.frontends import read

    x = numbers(case.shape, 3)
    count = math.prod(run(case.model(), x).shape)
    model = case.model(tail=count)
    net = read(saved(model, folder))
    maps = np.moveaxis(x, -1, 1) if net.input != x.shape[1:] else x
    found, true = run_net(net, maps), run(model, x)
    assert np.abs(found.ravel() - true.ravel()).max() <= 1e-4 * max(1.0, np.abs(true).max()), str(net)
    return net
