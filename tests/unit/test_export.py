"""Files of a run for other programs, and that a wrong one is never written."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save

import convscope as cs
from convscope.backends.torch import TorchNet, weights_out
from convscope.cli import run as command
from convscope.data import DATASETS, Split, load, registry
from convscope.data.registry import Dataset
from convscope.errors import FieldError, MissingExtraError, UnknownNameError, WriteError
from convscope.extras import pip
from convscope.training import export as exports
from convscope.training.batches import scaled
from convscope.training.formats import FORMATS, format_of
from convscope.training.run import Run
from convscope.training.train import model_of

MNIST = DATASETS["mnist"]
NETS = {
    "softmax": "input 28x28x1, conv 4 3x3 bn relu, maxpool 2, flatten, linear 10, softmax",
    "maps of 1x1": "input 28x28x1, conv 8 3x3 s2 relu, add( conv 8 3x3 p1 bn relu | id ), conv 10 1x1, gap",
    "gate": "input 28x28x1, conv 8 5x5 s2 nobias bn relu, mul( id | gap, linear 2 relu, linear 8 sigmoid ), linear 10",
    "colours": "input 12x16x3, conv 8 3x3 p1 bn relu, gap, linear 10",
    "line": "input 100x2, conv 8 5 s2 relu, gap, linear 10",
}


def run_of(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch, short_run: Run) -> Run:
    """A run of another net on other images, with random weights and statistics."""
    net = cs.read(text)
    torch.manual_seed(3)
    model = TorchNet(net)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    (folder / "model.safetensors").write_bytes(save(weights_out(model)))
    images = np.random.default_rng(1).integers(0, 256, (7, *net.input), dtype=np.uint8)
    monkeypatch.setattr(registry, "load", lambda _, __: Split(images, np.zeros(7, np.uint8)))
    return replace(short_run, path=folder, net=net, dataset=replace(MNIST, shape=net.input, mean=0.3, std=0.2))


def raw(dataset: Dataset, count: int = 5) -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 256, (count, *dataset.shape), dtype=np.uint8)


def scores(run: Run, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        found: NDArray[np.float32] = model_of(run)(scaled(torch.from_numpy(images), run.dataset)).flatten(1).numpy()
        return found


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NETS)
def test_every_form_gives_the_scores_of_the_run(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short_run: Run
) -> None:
    run = run_of(NETS[name], tmp_path, monkeypatch, short_run)
    made = cs.export(run, to=form)
    assert made.passed
    assert (made.random, made.test) == (100, 7)
    assert made.relative <= 1e-6
    images = raw(run.dataset)
    path = tmp_path / f"file{FORMATS[form].suffix}"
    path.write_bytes(made.data)
    assert answers(path, run, images) == pytest.approx(scores(run, images), abs=1e-5)


def answers(path: Path, run: Run, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a file gives, by the program that it is for."""
    numbers = images.astype(np.float32)
    if path.suffix == ".onnx":
        return np.asarray(onnxruntime.InferenceSession(path).run(None, {"input": numbers})[0])
    if path.suffix == ".pt2":
        with torch.inference_mode():
            return np.asarray(torch.export.load(path).module()(torch.from_numpy(numbers)))
    (path.parent / "again").mkdir()
    (path.parent / "again" / "model.safetensors").write_bytes(path.read_bytes())
    return scores(replace(run, path=path.parent / "again"), images)


def test_files_tell_what_they_are(short_run: Run, tmp_path: Path) -> None:
    expected = {
        "net": str(short_run.net),
        "data": "mnist",
        "classes": list("0123456789"),
        "mean": [0.1307],
        "std": [0.3081],
        "input": "images n 1 28 28, float32, 0 to 255, scaled inside",
        "output": "logits n 10",
    }
    path = tmp_path / "file"
    model = onnx.load_model_from_string(cs.export(short_run, to="onnx").data)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert expected.items() <= (told | {key: json.loads(told[key]) for key in ("classes", "mean", "std")}).items()
    path.write_bytes(cs.export(short_run, to="torch-export").data)
    extra = {"convscope.json": ""}
    torch.export.load(path, extra_files=extra)
    assert expected.items() <= json.loads(extra["convscope.json"]).items()
    path.write_bytes(cs.export(short_run, to="safetensors").data)
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["convscope"])
        assert set(file.keys()) == set(weights_out(model_of(short_run)))
    assert (
        expected | {"input": "images n 1 28 28, float32, (0 to 255 - 255 mean) / (255 std)"}
    ).items() <= told.items()


