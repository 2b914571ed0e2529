"""What is printed on a terminal: the commands of the README, of the pages and of every ``--help``, typed in one."""

import json
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from convscope.training.run import Run
from terminal.commands import CHEAP, KEYS, LONG, NEEDS_THE_NET, REFUSED, commands, furnish, typed_as, written

DATA = re.compile(r"--json|--csv|--markdown|--to |--sarif|^write|^completion|--wide|--columns")
"""Commands whose output is for other programs, and is printed as it is."""

PAGE = re.compile("explore (?!--help)")
"""Commands that write the explorer's page."""

COPIED = re.compile(r" {4}(?:echo .*)?convscope |  try ")
"""Rows that are copied into a terminal, which breaks them where they do not fit."""


@pytest.fixture(scope="module")
def place(short_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the examples name."""
    folder = tmp_path_factory.mktemp("typed")
    furnish(folder, short_run)
    return folder


def type_all(lines: list[str], width: int, folder: Path, env: dict[str, str]) -> list[tuple[str, str, int]]:
    asked = [
        json.dumps(
            {
                "arguments": [one for word in shlex.split(line) for one in expanded(word, folder)],
                "width": width,
                "env": env,
                "folder": str(folder),
                "keys": KEYS.get(line, ""),
            }
        )
        for line in lines
    ]
    typist = [sys.executable, str(Path(__file__).with_name("typed.py"))]
    done = subprocess.run(typist, input="\n".join(asked), capture_output=True, text=True, check=True, encoding="utf-8")
    answers = map(json.loads, done.stdout.splitlines())
    return [(line, settled(answer["out"]), answer["rc"]) for line, answer in zip(lines, answers, strict=True)]


def expanded(word: str, folder: Path) -> list[str]:
    """A word as a shell gives it to a command: the files that it stands for."""
    found = sorted(str(path.relative_to(folder)) for path in folder.glob(word)) if word.endswith("*.jpg") else []
    return found or [word]


def settled(out: str) -> str:
    """The screen in the end: a line that is written again, as progress is, shows what was written last."""
    plain = re.sub(r"\x1b\[(?:\?25[lh]|2K|1A|0m)", "", out.replace("\r\n", "\n"))
    return "\n".join(row.rstrip("\r").rpartition("\r")[2] for row in plain.split("\n"))


def faults(line: str, out: str, status: int, width: int, folder: Path) -> list[str]:
    """What is wrong with the screen after a command."""
    found = [f"exit status {status}"] if status not in {0, 1, 2} else []
    found += ["a traceback"] if "Traceback" in out else []
    found += ["an escape that moves nothing"] if "\x1b" in out else []
    if not DATA.search(line) or line.endswith("--help"):
        rows = [row for row in out.splitlines() if len(row) > width and not COPIED.match(row)]
        found += [f"wider than {width}: {row}" for row in rows if len(max(row.split(), key=len)) < width // 2]
    words = shlex.split(line)
    named = [words[at + 1] for at, word in enumerate(words[:-1]) if word in {"-o", "--out"}]
    return found + [f"{name} is not there" for name in named if status == 0 and not (folder / name).exists()]


class Words:
    """The words of some text, and which of them stand beside each other."""

    def __init__(self, text: str) -> None:
        words = text.split()
        self.whole, self.beside = set(words), set(pairwise(words))

    def broken(self, shown: str) -> list[str]:
        """Words of which a line ends in one part and the next begins with the other, and that stand whole in the text.

        Two words that stand beside each other there, as "in" and "to" do, are two words.
        """
        rows = filter(str.strip, shown.splitlines())
        ends = [(upper.split()[-1], lower.split()[0]) for upper, lower in pairwise(rows)]
        return [f"{a}|{b}" for a, b in ends if a + b in self.whole and (a, b) not in self.beside]


def test_every_command_is_typed() -> None:
    """Only what needs the net is left out, and what is typed instead is so for a reason that is still there."""
    lines = written()
    assert len(lines) > 100
    assert len(commands()) > 100
    left = [line for line in lines if typed_as(line) is None]
    assert all(any(re.search(kind, line) for kind in NEEDS_THE_NET) for line in left)
    assert len(left) <= 4
    for kind in (*NEEDS_THE_NET, *(kind for kind, _, _ in CHEAP)):
        assert any(re.search(kind, line) for line in lines), kind


def test_every_command_fits(place: Path, built: bool) -> None:
    lines = [line for line in commands() if built or not PAGE.match(line)]
    narrow = type_all(lines, 80, place, {"NO_COLOR": "1"})
    wide = type_all([line for line in lines if not LONG.search(line)], 120, place, {"NO_COLOR": "1"})
    words = Words("\n".join(out for _, out, _ in (*narrow, *wide)))
    wrong: dict[str, list[str]] = {}
    for width, screens in ((80, narrow), (120, wide)):
        for line, out, status in screens:
            found = faults(line, out, status, width, place)
            found += [f"broken: {word}" for word in words.broken(out)]
            found += [] if (status == 2) == (line in REFUSED) else [f"exit status {status}: {out[-200:]}"]
            found += [] if REFUSED.get(line, "") in out else ["another error"]
            wrong |= {f"{width}: {line}": found} if found else {}
    assert wrong == {}


def test_faults_would_be_found(place: Path) -> None:
    assert faults("table net.cnn", "name  op  " * 12, 0, 80, place)
    assert faults("table net.cnn", "Traceback (most recent call last)", 1, 80, place)
    assert faults("filter five.png -o nothing.png", "", 0, 80, place)
    words = Words("the receptive field of a unit goes in to a net, into it")
    assert words.broken("the receptive fi\n  eld of a unit") == ["fi|eld"]
    assert words.broken("a unit goes in\nto a net") == []


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
