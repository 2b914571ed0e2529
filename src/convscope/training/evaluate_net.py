"""Evaluation of any net with weights: a run, a live model, a file, or the user's own code with a file of weights."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.backends.device import find as find_device
from convscope.backends.machine import kept_memory
from convscope.backends.torch import TorchNet
from convscope.data.objects import named
from convscope.errors import FieldError, ModelError
from convscope.files import is_run
from convscope.frontends.named import is_name
from convscope.training import initial
from convscope.training.evaluate import Evaluation, answers, together
from convscope.training.evaluate_run import evaluate_run, splits_of
from convscope.training.loop import lay_out
from convscope.training.plan import check_fit
from convscope.training.recipe import find
from convscope.training.run import Run
from convscope.training.start import Asked, opened

if TYPE_CHECKING:
    import torch

    from convscope.backends.device import Device
    from convscope.data.dataset import Dataset, Split
    from convscope.training.start import Opened


def evaluate(  # noqa: PLR0913 -- what a net without a run does not state
    net: object,
    data: object = None,
    split: str | None = None,
    *,
    tta: int = 1,
    input: object = None,  # noqa: A002 -- the word of the notation
    weights: str | Path | None = None,
    scale: str | tuple[Any, Any] | None = None,
    device: str | torch.device | None = None,
) -> Evaluation:
    """Evaluate a net on images of a data set.

    Args:
        net: a run, its folder, or anything with weights that :func:`convscope.read` takes.
        data: name of the data set, or images and labels as for :func:`convscope.train`; a run's own by default. Images
            are scaled like the training images of a run, and its classes are matched by their names; the scores of
            another net are in the order of the classes.
        split: of the data set, or ``all``; by default ``test``, and ``all`` where a run is evaluated on a set that is
            not divided and is not its own.
        tta: number of views of each image whose scores are averaged, for a run: 1, the image; 2, and its mirror image;
            6, and both shifted by a pixel towards either corner.
        input: size of the input of a net that does not state it; by default that of the images.
        weights: a file of weights for the net.
        scale: for a net that is not a run, as for :func:`convscope.train`.
        device: as for :func:`convscope.train`.

    Raises:
        FieldError: no data are named for a net that is not a run, or this number of views is not supported.
        ModelError: the net has no weights.
        RunError: the weights are not those of the net.
        UnknownNameError: there is no such data set.
        DataError: a data file is damaged, the set has no such split, or it has a class that the net was not trained on.
        ShapeError: the net does not take the images, or does not give a score for each class.
    """
    if isinstance(net, Run) or (isinstance(net, str | Path) and is_run(net)):
        if input is not None or weights is not None or scale is not None:
            raise FieldError("a run states its input, its weights and its scale", expected="data, split and tta only")
        return evaluate_run(net, data if data is None else named(data), split, tta=tta, device=device)
    if data is None:
        if isinstance(net, str | Path) and not _may_be_net(str(net)):
            return evaluate_run(net, None, split, tta=tta, device=device)  # says that there is no such run
        raise FieldError("a net that is not a run needs data to be evaluated on", attempt='data="mnist"')
    if tta != 1:
        raise FieldError(f"tta={tta!r:.40} is for runs, which state how they were trained", expected="1")
    found = opened(Asked(net, input, weights=weights, scale=scale), find("fast").changed(data=named(data)))
    return _evaluated(found, split or "test", find_device(device))


def _may_be_net(source: str) -> bool:
    """Return whether a text can be a net: notation, the name of a model, or a file."""
    return any(map(str.isspace, source)) or is_name(source) or os.path.isfile(source)  # noqa: PTH113 -- for long names


def _evaluated(found: Opened, split: str, device: Device) -> Evaluation:
    brought, dataset = found.brought, found.dataset
    if brought.tensors is None:
        raise ModelError("the net has no weights, so there is nothing to evaluate", expected="a model with weights")
    parts = splits_of(dataset, split)
    dataset, parts = _numbered(dataset, parts, brought.net.output[0])
    check_fit(brought.net, dataset)
    model = TorchNet(brought.net, logits=True)
    initial.fill(model, brought.tensors)
    device.module(model)
    lay_out(model)
    with kept_memory(), device.exact():
        predicted = together([answers(model.eval(), one.images, one.labels, dataset) for one in parts])
    return Evaluation.of(predicted, dataset.classes, dataset.name, split)


def _numbered(dataset: Dataset, parts: list[Split], scores: int) -> tuple[Dataset, list[Split]]:
    """Return a set whose classes are numbers with labels that are these numbers, for a net of more scores.

    The net gives its scores by number; images of some classes only, such as 3 to 9 of ten digits, belong to those.
    """
    known = tuple(map(str, range(scores)))
    if len(dataset.classes) >= scores or not {*dataset.classes} <= {*known}:
        return dataset, parts
    numbers = np.array([*map(int, dataset.classes)])
    return replace(dataset, classes=known), [replace(part, labels=numbers[part.labels]) for part in parts]
