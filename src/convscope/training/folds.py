"""Predictions for training images by nets that were trained without them: a net for each fold, thrown away after."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.analyze.cost import net_params
from convscope.analyze.memory import FLOAT32
from convscope.backends.device import CPU
from convscope.backends.machine import kept_memory
from convscope.backends.torch import TorchNet
from convscope.data.doubts import digest
from convscope.data.registry import Split
from convscope.errors import FieldError
from convscope.progress import shown_where_watched
from convscope.training import initial
from convscope.training.evaluate import Predicted, answers
from convscope.training.loop import Trainer
from convscope.training.plan import Steps, check_memory, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from convscope.backends.device import Device
    from convscope.progress import Progress
    from convscope.training.run import Job
    from convscope.training.session import Report

MOST = 20
"""The most folds: with more, each net is trained on more images, but all of them take longer."""

COPIES = 2
"""How often the images are in memory while a net is trained: those of the folds, and with their margins."""


def fold_of(split: Split, folds: int) -> NDArray[np.int64]:
    """Return the fold of each image, ``n``: the images of each class are spread evenly, copies of one stay together.

    It depends on the pixels only, whatever the images are called and in which order they are.

    Args:
        split: images ``n c h w`` and labels.
        folds: number of folds.

    >>> images = np.arange(12, dtype=np.uint8).repeat(4).reshape(12, 1, 2, 2) // 2  # two copies of each
    >>> found = fold_of(Split(images, np.zeros(12, int)), 3)
    >>> np.bincount(found).tolist(), bool((found[::2] == found[1::2]).all())
    ([4, 4, 4], True)
    """
    groups: dict[bytes, list[int]] = {}
    for at, image in enumerate(split.images):
        groups.setdefault(digest(image), []).append(at)
    found = np.zeros(len(split.labels), dtype=np.int64)
    counts: dict[int, NDArray[np.int64]] = {}
    sizes = np.zeros(folds, dtype=np.int64)
    for key in sorted(groups):
        rows = groups[key]
        own = counts.setdefault(int(split.labels[rows[0]]), np.zeros(folds, dtype=np.int64))
        least = np.lexsort((sizes, own))[0]
        found[rows] = least
        own[least] += len(rows)
        sizes[least] += len(rows)
    return found


def checked(folds: int) -> int:
    """Check a number of folds.

    Raises:
        FieldError: it is out of range.
    """
    if not 2 <= folds <= MOST:
        raise FieldError(f"training images cannot be divided into {folds} folds", expected=f"2 to {MOST}")
    return folds


def out_of_fold(
    job: Job, split: Split, folds: int, *, device: Device = CPU, progress: Report | None = None
) -> Predicted:
    """Return predictions for the training images of a run, each by a net that was trained without it.

    For each fold, the net of the run is trained with the settings of the run on the images of the other folds: from
    the same seed and, if it brought weights, from these. Nothing is written.

    Args:
        job: the run.
        split: its training images.
        folds: number of folds, 2 to 20.
        device: where to compute.
        progress: called every few steps, as if all folds were one training; by default a terminal or a notebook shows
            it.

    Raises:
        FieldError: the number of folds is out of range, or there are fewer images.
        TrainingError: a loss is not finite, or there is not enough memory.
    """
    if checked(folds) > len(split.labels):
        raise FieldError(f"{len(split.labels):,} training images cannot be divided into {folds} folds")
    check_memory(
        plan(job.net, job.dataset, job.recipe).memory + COPIES * split.images.nbytes, "training without a fold"
    )
    places = fold_of(split, folds)
    with ExitStack() as stack:
        for context in (kept_memory(), device.kept_random(), device.exact()):
            stack.enter_context(context)
        report = stack.enter_context(shown_where_watched()) if progress is None else progress
        joint = _Joint(job, [int((places != fold).sum()) for fold in range(folds)], report)
        parts = [_fold(job, split, places == fold, device, joint.of(fold)) for fold in range(folds)]
    back = np.argsort(np.concatenate([np.flatnonzero(places == fold) for fold in range(folds)]))
    columns = ("labels", "predicted", "confidence", "losses")
    return Predicted(*(np.concatenate([getattr(one, name) for one in parts])[back] for name in columns))


def _fold(job: Job, split: Split, left: NDArray[np.bool_], device: Device, report: Report) -> Predicted:
    """Train a net without some images, and return its predictions for them."""
    rest = Split(np.array(split.images[~left]), split.labels[~left])
    torch.manual_seed(job.seed)
    model = TorchNet(job.net, logits=True)
    initial.load_into(model, job.path, job.seals, FLOAT32 * net_params(job.net).value)
    brought = initial.has(job.seals)
    trainer = Trainer(model, rest, job.dataset, job.recipe, seed=job.seed, brought=brought, device=device)
    trainer.run(report, lambda: None)
    return answers(model, np.array(split.images[left]), split.labels[left], job.dataset)


class _Joint:
    """Reports several trainings as one."""

    def __init__(self, job: Job, sizes: Sequence[int], report: Report) -> None:
        recipe = job.recipe
        each: dict[str, Any] = {"batch": recipe.batch, "epochs": recipe.epochs, "even": recipe.even}
        self.steps: list[int] = [Steps.of(samples=size, **each).total for size in sizes]
        self.epochs: float = recipe.epochs
        self.report: Report = report
        self.seconds: float = 0.0
        self.images: int = 0

    def of(self, fold: int) -> Report:
        """Return the report of the training of a fold."""
        before = self.seconds, self.images

        def report(progress: Progress) -> None:
            self.seconds, self.images = before[0] + progress.seconds, before[1] + progress.images
            self.report(
                replace(
                    progress,
                    step=sum(self.steps[:fold]) + progress.step,
                    steps=sum(self.steps),
                    epoch=fold * self.epochs + progress.epoch,
                    epochs=len(self.steps) * self.epochs,
                    seconds=self.seconds,
                    images=self.images,
                )
            )

        return report
