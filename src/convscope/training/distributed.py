"""The processes that train one net together: started by ``torchrun``, or just this one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from convscope.backends.device import CPU

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from convscope.backends.device import Device


@dataclass(frozen=True)
class Ranks:
    """The rank of this process and the number of processes.

    Attributes:
        rank: number of this process, from 0; only process 0 writes files and prints.
        world: number of processes.

    >>> Ranks().first, Ranks().shares(10), Ranks(1, 4).shares(10)
    (True, slice(0, 10, None), slice(2, 5, None))
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def shares(self, count: int) -> slice:
        """Return this process's part of ``count`` images."""
        return slice(count * self.rank // self.world, count * (self.rank + 1) // self.world)

    def added(self, numbers: Sequence[float]) -> list[float]:
        """Return the sums of some values over all processes."""
        if self.world == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(total)
        return [float(one) for one in total]

    def told(self, what: Any) -> Any:
        """Send the value of the first process to all."""
        if self.world == 1:
            return what
        box = [what]
        dist.broadcast_object_list(box)
        return box[0]

    def gathered(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensors of all processes, in order of rank."""
        if self.world == 1:
            return [tensor]
        found = [torch.empty_like(tensor) for _ in range(self.world)]
        dist.all_gather(found, tensor)
        return found


ALONE = Ranks()


@contextmanager
def joined(device: Device = CPU) -> Iterator[Ranks]:
    """Connect the processes that ``torchrun`` started; without ``torchrun``, use this process alone.

    Args:
        device: the device of this process, which decides how tensors travel: by NCCL between GPUs of NVIDIA.
    """
    world = processes()
    if world == 1 or "RANK" not in os.environ:
        yield ALONE
        return
    store, rank, world = next(rendezvous("env://"))
    # after a restart, the store still has the addresses of the processes that have ended
    fresh = dist.PrefixStore(f"start{restarts()}", store)  # type: ignore[attr-defined] # not in torch's __all__
    device.claim()
    dist.init_process_group(device.group, store=fresh, rank=rank, world_size=world)
    try:
        yield Ranks(rank, world)
        dist.barrier()  # the first process to leave would break the connections of the others
    finally:
        dist.destroy_process_group()


def processes() -> int:
    """Return the number of processes that ``torchrun`` started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Return whether this process is the one that prints; this is known before the processes are connected."""
    return int(os.environ.get("RANK", "0")) == 0


def restarts() -> int:
    """Return how often ``torchrun`` has restarted these processes because one died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def launch() -> str:
    """Return an identifier of this launch by ``torchrun``, which stays the same after a restart."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "none")
