"""Memory worked by hand, and against what torch holds."""

import json

import pytest

import convscope as cs
from convscope.cli import run
from convscope.errors import FieldError


def peak(text: str, **settings: int) -> int:
    return cs.memory(cs.read(text), **settings).peak.bytes  # type: ignore[arg-type]


def test_inference_by_hand() -> None:
    # image 64, conv 4 channels 256 numbers; relu takes over; conv 2 channels 128 numbers
    text = "input 8x8x1, conv 4 1x1 relu, conv 2 1x1"
    found = cs.memory(cs.read(text))
    assert [moment.bytes // 4 for moment in found.timeline] == [64 + 256, 64 + 256, 64 + 256 + 128]
    plain = cs.memory(cs.read(text), in_place=False)
    assert [moment.bytes // 4 for moment in plain.timeline] == [64 + 256, 64 + 512, 64 + 256 + 128]
    assert (found.peak.node, plain.peak.node) == ("conv2", "relu1")
    assert found.weights == 4 * (4 + 4 + 8 + 2)


def test_a_skip_keeps_its_start_alive() -> None:
    # the input of the block lives until the sum, beside what the path has made
    found = cs.memory(cs.read("input 4x4x1, conv 8 1x1, add( conv 8 3x3 same, conv 8 3x3 same | id )"))
    assert [moment.bytes // 4 // 16 for moment in found.timeline] == [1 + 8, 1 + 16, 1 + 24, 1 + 24]


def test_a_relu_whose_input_is_read_again_cannot_work_in_place() -> None:
    found = cs.memory(cs.read("input 4x4x1, a: conv 8 1x1, relu, add( id | from a )"))
    assert [moment.bytes // 4 // 16 for moment in found.timeline] == [9, 17, 25]


def test_views_cost_nothing() -> None:
    found = cs.memory(cs.read("input 4x4x1, conv 8 1x1, flatten, id, linear 2"))
    assert [moment.bytes // 4 for moment in found.timeline] == [16 + 128] * 3 + [16 + 130]


def test_batch_dtype_and_optimizer_scale() -> None:
    net = cs.read("input 8x8x1, conv 4 3x3 nobias, conv 2 3x3 nobias")
    one, many = cs.memory(net), cs.memory(net, batch=8, dtype="bfloat16", optimizer="momentum")
    assert many.peak.bytes == 8 * one.peak.bytes // 2
    assert many.weights == one.weights // 2
    assert (one.optimizer, many.optimizer) == (2 * 4 * 108, 2 * 108)


def test_saved_for_the_backward_pass_by_hand() -> None:
    # conv saves the image (64), relu its output (256), the second conv the same tensor; its output lives too
    found = cs.memory(cs.read("input 8x8x1, conv 4 1x1 relu, conv 2 1x1"))
    assert found.saved // 4 == 64 + 256 + 128


def test_unknown_weights_are_named() -> None:
    found = cs.memory(cs.read("input 8x8x1, opaque 4x4x8"))
    assert found.missing == ("opaque1",)
    assert "≥ " in str(found)


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["memory", "input 8x8x1, conv 4 1x1 relu", "--batch", "2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "convscope/memory/1"
    assert data["inference_peak"] == {"bytes": 2 * 4 * 320, "node": "conv1"}
    assert run(["memory", "input 8x8x1, conv 4 1x1 relu"]) == 0
    assert "1.25 KiB of activations at conv1" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [{"dtype": "float8"}, {"optimizer": "lion"}, {"batch": 0}])
def test_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(FieldError, match=next(iter(wrong))):
        cs.memory(cs.read("input 8x8x1, relu"), **wrong)  # type: ignore[arg-type]
