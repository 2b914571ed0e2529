"""One call from a net to a run folder, and from a run folder back to a model."""

from __future__ import annotations

import json
import math
import platform
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file, save

from convscope.analyze.cost import net_params
from convscope.analyze.memory import FLOAT32
from convscope.backends.machine import cores, cpu_name, keep_memory
from convscope.backends.torch import TorchNet, weights_in, weights_out
from convscope.core.net import Net
from convscope.data import registry
from convscope.errors import RunError, TrainingError
from convscope.frontends import read
from convscope.training import checkpoint, files
from convscope.training import recipe as recipes
from convscope.training import run as runs
from convscope.training.card import card
from convscope.training.claim import LOCK, claimed
from convscope.training.evaluate import Evaluation, evaluate
from convscope.training.loop import Progress, Trainer, lay_out, uses_bfloat16
from convscope.training.plan import check_disk, check_memory, plan
from convscope.training.run import Job, Metrics, Result, Run
from convscope.training.stop import Request, Stopped, requests
from convscope.version import __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convscope.data.registry import Dataset, Split
    from convscope.training.checkpoint import State
    from convscope.training.recipe import Recipe


STATES = 3
"""Numbers that a checkpoint holds for each weight: itself, and the optimizer's two means."""

SAVE_EVERY = 60.0
"""Seconds between two checkpoints."""

Report = Callable[[Progress], None]


def train(  # noqa: PLR0913 -- the settings of a run, all by keyword
    net: Net | str | Path | None = None,
    *,
    data: str = "mnist",
    recipe: str | Recipe = "fast",
    seed: int = 0,
    epochs: float | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    save_every: float = SAVE_EVERY,
    report: Report | None = None,
) -> Run:
    """Train a net and leave a run folder.

    Args:
        net: a net, its notation or its file; the recipe's own net by default.
        data: name of the data set.
        recipe: name of the recipe, path of a ``.toml`` file, or the settings themselves.
        seed: of weights, order and shifts.
        epochs: passes over the data; the recipe's by default.
        out: the folder in which the run folder is made.
        name: of the run folder; by default data set, recipe and seed.
        save_every: time between two checkpoints, from which :func:`resume` goes on [second].
        report: called every few steps.

    Raises:
        ShapeError: the net does not fit the data.
        UnknownNameError: there is no such data set or recipe.
        DataError: a data file is damaged.
        TrainingError: the loss is no longer a number.
        RunError: the folder cannot be written.
        Stopped: SIGINT or SIGTERM came; the run is saved.
    """
    settings = recipes.find(recipe) if isinstance(recipe, str) else recipe
    settings = settings if epochs is None else settings.changed(epochs=epochs)
    name = runs.checked_name(name or f"{data}-{settings.name}-seed{seed}")
    dataset = registry.find(data)
    made = net if isinstance(net, Net) else read(settings.net if net is None else net)
    settings = settings.changed(net=str(made))
    check_memory(plan(made, dataset, settings).memory, "training this net")
    check_disk(Path(out), checkpoint.size(STATES * FLOAT32 * net_params(made).value))
    pictures = _load(dataset)
    job = runs.found(Path(out), name, Job(Path(out) / name, made, dataset, settings, seed))
    try:
        with claimed(job.path):
            files.write(job.path / runs.ENV, _json(environment(settings)))
            return _carry_out(job, pictures, None, save_every, report)
    except BaseException:
        if not checkpoint.steps(job.path):  # nothing to go on from
            shutil.rmtree(job.path, ignore_errors=True)
        raise


