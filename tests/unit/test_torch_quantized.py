"""Quantised modules of torch are read as the float modules that they were made of, clamps included."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.ops.act import Clamp
from convscope.writers import torch_state
from quantized_models import largest_error, loaded, run_rounded, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.net import Net

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch announces where these will move
    from torch.ao import quantization as untyped
    from torch.ao.nn.quantized import FloatFunctional
    from torch.ao.quantization import quantize_fx as untyped_fx

quantization: Any = untyped
quantize_fx: Any = untyped_fx

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

ENGINES = [name for name in ("fbgemm", "qnnpack") if name in torch.backends.quantized.supported_engines]
SHAPE = (1, 3, 8, 8)


class Stubs(nn.Module):
    """A module between the places where floats become integers and integers floats."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.quant, self.inner, self.dequant = quantization.QuantStub(), inner, quantization.DeQuantStub()

    def forward(self, x: torch.Tensor) -> Any:
        return self.dequant(self.inner(self.quant(x)))


class Joins(nn.Module):
    """Sums, products and joined channels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.add, self.mul, self.cat = FloatFunctional(), FloatFunctional(), FloatFunctional()
        self.c = nn.Conv2d(12, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.a(x))
        z = self.add.add_relu(self.b(y), y)
        found: torch.Tensor = self.c(self.cat.cat([self.mul.mul(z, y), self.mul.mul_scalar(y, 0.5)], 1))
        return found


def plain() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip


def normed() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Hardswish(), nn.Conv2d(8, 8, 3, groups=8),
        nn.LeakyReLU(0.1), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(8, 4), nn.ReLU6(),
    )  # fmt: skip


def upwards() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ELU(), nn.Upsample(scale_factor=2), nn.Conv2d(6, 4, 3, dilation=2),
        nn.Sigmoid(),
    )  # fmt: skip


MADE: dict[str, Callable[[], nn.Module]] = {"plain": plain, "normed": normed, "joins": Joins, "upwards": upwards}


def inputs(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape or SHAPE).astype(np.float32))


def float_model(made: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    return made().eval()


def static(model: nn.Module, engine: str) -> Any:
    """Quantised module by module."""
    torch.backends.quantized.engine = engine
    stubs = Stubs(model).eval()
    stubs.qconfig = quantization.get_default_qconfig(engine)
    prepared = quantization.prepare(stubs)
    for seed in range(4):
        prepared(inputs(seed))
    return quantization.convert(prepared)


def traced(model: nn.Module, engine: str) -> Any:
    """Quantised as a graph, activations fused into what is before them."""
    torch.backends.quantized.engine = engine
    prepared = quantize_fx.prepare_fx(model, quantization.get_default_qconfig_mapping(engine), (inputs(0),))
    for seed in range(4):
        prepared(inputs(seed))
    return quantize_fx.convert_fx(prepared)


def params(model: nn.Module) -> int:
    return sum(one.numel() for one in model.parameters())


def clamps(net: Net) -> list[Clamp]:
    return [layer.node.op for layer in net if isinstance(layer.node.op, Clamp)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", [static, traced])
@pytest.mark.parametrize("name", MADE)
def test_a_static_module_is_the_float_module_but_for_rounding(name: str, way: Callable[..., Any], engine: str) -> None:
    model = float_model(MADE[name])
    expected = cs.read(model, input=SHAPE).table()
    made = way(model, engine)
    net, x = cs.read(made, input=SHAPE), inputs(9)
    table = net.table()
    assert table.params.exact
    fused = 16 if name == "normed" and way is traced else 0  # a norm is fused into the convolution before it
    assert (table.params.value, table.macs) == (expected.params.value - fused, expected.macs)
    assert table.stored_bytes.value < expected.stored_bytes.value
    found, true = run_rounded(net, x.numpy(), 8).ravel(), made(x).detach().numpy().ravel()
    assert np.abs(found - true).max() <= 1.01 * step(clamps(net)[-1])


class LastState(nn.Module):
    """A recurrent layer and a linear one on its last step."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU], **settings: Any) -> None:
        super().__init__()
        self.cells = kind(6, 5, batch_first=True, **settings)
        self.head = nn.Linear(5 * (1 + self.cells.bidirectional), 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.cells(x)[0][:, -1])
        return found


