"""One call from a net to a run folder, and from a run folder back to a model."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import replace
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
from convscope.training import recipe as recipes
from convscope.training import run as runs
from convscope.training.card import card
from convscope.training.evaluate import Evaluation, evaluate
from convscope.training.loop import Progress, fit, lay_out, uses_bfloat16
from convscope.training.plan import check_memory, plan
from convscope.training.run import Result, Run
from convscope.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convscope.training.recipe import Recipe


def train(  # noqa: PLR0913 -- the settings of a run, all by keyword
    net: Net | str | Path | None = None,
    *,
    data: str = "mnist",
    recipe: str | Recipe = "fast",
    seed: int = 0,
    epochs: float | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    report: Callable[[Progress], None] | None = None,
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
        report: called every few steps.

    Raises:
        ShapeError: the net does not fit the data.
        UnknownNameError: there is no such data set or recipe.
        DataError: a data file is damaged.
        TrainingError: the loss is no longer a number.
        RunError: the folder cannot be written.
    """
    settings = recipes.find(recipe) if isinstance(recipe, str) else recipe
    settings = settings if epochs is None else settings.changed(epochs=epochs)
    name = runs.checked_name(name or f"{data}-{settings.name}-seed{seed}")
    dataset = registry.find(data)
    made = net if isinstance(net, Net) else read(settings.net if net is None else net)
    settings = settings.changed(net=str(made))
    check_memory(plan(made, dataset, settings).memory, "training this net")
    keep_memory()
    learn, test = registry.load(dataset, "train"), registry.load(dataset, "test")
    lines: list[dict[str, Any]] = []

    def note(progress: Progress) -> None:
        lines.append(_line(progress))
        if report:
            report(progress)

    with runs.draft(Path(out)) as folder:
        with torch.random.fork_rng(devices=[]):  # the caller's own random state stays as it was
            torch.manual_seed(seed)
            model = TorchNet(made, logits=True)
            last = fit(model, learn, dataset, settings, seed=seed, report=note)
        judged = evaluate(model, test, dataset)
        if not math.isfinite(judged.loss):
            raise TrainingError(f"the loss on the test set is {judged.loss}", attempt="a lower learning rate")
        (folder / runs.MODEL).write_bytes(save(weights_out(model)))
        runs.write_settings(folder, made, dataset, settings, seed)
        result = _result(made, last, judged, runs.digests(folder))
        run = Run(folder, made, dataset, settings, seed, result)
        _describe(run, judged, lines)
        return replace(run, path=runs.settle(folder, Path(out), name))


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


def _describe(run: Run, judged: Evaluation, lines: list[dict[str, Any]]) -> None:
    """The files that tell what came out: metrics, environment, model card."""
    env = environment(run.recipe)
    runs.write_metrics(run, lines)
    (run.path / runs.ENV).write_text(json.dumps(env, indent=1) + "\n", encoding="utf-8")
    (run.path / runs.CARD).write_text(card(run, judged, env), encoding="utf-8")


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
