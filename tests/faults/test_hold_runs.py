"""A run folder from elsewhere, and one that a disk has damaged: refused or right, and nothing outside of it changes."""

import hashlib
import itertools
import json
import math
import os
import random
import re
import shutil
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

import convscope as cs
from convscope.files import sha256
from convscope.training import seal
from convscope.training.contents import CONTENTS, MODEL, SETTINGS
from convscope.training.loop import Progress
from convscope.training.recipe import find, to_toml
from faults.forked import Forked

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

NET = "input 8x8x1, conv 4 3x3 p1 bn relu, maxpool 2, conv 4 3x3 relu, gap, linear 4"
STEPS, STOPPED = 30, 10
PATIENCE = 60
"""Seconds after which a command is taken to wait for something."""


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
        settings: dict[str, Any] = {"data": f"npz:{home / 'own.npz'}", "recipe": recipe, "epochs": 2, "save_every": 0}
        whole = cs.train(NET, out=home / "runs", name="finished", **settings)
        with suppress(Enough):
            cs.train(NET, out=home / "runs", name="unfinished", report=stop, **settings)
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
            done = place.forked.run("train", "--resume", run, "--quiet", patience=PATIENCE)
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


def sealed_anew(run: Path) -> None:
    """Give a run the seals that fit what it holds now, as somebody would who made it up."""
    found = {name: sha256((run / name).read_bytes()) for name in SETTINGS}
    result = json.loads((run / "seal.json").read_bytes())["result"]
    if result:
        result = {**result, "sha256": {**found, MODEL: sha256((run / MODEL).read_bytes())}}
    put(run / "seal.json", {"sha256": found, "result": result})
    for path in run.glob("checkpoints/*.json"):
        told = json.loads(path.read_bytes())
        put(path, {**told, "sha256": sha256(path.with_suffix(".safetensors").read_bytes()), "seals": found})


def put(path: Path, told: dict[str, Any]) -> None:
    """Write what has a checksum of itself."""
    told = {key: value for key, value in told.items() if key != "checksum"}
    path.write_text(json.dumps({"checksum": seal.checksum(told), **told}), encoding="utf-8")


def with_key(told: Any, keys: tuple[str | int, ...], value: Any) -> Any:
    """Plain data with another value in one place."""
    if not keys:
        return value
    if isinstance(told, list):
        return [with_key(one, keys[1:], value) if at == keys[0] else one for at, one in enumerate(told)]
    return {**told, keys[0]: with_key(told.get(keys[0]), keys[1:], value)} if isinstance(told, dict) else value