DYNAMIC: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4, bias=False)), (1, 12)),
    "tokens": (lambda: nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4)), (1, 7, 12)),
    "lstm": (lambda: LastState(nn.LSTM), (1, 7, 6)),
    "lstm both": (lambda: LastState(nn.LSTM, bidirectional=True, num_layers=2), (1, 7, 6)),
    "gru": (lambda: LastState(nn.GRU), (1, 7, 6)),
}


def dynamic(model: nn.Module, dtype: torch.dtype) -> Any:
    torch.backends.quantized.engine = ENGINES[0]
    return quantization.quantize_dynamic(model, {nn.Linear, nn.LSTM, nn.GRU}, dtype=dtype)


def dequantised(model: nn.Module, made: nn.Module) -> nn.Module:
    """The float model with the weights of the quantised one, as torch's own modules give them."""
    modules = dict(made.named_modules())
    for name, twin in model.named_modules():
        module = modules[name]
        if isinstance(twin, nn.Linear):
            twin.weight.data = module.weight().dequantize().float()
        elif isinstance(twin, nn.LSTM | nn.GRU):
            for key, weight in module.get_weight().items():
                getattr(twin, key).data = weight.dequantize().float()
    return model


@pytest.mark.parametrize("dtype", [torch.qint8, torch.float16])
@pytest.mark.parametrize("name", DYNAMIC)
def test_a_dynamic_module_is_the_float_module_with_its_weights(name: str, dtype: torch.dtype) -> None:
    made, shape = DYNAMIC[name]
    model = float_model(made)
    expected = cs.read(model, input=inputs(1, *shape)).table()
    module = dynamic(model, dtype)
    net, x = cs.read(module, input=inputs(1, *shape)), inputs(9, *shape)
    table = net.table()
    assert (table.params, table.macs) == (expected.params, expected.macs)
    assert table.stored_bytes.value < expected.stored_bytes.value
    with torch.no_grad():
        true = dequantised(float_model(made), module)(x).numpy()
        code = written(net, x)
    assert np.abs(code.ravel() - true.ravel()).max() <= 1e-5


def written(net: Net, x: torch.Tensor) -> np.ndarray[Any, Any]:
    """What the written module gives for an input as the source takes it."""
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(cs.write(net, to="torch"), "<written>", "exec"), names)  # noqa: S102 -- our own code
    model = names["Net"]().eval()
    assert net.tensors is not None
    state = {key: torch.from_numpy(np.array(one)) for key, one in torch_state(net, net.tensors()).items()}
    model.load_state_dict(state)
    found: np.ndarray[Any, Any] = model(x).detach().numpy()
    return found


@pytest.mark.parametrize("name", ["linear", "tokens"])
def test_a_dynamic_module_differs_by_what_rounding_can_amount_to(name: str) -> None:
    made, shape = DYNAMIC[name]
    module = dynamic(float_model(made), torch.qint8)
    net, x = cs.read(module, input=inputs(1, *shape)), inputs(9, *shape)
    found, true = loaded(net)(x).detach().numpy().ravel(), module(x).detach().numpy().ravel()
    assert (np.abs(found - true) <= largest_error(net, x.numpy(), 127).ravel()).all()  # torch leaves out one bit


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_of_all_kinds(rank: int, *, transposed: bool) -> None:
    torch.backends.quantized.engine = "qnnpack" if transposed and rank < 3 else "fbgemm"
    kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{rank}d")
    settings: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2} | ({"output_padding": 1} if transposed else {})
    model, shape = Stubs(kind(4, 6, 3, **settings)).eval(), (1, 4, *(5, 6, 4)[:rank])
    model.qconfig = quantization.QConfig(
        activation=quantization.HistogramObserver.with_args(reduce_range=True),
        weight=quantization.MinMaxObserver.with_args(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric),
    )
    expected = cs.read(model, input=inputs(1, *shape)).table()
    prepared = quantization.prepare(model)
    prepared(inputs(1, *shape))
    made, x = quantization.convert(prepared), inputs(2, *shape)
    net = cs.read(made, input=x)
    table = net.table()
    assert (table.params, table.macs) == (expected.params, expected.macs)
    found, true = run_rounded(net, x.numpy(), 8), made(x).detach().numpy()
    assert np.abs(found - true).max() <= 1.01 * step(clamps(net)[-1])


