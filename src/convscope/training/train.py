"""The way from a net to a run folder, and from a run folder back to a model."""

from __future__ import annotations

import shutil
import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.analyze.cost import net_params
from convscope.analyze.memory import FLOAT32
from convscope.backends.device import CPU, find
from convscope.backends.torch import TorchNet, weights_out
from convscope.data import registry, trained
from convscope.data.facts import Facts
from convscope.data.objects import named
from convscope.data.preparation import ground_of
from convscope.errors import RunError
from convscope.threads import used
from convscope.training import checkpoint, chosen, environment, launches, metrics, pace, seal
from convscope.training import recipe as recipes
from convscope.training import run as runs
from convscope.training.callbacks import checked, unheard
from convscope.training.contents import DATA
from convscope.training.distributed import Ranks, joined
from convscope.training.freezing import patterns
from convscope.training.lock import claimed
from convscope.training.loop import lay_out
from convscope.training.plan import check_data, check_disk, check_memory, plan
from convscope.training.run import Job, Run
from convscope.training.session import Habits, Report, Session
from convscope.training.start import Asked, Start, again
from convscope.training.stopped import weights_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from numpy.typing import NDArray

    from convscope.backends.device import Device
    from convscope.core.net import Net
    from convscope.data.registry import Dataset, Split
    from convscope.training.logs import Log
    from convscope.training.pace import Threads
    from convscope.training.plan import Plan
    from convscope.training.recipe import Recipe

STATES = 3
"""Values in a checkpoint for each weight: the weight and the optimizer's two means."""

SAVE_EVERY = 60.0
"""Default time between checkpoints [second]."""


def train(  # noqa: PLR0913 -- the settings of a run, all by keyword
    net: object = None,
    *,
    data: object = None,
    recipe: str | Recipe | None = None,
    seed: int = 0,
    epochs: float | None = None,
    batch: int | None = None,
    lr: float | None = None,
    lr_head: float | None = None,
    freeze: str | Sequence[str] = (),
    init: str = "model",
    weights: str | Path | None = None,
    scale: str | tuple[Any, Any] | None = None,
    balance: bool = False,
    keep: str | None = None,
    patience: int | None = None,
    input: object = None,  # noqa: A002 -- the word of the notation
    out: str | Path = "runs",
    name: str | None = None,
    save_every: float = SAVE_EVERY,
    logs: str | Sequence[str | Log] = (),
    callbacks: object = (),
    skip_bad: bool = False,
    device: str | torch.device | None = None,
    threads: Threads = None,
    progress: Report | None = None,
    prepared: Callable[[int, int], None] | None = None,
    warn: Callable[[str], None] = warnings.warn,
    note: Callable[[str], None] = unheard,
    planned: Callable[[Plan], None] | None = None,
    doubt: Callable[[str], None] | None = None,
) -> Run:
    """Train a net and leave a run folder.

    Args:
        net: a run, or anything that :func:`convscope.read` takes. Weights that it brings are where training starts, and
            its head is replaced if the data have other classes. By default the recipe's own net, or for the user's own
            images one that is chosen by their size and number (:mod:`convscope.training.ladder`).
        data: name of the data set, or images and labels (:func:`convscope.data.objects.named`); the recipe's by
            default.
        recipe: name of a recipe, path of a ``.toml`` file, or the settings themselves; by default ``fast``, or ``own``
            for the user's own images, whose schedule follows from their number (:mod:`convscope.training.duration`).
        seed: for weights, order and shifts.
        epochs: passes over the data; the recipe's by default.
        batch: images per step; the recipe's by default.
        lr: peak learning rate; the recipe's by default.
        lr_head: peak learning rate of the head, the last layer with weights; by default that of all layers.
        freeze: patterns for the names of layers that are not trained, such as ``layer1.*``.
        init: ``model`` starts from the weights that the model brings, ``random`` from random ones.
        weights: a file of weights for the net: ``.safetensors``, or a state_dict in ``.pt`` or ``.pth``.
        scale: ``data`` scales images to mean 0 and deviation 1 over the data, ``unit`` to 0 … 1, ``raw`` leaves
            0 … 255; or mean and deviation, 0 to 1. By default that of the run that brings the weights, or of the data.
        balance: draw equally many images of each class.
        keep: ``last`` keeps the weights of the last step, ``best`` those of the epoch with the best validation.
        patience: end when validation has not become better for that many epochs.
        input: size of the input of a model that does not state it, and of images for which a net is chosen; by default
            that of the images, at most 128.
        out: the folder in which the run folder is made.
        name: name of the run folder; by default data set, recipe and seed.
        save_every: time between two checkpoints, from which :func:`resume` continues [second].
        logs: additional logs: ``csv``, ``tensorboard``, ``trackio``, ``wandb``, ``mlflow``, or any
            :class:`convscope.Log`.
        callbacks: functions, or objects with methods ``on_step``, ``on_epoch`` or ``on_validation``; each gets the
            progress, and ends the training if it returns True.
        skip_bad: skip files of the data set that are not images.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``xpu``, or ``auto``, the accelerator of this machine or else
            its CPU; the default. The weights are the same, bit for bit, on the same device only.
        threads: number of threads, by default one for each core; ``auto`` measures whether one is faster. The weights
            are the same, bit for bit, with the same number only.
        progress: called every few steps; by default a terminal or a notebook shows it.
        prepared: called with images prepared and all images, while those of a folder are read the first time.
        warn: called with what is wrong with the data and does not keep a net from being trained on them.
        note: called with what the run starts from: weights, head, frozen layers.
        planned: called with the plan before the training of the user's own images.
        doubt: called with what is doubtful about the result (:mod:`convscope.training.findings`), a sentence each.

    Raises:
        ShapeError: the net does not fit the data.
        ModelError: the weights do not belong to the net.
        FieldError: a setting is out of range, a pattern names no layer, or this machine does not have the device.
        UnknownNameError: there is no such data set, recipe or device.
        DataError: a data file is damaged.
        TrainingError: the loss is no longer finite.
        RunError: the folder cannot be written.
        Stopped: SIGINT or SIGTERM arrived; the run is saved.
    """
    seed, place = recipes.checked_seed(seed), find(device)
    changes: dict[str, Any] = {
        "data": data if data is None else named(data),
        "epochs": epochs,
        "batch": batch,
        "learning_rate": lr,
        "head_rate": lr_head,
        "balance": balance or None,
        "keep": keep,
        "patience": patience,
        "freeze": patterns(freeze) or None,
    }
    found = chosen.begin(Asked(net, input, init, weights, scale, skip_bad, seed, prepared), recipe, changes)
    for one in found.notes:
        note(one)
    habits = Habits(save_every, _several(logs), progress, doubt, checked(callbacks))
    with used(pace.chosen(threads, found.net, found.recipe, place)):
        return _trained(found, seed, (Path(out), name), habits, place, warn, planned)


