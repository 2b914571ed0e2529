"""The edges of the command line: odd numbers, closed and narrow streams, interrupts, too little of everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest

from convscope.cli import faults, run
from convscope.cli.commands import cli
from convscope.cli.numbers import Bounded
from faults.forked import Forked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.faults

NET = "input 8x8x3, conv 2 3x3 relu, gap, linear 3"
CODE = "from convscope.cli import main; main()"
BASES = {
    "depth": ("28",),
    "compare": (NET, NET),
    "activations": (),
    "predict": ("none", "none.png"),
    "data": ("mnist",),
}
SILLY = ("9" * 4000, "9" * 5000, "-1", "nan", "inf", "-inf", "", " ", "1e400", "0x10", "1_0", "\u0663", "1.5.2", "--")


def parameters() -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    """Each parameter of each command."""
    for name, command in cli.commands.items():
        group = command.commands if isinstance(command, click.Group) else {"": command}
        for inner, one in group.items():
            yield from (((name, *([inner] if inner else [])), parameter) for parameter in one.params)


def numeric() -> list[tuple[tuple[str, ...], str]]:
    """Options that take a number."""
    return [
        (words, one.opts[-1])
        for words, one in parameters()
        if isinstance(one, click.Option) and isinstance(one.type, Bounded)
    ]


def test_every_number_is_bounded() -> None:
    """A type of click's own takes a number of 4,000 digits."""
    kinds = (click.types.IntParamType, click.types.FloatParamType)
    assert not [(words, one.name) for words, one in parameters() if isinstance(one.type, kinds)]
    assert len(numeric()) > 25


@pytest.mark.parametrize(("command", "option"), numeric(), ids=lambda part: "-".join(part).strip("-") if part else "")
def test_silly_numbers(
    command: tuple[str, ...], option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for value in SILLY:
        assert run([*command, *BASES.get(command[0], (NET,)), f"{option}={value}"]) == 2, value
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err) < 600
        known = (
            option,
            "FieldError: ",
            "which kernel",
            "no image",
            "not a folder",
            "WriteError",
        )  # another mistake comes first
        assert any(one in err for one in known), err


