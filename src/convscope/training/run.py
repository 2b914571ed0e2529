"""The run folder: one training run as plain files.

======================  ===================================================================
``net.cnn``             the net, in the notation
``recipe.toml``         data set, seed and every setting, the net included
``env.json``            versions, processor, threads
``metrics.jsonl``       one line for each report; the last one is the result
``model.safetensors``   the weights, by ``layer.tensor``
``README.md``           the model card
======================  ===================================================================

A folder is written under a temporary name and renamed when it is complete: a run that failed leaves nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
import tomllib
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from convscope.data import registry
from convscope.errors import ConvscopeError, FieldError, RunError
from convscope.frontends import read
from convscope.training.plan import check_fit
from convscope.training.recipe import Recipe, to_toml
from convscope.view.numbers import score_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.core.net import Net
    from convscope.data.registry import Dataset

NET, RECIPE, ENV, METRICS, MODEL, CARD = (
    "net.cnn",
    "recipe.toml",
    "env.json",
    "metrics.jsonl",
    "model.safetensors",
    "README.md",
)


@dataclass(frozen=True)
class Result:
    """The last line of ``metrics.jsonl``.

    Attributes:
        loss: on the test set, mean cross-entropy [nat].
        accuracy: on the test set.
        params: learned numbers.
        seconds: of training, reading data and testing not counted.
        images_per_second: in training.
        sha256: of the net, the recipe and the weights, by file name.
    """

    loss: float
    accuracy: float
    params: int
    seconds: float
    images_per_second: float
    sha256: dict[str, str]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: the folder.
        net: what was trained.
        dataset: on what.
        recipe: how.
        seed: of weights, order and shifts.
        result: what came out.
    """

    path: Path
    net: Net
    dataset: Dataset
    recipe: Recipe
    seed: int
    result: Result

    def score(self) -> str:
        """``[loss, accuracy]`` on the test set."""
        return score_text(self.result.loss, self.result.accuracy)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/run/1``."""
        return {
            "schema": "convscope/run/1",
            "path": str(self.path),
            "net": str(self.net),
            "data": self.dataset.name,
            "recipe": self.recipe.name,
            "seed": self.seed,
            **asdict(self.result),
        }

    def metrics(self) -> list[dict[str, Any]]:
        """Every line of ``metrics.jsonl``."""
        return [json.loads(line) for line in (self.path / METRICS).read_text(encoding="utf-8").splitlines()]

    def __str__(self) -> str:
        return f"{self.path}: {self.score()}, {self.dataset.name}, recipe {self.recipe.name}, seed {self.seed}"


@contextmanager
def draft(parent: Path) -> Iterator[Path]:
    """A folder for the files of a run in the making; removed on the way out unless it was renamed.

    Raises:
        RunError: ``parent`` cannot be written.
    """
    folder = parent / f".draft-{os.getpid()}-{time.time_ns()}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except OSError as error:
        raise RunError(f"{parent} cannot be written: {error.strerror}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def checked_name(name: str) -> str:
    """The name of a run folder: one word of letters, digits, dots and dashes.

    Raises:
        FieldError: it is something else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.\-]{0,63}", name, re.ASCII):
        raise FieldError(f'"{name[:80]}" is no name for a run', expected="up to 64 letters, digits, dots and dashes")
    return name


def settle(folder: Path, parent: Path, name: str) -> Path:
    """Rename a complete draft to ``name``, or to ``name-2`` and so on where that is taken."""
    for index in count(1):
        path = parent / (name if index == 1 else f"{name}-{index}")
        if path.exists():
            continue
        try:
            return folder.rename(path)
        except FileExistsError:
            continue
        except OSError as error:
            if not path.exists():
                raise RunError(f"{path} cannot be written: {error.strerror}") from None
    raise AssertionError("count() does not end")


def write_settings(folder: Path, net: Net, dataset: Dataset, settings: Recipe, seed: int) -> None:
    """``net.cnn`` and ``recipe.toml``."""
    (folder / NET).write_text(f"{net}\n", encoding="utf-8")
    top = to_toml({"data": dataset.name, "seed": seed})
    recipe = to_toml(msgspec.structs.asdict(settings))
    (folder / RECIPE).write_text(f"{top}\n\n[recipe]\n{recipe}\n", encoding="utf-8")


def write_metrics(run: Run, lines: list[dict[str, Any]]) -> None:
    """``metrics.jsonl``: the course of the run, then the result."""
    everything = [*lines, {"result": asdict(run.result)}]
    text = "".join(f"{json.dumps(line)}\n" for line in everything)
    (run.path / METRICS).write_text(text, encoding="utf-8")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that make a run what it is."""
    return {name: digest(folder / name) for name in (NET, RECIPE, MODEL)}


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # no name of a folder can be that long
        return False


def load(path: str | Path) -> Run:
    """Read a run folder and check it.

    Raises:
        RunError: it is not a run folder, or a file in it is damaged.
    """
    folder = Path(path)
    if not _is_folder(folder):
        raise RunError(f"{folder} is not a folder", expected="the folder of a run, such as runs/mnist-fast-seed0")
    missing = [name for name in (NET, RECIPE, METRICS, MODEL) if not (folder / name).is_file()]
    if missing:
        raise RunError(f"{folder} is not a run folder: it has no {', no '.join(missing)}")
    try:
        return _load(folder)
    except RunError:
        raise
    except (OSError, ValueError, LookupError, TypeError, RecursionError, OverflowError, ConvscopeError) as error:
        # tomllib, json and msgspec all report damage with subclasses of ValueError
        raise RunError(f"{folder} is damaged: {error}") from None


def _load(folder: Path) -> Run:
    settings = tomllib.loads((folder / RECIPE).read_text(encoding="utf-8"))
    last = (folder / METRICS).read_text(encoding="utf-8").splitlines()[-1:]
    final = json.loads(last[0] if last else "{}")
    result = msgspec.convert(final["result"] if isinstance(final, dict) else final, Result)
    if sorted(result.sha256) != sorted((NET, RECIPE, MODEL)):
        names = ", ".join(result.sha256) or "nothing"
        raise RunError(f"{folder / METRICS} is damaged: it has the checksums of {names}")
    for name, expected in result.sha256.items():
        found = digest(folder / name)
        if found != expected:
            raise RunError(
                f"{folder / name} is damaged", given=f"SHA-256 {found[:16]}…", expected=f"SHA-256 {expected[:16]}…"
            )
    net, dataset = read(folder / NET), registry.find(str(settings["data"]))
    check_fit(net, dataset)
    return Run(
        path=folder,
        net=net,
        dataset=dataset,
        recipe=msgspec.convert(settings["recipe"], Recipe),
        seed=int(settings["seed"]),
        result=result,
    )
