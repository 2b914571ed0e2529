"""How a recipe's net does on images that are moved, turned or noisy, which nothing was chosen by.

    python benchmarks/robustness.py                          trains seed 0 of every recipe for MNIST, then judges it
    python benchmarks/robustness.py --runs runs/a runs/b     judges runs that are there
    python benchmarks/robustness.py --first-layer --runs a   says what the first convolution makes of noise instead

Each change is made to all test images: moves in the eight directions, turns to both sides, noise on each number of a
image of a standard deviation given as a share of white, cut off at black and white. The numbers are reported, nothing
is tuned by them.
"""

import argparse
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import convscope as cs
from convscope.data import Dataset, load
from convscope.training.augment import Augment
from convscope.training.batches import scaled
from convscope.training.evaluate import answers
from convscope.training.recipe import RECIPES, find
from convscope.training.run import Run
from convscope.training.train import model_of
from machine import machine

MOVES, TURNS, NOISES = (1, 2, 3, 4), (5, 10, 20, 30), (0.1, 0.2, 0.4)
AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]


def moved(images: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    """The images so many pixels on; what comes in is ground."""
    wide = max(abs(down), abs(right))
    padded = np.pad(images, ((0, 0), (0, 0), (wide, wide), (wide, wide)))
    high, long = images.shape[2:]
    return padded[:, :, wide - down : wide - down + high, wide - right : wide - right + long]


def turned(images: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """The images turned about their middle."""
    rows = torch.zeros(len(images), 6)
    rows[:, 0] = math.copysign(1, degrees)
    found = Augment(rotate=abs(degrees)).warped(torch.from_numpy(images.copy()), rows)
    return found.round().clamp(0, 255).to(torch.uint8).numpy()


def noisy(images: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The images with noise on each of their numbers, the same for every recipe."""
    draw = np.random.default_rng(0).normal(0, 255 * share, images.shape)
    return np.clip(np.rint(images + draw), 0, 255).astype(np.uint8)


def judged(run: Run, data: Dataset) -> list[float]:
    """Accuracy on the test images as they are, then for each change the mean over its directions."""
    split, model = load(data, "test"), model_of(run)

    def accuracy(*versions: NDArray[np.uint8]) -> float:
        return float(np.mean([answers(model, images, split.labels, data).right.mean() for images in versions]))

    images = split.images
    return [
        accuracy(images),
        *(accuracy(*(moved(images, y * far, x * far) for y, x in AROUND)) for far in MOVES),
        *(accuracy(turned(images, angle), turned(images, -angle)) for angle in TURNS),
        *(accuracy(noisy(images, share)) for share in NOISES),
    ]


def amplified(run: Run, data: Dataset) -> list[float]:
    """Variance of the least noise over that of a thousand test images, at first and after the first convolution."""
    images = load(data, "test").images[:1000]
    first = next(layer for layer in model_of(run).modules() if isinstance(layer, torch.nn.Conv2d))
    plain, noise = (scaled(torch.from_numpy(one.copy()), data) for one in (images, noisy(images, NOISES[0])))

    def share(before: torch.Tensor, after: torch.Tensor) -> float:
        return float((after - before).var((0, 2, 3)).sum() / before.var((0, 2, 3)).sum())

    with torch.inference_mode():
        return [share(plain, noise), share(first(plain), first(noise))]


def main() -> None:
    """Train where that is needed, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="*", type=Path, default=[])
    parser.add_argument("--recipes", nargs="*", default=[name for name in RECIPES if find(name).data == "mnist"])
    parser.add_argument("--first-layer", action="store_true")
    asked = parser.parse_args()
    print(machine("torch", "numpy"))
    heads = [
        "as it is",
        *(f"{far} px" for far in MOVES),
        *(f"{angle}°" for angle in TURNS),
        *map("noise {}".format, NOISES),
    ]
    if asked.first_layer:
        heads = ["noise / images", "after the first layer"]
    print(f"\n| recipe | {' | '.join(heads)} |\n|---|{'---:|' * len(heads)}")
    with tempfile.TemporaryDirectory() as work:
        runs = (cs.load_run(path) for path in asked.runs) if asked.runs else (
            cs.train(recipe=name, out=work) for name in asked.recipes
        )  # fmt: skip
        for run in runs:
            if asked.first_layer:
                found = amplified(run, run.dataset)
            else:
                found = [100 * share for share in judged(run, run.dataset)]
            print(f"| {run.recipe.name} | {' | '.join(f'{one:.2f}' for one in found)} |", flush=True)


if __name__ == "__main__":
    main()
