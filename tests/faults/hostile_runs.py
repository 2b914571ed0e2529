"""Run folders in which something is wrong: by a bad disk, an editor, or somebody who wishes ill."""

import itertools
import json
import math
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from convscope.files import sha256
from convscope.training import seal
from convscope.training.contents import MODEL, SETTINGS
from convscope.training.recipe import to_toml


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
    """The first by name that fits, or else of all; safetensors loads them in an order that differs from run to run."""
    names = sorted(found)
    return next((name for name in names if re.search(words, name)), names[0])


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
    "nothing to train": "input 8x8x1, gap",
    "memory": "input 8x8x1, linear 2000000000, linear 4",
}


def variants(finished: Path) -> list[Variant]:
    """A few hundred; of every key the next of the bad values."""
    return [*of_garbage(), *of_keys(finished), *made_up(), Variant("checkpoints is a link", linked("checkpoints"))]


def of_garbage() -> list[Variant]:
    """Every file with what is not its content at all."""
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
    return found


def of_keys(finished: Path) -> list[Variant]:
    """Every key of every file with a value that it cannot have."""
    found: list[Variant] = []
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
    return found


def made_up() -> list[Variant]:
    """What fits its checksums, and yet not the rest; links and pipes."""
    facts = {
        "classes alike": (("classes",), ["a"] * 4), "std 0": (("std",), 0.0), "two means": (("mean",), [0.1, 0.2]),
        "a negative size": (("shape",), [1, -8, 8]), "another size": (("shape",), [1, 9, 9]),
        "counts of others": (("counts",), {"train": 5, "test": 5}), "no counts": (("counts",), {}),
        "no fingerprints": (("sha256",), {}), "the network": (("name",), "hf:x/y"),
        "a download": (("name",), "torchvision:SVHN"), "a folder": (("name",), "folder:/"),
        "a number of classes": (("classes",), ["a", "b"]),
        "escapes": (("classes",), ["\x1b[31mE\x1b]0;pwn\x07" + str(at) for at in range(4)]),
    }  # fmt: skip
    found = [Variant(f"data.json: {name}", rewritten("data.json", at_key(*what))) for name, what in facts.items()]
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
    return found
