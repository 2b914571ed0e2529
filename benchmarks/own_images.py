"""Sets of one's own: ``convscope train --data X`` and nothing else, beside peers that have the same time.

    python benchmarks/own_images.py FOLDER                      make the four sets in FOLDER, and measure
    python benchmarks/own_images.py FOLDER --sets faces --seeds 3

The sets are made of what packages carry: faces or not (200 photos of 25x25, scikit-image), handwritten digits (1,797 of
8x8, scikit-learn), textures (crops of 64x64 of eight photos of scikit-image: training crops from the left part of a
photo, test crops from the right), and six classes of Fashion-MNIST as PNG files (it is taken from the cache, or from
``fashion-mnist`` in the folder that ``CONVSCOPE_CACHE`` names). Each peer is the defaults of a library typed again as
plain PyTorch (``peers/own_scripts.py``), trained for the seconds that ours took, at the size that the library asks for
and at that of the images; the better of both is shown, which favours the peer. No pretrained weights are used.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import convscope as cs
from machine import machine
from peers.own_scripts import PEERS, Split, linear

Labelled = tuple[str, str, NDArray[np.uint8]]
"""Split, class, and an image ``h w`` or ``h w c``."""

TEXTURES = (
    "brick.png",
    "grass.png",
    "gravel.png",
    "moon.png",
    "cell.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "coffee.png",
)
FASHION = {0: "shirt", 1: "trouser", 2: "pullover", 5: "sandal", 7: "sneaker", 8: "bag"}


def faces() -> Iterator[Labelled]:
    """A hundred faces, then a hundred photos that show none; every third is for testing."""
    from skimage import data

    for at, image in enumerate(data.lfw_subset()):
        yield ("test" if at % 3 == 2 else "train"), ("face" if at < 100 else "other"), (255 * image).astype(np.uint8)


def digits() -> Iterator[Labelled]:
    """Handwritten digits; every fifth is for testing."""
    from sklearn.datasets import load_digits

    found = load_digits()
    for at, (image, label) in enumerate(zip(found.images, found.target, strict=True)):
        yield ("test" if at % 5 == 4 else "train"), str(label), (image * 15.9).astype(np.uint8)


def textures(size: int = 64) -> Iterator[Labelled]:
    """Crops of photos: 60 of the left three fifths for training, 40 of the right two fifths for testing."""
    import skimage

    rng = np.random.default_rng(0)
    for name in TEXTURES:
        with Image.open(Path(skimage.__file__).parent / "data" / name) as opened:
            photo = np.asarray(opened.convert("RGB"))
        cut = photo.shape[1] * 3 // 5
        for split, count, low, high in (("train", 60, 0, cut), ("test", 40, cut, photo.shape[1])):
            for _ in range(count):
                y, x = rng.integers(photo.shape[0] - size), rng.integers(low, high - size)
                yield split, Path(name).stem, photo[y : y + size, x : x + size]


def fashion() -> Iterator[Labelled]:
    """Six classes of Fashion-MNIST, 1,000 training images of each and all test images."""
    from convscope.data import registry

    dataset = registry.find("fashion-mnist")
    for split, most in (("train", 1000), ("test", 1000)):
        found = registry.load(dataset, split)
        images = np.asarray(found.images).reshape(-1, 28, 28)
        for label, name in FASHION.items():
            for image in images[np.flatnonzero(np.asarray(found.labels) == label)[:most]]:
                yield split, name, image


SETS: dict[str, Callable[[], Iterator[Labelled]]] = {
    "faces": faces,
    "digits": digits,
    "textures": textures,
    "fashion": fashion,
}


def written(folder: Path, images: Iterator[Labelled]) -> Path:
    """Write images as a folder for each split and class; leave what is there."""
    if not folder.exists():
        for at, (split, label, image) in enumerate(images):
            place = folder / split / label
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{at:05}.png")
    return folder


def split_of(folder: Path) -> Split:
    """Return images ``n c h w`` of 0 to 1 and labels of training and test, as the peers take them."""
    names = sorted(path.name for path in (folder / "train").iterdir())
    parts = {}
    for split in ("train", "test"):
        files = [(path, at) for at, name in enumerate(names) for path in sorted((folder / split / name).iterdir())]
        images = np.stack([np.atleast_3d(np.asarray(Image.open(path))) for path, _ in files])
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        parts[split] = x, torch.tensor([at for _, at in files])
    return Split(*parts["train"], *parts["test"], classes=len(names))


def ours(folder: Path, seed: int) -> tuple[float, float]:
    """Return accuracy and seconds, from the call to its end, of training with no other argument."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        run = cs.train(data=f"folder:{folder}", seed=seed, out=out)
        return run.result.accuracy, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the sets are written")
    parser.add_argument("--sets", default=",".join(SETS), help="names with commas between")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each (3)")
    asked = parser.parse_args()
    print(machine("torch", "scikit-learn", "scikit-image"))
    print(f"\n| set | seconds | ours | {' | '.join(PEERS)} | linear on pixels |")
    print(f"|---|---:|---:|{'---:|' * len(PEERS)}---:|")
    for name in asked.sets.split(","):
        folder = written(asked.folder / name, SETS[name]())
        found = [ours(folder, seed) for seed in range(asked.seeds)]
        seconds = statistics.median(took for _, took in found)
        split = split_of(folder)
        cells = [statistics.mean(one for one, _ in found)]
        for train in PEERS.values():
            sized = [
                [train(split, seconds, seed, native=native) for seed in range(asked.seeds)] for native in (False, True)
            ]
            cells.append(max(map(statistics.mean, sized)))
        cells.append(linear(split))
        print(f"| {name} | {seconds:.0f} | {' | '.join(f'{100 * one:.2f} %' for one in cells)} |", flush=True)


if __name__ == "__main__":
    main()