def every_key(told: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value in plain data but the whole."""
    inner = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for key, value in inner:
        yield (*above, key)
        yield from every_key(value, (*above, key))


BAD: tuple[Any, ...] = (
    [], {}, "\x1b[31mx\nRunError: forged", -1, 10**26, None, True, [[[]]], 1e308, "", 0, math.nan, "\u202e", ["a", "a"]
)  # fmt: skip
GARBAGE: dict[str, bytes | None] = {
    "gone": None, "empty": b"", "list": b"[]", "number": b"5", "deep": b"[" * 100_000, "object": b"{}",
    "binary": bytes(range(256)), "not UTF-8": b'{"a": "\xff"}', "half": b'{"step": 1, "lo', "NaN": b'{"step": NaN}\n',
    "control": b'{"\x1b[31m": 1}\n', "long number": b'{"step": ' + b"9" * 5000 + b"}\n",
}  # fmt: skip
DESCRIBING = ("env.json", "metrics.jsonl")


@dataclass(frozen=True)
class Variant:
    """What is wrong with a run; one that is ``whole`` but for what describes it is used and finished all the same."""

    name: str
    harm: Callable[[Path], None]
    whole: bool = False


def replaced(name: str, content: bytes | None) -> Callable[[Path], None]:
    """A file with another content, or without it."""

    def harm(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        if content is not None:
            (run / name).write_bytes(content)

    return harm


def in_order(*harms: Callable[[Path], None]) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        for one in harms:
            one(run)

    return harm


def rewritten(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Plain data changed, and everything sealed anew; of checkpoints the newest."""

    def harm(run: Path) -> None:
        path = max(run.glob("checkpoints/*.json"), default=None) if name == "checkpoint" else run / name
        if path is None:
            return
        if name in {"checkpoint", "seal.json"}:
            put(path, change(json.loads(path.read_bytes())))
        elif name == "recipe.toml":
            told = change(tomllib.loads(path.read_text("utf-8")))
            path.write_text(toml(told), encoding="utf-8")
        elif name == "metrics.jsonl":
            first, *rest = path.read_bytes().splitlines()
            path.write_bytes(b"\n".join([json.dumps(change(json.loads(first))).encode(), *rest, b""]))
        else:
            path.write_text(json.dumps(change(json.loads(path.read_bytes()))), encoding="utf-8")
        if name in SETTINGS:
            sealed_anew(run)

    return harm


def toml(told: Any) -> str:
    """Of a recipe in which anything may stand; what TOML has no words for is left out."""
    if not isinstance(told, dict):
        return f"recipe = {json.dumps(told)}"
    top = {key: value for key, value in told.items() if key != "recipe" and value is not None}
    inner = told.get("recipe")
    if not isinstance(inner, dict):
        return to_toml({**top, "recipe": 0 if inner is None else inner}).replace("NaN", "nan")
    kept = to_toml({key: value for key, value in inner.items() if value is not None})
    return f"{to_toml(top)}\n[recipe]\n{kept}\n".replace("NaN", "nan")


def at_key(keys: tuple[str | int, ...], value: Any) -> Callable[[Any], Any]:
    return lambda told: with_key(told, keys, value)


def tensors(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    """The tensors of the newest checkpoint and of the result changed, and sealed anew."""

    def harm(run: Path) -> None:
        for path in sorted(run.glob("checkpoints/*.safetensors"))[-1:] + list(run.glob(MODEL)):
            found = load(path.read_bytes())
            change(found)
            path.write_bytes(save(found))
        sealed_anew(run)

    return harm


def _first(found: dict[str, torch.Tensor], words: str) -> str:
    return next((name for name in found if re.search(words, name)), next(iter(found)))


def shaped(words: str) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(found: dict[str, torch.Tensor]) -> None:
        found[_first(found, words)] = torch.zeros(3, 7)

    return change


def filled(words: str, value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(found: dict[str, torch.Tensor]) -> None:
        name = _first(found, words)
        found[name] = torch.full_like(found[name], value)

    return change


def without(words: str) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(found: dict[str, torch.Tensor]) -> None:
        del found[_first(found, words)]

    return change


def linked(name: str) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.symlink_to(run.parent.parent / "precious")

    return harm


def piped(name: str) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return harm


NETS = {
    "line breaks": "\n" * 200_000,
    "repetition": "input 8x8x1, 20000*( add( id|id|id|id ) ), conv 4 8x8",
    "channels": "input 8x8x1, conv 2147483647 3x3, gap, linear 4",
    "control": "input 8x8x1, \x1b[31mconv 4 3x3, gap, linear 4",
    "deep": "input 8x8x1, " + "2*( " * 5000,
    "nothing to learn": "input 8x8x1, gap",
    "memory": "input 8x8x1, linear 2000000000, linear 4",
}


def variants(finished: Path) -> list[Variant]:
    """A few hundred; of every key the next of the bad values."""
    found = [
        Variant(f"{name} is {kind}", replaced(name, content), whole=True)
        for name in (*DESCRIBING, "report.html", "README.md", "metrics.csv", ".owner.json")
        for kind, content in GARBAGE.items()
        if name in DESCRIBING or kind in {"gone", "binary", "deep"}
    ]
    found += [
        Variant(f"{name} is {kind}", replaced(name, content))
        for name in (*SETTINGS, "seal.json", MODEL)
        for kind, content in GARBAGE.items()
    ]
    next_bad = itertools.cycle(BAD)
    plain: dict[str, Any] = {
        "data.json": json.loads((finished / "data.json").read_bytes()),
        "recipe.toml": tomllib.loads((finished / "recipe.toml").read_text("utf-8")),
        "seal.json": json.loads((finished / "seal.json").read_bytes()),
        "env.json": json.loads((finished / "env.json").read_bytes()),
        "metrics.jsonl": json.loads((finished / "metrics.jsonl").read_bytes().splitlines()[0]),
        "checkpoint": {"numbers": {"step": 0, "place": {"epoch": 0, "at": 0}, "watch": {
            "in_epoch": 0, "hits": 0, "loss": 0.0, "rate": 0.0, "seconds": 0.0}}, "sha256": "", "seals": {}},
    }  # fmt: skip
    for name, told in plain.items():
        for keys in every_key(told):
            value = next(next_bad)
            harm = rewritten(name, at_key(keys, value))
            label = f"{name}: {'.'.join(map(str, keys))} = {value!r}"
            found.append(Variant(label, harm, whole=name in DESCRIBING))
    facts = {
        "classes alike": (("classes",), ["a"] * 4), "std 0": (("std",), 0.0), "two means": (("mean",), [0.1, 0.2]),
        "a negative size": (("shape",), [1, -8, 8]), "another size": (("shape",), [1, 9, 9]),
        "counts of others": (("counts",), {"train": 5, "test": 5}), "no counts": (("counts",), {}),
        "no fingerprints": (("sha256",), {}), "the network": (("name",), "hf:x/y"),
        "a download": (("name",), "torchvision:SVHN"), "a folder": (("name",), "folder:/"),
        "a number of classes": (("classes",), ["a", "b"]),
        "escapes": (("classes",), ["\x1b[31mE\x1b]0;pwn\x07" + str(at) for at in range(4)]),
    }  # fmt: skip
    found += [Variant(f"data.json: {name}", rewritten("data.json", at_key(*what))) for name, what in facts.items()]
    numbers = {
        "a place beyond": (("numbers", "place", "at"), 10**6), "another epoch": (("numbers", "place", "epoch"), 7),
        "a step beyond": (("numbers", "step"), 10**9), "hits": (("numbers", "watch", "hits"), 10**9),
    }  # fmt: skip
    found += [Variant(f"checkpoint: {name}", rewritten("checkpoint", at_key(*what))) for name, what in numbers.items()]
    found += [
        Variant(f"net.cnn: {name}", in_order(replaced("net.cnn", text.encode()), sealed_anew))
        for name, text in NETS.items()
    ]
    found += [
        Variant(f"tensors: {name}", tensors(change))
        for name, change in {
            "shape of a weight": shaped(r"conv1\.weight|model"), "shape of a mean": shaped("exp_avg"),
            "shape of a count": shaped(r"optimizer.*step"), "random numbers": shaped("^torch"),
            "order": shaped("began"),
            "a mean is gone": without("exp_avg"), "a weight is gone": without(r"conv1\.weight|model"),
            "NaN": filled(r"conv1\.weight|model", math.nan), "infinite": filled(r"conv1\.weight|model", math.inf),
            "order of zeros": filled("began", 0), "random numbers of zeros": filled("^torch", 0),
        }.items()
    ]  # fmt: skip
    found += [
        Variant(f"{name} is a {kind}", made(name))
        for kind, made in {"link": linked, "pipe": piped}.items()
        for name in (
            "net.cnn",
            "data.json",
            "seal.json",
            "env.json",
            "metrics.jsonl",
            "report.html",
            ".owner.json",
            MODEL,
        )
    ]
    return [*found, Variant("checkpoints is a link", linked("checkpoints"))]


def faults_of(place: Place, variant: Variant, ended: Counter[str]) -> list[object]:
    """What is wrong with the answers of all commands to a run of which something is wrong."""
    found: list[object] = []
    for name in commands(place.finished, place):
        run = place.fresh(place.unfinished if name == "resume" else place.finished)
        variant.harm(run)
        done = place.forked.run(*commands(run, place)[name], patience=PATIENCE)
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
    made = variants(place.finished)
    for variant in made:
        assert faults_of(place, variant, ended) == []
        assert listing(place) == before, variant.name
    assert len(made) >= 60
    assert all(ended[f"{name} {status}"] for name in commands(place.finished, place) for status in (0, 2)), ended
