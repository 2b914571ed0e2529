"""Against published and hand-worked truth; sources stand in the files of tests/truth."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.analyze.effective import effective
from convscope.analyze.field import fields
from convscope.analyze.support import support
from convscope.core.net import Net

TRUTH = Path(__file__).parents[1] / "truth"


def truth(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TRUTH / name).read_text(encoding="utf-8"))
    return found


HAND: dict[str, dict[str, Any]] = truth("hand_nets.json")["nets"]
NETS = {
    "vgg": "input 32x32x3, 2*( conv 16 3x3 p1 relu ), maxpool 2, 2*( conv 32 3x3 p1 relu )",
    "res": "input 32x32x3, conv 16 3x3 p1 nobias bn relu, add( conv 32 3x3 s2 p1 nobias bn relu, conv 32 3x3 p1 "
    "nobias bn | conv 32 1x1 s2 nobias bn ) relu",
    "incep": "input 32x32x3, conv 8 3x3 s2 p1, cat( conv 8 1x1 | conv 8 3x3 p1 | conv 8 5x5 p2 | conv 8 3x1 p1x0, "
    "conv 8 1x3 p0x1 | conv 8 7x1 p3x0 )",
    "unet": "input 32x32x3, cat( enc: conv 16 3x3 p1 | from enc, avgpool 2, conv 32 3x3 d2 p2 g4, "
    "convt 16 4x4 s2 p1 ), conv 8 3x3 p1",
    "func": "input 16x16x3, conv 8 3x3 s2 p1 nobias relu, resize 16 bilinear, attention 1 plain, conv 10 1x1 nobias",
    "grid": "input 32x32x3, conv 4 3x3 d2 p2 nobias, conv 4 3x3 d2 p2 nobias",
    "sdpa": "input 32x32x3, conv 16 4x4 s4, attention 2, conv 48 1x1, sdpa 1",
}


@pytest.mark.parametrize("name", ["vgg", "res", "incep", "unet", "grid"])
def test_hand_nets(name: str) -> None:
    net, true = cs.read(NETS[name]), HAND[name]
    table = net.table()
    assert (table.params.value, table.macs.value) == (true["params"], true["macs"])
    field = table.rows[-1].field
    assert [axis.size for axis in field] == true["rf"]
    assert all(axis.exact for axis in field)
    middle = tuple(size // 2 for size in net.output[1:])
    assert support(net, at=middle).pixels == true["support_pixels"]
    if "jump" in true:
        assert [axis.stride for axis in field] == true["jump"]
        assert [axis.centre for axis in field] == true["centre0"]


def test_the_phases_of_the_unet_by_hand() -> None:
    # units 2i and 2i+1 see rows 2i-7 .. 2i+8
    (rows, _) = cs.read(NETS["unet"]).table().rows[-1].field
    assert rows.boxes == ((-7, 8), (-7, 8))
    assert (rows.stride, rows.phases) == (1, 2)


@pytest.mark.parametrize("name", ["func", "sdpa"])
def test_hand_nets_with_attention_see_the_whole_image(name: str) -> None:
    net, true = cs.read(NETS[name]), HAND[name]
    table = net.table()
    assert (table.params.value, table.macs.value, true["rf"]) == (true["params"], true["macs"], "whole input")
    assert support(net, at=tuple(size // 2 for size in net.output[1:])).coverage == 1
    assert [axis.size for axis in table.rows[-1].gated] == list(net.input[1:])


ERF: dict[str, dict[str, float]] = truth("erf_theory.json")["profiles"]


@pytest.mark.parametrize("name", ERF)
def test_the_effective_field_of_a_uniform_stack(name: str) -> None:
    kernel, depth = (int(part[1:]) for part in name.split("_"))
    width = depth * (kernel - 1) + 1
    net = cs.read(f"input {width}x1, {depth}*( conv 1 {kernel} )")
    found = effective(net, at=(0,))
    true = ERF[name]
    assert net.table().rows[-1].field[0].size == true["theoretical_rf"]
    assert found.std[0] ** 2 == pytest.approx(true["variance"], rel=1e-9)
    assert found.std[0] == pytest.approx(true["std"], rel=1e-9)
    profile = found.profile(0)
    above = int((profile > (1 - 0.9545) * profile.max()).sum())
    assert above == true["width_above_4p55pct_of_peak"]
    assert above / width == pytest.approx(true["ratio"], rel=1e-9)


def vgg16() -> Net:
    text, counts = "input 512x512x3", ((1, 64, 2), (2, 128, 2), (3, 256, 3), (4, 512, 3), (5, 512, 3))
    for block, width, convs in counts:
        for index in range(1, convs + 1):
            text += f", conv{block}/conv{block}_{index}: conv {width} 3x3 p1, relu".replace("/", ".")
        text += f", pool{block}: maxpool 2"
    return cs.read(text)


def inception_v3() -> Net:
    """TF-slim's Inception v3, one channel wide, without norms: only the geometry counts here."""
    a = "cat( conv 1 1x1 | conv 1 1x1, conv 1 5x5 same | conv 1 1x1, 2*( conv 1 3x3 same ) | avgpool 3 s1 same )"
    b = "cat( conv 1 3x3 s2 | conv 1 1x1, conv 1 3x3 same, conv 1 3x3 s2 | maxpool 3 s2 )"
    c = (
        "cat( conv 1 1x1 | conv 1 1x1, conv 1 1x7 same, conv 1 7x1 same | conv 1 1x1, 2*( conv 1 7x1 same, "
        "conv 1 1x7 same ) | avgpool 3 s1 same )"
    )
    d = "cat( conv 1 1x1, conv 1 3x3 s2 | conv 1 1x1, conv 1 1x7 same, conv 1 7x1 same, conv 1 3x3 s2 | maxpool 3 s2 )"
    e = (
        "cat( conv 1 1x1 | conv 1 1x1, cat( conv 1 1x3 same | conv 1 3x1 same ) | conv 1 1x1, conv 1 3x3 same, "
        "cat( conv 1 1x3 same | conv 1 3x1 same ) | avgpool 3 s1 same )"
    )
    parts = {
        "Conv2d_1a_3x3": "conv 1 3x3 s2", "Conv2d_2a_3x3": "conv 1 3x3", "Conv2d_2b_3x3": "conv 1 3x3 same",
        "MaxPool_3a_3x3": "maxpool 3 s2", "Conv2d_3b_1x1": "conv 1 1x1", "Conv2d_4a_3x3": "conv 1 3x3",
        "MaxPool_5a_3x3": "maxpool 3 s2", "Mixed_5b": a, "Mixed_5c": a, "Mixed_5d": a, "Mixed_6a": b,
        "Mixed_6b": c, "Mixed_6c": c, "Mixed_6d": c, "Mixed_6e": c, "Mixed_7a": d, "Mixed_7b": e, "Mixed_7c": e,
    }  # fmt: skip
    return cs.read("input 299x299x3, " + ", ".join(f"{name}: {text}" for name, text in parts.items()))


