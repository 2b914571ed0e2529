"""Which share of the processor's measured convolution peak a recipe reaches in training.

    python benchmarks/peak.py
    python benchmarks/peak.py --recipes fast strong --seeds 3

The peak is the best rate, forward and backward, over a few large convolutions and both precisions, in this process
and with the same threads; a recipe's rate counts 6 operations for each of its net's multiply-adds: two in the forward
pass, four in the backward pass. Norms, activations, pooling, the optimizer and the reading of batches count as nothing.
"""

import argparse
import statistics
import tempfile
import time
from itertools import product

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention

import convscope as cs
from convscope.backends.machine import kept_memory
from convscope.training.recipe import find
from machine import machine

SHAPES = ((64, 64, 32), (64, 128, 16), (128, 256, 8), (256, 32, 14))
"""Images, channels in and out, side of the map."""

ROUNDS = 15


def rate(images: int, channels: int, side: int, dtype: torch.dtype) -> float:
    """Operations a second of a 3x3 convolution, forward and backward, the median of some rounds."""
    x = torch.randn(images, channels, side, side, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    x.requires_grad_()
    weight.requires_grad_()
    gradient, seconds = torch.ones_like(x), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        F.conv2d(x, weight, padding=1).backward(gradient)  # type: ignore[no-untyped-call] # torch leaves it untyped
        seconds.append(time.perf_counter() - started)
    return 6 * images * channels * channels * 9 * side * side / statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="*", default=["fast", "strong"])
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    print(machine("torch", "numpy"))
    with kept_memory():
        before = {
            (shape, dtype): rate(*shape, dtype) for shape, dtype in product(SHAPES, (torch.float32, torch.bfloat16))
        }
    (shape, dtype), peak = max(before.items(), key=lambda item: item[1])
    print(f"\npeak {peak / 1e9:.0f} GFLOP/s: {shape[0]} images, {shape[1]} channels, {shape[2]}x{shape[2]}, {dtype}\n")
    print("| recipe | images/s, median | GFLOP/s | share of the peak |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as work:
        for name in asked.recipes:
            macs = cs.read(find(name).net).table().macs.value
            speed = statistics.median(
                cs.train(recipe=name, seed=seed, out=work).result.images_per_second for seed in range(asked.seeds)
            )
            done = 6 * macs * speed
            print(f"| {name} | {speed:,.0f} | {done / 1e9:.0f} | {100 * done / peak:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
