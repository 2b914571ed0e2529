"""The run folder: one training run as plain files, listed in :mod:`convscope.training.contents`.

A run is finished when ``seal.json`` contains its result, which is written after everything else is on disk; in runs of
earlier versions, when the last line of ``metrics.jsonl`` is the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from convscope import files
from convscope.budget import question
from convscope.data import trained
from convscope.data.facts import Facts
from convscope.data.objects import named
from convscope.errors import ConvscopeError, FieldError, RunError, refuse_scarcity
from convscope.frontends import hub, text
from convscope.inert import inert
from convscope.training import contents, metrics, seal
from convscope.training.contents import CHECKPOINTS, DATA, ENV, INITIAL, MODEL, NET, RECIPE, SEALED, SETTINGS
from convscope.training.decode import from_json, from_toml
from convscope.training.history import History
from convscope.training.plan import check_fit
from convscope.training.recipe import Recipe, Seed, to_toml
from convscope.view.numbers import score_text
from convscope.view.parts import text_html

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from convscope.core.net import Net
    from convscope.data import Dataset
    from convscope.training.seal import Result


@dataclass(frozen=True)
class Job:
    """A run, finished or not.

    Attributes:
        path: the folder.
        net: the net being trained.
        dataset: the data set.
        recipe: the settings.
        seed: for weights, order and shifts.
        seals: SHA-256 of the files that state these, by name; empty before they are written.
    """

    path: Path
    net: Net
    dataset: Dataset
    recipe: Recipe
    seed: int
    seals: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Run(Job):
    """A finished run, or one that was stopped, at its newest checkpoint.

    Attributes:
        path: the folder.
        net: the trained net.
        dataset: the data set.
        recipe: the settings.
        seed: for weights, order and shifts.
        seals: SHA-256 of the files that state these, by name.
        result: the result; the loss and the accuracy of a stopped run are NaN.
        step: the step of the checkpoint whose weights are used; 0 for a finished run.
    """

    result: Result
    step: int = 0

    def score(self) -> str:
        """``[loss, accuracy]`` on the test set; for a stopped run, where it stopped."""
        if self.step:
            return f"stopped after step {self.step:,}"
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
            **({"step": self.step} if self.step else {}),
            **asdict(self.result),
        }

    def module(self, *, scaled: bool = True) -> nn.Module:
        """Return the trained module in evaluation mode: images ``n c h w`` to logits ``n classes``.

        Args:
            scaled: whether it takes images of 0 to 255 and scales them; else it takes scaled images.

        Raises:
            RunError: the weights do not fit the net.
        """
        from convscope.training.module import module_of  # the noun calls the verb

        return module_of(self, scaled=scaled)

    @property
    def history(self) -> History:
        """The training log: a dictionary for each report."""
        return History(tuple(json.loads(line) for _, line in metrics.read(self.path).lines))

    def metrics(self) -> list[dict[str, Any]]:
        """Every line of ``metrics.jsonl`` that can be read."""
        reports = metrics.read(self.path)
        result = [{"result": asdict(reports.result)}] if reports.result else []
        return [*(json.loads(line) for _, line in reports.lines), *result]

    def __str__(self) -> str:
        return (
            f"{inert(str(self.path))}: {self.score()}, {self.dataset.name}, recipe {self.recipe.name}, seed {self.seed}"
        )

    def _repr_html_(self) -> str:
        return text_html(str(self))


def checked_name(name: str) -> str:
    """Check the name of a run folder: one word of letters, digits, dots and dashes.

    Raises:
        FieldError: the name is something else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.\-]{0,63}", name, re.ASCII):
        raise FieldError(f'"{name[:80]}" is not a valid run name', expected="up to 64 letters, digits, dots and dashes")
    return name


