"""No test depends on how busy or how fast the machine is: see ``tests/clock.py``."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]

CLOCKS = re.compile(r"\b(perf_counter|process_time|monotonic|thread_time|time\.time)\b")

ALLOWED = {
    "clock.py": "it is the one place that measures",
    "boundaries/test_time.py": "names them",
    "faults/forked.py": "gives up on what hangs",
    "fuzzing/__main__.py": "ends after the time that was asked for",
    "fuzzing/verdict.py": "is no test: what it finds is measured again by one",
    "unit/test_portable.py": "dates a file back",
    "terminal/typed.py": "gives up on what hangs",
    "peers/through.py": "writes the time down, and claims nothing about it",
}


def readers(folder: Path) -> set[str]:
    """The files that read a clock."""
    files = ((path, path.read_text(encoding="utf-8")) for path in folder.rglob("*.py"))
    return {path.relative_to(folder).as_posix() for path, text in files if CLOCKS.search(text)}


def test_tests_read_no_clock_of_their_own() -> None:
    assert readers(TESTS) == ALLOWED.keys()


def test_a_clock_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "test_fast.py").write_text("assert time.perf_counter() - start < 1", encoding="utf-8")
    assert readers(tmp_path) == {"test_fast.py"}
