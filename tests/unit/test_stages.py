"""Stages of nets, checked against published tables, and two designs held against each other by them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import convscope as cs
from convscope.analyze.stages import stages, together
from convscope.cli import run

if TYPE_CHECKING:
    from convscope.analyze.stages import Stage
    from convscope.core.net import Net

BLOCKS = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hardswish", 2),
    (5, 240, 40, True, "hardswish", 1),
    (5, 240, 40, True, "hardswish", 1),
    (5, 120, 48, True, "hardswish", 1),
    (5, 144, 48, True, "hardswish", 1),
    (5, 288, 96, True, "hardswish", 2),
    (5, 576, 96, True, "hardswish", 1),
    (5, 576, 96, True, "hardswish", 1),
)
"""MobileNetV3-Small (arXiv 1905.02244, table 2): kernel, channels inside, channels, gate, activation, stride."""


def _eighth(channels: float) -> int:
    """The next multiple of eight, as the paper rounds channels of gates."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def mobilenet() -> Net:
    parts, given = ["input 224x224x3, conv 16 3x3 s2 p1 nobias bn hardswish"], 16
    for kernel, inner, out, gate, act, stride in BLOCKS:
        wide = f"conv {inner} 1x1 nobias bn {act}, " if inner != given else ""
        squeeze = f", mul( id | gap, conv {_eighth(inner / 4)} 1x1 relu, conv {inner} 1x1 hardsigmoid )" if gate else ""
        deep = f"conv {inner} {kernel}x{kernel} s{stride} p{kernel // 2} g{inner} nobias bn {act}"
        body = f"{wide}{deep}{squeeze}, conv {out} 1x1 nobias bn"
        parts.append(f"add( {body} | id )" if stride == 1 and given == out else body)
        given = out
    parts.append("conv 576 1x1 nobias bn hardswish, gap, linear 1024 hardswish, linear 1000")
    return cs.read(", ".join(parts))


def resnet() -> Net:
    def block(channels: int, stride: int) -> str:
        short = f"conv {channels} 1x1 s{stride} nobias bn" if stride > 1 else "id"
        return (
            f"add( conv {channels} 3x3 s{stride} p1 nobias bn relu, conv {channels} 3x3 p1 nobias bn | {short} ) relu, "
            f"add( conv {channels} 3x3 p1 nobias bn relu, conv {channels} 3x3 p1 nobias bn | id ) relu"
        )

    body = ", ".join(block(channels, 1 + (channels > 64)) for channels in (64, 128, 256, 512))
    return cs.read(f"input 224x224x3, conv 64 7x7 s2 p3 nobias bn relu, maxpool 3 s2 p1, {body}, gap, linear 1000")


def found_in(net: Net) -> tuple[Stage, ...]:
    return stages(net, net.table().rows)


def told(net: Net) -> list[tuple[str, int, int]]:
    """Of each stage the size of its map, its channels and its params."""
    found = found_in(net)
    assert sum(one.layers for one in found) == len(net)
    return [("x".join(map(str, one.size)) or "head", one.channels, one.params.value) for one in found]


def test_resnet_18_has_the_stages_of_its_paper() -> None:
    # arXiv 1512.03385, table 1; params of the modules conv1 and bn1, layer1 to layer4, and fc in torchvision
    assert told(resnet()) == [
        ("112x112", 64, 9_536),
        ("56x56", 64, 147_968),
        ("28x28", 128, 525_568),
        ("14x14", 256, 2_099_712),
        ("7x7", 512, 8_393_728),
        ("head", 1000, 513_000),
    ]


def test_mobilenet_v3_has_the_stages_of_its_paper() -> None:
    # features.0, .1, .2 and .3, .4 to .6, .7 and .8, .9 to .12, and the classifier in torchvision
    assert told(mobilenet()) == [
        ("112x112", 16, 464),
        ("56x56", 16, 744),
        ("28x28", 24, 3_864 + 5_416),
        ("14x14", 40, 13_736 + 2 * 57_264),
        ("14x14", 48, 21_968 + 29_800),
        ("7x7", 96, 91_848 + 2 * 294_096 + 56_448),
        ("head", 1000, 590_848 + 1_025_000),
    ]