def _trained(  # noqa: PLR0913 -- the parts of a run
    begin: Start,
    seed: int,
    folder: tuple[Path, str | None],
    habits: Habits,
    place: Device,
    warn: Callable[[str], None],
    planned: Callable[[Plan], None] | None = None,
) -> Run:
    """Train from a start, in a new folder of that name."""
    made, dataset, settings, (out, name) = begin.net, begin.dataset, begin.recipe, folder
    name = runs.checked_name(name or f"{dataset.slug}-{settings.name}-seed{seed}")
    here = environment.here(settings, place)
    outlook = plan(made, dataset, settings, device=str(here["device"]), threads=here["threads"])
    check_memory(outlook.memory, "training this net")
    check_disk(out, checkpoint.size(STATES * _weights(made)))
    packed = begin.packed()
    images = _load(dataset)
    dataset = replace(dataset, ground=ground_of(images[0].images))
    with joined(place) as ranks:
        begun = ranks.told(launches.begun(out) if ranks.first else None)
        if begun and runs.is_finished(begun):
            return runs.load(begun)
        if begun:  # a process died, and torchrun has restarted all of them
            return _resumed(runs.load_job(begun), ranks, habits, place, strict=False, warn=warnings.warn)
        job = Job(out / name, made, dataset, settings, seed)
        if ranks.first:
            if planned and dataset.name.partition(":")[0] not in registry.DATASETS:
                planned(outlook)
            for doubt in chosen.doubts(job, *images):
                warn(doubt)
            facts = Facts.of(dataset, dict(zip(("train", "test"), images, strict=True)))
            job = runs.found(out, name, job, facts, environment.content(here), packed)
            launches.note_begun(job, ranks)
        path, seals = ranks.told((job.path, job.seals))
        job = replace(job, path=path, seals=seals)
        trained.remember(seals[DATA], dataset.name)
        try:
            with claimed(job.path) if ranks.first else nullcontext():
                return Session(job, images, habits, ranks, place).run(None)
        except BaseException:
            if ranks.first and not checkpoint.steps(job.path):  # nothing to resume from
                shutil.rmtree(job.path, ignore_errors=True)
            raise


def _several(logs: str | Sequence[str | Log]) -> tuple[str | Log, ...]:
    return (logs,) if isinstance(logs, str) else tuple(logs)


