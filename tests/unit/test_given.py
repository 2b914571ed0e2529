"""What programs give from memory stays in the cache within a bound: what was used longest ago is removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convscope.data import find, given
from convscope.data.objects import named
from convscope.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def images(seed: int) -> tuple[Any, Any]:
    """Return images of 100 kB."""
    return np.random.default_rng(seed).integers(0, 256, (100, 32, 32), dtype=np.uint8), np.arange(100) % 2


def path_of(name: str) -> Path:
    return Path(name.removeprefix("npz:"))


def aged(name: str, seconds: float) -> None:
    """Let a file have been used that long ago."""
    facts = path_of(name).stat()
    os.utime(path_of(name), ns=(facts.st_atime_ns - int(seconds * 1e9), facts.st_mtime_ns))


def test_the_files_that_were_used_longest_ago_are_removed_with_what_was_prepared_from_them(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "MOST", 500_000)  # two of them, each with its prepared images
    names = []
    for seed in range(2):
        names.append(named(images(seed)))
        find(names[-1])
    assert len([*(cache / "prepared").iterdir()]) == 2
    for name, age in zip(names, (7200, 3600), strict=True):
        aged(name, age)
    assert find(names[0]).count("train")  # which is a use
    names.append(named(images(2)))
    find(names[-1])
    assert [path_of(name).exists() for name in names] == [True, False, True]
    assert len([*(cache / "prepared").iterdir()]) == 2
    with pytest.raises(DataError, match="cannot be read"):
        find(names[1])
    assert named(images(1)) == names[1], "the same images have the same name again"


def test_what_was_used_just_now_is_kept_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "MOST", 0)
    names = [named(images(seed)) for seed in range(3)]
    assert all(path_of(name).exists() for name in names)
    aged(names[0], given.RECENT + 1)
    aged(names[1], given.RECENT + 1)
    assert named(images(0)) == names[0]
    assert [path_of(name).exists() for name in names] == [True, False, True]


def test_a_use_does_not_change_what_the_set_is(cache: Path) -> None:
    name = named(images(0))
    first = find(name)
    aged(name, 99)
    assert find(named(images(0))) == first
    assert len([*(cache / "prepared").iterdir()]) == 1


def test_drafts_of_processes_that_died_are_removed(cache: Path) -> None:
    (cache / "given").mkdir(parents=True)
    for name in (".old.npz", ".new.npz"):
        (cache / "given" / name).write_bytes(b"half")
    os.utime(cache / "given" / ".old.npz", (0, 0))
    named(images(0))
    assert sorted(path.name for path in (cache / "given").glob(".*")) == [".new.npz"]
