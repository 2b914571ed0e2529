"""What is printed on a terminal: the commands of the README, of the pages and of every ``--help``, typed in one."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from convscope.cli.commands import cli
from convscope.training.run import Run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = "runs/mnist-fast-seed0"
NET = "input 28x28x1, conv 8 3x3 nobias, bn, relu, maxpool 2, conv3: conv 8 3x3 nobias, bn, relu, gap, linear 10\n"
FILES = ("net.cnn", "old.cnn", "new.cnn", "small.cnn", "large.cnn")

ELSEWHERE = re.compile(
    r"torchvision:|timm:|keras:|cifar10|folder:|mine\.p|\.safetensors|model\.|[|>*]|scans/|seed1|small$|"
    r"^train(?!.*--dry-run)|^look.*(?:saliency|mistakes)|--measure|^export|^report|--split train|^activations --run"
)
"""Commands that need what is not here, or minutes; each has tests of its own."""

DATA = re.compile(r"--json|--csv|--markdown|--to |--sarif|^write|^completion|-o |--out |--wide|--columns|--explain")
"""Commands whose output is for other programs, and is printed as it is."""


def examples(command: click.Command) -> Iterator[str]:
    """The commands in the examples of a help page."""
    yield from re.findall(r"^ *convscope (.+)$", command.help or "", re.MULTILINE)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from examples(below)


def typed_in_docs() -> list[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    found = [*examples(cli), *re.findall(r"^\$ convscope (.+)$", text, re.MULTILINE)]
    kept = [line.replace("runs/short", RUN) for line in dict.fromkeys(found)]
    return [line for line in kept if not ELSEWHERE.search(line)]


@pytest.fixture(scope="module")
def place(short_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the examples name."""
    folder = tmp_path_factory.mktemp("typed")
    shutil.copytree(short_run.path, folder / RUN)
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in FILES:
        (folder / name).write_text(NET, encoding="utf-8")
    for name in ("five.png", "photo.jpg"):
        shutil.copy(ROOT / "docs" / "images" / "five.png", folder / name)
    return folder


def type_all(lines: list[str], width: int, folder: Path, env: dict[str, str]) -> list[tuple[str, str, int]]:
    asked = [
        json.dumps({"arguments": shlex.split(line), "width": width, "env": env, "folder": str(folder)})
        for line in lines
    ]
    typist = [sys.executable, str(Path(__file__).with_name("typed.py"))]
    done = subprocess.run(typist, input="\n".join(asked), capture_output=True, text=True, check=True, encoding="utf-8")
    answers = map(json.loads, done.stdout.splitlines())
    return [(line, answer["out"], answer["rc"]) for line, answer in zip(lines, answers, strict=True)]


def faults(line: str, out: str, status: int, width: int, folder: Path) -> list[str]:
    """What is wrong with the screen after a command."""
    found = [f"exit status {status}"] if status not in {0, 1, 2} else []
    found += ["a traceback"] if "Traceback" in out else []
    found += ["an escape that moves nothing"] if "\x1b" in out else []
    if not DATA.search(line):
        longest = [row for row in out.splitlines() if len(row) > width and len(max(row.split(), key=len)) < width // 2]
        found += [f"wider than {width}: {row}" for row in longest]
    words = shlex.split(line)
    named = [words[at + 1] for at, word in enumerate(words[:-1]) if word in {"-o", "--out", "--output", "--mask"}]
    return found + [f"{name} is not there" for name in named if status == 0 and not (folder / name).exists()]


@pytest.mark.parametrize("width", [80, 120])
def test_every_command_fits(width: int, place: Path) -> None:
    lines = typed_in_docs()
    assert len(lines) > 30
    wrong = {
        line: found
        for line, out, status in type_all(lines, width, place, {"NO_COLOR": "1"})
        if (found := faults(line, out, status, width, place))
    }
    assert wrong == {}


def test_a_wide_row_would_be_found(place: Path) -> None:
    assert faults("table net.cnn", "name  op  " * 12, 0, 80, place)
    assert faults("table net.cnn", "Traceback (most recent call last)", 1, 80, place)
    assert faults("filter five.png -o nothing.png", "", 0, 80, place)


def test_colours_are_for_terminals_that_have_them(place: Path) -> None:
    ((_, plain, _),) = type_all(["table net.cnn"], 80, place, {"NO_COLOR": "1", "TERM": "xterm-256color"})
    ((_, coloured, _),) = type_all(["table net.cnn"], 80, place, {"NO_COLOR": "", "TERM": "xterm-256color"})
    assert "\x1b[1m" in coloured
    assert "\x1b[33m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize(
    "env",
    [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "cp1252"}, {"HOME": ""}, {"COLUMNS": "40"}],
    ids=lambda env: next(iter(env)),
)
def test_anywhere(env: dict[str, str], place: Path) -> None:
    base = {key: value for key, value in os.environ.items() if key not in {"LC_ALL", "HOME", "COLUMNS"}}
    for words in (["table", "net.cnn"], ["check", "net.cnn"], ["table", "nowhere.cnn"]):
        command = [sys.executable, "-m", "convscope", *words]
        done = subprocess.run(command, env={**base, **env}, cwd=place, capture_output=True, check=False)
        told = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert done.returncode in {0, 1, 2}, told
        assert "Traceback" not in told
        if "COLUMNS" in env:
            assert [row for row in told.splitlines() if len(row) > 40] == []


def test_nobody_reads(place: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m convscope table net.cnn >&-"
    done = subprocess.run(["sh", "-c", command], cwd=place, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
