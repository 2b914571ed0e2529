"""Images that show no digits: how many does ``predict`` answer with ``nothing here``, and are digits lost by that?

    python benchmarks/nothing.py FOLDER ... --most 60 --digits 1000

FOLDER is a folder of images without handwriting; of those that are at least 200 pixels high and wide, MOST are drawn
at random. The baseline finds strokes without asking whether they can be handwriting (``convscope.data.texture``).
DIGITS training images of MNIST are painted on paper as ``photos.py`` does, with a pen of the same ink; a digit is lost
if the baseline finds strokes and the rule refuses them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from convscope.data import DATASETS, load
from convscope.data import strokes as search
from convscope.data.image import open_image, upright
from convscope.data.preparation import Preparation
from machine import machine
from photos import mask, painted, taken

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
PREPARATION = Preparation.of(DATASETS["mnist"])


def shows(image: Image.Image, *, rule: bool) -> bool:
    """Return whether digits are found in an image."""
    if rule:
        return bool(PREPARATION.images(image))
    with patch.object(search, "written", lambda found, _: found):
        return bool(PREPARATION.images(image))


def drawn(folder: Path, most: int) -> list[Path]:
    """Return images of a folder that are large enough, the same ones each time."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    found: list[Path] = []
    for at in np.random.default_rng(0).permutation(len(paths)):
        path = paths[at]
        if len(found) == most:
            break
        with Image.open(path) as image:
            if min(image.size) >= 200:
                found.append(path)
    return found


def main() -> None:
    """Print a line for each folder, and one for the digits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--digits", type=int, default=1000)
    asked = parser.parse_args()
    print(machine("scipy"))
    for folder in asked.folders:
        images = [upright(open_image(path)) for path in drawn(folder, asked.most)]
        refused = [sum(not shows(image, rule=rule) for image in images) for rule in (True, False)]
        print(f"{folder}: {refused[0]} of {len(images)} are answered with nothing here, baseline {refused[1]}")
    train, draw, lost, found = load(DATASETS["mnist"], "train"), np.random.default_rng(7), 0, 0
    for at in draw.choice(len(train.images), asked.digits, replace=False):
        image = taken(painted(mask(np.array(train.images[at, 0]), draw)), draw)
        before = shows(image, rule=False)
        found += before
        lost += before and not shows(image, rule=True)
    print(f"{lost} of {found} painted training digits are lost")


if __name__ == "__main__":
    main()
