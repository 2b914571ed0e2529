"""One short run that several tests look at, the order of the files, and what each adds to the memory of a worker."""

import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from convscope.training.recipe import find
from convscope.training.run import Run
from convscope.training.train import train

for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(name, None)  # what commands print must not depend on the terminal that the tests are started in

LONGEST = (
    "faults/test_hold_runs.py",
    "peers/test_families.py",
    "faults/test_run_faults.py",
    "peers/test_fields.py",
    "peers/test_models.py",
    "faults/test_hold_analyses.py",
    "faults/test_hold_terminal.py",
    "unit/test_look.py",
    "unit/test_writers.py",
    "web/test_report_page.py",
)
"""Files that take minutes, the longest first. A file stays on one worker: begun last, they would keep one at work while
the others have nothing left to do. Needs ``--no-loadscope-reorder``: xdist sorts files by how many tests are in them.
"""

PAGE = 4096
LARGE = 3 * 2**29
"""A worker that has more than that in memory after a test looks for what is free [byte]."""

LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _settle() -> None:
    """Leave what is there now out of all later searches for garbage, which take a second once everything is loaded.

    What is free goes back to the system: glibc keeps the weights of every model otherwise, as small things lie between
    them.
    """
    gc.collect()
    gc.freeze()
    if LIBC and hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)


MEMORY = "CONVSCOPE_TEST_MEMORY"
"""Variable of the environment: the file to which each worker adds a line for each file of tests."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all else stays in its order."""
    tests = Path(__file__).parent
    places = {tests / name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A worker that has grown gives back what is free: one file of tests can make thousands of models."""
    if LIBC and int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE > LARGE:
        _settle()


def pytest_collection_finish() -> None:
    """Every module of tests is loaded now, and ten thousand tests are listed."""
    _settle()


@pytest.fixture(scope="module", autouse=True)
def _memory(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where ``CONVSCOPE_TEST_MEMORY`` is set: how much memory is resident after a file of tests, and at most so far."""
    yield
    _settle()
    if path := os.environ.get(MEMORY):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        now, most = (
            next(int(line.split()[1]) // 1024 for line in lines if line.startswith(key)) for key in ("VmRSS", "VmHWM")
        )
        with Path(path).open("a", encoding="utf-8") as out:
            out.write(f"{now:6,} MiB now {most:6,} MiB at most {os.getpid()} {request.path.name}\n")


@pytest.fixture(scope="session")
def built() -> bool:
    """Whether the explorer's page is there, built of today's sources; it is not where deno is not installed."""
    script = Path(__file__).parents[1] / "scripts/page"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "deno is not installed" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.fixture(scope="session")
def bundle(built: bool) -> Path:
    """The explorer's page."""
    if not built:
        pytest.skip("deno is not installed")
    return Path(__file__).parents[1] / "src/convscope/explorer/bundle"


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A twentieth of an epoch: enough to read most digits."""
    return train(recipe=find("fast").changed(epochs=0.05), out=tmp_path_factory.mktemp("runs"))
