"""``--input``, once or for each input by its name; amounts, dtypes and optimizers as people write them."""

import json
from pathlib import Path

import pytest

import convscope as cs
from convscope.cli import run
from convscope.errors import FieldError

TWO = "rgb: input 8x8x3, depth: input 8x8x1, cat( from rgb | from depth ), conv 4 3x3"

MODULE = """
import torch, torch.nn as nn
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3)
    def forward(self, rgb, depth, scale=1.0):
        return self.conv(torch.cat([rgb, depth], 1)) * scale
def make():
    return Two()
def one():
    return nn.Conv2d(3, 8, 3)
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "m.py").write_text(MODULE, encoding="utf-8")
    return f"{tmp_path}/m.py"


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int = 0) -> str:
    capsys.readouterr()
    assert run(arguments) == status
    out, err = capsys.readouterr()
    return err if status == 2 else out


def test_several_inputs_by_name(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--input", "rgb=9x8x3", "--input", "depth=9x8x1"]
    for net in (TWO, f"{source}:make"):
        rows = json.loads(said(["table", net, *given, "--json"], capsys))["rows"]
        assert "7x6x4" in {row["out"] for row in rows}
        for command in (["memory"], ["write", "--to", "notation"], ["check"], ["field"]):
            assert run([command[0], net, *given, *command[1:]]) in {0, 1}
    assert "rgb: input 9x8x3, depth: input 9x8x1" in said(["write", f"{source}:make", *given], capsys)
    scaled = said(["write", f"{source}:make", *given, "--input", "scale=0.5"], capsys)
    assert "times 0.5" in scaled


def test_what_names_no_input(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "names no input" in said(["table", TWO, "--input", "8x8x3", "--input", "depth=8x8x1"], capsys, 2)
    assert "two sizes" in said(["table", TWO, "--input", "rgb=8x8x3", "--input", "rgb=8x8x3"], capsys, 2)
    assert 'no input is called "rbg"' in said(
        ["table", f"{source}:make", "--input", "rbg=8x8x3", "--input", "depth=8x8x1"], capsys, 2
    )


def test_compare_takes_sizes(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--input 224x224x3" in said(["compare", f"{source}:one", f"{source}:one"], capsys, 2)
    found = said(["compare", f"{source}:one", "input 5x5x1, conv 8 3x3", "--input", "8x8x3", "--json"], capsys)
    assert [row["change"] for row in json.loads(found)["rows"]] == [""]


@pytest.mark.parametrize(
    ("text", "params"),
    [("2K", 2000), ("2k", 2000), ("1.5m", 1_500_000), ("1G", 10**9), ("20,000", 20_000), ("20_000", 20_000)],
)
def test_amounts(text: str, params: int, capsys: pytest.CaptureFixture[str]) -> None:
    net = "input 8x8x1, linear 100000 nobias" if params < 6_400_000 else "input 100x100x10, linear 10001 nobias"
    assert f"the limit is {params:,}" in said(["check", net, "--max-params", text], capsys, 1)


def test_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    net = "input 16x16x1, conv 16 3x3"
    assert "the limit is 4.00 KiB" in said(["check", net, "--max-memory", "4KiB"], capsys, 1)
    assert "the limit is 3.91 KiB" in said(["check", net, "--max-memory", "4kB"], capsys, 1)
    for same in ("4 KiB", "4Ki", "4096", "4,096", "4_096B"):
        assert "the limit is 4.00 KiB" in said(["check", net, "--max-memory", same], capsys, 1)
    for wrong in ("many", "4kk", "-1", "", "4iB", "4,09", ",4", "1_", "4,0960"):
        assert "is not an amount" in said(["check", net, "--max-memory", wrong], capsys, 2)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("fp16", "float16"), ("half", "float16"), ("BF16", "bfloat16"), ("fp32", "float32"), ("double", "float64")],
)
def test_names_of_dtypes(name: str, meant: str) -> None:
    net = cs.read("input 8x8x1, conv 4 3x3")
    assert cs.memory(net, dtype=name) == cs.memory(net, dtype=meant)
    assert cs.memory(net, dtype=name).dtype == meant


def test_names_of_optimizers() -> None:
    net = cs.read("input 8x8x1, conv 4 3x3")
    assert cs.memory(net, optimizer="AdamW") == cs.memory(net, optimizer="adam")
    assert cs.memory(net, optimizer="rmsprop").optimizer == 4 * 40
    with pytest.raises(FieldError, match="optimizer"):
        cs.memory(net, optimizer="sgdd")
