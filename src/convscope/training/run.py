"""The run folder: one training run as plain files.

======================  ===================================================================
``net.cnn``             the net, in the notation
``recipe.toml``         seed and every setting, the net included
``data.json``           what is known of the data set: size, classes, counts, mean, fingerprints
``env.json``            versions, processor, threads
``metrics.jsonl``       one line for each report; the last one is the result
``model.safetensors``   the weights, by ``layer.tensor``
``README.md``           the model card
======================  ===================================================================

While a run goes on there are ``checkpoints/`` too (:mod:`convscope.training.checkpoint`). The last line of
``metrics.jsonl`` is the result, written when everything else is on the disk: with it a run is finished.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import time
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from convscope import files
from convscope.data.facts import Facts
from convscope.errors import ConvscopeError, FieldError, RunError
from convscope.frontends import read
from convscope.inert import inert
from convscope.training.plan import check_fit
from convscope.training.recipe import Recipe, to_toml
from convscope.view.numbers import score_text
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from convscope.core.net import Net
    from convscope.data import Dataset

NET, RECIPE, DATA, ENV, METRICS, MODEL, CARD = (
    "net.cnn",
    "recipe.toml",
    "data.json",
    "env.json",
    "metrics.jsonl",
    "model.safetensors",
    "README.md",
)

SETTINGS = (NET, RECIPE, DATA)
"""What is there from the start, and says what is trained."""

KNOWN = (NET, RECIPE, DATA, ENV, METRICS, MODEL, CARD, ".lock", ".owner.json", "report.html", "metrics.csv")
"""Names that are files, where they are there."""

CHECKPOINTS = "checkpoints"
"""The folder of :mod:`convscope.training.checkpoint`."""

MOST = 2**28
"""Bytes that a file of a run may have, but for tensors."""

SEALED = (*SETTINGS, MODEL)
"""Files whose checksums stand in the result."""


@dataclass(frozen=True)
class Result:
    """The last line of ``metrics.jsonl``.

    Attributes:
        loss: on the test set, mean cross-entropy [nat].
        accuracy: on the test set.
        params: learned numbers.
        seconds: of training, reading data and testing not counted.
        images_per_second: in training.
        sha256: of the net, the recipe, the data set's facts and the weights, by file name.
    """

    loss: float
    accuracy: float
    params: int
    seconds: float
    images_per_second: float
    sha256: dict[str, str]


@dataclass(frozen=True)
class Job:
    """A run, finished or not.

    Attributes:
        path: the folder.
        net: what is trained.
        dataset: on what.
        recipe: how.
        seed: of weights, order and shifts.
    """

    path: Path
    net: Net
    dataset: Dataset
    recipe: Recipe
    seed: int


@dataclass(frozen=True)
class Run(Job):
    """A finished run.

    Attributes:
        path: the folder.
        net: what was trained.
        dataset: on what.
        recipe: how.
        seed: of weights, order and shifts.
        result: what came out.
    """

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
        return [json.loads(line) for line in content(self.path, METRICS).decode().splitlines()]

    def __str__(self) -> str:
        return (
            f"{inert(str(self.path))}: {self.score()}, {self.dataset.name}, recipe {self.recipe.name}, seed {self.seed}"
        )

    def _repr_html_(self) -> str:
        return text_html(str(self))


def checked_name(name: str) -> str:
    """The name of a run folder: one word of letters, digits, dots and dashes.

    Raises:
        FieldError: it is something else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.\-]{0,63}", name, re.ASCII):
        raise FieldError(f'"{name[:80]}" is no name for a run', expected="up to 64 letters, digits, dots and dashes")
    return name


