"""The training loop."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention

from convscope.backends.machine import fast_bfloat16
from convscope.errors import TrainingError
from convscope.training.batches import Batches
from convscope.training.plan import Steps
from convscope.training.schedule import triangle

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from convscope.data.registry import Dataset, Split
    from convscope.training.recipe import Recipe

REPORT_EVERY = 10
"""Steps between two reports of progress."""

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Channels last is several times faster on a CPU, most of all for pictures of one channel."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands; losses and accuracies are means over the steps of the epoch so far."""

    step: int
    steps: int
    epoch: float
    loss: float
    accuracy: float
    rate: float
    seconds: float
    images: int

    @property
    def images_per_second(self) -> float:
        """Since the start."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """At the speed so far."""
        return self.seconds / self.step * (self.steps - self.step) if self.step else math.inf


def layout(batch: Tensor) -> Tensor:
    """The same numbers, channels last where there are two or three spatial axes."""
    form = LAYOUTS.get(batch.dim())
    return batch.contiguous(memory_format=form) if form else batch


def lay_out(model: nn.Module) -> None:
    """Put the weights in the order of the pictures; another order gives another last digit."""
    for parameter in model.parameters():
        parameter.data = layout(parameter.data)


def uses_bfloat16(precision: str) -> bool:
    """Whether a recipe's precision means bfloat16 on this machine."""
    return precision == "bfloat16" or (precision == "auto" and fast_bfloat16())


def fit(  # noqa: PLR0913 -- what a run consists of
    model: nn.Module,
    split: Split,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    report: Callable[[Progress], None],
) -> Progress:
    """Train ``model`` in place and return the last progress.

    ``report`` is called every few steps and at the last step of each epoch.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    batches = Batches(split, dataset, batch=recipe.batch, shift=recipe.shift, seed=seed)
    steps = Steps.of(samples=len(split.images), batch=batches.batch, epochs=recipe.epochs)
    optimizer = _optimizer(model, recipe)
    low = uses_bfloat16(recipe.precision)
    model.train()
    lay_out(model)
    watch = _Watch(steps, batches.batch, report)
    for step, (images, labels) in zip(range(steps.total), batches, strict=False):
        rate = recipe.learning_rate * triangle(step, steps.total, recipe.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16) if low else nullcontext():
            logits = model(layout(images)).flatten(1)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        optimizer.step()
        watch.step(loss.item(), int((logits.detach().argmax(1) == labels).sum()), rate)
    model.eval()
    return watch.last


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; decay for kernels and matrices only."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        betas=recipe.betas,
        fused=True,
    )


class _Watch:
    """Counts steps, keeps the means of the epoch, and reports."""

    def __init__(self, steps: Steps, batch: int, report: Callable[[Progress], None]) -> None:
        self.steps, self.batch, self.report = steps, batch, report
        self.start = time.perf_counter()
        self.done = self.in_epoch = self.hits = 0
        self.loss = 0.0
        self.last = Progress(0, steps.total, 0.0, math.nan, math.nan, 0.0, 0.0, 0)

    def step(self, loss: float, hits: int, rate: float) -> None:
        """One step is done."""
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {self.done + 1} of {self.steps.total}, learning rate {rate:.3g}",
                attempt="a lower learning rate, or a batch norm behind each convolution",
            )
        if self.done % self.steps.per_epoch == 0:
            self.in_epoch, self.hits, self.loss = 0, 0, 0.0
        self.done, self.in_epoch = self.done + 1, self.in_epoch + 1
        self.loss, self.hits = self.loss + loss, self.hits + hits
        ends = self.done % self.steps.per_epoch == 0 or self.done == self.steps.total
        if ends or self.done % REPORT_EVERY == 0:
            self.last = Progress(
                step=self.done,
                steps=self.steps.total,
                epoch=self.done / self.steps.per_epoch,
                loss=self.loss / self.in_epoch,
                accuracy=self.hits / (self.in_epoch * self.batch),
                rate=rate,
                seconds=time.perf_counter() - self.start,
                images=self.done * self.batch,
            )
            self.report(self.last)
