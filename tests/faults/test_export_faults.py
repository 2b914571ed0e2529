"""An export that cannot be made leaves nothing after and says why."""

import shutil
from pathlib import Path

import pytest

from convscope.cli import run as command
from convscope.training.formats import FORMATS
from convscope.training.run import Run
from convscope.training.train import train

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train("input 28x28x1, maxpool 7, linear 10", epochs=0.01, out=tmp_path_factory.mktemp("runs"))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command(["export", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize("form", ["onnx", "torch-export", "safetensors"])
def test_places_that_cannot_be_written(
    small_run: Run, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    run = str(small_run.path)
    name = f"x{FORMATS[form].suffix}"
    for place in (
        tmp_path / "file" / name,
        tmp_path / "missing" / name,
        Path("/proc", name),
        tmp_path / ("x" * 300 + name),
    ):
        error = said(capsys, run, "--to", form, "-o", str(place))
        assert error.startswith("WriteError: ")
        assert "cannot be written" in error
    assert said(capsys, run, "--to", form, "-o", str(tmp_path)).startswith(f"WriteError: {tmp_path} is a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_runs_that_are_none(small_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.onnx"
    folder = Path(shutil.copytree(small_run.path, tmp_path / "run"))
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    error = said(capsys, str(folder), "-o", str(out))
    assert error.startswith(f"RunError: {folder} is ")
    assert "model.safetensors" in error
    for content in (b"", weights[:-1], weights[:40], weights[:-1] + bytes([weights[-1] ^ 1])):
        (folder / "model.safetensors").write_bytes(content)
        assert "model.safetensors is damaged" in said(capsys, str(folder), "-o", str(out))
    assert said(capsys, str(tmp_path / "nowhere"), "-o", str(out)).startswith("RunError: ")
    assert not out.exists()
