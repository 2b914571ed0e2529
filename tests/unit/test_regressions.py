"""Defects that reviews found, each pinned down once."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import clock
import convscope as cs
from convscope.backends.torch import TorchNet
from convscope.cli import run
from convscope.errors import ConvscopeError, FieldError, NotationError, RunError, ShapeError, TrainingError
from convscope.extras import pip
from convscope.training.recipe import find
from convscope.training.run import Run


def test_a_long_net_without_parentheses_is_no_file_name() -> None:
    assert len(cs.read("input 28x28x1" + ", conv 16 3x3 p1" * 40)) == 40
    with pytest.raises(RunError, match="is not a folder"):
        cs.load_run("x" * 5000)
    with pytest.raises(NotationError):
        cs.read("x" * 199)


@pytest.mark.parametrize("times", [70, 3000])
def test_merges_that_share_a_start_are_written_flat(times: int) -> None:
    net = cs.read(f"input 28x28x1, {times}*( add( id | from input ) ), linear 10")
    assert cs.read(str(net)) == net


@pytest.mark.parametrize("slope", ["10000000000000000", "1e16", "1e-9", ".5", "3."])
def test_numbers_are_written_in_characters_of_the_notation(slope: str) -> None:
    net = cs.read(f"input 8x8x1, leaky_relu {slope}")
    assert cs.read(str(net)) == net


@pytest.mark.parametrize("slope", ["1_0", "0x10", "1e", "1e400"])
def test_what_is_no_number_is_refused(slope: str) -> None:
    with pytest.raises(ConvscopeError):
        cs.read(f"input 8x8x1, leaky_relu {slope}")


@pytest.mark.parametrize("factor", [41, 47, 97])
def test_up_repeats_each_number_exactly(factor: int) -> None:
    found = TorchNet(cs.read(f"input 3x1, up {factor}"))(torch.arange(3.0)[None, None])
    assert found.flatten().long().bincount().tolist() == [factor] * 3


@pytest.mark.parametrize(
    "text",
    [
        "input 7x7x1, a: relu, 2147483648*( from a )",
        "input 7x7x1, a: relu, 10000*( 10000*( from a ) )",
        "input 1x1x1, up 2147483648",
        "input 2147483648x1, relu",
        "input 4x1, up 64, up 64, up 64, up 64",
        "input 4x4x1, a: conv 2 3x3, b: conv 3 2x2, from a",
    ],
)
def test_short_texts_with_large_meaning_are_refused_at_once(text: str) -> None:
    def attempt() -> None:
        with pytest.raises(ConvscopeError):
            cs.read(text).table()

    assert clock.best(attempt, 1) < 1


@pytest.mark.parametrize(
    "text",
    [
        "input 1x1, up 101, maxpool 100, up 103, maxpool 102, up 107, maxpool 106",
        "input 100x100x1, up 997, maxpool 991",
        "input 4x1, up 100000",
        "input 100000x100000x1, flatten",
        "input 28x28x1, conv 1 2147483648 p1073741823",
    ],
)
def test_large_geometry_takes_no_time(text: str) -> None:
    assert clock.best(cs.read(text).table, 2) < 2


def test_a_net_that_cannot_learn_or_does_not_fit_into_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="nothing to train"):
        cs.train("input 28x28x1, gap, cat( id | id | id | id | id | id | id | id | id | id )", out=tmp_path)
    with pytest.raises(TrainingError, match="needs about"):
        cs.train("input 28x28x1, linear 2147483648, linear 10", out=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("settings", [{"epochs": float("inf")}, {"epochs": 1e300}, {"learning_rate": float("inf")}])
def test_endless_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(FieldError):
        find("fast").changed(**settings)


@pytest.mark.parametrize("name", ["a/b", "../esc", "x" * 300, "a\0b", "a\nb"])
def test_a_name_that_is_no_folder_is_refused_before_training(tmp_path: Path, name: str) -> None:
    def attempt() -> None:
        with pytest.raises(FieldError, match="not a valid run name"):
            cs.train(recipe=find("fast").changed(name=name), out=tmp_path)

    assert clock.best(attempt, 1) < 1


@pytest.mark.parametrize("line", ["null", "[1]", "[" * 100_000, '{"result": 3}', '{"result": {"sha256": {}}}'])
def test_a_result_lies_in_the_seal_and_an_earlier_one_in_the_metrics(short_run: Run, tmp_path: Path, line: str) -> None:
    folder = Path(shutil.copytree(short_run.path, tmp_path / "run"))
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    assert cs.load_run(folder).result == short_run.result
    (folder / "seal.json").unlink()  # as before runs were sealed
    with pytest.raises(RunError):
        cs.load_run(folder)


def test_a_run_without_checksums_is_damaged(short_run: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(short_run.path, tmp_path / "run"))
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(lines[-1])
    last["result"]["sha256"] = {}
    (folder / "metrics.jsonl").write_text("\n".join([*lines[:-1], json.dumps(last)]), encoding="utf-8")
    (folder / "seal.json").unlink()
    with pytest.raises(RunError, match=r"is damaged|checksums|SHA-256"):
        cs.load_run(folder)


def test_an_empty_net_is_not_the_default_net(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "", "--dry-run"]) == 2
    assert "the net has no layers" in capsys.readouterr().err


def test_a_net_ends_in_a_layer() -> None:
    with pytest.raises(NotationError, match="ends in a jump"):
        cs.read("input 4x4x1, a: conv 2 3x3, b: conv 3 2x2, from a")


def command(*arguments: str, **options: object) -> "subprocess.Popen[bytes]":
    code = "from convscope.cli import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        process = command("table", "input 9x9x1, 400*( relu )", stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=clock.HANG)
    assert process.returncode == 2
    assert b"Traceback" not in err
    assert os.strerror(28).encode() in err


def test_small_volumes_are_averaged() -> None:
    net = cs.read("input 2x2x2x1, avgpool 3 s3 p1")
    # 8 ones in 27 places
    assert float(TorchNet(net)(torch.ones(1, 1, 2, 2, 2))) == pytest.approx(8 / 27)


def test_a_damaged_data_file_stops_training_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from convscope.data import registry

    mnist = registry.find("mnist")
    for path in mnist.folder.glob("*.gz"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / path.name).write_bytes(content)
    monkeypatch.setitem(registry.DATASETS, "mnist", dataclasses.replace(mnist, folder=tmp_path))
    assert run(["train", "--out", str(tmp_path / "runs")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("DataError: ")
    assert "is damaged" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("code", ["import convscope; convscope.train", "from convscope.cli import main; main()"])
def test_without_the_extra_one_error_says_what_to_install(code: str) -> None:
    hidden = f"import sys; sys.modules['torch'] = None; sys.argv = ['convscope', 'train']; {code}"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "MissingExtraError: torch is not installed" in done.stderr
    assert pip("train") in done.stderr
    if "cli" in code:
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("at", [3, ((0, 1, 2), (0, 1)), ("a", "b"), (1.5, 2)])
def test_places_that_are_none_are_refused(at: object) -> None:
    with pytest.raises(FieldError, match="at="):
        cs.read("input 8x8x1, relu").field(at=at)  # type: ignore[arg-type]


def test_places_may_be_numpy_numbers() -> None:
    import numpy as np

    assert cs.read("input 8x8x1, relu").field(at=(np.int64(3), np.int64(4))).box == ((3, 3), (4, 4))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        ["field", "input 10, linear 3", "--json"],
        ["check", "input 8x8x1, relu", "--max-params", "9" * 400],
        ["field", "input 8x8x1, relu", "--at", "9" * 5000],
        ["check", "input 8x8x1, relu", "--sarif", "--json"],
    ],
)
def test_odd_questions_are_refused_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err


def test_checks_of_a_deep_net_take_seconds() -> None:
    assert clock.best(lambda: cs.check(cs.read("input 8x8x1, 8000*( relu )")), 10) < 10


def test_results_print_themselves() -> None:
    net = cs.read("input 8x8x1, conv 2 3x3, linear 10")
    results = [cs.memory(net), cs.check(net), cs.compare(net, net), net.field(), net.table(), cs.depth(9)]
    assert all(repr(result) == str(result) for result in results)


@pytest.mark.parametrize(("redirection", "words"), [("<&-", "closed"), ("< $FILE", "not UTF-8")])
def test_odd_standard_input(tmp_path: Path, redirection: str, words: str) -> None:
    file = tmp_path / "net"
    file.write_bytes(b"input 8x8x1, relu \xff")
    code = "from convscope.cli import main; main()"
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{code}" table - {redirection}'],
        env={**os.environ, "FILE": str(file), "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
