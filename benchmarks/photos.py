"""Photos of handwritten digits: how many of 30 of each kind does ``predict`` read, and how many a plain baseline?

    python benchmarks/photos.py RUN --split train --seed 3     # to develop with; each seed has other photos
    python benchmarks/photos.py RUN --split test      # to report

RUN was trained on MNIST. Each photo is painted from an MNIST digit: strokes with a sharp edge, 150 to 230 pixels high,
on paper of 640x480 with noise, and what the kind adds. A blank photo counts as read if it is refused. The baseline is
the preprocessing that tutorials give: local background, Otsu's threshold, the largest connected component that does not
touch the border, 20x20 in 28x28, centred at its mass. Both give their image to the same net.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy import ndimage

from convscope.data import DATASETS, load
from convscope.errors import ImageError
from convscope.training import predict as predicting
from convscope.training import run as runs
from convscope.training.evaluate import logits
from convscope.training.train import model_of
from machine import machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convscope.training.run import Run

    Draw = np.random.Generator
    Grey = NDArray[np.float64]

EACH = 30
HEIGHT, WIDTH = 480, 640
PAPER = np.array([216.0, 212.0, 203.0])
INK = np.array([36.0, 36.0, 44.0])
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]


def strokes(digit: NDArray[np.uint8], side: int) -> Grey:
    """Return the digit's shape at ``side`` pixels, 0 to 1, with an edge of about two pixels."""
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    smooth = np.asarray(large.filter(ImageFilter.GaussianBlur(side / 60)), dtype=np.float64)
    return np.clip((smooth - 100) / 30, 0, 1)


