"""Batches: uint8 pictures, shuffled, shifted and scaled one batch at a time, from memory or from a mapped file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from convscope.data.stream import read_ahead
from convscope.training.ranks import ALONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from convscope.data import Dataset, Split
    from convscope.training.ranks import Ranks

GROUPS = 8
"""Pictures of a batch are shifted in so many groups: cutting a group out costs as much as cutting one picture out."""


def scaled(images: Tensor, dataset: Dataset) -> Tensor:
    """uint8 pictures ``n c h w`` as float32 with mean 0 and standard deviation 1 over the training set."""
    mean, std = dataset.mean, dataset.std
    if isinstance(mean, float) and isinstance(std, float):
        return (images.float() - 255 * mean).mul_(1 / (255 * std))
    across = (-1,) + (1,) * (images.dim() - 2)
    means, factors = 255 * torch.tensor(mean), 1 / (255 * torch.tensor(std))
    return (images.float() - means.view(across)).mul_(factors.view(across))


class Batches:
    """An endless stream of training batches; each epoch in a new order.

    What is left of an epoch, fewer pictures than a batch, waits for the next shuffle. Pictures in a mapped file are
    read ahead, a batch at a time; order, shifts and numbers are those that the same pictures have in memory.

    Args:
        split: pictures and labels.
        dataset: for the scale.
        batch: pictures in a batch; at most the whole set.
        shift: the farthest a picture moves along each axis [pixel]; what comes in is ground (0).
        seed: of the order and of the shifts.
        ranks: processes that share each batch; the order is the same in all of them.
    """

    def __init__(  # noqa: PLR0913 -- what a stream consists of
        self, split: Split, dataset: Dataset, *, batch: int, shift: int, seed: int, ranks: Ranks = ALONE
    ) -> None:
        self.shift = shift
        self.mapped = split.images if isinstance(split.images, np.memmap) else None
        if self.mapped is None:
            self.images = self._padded(torch.from_numpy(split.images.copy()))
        self.labels = torch.from_numpy(split.labels.astype("int64"))
        self.dataset = dataset
        self.batch = min(batch, len(self.labels))
        self.part = ranks.shares(self.batch)
        self.random = torch.Generator().manual_seed(seed)
        self._shuffle()

    def _shuffle(self) -> None:
        """Begin an epoch."""
        self._began = self.random.get_state()
        self._order = torch.randperm(len(self.labels), generator=self.random)
        self._go_to(0)

    def _go_to(self, at: int) -> None:
        """Read on from a place in the epoch."""
        self._at = at
        rows = torch.split(self._order[at:], self.batch)
        self._pictures = map(self._rows, rows) if self.mapped is None else read_ahead(self._rows, rows)

    def _rows(self, rows: Tensor) -> Tensor:
        """Pictures by their numbers, padded."""
        if self.mapped is None:
            return self.images[rows]
        return self._padded(torch.from_numpy(np.take(self.mapped, rows.numpy(), axis=0)))

    def _padded(self, images: Tensor) -> Tensor:
        rank = images.dim() - 2
        return torch.nn.functional.pad(images, (self.shift, self.shift) * rank) if self.shift else images

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self._at + self.batch > len(self._order):
            self._shuffle()
        rows = self._order[self._at : self._at + self.batch]
        self._at += self.batch
        images = self._shifted(next(self._pictures))[self.part]
        return scaled(images, self.dataset), self.labels[rows[self.part]]

    def state(self) -> tuple[dict[str, Tensor], int]:
        """Where the stream stands: random numbers, now and when the epoch began, and pictures given in the epoch."""
        return {"began": self._began, "now": self.random.get_state()}, self._at

    def restore(self, random: dict[str, Tensor], at: int) -> None:
        """Go on from a state."""
        self.random.set_state(random["began"])
        self._shuffle()
        self.random.set_state(random["now"])
        self._go_to(at)

    def _shifted(self, images: Tensor) -> Tensor:
        """Cut each group of pictures out of the padded ones at a place of its own."""
        if not self.shift:
            return images
        spatial = [size - 2 * self.shift for size in images.shape[2:]]
        groups = torch.chunk(images, GROUPS)
        starts = torch.randint(2 * self.shift + 1, (len(groups), len(spatial)), generator=self.random).tolist()
        parts = []
        for group, corner in zip(groups, starts, strict=True):
            part = group
            for axis, (start, size) in enumerate(zip(corner, spatial, strict=True), start=2):
                part = part.narrow(axis, start, size)
            parts.append(part)
        return torch.cat(parts)
