"""The training loop."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from convscope.backends.device import CPU
from convscope.errors import RunError, TrainingError
from convscope.progress import Progress
from convscope.training.augment import Augment
from convscope.training.batches import Batches
from convscope.training.checkpoint import Means, Numbers, State
from convscope.training.diagnose import first_bad, gradient_norm
from convscope.training.distributed import ALONE
from convscope.training.freezing import freeze
from convscope.training.init import begin
from convscope.training.optimizers import Optimizers
from convscope.training.plan import Steps
from convscope.training.schedule import triangle
from convscope.training.sync_batchnorm import sync_batch_norm

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from convscope.backends.device import Device
    from convscope.backends.torch import TorchNet
    from convscope.data.registry import Dataset, Split
    from convscope.training.distributed import Ranks
    from convscope.training.recipe import Recipe

REPORT_EVERY = 10
"""Number of steps between two progress reports."""

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Channels last is several times faster on a CPU, above all for single-channel images."""


def layout(batch: Tensor) -> Tensor:
    """Return the same values, channels last if there are two or three spatial axes."""
    form = LAYOUTS.get(batch.dim())
    return batch.contiguous(memory_format=form) if form else batch


def strided_last(batch: Tensor) -> Tensor:
    """Return a single-channel batch whose strides are those of channels last.

    Both orders have the same bytes then, and torch, which looks at the strides, would choose the slow one. This is for
    bfloat16 only: in float32 it makes processes that share a batch differ more from one process on the full batch.

    >>> strided_last(torch.zeros(5, 1, 8, 8)).stride(), strided_last(torch.zeros(5, 3, 8, 8)).stride()
    ((64, 1, 8, 1), (192, 64, 8, 1))
    """
    if batch.dim() not in LAYOUTS or batch.shape[1] != 1:
        return batch
    first, _, *spatial = batch.stride()
    return batch.as_strided(batch.shape, (first, 1, *spatial))


def lay_out(model: nn.Module) -> None:
    """Bring the weights into the memory order of the images; another order changes the last digits."""
    for parameter in model.parameters():
        parameter.data = layout(parameter.data)


def uses_bfloat16(precision: str, device: Device = CPU) -> bool:
    """Return whether a recipe's precision means bfloat16 on a device."""
    return precision == "bfloat16" or (precision == "auto" and device.multiplies_bfloat16())


class Unread(NamedTuple):
    """What a step left on the device: its loss and hits; and its share of the batch, learning rate and images."""

    loss: Tensor
    hits: Tensor
    share: float
    rate: float
    images: Tensor


