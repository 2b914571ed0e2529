"""What a training run will do, computed before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.analyze.cost import params
from convscope.analyze.memory import activation_bytes, memory
from convscope.analyze.table import layer_table
from convscope.backends.machine import free_memory
from convscope.core.shape import to_text
from convscope.errors import DataError, RunError, ShapeError, TrainingError
from convscope.files import free_space
from convscope.view.numbers import bytes_text, count_text

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.data import Dataset
    from convscope.training.recipe import Recipe

BACKWARD = 2
"""The backward pass costs about twice the forward pass, for gradients of the inputs and of the weights."""


@dataclass(frozen=True)
class Steps:
    """The number of optimizer steps.

    The course notes' example, 5,000 samples in batches of 100 for 500 epochs, is 25,000 iterations (not 250,000):

    >>> steps = Steps.of(samples=5000, batch=100, epochs=500)
    >>> steps.per_epoch, steps.total
    (50, 25000)
    """

    per_epoch: int
    total: int

    @classmethod
    def of(cls, *, samples: int, batch: int, epochs: float) -> Steps:
        """Count full batches in an epoch and in all epochs."""
        per_epoch = max(1, samples // batch)
        return cls(per_epoch, max(1, round(epochs * per_epoch)))


@dataclass(frozen=True)
class Plan:
    """The plan that ``convscope train --dry-run`` prints.

    Attributes:
        net: in the notation.
        data: name of the data set.
        recipe: name of the recipe.
        samples: number of training images.
        batch: images per step.
        epochs: passes over the set.
        steps: number of iterations.
        params: number of parameters.
        macs: estimated multiply-adds of training [MAC].
        memory: estimated memory of the images and of training in float32: weights, optimizer, activations, gradients
            [byte].
        notes: what the run starts from, a sentence each.
    """

    net: str
    data: str
    recipe: str
    samples: int
    batch: int
    epochs: float
    steps: Steps
    params: int
    macs: int
    memory: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/plan/1``."""
        return {
            "schema": "convscope/plan/1",
            "net": self.net,
            "data": self.data,
            "recipe": self.recipe,
            "samples": self.samples,
            "batch": self.batch,
            "epochs": self.epochs,
            "iterations_per_epoch": self.steps.per_epoch,
            "iterations": self.steps.total,
            "params": self.params,
            "training_macs": self.macs,
            "memory_bytes": self.memory,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        rows = {
            "net": self.net,
            "data": f"{self.data}, {self.samples:,} samples",
            "recipe": self.recipe,
            "params": f"{self.params:,}",
            "batch": f"{self.batch}",
            "epochs": f"{self.epochs:g}",
            "iterations": f"{self.steps.per_epoch:,} per epoch, {self.steps.total:,} in all",
            "MACs": f"about {count_text(self.macs)} (forward and backward)",
            "memory": f"about {bytes_text(self.memory)} (images, weights, optimizer, a batch with its gradients)",
        }
        lines = [f"{key:<11}{value}" for key, value in rows.items()]
        return "\n".join([*lines, *(f"{'start' if at == 0 else '':<11}{note}" for at, note in enumerate(self.notes))])


def plan(net: Net, dataset: Dataset, recipe: Recipe, notes: tuple[str, ...] = ()) -> Plan:
    """Plan a run; ``notes`` say what it starts from.

    Raises:
        DataError: the data set has too few images for training or for evaluation.
        ShapeError: the net does not fit the data.
    """
    check_data(dataset)
    check_fit(net, dataset)
    samples = dataset.count("train")
    batch = min(recipe.batch, samples)
    steps = Steps.of(samples=samples, batch=batch, epochs=recipe.epochs)
    table = layer_table(net)
    images = 0 if dataset.mapped else samples * activation_bytes(dataset.shape, itemsize=1)
    return Plan(
        net=str(net),
        data=dataset.name,
        recipe=recipe.name,
        samples=samples,
        batch=batch,
        epochs=recipe.epochs,
        steps=steps,
        params=table.params.value,
        macs=table.macs.value * (1 + BACKWARD) * batch * steps.total,
        memory=images + memory(net, batch=batch).training,
        notes=notes,
    )


def check_memory(need: int, subject: str) -> None:
    """Raise TrainingError if more memory is needed than is free."""
    free = free_memory()
    if free is not None and need > free:
        raise TrainingError(f"{subject} needs about {bytes_text(need)}, only {bytes_text(free)} are free")


def check_disk(folder: Path, need: int) -> None:
    """Raise RunError if a run needs more disk space than is free."""
    free = free_space(folder)
    if need > free:
        raise RunError(
            f"{folder} has too little free space for the checkpoints of this net",
            given=f"{bytes_text(free)} free",
            expected=f"{bytes_text(need)}",
        )


LEAST = {"train": 2, "test": 1}
"""The fewest images that a split needs: a batch norm has no variance over one image."""


def check_data(dataset: Dataset) -> None:
    """Raise DataError unless there are images for training and for evaluation.

    >>> from dataclasses import replace
    >>> from convscope.data import DATASETS
    >>> check_data(replace(DATASETS["mnist"], counts={"train": 2, "test": 0}))
    Traceback (most recent call last):
        ...
    convscope.errors.DataError: mnist has 0 test images
      given    2 train, 0 test
      expected at least 1: the trained net is evaluated on them
    """
    for split, least in LEAST.items():
        found = dataset.counts.get(split, 0)
        if found < least:
            why = "the trained net is evaluated on them" if split == "test" else "the net learns from them"
            raise DataError(
                f"{dataset.name} has {found} {split} image{'' if found == 1 else 's'}",
                given=", ".join(f"{count:,} {name}" for name, count in dataset.counts.items()) or "no images",
                expected=f"at least {least}: {why}",
            )
    if len(dataset.classes) < 2:
        raise DataError(f"{dataset.name} has one class", expected="at least two classes")


def check_fit(net: Net, dataset: Dataset) -> None:
    """Raise ShapeError unless the net takes the images, returns one value per class, and has weights to train."""
    net.check_single("inputs", "training")
    net.check_single("outputs", "training")
    if net.input != dataset.shape:
        raise ShapeError(
            f"the net expects {to_text(net.input)}, but the images of {dataset.name} are {to_text(dataset.shape)}",
            attempt=f"input {to_text(dataset.shape)}",
        )
    classes = len(dataset.classes)
    if net.output[0] != classes or any(size != 1 for size in net.output[1:]):
        raise ShapeError(
            f"the net ends in {to_text(net.output)}, but {dataset.name} has {classes} classes",
            expected=f"an output of {classes} values, such as a last layer linear {classes}",
        )
    if not any(params(layer) for layer in net):
        raise ShapeError("the net has nothing to train: no layer has weights", attempt=f"linear {classes} at the end")
