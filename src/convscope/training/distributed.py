"""The processes that train one net together: started by ``torchrun``, or just this one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is.

    Attributes:
        rank: from 0; only the first writes files and prints.
        world: how many there are.

    >>> Ranks().first, Ranks().shares(10), Ranks(1, 4).shares(10)
    (True, slice(0, 10, None), slice(2, 5, None))
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """The one that writes and speaks."""
        return self.rank == 0

    def shares(self, count: int) -> slice:
        """The part of ``count`` images that this process takes."""
        return slice(count * self.rank // self.world, count * (self.rank + 1) // self.world)

    def added(self, numbers: Sequence[float]) -> list[float]:
        """The sums of some values over all processes."""
        if self.world == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(total)
        return [float(one) for one in total]

    def told(self, what: Any) -> Any:
        """What the first process has, for all."""
        if self.world == 1:
            return what
        box = [what]
        dist.broadcast_object_list(box)
        return box[0]

    def gathered(self, tensor: Tensor) -> list[Tensor]:
        """A tensor of every process, in order."""
        if self.world == 1:
            return [tensor]
        found = [torch.empty_like(tensor) for _ in range(self.world)]
        dist.all_gather(found, tensor)
        return found


ALONE = Ranks()


@contextmanager
def joined() -> Iterator[Ranks]:
    """The processes that ``torchrun`` started, connected; this one alone if it did not."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or "RANK" not in os.environ:
        yield ALONE
        return
    store, rank, world = next(rendezvous("env://"))
    # after a restart the store still has the addresses of the processes that are gone
    fresh = dist.PrefixStore(f"start{restarts()}", store)  # type: ignore[attr-defined] # torch does not list it
    dist.init_process_group("gloo", store=fresh, rank=rank, world_size=world)
    try:
        yield Ranks(rank, world)
        dist.barrier()  # who leaves first would take the others' connections along
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this process is the one that speaks; known before the processes are connected."""
    return int(os.environ.get("RANK", "0")) == 0


def restarts() -> int:
    """How often ``torchrun`` has started these processes again because one died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def launch() -> str:
    """What tells this launch by ``torchrun`` from others; the same after a restart."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "none")
