"""Files of weights as torch and safetensors write them, against what was written."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import convscope as cs
from convscope.cli import run
from convscope.errors import ModelError
from convscope.frontends.weights import read_weights
from convscope.frontends.weights.header import DTYPES
from convscope.frontends.weights.pickled import STORAGES
from convscope.frontends.weights.result import BITS

DTYPE = [getattr(torch, name) for name in BITS if hasattr(torch, name) and not name.startswith("q")]


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 4))


def rows(tensors: dict[str, torch.Tensor]) -> list[tuple[Any, ...]]:
    return [
        (name, tuple(one.shape), str(one.dtype).removeprefix("torch."), one.numel() * one.element_size())
        for name, one in tensors.items()
    ]


def found(path: Path) -> list[tuple[Any, ...]]:
    return [(row.name, row.shape, row.dtype, row.bytes) for row in read_weights(path).rows]


def test_a_state_dict_is_read_as_it_was_saved(tmp_path: Path) -> None:
    state = net().state_dict()
    torch.save(state, tmp_path / "net.pth")
    assert found(tmp_path / "net.pth") == rows(state)
    save_file(state, tmp_path / "net.safetensors")
    assert sorted(found(tmp_path / "net.safetensors")) == sorted(rows(state))
    for name in ("net.pth", "net.safetensors"):
        read = read_weights(tmp_path / name)
        assert read.total == sum(one.numel() for one in state.values())
        assert read.bytes == sum(one.numel() * one.element_size() for one in state.values())


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", DTYPE, ids=str)
def test_every_kind_of_number(dtype: torch.dtype, tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(6).to(dtype)}
    torch.save(tensors, tmp_path / "a.pt")
    assert found(tmp_path / "a.pt") == rows(tensors)
    if dtype not in {torch.complex32, torch.complex128}:  # which safetensors does not have
        save_file(tensors, tmp_path / "a.safetensors")
        assert found(tmp_path / "a.safetensors") == rows(tensors)


def test_the_tables_of_kinds_name_kinds_that_are_there() -> None:
    assert {*DTYPES.values(), *STORAGES.values()} <= set(BITS)
    whole = {name: bits for name, bits in BITS.items() if hasattr(torch, name) and bits >= 8}
    assert all(getattr(torch, name).itemsize * 8 == bits for name, bits in whole.items())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quantised_tensors(tmp_path: Path) -> None:
    ones, zeros = torch.ones(4), torch.zeros(4)
    tensors = {
        "qint8": torch.quantize_per_tensor(torch.ones(3), 1.0, 0, torch.qint8),
        "quint8": torch.quantize_per_channel(torch.ones(4, 6), ones, zeros, 0, torch.quint8),
        "qint32": torch.quantize_per_tensor(torch.ones(3), 1.0, 0, torch.qint32),
        "quint4x2": torch.quantize_per_channel(torch.ones(4, 6), ones, zeros, 0, torch.quint4x2),
    }
    torch.save(tensors, tmp_path / "a.pt")
    sizes = [3, 4 * 6, 3 * 4, 4 * 6 // 2]
    assert found(tmp_path / "a.pt") == [
        (name, tuple(one.shape), name, size) for (name, one), size in zip(tensors.items(), sizes, strict=True)
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_sparse_tensors(tmp_path: Path) -> None:
    forms = {
        "coo": torch.eye(4).to_sparse(),
        "csr": torch.eye(4).to_sparse_csr(),
        "bsr": torch.eye(4).to_sparse_bsr((2, 2)),
    }
    torch.save(forms, tmp_path / "a.pt")
    # 4 numbers and for each two int64; 5 ends of rows and 4 columns; 2 blocks of 4 numbers, 3 ends of rows, 2 columns
    sizes = {"coo": 4 * 4 + 2 * 4 * 8, "csr": 4 * 4 + 9 * 8, "bsr": 8 * 4 + 5 * 8}
    assert found(tmp_path / "a.pt") == [(name, (4, 4), "float32", size) for name, size in sizes.items()]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_state_of_quantised_modules(tmp_path: Path) -> None:
    from torch.ao import quantization

    untyped: Any = quantization
    made = untyped.quantize_dynamic(nn.Sequential(nn.Linear(12, 4), nn.LSTM(4, 3)), {nn.Linear, nn.LSTM})
    torch.save(made.state_dict(), tmp_path / "a.pt")
    shapes = {shape for _, shape, dtype, _ in found(tmp_path / "a.pt") if dtype == "qint8"}
    assert shapes == {(4, 12), (12, 4), (12, 3)}


def test_a_checkpoint_with_all_that_stands_in_one(tmp_path: Path) -> None:
    model = net()
    model(torch.zeros(1, 3, 3, 3) + torch.rand(2, 3, 3, 3)).sum().backward()
    adam = torch.optim.Adam(model.parameters())
    adam.step()
    extras = {"epoch": 3, "args": argparse.Namespace(lr=0.1, path=tmp_path), "classes": {"a", "b"}, "best": None}
    sizes = {"size": torch.Size([1, 2]), "dtype": torch.float32, "device": torch.device("cpu"), "loss": 0.25}
    torch.save({**extras, **sizes, "net": model.state_dict(), "adam": adam.state_dict()}, tmp_path / "last.ckpt")
    read = read_weights(tmp_path / "last.ckpt")
    wanted = {f"net.{name}": one for name, one in model.state_dict().items()}
    for key, state in adam.state_dict()["state"].items():
        wanted |= {f"adam.state.{key}.{name}": one for name, one in state.items()}
    assert [(row.name, row.shape) for row in read.rows] == [(name, tuple(one.shape)) for name, one in wanted.items()]


def test_tied_weights_count_once_and_views_for_themselves(tmp_path: Path) -> None:
    one = torch.zeros(4, 5)
    views = {"part": one[1:3], "turned": one.T, "step": one[:, ::2], "wide": torch.zeros(1).expand(3, 7)}
    torch.save({"a": one, "b": one, "c": nn.Parameter(one), **views}, tmp_path / "tied.pt")
    read = read_weights(tmp_path / "tied.pt")
    assert [row.same_as for row in read.rows] == ["", "a", "a", "", "", "", ""]
    assert [row.shape for row in read.rows[3:]] == [(2, 5), (5, 4), (4, 3), (3, 7)]
    assert read.rows[-1].bytes == 4  # one number stands for all
    assert read.total == 20 + 10 + 20 + 12 + 21
    assert "same as" in str(read).splitlines()[0]


def test_text_and_json_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(net().state_dict(), tmp_path / "net.pt")
    read = read_weights(tmp_path / "net.pt")
    assert str(read) == repr(read)
    assert str(read).splitlines()[1].split() == ["0.weight", "8x3x3x3", "float32", "216", "864", "B"]
    assert str(read).splitlines()[-1] == "net.pt · torch · 9 tensors · 293 values · 1.15 KiB"
    assert "same as" not in str(read)
    assert run(["table", str(tmp_path / "net.pt")]) == 0
    assert capsys.readouterr().out == f"{read}\n"
    assert run(["table", str(tmp_path / "net.pt"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == read.to_json()
    assert data["schema"] == "convscope/weights/2"
    assert sum(row["values"] for row in data["rows"]) == data["values"] == 293
    for form, words in (
        ("markdown", "| 0.weight | 8x3x3x3 |"),
        ("csv", "0.weight,8x3x3x3"),
        ("html", "<td>0.weight</td>"),
    ):
        assert run(["table", str(tmp_path / "net.pt"), "--to", form]) == 0
        assert words in capsys.readouterr().out
    assert run(["table", str(tmp_path / "net.pt"), "--to", "netron"]) == 2
    assert "for nets" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "field", "memory"])
def test_where_a_net_is_wanted_weights_are_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "net.safetensors")
    assert run([command, str(tmp_path / "net.safetensors")]) == 2
    assert "contains 1 tensor but no layers" in capsys.readouterr().err
    with pytest.raises(ModelError, match="no layers"):
        cs.read(tmp_path / "net.safetensors")


def test_a_whole_model_is_read_only_when_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.pt"
    torch.save({"model": net(), "epoch": 3}, path)
    assert run(["table", str(path), "--input", "3x3x3"]) == 2
    assert "a pickled object of torch.nn.modules.container.Sequential" in capsys.readouterr().err
    assert run(["table", str(path), "--input", "3x3x3", "--trust"]) == 0
    assert capsys.readouterr().out == f"{cs.read(net(), input='3x3x3').table()}\n"
    assert run(["table", str(path), "--trust"]) == 2
    assert "does not state the size of its input" in capsys.readouterr().err


def test_classes_are_found_beside_the_file(tmp_path: Path) -> None:
    code = "from torch import nn\nclass Net(nn.Sequential): pass\n"
    (tmp_path / "mynet.py").write_text(code, encoding="utf-8")
    save = "import torch, mynet; from torch import nn; torch.save(mynet.Net(nn.Conv2d(1, 2, 3)), 'net.pt')"
    subprocess.run([sys.executable, "-c", save], cwd=tmp_path, check=True)
    table = "import sys; from convscope.cli import run; sys.exit(run(sys.argv[1:]))"
    arguments = ["table", str(tmp_path / "net.pt"), "--input", "8x8x1"]
    asked = [sys.executable, "-c", table, *arguments]
    refused = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "a pickled object of mynet.Net" in refused.stderr
    done = subprocess.run([*asked, "--trust"], capture_output=True, text=True, check=True)
    assert "conv 2 3x3" in done.stdout


def test_programs_are_refused_and_read_when_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "net.pt2")
    torch.export.save(torch.export.export(net().eval(), (torch.zeros(1, 3, 3, 3),)), path)
    assert run(["table", path]) == 2
    assert "an exported program" in capsys.readouterr().err
    assert run(["table", path, "--trust", "--input", "3x3x3"]) == 0
    assert "linear 4" in capsys.readouterr().out


def test_what_is_trusted_and_still_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = net().state_dict()
    torch.save(state, tmp_path / "net.pt")
    assert run(["table", str(tmp_path / "net.pt"), "--trust"]) == 0  # nothing but weights: no code is needed
    assert "9 tensors" in capsys.readouterr().out
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert run(["table", str(tmp_path / "old.pt")]) == 2
    assert "torch before 1.6" in capsys.readouterr().err
    assert run(["table", str(tmp_path / "old.pt"), "--trust"]) == 2
    assert "a dictionary with 0 modules" in capsys.readouterr().err
    (tmp_path / "bad.pt").write_bytes(b"\x80\x02nothing")
    assert run(["table", str(tmp_path / "bad.pt"), "--trust"]) == 2
    assert "cannot be loaded" in capsys.readouterr().err
    assert run(["table", "input 8x8x1, relu", "--trust"]) == 2
    assert "--trust is for files of torch" in capsys.readouterr().err


def test_the_way_back_to_new_torch_that_the_error_names_works(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save(net().state_dict(), path, _use_new_zipfile_serialization=False)
    torch.save(torch.load(path, weights_only=True), path)
    assert len(read_weights(path).rows) == 9


def test_names_on_a_page_are_text(tmp_path: Path) -> None:
    save_file({"<script>alert(1)</script>": torch.zeros(2)}, tmp_path / "net.safetensors")
    assert "<script>" not in read_weights(tmp_path / "net.safetensors")._repr_html_()


def test_weights_are_read_without_torch(tmp_path: Path) -> None:
    torch.save(net().state_dict(), tmp_path / "net.pt")
    heavy = "len({'torch', 'safetensors'} & {*sys.modules})"
    code = f"import sys; from convscope.cli import run; run(sys.argv[1:]); sys.exit({heavy})"
    done = subprocess.run([sys.executable, "-c", code, "table", str(tmp_path / "net.pt")], check=False)
    assert done.returncode == 0