def mask(digit: NDArray[np.uint8], draw: Draw, side: int = 0, middle: tuple[int, int] | None = None) -> Grey:
    """Return where the ink is in a photo, 0 to 1."""
    side = side or int(draw.integers(210, 320))
    shape = strokes(digit, side)
    y, x = middle or (int(draw.integers(200, 280)), int(draw.integers(260, 380)))
    found = np.zeros((HEIGHT, WIDTH))
    top, left = y - side // 2, x - side // 2
    rows, columns = slice(max(0, top), min(HEIGHT, top + side)), slice(max(0, left), min(WIDTH, left + side))
    found[rows, columns] = shape[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return found


def painted(where: Grey, ink: Grey = INK, paper: Grey = PAPER) -> Grey:
    """Return the ink on the paper."""
    return np.asarray(paper * (1 - where[..., None]) + ink * where[..., None])


def taken(photo: Grey, draw: Draw, noise: float = 4.0) -> Image.Image:
    """Add the noise of a sensor."""
    return Image.fromarray(np.clip(photo + draw.normal(0, noise, photo.shape[:2])[..., None], 0, 255).astype(np.uint8))


def lines(photo: Grey, draw: Draw) -> Grey:
    """Draw the squares of a school book, 5 mm apart, below the ink."""
    step, first = int(draw.integers(34, 46)), int(draw.integers(0, 30))
    on = ((ROWS - first) % step < 2) | ((COLUMNS - first) % step < 2)
    return np.where(on[..., None], photo * draw.uniform(0.75, 1.1) * np.array([0.55, 0.68, 0.8]), photo)


def squared(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a photo on squared paper."""
    return taken(lines(painted(mask(digit, draw)), draw), draw)


def desk(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a photo with the paper's edge and a strip of a wooden desk."""
    wide = int(draw.integers(40, 150))
    wood = np.array([96.0, 66.0, 42.0]) + 8 * np.sin(ROWS / 7 + COLUMNS / 90)[..., None]
    tilt = COLUMNS + draw.uniform(-0.15, 0.15) * (ROWS - 240)
    off = tilt < wide if draw.random() < 0.5 else tilt > WIDTH - wide
    return taken(np.where(off[..., None], wood, painted(mask(digit, draw, side=240, middle=(240, 330)))), draw)


def frame(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a scan in a dark frame."""
    wide = int(draw.integers(8, 60))
    off = (wide > ROWS) | (wide > COLUMNS) | (HEIGHT - wide <= ROWS) | (WIDTH - wide <= COLUMNS)
    return taken(np.where(off[..., None], 18.0, painted(mask(digit, draw, side=260, middle=(240, 320)))), draw)


def shade(draw: Draw, *, slanted: bool) -> Grey:
    """Return the light that is left in each pixel beside the edge of a shadow."""
    slope = draw.uniform(0.3, 1.1) * draw.choice([-1, 1]) if slanted else 0.0
    across = COLUMNS + slope * (ROWS - 240) - draw.uniform(200, 440)
    soft = np.clip(0.5 + across / draw.uniform(4, 60), 0, 1)
    soft = soft if draw.random() < 0.5 else 1 - soft
    return np.asarray(1 - draw.uniform(0.35, 0.6) * soft)[..., None]


def shadow(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a photo with the upright edge of a shadow."""
    return taken(painted(mask(digit, draw)) * shade(draw, slanted=False), draw)


def slanted(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a photo with the slanted edge of a shadow."""
    return taken(painted(mask(digit, draw)) * shade(draw, slanted=True), draw)


def speck(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a photo with a dark speck of six pixels beside the digit."""
    where = mask(digit, draw, side=240, middle=(240, 330))
    y, x = int(draw.integers(20, 460)), int(draw.choice([draw.integers(20, 170), draw.integers(490, 620)]))
    where = np.maximum(where, (ROWS - y) ** 2 + (COLUMNS - x) ** 2 <= 9)
    return taken(painted(where), draw)


def yellow(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a photo of yellow ink."""
    return taken(painted(mask(digit, draw), ink=np.array([226.0, 205.0, 40.0])), draw)


def transparent(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return white strokes on transparency, as a drawing program saves them."""
    where = mask(digit, draw)
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    return Image.fromarray(np.dstack([white, np.round(255 * where).astype(np.uint8)]))


def uneven(digit: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return a photo whose light falls off towards one corner."""
    away = np.hypot(ROWS - draw.choice([0, HEIGHT]), COLUMNS - draw.choice([0, WIDTH])) / 800
    return taken(painted(mask(digit, draw)) * (1 - 0.6 * away)[..., None], draw)


def blank(_: NDArray[np.uint8], draw: Draw) -> Image.Image:
    """Return paper without a digit: plain, shadowed, uneven, squared, or beside a desk."""
    nothing = np.zeros((28, 28), np.uint8)
    made: list[Callable[[NDArray[np.uint8], Draw], Image.Image]] = [shadow, slanted, uneven, squared, desk, frame]
    return made[int(draw.integers(len(made)))](nothing, draw)


KINDS: dict[str, Callable[[NDArray[np.uint8], Draw], Image.Image]] = {
    "squared": squared,
    "desk": desk,
    "frame": frame,
    "shadow": shadow,
    "slanted": slanted,
    "speck": speck,
    "yellow": yellow,
    "transparent": transparent,
    "uneven": uneven,
    "blank": blank,
}
"""What is painted, by name."""


def photos(kind: str, split: str, seed: int = 0) -> list[tuple[Image.Image, int]]:
    """Return 30 photos of a kind with their digits, three of each digit; the same ones each time."""
    images = load(DATASETS["mnist"], split)
    draw = np.random.default_rng([list(KINDS).index(kind), len(images.labels), *([seed] if seed else [])])
    return [
        (KINDS[kind](np.array(images.images[at, 0]), draw), label)
        for label in range(10)
        for at in draw.choice(np.flatnonzero(images.labels == label), EACH // 10, replace=False)
    ]


def baseline(photo: Image.Image) -> NDArray[np.uint8] | None:
    """Return the largest dark component as MNIST would show it; None if there is none."""
    grey = np.asarray(photo.convert("L"), dtype=np.float32)
    if photo.mode == "RGBA":
        grey = 255 - np.asarray(photo.getchannel("A"), dtype=np.float32)
    ink = ndimage.gaussian_filter(grey, 60) - ndimage.gaussian_filter(grey, 1)
    named, _ = ndimage.label(ink > otsu(ink), np.ones((3, 3)))
    inside = [at for at, box in enumerate(ndimage.find_objects(named), 1) if _inside(box, grey.shape)]
    sizes = ndimage.sum_labels(np.ones_like(grey), named, inside) if inside else []
    if not len(sizes) or max(sizes) < 20:
        return None
    chosen = named == inside[int(np.argmax(sizes))]
    (box,) = ndimage.find_objects(chosen.astype(np.int8))
    cut = Image.fromarray((255 * chosen[box]).astype(np.uint8))
    scale = 20 / max(cut.size)
    small = np.asarray(cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.BOX))
    y, x = ndimage.center_of_mass(small)
    top, left = (min(max(0, round(14 - at)), 28 - side) for at, side in zip((y, x), small.shape, strict=True))
    made = np.zeros((1, 28, 28), np.uint8)
    made[0, top : top + small.shape[0], left : left + small.shape[1]] = small
    return made


def _inside(box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    return all(side.start > 0 and side.stop < size for side, size in zip(box, shape, strict=True))


def otsu(values: NDArray[np.float32]) -> float:
    """Return the threshold between two groups of values that are farthest apart (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    middle = (edges[:-1] + edges[1:]) / 2
    below, mean = np.cumsum(counts) / values.size, np.cumsum(counts * middle) / values.size
    apart = (mean[-1] * below - mean) ** 2 / np.maximum(below * (1 - below), 1e-12)
    return float(middle[apart.argmax()])


def read(run: Run, path: Path) -> str:
    """Return what ``predict`` reads; empty if it refuses the photo."""
    try:
        return "".join(one.label for one in predicting.predict(run, path))
    except ImageError:
        return ""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--keep", type=Path, help="folder in which the photos are kept")
    asked = parser.parse_args()
    run = runs.load(asked.run)
    model = model_of(run)
    print(machine("scipy"))
    print(f"{'kind':<14}{'predict':>8}{'baseline':>10}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        for kind in asked.kinds:
            ours = plain = 0
            for at, (photo, label) in enumerate(photos(kind, asked.split, asked.seed)):
                path = folder / f"{kind}-{label}-{at}.png"
                photo.save(path)
                right = "" if kind == "blank" else str(label)
                ours += (got := read(run, path)) == right
                given = baseline(photo)
                told = (
                    ""
                    if given is None
                    else str(int(logits(model, torch.from_numpy(given[None]), run.dataset).argmax()))
                )
                plain += told == right
                if got != right:
                    print(f"   {path.name}: {got or 'nothing'}, baseline {told or 'nothing'}")
            print(f"{kind:<14}{ours:>8}{plain:>10}", flush=True)


if __name__ == "__main__":
    main()
