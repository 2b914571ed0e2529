"""Evaluation of a run on a data set: its own, or any other whose classes the net was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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

    from convscope.data.registry import Dataset


def evaluate_run(run: Run | str | Path, data: str | None = None, split: str = "test", *, tta: int = 1) -> Evaluation:
    """Evaluate a run, or the run in a folder, on images of a data set.

    Args:
        run: the run, or its folder.
        data: name of the data set; the run's own by default. Images are scaled like the training
            images, and classes are matched by their names.
        split: of the data set.
        tta: number of views of each image whose scores are averaged: 1, the image; 2, and its mirror image; 6, and
            both shifted by a pixel towards either corner (:mod:`convscope.training.tta`).

    Raises:
        FieldError: this number of views is not supported, or the net was not trained on mirror images.
        RunError: the weights are not those of the net.
        UnknownNameError: there is no such data set.
        DataError: a data file is damaged, the set has no such split, or it has a class that the net was not trained on.
        ShapeError: the images do not have the size that the net expects.
    """
    run = run if isinstance(run, Run) else load(run)
    dataset = run.dataset if data is None else registry.find(data, run.dataset.shape)
    found = predictions_of(run, dataset, split, tta=tta)
    return Evaluation.of(found, run.dataset.classes, dataset.name, split, tta)


def predictions_of(run: Run, dataset: Dataset, split: str = "test", *, tta: int = 1) -> Predicted:
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
    with kept_memory():
        return answers(Augmented(model_of(run), tta), images.images, numbers[images.labels], run.dataset)