def found(parent: Path, name: str, job: Job, data: Facts) -> Job:
    """Make the folder of a run called ``name``, or ``name-2`` and so on where that is taken, with its settings in it.

    Args:
        parent: the folder that it goes into.
        name: of the run.
        job: what is trained; its path is still open.
        data: on what, with fingerprints.

    Raises:
        RunError: ``parent`` cannot be written.
    """
    draft = parent / f".new-{os.getpid()}-{time.time_ns()}"
    try:
        draft.mkdir(parents=True)
        write_settings(replace(job, path=draft), data)
        for index in count(1):
            path = parent / (name if index == 1 else f"{name}-{index}")
            if not path.exists():
                with suppress(OSError):  # somebody else took the name; a folder that is not empty is not replaced
                    return replace(job, path=draft.rename(path))
                if not path.exists():
                    draft.rename(path)  # the name is free, so it is something else
        raise AssertionError("count() does not end")
    except OSError as error:
        raise RunError(f"{parent / name} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_settings(job: Job, data: Facts) -> None:
    """``net.cnn``, ``recipe.toml`` and ``data.json``."""
    top = to_toml({"seed": job.seed})
    recipe = to_toml(msgspec.structs.asdict(job.recipe))
    with files.Folder(job.path) as folder:
        folder.write(NET, f"{job.net}\n".encode())
        folder.write(RECIPE, f"{top}\n\n[recipe]\n{recipe}\n".encode())
        folder.write(DATA, data.to_json())


class Metrics:
    """``metrics.jsonl``, line by line while a run goes on.

    Args:
        run: the run folder.
        step: what is there of later steps, from a process that was killed, is left out.
    """

    def __init__(self, run: Path, step: int) -> None:
        self._path = run / METRICS
        with files.Folder(run) as folder:
            text = folder.read(METRICS, MOST).decode(errors="replace") if folder.kind(METRICS) == "a file" else ""
            lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n") and _step(line) <= step]
            self._file = folder.begun(METRICS, "".join(lines).encode())

    def note(self, line: dict[str, Any]) -> None:
        """Write a line; who follows the file sees it at once."""
        text = f"{json.dumps(line)}\n".encode()
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            raise files.cannot_write(RunError, self._path, len(text), error) from None

    def sync(self) -> None:
        """Have all lines on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise files.cannot_write(RunError, self._path, 0, error) from None

    def close(self) -> None:
        """No more lines."""
        with suppress(OSError):  # what could not be written was reported when it was
            self._file.close()


def _step(line: str) -> float:
    """The step of a line of metrics; past all steps where it is none."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, LookupError, TypeError):
        return math.inf


def content(folder: Path, name: str) -> bytes:
    """What is in a file of a run.

    Raises:
        RunError: it is a link, or the folder is not there.
        OSError: it is not there, not a regular file, or too large.
    """
    with files.Folder(folder) as run:
        return run.read(name, MOST)


def digest(folder: Path, name: str) -> str:
    """SHA-256 of a file of a run; raises as :func:`content`."""
    with files.Folder(folder) as run, run.opened(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that make a run what it is."""
    return {name: digest(folder, name) for name in SEALED}


def tidy(folder: Path) -> None:
    """Remove what a process that was killed left half written."""
    with files.Folder(folder) as run:
        run.tidy()
        if run.kind(CHECKPOINTS) == "a folder":
            with run.inside(CHECKPOINTS) as inner:
                inner.tidy()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # no name of a folder can be that long
        return False


def load(path: str | Path) -> Run:
    """Read a run folder and check it.

    Raises:
        RunError: it is not a run folder, it is not finished, or a file in it is damaged.
    """
    job = load_job(path)
    try:
        return _load(job)
    except RunError:
        raise
    except DAMAGE as error:
        raise RunError(f"{job.path} is damaged: {error}") from None


DAMAGE = (OSError, ValueError, LookupError, TypeError, RecursionError, OverflowError, ConvscopeError)
"""What reading a damaged folder ends in: tomllib, json and msgspec all raise subclasses of ValueError."""


def load_job(path: str | Path) -> Job:
    """The settings of a run, finished or not.

    Raises:
        RunError: it is not a run folder, or a file in it is damaged.
    """
    folder = Path(path)
    if not _is_folder(folder):
        raise RunError(f"{folder} is not a folder", expected="the folder of a run, such as runs/mnist-fast-seed0")
    _check_kinds(folder)
    try:
        settings = tomllib.loads(content(folder, RECIPE).decode())
        net, dataset = read(folder / NET), Facts.read(content(folder, DATA)).dataset()
        check_fit(net, dataset)
        return Job(folder, net, dataset, msgspec.convert(settings["recipe"], Recipe), int(settings["seed"]))
    except DAMAGE as error:
        raise RunError(f"{folder} is damaged: {error}") from None


def _check_kinds(folder: Path) -> None:
    """Refuse a folder that is not that of a run, and a run in which something is a link, a pipe, a socket or a device.

    Raises:
        RunError: it is.
    """
    with files.Folder(folder) as run:
        kinds = {name: run.kind(name) for name in run.names()}
        missing = [name for name in SETTINGS if name not in kinds]
        if missing:
            raise RunError(f"{folder} is not a run folder: it has no {', no '.join(missing)}")
        run.refuse_links()
    odd = [name for name, kind in kinds.items() if kind not in {"a file", "a folder"}]
    odd += [name for name in KNOWN if name not in odd and kinds.get(name, "a file") != "a file"]
    if odd:
        raise RunError(f"{folder} is damaged: {odd[0]} is {kinds[odd[0]]}, not a file")


def is_finished(folder: Path) -> bool:
    """The result is there."""
    try:
        return content(folder, METRICS).decode().rstrip().rpartition("\n")[2].startswith('{"result"')
    except (OSError, ValueError):
        return False


def _load(job: Job) -> Run:
    folder = job.path
    with files.Folder(folder) as run:
        there = {name for name in (METRICS, MODEL) if run.kind(name)}
    last = content(folder, METRICS).decode().splitlines()[-1:] if METRICS in there else []
    if not last or "step" in json.loads(last[0]):
        raise RunError(f"{folder} is not finished", attempt=f"convscope train --resume {folder}")
    result = msgspec.convert(json.loads(last[0])["result"], Result)
    if sorted(result.sha256) != sorted(SEALED):
        names = ", ".join(result.sha256) or "nothing"
        raise RunError(f"{folder / METRICS} is damaged: it has the checksums of {names}")
    if MODEL not in there:
        raise RunError(f"{folder} is damaged: it has no {MODEL}")
    for name, expected in result.sha256.items():
        found = digest(folder, name)
        if found != expected:
            raise RunError(
                f"{folder / name} is damaged", given=f"SHA-256 {found[:16]}…", expected=f"SHA-256 {expected[:16]}…"
            )
    return Run(folder, job.net, job.dataset, job.recipe, job.seed, result)
