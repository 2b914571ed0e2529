"""How many threads train a net: as many as the user says, as a run had before, or as many as are measured to be faster.

The number of threads decides how sums are split, and so the last bits of the weights. A measured choice depends on what
else the machine does at that moment, so that the same seed may then give other weights. It is never the default, the
choice is recorded, and a run that resumes or is repeated takes the recorded number.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from convscope.backends.device import CPU, Device
from convscope.backends.machine import cores
from convscope.backends.torch import TorchNet
from convscope.errors import FieldError
from convscope.threads import AUTO, MOST, used
from convscope.training import environment
from convscope.training.distributed import processes
from convscope.training.loop import lay_out, layout, uses_bfloat16

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convscope.core.net import Net
    from convscope.training.recipe import Recipe

ROUNDS = 3
"""Number of steps that are measured with each number of threads, after one that is not."""

WORTH = 0.9
"""One thread is chosen if its steps take less than this share of the time of all."""

Threads = int | str | None
"""A number of threads, ``auto``, or None for one on each core."""


def chosen(threads: Threads, net: Net, recipe: Recipe, device: Device = CPU) -> int | None:
    """Return the number of threads to train with; None leaves it to torch.

    Raises:
        FieldError: it is neither ``auto`` nor an integer from 1 to 4096.
    """
    if threads is None or (threads == AUTO and (device is not CPU or processes() > 1)):
        return None
    if threads == AUTO:
        return faster(net, recipe)
    if not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= MOST:
        raise FieldError(f"threads = {threads!r:.40}", expected=f"{AUTO}, or an integer from 1 to {MOST:,}")
    return threads


def recorded(run: Path) -> int | None:
    """Return the number of threads with which a run began, as far as this machine has cores; None if it is unknown."""
    count = environment.noted(run)[0]["threads"]
    return min(count, cores()) if isinstance(count, int) and count >= 1 else None


def faster(net: Net, recipe: Recipe, clock: Callable[[], float] = perf_counter) -> int:
    """Measure some steps with one thread and with one on each core, in turn, and return the faster number.

    Args:
        net: what is to be trained; a copy of its own is used.
        recipe: for the batch and the precision.
        clock: tells the time [second].
    """
    counts = tuple(dict.fromkeys((1, cores())))
    if len(counts) == 1:
        return 1
    with torch.random.fork_rng(devices=[]):
        step = _step(net, recipe)
        times: dict[int, list[float]] = {count: [] for count in counts}
        for at in range(1 + ROUNDS):
            for count, taken in times.items():
                with used(count):
                    start = clock()
                    step()
                    if at:
                        taken.append(clock() - start)
    one, every = (median(times[count]) for count in counts)
    return counts[0] if one < WORTH * every else counts[1]


def _step(net: Net, recipe: Recipe) -> Callable[[], None]:
    """Return a function that runs a batch of noise forward and backward."""
    model = TorchNet(net, logits=True).train()
    lay_out(model)
    batch = layout(torch.rand(recipe.batch, *net.input))
    low = uses_bfloat16(recipe.precision)

    def step() -> None:
        with torch.autocast(CPU.name, dtype=torch.bfloat16, enabled=low):
            total = model(batch).float().square().sum()
        total.backward()

    return step
