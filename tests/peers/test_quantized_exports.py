"""Models of timm, quantised by ONNX Runtime's tools, are read as the float models: params, multiply-adds, outputs."""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from convscope.frontends import read
from onnx_models import run, run_net
from peers.zoo import make_importable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        not all(map(find_spec, ("onnxruntime", "timm", "torchvision"))),
        reason="onnxruntime, timm or torchvision is not installed",
    ),
    pytest.mark.filterwarnings("ignore"),
]

NETS = {"resnet18": 64, "mobilenetv3_small_100": 64, "convnext_atto": 64, "vit_tiny_patch16_224": 224}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Exported models; the tool that quantises them advises on every call."""
    logging.disable(logging.WARNING)
    yield tmp_path_factory.mktemp("quantized")
    logging.disable(logging.NOTSET)


def exported(name: str, folder: Path) -> Path:
    """A model with random weights, as torch exports it."""
    path = folder / f"{name}.onnx"
    if not path.exists():
        make_importable()
        import timm

        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model: Any = timm.create_model(name).eval()
            image = torch.zeros(1, 3, NETS[name], NETS[name])
            torch.onnx.export(model, (image,), path, dynamo=False, opset_version=17, input_names=["x"])
    return path


def image(name: str, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((1, 3, NETS[name], NETS[name])).astype(np.float32)


@pytest.mark.parametrize("name", NETS)
def test_static_quantisation_to_16_bits(folder: Path, name: str) -> None:
    """In 16 bits rounding amounts to little: what differs by less than one step of 8 bits is the same function."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):  # type: ignore[misc] # not typed
        left: Any = iter([{"x": image(name, 0)}, {"x": image(name, 1)}])

        def get_next(self) -> Any:
            return next(self.left, None)

    before, after = exported(name, folder), folder / f"{name}-static.onnx"
    settings = {"per_channel": True, "activation_type": QuantType.QUInt16, "quant_format": QuantFormat.QDQ}
    quantize_static(before, after, Samples(), **settings)
    net, x = read(after), image(name, 7)
    expected, table = read(before).table(), net.table()
    assert (table.params, table.macs) == (expected.params, expected.macs)
    assert table.stored_bytes.value < expected.stored_bytes.value / 3
    found, true = run_net(net, x).ravel(), run(onnx.load(after), x).ravel()
    assert np.abs(found - true).max() <= np.abs(true).max() / 255


@pytest.mark.parametrize("name", [name for name in NETS if name != "resnet18"])  # the tool does not find its weights
def test_dynamic_quantisation(folder: Path, name: str) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    before, after = exported(name, folder), folder / f"{name}-dynamic.onnx"
    quantize_dynamic(before, after, weight_type=QuantType.QUInt8)
    net, table = read(after), read(before).table()
    assert (net.table().params, net.table().macs) == (table.params, table.macs)
    assert [row.op for row in net.table().rows] == [row.op for row in table.rows]
