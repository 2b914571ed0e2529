"""``convscope activations``: curves against formulas, gradients against theory, a trained net against a loop."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.cli import run as command
from convscope.core.op import REGISTRY
from convscope.data import registry
from convscope.errors import FieldError, RunError, UnknownNameError, WriteError
from convscope.lens.activation_curves import FUNCTIONS, curve, op_of, values_of
from convscope.lens.activation_nets import _left, _Tally, gradients_left
from convscope.lens.activations import Activations
from convscope.ops.act import Pointwise
from convscope.training.batches import scaled
from convscope.training.run import Run
from convscope.training.train import model_of


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def bell(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def phi(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772  # of SELU, Klambauer et al. 2017

FORMULAS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "relu": (lambda x: max(x, 0), lambda x: float(x > 0)),
    "leaky_relu:0.1": (lambda x: x if x > 0 else 0.1 * x, lambda x: 1 if x > 0 else 0.1),
    "prelu": (lambda x: x if x > 0 else 0.25 * x, lambda x: 1 if x > 0 else 0.25),
    "relu6": (lambda x: min(max(x, 0), 6), lambda x: float(0 < x < 6)),
    "clamp:-1:2": (lambda x: min(max(x, -1), 2), lambda x: float(-1 < x < 2)),
    "elu:0.5": (lambda x: x if x > 0 else math.expm1(x) / 2, lambda x: 1 if x > 0 else math.exp(x) / 2),
    "selu": (
        lambda x: SCALE * (x if x > 0 else ALPHA * math.expm1(x)),
        lambda x: SCALE * (1 if x > 0 else ALPHA * math.exp(x)),
    ),
    "sigmoid": (sigma, lambda x: sigma(x) * (1 - sigma(x))),
    "hardsigmoid": (lambda x: min(max(x + 3, 0), 6) / 6, lambda x: 1 / 6 if abs(x) < 3 else 0),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "softplus": (lambda x: math.log1p(math.exp(x)), sigma),
    "gelu": (lambda x: x * phi(x), lambda x: phi(x) + x * bell(x)),
    "silu": (lambda x: x * sigma(x), lambda x: sigma(x) * (1 + x * (1 - sigma(x)))),
    "hardswish": (
        lambda x: x * min(max(x + 3, 0), 6) / 6,
        lambda x: 0 if x < -3 else 1 if x > 3 else (2 * x + 3) / 6,
    ),
    "mish": (
        lambda x: x * math.tanh(math.log1p(math.exp(x))),
        lambda x: math.tanh(math.log1p(math.exp(x))) + x * (1 - math.tanh(math.log1p(math.exp(x))) ** 2) * sigma(x),
    ),
    "threshold:0.7": (lambda x: x if x > 0.7 else 0, lambda x: float(x > 0.7)),
    "id": (lambda x: x, lambda _: 1),
}


def test_every_function_of_one_number_is_known() -> None:
    pointwise = {
        name for name, made in REGISTRY.items() if issubclass(made, Pointwise) and "ops.act" in made.__module__
    }
    assert set(FUNCTIONS) == pointwise - {"dropout"} | {"prelu"}
    assert {name.partition(":")[0] for name in FORMULAS} == set(FUNCTIONS)


@pytest.mark.parametrize("name", FORMULAS)
def test_curves_are_the_formulas(name: str) -> None:
    value, slope = FORMULAS[name]
    xs = np.array([-7.3, -3.2, -2.9, -0.7, -0.01, 0.02, 0.9, 1.7, 2.8, 3.3, 6.4])
    ys, slopes = values_of(op_of(name), xs)
    assert ys == pytest.approx([value(x) for x in xs], abs=1e-9)
    assert slopes == pytest.approx([slope(x) for x in xs], abs=1e-8)  # torch has 1/6 in float32


NONE = (None, None)
ZONES: dict[str, tuple[str, tuple[float | None, float | None], tuple[float, float]]] = {
    "relu": ("dead", (0, None), (0, math.inf)),
    "leaky_relu:0.1": ("passes", NONE, (-math.inf, math.inf)),
    "relu6": ("dead", (0, 6), (0, 6)),
    "clamp:-1:2": ("dead", (-1, 2), (-1, 2)),
    "clamp:-100:100": ("dead", (-100, 100), (-100, 100)),
    "hardsigmoid": ("dead", (-3, 3), (0, 1)),
    "hardswish": ("dead", (-3, None), (-0.375, math.inf)),  # least at -1.5
    "elu": ("saturated", (math.log(0.05), None), (-1, math.inf)),
    "selu": ("saturated", (math.log(0.05 / SCALE / ALPHA), None), (-SCALE * ALPHA, math.inf)),
    "sigmoid": ("saturated", (-2.887271, 2.887271), (0, 1)),  # s (1 - s) = 0.05: s = (1 - sqrt(0.8)) / 2
    "tanh": ("saturated", (-2.178273, 2.178273), (-1, 1)),  # atanh(sqrt(0.95))
    "softplus": ("saturated", (math.log(0.05 / 0.95), None), (0, math.inf)),
    "silu": ("saturated", (-4.082559, None), (-0.278465, math.inf)),
    "gelu": ("saturated", (-2.348606, None), (-0.169971, math.inf)),
    "id": ("passes", NONE, (-math.inf, math.inf)),
}


@pytest.mark.parametrize("name", ZONES)
def test_zones_and_ranges(name: str) -> None:
    kind, edges, span = ZONES[name]
    found = curve(op_of(name))
    assert found.below.kind == kind
    for end, edge in zip((found.below, found.above), edges, strict=True):
        assert end.edge == (None if edge is None else pytest.approx(edge, abs=1e-3))
    assert (found.low, found.high) == pytest.approx(span, abs=1e-4)


def test_steepest_slopes() -> None:
    steepest = {"relu": 1, "sigmoid": 0.25, "hardswish": 1.5, "gelu": 1.128904, "silu": 1.099839, "selu": SCALE * ALPHA}
    for name, expected in steepest.items():
        assert curve(op_of(name)).steepest == pytest.approx(expected, rel=1e-4)


def test_a_function_that_is_flat_everywhere() -> None:
    found = curve(op_of("clamp:0:0"))
    assert found.flat(np.array([-1.0, 1.0]))["dead"].all()


def test_gradients_are_as_theory_has_them() -> None:
    """A linear layer keeps n var(w) of the squared norm: 1/3 by default, 2 by He; relu passes half of it."""
    for name, default, he in (("id", 1 / 3, 2), ("relu", 1 / 6, 1)):
        left = {(entry.init, entry.depth): entry for entry in gradients_left(op_of(name), curve(op_of(name)))}
        for depth in (10, 50):
            assert math.log(left["default", depth].median) == pytest.approx(depth / 2 * math.log(default), abs=1)
            assert math.log(left["He", depth].median) == pytest.approx(depth / 2 * math.log(he), abs=1)
            assert left["He", depth].low < left["He", depth].median < left["He", depth].high


def test_gradients_come_out_the_same_and_leave_chance_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = gradients_left(op_of("tanh"), curve(op_of("tanh")))
    assert torch.equal(torch.rand(3), expected)
    assert first == gradients_left(op_of("tanh"), curve(op_of("tanh")))
    assert [entry.init for entry in first] == ["default", "default", "Xavier", "Xavier"]


def test_a_gradient_by_hand() -> None:
    """One layer of seed 0: the same numbers drawn, and the product written out."""
    left = _left(op_of("relu"), 1, "He", 2.0)
    ratios = []
    for seed in range(9):
        torch.manual_seed(seed)
        weight = torch.empty(64, 64, dtype=torch.float64).normal_(std=math.sqrt(2 / 64))
        x, last = (torch.randn(64, 64, dtype=torch.float64) for _ in range(2))
        first = ((x @ weight.T > 0) * last) @ weight
        ratios.append(float(first.norm() / last.norm()))
    assert (left.low, left.median, left.high) == pytest.approx((min(ratios), np.median(ratios), max(ratios)))


@pytest.fixture(scope="module")
def found(short_run: Run) -> Activations:
    return cs.activations(run=short_run)


def test_a_trained_net_against_a_loop_by_hand(short_run: Run, found: Activations) -> None:
    (function,) = found.functions
    images = registry.load(short_run.dataset, "test").images[np.linspace(0, 9999, 500).astype(int)]
    x, model, seen = (
        scaled(torch.from_numpy(images.copy()), short_run.dataset),
        model_of(short_run),
        list(function.seen),
    )
    with torch.no_grad():
        for name, part in zip(model.names, model.parts, strict=True):
            if name.startswith("relu"):
                layer = seen.pop(0)
                assert layer.layer == name
                assert layer.dead == pytest.approx(float((x <= 0).double().mean()), abs=1e-4)
                assert layer.saturated == 0
                assert (layer.silent, layer.channels) == (
                    int((x <= 0).transpose(0, 1).flatten(1).all(1).sum()),
                    x.shape[1],
                )
                assert layer.counts.sum() == x.numel()
                inner = np.histogram(x.numpy(), layer.edges)[0][1:-1]
                assert np.abs(layer.counts[1:-1] - inner).sum() < 1e-3 * x.numel()
            x = part(x)
    assert not seen


def test_channels_that_are_always_flat_are_counted() -> None:
    tally = _Tally(cs.read("input 4x4x3, sigmoid").layers[0])
    x = torch.zeros(2, 3, 4, 4)
    x[:, 0], x[:, 2] = -9.0, 9.0
    x[1, 2, 3, 3] = 1.0  # one place of one image keeps a channel alive
    tally(torch.nn.Identity(), (x,))
    seen = tally.seen()
    assert (seen.silent, seen.channels, seen.dead) == (1, 3, 0.0)
    assert seen.saturated == pytest.approx((32 + 31) / 96)


def test_a_run_without_the_function(short_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError, match="has no gelu"):
        cs.activations("gelu", run=short_run)
    with pytest.raises(RunError, match="has no activation function"):
        cs.activations(run=replace(short_run, net=cs.read("input 28x28x1, linear 10")))
    assert command(["activations", "gelu", "--run", str(short_run.path)]) == 2
    assert "expected one of relu" in capsys.readouterr().err
    assert command(["activations", "--run", str(short_run.path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("RunError: ")


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("gleu", UnknownNameError, "try      gelu"),
        ("swish", UnknownNameError, "try      silu"),
        ("softmax", UnknownNameError, "not a function of one number"),
        ("conv", UnknownNameError, "not a function of one number"),
        ("clamp", FieldError, "expected clamp LOW HIGH"),
        ("relu:3", FieldError, "relu:3"),
        ("leaky_relu:a", FieldError, "neither a setting"),
        ("relu:tanh", FieldError, "more than one function"),
        ("relu,tanh", UnknownNameError, "there is no activation"),
        ("", UnknownNameError, "there is no activation"),
    ],
)
def test_wrong_functions(
    name: str, kind: type[Exception], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(kind):
        cs.activations(name or [""])
    assert command(["activations", "relu", name, "-o", str(tmp_path / "a.svg")]) == 2
    predicted = capsys.readouterr()
    assert words in predicted.err
    assert predicted.out == ""
    assert not list(tmp_path.iterdir())


def test_figures_and_plain_data(found: Activations, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, start in (("a.svg", b"<svg"), ("a.html", b"<!doctype"), ("a.png", b"\x89PNG")):
        if name.endswith("png"):
            pytest.importorskip("resvg_py")
        assert found.save(tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(WriteError, match=r"\.svg, \.html, \.png"):
        found.save(tmp_path / "a.txt")
    assert command(["activations", "relu", "tanh", "relu", "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert predicted["schema"] == "convscope/activations/2"
    assert [entry["name"] for entry in predicted["functions"]] == ["relu", "tanh"]
    assert predicted["functions"][0]["range"] == [0, None]
    assert len(predicted["functions"][1]["gradient_left"]) == 4
    assert "relu4" in str(found)
    assert found._repr_html_().startswith("<figure")