PUBLISHED = [row for row in truth("rf_google_tfslim.json")["rows"] if row["resolution"] is None]


@pytest.mark.parametrize("row", PUBLISHED, ids=[row["end_point"] for row in PUBLISHED])
def test_published_fields(row: dict[str, Any], nets: dict[str, Net]) -> None:
    net = nets[row["model"]]
    name = row["end_point"].removeprefix("vgg_16/").replace("/", ".")
    for axis in fields(net)[name]:
        assert (axis.size, axis.stride, axis.start) == (row["rf"], row["stride"], -row["padding"])
        assert axis.exact


@pytest.fixture(scope="module")
def nets() -> dict[str, Net]:
    return {"vgg_16": vgg16(), "inception_v3": inception_v3()}


def test_a_50_layer_residual_net_by_an_independent_shadow() -> None:
    # 182,329 = 427^2 pixels, standard deviation 36 of 427: measured with a one-channel torch shadow of ResNet-50
    stage = ", ".join(
        f"add( conv 1 1x1, conv 1 3x3 {s} p1, conv 1 1x1 | conv 1 1x1 {s} ), {n}*( add( conv 1 1x1, conv 1 3x3 p1, "
        "conv 1 1x1 | id ) )"
        for n, s in ((2, ""), (3, "s2"), (5, "s2"), (2, "s2"))
    )
    net = cs.read(f"input 512x512x1, conv 1 7x7 s2 p3, maxpool 3 s2 p1, {stage}")
    assert support(net, at=(8, 8)).pixels == 427**2
    assert effective(net, at=(8, 8)).std[0] == pytest.approx(36, abs=0.5)
    assert fields(net)[net.layers[-1].node.name][0].stride == Fraction(32)
    assert np.isclose(effective(net, at=(8, 8)).heat.sum(), 1)
