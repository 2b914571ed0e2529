"""Models that nobody here wrote, through every verb, and written to three languages: nothing is silently wrong."""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

if not all(map(find_spec, ("keras", "onnx", "onnxruntime", "timm", "torchvision"))):
    pytest.skip("a zoo is not installed", allow_module_level=True)

import convscope as cs
from peers import sources
from peers.through import STEPS, through
from peers.zoo import make_importable

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.peer, pytest.mark.slow]

MODULES = {
    "torchvision:squeezenet1_1": 64,
    "torchvision:shufflenet_v2_x0_5": 64,
    "torchvision:googlenet": 64,
    "timm:resnet10t": 64,
    "timm:lcnet_050": 64,
    "timm:edgenext_xx_small": 64,
    "timm:mobilevit_xxs": 64,
    "timm:pvt_v2_b0": 64,
    "timm:repvgg_a0": 64,
    "timm:mixer_s32_224": 224,
    "timm:vit_tiny_r_s16_p8_224": 224,
}
"""One of each kind of architecture, by the side of the image."""

SMALL = ("light_squeezenet", "light_shufflenet")
"""Files that are small enough to be written and run here; the others are only read."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The zoos warn about each other's names."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    make_importable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(threads)


def told(found: dict[str, Any]) -> dict[str, str]:
    """What every step says that is neither right nor a bound that is marked as one."""
    steps = [step for step in STEPS if step in found]
    return {step: str(found[step]) for step in steps if found[step]["says"] not in {"ok", "bound"}}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    package, _, model = name.partition(":")
    found = through(sources.module(package, model, MODULES[name]), limit=0)
    assert not told(found)
    assert found["table"]["says"] == "ok"


def test_keras() -> None:
    found = through(sources.keras_net("MobileNetV2"), limit=0)
    assert not told(found)


LISTED = {f"{one['package']}: {'/'.join(Path(one['path']).parts[-2:])}": one for one in sources.LISTED["files"]}


@pytest.mark.parametrize("name", LISTED)
def test_files_have_what_is_listed(name: str) -> None:
    listed = LISTED[name]
    path = sources.place(listed)
    if path is None:
        pytest.skip(f"{sources.WHEELS} names no folder with {listed['package']}-{listed['version']}")
    table = cs.read(path, input=listed.get("input")).table()
    for what, total in (("params", table.params), ("macs", table.macs)):
        if what in listed:
            assert (total.value, total.exact) == (listed[what], True), what
    assert len(table.outputs) == len(listed["outputs"])


@pytest.mark.parametrize("name", LISTED)
def test_files(name: str) -> None:
    listed = LISTED[name]
    if listed.get("installed") and Path(listed["path"]).stem not in SMALL:
        pytest.skip("too large for this test; read in the one above")
    source = sources.file(listed)
    if source is None:
        pytest.skip(f"{sources.WHEELS} names no folder with {listed['package']}-{listed['version']}")
    found = through(source, limit=0)
    opaque = {
        step: word for step, word in told(found).items() if found[step]["says"] != "opaque" or not found["opaque"]
    }
    assert set(opaque) <= ({"keras"} if "lstm has no spelling" in str(opaque) else set()), opaque
    net = cs.read(source.model, input=source.input)
    sizes = ["x".join(map(str, one.shape)) for one in source.run(net, sources.given(net))]
    assert sizes == listed["outputs"]


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (lambda outputs: outputs[:1], "2 outputs, the model has 1"),
        (lambda outputs: outputs[::-1], "values differ"),
        (lambda outputs: [one.transpose(2, 3) for one in outputs], "output 0: "),
        (lambda outputs: [one + 0.01 for one in outputs], "values differ"),
    ],
)
def test_a_writer_that_were_wrong_would_be_found(fault: Any, step: str) -> None:
    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.a(x), self.b(x)

    torch.manual_seed(0)
    made = Two().eval()
    truth = sources.Truth(224, 2 * 108 * 54)
    source = sources.Source("two", "here", made, "8x11x3", lambda _, inputs: list(made(*inputs)), lambda _: truth)
    with torch.no_grad():
        assert not told(through(source, limit=0))
        wrong = replace(source, run=lambda net, inputs: fault(source.run(net, inputs)))
        found = told(through(wrong, limit=0, steps=("torch", "keras", "onnx")))
    assert set(found) == {"torch", "keras", "onnx"}
    assert all(step in why for why in found.values())
    less = through(replace(source, truth=lambda _: truth._replace(params=225)), limit=0, steps=("table",))
    assert less["table"]["why"] == "params 224, counted 225"
