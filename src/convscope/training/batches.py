"""Batches: uint8 images, shuffled, augmented and scaled one batch at a time, from memory or from a mapped file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.backends.device import CPU, fits
from convscope.data.stream import read_ahead
from convscope.training.checkpoint import Place
from convscope.training.distributed import ALONE
from convscope.training.plan import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from convscope.backends.device import Device
    from convscope.data import Dataset, Split
    from convscope.training.augment import Augment
    from convscope.training.distributed import Ranks


def scaled(images: Tensor, dataset: Dataset) -> Tensor:
    """uint8 images ``n c h w`` as float32 with mean 0 and standard deviation 1 over the training set."""
    mean, std = dataset.mean, dataset.std
    if isinstance(mean, float) and isinstance(std, float):
        return (images.float() - 255 * mean).mul_(1 / (255 * std))
    across = (-1,) + (1,) * (images.dim() - 2)
    means, factors = (torch.tensor(one).to(images.device) for one in (mean, std))
    means, factors = 255 * means, 1 / (255 * factors)
    return (images.float() - means.view(across)).mul_(factors.view(across))


def even_order(labels: Tensor, random: torch.Generator) -> Tensor:
    """Return as many positions as there are labels, equally many of each class, in random order.

    Positions of a class are repeated only when all of them have been drawn.

    Args:
        labels: ``n``.
        random: for the order.

    >>> labels = torch.tensor([0, 0, 0, 0, 0, 1])
    >>> labels[even_order(labels, torch.Generator().manual_seed(0))].sum().item()
    3
    """
    classes = labels.unique()  # type: ignore[no-untyped-call] # torch leaves it untyped
    each = -(-len(labels) // len(classes))
    found = []
    for label in classes:
        rows = (labels == label).nonzero().flatten()
        rounds = [rows[torch.randperm(len(rows), generator=random)] for _ in range(-(-each // len(rows)))]
        found.append(torch.cat(rounds)[:each])
    drawn = torch.stack(found, 1).flatten()[: len(labels)]
    return drawn[torch.randperm(len(drawn), generator=random)]


class Batches:
    """An endless stream of training batches; each epoch in a new order.

    Images in a mapped file are prefetched, a batch at a time;
    order, augmentation and values are the same as for images in memory. On an accelerator, all images stay in its
    memory if they fit; if not, each batch is copied while the one before is in use. Random numbers are drawn on the
    CPU.

    Args:
        split: images and labels.
        dataset: for the scale.
        batch: images in a batch; at most the whole set.
        augment: the augmentations.
        seed: for the order and the augmentation.
        ranks: processes that share each batch; order and augmentation are the same in all of them.
        device: where the batches are needed.
        even: spread all images over batches of nearly equal sizes; else drop the images after the last full batch.
        balance: draw as many images of each class, those of small classes several times; else each image once.

    Raises:
        FieldError: the augmentations do not apply to images of this shape.
    """

    def __init__(  # noqa: PLR0913 -- the parts of a stream
        self,
        split: Split,
        dataset: Dataset,
        *,
        batch: int,
        augment: Augment,
        seed: int,
        ranks: Ranks = ALONE,
        device: Device = CPU,
        even: bool = False,
        balance: bool = False,
    ) -> None:
        self.augment: Augment = augment
        augment.check(split.images.ndim)
        self.mapped: np.memmap[Any, Any] | None = split.images if isinstance(split.images, np.memmap) else None
        self.device: Device = device
        self.resident: bool = False
        if self.mapped is None:
            images = augment.padded(torch.from_numpy(split.images.copy()))
            self.resident = fits(device, images.nbytes)
            self.images: Tensor = device.put(images) if self.resident else images
        self.labels: Tensor = device.put(torch.from_numpy(split.labels.astype("int64")))
        self.dataset: Dataset = dataset
        self.steps: Steps = Steps.of(samples=len(self.labels), batch=batch, epochs=1, even=even)
        self.batch: int = self.steps.end(1)
        self.ranks: Ranks = ranks
        self.balance: bool = balance
        self.random: torch.Generator = torch.Generator().manual_seed(seed)
        # a generator of its own, so that the draws for each epoch do not depend on it
        coins = torch.rand(len(self.labels), generator=torch.Generator().manual_seed(seed))
        self.flipped: Tensor = device.put(coins < 0.5)
        self.epoch: int = 0
        self._shuffle()

    def _shuffle(self) -> None:
        """Begin an epoch."""
        self._began = self.random.get_state()
        drawn = even_order(self.labels.cpu(), self.random) if self.balance else None
        self._order = torch.randperm(len(self.labels), generator=self.random) if drawn is None else drawn
        self._there = self.device.put(self._order)
        self._go_to(0)

    def _go_to(self, at: int) -> None:
        """Continue from a position in the epoch."""
        self._at = at
        ends = [self.steps.end(step) for step in range(self.steps.per_epoch + 1)]
        self._ends = iter([end for end in ends if end > at])
        order = self._there if self.resident else self._order
        rows = torch.tensor_split(order[at : self.steps.images], [end - at for end in ends if at < end < ends[-1]])
        self._images = map(self._rows, rows) if self.resident else read_ahead(self._rows, rows)

    def _rows(self, rows: Tensor) -> Tensor:
        """Return the images at these indices, padded."""
        if self.resident:
            return self.images[rows]
        if self.mapped is None:
            return self.device.put(self.images[rows])
        return self.device.put(self.augment.padded(torch.from_numpy(np.take(self.mapped, rows.numpy(), axis=0))))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        end = next(self._ends, None)
        if end is None:
            self.epoch += 1
            self._shuffle()
            end = next(self._ends)
        rows, self._at = self._there[self._at : end], end
        self.batch = len(rows)
        part = self.ranks.shares(self.batch)
        images = self.augment.shifted(next(self._images), self.random)
        drawn = self.augment.drawn(len(rows), self.random)
        mine, (warp, cover) = rows[part], (self.device.put(numbers[part]) for numbers in drawn)
        images = self.augment.warped(images[part], warp)
        if self.augment.flip:
            mirrored = self.flipped[mine] ^ bool(self.epoch % 2)
            images = torch.where(mirrored.view(-1, *(1,) * (images.dim() - 1)), images.flip(-1), images)
        return self.augment.covered(scaled(images, self.dataset), cover), self.labels[mine]

    def state(self) -> tuple[dict[str, Tensor], Place]:
        """The state of the stream: random state now and at the start of the epoch, the epoch, images used in it."""
        return {"began": self._began, "now": self.random.get_state()}, Place(self.epoch, self._at)

    def restore(self, random: dict[str, Tensor], place: Place) -> None:
        """Resume from a state."""
        self.random.set_state(random["began"])
        self._shuffle()
        self.random.set_state(random["now"])
        self.epoch = place.epoch
        self._go_to(place.at)
