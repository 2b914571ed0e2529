"""Does training from a mapped file keep up with training from memory?

Random images of 64x64x3 in a prepared set; one epoch of batches alone, and one epoch of training a small net, from
memory, from a file that the system has in memory already, and from a file that it must read from the disk. The order of
the three changes from round to round.

python benchmarks/stream.py [IMAGES]
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch

import convscope as cs
from convscope.backends.torch import TorchNet
from convscope.data import Dataset, Split, load
from convscope.data.prepared import Plan, prepare
from convscope.training.augment import Augment
from convscope.training.batches import Batches
from convscope.training.loop import lay_out, layout
from machine import machine

SHAPE, CLASSES, BATCH, ROUNDS = (3, 64, 64), 10, 128, 5
NET = "input 64x64x3, conv 16 3x3 s2 bn relu, conv 32 3x3 s2 bn relu, conv 64 3x3 s2 bn relu, gap, linear 10"


def made(place: Path, count: int) -> Dataset:
    """A prepared set of random images."""
    draw = np.random.default_rng(0)
    plan = Plan(
        shape=SHAPE,
        classes=tuple(map(str, range(CLASSES))),
        splits={"train": range(count), "test": range(10)},
        image=lambda _: draw.integers(0, 256, SHAPE, dtype=np.uint8),
        label=lambda item: item % CLASSES,
        name=str,
    )
    return prepare(place, lambda _: plan).dataset("random", place, place, "", {})


def forgotten(place: Path) -> None:
    """Ask the system to drop the file from its memory, so that the next reader waits for the disk."""
    with (place / "train.images.npy").open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def epoch(split: Split, data: Dataset, step: Callable[[torch.Tensor, torch.Tensor], object]) -> float:
    """Images a second over one epoch."""
    batches = Batches(split, data, batch=BATCH, augment=Augment(shift=4), seed=0)
    start, count = time.perf_counter(), len(split.labels) // BATCH
    for _ in range(count):
        step(*next(batches))
    return count * BATCH / (time.perf_counter() - start)


def trainer() -> Callable[[torch.Tensor, torch.Tensor], object]:
    """One step of training a small net."""
    torch.manual_seed(0)
    model = TorchNet(cs.read(NET), logits=True)
    lay_out(model)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        loss = torch.nn.functional.cross_entropy(model(layout(images)).flatten(1), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12_000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        place = Path(folder) / "set"
        data = made(place, count)
        memory = Split(np.array(load(data, "train").images), load(data, "train").labels)
        ways = {
            "memory": lambda: memory,
            "mapped, warm": lambda: load(data, "train"),
            "mapped, cold": lambda: cold(data),
        }
        print(machine("torch", "numpy"), f"· {torch.get_num_threads()} threads · {count:,} images")
        print("\n| what | from | images/s, median | least | most | against memory |\n|---|---|---:|---:|---:|---:|")
        for title, step in (("batches alone", lambda *_: None), ("training", trainer())):
            speeds = rounds(ways, data, cast("Callable[[torch.Tensor, torch.Tensor], object]", step))
            base = statistics.median(speeds["memory"])
            for way, found in speeds.items():
                middle = statistics.median(found)
                spread = f"{min(found):,.0f} | {max(found):,.0f}"
                print(f"| {title} | {way} | {middle:,.0f} | {spread} | {middle / base:.3f} |", flush=True)


def cold(data: Dataset) -> Split:
    """The training images, none of them in the system's memory."""
    forgotten(data.folder)
    return load(data, "train")


def rounds(
    ways: dict[str, Callable[[], Split]], data: Dataset, step: Callable[[torch.Tensor, torch.Tensor], object]
) -> dict[str, list[float]]:
    """Speeds of each way, the ways in turn, each round beginning with another one."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for at in range(ROUNDS):
        names = list(ways)
        for way in names[at % 3 :] + names[: at % 3]:
            found[way].append(epoch(ways[way](), data, step))
    return found


if __name__ == "__main__":
    main()