class Trainer:
    """A model that is trained step by step; its state can be saved and restored.

    Args:
        model: trained in place.
        split: images and labels.
        dataset: for the scale.
        recipe: the settings.
        seed: for order and shifts.
        brought: whether the weights were brought, so that no recipe replaces them.
        ranks: the data-parallel processes, each of which trains on its part of every batch.
        device: where it is trained. It is initialised on the CPU, so that the first weights are the same everywhere.
    """

    def __init__(  # noqa: PLR0913 -- the parts of a run
        self,
        model: TorchNet,
        split: Split,
        dataset: Dataset,
        recipe: Recipe,
        *,
        seed: int,
        brought: bool = False,
        ranks: Ranks = ALONE,
        device: Device = CPU,
    ) -> None:
        self.model: TorchNet = model
        self.recipe: Recipe = recipe
        self.ranks: Ranks = ranks
        self.device: Device = device
        augment = Augment.of(recipe, ground=dataset.ink)
        spread: dict[str, Any] = {"batch": recipe.batch, "even": recipe.even}
        shared: dict[str, Any] = {"seed": seed, "ranks": ranks, "device": device, "balance": recipe.balance}
        self.batches: Batches = Batches(split, dataset, **spread, augment=augment, **shared)
        self.steps: Steps = Steps.of(samples=len(split.images), epochs=recipe.epochs, **spread)
        self.low: bool = uses_bfloat16(recipe.precision, device)
        self.unread: list[Unread] = []
        self.watch: Watch = Watch(self.steps)
        together = ranks.world > 1
        if together:
            sync_batch_norm(model)  # before the optimizer is made, since this replaces the norms
        if not brought:
            begin(model, split, dataset, recipe)
        device.module(model)
        freeze(model, recipe.freeze)
        lay_out(model)
        self.optimizers: Optimizers = Optimizers(model, recipe)
        span = max(1.0, recipe.average * self.steps.total)  # steps
        self.average: AveragedModel | None = _average(model, 1 - 1 / span) if recipe.average else None
        self.forward: nn.Module = DistributedDataParallel(model, forward_sync_buffers=False) if together else model

    def run(
        self,
        report: Callable[[Progress], None],
        between: Callable[[], None],
        is_over: Callable[[], bool] = lambda: False,
    ) -> Progress:
        """Train to the end and return the last progress.

        Args:
            report: called every few steps and at the last step of each epoch.
            between: called after every step; an exception in it ends the run.
            is_over: whether to end before the last step.

        Raises:
            TrainingError: the loss is no longer a number.
        """
        self.model.train()
        self.watch.start()
        last = self.watch.progress()
        while self.watch.done < self.steps.total and not is_over():
            self._step()
            if self.watch.is_due():
                self._read()
                last = self.watch.progress()
                report(last)
            between()
        if self.average:
            self.model.load_state_dict(self.average.module.state_dict())
        self.model.eval()
        return last

    def loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch, and the logits ``n classes``.

        Args:
            images: ``n c h w``, as :class:`Batches` gives them.
            labels: ``n``.
        """
        with self.device.autocast() if self.low else nullcontext():
            placed = layout(images)
            logits = self.forward(strided_last(placed) if self.low else placed).flatten(1)
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing), logits

    def _step(self) -> None:
        images, labels = next(self.batches)
        share_of_rate = triangle(self.watch.done, self.steps.total, self.recipe.warmup)
        rate = self.recipe.learning_rate * share_of_rate
        loss, logits = self.loss(images, labels)
        share = len(labels) / self.batches.batch  # of the images of this step that this process has
        self.unread.append(Unread(loss.detach(), (logits.detach().argmax(1) == labels).sum(), share, rate, images))
        self.watch.step(rate)
        if len(self.unread) >= self.device.every:
            self._read()
        self.optimizers.forget()
        # gradients are averaged over the processes, each of which has its share of the batch; alone the factor is 1
        (loss * (share * self.ranks.world)).backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        self.optimizers.step(share_of_rate)
        if self.average:
            self.average.update_parameters(self.model)

    def _read(self) -> None:
        """Read the loss and the hits of the steps since the last time, which waits for the device.

        Raises:
            TrainingError: a loss is not finite.
        """
        if not self.unread:
            return
        some, self.unread = self.unread, []
        losses = torch.stack([one.loss for one in some]).cpu().tolist()
        hits = torch.stack([one.hits for one in some]).cpu().tolist()
        shares = [loss * one.share for loss, one in zip(losses, some, strict=True)]
        found = self.ranks.added([*shares, *hits])
        for at, (one, loss, right) in enumerate(zip(some, found, found[len(some) :], strict=False)):
            if not math.isfinite(loss):
                raise self._not_finite(loss, one, self.watch.done - len(some) + at + 1)
            self.watch.add(loss, int(right))

    def _not_finite(self, loss: float, at: Unread, step: int) -> TrainingError:
        """Return the error for a loss that is not finite: step, learning rate, and the layer where it began."""
        norm = gradient_norm(self.model)
        before = f"gradient norm of the previous step {norm:.3g}, " if norm is not None else ""
        return TrainingError(
            f"the loss is {loss} at step {step} of {self.steps.total}, learning rate {at.rate:.3g}",
            given=f"{before}{first_bad(self.model, layout(at.images))}",
            attempt="a lower learning rate, or a batch norm after each convolution",
        )

    def state(self) -> State:
        """Return the state of training: everything that later steps depend on."""
        self._read()
        random, place = self.batches.state()
        own = self.device.random()
        averaged = self.average.state_dict() if self.average else {}
        tensors = {
            **{f"model.{name}": tensor for name, tensor in self.model.state_dict().items()},
            **{f"optimizer.{name}": tensor for name, tensor in self.optimizers.state().items()},
            **{f"average.{name}": tensor for name, tensor in averaged.items()},
            **{f"batches.{name}": tensor for name, tensor in random.items()},
            **{f"torch.{rank}": one for rank, one in enumerate(self.ranks.gathered(torch.get_rng_state()))},
            **(
                {f"{self._own}.{rank}": one for rank, one in enumerate(self.ranks.gathered(own))}
                if own is not None
                else {}
            ),
        }
        there = {name: tensor.cpu() for name, tensor in tensors.items()}
        return State(there, Numbers(self.watch.done, place, self.watch.state()))

    def restore(self, state: State) -> None:
        """Resume from a state, bit for bit.

        Raises:
            RunError: the state belongs to another net.
        """
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "average": {}, "batches": {}}
        for name, tensor in state.tensors.items():
            head, _, rest = name.partition(".")
            parts.get(head, {})[rest] = tensor
        self._check_place(state)
        try:
            self.model.load_state_dict(parts["model"])
            self.optimizers.restore(parts["optimizer"])
            if self.average:
                self.average.load_state_dict(parts["average"])
            self.batches.restore(parts["batches"], state.numbers.place)
            self.watch.restore(state.step, state.numbers.watch)
            torch.set_rng_state(state.tensors[f"torch.{self.ranks.rank}"])
            own = state.tensors.get(f"{self._own}.{self.ranks.rank}")
            if own is not None:  # there is none if the checkpoint was written on another kind of device
                self.device.set_random(own)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:
            raise RunError(f"the checkpoint does not belong to this net: {str(error).splitlines()[0]}") from None

    @property
    def _own(self) -> str:
        """The first word of the names of the device's random states in a checkpoint."""
        return f"random-{self.device.torch.type}"

    def _check_place(self, state: State) -> None:
        """Raise RunError unless this many steps lead to that position in the data."""
        place, watch, steps = state.numbers.place, state.numbers.watch, self.steps
        given = place.epoch * steps.images + place.at
        fits = place.at <= steps.images and watch.hits <= steps.end(watch.in_epoch)
        if state.step > steps.total or given != steps.seen(state.step) or watch.in_epoch > steps.per_epoch or not fits:
            raise RunError(
                f"the checkpoint does not belong to this run: step {state.step:,}",
                given=f"image {place.at:,} of epoch {place.epoch:,}",
                expected=f"at most {steps.total:,} steps, {steps.per_epoch:,} in an epoch of {steps.images:,} images",
            )


