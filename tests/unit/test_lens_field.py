"""Measured fields against theory, and the pixels that slopes reach against the exact field."""

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.errors import FieldError, UnknownNameError
from convscope.lens.field import reach
from convscope.lens.measured import Measured, jackknife, measured, widths
from convscope.lens.subject import subject
from convscope.training.run import Run

DEPTH, CHANNELS, DRAWS = 5, 16, 24


def heats(act: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Absolute and squared slopes of the middle unit of a stack of 3x3, for many draws of the weights."""
    text = f"input 15x15x1, {DEPTH}*( conv {CHANNELS} 3x3 p1 nobias {act} )"
    found = []
    for seed in range(DRAWS):
        seen = subject(text, seed=seed)
        noise = torch.randn(8, 1, 15, 15, generator=torch.Generator().manual_seed(seed))
        at = [slice(7, 8), slice(7, 8)]
        last = seen.model.names[-1]
        found.append(measured(seen.model, last, at, noise, weights="random", area=121))
    return np.stack([one.heat for one in found]), np.stack([one.squares.mean(0) for one in found])


@pytest.mark.parametrize("act", ["", "relu"])
def test_squares_of_slopes_of_random_stacks_spread_by_the_law(act: str) -> None:
    """Variance n(k^2-1)/12 along each axis: 5 * 8/12 = 10/3 for five 3x3."""
    _, squares = heats(act)
    law = (DEPTH * (3**2 - 1) / 12) ** 0.5
    for found, error in zip(widths(squares.mean(0)), jackknife(squares), strict=True):
        assert abs(found - law) <= 4 * error
        assert error < 0.05 * law  # else the test could not fail


def test_absolute_slopes_are_wider_by_what_the_square_root_of_the_box_says() -> None:
    """The root of the variance's profile: for each axis the root of the five-fold convolution of 1, 1, 1."""
    absolute, _ = heats()
    profile = np.ones(1)
    for _ in range(DEPTH):
        profile = np.convolve(profile, np.ones(3))
    profile = np.sqrt(profile)
    places = np.arange(len(profile)) - DEPTH
    expected = float(np.sqrt((profile * places**2).sum() / profile.sum()))
    for found, error in zip(widths(absolute.mean(0)), jackknife(absolute), strict=True):
        assert abs(found - expected) <= 4 * error + 0.02 * expected  # sums of few channels are not quite Gaussian
    assert widths(absolute.mean(0))[0] > 1.2 * (DEPTH * 8 / 12) ** 0.5


def test_equal_weights_are_measured_as_they_are_worked_out() -> None:
    text = "input 12x12x1, conv 1 3x3 nobias, avgpool 2, conv 1 2x2 nobias"
    seen = subject(text)
    with torch.no_grad():
        for weight in seen.model.parameters():
            weight.fill_(1.0)
    found = measured(
        seen.model, "conv2", [slice(1, 2), slice(2, 3)], torch.zeros(1, 1, 12, 12), weights="ones", area=36
    )
    theory = cs.effective(cs.read(text), "conv2", (1, 2))
    np.testing.assert_allclose(found.heat / found.heat.sum(), theory.heat, atol=1e-7)
    assert found.std == pytest.approx(theory.std)
    assert found.shares() == pytest.approx(theory.shares())


NETS = (
    "input 23x19x2, conv 4 3x3 s2 p1, tanh, conv 4 3x3 d2, add( conv 4 3x3 p1 tanh | id ), avgpool 2",
    "input 16x16x1, conv 3 5x3 p2x0 d1, cat( conv 2 1x1 | avgpool 3 s1 p1 | conv 2 3x3 p1 ), sigmoid, conv 4 2x2 s2",
    "input 14x20x3, conv 2 3x3 s3, up 2, conv 3 3x3 same, tanh",
    "input 21x21x1, 2*( conv 4 3x3 d2 p2 ), avgpool 3 s2",
)


def test_slopes_reach_just_the_field_of_200_random_units() -> None:
    random = np.random.default_rng(0)
    seen = [subject(text) for text in NETS]
    for _ in range(200):
        one = seen[random.integers(len(seen))]
        layer = one.net.layers[random.integers(len(one.net))]
        at = [int(random.integers(size)) for size in layer.output[1:]]
        noise = torch.randn(3, *one.net.input, generator=torch.Generator().manual_seed(1))
        found = measured(one.model, layer.node.name, [slice(a, a + 1) for a in at], noise, weights="random", area=1)
        lens = reach(one, layer=layer.node.name, at=at, images=1)
        rows, columns = np.flatnonzero(found.heat.any(1)), np.flatnonzero(found.heat.any(0))
        assert lens.unit.box == ((rows[0], rows[-1]), (columns[0], columns[-1])), (str(one.net), layer.node.name, at)
        np.testing.assert_array_equal(found.heat > 0, lens.unit.mask)  # holes included


def test_a_run_is_measured_before_and_after(short_run: Run) -> None:
    found = reach(subject(short_run))
    assert found.layer == "relu3"
    assert found.why == "the last feature map before the scores"
    assert [one.weights for one in found.both] == ["random, seed 0", "trained"]
    assert found.over == "64 test images of mnist"
    assert found.image is not None
    assert found.image.label == 7
    said = str(found)
    assert said.startswith("receptive field of relu3 at 1, 1, image 28x28; layer: the last feature map before")
    assert "box        2 … 24, 2 … 24  (23x23)" in said
    data = found.to_json()
    assert data["schema"] == "convscope/lens-field/2"
    assert data["trained"]["std"] == pytest.approx(found.trained.std if found.trained else None)


def test_a_net_without_weights_has_no_trained_side() -> None:
    found = reach(subject("input 9x9x1, conv 2 3x3, gap"))
    assert found.trained is None
    assert found.over == "64 noise images"
    assert found.image is None


def test_one_group_has_no_error_and_nothing_is_said_of_no_slope() -> None:
    assert np.isnan(jackknife(np.ones((1, 3, 3)))).all()
    flat = Measured("random", 1, np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), 9)
    assert str(flat) == "weights random: no gradient reaches the image"
    assert flat.shares() == {}


def test_units_that_are_not_there() -> None:
    seen = subject("input 9x9x1, conv 2 3x3, gap")
    with pytest.raises(FieldError):
        reach(seen, at=(7, 0))
    with pytest.raises(UnknownNameError, match="conv9"):
        reach(seen, layer="conv9")
