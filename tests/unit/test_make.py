"""What `make` runs says what it does, passes on what fails, and names what works. No network: pip is a stand-in."""

import os
import pty
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from convscope.cli import run as convscope
from convscope.cli.common import typed
from convscope.cli.training import _next as suggest
from convscope.training.run import Run, load

ROOT = Path(__file__).parents[2]
PIP = """#!/bin/sh
echo "$@" >>"{log}"
echo "Collecting one"
echo "  Downloading one-1.0-py3-none-any.whl (5 kB)"
echo "Collecting two"
echo "Installing collected packages: one, two"
{end}
"""
DONE = 'echo "Successfully installed one-1.0 two-2.0"'
FAILS = 'echo "ERROR: No matching distribution" >&2; exit 3'


def stand_in(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def pip(folder: Path, end: str) -> Path:
    stand_in(folder / "bin" / "python", PIP.format(log=folder / "log", end=end))
    return folder / "bin"


def install(where: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(ROOT / "scripts" / "install"),
        str(where),
        "-c",
        "constraints.txt",
        "one",
        "-e",
        ".[train]",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_log_has_what_is_installed_and_how_many(tmp_path: Path) -> None:
    done = install(pip(tmp_path, DONE))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"\d+ s", "0 s", done.stdout) == "Installing one .[train] ...\n  2 packages installed in 0 s\n"
    asked = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert asked[:3] == ["-m", "pip", "install"]
    assert asked[-5:] == ["-c", "constraints.txt", "one", "-e", ".[train]"]


def test_where_all_is_installed_it_says_so(tmp_path: Path) -> None:
    assert install(pip(tmp_path, "")).stdout.endswith("  nothing to install\n")


def test_a_failure_of_pip_is_passed_on_with_all_that_it_printed(tmp_path: Path) -> None:
    done = install(pip(tmp_path, FAILS))
    assert done.returncode == 3
    assert "Collecting one\n" in done.stderr
    assert "ERROR: No matching distribution\n" in done.stderr
    assert "installed in" not in done.stdout


def test_on_a_terminal_each_step_is_shown(tmp_path: Path) -> None:
    screen, side = pty.openpty()
    command = [sys.executable, str(ROOT / "scripts" / "install"), str(pip(tmp_path, DONE)), "one"]
    subprocess.run(command, stdout=side, stderr=side, check=True)
    shown = os.read(screen, 10_000).decode()
    os.close(side)
    os.close(screen)
    steps = re.findall(r"  (\w+) ([\w.-]*) ?\((\d) packages", shown)
    assert [(what, count) for what, _, count in steps] == [
        ("Collecting", "1"),
        ("Downloading", "1"),
        ("Collecting", "2"),
        ("Installing", "2"),
    ]


FIRST = """#!/bin/sh
echo "$@" >>"{log}"
{end}
"""


def first(folder: Path, end: str = "") -> subprocess.CompletedProcess[str]:
    stand_in(folder / "bin" / "convscope", FIRST.format(log=folder / "log", end=end))
    command = [str(ROOT / "scripts" / "first"), str(folder / "bin")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_first_run_trains_and_names_an_image_to_try(tmp_path: Path) -> None:
    done = first(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "train\n"
    assert done.stdout.index("Training the recipe") < done.stdout.index("For IMAGE")
    assert (ROOT / re.search(r"docs/\S+\.png", done.stdout)[0]).is_file()  # type: ignore[index]


def test_what_the_training_says_to_try_works_as_it_was_called(
    tmp_path: Path, short_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = stand_in(tmp_path / "bin" / "convscope", "#!/bin/sh")
    shutil.copytree(short_run.path, tmp_path / "runs" / "mnist-fast-seed0")
    monkeypatch.chdir(tmp_path)
    for called, own in (("bin/convscope", "bin/convscope"), (str(program), str(program)), ("-m", "convscope")):
        monkeypatch.setattr(sys, "argv", [called])
        suggest(load(Path("runs", "mnist-fast-seed0")))
        told = capsys.readouterr().err
        commands = [line.split("  ")[1] for line in told.splitlines()[1:]]
        assert len(commands) == 4
        assert all(line.startswith(f"{own} ") for line in commands)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(program.parent))  # where the shell finds it, its name is enough
    assert typed() == "convscope"
    monkeypatch.setattr("convscope.explorer.page.part", str)  # it need not be built
    for line in commands:
        if "explore" in line:  # a server ends by Ctrl-C only
            line += " -o page.html"  # noqa: PLW2901 -- the same command
        words = shlex.split(line.replace("IMAGE", str(ROOT / "docs" / "images" / "five.png")))
        assert convscope(words[1:]) == 0, capsys.readouterr().err


def test_a_run_that_fails_ends_it_before_it_names_more(tmp_path: Path) -> None:
    done = first(tmp_path, "echo no data >&2; exit 2")
    assert (done.returncode, done.stderr) == (2, "no data\n")
    assert "IMAGE" not in done.stdout


PYTHON = """#!/bin/sh
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "{bin}/python" "{bin}/convscope" "$3/bin/"; fi
"""
"""The Python that makes the environment."""


def make(folder: Path, end: str) -> subprocess.CompletedProcess[str]:
    stand_in(pip(folder, end) / "convscope", FIRST.format(log=folder / "log", end=""))
    python = stand_in(folder / "python", PYTHON.format(bin=folder / "bin"))
    command = ["make", "-C", str(ROOT), f"PYTHON={python}", f"VENV={folder / 'venv'}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_make_installs_trains_and_does_not_install_again(tmp_path: Path) -> None:
    done = make(tmp_path, DONE)
    assert done.returncode == 0, done.stderr
    order = [
        "Making a virtual environment",
        "Installing pip",
        "2 packages installed",
        "Training the recipe",
        "For IMAGE",
    ]
    places = [done.stdout.index(text) for text in order]
    assert places == sorted(places)
    log = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert log[-1] == "train"
    assert log[-2].endswith("-c constraints.txt ./packages/convscope-mnist -e .[train,onnx,explore]")
    assert "Installing" not in make(tmp_path, DONE).stdout


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_make_stops_where_pip_fails(tmp_path: Path) -> None:
    done = make(tmp_path, FAILS)
    assert done.returncode == 2
    assert "ERROR: No matching distribution" in done.stderr
    assert "Training" not in done.stdout
    assert not (tmp_path / "venv" / ".ready").exists()


def test_every_extra_has_commands_that_are_tried() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tried = runpy.run_path(str(ROOT / "scripts" / "commands"))["COMMANDS"]
    assert set(tried) == {"core", *project["optional-dependencies"]}
    assert all(tried.values())
