"""The help, the names and the files of the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from PIL import Image

from convscope import threads
from convscope.cli import run
from convscope.cli.commands import cli
from convscope.cli.groups import TASKS, summary
from convscope.cli.listing import KINDS
from convscope.cli.outputs import Out, OutFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from convscope.training.run import Run as TrainedRun

NET = "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, linear 10"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by its words, groups among them."""
    for name, command in cli.commands.items():
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in command.commands.items())


COMMANDS = dict(commands())
LEAVES = {name: one for name, one in COMMANDS.items() if not isinstance(one, click.Group)}


def faults(line: str) -> list[str]:
    """What is wrong with a one-line summary."""
    found = []
    if len(line) > 50:
        found.append("it is too long")
    if "…" in line or "..." in line:
        found.append("it is cut off")
    if not re.match(r"[A-Z][a-z]+ ", line):
        found.append("it does not begin with a verb")
    if line.split(" ", maxsplit=1)[0] in {"Shapes", "Two", "Numbers", "Memory", "How", "The", "What", "Of"}:
        found.append("it does not begin with a verb")
    if line.endswith("."):
        found.append("it ends in a full stop")
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_summaries(name: str) -> None:
    assert faults(summary(COMMANDS[name])) == []


def test_a_bad_summary_is_found() -> None:
    assert faults("Find design faults: each with its numbers, why it matters,… Shapes") == [
        "it is too long",
        "it is cut off",
    ]
    assert faults("Shapes of every layer.")


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_help_by_task(columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert "…" not in text
    assert "..." not in text.replace("[ARGS]...", "")
    assert [line.removesuffix(":") for line in text.splitlines() if line.removesuffix(":") in TASKS] == list(TASKS)
    assert all(len(line) <= max(80, int(columns)) for line in text.splitlines())
    if columns != "40":
        for name, command in cli.commands.items():
            assert re.search(rf"^  {name} +{re.escape(summary(command))}$", text, re.MULTILINE), name


def test_every_command_has_a_task() -> None:
    assert sorted(name for names in TASKS.values() for name in names) == sorted(cli.commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_and_sentences(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", *name.split()]) == 0
    text = capsys.readouterr().out
    assert f"convscope {name}" in text.partition("Examples:")[2]
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            told = option.help or ""
            assert re.match(r"[A-Za-z-]", told), option.name
            assert told.endswith("."), option.name
            assert not told.startswith("Of "), option.name


def test_help_of_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "tabel"]) == 2
    assert "try      table" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_lists(kind: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["list", kind]) == 0
    text = capsys.readouterr().out
    assert run(["list", kind, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "convscope/list/1"
    assert len(text.splitlines()) == 1 + len(data["rows"])
    assert run(["list", kind, "-o", str(tmp_path / "l.md")]) == 0
    assert (tmp_path / "l.md").read_text(encoding="utf-8").startswith("| ")


def test_recipes_are_listed_with_what_they_reach(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "recipes", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(row["accuracy"] and row["what"] for row in rows)


@pytest.mark.parametrize(
    ("words", "new"),
    [
        (["field", NET, "--node", "conv1"], "--layer"),
        (["field", NET, "--mask", "m.png"], "--out"),
        (["table", NET, "--output", "t.html"], "--out"),
        (["table", NET, "--csv"], "--to csv"),
        (["table", NET, "--markdown"], "--to markdown"),
    ],
)
def test_removed_names_say_the_new_one(words: list[str], new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert new in capsys.readouterr().err


def test_one_name_for_one_option() -> None:
    """A file that is written is --out, with -o; a layer is --layer; nothing is called by two names."""
    for name, command in LEAVES.items():
        for option in command.params:
            assert not {"--node", "--output", "--mask"} & set(option.opts), name
            if "--out" in option.opts:
                assert "-o" in option.opts, name


WRITERS = {
    name: option.type for name, one in LEAVES.items() for option in one.params if isinstance(option.type, OutFile)
}
WORDS = {
    "table": [NET], "draw": [NET], "field": [NET], "memory": [NET], "depth": ["28"], "check": [NET],
    "compare": [NET, NET], "verify": [NET, "--units", "1"], "write": [NET], "look": [NET, "--what", "kernels"],
    "report": [NET],
    "activations": ["relu"], "data stats": ["mnist"], "data check": ["mnist"], "data show": ["mnist"], "list": ["ops"],
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_an_unknown_suffix_is_one_error_that_names_the_known_ones(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, short_run: TrainedRun
) -> None:
    words = WORDS.get(name, [str(short_run.path), "five.png"] if name != "filter" else ["five.png", "-k", "blur"])
    for file in ("out.xyz", "out"):
        assert run([*name.split(), *words, "-o", str(tmp_path / file)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("WriteError: ")
        assert all(suffix in error for suffix in WRITERS[name].forms)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["table", "draw", "field", "memory", "depth", "check", "compare", "write", "list"])
def test_every_known_suffix_is_written_as_what_it_says(name: str, tmp_path: Path) -> None:
    for suffix in WRITERS[name].forms:
        path = tmp_path / f"out{suffix}"
        assert run([*name.split(), *WORDS[name], "-o", str(path)]) in {0, 1}
        content = path.read_bytes()
        if suffix == ".png":
            with Image.open(path) as image:
                assert image.width > 8
        elif suffix in {".json", ".sarif"}:
            assert json.loads(content)
        elif suffix == ".svg":
            assert content.startswith(b"<svg ")
        elif suffix == ".html":
            assert content.startswith(b"<!doctype html>")
        elif suffix == ".md":
            assert content.startswith(b"| ")
        else:
            assert content


def test_two_formats_for_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["table", NET, "--to", "csv"], ["write", NET, "--to", "onnx"]):
        assert run([*words, "-o", str(tmp_path / "out.html" if words[0] == "table" else tmp_path / "out.py")]) == 2
        assert "is not a file name for" in capsys.readouterr().err
    assert run(["table", NET, "--to", "netron", "-o", str(tmp_path / "n.json")]) == 0
    assert run(["write", NET, "--to", "keras", "-o", str(tmp_path / "k.py")]) == 0
    assert "keras" in (tmp_path / "k.py").read_text(encoding="utf-8")


APART = {
    "a drawing of one image": (["filter", "nowhere.png", "-k", "blur", "-o", "x.svg"], "a filtered image"),
    "a contact sheet as a photo": (["filter", "nowhere.png", "--sheet", "-o", "x.jpg"], "a contact sheet"),
    "a kernel and the sheet": (["filter", "nowhere.png", "--sheet", "-k", "blur", "-o", "x.png"], "--sheet"),
    "an image and kernels": (["look", "nowhere.cnn", "--what", "kernels", "--image", "a.png"], "depend on image"),
    "a class and a field": (["look", "nowhere.cnn", "--what", "field", "--classes", "3"], "depend on classes"),
    "a place that is none": (["look", "nowhere.cnn", "--what", "field", "--at", "here"], "is not a position"),
    "columns and Netron": (["table", "nowhere.cnn", "--to", "netron", "--columns", "name"], "--columns"),
    "two formats of a table": (["table", "nowhere.cnn", "--to", "csv", "--json"], "one of --to and --json"),
    "code in an ONNX file": (["write", "nowhere.cnn", "--to", "torch", "-o", "x.onnx"], "is not a file name for torch"),
    "torch in a Keras file": (
        ["write", "nowhere.cnn", "--to", "torch", "-o", "x.keras"],
        "is not a file name for torch",
    ),
    "a page and a net": (["check", "nowhere.cnn", "--explain", "CS011"], "--explain"),
    "a page as data": (["check", "--explain", "CS011", "--json"], "--explain"),
    "SARIF and data": (["check", "nowhere.cnn", "--sarif", "--json"], "--sarif"),
    "images for functions": (["activations", "relu", "--data", "folder:nowhere"], "--data requires --run"),
    "strict without a run": (["train", "nowhere.cnn", "--strict"], "--strict"),
    "a format and its file": (["export", "nowhere", "--to", "onnx", "-o", "x.pt2"], "is not a file name for onnx"),
}
"""Options that do not go together, and what the error says: of the files that are not there, nothing."""


@pytest.mark.parametrize("name", APART)
def test_what_does_not_go_together_is_refused_before_any_work(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, told = APART[name]
    assert run(words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "nowhere" not in error
    assert list(tmp_path.iterdir()) == []


def test_two_runs_are_not_aligned(short_run: TrainedRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(short_run.path), str(short_run.path), "--by", "stages"]) == 2
    assert "--by is for nets" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--input", "3x3x1"], ["--of", "x"], ["--top", "3"]], ids=" ".join)
def test_a_file_of_weights_has_no_layers(
    words: list[str], short_run: TrainedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["table", str(short_run.path / "model.safetensors"), *words]) == 2
    assert "are for nets" in capsys.readouterr().err


def test_an_output_is_a_value() -> None:
    out = OutFile((".png",)).convert("a.PNG", None, None)
    assert isinstance(out, Out)
    assert (str(out), out.suffix) == ("a.PNG", ".png")


def completed(words: str, shell: str = "bash", cwd: Path | None = None) -> list[str]:
    """What the protocol offers for the last word of a line."""
    parts = words.split(" ")
    env = os.environ | {
        "_CONVSCOPE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(parts) - 1),
    }
    if shell == "powershell":
        env["COMP_INCOMPLETE"] = parts[-1]
    done = subprocess.run(
        [sys.executable, "-m", "convscope"], env=env, capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.stderr == ""
    mark = "\t" if shell == "powershell" else ","
    return [line.split(mark)[1] for line in done.stdout.splitlines() if line]


def test_completion_by_the_protocol(tmp_path: Path, short_run: TrainedRun) -> None:
    assert completed("convscope comp") == ["compare", "completion"]
    assert completed("convscope train --recipe tiny") == ["tiny", "tiny-8k", "tiny-2k", "tiny-700"]
    assert "mnist" in completed("convscope train --data m")
    assert completed("convscope help data st") == ["stats"]
    (tmp_path / "net.cnn").write_text("input 8x8x1, first: conv 4 3x3, relu, final: linear 3", encoding="utf-8")
    assert completed("convscope field net.cnn --layer f", cwd=tmp_path) == ["first", "final"]
    shutil.copytree(short_run.path, tmp_path / "runs" / "mine")
    for name in ("a b", "a;ls", "a$(ls)", "a`ls`", "a&ls", "a'ls"):  # would be commands, or two words, on the line
        shutil.copytree(short_run.path, tmp_path / "runs" / name)
    assert completed("convscope eval runs/", cwd=tmp_path) == ["runs/", "runs/mine"]
    assert completed("convscope comp", "powershell") == ["compare", "completion"]
    assert completed("convscope list re", "powershell") == ["recipes"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_CONVSCOPE_COMPLETE={shell}_complete" in script or f'"{shell}_complete"' in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_completion_in_bash(tmp_path: Path) -> None:
    """The script is loaded by a bash, and its function is called as readline calls it."""
    program = tmp_path / "convscope"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m convscope "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    lines = (
        'eval "$(convscope completion bash)"',
        "COMP_WORDS=(convscope train --recipe tiny-); COMP_CWORD=3; COMP_TYPE=9",
        "_convscope_completion convscope; printf '%s\\n' \"${COMPREPLY[@]}\"",
        "complete -p convscope",
    )
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", "\n".join(lines)], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[:3] == ["tiny-8k", "tiny-2k", "tiny-700"], done.stderr
    assert "_convscope_completion convscope" in done.stdout


def started(*words: str, **env: str) -> dict[str, str | None]:
    """The variables for threads in a process of ours, when torch would be loaded."""
    code = (
        "import json, os, sys\nfrom convscope import threads\nimport convscope.cli as cli\n"
        "def find_spec(name, *_):\n    if name == 'torch':\n"
        "        found = {k: os.environ.get(k) for k in ('OMP_WAIT_POLICY', 'OMP_NUM_THREADS')}\n"
        "        print(json.dumps(found))\n        os._exit(0)\n"
        "import types, importlib.abc\nfinder = type('F', (), {'find_spec': staticmethod(find_spec)})\n"
        "sys.stdout.reconfigure(line_buffering=True)\nsys.meta_path.insert(0, finder)\ncli.main()\n"
    )
    clean = {name: value for name, value in os.environ.items() if name not in {*threads.WAITING, *threads.COUNTS}}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=clean | env, capture_output=True, text=True, check=False
    )
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


def test_threads_wait_passively_and_are_counted_before_torch_is_loaded() -> None:
    train = ("train", NET, "--epochs", "0.01")
    assert started(*train) == {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": None}
    assert started(*train, "--threads", "3") == {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "3"}
    assert started(*train, OMP_WAIT_POLICY="ACTIVE")["OMP_WAIT_POLICY"] == "ACTIVE"
    assert started(*train, GOMP_SPINCOUNT="5")["OMP_WAIT_POLICY"] is None


def test_threads_are_recorded(tmp_path: Path) -> None:
    words = [
        "train",
        NET,
        "--epochs",
        "0.01",
        "--threads",
        "1",
        "-o",
        str(tmp_path),
        "--name",
        "r",
        "--no-report",
        "--quiet",
    ]
    env = {name: value for name, value in os.environ.items() if name not in threads.COUNTS}
    subprocess.run([sys.executable, "-m", "convscope", *words], env=env, check=True, capture_output=True)
    assert json.loads((tmp_path / "r" / "env.json").read_text(encoding="utf-8"))["threads"] == 1


def test_a_model_by_name_is_made_for_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = "nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 10)"
    code = f"from torch import nn\ndef make():\n    return nn.Sequential({layers})\n"
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    words = ["train", f"{tmp_path / 'mine.py'}:make", "--recipe", "cifar10-small", "--dry-run", "--json"]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["params"] == 3 * 4 * 9 + 4 + 3600 * 10 + 10
    assert run([*words[:3], *words[3:], "--input", "9x9x3"]) == 2
