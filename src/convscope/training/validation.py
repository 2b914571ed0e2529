"""Validation at the end of each epoch: it is shown and logged, keeps the best weights, and may end the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from convscope.data import registry
from convscope.training.evaluate import answers

if TYPE_CHECKING:
    from torch import Tensor, nn

    from convscope.data.dataset import Split
    from convscope.training.loop import Trainer
    from convscope.training.run import Job

VAL = "val"
"""The split that is validated on; never the one for testing."""

BEST, NUMBERS = "best.", "validation.numbers"
"""Names of the tensors in a checkpoint: weights of the best epoch; its accuracy and loss, and the epochs since."""


class Validation:
    """Evaluates a net that is being trained; nothing of it changes how it is trained, except when that ends.

    Args:
        job: with the recipe and the data set.
        trainer: whose model is evaluated, or the running mean of its weights if that is the result.
    """

    def __init__(self, job: Job, trainer: Trainer) -> None:
        self.job: Job = job
        self.trainer: Trainer = trainer
        has = VAL in job.dataset.counts and job.dataset.count(VAL) > 0
        self.split: Split | None = registry.load(job.dataset, VAL) if has and trainer.ranks.first else None
        self.is_on: bool = has
        self.best: dict[str, Tensor] = {}
        self.score: tuple[float, float] = (-1.0, 0.0)  # accuracy, minus the loss
        self.since: int = 0

    def __call__(self) -> tuple[float, float] | None:
        """Evaluate the net, and return loss and accuracy; None without images for validation."""
        if not self.is_on:
            return None
        found: tuple[float, float] = self.trainer.ranks.told(self._evaluated())
        score = (found[1], -found[0])
        if score > self.score:
            self.score, self.since = score, 0
            if self.job.recipe.keep == "best":
                self.best = {name: one.detach().clone() for name, one in self._model().state_dict().items()}
        else:
            self.since += 1
        return found

    @property
    def is_over(self) -> bool:
        """Whether validation has not become better for as many epochs as the recipe has patience for."""
        return self.is_on and 0 < self.job.recipe.patience <= self.since

    def settle(self) -> None:
        """Give the model the weights of its best epoch, if the recipe keeps these."""
        if self.best:
            self.trainer.model.load_state_dict(self.best)

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint needs to go on from here."""
        if not self.is_on:
            return {}
        numbers = torch.tensor([*self.score, self.since], dtype=torch.float64)
        return {NUMBERS: numbers, **{f"{BEST}{name}": one for name, one in self.best.items()}}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a checkpoint; one of an earlier version begins to count here."""
        if NUMBERS in tensors:
            accuracy, loss, since = tensors[NUMBERS].tolist()
            self.score, self.since = (accuracy, loss), int(since)
            self.best = {name.removeprefix(BEST): one for name, one in tensors.items() if name.startswith(BEST)}

    def _model(self) -> nn.Module:
        """Return the net that would be the result if the training ended here."""
        average = self.trainer.average
        return average.module if average else self.trainer.model

    def _evaluated(self) -> tuple[float, float] | None:
        if self.split is None:
            return None
        model = self._model()
        training = model.training
        model.eval()
        found = answers(model, self.split.images, self.split.labels, self.job.dataset)
        model.train(training)
        return float(found.losses.mean()), float(found.right.mean())
