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
from convscope.backends.lower import lower
from convscope.cli import run as command
from convscope.core.op import REGISTRY
from convscope.data import registry
from convscope.errors import FieldError, RunError, UnknownNameError, WriteError
from convscope.lens.activation_curves import FUNCTIONS, curve, op_of
from convscope.lens.activation_formulas import values_of
from convscope.lens.activation_gradients import SEEDS, TABLE, VERSION, Left, _drawn, _left, measure, stored, through
from convscope.lens.activation_nets import _Tally
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


def lowered(name: str) -> torch.nn.Module:
    """The layer that is trained."""
    return lower(op_of(name), ((1,),)).double()


@pytest.mark.parametrize("name", [*FORMULAS, "leaky_relu", "elu", "gelu:approx", "clamp:2:-1", "threshold:-1"])
def test_formulas_are_the_layers_that_train(name: str) -> None:
    """Values and derivatives are those of autograd, far from zero and at the kinks, too."""
    xs = np.array([*np.linspace(-12, 12, 385), -700.0, -40.0, -6.0, -3.0, -1.0, -0.0, 0.7, 2.0, 3.0, 6.0, 40.0, 700.0])
    x = torch.from_numpy(xs).reshape(-1, 1).requires_grad_()
    y = lowered(name)(x)
    (derivative,) = torch.autograd.grad(y.sum(), x)
    ys, derivatives = values_of(op_of(name), xs)
    assert ys == pytest.approx(y.detach().numpy().ravel(), abs=1e-8)  # torch's softplus is x above 20
    assert derivatives == pytest.approx(derivative.numpy().ravel(), abs=1e-8)


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "hardswish"])
@pytest.mark.parametrize("gain", [0.0, 2.0])
def test_gradients_are_those_of_autograd(name: str, gain: float) -> None:
    random = np.random.default_rng(7)
    layers = [_drawn(random, gain) for _ in range(3)]
    x, last = (random.standard_normal((64, 64)) for _ in range(2))
    leaf = torch.from_numpy(x).requires_grad_()
    y, function = leaf, lowered(name)
    for weight, bias in layers:
        y = function(torch.nn.functional.linear(y, torch.from_numpy(weight), torch.from_numpy(bias)))
    (first,) = torch.autograd.grad(y, leaf, torch.from_numpy(last))
    assert through(op_of(name), layers, x, last) == pytest.approx(first.numpy(), rel=1e-6, abs=1e-9)


def test_weights_are_drawn_as_torch_draws_them() -> None:
    module, (weight, bias) = torch.nn.Linear(64, 64), _drawn(np.random.default_rng(0), 0.0)
    for ours, theirs in ((weight, module.weight.detach()), (bias, module.bias.detach())):
        assert ours.std() == pytest.approx(float(theirs.std()), rel=0.3)
        assert max(np.abs(ours).max(), float(theirs.abs().max())) <= 1 / 8


def test_gradients_are_as_theory_has_them() -> None:
    """A linear layer keeps n var(w) of the squared norm: 1/3 by default, 2 by He; relu passes half of it."""
    for name, default, he in (("id", 1 / 3, 2), ("relu", 1 / 6, 1)):
        left = {(entry.init, entry.depth): entry for entry in stored(op_of(name))}
        for depth in (10, 50):
            assert math.log(left["default", depth].median) == pytest.approx(depth / 2 * math.log(default), abs=1)
            assert math.log(left["He", depth].median) == pytest.approx(depth / 2 * math.log(he), abs=1)
            assert left["He", depth].low < left["He", depth].median < left["He", depth].high


@pytest.mark.parametrize("name", ["relu", "sigmoid"])
def test_the_stored_gradients_are_those_that_are_measured(name: str) -> None:
    op = op_of(name)
    for kept, found in zip(stored(op), measure(op, curve(op)), strict=True):
        assert (kept.depth, kept.init) == (found.depth, found.init)
        assert (kept.median, kept.low, kept.high) == pytest.approx((found.median, found.low, found.high), rel=1e-6)


def test_the_table_has_what_is_shown_by_default() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    assert table["version"] == VERSION
    assert table["nets"] == cs.activations("relu").to_json()["nets"]
    assert all(function.left for function in cs.activations().functions)
    assert {name.partition(" ")[0] for name in table["functions"]} == set(FUNCTIONS)


def test_the_identity_keeps_a_gradient_that_sigmoid_loses(capsys: pytest.CaptureFixture[str]) -> None:
    identity, sigmoid = cs.activations(["id", "sigmoid"]).functions
    assert {left.depth: left.verdict for left in identity.left if left.init == "He"} == {10: "kept", 50: "grows"}
    assert {left.verdict for left in sigmoid.left} == {"vanishes"}
    assert command(["activations", "id", "sigmoid"]) == 0
    said = capsys.readouterr().out
    assert "  grows with id (no activation)\n  vanishes with sigmoid" in said
    assert "gradient after 10 layers" in said


def test_what_is_not_stored_is_said_and_can_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["activations", "relu", "leaky_relu:0.3"]) == 0
    said = capsys.readouterr().out
    assert "no gradients are stored for leaky_relu 0.3: --measure measures them" in said
    assert cs.activations("leaky_relu:0.3").to_json()["functions"][0]["gradient_left"] is None
    assert command(["activations", "leaky_relu:0.3", "relu", "--measure", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["gradients"] == "measured"
    assert [len(entry["gradient_left"]) for entry in json.loads(out)["functions"]] == [4, 4]
    assert err.splitlines() == ["measuring leaky_relu 0.3 (1 of 2)", "measuring relu (2 of 2)"]


def test_nets_that_differ_are_not_given_one_verdict() -> None:
    assert Left(50, "He", 1.0, 1e-9, 2.0).verdict == "varies"
    assert Left(50, "He", 1e6, 1e4, 1e8).verdict == "grows"


def test_a_gradient_by_hand() -> None:
    """One layer: the same numbers drawn, and the product written out."""
    left = _left(op_of("relu"), 1, "He", 2.0)
    ratios = []
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        weight = random.normal(0, math.sqrt(2 / 64), (64, 64))
        x, last = (random.standard_normal((64, 64)) for _ in range(2))
        first = ((x @ weight.T > 0) * last) @ weight
        ratios.append(np.sqrt((first**2).sum() / (last**2).sum()))
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
        ("softmax", UnknownNameError, "not an elementwise function"),
        ("conv", UnknownNameError, "not an elementwise function"),
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
    assert predicted["schema"] == "convscope/activations/3"
    assert [entry["name"] for entry in predicted["functions"]] == ["relu", "tanh"]
    assert predicted["functions"][0]["range"] == [0, None]
    assert len(predicted["functions"][1]["gradient_left"]) == 4
    assert "relu4" in str(found)
    assert found._repr_html_().startswith("<figure")