def resume(
    path: str | Path,
    *,
    strict: bool = False,
    save_every: float = SAVE_EVERY,
    report: Report | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Run:
    """Go on with a run from its newest checkpoint, or from the start where it has none.

    On the same machine, with the same versions and threads, the weights become those of a run that was never stopped,
    bit for bit.

    Args:
        path: the run folder.
        strict: refuse to go on from an older checkpoint where the newest is damaged.
        save_every: as in :func:`train` [second].
        report: called every few steps.
        warn: told of damaged checkpoints, and of what is different here from where the run began.

    Raises:
        RunError: it is no run folder, it is finished, another process trains in it, or its checkpoints are damaged.
        Stopped: as in :func:`train`.
    """
    job = runs.load_job(path)
    _refuse_finished(job)
    with claimed(job.path):
        _refuse_finished(job)  # another process may have finished it in between
        files.tidy(job.path)
        files.tidy(job.path / checkpoint.FOLDER)
        state, damage = checkpoint.newest(job.path, strict=strict)
        for found in [*damage, *_elsewhere(job)]:
            warn(found)
        return _carry_out(job, _load(job.dataset), state, save_every, report)


def _refuse_finished(job: Job) -> None:
    if runs.is_finished(job.path):
        raise RunError(f"{job.path} is finished: there is nothing to resume")


def repeat(path: str | Path, *, out: str | Path = "runs", name: str | None = None, report: Report | None = None) -> Run:
    """Train what a run folder says once more: the same net, data, recipe and seed.

    Args:
        path: the run folder; it need not be finished.
        out: as in :func:`train`.
        name: as in :func:`train`.
        report: as in :func:`train`.

    Raises:
        RunError: it is no run folder, or it is damaged.
        Stopped: as in :func:`train`.
    """
    job = runs.load_job(path)
    return train(
        job.net, data=job.dataset.name, recipe=job.recipe, seed=job.seed, out=out, name=name, report=report
    )  # fmt: skip


def _elsewhere(job: Job) -> list[str]:
    """What is different here from where the run began; noted in its environment, too."""
    before, now = _environment_of(job), environment(job.recipe)
    changed = [key for key in now if before.get(key) != now[key]]
    if changed:
        files.write(job.path / runs.ENV, _json({**before, "resumed": [*before.get("resumed", []), now]}))
    return [f"{key} was {before.get(key)}, is {now[key]}: the weights may differ in the last bits" for key in changed]


def _environment_of(job: Job) -> dict[str, Any]:
    """Where a run began; where that was not noted before it was killed, here."""
    try:
        found: dict[str, Any] = json.loads((job.path / runs.ENV).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = environment(job.recipe)
        files.write(job.path / runs.ENV, _json(found))
    return found


def _load(dataset: Dataset) -> tuple[Split, Split]:
    """What is learned from, and what it is judged by."""
    keep_memory()
    return registry.load(dataset, "train"), registry.load(dataset, "test")


def _carry_out(
    job: Job, pictures: tuple[Split, Split], state: State | None, save_every: float, report: Report | None
) -> Run:
    """Train from a state to the end, judge, and write the result."""
    learn, test = pictures
    metrics = runs.Metrics(job.path, state.step if state else 0)
    try:
        with torch.random.fork_rng(devices=[]), requests() as request:  # the caller's own random state stays as it was
            torch.manual_seed(job.seed)
            model = TorchNet(job.net, logits=True)
            trainer = Trainer(model, learn, job.dataset, job.recipe, seed=job.seed)
            if state:
                trainer.restore(state)
            keeper = _Keeper(job.path, trainer, metrics, request, save_every)

            def note(progress: Progress) -> None:
                metrics.add(_line(progress))
                if report:
                    report(progress)

            last = trainer.run(note, keeper.between)
            judged = evaluate(model, test, job.dataset)
            keeper.stop_if_asked()
            if not math.isfinite(judged.loss):
                raise TrainingError(f"the loss on the test set is {judged.loss}", attempt="a lower learning rate")
            return _finished(job, model, last, judged, metrics)
    finally:
        metrics.close()


class _Keeper:
    """Saves where a run stands, when it is time or when somebody asks to stop."""

    def __init__(self, path: Path, trainer: Trainer, metrics: Metrics, request: Request, every: float) -> None:
        self.path, self.trainer, self.metrics, self.request, self.every = path, trainer, metrics, request, every
        self.last = time.perf_counter()

    def between(self) -> None:
        """After every step.

        Raises:
            Stopped: somebody asked.
            RunError: the checkpoint cannot be written.
        """
        files.crash_point("step")
        self.stop_if_asked()
        if time.perf_counter() - self.last >= self.every:
            self._save()

    def stop_if_asked(self) -> None:
        """Save and stop, if a signal came.

        Raises:
            Stopped: one came.
            RunError: as above.
        """
        if self.request.signal is not None:
            self._save()
            watch = self.trainer.watch
            raise Stopped(self.path, watch.done, watch.steps.total, self.request.signal)

    def _save(self) -> None:
        self.metrics.sync()
        checkpoint.write(self.path, self.trainer.state())
        self.last = time.perf_counter()


def _finished(job: Job, model: TorchNet, last: Progress, judged: Evaluation, metrics: Metrics) -> Run:
    """Write what came out; the line with the result comes last."""
    files.write(job.path / runs.MODEL, save(weights_out(model)))
    result = _result(job.net, last, judged, runs.digests(job.path))
    run = Run(job.path, job.net, job.dataset, job.recipe, job.seed, result)
    env = _environment_of(job)
    files.write(job.path / runs.CARD, card(run, judged, env).encode())
    metrics.add({"result": asdict(result)})
    metrics.sync()
    shutil.rmtree(job.path / checkpoint.FOLDER, ignore_errors=True)
    (job.path / LOCK).unlink(missing_ok=True)
    return run


def _line(progress: Progress) -> dict[str, Any]:
    return {
        "step": progress.step,
        "epoch": round(progress.epoch, 6),
        "loss": progress.loss,
        "accuracy": progress.accuracy,
        "learning_rate": progress.rate,
        "seconds": round(progress.seconds, 4),
    }


def _result(net: Net, last: Progress, judged: Evaluation, sha256: dict[str, str]) -> Result:
    return Result(
        loss=judged.loss,
        accuracy=judged.accuracy,
        params=net_params(net).value,
        seconds=last.seconds,
        images_per_second=last.images_per_second,
        sha256=sha256,
    )


def _json(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=1) + "\n").encode()


def environment(recipe: Recipe) -> dict[str, Any]:
    """Where a run took place: bit-equal weights are promised for the same of all these."""
    return {
        "convscope": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "precision": "bfloat16" if uses_bfloat16(recipe.precision) else "float32",
    }


def model_of(run: Run) -> TorchNet:
    """The trained model of a run, ready to predict; it gives logits.

    Raises:
        RunError: the weights are not those of the net.
    """
    check_memory(FLOAT32 * net_params(run.net).value, "this net")
    model = TorchNet(run.net, logits=True)
    try:
        weights_in(model, load_file(run.path / runs.MODEL))
    except (ValueError, OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{run.path / runs.MODEL} does not hold the weights of the net: {error}") from None
    lay_out(model)
    return model.eval()


def tensors_of(run: Run) -> dict[str, NDArray[Any]]:
    """The trained weights of a run by ``layer.tensor``.

    Raises:
        RunError: they are not those of the net.
    """
    return {key: value.numpy() for key, value in weights_out(model_of(run)).items()}


def evaluate_run(run: Run | str | Path) -> Evaluation:
    """Judge a run, or the run in a folder, by its test set again.

    Raises:
        RunError: the weights are not those of the net.
        DataError: a data file is damaged.
    """
    keep_memory()
    run = run if isinstance(run, Run) else runs.load(run)
    return evaluate(model_of(run), registry.load(run.dataset, "test"), run.dataset)
