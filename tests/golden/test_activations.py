"""What the figure of activation functions looks like; and where its lines and zones must lie, whoever drew it."""

import re

import pytest

import convscope as cs
from convscope.lens.activations import Activations
from golden.golden import same_as_golden


@pytest.fixture(scope="module")
def found() -> Activations:
    return cs.activations(["relu", "tanh"])


def test_figure(found: Activations) -> None:
    same_as_golden("figures/activations.svg", found.figure().to_svg().rstrip("\n"))
    same_as_golden("figures/activations.txt", str(found))


def test_curves_and_zones_lie_where_they_must(found: Activations) -> None:
    drawn = found.figure().to_svg()
    frames = re.findall(r'class="rule" d="M([\d.]+) ([\d.]+)V([\d.]+)h([\d.]+)"', drawn)
    curves = [path for path in re.findall(r'd="(M[^"]*)" fill="none" stroke="#0072b2"', drawn) if "L" in path]
    zones = re.findall(r'<rect x="([\d.]+)" [^>]*? width="([\d.]+)"', drawn)
    placed = []
    for (left, top, bottom, wide), path in zip([map(float, frame) for frame in frames], curves, strict=True):
        pairs = [map(float, pair.split()) for pair in re.split("[ML]", path)[1:]]
        high = bottom - top
        placed.append([(12 * (x - left) / wide - 6, 4 - 6 * (y - top) / high) for x, y in pairs])
        placed[-1] = [(round(x, 1), round(y, 1)) for x, y in placed[-1]]
    relu, tanh = placed
    assert {(-6, 0), (0, 0), (1, 1), (4, 4)} <= set(relu)
    assert max(relu) == (4, 4)  # above, it leaves the drawing
    assert {(-6, -1), (0, 0), (0.5, 0.5), (1, 0.8), (6, 1)} <= set(tanh)
    sizes = [12 * float(size) / float(frames[0][3]) for _, size in zones]
    assert sizes == pytest.approx([6, 6 - 2.178273, 6 - 2.178273], abs=1e-2)
