"""What differs from system to system: code pages of terminals, what the system tells of itself."""

import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import clock
from convscope.backends import machine
from convscope.data import prepared

NET = "input 32x32x3, a: conv 8 3x3 d2 p2 bn relu, maxpool 2, conv 8 3x3, gap, linear 10"
COMMANDS = [
    ["--help"],
    ["table", NET],
    ["table", NET, "--json"],
    ["depth", "28", "--object", "20"],
    ["field", "input 32x32x1, 2*( conv 8 3x3 d2 p2 )", "--at", "16,16"],
    ["memory", NET],
    ["check", NET, "--object", "20x20"],
    ["compare", NET, NET.replace("conv 8 3x3 d2", "conv 16 5x5 d1")],
    ["write", NET, "--to", "torch"],
    ["write", NET, "--to", "dot"],
    ["activations", "relu"],
    ["train", "--dry-run"],
    ["data", "stats", "mnist"],
    ["filter", "docs/images/five.png", "--kernel", "laplacian", "--explain", "3,3"],
    ["verify", "input 8x8x1, conv 2 3x3"],
    ["look", "input 16x16x1, conv 2 3x3, relu, gap, linear 3", "--what", "kernels"],
    ["table", "input 8x8x1, cönv 3"],
    ["eval", "runs/ñ→…"],
]
PAGES = ("cp1252", "cp437", "cp932")
CODE = f"""
import sys
from convscope.cli import run
from convscope.streams import prepare
for page in {PAGES!r}:
    for stream in (sys.stdout, sys.stderr):  # as they are where PYTHONIOENCODING names the page
        stream.reconfigure(encoding=page, errors="strict")
    prepare()
    print("page", page, flush=True)
    for command in {COMMANDS!r}:
        print("did", command[0], run(command), flush=True)
"""


@pytest.fixture(scope="module")
def printed() -> dict[str, bytes]:
    """What all commands print, by code page: of one process, as what they load takes seconds."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONIOENCODING": PAGES[0], "LC_ALL": "C", "PYTHONPATH": str(root / "src")}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, env=environment, cwd=root, check=False, timeout=clock.HANG
    )
    assert done.returncode == 0, done.stderr.decode("latin-1")
    assert b"Traceback" not in done.stderr
    parts = re.split(rb"^page (\w+)\r?\n", done.stdout, flags=re.MULTILINE)[1:]
    return {page.decode(): part for page, part in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_prints_on_every_code_page(page: str, printed: dict[str, bytes]) -> None:
    said = printed[page].decode(page, errors="replace").splitlines()
    assert [line.split()[1] for line in said if line.startswith("did ")] == [command[0] for command in COMMANDS]
    statuses = [int(line.split()[2]) for line in said if line.startswith("did ")]
    assert statuses[:-2].count(2) == 0, list(zip(COMMANDS, statuses, strict=True))
    assert statuses[-2:] == [2, 2]


def hide_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)


def test_memory_and_cores_with_and_without_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    told, cores = machine.free_memory(), machine.cores()
    assert told is not None
    assert cores >= 1
    hide_psutil(monkeypatch)
    if sys.platform == "linux":
        assert machine.free_memory() == pytest.approx(told, rel=0.5)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.cores() >= 1


def test_a_draft_is_removed_when_its_process_is_gone_and_nobody_is_signalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    names = {who: f"{prepared._mark()}{number}-x" for who, number in (("gone", ended.pid), ("mine", os.getpid()))}
    for name in (*names.values(), f"{prepared._mark()}nobody-x"):
        (tmp_path / name).mkdir()
    prepared._clear(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {names["mine"], f"{prepared._mark()}nobody-x"}
    hide_psutil(monkeypatch)
    prepared._clear(tmp_path)
    assert (tmp_path / names["mine"]).is_dir()
    long_ago = time.time() - prepared.RESTED - 1
    os.utime(tmp_path / names["mine"], (long_ago, long_ago))
    prepared._clear(tmp_path)
    assert not (tmp_path / names["mine"]).exists()


def test_no_process_is_asked_by_a_signal() -> None:
    source = Path(machine.__file__).parents[1]
    asked = [str(path) for path in source.rglob("*.py") if "os.kill(" in path.read_text(encoding="utf-8")]
    assert not asked


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have settings of their own")
def test_what_training_frees_goes_back_to_the_system_when_the_last_one_ends() -> None:
    process = psutil.Process()

    def freed() -> NDArray[np.float32]:
        """Fill 400 MiB in blocks of 4, free them, and leave one behind at their end."""
        blocks = [np.ones(1 << 20, np.float32) for _ in range(100)]
        assert len(blocks) == 100
        return np.ones(1 << 20, np.float32)

    before = process.memory_info().rss
    with machine.kept_memory():
        with machine.kept_memory():
            left = freed()
        kept = process.memory_info().rss - before
    after = process.memory_info().rss - before
    assert kept > 300 << 20
    assert after < 100 << 20
    assert left.size == 1 << 20
