"""What torch's exporter makes of recurrent cells, learned queries and computed weights; float16 of ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from convscope.frontends import read
from onnx_models import Case, numbers, run, run_net, saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore")


class Cells(nn.Module):
    """A recurrent cell from zeros, for every place of a sequence."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        h = c = torch.zeros(x.shape[0], 5)
        for at in range(x.shape[1]):
            found = self.cell(x[:, at], (h, c) if isinstance(self.cell, nn.LSTMCell) else h)
            h, c = found if isinstance(found, tuple) else (found, c)
        return h


class Queries(nn.Module):
    """Learned places look at those of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.learned = nn.Parameter(torch.randn(1, 4, 8))
        self.norm, self.first = nn.LayerNorm(8), nn.Linear(8, 8)
        self.look, self.last = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        asked = self.first(self.norm(self.learned))
        found: Tensor = self.last(self.look(asked, x, x, need_weights=False)[0])
        return found


class Computed(nn.Module):
    """A kernel that a linear map makes of a learned code."""

    def __init__(self) -> None:
        super().__init__()
        self.code, self.map = nn.Parameter(torch.randn(1, 6)), nn.Linear(6, 4 * 3 * 9)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.map(torch.relu(self.code)).view(4, 3, 3, 3))


class Resized(nn.Module):
    """Learned position codes, made as large as the map."""

    def __init__(self) -> None:
        super().__init__()
        self.code, self.conv = nn.Parameter(torch.randn(1, 4, 5, 5)), nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + nn.functional.interpolate(self.code, size=(8, 8), mode="bicubic")  # type: ignore[no-any-return] # torch's Module is not typed


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "LSTMCell": (lambda: Cells(nn.LSTMCell(6, 5)), (1, 7, 6)),
    "GRUCell": (lambda: Cells(nn.GRUCell(6, 5)), (1, 7, 6)),
    "RNNCell": (lambda: Cells(nn.RNNCell(6, 5)), (1, 7, 6)),
    "queries": (Queries, (1, 9, 8)),
    "a kernel that is computed": (Computed, (1, 3, 8, 8)),
    "codes that are resized": (Resized, (1, 3, 8, 8)),
}


@pytest.mark.parametrize("name", MODULES)
def test_tensors_that_do_not_depend_on_the_image_are_computed(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, shape = MODULES[name]
    model, x, path = make().eval(), torch.randn(shape), tmp_path / "net.onnx"
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.rand_like(parameter))  # no two tensors are equal
        true = model(x).numpy()
    torch.onnx.export(model, (x,), path, dynamo=False, opset_version=17, do_constant_folding=False)
    net = read(path)
    assert all(layer.node.op.keyword != "opaque" for layer in net)
    assert net.table().params.value == sum(parameter.numel() for parameter in model.parameters())
    assert np.allclose(np.sort(run_net(net, x.numpy()), None), np.sort(true, None), atol=1e-4)


@pytest.mark.parametrize("kept", [True, False], ids=["inputs kept", "inputs too"])
def test_a_model_that_onnx_runtime_has_made_float16(kept: bool, tmp_path: Path) -> None:
    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    text = "a = Conv<pads=[1,1,1,1]>(x, w, b) c = Relu(a) d = MaxPool<kernel_shape=[2,2]>(c) y = Softmax<axis=1>(d)"
    model = Case(text, (1, 4, 6, 8), {"w": (6, 4, 3, 3), "b": (6,)}).model()
    true = read(saved(model, tmp_path))
    half = float16.convert_float_to_float16(onnx.shape_inference.infer_shapes(model), keep_io_types=kept)
    found = read(saved(half, tmp_path, "half.onnx"))
    assert [layer.node.op for layer in found] == [layer.node.op for layer in true]
    assert found.table().params == true.table().params
    x = numbers((1, 4, 6, 8))
    assert np.abs(run_net(found, x) - run(model, x)).max() < 1e-2
