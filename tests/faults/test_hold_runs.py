"""A run folder from elsewhere, and one that a disk has damaged: refused or right, and nothing outside of it changes."""

import hashlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clock
import convscope as cs
from convscope.progress import Progress
from convscope.training.contents import CONTENTS, MODEL, SETTINGS
from convscope.training.recipe import find
from faults.forked import Forked
from faults.hostile_runs import Variant, variants
from share import share

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

NET = "input 8x8x1, conv 4 3x3 p1 bn relu, maxpool 2, conv 4 3x3 relu, gap, linear 4"
STOPPED = 10
"""Steps after which the unfinished run ends; there are 30."""


@dataclass(frozen=True)
class Place:
    """Where everything lies.

    Attributes:
        home: the user's, with caches in it; all of it is watched.
        finished: a run.
        unfinished: one with two checkpoints; ``weights`` is what becomes of it.
        forked: the process that runs commands.
    """

    home: Path
    finished: Path
    unfinished: Path
    weights: bytes
    forked: Forked

    def image(self) -> Path:
        """One to predict."""
        return self.home / "a.png"

    def fresh(self, run: Path) -> Path:
        """A copy of a run that may be damaged, in the place of the copy before."""
        copy = self.home / "work" / "run"
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(run, copy)
        return copy


class Enough(Exception):  # noqa: N818 -- no error
    """The run is far enough."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with placed(tmp_path_factory.mktemp("home")) as made:
        yield made


@contextmanager
def placed(home: Path) -> Iterator[Place]:
    """A home with an image, data and two runs in it."""
    (home / "precious").write_text("precious", encoding="utf-8")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(home / "a.png")
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 4, 300)
    images = (draw.random((300, 8, 8, 1)) * 80).astype(np.uint8)
    for at, label in enumerate(labels):
        images[at, 2 * label : 2 * label + 2] += 100
    np.savez(home / "own.npz", images=images, labels=labels)
    recipe = find("fast").changed(batch=16, average=0.3, shift=1)

    def stop(progress: Progress) -> None:
        if progress.step >= STOPPED:
            raise Enough

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(home / "cache"))
        patch.setenv("HOME", str(home))
        patch.setattr("convscope.explorer.page.part", str)  # which need not be built
        settings: dict[str, Any] = {"data": f"npz:{home / 'own.npz'}", "recipe": recipe, "epochs": 2, "save_every": 0}
        whole = cs.train(NET, out=home / "runs", name="finished", **settings)
        with suppress(Enough):
            cs.train(NET, out=home / "runs", name="unfinished", progress=stop, **settings)
        weights = (whole.path / "model.safetensors").read_bytes()
        with closing(Forked(own=True, env={"CONVSCOPE_CACHE": str(home / "cache"), "HOME": str(home)})) as forked:
            made = Place(home, whole.path, home / "runs" / "unfinished", weights, forked)
            for name in commands(whole.path, made):  # so that it need not be loaded in each child
                run = made.fresh(made.unfinished if name == "resume" else made.finished)
                done = forked.run(*commands(run, made)[name], here=True)
                assert done["status"] == 0, (name, done)
            yield made


def listing(place: Place) -> dict[str, str]:
    """Everything but the run that is worked on, with its content."""
    found = {}
    for folder, folders, names in os.walk(place.home):
        folders[:] = [name for name in folders if Path(folder, name) != place.home / "work"]
        for name in (*folders, *names):
            path = Path(folder, name)
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = f"{path.lstat().st_mode} {hashlib.sha256(content).hexdigest()}"
    return found


def commands(run: Path, place: Place) -> dict[str, tuple[str | Path, ...]]:
    """Every command that takes a run; those that make something make it beside the run."""
    beside = run.parent
    return {
        "from": ("train", "--from", run, "--quiet", "--out", beside, "--name", "again"),
        "resume": ("train", "--resume", run, "--quiet", "--save-every", "0"),
        "eval": ("eval", run, "--json"),
        "predict": ("predict", run, place.image(), "--json"),
        "look": ("look", run, "--what", "kernels", "-o", beside / "look.svg"),
        "report": ("report", run, "-o", beside / "page.html"),
        "explore": ("explore", run, "-o", beside / "explored.html"),
        "compare": ("compare", run, place.finished),
        "export": ("export", run, "--to", "safetensors", "-o", beside / "out.safetensors"),
    }


def test_flips_in_every_file_of_an_unfinished_run(place: Place) -> None:
    """Other weights come out of none: what decides is sealed, what describes changes nothing."""
    draw, outcomes = random.Random(0), Counter[tuple[str, str]]()
    names = sorted(str(path.relative_to(place.unfinished)) for path in place.unfinished.rglob("*") if path.is_file())
    for name in names:
        content = (place.unfinished / name).read_bytes()
        for _ in range(-(-320 // len(names)) if content else 0):
            at = draw.randrange(len(content))
            run = place.fresh(place.unfinished)
            (run / name).write_bytes(content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :])
            done = place.forked.run("train", "--resume", run, "--quiet", patience=clock.HANG)
            assert done["status"] in {0, 2}, (name, at, done)
            if done["status"] == 0:
                assert (run / "model.safetensors").read_bytes() == place.weights, (name, at, done["err"])
            else:
                assert not (run / "model.safetensors").exists()
                assert "RunError: " in done["err"]
            outcomes[name, "equal" if done["status"] == 0 else "refused"] += 1
    by_file = {name: {kind: outcomes[name, kind] for kind in ("equal", "refused")} for name in names}
    assert sum(outcomes.values()) >= 300
    assert all(by_file[name]["refused"] and not by_file[name]["equal"] for name in SETTINGS), by_file
    describing = [content.name for content in CONTENTS if not content.decides and content.name in by_file]
    assert describing
    assert not any(by_file[name]["refused"] for name in describing), by_file


def faults_of(place: Place, variant: Variant, ended: Counter[str]) -> list[object]:
    """What is wrong with the answers of all commands to a run of which something is wrong."""
    found: list[object] = []
    for name in commands(place.finished, place):
        run = place.fresh(place.unfinished if name == "resume" else place.finished)
        variant.harm(run)
        done = place.forked.run(*commands(run, place)[name], patience=clock.HANG)
        ended[f"{name} {done['status']}"] += 1
        printed = done["out"] + done["err"]
        fits = done["status"] in ({0} if variant.whole else {0, 1, 2})
        seen = all(char.isprintable() or char == "\n" for char in printed)
        lost = name == "resume" and variant.whole and (run / MODEL).read_bytes() != place.weights
        if not fits or not seen or lost or "Traceback" in printed:
            found.append((variant.name, name, done["status"], printed[-1500:]))
    return found


def test_a_hostile_run_is_refused_or_right_and_changes_nothing_outside(place: Place) -> None:
    before, ended = listing(place), Counter[str]()
    made = share(variants(place.finished), every=3)
    for variant in made:
        assert faults_of(place, variant, ended) == []
        assert listing(place) == before, variant.name
    assert len(made) >= 60
    assert all(ended[f"{name} {status}"] for name in commands(place.finished, place) for status in (0, 2)), ended
