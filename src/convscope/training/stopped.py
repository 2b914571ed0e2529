"""A run that was stopped, as it is: its weights are those of its last checkpoint, and its test accuracy is unknown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import safetensors
from safetensors.torch import load_file

from convscope import files
from convscope.analyze.cost import net_params
from convscope.analyze.memory import FLOAT32
from convscope.backends.torch import weights_in
from convscope.errors import RunError
from convscope.training import checkpoint, seal
from convscope.training.contents import MODEL as WEIGHTS
from convscope.training.run import Job, Run
from convscope.training.seal import Result

if TYPE_CHECKING:
    from torch import Tensor

    from convscope.backends.torch import TorchNet

AVERAGE, MODEL = "average.module.", "model."
"""Prefixes of weights in a checkpoint; averaged ones are what the run would end with."""


def stopped(job: Job) -> Run:
    """Return an unfinished run at its newest checkpoint.

    Raises:
        RunError: it has no checkpoint, all are damaged, or a setting has changed since it began.
    """
    state, _ = checkpoint.newest(job.path, strict=False, most=_most(job))
    if state is None:
        raise RunError(
            f"{job.path} is not finished, and has no checkpoint yet", attempt=f"convscope train --resume {job.path}"
        )
    seal.check_unfinished(job.path, job.seals, state.seals)
    result = Result(
        loss=math.nan,
        accuracy=math.nan,
        params=net_params(job.net).value,
        seconds=state.numbers.watch.seconds,
        images_per_second=math.nan,
        sha256=dict(job.seals),
    )
    return Run(job.path, job.net, job.dataset, job.recipe, job.seed, result, state.step, seals=job.seals)


def weights_from(run: Run, model: TorchNet) -> None:
    """Load the weights of a run into its model: those of its end, or of its checkpoint.

    Raises:
        RunError: they do not fit the net, or cannot be read.
    """
    if run.step:
        try:
            model.load_state_dict(state_of(run))
        except RuntimeError as error:
            raise RunError(f"the checkpoint of {run.path} does not hold the weights of the net: {error}") from None
        return
    try:
        with files.Folder(run.path) as folder:
            folder.opened(WEIGHTS).close()  # it was checked to be a file in the folder
        weights_in(model, load_file(run.path / WEIGHTS))
    except (ValueError, OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{run.path / WEIGHTS} does not hold the weights of the net: {error}") from None


def state_of(run: Run) -> dict[str, Tensor]:
    """Return the weights in the checkpoint of a stopped run, as the model names them.

    Raises:
        RunError: the checkpoint is damaged, or is no longer there.
    """
    tensors = checkpoint.read(run.path, run.step, _most(run)).tensors
    start = AVERAGE if any(name.startswith(AVERAGE) for name in tensors) else MODEL
    return {name.removeprefix(start): one for name, one in tensors.items() if name.startswith(start)}


def _most(job: Job) -> int:
    return checkpoint.largest(FLOAT32 * net_params(job.net).value)
