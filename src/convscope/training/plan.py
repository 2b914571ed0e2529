"""What a training run will do, computed before anything runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convscope.analyze.cost import params
from convscope.analyze.memory import activation_bytes, memory
from convscope.analyze.table import layer_table
from convscope.backends.machine import free_memory
from convscope.core.shape import to_text
from convscope.data import registry
from convscope.data.classes import listed
from convscope.data.facts import Again
from convscope.errors import DataError, RunError, ShapeError, TrainingError
from convscope.files import free_space
from convscope.threads import AUTO
from convscope.view.numbers import bytes_text, count_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.core.shape import Shape
    from convscope.data import Dataset
    from convscope.training.recipe import Recipe

WORDS = {"train": "for training", "val": "for validation", "test": "for testing"}
"""What the images of a split are for."""

DEVICES = {AUTO: "auto, the accelerator of this machine or else its CPU"}
THREADS: dict[int | str | None, str] = {
    None: "one for each core",
    AUTO: "auto, one or one for each core, whichever is measured to be faster",
}
"""Devices and numbers of threads that are known only when the training begins."""

BACKWARD = 2
"""The backward pass costs about twice the forward pass, for gradients of the inputs and of the weights."""


@dataclass(frozen=True)
class Steps:
    """The number of optimizer steps.

    The course notes' example, 5,000 samples in batches of 100 for 500 epochs, is 25,000 iterations (not 250,000):

    >>> steps = Steps.of(samples=5000, batch=100, epochs=500)
    >>> steps.per_epoch, steps.total
    (50, 25000)

    Attributes:
        per_epoch: steps in an epoch.
        total: steps in all epochs.
        images: number of images that an epoch uses.
    """

    per_epoch: int
    total: int
    images: int

    @classmethod
    def of(cls, *, samples: int, batch: int, epochs: float, even: bool = False) -> Steps:
        """Count the batches in an epoch and in all epochs.

        Args:
            samples: number of training images.
            batch: images per step.
            epochs: passes over the images.
            even: spread all images over the steps of an epoch, each of ``batch`` images or slightly fewer; else every
                step has ``batch`` images, and those that are left at the end of an epoch are dropped.
        """
        per_epoch = max(1, min(-(-samples // batch), samples // 2) if even else samples // batch)
        return cls(per_epoch, max(1, round(epochs * per_epoch)), samples if even else per_epoch * min(batch, samples))

    def end(self, step: int) -> int:
        """Return how many images of an epoch have been used after that many of its steps.

        >>> [Steps.of(samples=10, batch=4, epochs=1, even=True).end(step) for step in range(4)]
        [0, 3, 6, 10]
        """
        return self.images * step // self.per_epoch

    def seen(self, step: int) -> int:
        """Return how many images have been used after that many steps of all epochs."""
        epochs, rest = divmod(step, self.per_epoch)
        return epochs * self.images + self.end(rest)


@dataclass(frozen=True)
class Plan:
    """The plan that ``convscope train --dry-run`` prints.

    Attributes:
        net: in the notation.
        data: name of the data set.
        shape: ``c h w`` of the images.
        splits: images of each split.
        classes: names of the classes, in the order of the labels, each with its training images; None where the images
            would have to be read to count them.
        recipe: name of the recipe.
        samples: number of training images.
        batch: images per step.
        epochs: passes over the set.
        learning_rate: the peak.
        steps: number of iterations.
        params: number of parameters.
        macs: estimated multiply-adds of training [MAC].
        memory: estimated memory of the images and of training in float32: weights, optimizer, activations, gradients
            [byte].
        notes: what the run starts from, a sentence each.
        device: where it trains; ``auto`` is the accelerator of this machine or else its CPU.
        threads: how many of them; ``auto`` measures whether one is faster, None is one for each core.
    """

    net: str
    data: str
    shape: Shape
    splits: Mapping[str, int]
    classes: Mapping[str, int | None]
    recipe: str
    samples: int
    batch: int
    epochs: float
    learning_rate: float
    steps: Steps
    params: int
    macs: int
    memory: int
    notes: tuple[str, ...] = ()
    device: str = AUTO
    threads: int | str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/plan/1``."""
        return {
            "schema": "convscope/plan/1",
            "net": self.net,
            "data": self.data,
            "input": to_text(self.shape),
            "splits": dict(self.splits),
            "classes": dict(self.classes),
            "recipe": self.recipe,
            "samples": self.samples,
            "batch": self.batch,
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "iterations_per_epoch": self.steps.per_epoch,
            "iterations": self.steps.total,
            "params": self.params,
            "training_macs": self.macs,
            "memory_bytes": self.memory,
            "device": self.device,
            "threads": self.threads,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        rows = {
            "net": self.net,
            "data": f"{self.data}, images of {to_text(self.shape)}",
            "split": ", ".join(f"{count:,} {WORDS.get(split, split)}" for split, count in self.splits.items()),
            "classes": f"{len(self.classes)}: {listed(self._counted())}",
            "recipe": self.recipe,
            "params": f"{self.params:,}",
            "batch": f"{self.batch}",
            "epochs": f"{self.epochs:g}, learning rate {self.learning_rate:g} at its peak",
            "iterations": f"{self.steps.per_epoch:,} per epoch, {self.steps.total:,} in all",
            "MACs": f"about {count_text(self.macs)} (forward and backward)",
            "memory": f"about {bytes_text(self.memory)} (images, weights, optimizer, a batch with its gradients)",
            "device": DEVICES.get(self.device, self.device),
            "threads": THREADS.get(self.threads, str(self.threads)),
        }
        lines = [f"{key:<11}{value}" for key, value in rows.items()]
        return "\n".join([*lines, *(f"{'start' if at == 0 else '':<11}{note}" for at, note in enumerate(self.notes))])

    def _counted(self) -> list[str]:
        """The classes, with their training images where these are known."""
        return [name if count is None else f"{name} ({count:,})" for name, count in self.classes.items()]


def plan(  # noqa: PLR0913 -- the parts of a plan
    net: Net,
    dataset: Dataset,
    recipe: Recipe,
    notes: tuple[str, ...] = (),
    *,
    device: str = AUTO,
    threads: int | str | None = None,
) -> Plan:
    """Plan a run; ``notes`` say what it starts from, ``device`` and ``threads`` are as in :class:`Plan`.

    Raises:
        DataError: the data set has too few images for training or for evaluation.
        ShapeError: the net does not fit the data.
    """
    check_data(dataset)
    check_validation(dataset, recipe)
    check_fit(net, dataset)
    samples = dataset.count("train")
    batch = min(recipe.batch, samples)
    steps = Steps.of(samples=samples, batch=batch, epochs=recipe.epochs, even=recipe.even)
    table = layer_table(net)
    images = 0 if dataset.mapped else samples * activation_bytes(dataset.shape, itemsize=1)
    return Plan(
        net=str(net),
        data=dataset.name,
        shape=dataset.shape,
        splits=dict(dataset.counts),
        classes=_counts(dataset),
        recipe=recipe.name,
        samples=samples,
        batch=batch,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        steps=steps,
        params=table.params.value,
        macs=table.macs.value * (1 + BACKWARD) * steps.seen(steps.total),
        memory=images + memory(net, batch=batch).training,
        notes=notes,
        device=device,
        threads=threads,
    )


def _counts(dataset: Dataset) -> dict[str, int | None]:
    """Return the training images of each class, where the labels of the set lie ready."""
    if not dataset.mapped or isinstance(dataset.source, Again):
        return dict.fromkeys(dataset.classes)
    counts = Counter(registry.load(dataset, "train").labels.tolist())
    return {name: counts[label] for label, name in enumerate(dataset.classes)}


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


def check_validation(dataset: Dataset, recipe: Recipe) -> None:
    """Raise DataError if the recipe needs images for validation and there are none."""
    asked = f"keep={recipe.keep}" if recipe.keep == "best" else f"patience={recipe.patience}" if recipe.patience else ""
    if asked and not dataset.counts.get("val"):
        raise DataError(
            f"{dataset.name} has no images for validation, which {asked} needs",
            given=", ".join(f"{count:,} {name}" for name, count in dataset.counts.items()),
            attempt="a folder val beside train and test, with a folder for each class",
        )


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
            given="" if dataset.classes == tuple(map(str, range(classes))) else f"classes {listed(dataset.classes)}",
            expected=f"an output of {classes} values, such as a last layer linear {classes}",
        )
    if not any(params(layer) for layer in net):
        raise ShapeError("the net has nothing to train: no layer has weights", attempt=f"linear {classes} at the end")