def _average(model: nn.Module, decay: float) -> AveragedModel:
    """A running mean of the weights, and of the statistics of norms."""
    mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call] # torch leaves it untyped
    return AveragedModel(model, multi_avg_fn=mean, use_buffers=True)


class Watch:
    """Counts the steps and keeps the running means of the epoch."""

    def __init__(self, steps: Steps) -> None:
        self.steps: Steps = steps
        self.done: int = 0
        self.in_epoch: int = 0
        self.hits: int = 0
        self.loss: float = 0.0
        self.rate: float = 0.0
        self.before: float = 0.0
        self.started: float = time.perf_counter()

    def start(self) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of training, in this process and those before it."""
        return self.before + time.perf_counter() - self.started

    def step(self, rate: float) -> None:
        """Count one step."""
        if self.done % self.steps.per_epoch == 0:
            self.in_epoch, self.hits, self.loss = 0, 0, 0.0
        self.done, self.in_epoch, self.rate = self.done + 1, self.in_epoch + 1, rate

    def add(self, loss: float, hits: int) -> None:
        """Add the loss and the hits of a step that is counted already."""
        self.loss, self.hits = self.loss + loss, self.hits + hits

    def is_due(self) -> bool:
        """Return whether a report is due."""
        return self.ends or self.done % REPORT_EVERY == 0

    @property
    def ends(self) -> bool:
        """Whether this was the last step of an epoch, or of all."""
        return self.done % self.steps.per_epoch == 0 or self.done == self.steps.total

    def progress(self) -> Progress:
        """Return a progress report."""
        return Progress(
            step=self.done,
            steps=self.steps.total,
            epoch=self.done / self.steps.per_epoch,
            loss=self.loss / max(1, self.in_epoch),
            accuracy=self.hits / max(1, self.steps.end(self.in_epoch)),
            rate=self.rate,
            seconds=self.seconds,
            images=self.steps.seen(self.done),
            epochs=self.steps.total / self.steps.per_epoch,
            ends=self.ends,
        )

    def state(self) -> Means:
        """Return the state that later reports depend on."""
        return Means(self.in_epoch, self.hits, self.loss, self.rate, self.seconds)

    def restore(self, done: int, state: Means) -> None:
        """Resume from a state."""
        self.done, self.in_epoch, self.hits = done, state.in_epoch, state.hits
        self.loss, self.rate, self.before = state.loss, state.rate, state.seconds