@pytest.mark.parametrize("form", ["onnx", "safetensors"])
def test_equal_runs_give_equal_files(short_run: Run, form: str) -> None:
    assert len({cs.export(short_run, to=form).data for _ in range(4)}) == 1


def test_a_program_runs_without_us(short_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "digits.pt2"
    path.write_bytes(cs.export(short_run.path, to="torch-export").data)
    test = load(MNIST, "test")
    np.save(tmp_path / "images.npy", test.images[:50])
    code = (
        "import sys; sys.modules['convscope'] = None\n"
        "import numpy, torch\n"
        f"net = torch.export.load({str(path)!r}).module()\n"
        f"images = torch.from_numpy(numpy.load({str(tmp_path / 'images.npy')!r}))\n"
        "print(*net(images.float()).argmax(1).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert list(map(int, done.stdout.split())) == scores(short_run, test.images[:50].copy()).argmax(1).tolist()


def test_an_exported_file_reads_back_as_a_net(short_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "digits.onnx"
    path.write_bytes(cs.export(short_run, to="onnx").data)
    net = cs.read(path)
    assert [layer.node.op.keyword for layer in net][:3] == ["shift", "scale", "conv"]
    assert net.output == (10,)


@pytest.mark.parametrize("form", FORMATS)
def test_the_command_writes_what_it_checked(
    short_run: Run, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(["export", str(short_run.path), "--to", form]) == 0
    path = tmp_path / f"mnist-fast-seed0{FORMATS[form].suffix}"
    assert list(tmp_path.iterdir()) == [path]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{path.name}  ")
    assert " on 100 random and 100 test images: largest difference " in lines[-1]
    assert command(["export", str(short_run.path), "-o", str(path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["form"], data["path"]) == ("convscope/export/2", form, str(path))
    assert data["bytes"] == path.stat().st_size
    assert data["largest_difference"] <= 1e-4 * data["largest_score"]


@pytest.mark.parametrize("form", ["onnx", "torch-export"])
def test_a_wrong_file_is_not_written(
    short_run: Run, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"old{FORMATS[form].suffix}"
    path.write_text("as it was", encoding="utf-8")
    monkeypatch.setattr(exports, "channel_scale", lambda _: ([0.1317], [0.3081]))
    assert command(["export", str(short_run.path), "--to", form, "-o", str(path)]) == 1
    assert capsys.readouterr().out.rstrip().endswith("more than 0.0001: no file was written")
    assert command(["export", str(short_run.path), "--to", form, "-o", str(path), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["passed"], data["path"]) == (False, None)
    assert path.read_text(encoding="utf-8") == "as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_scores_that_are_no_numbers_do_not_pass(short_run: Run) -> None:
    made = cs.export(short_run, to="safetensors")
    assert made.passed
    assert not replace(made, difference=float("nan")).passed
    assert not replace(made, difference=float("inf"), largest=float("inf")).passed
    assert json.dumps(replace(made, difference=float("nan"), largest=float("inf")).to_json(), allow_nan=False)
    assert replace(made, difference=0.0, largest=0.0).passed
    assert not replace(made, difference=1e-30, largest=0.0).passed


def test_the_form_is_known_by_name_or_by_file() -> None:
    assert [format_of(None, f"a/b{form.suffix.upper()}").name for form in FORMATS.values()] == list(FORMATS)
    assert format_of("onnx", "x.pt2").name == "onnx"
    with pytest.raises(UnknownNameError, match="there is no form"):
        format_of("onxx", None)
    for file in (None, "digits", "digits.bin"):
        with pytest.raises(FieldError):
            format_of(None, file)


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx"])
def test_what_onnx_needs(short_run: Run, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=missing) as caught:
        cs.export(short_run, to="onnx")
    assert caught.value.attempt == pip("onnx")


def test_a_net_that_the_tracer_does_not_take(short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no\nway")

    monkeypatch.setattr(torch.export, "export", refuse)
    with pytest.raises(WriteError, match=r"torch\.export cannot export this net: no$"):
        cs.export(short_run, to="torch-export")