def sizes(pairs: tuple[tuple[Stage | None, Stage | None], ...]) -> list[tuple[int | None, int | None]]:
    return [(a.channels if a else None, b.channels if b else None) for a, b in pairs]


def test_two_designs_meet_stage_by_stage() -> None:
    found = cs.compare(resnet(), mobilenet())
    assert found.by == "stages"
    # 256 channels are nearer to 48 than to 40
    assert sizes(found.stages) == [(64, 16), (64, 16), (128, 24), (None, 40), (256, 48), (512, 96), (1000, 1000)]
    assert sizes(cs.compare(mobilenet(), resnet()).stages) == [
        (b, a) for a, b in sizes(found.stages)
    ]  # no side is the first


def test_one_layer_more() -> None:
    old = "input 28x28x1, conv 16 3x3 relu, maxpool 2, conv 32 3x3 relu, gap, linear 10"
    new = old.replace("conv 32 3x3 relu", "conv 32 3x3 relu, conv 32 3x3 relu")
    found = cs.compare(old, new)
    assert found.by == "layers"
    assert [(a and a.name, b and b.name) for a, b in found.pairs if (a and a.name) != (b and b.name)] == [
        (None, "conv3"),
        (None, "relu3"),
    ]
    assert [(a and a.size, b and b.size) for a, b in found.stages] == [
        ((26, 26), (26, 26)),
        ((11, 11), (9, 9)),  # one stage, though the maps differ: the second conv has no padding either
        ((), ()),
    ]


SHAPES = {
    # a U-Net goes down and up again: each scale is a stage
    "input 32x32x1, conv 8 3x3 same relu, cat( id | maxpool 2, conv 16 3x3 same relu, up 2 ), conv 8 3x3 same": [
        ("32x32", 8),
        ("16x16", 16),
    ],
    # a net that grows channel by channel, as a dense block does, is one stage at each scale
    "input 16x16x3, conv 8 3x3 p1, 4*( cat( id | relu, conv 4 3x3 p1 ) ), avgpool 2, conv 12 1x1": [
        ("16x16", 24),
        ("8x8", 12),
    ],
    # a widening 3x3 is a stage's own work; only a pointwise one belongs to what follows
    "input 28x28x1, conv 16 3x3 p1, conv 32 3x3 p1, maxpool 2, conv 10 1x1, conv 16 3x3 p1": [
        ("28x28", 32),
        ("14x14", 16),
    ],
    "input 60x2, conv 8 5 same relu, maxpool 2, conv 8 5 same": [("60", 8), ("30", 8)],
    "input 20, linear 16 relu, linear 4": [("head", 4)],
}


@pytest.mark.parametrize("text", SHAPES)
def test_shapes(text: str) -> None:
    assert [(size, channels) for size, channels, _ in told(cs.read(text))] == SHAPES[text]


def test_images_of_other_sizes_meet() -> None:
    """149x149 and 150x150 are one stage; a net that begins coarser lacks the first."""
    fine = cs.read("input 299x299x3, conv 32 3x3 s2, conv 64 3x3 s2, conv 128 3x3 s2, gap, linear 5")
    coarse = cs.read("input 300x300x3, conv 48 4x4 s4, conv 96 2x2 s2, gap, linear 5")
    assert sizes(together(found_in(fine), found_in(coarse))) == [(32, None), (64, 48), (128, 96), (5, 5)]


def test_the_command_prints_and_writes_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(resnet()), str(mobilenet()), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["by"]) == ("convscope/compare/3", "stages")
    first = data["stages"][0]["a"]
    assert (first["stride"], first["size"], first["channels"]) == ([2, 2], [112, 112], 64)
    assert data["stages"][3]["a"] is None
    assert run(["compare", str(resnet()), str(mobilenet())]) == 0
    text = capsys.readouterr().out
    assert text.index("params") < text.index("by stages") < text.index("112x112x64: 3 layers")
    assert "head, 1000: 2 layers" in text
