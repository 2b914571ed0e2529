"""Classes and probabilities for images from files."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch

from convscope.backends.device import find
from convscope.backends.machine import cores
from convscope.data.folder import SUFFIXES
from convscope.data.held import in_files
from convscope.data.image import read_image
from convscope.errors import ImageError
from convscope.inert import in_html, inert
from convscope.training.evaluate import BATCH, logits
from convscope.training.run import Run, load
from convscope.training.train import model_of
from convscope.view.heat import grey
from convscope.view.layout import png
from convscope.view.parts import fragment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from convscope.backends.torch import TorchNet
    from convscope.data import Dataset


SHOWN = 20
"""The most images that a notebook shows."""


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image; prints itself.

    Attributes:
        image: the file.
        probabilities: by class, the likeliest first.
    """

    image: str
    probabilities: dict[str, float]

    @property
    def label(self) -> str:
        """The likeliest class."""
        return next(iter(self.probabilities))

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"image": inert(self.image), "class": self.label, "probabilities": self.probabilities}

    def __str__(self) -> str:
        return f"{inert(self.image)}: {inert(self.label)}   ({self.likeliest()})"

    def likeliest(self) -> str:
        """The three likeliest classes with their probabilities."""
        best = list(self.probabilities.items())[:3]
        return ", ".join(f"{inert(name)} {100 * p:.1f} %" for name, p in best)

    __repr__ = __str__


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """The predictions for many images: a sequence that prints itself, in a notebook as a table with the images.

    Attributes:
        found: the predictions, in the order of the images.
        unreadable: what is wrong with each skipped file, by its name.
        seconds: time for reading and predicting.
        dataset: the data set of the net, like whose images the files are prepared.
    """

    found: list[Prediction]
    unreadable: dict[str, str]
    seconds: float
    dataset: Dataset = field(repr=False)

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, at: int) -> Prediction: ...

    @overload
    def __getitem__(self, at: slice) -> list[Prediction]: ...

    def __getitem__(self, at: int | slice) -> Prediction | list[Prediction]:
        return self.found[at]

    def _repr_html_(self) -> str:
        """Return the first images as the net sees them, with their likeliest classes."""
        rows = "".join(
            f"<tr><td>{_thumbnail(one.image, self.dataset)}</td><td>{in_html(one.image)}</td>"
            f"<td><b>{in_html(one.label)}</b></td><td>{in_html(one.likeliest())}</td></tr>"
            for one in self.found[:SHOWN]
        )
        head = "<tr><th>image</th><th>file</th><th>predicted</th><th>probabilities</th></tr>"
        more = f"<p>and {len(self) - SHOWN:,} more</p>" if len(self) > SHOWN else ""
        return fragment(f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{more}")

    @property
    def images_per_second(self) -> float:
        """Images per second, from file to class."""
        return len(self.found) / self.seconds

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/predict/2``."""
        return {
            "schema": "convscope/predict/2",
            "images": [entry.to_json() for entry in self.found],
            "unreadable": [{"image": inert(name), "why": inert(why)} for name, why in self.unreadable.items()],
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
        }

    def told(self) -> str:
        """Return the number of images, the speed, and the files that could not be read."""
        bad = len(self.unreadable)
        speed = f"{len(self.found):,} images, {self.images_per_second:,.0f} images/s"
        lines = [f"not read: {inert(why)}" for why in self.unreadable.values()]
        return "\n".join([*lines, speed + (f"; {bad:,} could not be read" if bad else "")])

    def __str__(self) -> str:
        return "\n".join(map(str, self.found))


def _thumbnail(file: str, dataset: Dataset) -> str:
    """Return an image as the net sees it, or nothing if the file no longer exists."""
    try:
        image = read_image(Path(file), dataset)
    except ImageError:
        return ""
    data = base64.b64encode(png(grey(image))).decode()
    return f'<img alt="" style="height:56px;image-rendering:pixelated" src="data:image/png;base64,{data}">'


def predict(run: Run | str | Path, images: object, *, device: str | torch.device | None = None) -> Predictions:
    """Classify images with a run, or with the run in a folder.

    Args:
        run: what was trained.
        images: a file or a folder; an array or a tensor, ``h w``, ``h w c`` or ``c h w``, 0 to 255 or 0 to 1, or
            several with a first axis more; an image of Pillow; or several of these. All are prepared like files.
        device: where to compute, as for :func:`convscope.train`.

    Raises:
        FieldError: this machine does not have the device.
        ImageError: a file is not an image, or a folder has none; then nothing is predicted.
        RunError: the weights are not those of the net.
    """
    with in_files(images) as held:
        made = predict_files(run, held.paths, device=device)
        return replace(made, found=[replace(one, image=held.names.get(one.image, one.image)) for one in made.found])


def predict_files(
    run: Run | str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    skip_bad: bool = False,
    device: str | torch.device | None = None,
) -> Predictions:
    """Like :func:`predict`, with the speed.

    Args:
        run: what was trained.
        images: a file or a folder, or several.
        skip_bad: skip files that cannot be read, and report them.
        device: as for :func:`predict`.

    Raises:
        ImageError: a file is not an image (without ``skip_bad``), a folder has none, or none could be read.
        RunError: the weights are not those of the net.
    """
    place = find(device)
    run = run if isinstance(run, Run) else load(run)
    given = [images] if isinstance(images, str | Path) else images
    paths = [path for entry in given for path in image_files(Path(entry))]
    model = model_of(run, place)
    start = perf_counter()
    found: list[Prediction] = []
    unreadable: dict[str, str] = {}
    with ThreadPoolExecutor(cores()) as pool, place.exact():
        for at in range(0, len(paths), BATCH):
            part = paths[at : at + BATCH]
            limits = [copy_context() for _ in part]  # --raise-limits also applies in the threads
            arrays = list(pool.map(lambda context, path: context.run(_read, path, run), limits, part))
            bad = {str(path): array for path, array in zip(part, arrays, strict=True) if isinstance(array, ImageError)}
            if bad and not skip_bad:
                raise next(iter(bad.values()))
            unreadable |= {name: error.what for name, error in bad.items()}
            found += _predicted(model, run, part, arrays)
    if not found:
        raise ImageError(f"none of {len(paths):,} images can be read", given=next(iter(unreadable.values())))
    return Predictions(found, unreadable, perf_counter() - start, run.dataset)


def image_files(path: Path) -> Iterator[Path]:
    """Yield the file itself, or every image in a folder and its subfolders, sorted by name.

    Hidden files and folders are left out, and links to folders are not followed.

    Raises:
        ImageError: a folder cannot be read, or contains no image.
    """
    if not os.path.isdir(path):  # noqa: PTH112 -- Path.is_dir raises where a name is too long
        yield path
        return
    empty = True
    for folder, folders, files in os.walk(path, onerror=_unreadable_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                empty = False
                yield Path(folder, name)
    if empty:
        raise ImageError(f"{path} contains no images", expected=f"files such as {', '.join(SUFFIXES)}")


def _unreadable_folder(error: OSError) -> None:
    raise ImageError(f"{error.filename} cannot be read: {error.strerror}")


def _read(path: Path, run: Run) -> NDArray[np.uint8] | ImageError:
    """Return an image, or what is wrong with it."""
    try:
        return read_image(path, run.dataset)
    except ImageError as error:
        return error


def _predicted(
    model: TorchNet, run: Run, paths: list[Path], arrays: list[NDArray[np.uint8] | ImageError]
) -> list[Prediction]:
    """Predict the readable images of a batch."""
    read = [(path, image) for path, image in zip(paths, arrays, strict=True) if not isinstance(image, ImageError)]
    if not read:
        return []
    scores = logits(model, torch.from_numpy(np.stack([image for _, image in read])), run.dataset)
    shares = torch.softmax(scores.double(), 1).tolist()
    return [
        Prediction(str(path), dict(sorted(zip(run.dataset.classes, row, strict=True), key=lambda pair: -pair[1])))
        for (path, _), row in zip(read, shares, strict=True)
    ]