@pytest.mark.parametrize("value", [*SILLY, "9" * 400, "10" * 40 + "k"])
@pytest.mark.parametrize("option", ["--max-params", "--max-macs", "--max-memory", "--object", "--input"])
def test_silly_amounts(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", NET, f"{option}={value}"]) in ({2} if option != "--input" or value.strip() else {0, 2})
    assert len(capsys.readouterr().err) < 600


@pytest.mark.parametrize("words", [("field", "--at", "9" * 4000), ("look", "--at", "1," * 4000), ("depth", "9" * 4000)])
def test_silly_places(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    rest = words[1:] if words[0] == "depth" else (NET, *words[1:])
    assert run([words[0], *rest]) == 2
    assert "Error" in capsys.readouterr().err


def command(
    *words: str, env: dict[str, str] | None = None, flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, *flags, "-c", CODE, *words],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        encoding="latin-1",
    )


ENCODINGS = ("ascii", "latin-1", "cp1252", "utf-8")
SPOKEN = (
    ("field", NET),
    ("compare", NET, NET),
    ("table", NET),
    ("check", NET),
    ("memory", NET),
    ("depth", "28"),
    ("write", NET, "--to", "torch"),
    ("activations", "relu"),
    ("verify", NET),
    ("look", NET, "--what", "kernels"),
    ("train", "--help"),
    ("train", NET, "--data", "mnist\u2026", "--dry-run"),
    ("table", "\u5377\u79ef"),
)


@pytest.fixture(scope="module")
def forked() -> Iterator[Forked]:
    with closing(Forked(own=True)) as process:
        yield process


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("words", SPOKEN, ids=lambda words: "-".join(words)[:20])
def test_any_encoding(forked: Forked, encoding: str, words: tuple[str, ...]) -> None:
    done = forked.run(*words, encoding=encoding)
    assert "Traceback" not in done["err"]
    assert done["status"] in {0, 1, 2}
    assert done["out"] + done["err"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_encoding_of_the_environment(encoding: str) -> None:
    done = command("field", NET, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_without_docstrings() -> None:
    plain, stripped = (command("check", "--explain", "CS011", flags=flags) for flags in ((), ("-OO",)))
    assert plain.stdout == stripped.stdout
    assert stripped.stdout.startswith("# CS011: ")
    for words in ("--help",), ("table", "--help"), ("data", "--help"), ("data", "check", "--help"):
        plain, stripped = (command(*words, flags=flags) for flags in ((), ("-OO",)))
        assert plain.stdout == stripped.stdout
    assert "sarif" in command("check", NET, "--sarif", flags=("-OO",)).stdout


SHELL = pytest.mark.skipif(os.name != "posix", reason="a shell")


def shell(text: str) -> subprocess.CompletedProcess[str]:
    """A line for the shell, in which C is the command."""
    start = f"set -o pipefail; C() {{ {sys.executable} -c '{CODE}' \"$@\"; }}; N='{NET}'; "
    return subprocess.run(["bash", "-c", start + text], capture_output=True, text=True, check=False)


LEAVE = """
leave() { exec <&-; touch gone; until [ -e done ]; do sleep 0.01; done; }
late() { until [ -e gone ]; do sleep 0.01; done; C "$@"; local status=$?; touch done; exit $status; }
"""
"""A reader that closes its end and lives on, and a writer that begins after that."""


@SHELL
@pytest.mark.parametrize(
    "text",
    [
        'C table "$N" | true',
        'late table "$N" | leave',
        'late table "input 8x8x1, 3000*( relu )" | leave',
        "C --help | true",
        "C check --explain CS001 | true",
        'C check "$N" | true',
    ],
)
def test_a_reader_that_is_gone(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = shell(LEAVE + text)
    assert (done.returncode, done.stderr) in {(141, ""), (0, "")}  # 0: all was in the pipe before
    if "leave" in text:
        assert done.returncode == 141


@SHELL
def test_messages_that_nobody_reads_stop_nothing(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "own.npz", images=images, labels=np.arange(16) % 3)
    words = f'"$N" --data npz:{tmp_path}/own.npz --epochs 1 --out {tmp_path} --no-report'
    for name, end in (("a", "2>&-"), ("b", "2>/dev/full"), ("c", "2> >(true)")):
        done = shell(f"C train {words} --name {name} {end}")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name / "README.md").exists()


@SHELL
@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ('C table "$N" >&-', 2, "standard output is closed"),
        ('C table "$N" >/dev/full', 2, "disk is full"),
        ('C table "input 8x8x1, 3000*( relu )" >/dev/full', 2, "disk is full"),
        ("C table - <&-", 2, "closed"),
        ('C table "input 8x8x1, rleu" 2>&-', 2, ""),
        ('C table "input 8x8x1, rleu" 2>/dev/full', 2, ""),
        ('C table "$N" >&- 2>&- <&-', 2, ""),
        ("C --help >/dev/full", 2, "disk is full"),
    ],
)
def test_closed_and_full_streams(text: str, status: int, said: str) -> None:
    done = shell(text)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@SHELL
def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """Else what is printed would go into the next file that is opened."""
    done = shell(f'C write "$N" -o {tmp_path}/n.py >&- 2>&- <&-')
    assert done.returncode == 0
    assert (tmp_path / "n.py").read_text(encoding="utf-8").startswith('"""A net in PyTorch')


EVENTS = """
import os, signal, sys
from convscope import cli
at, passed = int(sys.argv.pop(1)), 0
cli.PATIENCE = 1e9  # however slow the machine is, a library is not stopped while it starts
def seen(*_):
    global passed
    passed += 1
    if passed == at:
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(seen)
try:
    cli.main()
finally:
    print(f"events: {passed}", file=sys.stderr)
"""
"""The program, interrupted at one of the events that Python reports: a file is opened, a module imported, code run."""


@SHELL
@pytest.mark.parametrize(("line", "times"), [(("table", NET), 16), (("look", NET, "--what", "kernels"), 8)])
def test_interrupted_while_it_starts(line: tuple[str, ...], times: int) -> None:
    """At any moment from the start of our code on: status 130, one word, no traceback."""
    words = [sys.executable, "-c", EVENTS]
    whole = subprocess.run([*words, "0", *line], capture_output=True, text=True, check=True)
    events = int(whole.stderr.rpartition("events: ")[2])
    assert events > 1000
    ends = []
    for part in range(times):
        at = str(1 + events * part // times)
        done = subprocess.run([*words, at, *line], capture_output=True, text=True, check=False)
        ends.append(done.returncode)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in {0, 130}, done.stderr
        if done.returncode == 130:
            assert done.stderr.partition("events: ")[0] == "interrupted\n"
    assert 130 in ends


def turned(first: BaseException, then: Exception, *, caused: bool) -> Exception:
    """An error that came of another one."""
    if caused:
        then.__cause__ = first
    else:
        then.__context__ = first
    return then


@pytest.mark.parametrize("caused", [True, False])
def test_an_interrupt_that_a_library_turned_into_an_error(caused: bool) -> None:
    once = turned(KeyboardInterrupt(), ImportError("numpy cannot be loaded"), caused=caused)
    assert faults.interrupt_in(once)
    assert faults.interrupt_in(turned(once, SystemError("error return without exception set"), caused=not caused))
    assert not faults.interrupt_in(turned(ValueError("second"), RuntimeError("first"), caused=caused))


class LoudError(Exception):
    """An error of a library."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is too little memory for this question"),
        (MemoryError("Unable to allocate 3.00 GiB"), "Unable to allocate 3.00 GiB"),
        (RuntimeError("can't start new thread"), "the system cannot start more processes or threads"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] not enough memory: you tried"), "too little memory"),
        (ImportError("libtorch.so: failed to map segment from shared object"), "too little memory"),
        (OSError(24, "Too many open files", "a.png"), "a.png: this process has too many files open"),
        (OSError(28, "No space left on device"), "the disk is full"),
        (IsADirectoryError(21, "Is a directory", "dir"), "dir: Is a directory"),
        (PermissionError(13, "Permission denied", "x\nModelError: y"), "x\\x0aModelError: y: Permission denied"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_what_the_machine_lacks(error: Exception, said: str) -> None:
    text = faults.message(error)
    assert text is not None
    assert text.startswith("MachineError: ")
    assert said in text
    assert faults.message(LoudError()) is None


def test_warnings_and_tracebacks_are_inert() -> None:
    for line in ("import warnings; warnings.warn('\\x1b[2J\\nModelError: x')", "raise ValueError('\\x1b[2J')"):
        code = f"from convscope import streams; streams.prepare(); exec({line!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "\x1b" not in done.stderr
        assert "\\x1b[2J" in done.stderr
        assert "\nModelError" not in done.stderr


CLASS = "import sys, torch\nclass M(torch.nn.Module):\n    def forward(self, x):\n        "
MUTE = "class E(Exception):\n    def __str__(self):\n        raise ValueError\n"
CODES = {
    "an error that cannot say what it is": f"{MUTE}def f():\n    raise E",
    "an error of no kind": "class B(BaseException):\n    pass\ndef f():\n    raise B('x')",
    "an exit": "import sys\ndef f():\n    sys.exit(0)",
    "an exit in forward": f"{CLASS}sys.exit(7)\ndef f():\n    return M()",
    "an error in forward": f"{MUTE}{CLASS}raise E\ndef f():\n    return M()",
}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
@pytest.mark.parametrize("word", ["table", "verify"])
def test_code_of_a_model_that_ends_oddly(
    code: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    assert run([word, f"{tmp_path / 'mine.py'}:f", "--input", "8x8x3"]) == 2
    assert "Error: " in capsys.readouterr().err


@SHELL
def test_a_signal_that_ends_the_process_while_a_model_is_made(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\ndef f(): print('made', flush=True); time.sleep(60)", encoding="utf-8"
    )
    words = [sys.executable, "-c", CODE, "table", f"{tmp_path / 'slow.py'}:f", "--input", "8x8x3"]
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            while process.stderr.readline().strip() != "made":
                pass
            process.send_signal(number)
            assert process.wait() == status
            assert process.stderr.read() in {"terminated\n", "interrupted\n"}