def test_packed_weights_that_nobody_can_tell_are_unknown_and_not_none() -> None:
    torch.backends.quantized.engine = ENGINES[0]
    cell = quantization.quantize_dynamic(nn.Sequential(nn.LSTMCell(6, 5)), {nn.LSTMCell})[0]

    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = cell

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.cell(x)[0]
            return found

    total = cs.read(Loop(), input=inputs(1, 1, 6)).table().params
    assert not total.exact


def test_a_quantised_module_that_is_used_twice_is_counted_once() -> None:
    shared = dynamic(nn.Sequential(nn.Linear(4, 4)), torch.qint8)[0]
    table = cs.read(nn.Sequential(shared, nn.ReLU(), shared), input=inputs(1, 1, 4)).table()
    assert (table.params.value, table.macs.value) == (20, 32)


def test_a_module_that_is_trained_to_be_quantised() -> None:
    torch.backends.quantized.engine = ENGINES[0]
    model = Stubs(plain()).train()
    model.qconfig = quantization.get_default_qat_qconfig(ENGINES[0])
    prepared = quantization.prepare_qat(model)
    prepared(inputs(0, 8, 3, 8, 8))
    prepared.eval().apply(quantization.disable_observer)
    expected = cs.read(plain(), input=SHAPE).table()
    net, x = cs.read(prepared, input=SHAPE), inputs(9)
    table = net.table()
    assert (table.params, table.macs) == (expected.params, expected.macs)
    found, true = run_rounded(net, x.numpy(), 8), prepared(x).detach().numpy()
    assert np.abs(found - true).max() <= 1.01 * step(clamps(net)[-1])


@pytest.mark.parametrize("way", [static, traced])
def test_verify_probes_the_module_that_is_built_of_a_quantised_one(way: Callable[..., Any]) -> None:
    found = cs.verify(way(float_model(plain), ENGINES[0]), input="8x8x3", units=2)
    assert found.passed
    assert any("quantised" in doubt for doubt in found.doubts)


def test_an_input_that_does_not_fit_is_refused() -> None:
    module = dynamic(float_model(DYNAMIC["linear"][0]), torch.qint8)
    with pytest.raises(cs.ConvscopeError):
        cs.read(module, input=inputs(1, 1, 11))
    with pytest.raises(cs.ConvscopeError):
        cs.read(static(float_model(plain), ENGINES[0]), input="8x8x4")


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("trained", [False, True])
def test_a_module_that_is_observed_is_the_float_module(*, trained: bool, fresh: bool) -> None:
    model = Stubs(plain()).train(trained)
    names = ("get_default_qat_qconfig", "prepare_qat") if trained else ("get_default_qconfig", "prepare")
    config, prepare = (getattr(quantization, name) for name in names)
    model.qconfig = config(ENGINES[0])
    prepared = prepare(model)
    if not fresh:
        prepared(inputs(0, 8, 3, 8, 8))
    before = {key: one.clone() for key, one in prepared.state_dict().items()}
    table, expected = cs.read(prepared, input=SHAPE).table(), cs.read(plain(), input=SHAPE).table()
    assert (table.params, table.macs) == (expected.params, expected.macs)
    assert [row.op for row in table.rows] == [row.op for row in expected.rows]
    assert all(torch.equal(one, before[key]) for key, one in prepared.state_dict().items())
    assert not any("forward" in vars(one) for one in prepared.modules())