def resume(  # noqa: PLR0913 -- the settings of a session, all by keyword
    path: str | Path,
    *,
    data: object = None,
    strict: bool = False,
    save_every: float = SAVE_EVERY,
    logs: str | Sequence[str | Log] = (),
    callbacks: object = (),
    device: str | torch.device | None = None,
    threads: Threads = None,
    progress: Report | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Run:
    """Resume a run from its newest checkpoint, or from the start if it has none.

    On the same machine and device, with the same versions and threads, the weights become those of a run that was never
    stopped, bit for bit.

    Args:
        path: the run folder.
        data: its data set, as for :func:`train`, for a run that this user did not begin here; the images must be the
            same.
        strict: refuse to resume from an older checkpoint if the newest is damaged.
        save_every: as for :func:`train` [second].
        logs: as for :func:`train`.
        callbacks: as for :func:`train`.
        device: as for :func:`train`; by default the one on which the run began, if this machine has it.
        threads: as for :func:`train`; by default the number with which the run began.
        progress: called every few steps; by default a terminal or a notebook shows it.
        warn: called with reports of damaged checkpoints, and of differences from where the run began.

    Raises:
        RunError: it is not a run folder, it is finished, another process trains in it, or its checkpoints are damaged.
        Stopped: as for :func:`train`.
    """
    habits = Habits(save_every, _several(logs), progress, callbacks=checked(callbacks))
    job = runs.load_job(path, data=data)
    place = environment.began_on(job.path) if device is None else find(device)
    count = pace.recorded(job.path) if threads is None else pace.chosen(threads, job.net, job.recipe, place)
    with used(count), joined(place) as ranks:
        return _resumed(job, ranks, habits, place, strict=strict, warn=warn)


def _resumed(  # noqa: PLR0913 -- the parts of a session
    job: Job, ranks: Ranks, habits: Habits, device: Device, *, strict: bool, warn: Callable[[str], None]
) -> Run:
    _refuse_finished(job)
    check_memory(plan(job.net, job.dataset, job.recipe).memory, "training this net")
    with claimed(job.path) if ranks.first else nullcontext():
        state = None
        if ranks.first:
            _refuse_finished(job)  # another process may have finished it in between
            runs.tidy(job.path)
            state, damage = checkpoint.newest(job.path, strict=strict, most=checkpoint.largest(_weights(job.net)))
            damage += seal.check_unfinished(job.path, job.seals, state.seals if state else None)
            for found in [*damage, *metrics.read(job.path).told(job.path), *environment.go_on(job, device)]:
                warn(found)
            seal.write(job.path, job.seals)
        state = ranks.told(state)
        return Session(job, _load(job.dataset), habits, ranks, device).run(state)


def _refuse_finished(job: Job) -> None:
    if runs.is_finished(job.path):
        raise RunError(f"{job.path} is finished: there is nothing to resume")


def repeat(  # noqa: PLR0913 -- by keyword
    path: str | Path,
    *,
    data: object = None,
    out: str | Path = "runs",
    name: str | None = None,
    device: str | torch.device | None = None,
    threads: Threads = None,
    progress: Report | None = None,
    warn: Callable[[str], None] = warnings.warn,
    note: Callable[[str], None] = unheard,
) -> Run:
    """Repeat a run: train with the net, data, recipe and seed that its folder states now.

    Args:
        path: the run folder; it need not be finished.
        data: its data set, as for :func:`train`, for a run that this user did not train here.
        out: as for :func:`train`.
        name: as for :func:`train`.
        device: as for :func:`resume`.
        threads: as for :func:`resume`.
        progress: as for :func:`train`.
        warn: called with reports of settings that have changed since that run began.
        note: as for :func:`train`.

    Raises:
        RunError: it is not a run folder, or it is damaged.
        Stopped: as for :func:`train`.
    """
    job = runs.load_job(path, data=data, edited=True)
    for found in runs.edits(job):
        warn(found)
    place = environment.began_on(job.path) if device is None else find(device)
    begin = again(job, _weights(job.net))
    for one in begin.notes:
        note(one)
    count = pace.recorded(job.path) if threads is None else pace.chosen(threads, job.net, job.recipe, place)
    with used(count):
        return _trained(begin, job.seed, (Path(out), name), Habits(SAVE_EVERY, (), progress), place, warn)


def _weights(net: Net) -> int:
    """Return the size of a net's weights [byte]."""
    return FLOAT32 * net_params(net).value


def _load(dataset: Dataset) -> tuple[Split, Split]:
    """Return the images for training and for evaluation."""
    check_data(dataset)
    return registry.load(dataset, "train"), registry.load(dataset, "test")


def model_of(run: Run, device: Device = CPU) -> TorchNet:
    """Return the trained model of a run on a device, ready to predict; it returns logits.

    Raises:
        RunError: the weights do not fit the net.
    """
    check_memory(_weights(run.net), "this net")
    model = TorchNet(run.net, logits=True)
    weights_from(run, model)
    device.module(model)
    lay_out(model)
    return model.eval()


def tensors_of(run: Run) -> dict[str, NDArray[Any]]:
    """Return the trained weights of a run, by ``layer.tensor``.

    Raises:
        RunError: the weights do not fit the net.
    """
    return {key: value.numpy() for key, value in weights_out(model_of(run)).items()}
