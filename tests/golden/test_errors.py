"""What each kind of error looks like to a user."""

import pytest

from convscope.cli import run
from convscope.cli.commands import cli
from golden.golden import same_as_golden

CASES = {
    "unknown-op": ["table", "input 28x28x1, cnov 16 3x3"],
    "other-librarys-name": ["table", "input 28x28x1, conv 16 3x3, Dense 10"],
    "unknown-setting": ["table", "input 28x28x1, conv 16 3x3 stride2"],
    "missing-setting": ["table", "input 28x28x1, conv 16"],
    "groups": ["table", "input 28x28x48, c: conv 64 3x3 g5"],
    "too-small": ["table", "input 28x28x1, conv 8 3x3 relu, maxpool 40"],
    "dilated-too-small": ["table", "input 8x8x1, conv 8 3x3 d4"],
    "paths-differ": ["table", "input 28x28x8, add( conv 8 3x3 | id )"],
    "cat-differs": ["table", "input 28x28x8, cat( conv 8 3x3 | id )"],
    "one-path": ["table", "input 28x28x8, add( relu )"],
    "wrong-axes": ["table", "input 28x8, conv 8 3x3"],
    "no-space": ["table", "input 28, conv 8 3x3"],
    "zero": ["table", "input 28x28x1, conv 8 0x3"],
    "no-label": ["table", "input 8x8x1, stem: relu, add( id | from stme )"],
    "unclosed": ["table", "input 8x8x1, add( relu | id"],
    "hidden-character": ["table", "input 8x8x1, relu # \u202e"],
    "no-input": ["table", "conv 8 3x3"],
    "channels": ["table", "input 28x28x1, (3x3x3)x32"],
    "pool-padding": ["table", "input 28x28x1, maxpool 2 p2"],
    "missing-file": ["table", "nowhere.cnn"],
    "no-data-set": ["train", "--data", "minst", "--dry-run"],
    "no-recipe": ["train", "--recipe", "fats", "--dry-run"],
    "net-and-data": ["train", "input 32x32x3, gap, linear 10", "--dry-run"],
    "classes": ["train", "input 28x28x1, gap, linear 9", "--dry-run"],
    "no-run": ["eval", "nowhere"],
    "no-form": ["export", "nowhere", "--to", "onxx"],
    "no-form-given": ["export", "nowhere", "-o", "digits.bin"],
    "export-no-run": ["export", "nowhere", "--to", "onnx"],
    "nets-and-data": ["compare", "input 8x8x1, relu", "input 8x8x1, tanh", "--data", "mnist"],
    "bad-epochs": ["train", "--epochs", "-1", "--dry-run"],
    "two-formats": ["table", "input 8x8x1, relu", "--json", "--to", "csv"],
    "usage": ["table"],
    "foreign-kind": ["table", "model.tflite"],
    "no-module": ["table", "mods:make"],
    "hint-depthwise": ["table", "input 28x28x8, relu, add( id | dwconv 3x3 )"],
    "hint-same": ["table", "input 28x28x8, convt 8 3 s2 same"],
    "hint-bias": ["table", "input 28x28x8, conv 8 3x3 bias"],
    "hint-bilinear": ["table", "input 28x28x8, up 2 bilinear"],
    "channels-first": ["table", "input 3x224x224, conv 64 7x7 s2"],
    "unnamed-inputs": ["table", "input 8x8x1, relu", "--input", "8x8x1", "--input", "8x8x1"],
    "amount": ["check", "input 8x8x1, relu", "--max-params", "many"],
}


@pytest.mark.parametrize("name", CASES)
def test_errors(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(CASES[name])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert "Traceback" not in err
    same_as_golden(f"errors/{name}.txt", err.rstrip("\n"))


def test_every_command_has_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.commands:
        assert run([name, "--help"]) == 0
        assert "Examples:" in capsys.readouterr().out
