"""Inputs that fuzzing found once: none has a fault any more. A new one is put into ``found/READER/`` by its name."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from faults.limits import answered
from fuzzing.readers import READERS, Reader
from fuzzing.verdict import judged

pytestmark = pytest.mark.faults

FOUND = sorted(path for path in (Path(__file__).parent / "found").glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_has_no_fault(tmp_path: Path, path: Path) -> None:
    reader = READERS[path.parent.name]
    judged(reader, reader.seeds()[0], tmp_path)  # everything is imported
    assert answered(lambda: judged(reader, path.read_bytes(), tmp_path)) == ("", "")


@pytest.mark.parametrize("name", READERS)
def test_seeds_and_their_mutations_have_no_fault(tmp_path: Path, name: str) -> None:
    reader, draw = READERS[name], random.Random(0)
    for seed in reader.seeds():
        assert judged(reader, seed, tmp_path) == ("", "")
        changed = seed
        for _ in range(5):
            changed = reader.mutated(changed, draw)
            assert judged(reader, changed, tmp_path) == ("", "")


class Odd:
    """A reader with a fault."""

    def __init__(self, attempt: Callable[[], str]) -> None:
        self.attempt = lambda *_: attempt()


@pytest.mark.parametrize(
    ("kind", "attempt"),
    [
        ("uncaught", lambda: str(1 / 0)),
        ("unprintable", lambda: "\x1b[31m"),
        ("fat", lambda: str(len(bytes([1]) * 400_000_000))),
        ("slow", lambda: str(sum(range(4 * 10**8)))),
    ],
)
def test_faults_of_every_kind_are_found(tmp_path: Path, kind: str, attempt: Callable[[], str]) -> None:
    assert judged(cast("Reader", Odd(attempt)), b"", tmp_path)[0] == kind