def found(  # noqa: PLR0913 -- the parts of a run folder
    parent: Path, name: str, job: Job, data: Facts, environment: bytes, initial: bytes | None = None
) -> Job:
    """Make the folder of a run called ``name``, or ``name-2`` and so on if that exists, and write its settings.

    Args:
        parent: the folder in which it is made.
        name: of the run.
        job: the job; its path is not set yet.
        data: the facts about the data set, with fingerprints.
        environment: the content of ``env.json``.
        initial: the content of ``initial.safetensors``, if a model brought its weights.

    Raises:
        RunError: ``parent`` cannot be written.
    """
    draft = parent / f".new-{os.getpid()}-{time.time_ns()}"
    try:
        draft.mkdir(parents=True)
        job = write_settings(replace(job, path=draft), data, initial)
        with files.Folder(draft) as folder:
            folder.write(ENV, environment)
        for index in count(1):
            path = parent / (name if index == 1 else f"{name}-{index}")
            if not path.exists():
                with suppress(OSError):  # another process took the name; a folder that is not empty is not replaced
                    return replace(job, path=draft.rename(path))
                if not path.exists():
                    draft.rename(path)  # the name is free, so the reason is another one
        raise AssertionError("count() does not end")
    except OSError as error:
        raise RunError(f"{parent / name} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_settings(job: Job, data: Facts, initial: bytes | None = None) -> Job:
    """Write the settings, the initial weights if there are any, and their seal; return the sealed job.

    No file of a run has a path of the machine: the recipe names the data as their facts do.
    """
    top = to_toml({"seed": job.seed})
    recipe = to_toml(msgspec.structs.asdict(job.recipe.changed(data=data.name)))
    written = {
        NET: f"{job.net}\n".encode(),
        RECIPE: f"{top}\n\n[recipe]\n{recipe}\n".encode(),
        DATA: data.to_json(),
        **({INITIAL: initial} if initial is not None else {}),
    }
    with files.Folder(job.path) as folder:
        for name, content in written.items():
            folder.write(name, content)
    seals = {name: files.sha256(content) for name, content in written.items()}
    seal.write(job.path, seals)
    return replace(job, seals=seals)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Return the content of ``recipe.toml``."""

    seed: Seed
    recipe: Recipe


def digest(run: Path, name: str) -> str:
    """Return the SHA-256 of a file of a run of any length.

    Raises:
        RunError: it is a link.
        OSError: it does not exist, or is not a regular file.
    """
    with files.Folder(run) as folder, folder.opened(name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the files that define a run."""
    return {name: digest(folder, name) for name in SEALED} | _initial(folder)


def _initial(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the weights that a run starts from, if it has any.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        return {INITIAL: digest(folder, INITIAL)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        refuse_scarcity(error)
        raise RunError(f"{folder / INITIAL} cannot be read: {error.strerror}") from None


def tidy(folder: Path) -> None:
    """Remove files that a killed process left half written."""
    with files.Folder(folder) as run:
        run.tidy()
        if run.kind(CHECKPOINTS) == "a folder":
            with run.inside(CHECKPOINTS) as inner:
                inner.tidy()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # the name is too long for a folder
        return False


def load(path: str | Path, *, data: object = None) -> Run:
    """Read a run folder and check it; a run that was stopped is read as it is at its newest checkpoint.

    Args:
        path: the folder, or ``hf:OWNER/NAME``.
        data: its data set, as for :func:`convscope.train`. If this user did not train the run here, its data are opened
            by this name, never by the one that the run states (``docs/design/runs-from-elsewhere.md``).

    Raises:
        RunError: it is not a run folder, it is not finished and has no checkpoint, or a file in it is damaged.
    """
    job = load_job(path, data=data)
    result = _result(job.path)
    if result is None:
        from convscope.training.stopped import stopped

        return stopped(job)
    if sorted({*result.sha256} - {INITIAL}) != sorted(SEALED):
        names = ", ".join(result.sha256) or "nothing"
        raise RunError(f"{job.path} is damaged: its result lists checksums of {names}")
    try:
        weights = digest(job.path, MODEL)
    except FileNotFoundError:
        raise RunError(f"{job.path} is damaged: it has no {MODEL}") from None
    except OSError as error:
        refuse_scarcity(error)
        raise RunError(f"{job.path / MODEL} cannot be read: {error.strerror}") from None
    seal.check(job.path, result.sha256, {**job.seals, MODEL: weights})
    return Run(job.path, job.net, job.dataset, job.recipe, job.seed, result, seals=job.seals)


def load_job(path: str | Path, *, data: object = None, edited: bool = False) -> Job:
    """The settings of a run, finished or not.

    Args:
        path: the run folder.
        data: as for :func:`load`.
        edited: take the current settings, whatever their seal.

    Raises:
        RunError: it is not a run folder, or a file in it is damaged or has changed since the run began.
    """
    folder = hub.fetched(path) if isinstance(path, str) and hub.is_name(path) else Path(path)
    if not _is_folder(folder):
        raise RunError(f"{folder} is not a folder", expected="the folder of a run, such as runs/mnist-fast-seed0")
    _check_kinds(folder)
    there = {name: contents.read(folder, name) or b"" for name in SETTINGS}
    seals = {name: files.sha256(content) for name, content in there.items()} | _initial(folder)
    if not edited:
        _check_seal(folder, seals)
    settings = from_toml(there[RECIPE], Settings, folder / RECIPE)
    facts = from_json(there[DATA], Facts, folder / DATA)
    known = trained.name_of(seals[DATA])
    dataset = facts.dataset(run=str(folder), known=known, named=data if data is None else named(data))
    recipe = settings.recipe.changed(data=known) if known and settings.recipe.data == facts.name else settings.recipe
    net = _net(there[NET], folder / NET)
    try:
        check_fit(net, dataset)
    except ConvscopeError as error:
        raise RunError(f"{folder} is damaged: {error.what}") from None
    return Job(folder, net, dataset, recipe, settings.seed, seals=seals)


def _check_kinds(folder: Path) -> None:
    """Refuse a folder that is not a run folder, and one that contains a link, a pipe, a socket or a device.

    Raises:
        RunError: the folder is refused.
    """
    with files.Folder(folder) as run:
        kinds = {name: run.kind(name) for name in run.names()}
        missing = [name for name in SETTINGS if name not in kinds]
        if missing:
            raise RunError(f"{folder} is not a run folder: it has no {', no '.join(missing)}")
        run.refuse_links()
    odd = [name for name, kind in kinds.items() if kind not in {"a file", "a folder"}]
    odd += [name for name in contents.FILES if name not in odd and kinds.get(name, "a file") != "a file"]
    if odd:
        raise RunError(f"{folder} is damaged: {odd[0]} is {kinds[odd[0]]}, not a file")


def edits(job: Job) -> list[str]:
    """Describe settings of a run that differ from its seal."""
    try:
        own = seal.read(job.path)
    except RunError as error:
        return [error.what]
    names = seal.changed(own.sha256, job.seals) if own else []
    return [f"{job.path / name} has changed since that run began; its current content is used" for name in names]


def _check_seal(folder: Path, seals: Mapping[str, str]) -> None:
    """Compare the settings with the seal if it is readable; callers that need an intact seal check that themselves."""
    try:
        own = seal.read(folder)
    except RunError:
        return
    if own:
        seal.check(folder, own.sha256, seals)


def _net(content: bytes, path: Path) -> Net:
    try:
        with question(size=len(content)):
            return text.read(content.decode(), source=str(path))
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is damaged: {error}") from None
    except ConvscopeError as error:
        told = {key: getattr(error, key) for key in ("given", "written", "excerpt", "expected", "attempt")}
        raise RunError(f"{path} is damaged: {error.what}", **told) from None


def is_finished(folder: Path) -> bool:
    """Return whether the run has a result."""
    try:
        return _result(folder) is not None
    except RunError:  # a damaged seal does not mean that the run is finished
        return metrics.read(folder).result is not None


def _result(folder: Path) -> Result | None:
    """Return the result of a run, or None while it is not finished.

    Raises:
        RunError: the seal is damaged.
    """
    found = seal.read(folder)
    return metrics.read(folder).result if found is None else found.result
