"""The command line as a user meets it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from convscope.cli import run
from convscope.training.run import Run

NET = "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_the_table_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(asked(capsys, "table", NET, "--json"))
    assert data["schema"] == "convscope/table/1"
    keys = {"name", "op", "out", "params", "macs", "activation_bytes", "rf", "stride", "start", "centre", "exact"}
    assert all(keys <= row.keys() for row in data["rows"])
    first, last = data["rows"][0], data["rows"][-1]
    # 3*3*1*16 + 16 parameters; 26*26*16*9 multiply-adds; 26*26*16 numbers of 4 bytes
    assert (first["out"], first["params"], first["macs"]) == ("26x26x16", 160, 97344)
    assert (first["activation_bytes"], first["rf"], first["stride"]) == (43264, [3, 3], [1, 1])
    assert (first["start"], first["centre"], first["exact"]) == ([0, 0], [1, 1], True)
    assert (last["out"], last["rf"], last["stride"]) == ("10", [28, 28], [None, None])
    assert data["total"]["params"] == 160 + 32 + 13 * 13 * 16 * 10 + 10


def test_depth_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(asked(capsys, "depth", "28", "--object", "20", "--json"))
    assert data["to_object"] == {"convs": 10, "size": 8, "rf": 21, "params": 90, "macs": data["to_object"]["macs"]}
    assert data["to_one"] is None
    assert "99 convs of 3x3 to 1x1" in asked(capsys, "depth", "199")


def test_the_plan_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(asked(capsys, "train", NET, "--dry-run", "--json", "--epochs", "3"))
    assert (data["samples"], data["epochs"]) == (60_000, 3.0)
    assert data["iterations"] == 3 * data["iterations_per_epoch"] == 3 * (60_000 // data["batch"])


@pytest.mark.usefixtures("bundle")
def test_train_prints_loss_and_accuracy_the_way_the_notes_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status = run(["train", NET, "--epochs", "0.02", "--out", str(tmp_path), "--seed", "4"])
    out, err = capsys.readouterr()
    assert status == 0
    score, told, params, seconds, where, page, live = out.splitlines()
    loss, accuracy = json.loads(score)
    assert 0 < loss < 2.3
    assert 0.5 < accuracy < 1
    found = re.fullmatch(r"test loss (\d\.\d{4}), test accuracy (\d\d\.\d\d) %", told)
    assert found, told
    assert float(found[1]) == pytest.approx(loss, abs=6e-5)  # each is rounded by itself
    assert float(found[2]) == pytest.approx(100 * accuracy, abs=6e-3)
    assert params == "params 27,242"
    assert seconds.startswith("seconds ")
    assert where == f"run {tmp_path / 'mnist-fast-seed4'}"
    assert page == f"report {tmp_path / 'mnist-fast-seed4' / 'report.html'}"
    assert live == f"explorer {tmp_path / 'mnist-fast-seed4' / 'explorer.html'}"
    assert "images/s" in err
    assert "left" in err


def test_train_as_data_is_quiet_on_stdout(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = json.loads(asked(capsys, "train", NET, "--epochs", "0.01", "--out", str(tmp_path), "--json", "--quiet"))
    assert data["schema"] == "convscope/run/1"
    assert Path(data["path"]).is_dir()


def test_eval_and_predict(capsys: pytest.CaptureFixture[str], short_run: Run, tmp_path: Path) -> None:
    text = asked(capsys, "eval", str(short_run.path))
    assert text.startswith(short_run.score())
    assert "images misclassified" in text
    data = json.loads(asked(capsys, "eval", str(short_run.path), "--json"))
    assert [data["loss"], data["accuracy"]] == [short_run.result.loss, short_run.result.accuracy]
    assert sum(map(sum, data["confusion"])) == 10_000
    from convscope.data import DATASETS, load

    path = tmp_path / "one.png"
    test = load(DATASETS["mnist"], "test")
    Image.fromarray(test.images[2, 0]).save(path)  # a clear 1
    assert asked(capsys, "predict", str(short_run.path), str(path)).startswith(f"{path}: 1 ")
    data = json.loads(asked(capsys, "predict", str(short_run.path), str(path), str(path), "--json"))
    assert [entry["class"] for entry in data["images"]] == ["1", "1"]


@pytest.mark.parametrize("content", [b"no image", b""])
def test_predict_on_what_is_no_image(
    capsys: pytest.CaptureFixture[str], short_run: Run, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    assert run(["predict", str(short_run.path), str(path)]) == 2
    assert capsys.readouterr().err.startswith("ImageError: ")


def convscope(*arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from convscope.cli import main; main()", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_standard_input_and_exit_status() -> None:
    done = convscope("table", "-", "--to", "csv", text=NET)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith("name,op,out,params,macs,activation_bytes,rf_local,rf")
    done = convscope("table", "input 8x8x1, conv 8 9x9")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ShapeError: conv1: a window of 9 does not fit into 8")


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "from convscope.cli import main; main()"
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -c '{code}' table 'input 9x9x1, 500*( relu )' | head -1; exit ${{PIPESTATUS[0]}}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("name")
    assert done.stderr == ""
