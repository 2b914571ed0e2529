"""Evaluation of a run on a data set: its own, or any other whose classes the net was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.backends.device import CPU, find
from convscope.backends.machine import kept_memory
from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.classes import numbers_of
from convscope.errors import DataError, ShapeError
from convscope.training.evaluate import Evaluation, Predicted, answers
from convscope.training.run import Run, load
from convscope.training.train import model_of
from convscope.training.tta import Augmented, check_tta

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from convscope.backends.device import Device
    from convscope.data.registry import Dataset


def evaluate_run(
    run: Run | str | Path,
    data: str | None = None,
    split: str = "test",
    *,
    tta: int = 1,
    device: str | torch.device | None = None,
) -> Evaluation:
    """Evaluate a run, or the run in a folder, on images of a data set.

    Args:
        run: the run, or its folder.
        data: name of the data set; the run's own by default. Images are scaled like the training
            images, and classes are matched by their names.
        split: of the data set.
        tta: number of views of each image whose scores are averaged: 1, the image; 2, and its mirror image; 6, and
            both shifted by a pixel towards either corner (:mod:`convscope.training.tta`).
        device: where to compute, as for :func:`convscope.train`.

    Raises:
        FieldError: this number of views is not supported, the net was not trained on mirror images, or this machine
            does not have the device.
        RunError: the weights are not those of the net.
        UnknownNameError: there is no such data set.
        DataError: a data file is damaged, the set has no such split, or it has a class that the net was not trained on.
        ShapeError: the images do not have the size that the net expects.
    """
    place = find(device)
    run = run if isinstance(run, Run) else load(run)
    dataset = run.dataset if data is None else registry.find(data, run.dataset.shape)
    found = predictions_of(run, dataset, split, tta=tta, device=place)
    return Evaluation.of(found, run.dataset.classes, dataset.name, split, tta)


def predictions_of(run: Run, dataset: Dataset, split: str = "test", *, tta: int = 1, device: Device = CPU) -> Predicted:
    """Return the predictions of a run for a split of a data set; labels are indices of the run's classes.

    Raises:
        FieldError, RunError, DataError, ShapeError: as for :func:`evaluate`.
    """
    check_tta(tta, run.recipe, run.dataset.shape)
    numbers = np.array(numbers_of(dataset.classes, run.dataset.classes, dataset.name))
    if dataset.shape != run.dataset.shape:
        raise ShapeError(
            f"the net expects {to_text(run.dataset.shape)}, "
            f"but the images of {dataset.name} are {to_text(dataset.shape)}"
        )
    images = registry.load(dataset, split)
    if not len(images.images):
        raise DataError(f"{dataset.name} has no {split} images")
    with kept_memory(), device.exact():
        return answers(Augmented(model_of(run, device), tta), images.images, numbers[images.labels], run.dataset)
