"""Evaluation of a run on a data set: its own, or any other whose classes the net was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from convscope.backends.device import CPU, find
from convscope.backends.machine import kept_memory
from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.classes import numbers_of
from convscope.data.facts import Again, at_hand, fingerprint
from convscope.data.image import as_image
from convscope.data.preparation import Preparation
from convscope.errors import DataError, ShapeError
from convscope.training.evaluate import Evaluation, Predicted, answers, together
from convscope.training.run import Run, load
from convscope.training.train import model_of
from convscope.training.tta import Augmented, check_tta

ALL = "all"
"""Stands for every split of a set."""

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from convscope.backends.device import Device
    from convscope.data.registry import Dataset, Split


def evaluate_run(
    run: Run | str | Path,
    data: str | None = None,
    split: str | None = None,
    *,
    tta: int = 1,
    device: str | torch.device | None = None,
) -> Evaluation:
    """Evaluate a run, or the run in a folder, on images of a data set.

    Args:
        run: the run, or its folder.
        data: name of the data set; the run's own by default. Images of another set are prepared as by
            :func:`convscope.predict`, and classes are matched by their names.
        split: of the data set, or ``all``; by default ``test``, and ``all`` for a named set that is not divided and is
            not the run's own.
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
    dataset, own = (run.dataset, True) if data is None else _found(run, data)
    chosen = split or ("test" if own else usual_split(dataset))
    found = predictions_of(run, dataset, chosen, tta=tta, device=place, own=own)
    return Evaluation.of(found, run.dataset.classes, dataset.name, chosen, tta)


def has_images(run: Run) -> bool:
    """Return whether the test images of a run are where they were, or where the user says that they are.

    Raises:
        DataError: the user named the images, and they are not those of the run.
    """
    return not isinstance(at_hand(run.dataset, "test"), str)


def usual_split(dataset: Dataset) -> str:
    """Return the split on which other nets are evaluated: all images, if the set is not divided."""
    return ALL if dataset.notes.get("undivided") else "test"


def _is_own(run: Run, dataset: Dataset) -> bool:
    """Return whether a set is the one that the run was trained on, by its name or by its test images."""
    if dataset.name == run.dataset.name:
        return True
    known = run.dataset.source.sha256.get("test") if isinstance(run.dataset.source, Again) else None
    return bool(known) and fingerprint(registry.load(dataset, "test"), dataset.classes) == known


def splits_of(dataset: Dataset, split: str) -> list[Split]:
    """Return a split of a data set, or all of them.

    Raises:
        DataError: it has no such split, or no images in it.
    """
    names = dataset.splits if split == ALL else (split,)
    found = [part for part in (registry.load(dataset, name) for name in names) if len(part.images)]
    if not found:
        raise DataError(f"{dataset.name} has no {'' if split == ALL else f'{split} '}images")
    return found


def other(run: Run, data: str) -> Dataset:
    """Return a data set for a net that was trained on another; its images are prepared as for predictions."""
    return _found(run, data)[0]


def _found(run: Run, data: str) -> tuple[Dataset, bool]:
    """Return a data set, prepared for a run, and whether it is the one that the run was trained on."""
    found, preparation = registry.find(data, run.dataset.shape, partial=True), Preparation.of(run.dataset)
    own = _is_own(run, found)
    if own or not preparation.key or data in registry.DATASETS:
        return found, own
    return registry.find(data, run.dataset.shape, partial=True, preparation=preparation), False


def _preparation(run: Run, dataset: Dataset, *, own: bool | None) -> Preparation | None:
    """Return how to prepare pixels of a set whose files were only scaled, or that has no files; None if it is not."""
    preparation = Preparation.of(run.dataset)
    if not preparation.key or dataset.notes.get("prepared") or (dataset.ink and run.dataset.ink):
        return None
    return None if (_is_own(run, dataset) if own is None else own) else preparation


def _prepared(images: NDArray[np.uint8], preparation: Preparation | None) -> NDArray[np.uint8]:
    return np.stack([preparation.pixels(as_image(image)) for image in images]) if preparation else images


def predictions_of(  # noqa: PLR0913 -- by keyword
    run: Run, dataset: Dataset, split: str = "test", *, tta: int = 1, device: Device = CPU, own: bool | None = None
) -> Predicted:
    """Return the predictions of a run for a split of a data set; labels are indices of the run's classes.

    Args:
        run: the run.
        dataset: the data set.
        split: of it, or ``all``.
        tta: number of views of each image.
        device: where to compute.
        own: whether it is the set that the run was trained on; None if that has not been found out.

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
    parts = splits_of(dataset, split)
    model = Augmented(model_of(run, device), tta)
    with kept_memory(), device.exact():
        preparation = _preparation(run, dataset, own=own)
        pixels = [_prepared(one.images, preparation) for one in parts]
        found = zip(pixels, parts, strict=True)
        return together([answers(model, images, numbers[one.labels], run.dataset) for images, one in found])
