"""What is written computes what the net computes, and reads as a person would have written it."""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings

import convscope as cs
from convscope.cli import run
from convscope.core.net import Net
from convscope.core.op import Example, Op
from convscope.errors import ShapeError, UnknownNameError, WriteError
from convscope.writers import WRITERS, torch_state
from strategies import geometry_texts, net_texts
from written import EXAMPLES, NETS, filled, net_of, repeating_texts, sample

RUFF = Path(sys.executable).with_name("ruff")

DRAWS = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


def module(code: str) -> dict[str, Any]:
    """The names that a written module defines."""
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(code, "<written>", "exec"), names)  # noqa: S102 -- our own code
    return names


def far(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """The largest difference, relative to numbers above 1; the same places are not a number."""
    assert a.shape == b.shape
    assert np.array_equal(np.isnan(a), np.isnan(b))
    return float(np.nan_to_num(np.abs(a - b) / np.maximum(1, np.abs(a))).max())


def torch_error(net: Net, code: str) -> float:
    """How far the written torch module is from the net, the same weights in both."""
    model, tensors = filled(net)
    made = module(code)["Net"]().double().eval()
    state = {key: torch.from_numpy(np.asarray(value)) for key, value in torch_state(net, tensors).items()}
    made.load_state_dict(state)
    assert sum(p.numel() for p in made.parameters()) == net.table().params.value
    x = torch.from_numpy(sample(net))
    with torch.no_grad():
        return far(model(x).numpy(), made(x).numpy())


def written(net: Net, to: str = "torch") -> str:
    code = cs.write(net, to=to)
    assert isinstance(code, str)
    return code


def fitting(text: str) -> Net:
    """A random net, if its layers fit."""
    try:
        return cs.read(text)
    except ShapeError:
        assume(False)  # noqa: FBT003 -- hypothesis's own way to say "not this one"
        raise


def ruff(folder: Path) -> None:
    """The formatter would change nothing, and the linter finds nothing, by their default rules."""
    for words in (("format", "--check", "--line-length", "120"), ("check",)):
        command = [RUFF, *words, "--isolated", "--no-cache", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NETS)
def test_torch_code_computes_the_net(name: str) -> None:
    net = cs.read(NETS[name])
    assert torch_error(net, written(net)) <= 1e-10


IDS = [example.text for _, example in EXAMPLES]


@pytest.mark.parametrize(("made", "example"), EXAMPLES, ids=IDS)
def test_every_op_in_torch(made: type[Op], example: Example) -> None:
    net = net_of(made, example)
    if made.keyword == "opaque":
        with pytest.raises(WriteError, match=r"^it: opaque has no spelling in torch"):
            written(net)
        return
    # the reference divides by a share that it keeps in float32
    least = 1e-7 if made.keyword == "avgpool" else 1e-10
    assert torch_error(net, written(net)) <= least


@DRAWS
@given(repeating_texts())
def test_blocks_that_come_back_with_other_numbers(text: str) -> None:
    net = fitting(text)
    assert torch_error(net, written(net)) <= 1e-10


@DRAWS
@given(net_texts())
def test_random_nets(text: str) -> None:
    net = fitting(text)
    assert torch_error(net, written(net)) <= 1e-10


@DRAWS
@given(geometry_texts())
def test_random_geometry(text: str) -> None:
    net = fitting(text)
    assert torch_error(net, written(net)) <= 1e-10


def test_a_wrong_weight_would_be_found() -> None:
    net = cs.read(NETS["resnet"])
    code = written(net).replace("padding=1, bias=False", "padding=1, dilation=1, bias=False", 1)
    assert torch_error(net, code) <= 1e-10
    assert torch_error(net, code.replace("F.relu(", "F.silu(")) > 1e-3


def test_the_formatter_and_the_linter_find_nothing(tmp_path: Path) -> None:
    nets = {name: cs.read(text) for name, text in NETS.items()}
    nets |= {f"op{at}": net_of(*entry) for at, entry in enumerate(EXAMPLES) if entry[0].keyword != "opaque"}
    for to in ("torch", "keras"):
        for name, net in nets.items():
            try:
                (tmp_path / f"{to}_{name}.py").write_text(written(net, to), encoding="utf-8")
            except WriteError:
                assert to == "keras"
    assert len(list(tmp_path.iterdir())) > 400
    ruff(tmp_path)


JOINED = "input 7x7x1, conv 1 1x1, cat( conv 1 3x3 same | conv 1 3x3 same | avgpool 3x1 s1 p1x0 ), softmax"
"""A list that does not fit in a line, with a method after it."""


@settings(DRAWS, max_examples=5)
@given(repeating_texts(), net_texts(), geometry_texts())
@example("input 4x4x1, relu", JOINED, "input 4x4x1, relu")
def test_the_formatter_likes_random_nets(one: str, two: str, three: str) -> None:
    with TemporaryDirectory() as folder:
        for at, text in enumerate((one, two, three)):
            (Path(folder) / f"net{at}.py").write_text(written(fitting(text)), encoding="utf-8")
        ruff(Path(folder))


def classes(code: str) -> list[str]:
    return re.findall(r"^class (\w+)", code, re.MULTILINE)


def test_a_residual_net_reads_as_stages_of_one_block() -> None:
    code = written(cs.read(NETS["resnet"]))
    assert classes(code) == ["ResidualBlock", "Net"]
    assert "self.shortcut = nn.Identity()\n        if stride != 1 or in_channels != out_channels:" in code
    assert "self.stage2 = nn.Sequential(ResidualBlock(8, 16, stride=2), ResidualBlock(16, 16))" in code
    assert "return F.relu(self.body(x) + self.shortcut(x))" in code


def test_repetition_is_a_loop() -> None:
    code = written(cs.read(NETS["dense"]))
    assert classes(code) == ["DenseLayer", "Net"]
    assert "*[DenseLayer(in_channels) for in_channels in range(8, 24, 4)]," in code
    same = written(cs.read("input 8x8x4, 5*( add( conv 4 3x3 p1 bn relu, conv 4 3x3 p1 bn | id ) relu )"))
    assert "*[ResidualBlock(4) for _ in range(5)]" in same
    keras = written(cs.read(NETS["dense"]), "keras")
    assert 'for i in range(1, 5):\n        x = dense_layer(x, name=f"dense_layer{i}")' in keras


def test_blocks_without_their_sum_are_the_same_block() -> None:
    code = written(cs.read(NETS["mobile"]))
    assert classes(code) == ["InvertedResidual", "Net"]
    assert "self.residual = stride == 1 and in_channels == out_channels" in code
    assert "return x + y if self.residual else y" in code


def test_a_plain_chain_is_features_and_a_classifier() -> None:
    code = written(cs.read(NETS["lenet"]))
    assert classes(code) == ["Net"]
    assert "self.features = nn.Sequential(\n            nn.Conv2d(1, 6, 5, padding=2),\n            nn.Tanh()," in code
    assert "self.classifier = nn.Sequential(" in code


def test_skips_of_a_u_net_have_names() -> None:
    code = written(cs.read(NETS["unet"]))
    assert classes(code) == ["DoubleConv", "Net"]
    forward = code[code.rindex("def forward") :]
    assert "x1 = self.stem(x)" in forward
    assert "return self.head(torch.cat([x1, x], dim=1))" in forward


def test_the_module_runs_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(written(cs.read(NETS["lenet"])), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True, check=True)
    assert done.stdout == "51,902 params, output (10,)\n"


@pytest.mark.parametrize("name", NETS)
def test_notation_is_read_back(name: str) -> None:
    net = cs.read(NETS[name])
    assert cs.read(written(net, "notation")) == net


def test_dot_has_a_box_for_each_layer_and_an_edge_for_each_input() -> None:
    net = cs.read("input 8x8x4, b.0.conv: conv 4 3x3 p1, b.0.relu: relu, b.1: conv 4 1x1, add( from b.0.conv | id )")
    text = written(net, "dot")
    assert text.count(" -> ") == sum(len(layer.node.inputs) for layer in net)
    assert len(re.findall(r'^ *"[^"]+" \[label=', text, re.MULTILINE)) == 1 + len(net)
    assert '"b.0.conv" [label="conv 4 3x3 p1\\n8x8x4"];' in text
    assert re.findall(r'subgraph "(.*)"', text) == ["cluster_b", "cluster_b.0"]
    assert text.count("{") == text.count("}")


def test_an_op_without_words_is_named_with_its_place() -> None:
    with pytest.raises(WriteError) as caught:
        cs.write(cs.read("input 8x8x2, conv 2 3x3, tail: opaque 4"), to="torch")
    assert "tail: opaque has no spelling in torch" in str(caught.value)
    assert "<text>:1:32" in str(caught.value)


def test_unknown_languages_and_misplaced_tensors() -> None:
    net = cs.read(NETS["lenet"])
    with pytest.raises(UnknownNameError, match="jax"):
        cs.write(net, to="jax")
    with pytest.raises(WriteError, match="torch holds no tensors"):
        cs.write(net, to="torch", tensors={})
    assert set(WRITERS) == {"notation", "torch", "keras", "onnx", "keras_model", "dot"}


LENET = NETS["lenet"]


def test_the_command_writes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["write", LENET, "--to", "torch"]) == 0
    assert capsys.readouterr().out == written(cs.read(LENET))
    assert run(["write", LENET]) == 0
    assert cs.read(capsys.readouterr().out) == cs.read(LENET)


def test_the_command_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o600)
    assert run(["write", LENET, "-o", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == written(cs.read(LENET))
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.dot").symlink_to(tmp_path / "net.dot")
    assert run(["write", LENET, "-o", str(tmp_path / "link.dot")]) == 0
    assert (tmp_path / "link.dot").is_symlink()
    assert (tmp_path / "net.dot").read_text(encoding="utf-8").startswith("digraph")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "onnx"], "give a file with -o FILE"),
        (["--to", "jax"], 'there is no language "jax"'),
        (["-o", "."], "is a folder"),
        (["-o", "nowhere/net.py"], "nowhere is not a folder"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["write", LENET, *arguments]) == 2
    assert message in capsys.readouterr().err
