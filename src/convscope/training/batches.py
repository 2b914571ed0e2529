"""Batches from a set in memory: uint8 pictures, shuffled, shifted and scaled one batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from convscope.training.ranks import ALONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from convscope.data.registry import Dataset, Split
    from convscope.training.ranks import Ranks

GROUPS = 8
"""Pictures of a batch are shifted in so many groups: cutting a group out costs as much as cutting one picture out."""


def scaled(images: Tensor, dataset: Dataset) -> Tensor:
    """uint8 pictures as float32 with mean 0 and standard deviation 1 over the training set."""
    return (images.float() - 255 * dataset.mean).mul_(1 / (255 * dataset.std))


class Batches:
    """An endless stream of training batches; each epoch in a new order.

    What is left of an epoch, fewer pictures than a batch, waits for the next shuffle.

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
        rank = split.images.ndim - 2
        images = torch.from_numpy(split.images.copy())
        self.images = torch.nn.functional.pad(images, (shift, shift) * rank) if shift else images
        self.labels = torch.from_numpy(split.labels.astype("int64"))
        self.dataset = dataset
        self.batch = min(batch, len(images))
        self.shift = shift
        self.part = ranks.shares(self.batch)
        self.random = torch.Generator().manual_seed(seed)
        self._shuffle()

    def _shuffle(self) -> None:
        """Begin an epoch."""
        self._began = self.random.get_state()
        self._order = torch.randperm(len(self.images), generator=self.random)
        self._at = 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self._at + self.batch > len(self._order):
            self._shuffle()
        rows = self._order[self._at : self._at + self.batch]
        self._at += self.batch
        images = self._shifted(self.images[rows])[self.part]
        return scaled(images, self.dataset), self.labels[rows[self.part]]

    def state(self) -> tuple[dict[str, Tensor], int]:
        """Where the stream stands: random numbers, now and when the epoch began, and pictures given in the epoch."""
        return {"began": self._began, "now": self.random.get_state()}, self._at

    def restore(self, random: dict[str, Tensor], at: int) -> None:
        """Go on from a state."""
        self.random.set_state(random["began"])
        self._shuffle()
        self.random.set_state(random["now"])
        self._at = at

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
