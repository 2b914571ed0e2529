"""All figures of an accelerator in one call: time to accuracy, ratio to the CPU, whether runs repeat and resume.

    python benchmarks/gpu.py                 on the accelerator that torch reports, or on the CPU without one
    python benchmarks/gpu.py --seeds 5 --cpu-too

Trains MNIST by ``fast`` (99 %) and CIFAR-10 by ``cifar10-strong`` (94 %) where the data sets are. The first run on a
device, which loads its kernels, is not counted. Seconds are seconds of training.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

import convscope as cs
from convscope.backends.device import CPU, find
from convscope.errors import DataError
from convscope.progress import Progress
from convscope.training.recipe import find as recipe_of
from convscope.training.signals import Stopped
from machine import machine

CASES = {"fast": 0.99, "cifar10-strong": 0.94}
"""Recipes, with the accuracy that they should reach."""

PART = recipe_of("fast").changed(epochs=0.3)


def timed(recipe: str, device: str, seeds: int, out: Path) -> float | None:
    """Print accuracy and seconds of a recipe; return the median of the seconds, or None without the data set."""
    try:
        cs.train(recipe=recipe_of(recipe).changed(epochs=0.05), out=out, device=device)
    except DataError as error:
        print(f"| {recipe} | {device} | not measured: {error.what} | | |", flush=True)
        return None
    found = [cs.train(recipe=recipe, seed=seed, out=out, device=device).result for seed in range(seeds)]
    accuracies, seconds = ([getattr(one, key) for one in found] for key in ("accuracy", "seconds"))
    reached = "reached" if statistics.mean(accuracies) >= CASES[recipe] else "NOT reached"
    print(
        f"| {recipe} | {device} | {100 * statistics.mean(accuracies):.2f} % | {100 * CASES[recipe]:.0f} % {reached} | "
        f"{statistics.median(seconds):.2f} |",
        flush=True,
    )
    return float(statistics.median(seconds))


def largest(one: Path, other: Path) -> float:
    """Return the largest difference of a weight of two runs."""
    mine, its = (load_file(run / "model.safetensors") for run in (one, other))
    return max(float((mine[name].double() - its[name].double()).abs().max()) for name in mine)


def resumed(device: str, out: Path) -> None:
    """Print whether a run repeats, and whether it resumes to the same weights."""
    whole, again = (cs.train(recipe=PART, out=out, device=device, name=f"{name}-{device[:3]}") for name in ("a", "b"))
    print(f"{device}: a repeated run differs by at most {largest(whole.path, again.path):g}")

    def stop(progress: Progress) -> None:
        if progress.step >= 70:
            raise Stopped(out, progress.step, progress.steps, 2)

    cut = f"cut-{device[:3]}"
    try:
        cs.train(recipe=PART, out=out, device=device, name=cut, save_every=0.0, progress=stop)
        sys.exit("the run was not stopped")
    except Stopped:
        done = cs.resume(out / cut, device=device)
    print(f"{device}: a resumed run differs by at most {largest(whole.path, done.path):g}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cpu-too", action="store_true", help="measure the CPU beside it, for the ratio")
    asked = parser.parse_args()
    device = find()
    print(machine("torch", "numpy"))
    print(json.dumps({"device": device.described(), "cuda": torch.version.cuda, "threads": torch.get_num_threads()}))
    print("\n| recipe | device | accuracy, mean | asked | training s, median |\n|---|---|---:|---|---:|")
    ratios = []
    with tempfile.TemporaryDirectory() as work:
        out = Path(work)
        for recipe in CASES:
            there = timed(recipe, device.name, asked.seeds, out)
            here = timed(recipe, CPU.name, 1, out) if asked.cpu_too and device is not CPU else None
            ratios += [f"{recipe}: {here / there:.1f} times as fast as the CPU"] if here and there else []
        print("", *ratios, sep="\n")
        resumed(device.name, out)


if __name__ == "__main__":
    main()
