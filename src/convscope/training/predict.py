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
from convscope.data.preparation import Preparation, prepared
from convscope.errors import FieldError, ImageError
from convscope.inert import in_html, inert
from convscope.training.evaluate import BATCH, logits
from convscope.training.prediction import UNLIKE, UNSURE, Prediction
from convscope.training.run import Run, load
from convscope.training.train import model_of
from convscope.training.unlike import Likeness, likeness
from convscope.view.heat import grey
from convscope.view.layout import png
from convscope.view.parts import fragment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convscope.backends.torch import TorchNet
    from convscope.data import Dataset
    from convscope.data.preparation import Prepared


SHOWN = 20
"""The most images that a notebook shows."""


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """The predictions for many images: a sequence that prints itself, in a notebook as a table with the images.

    Attributes:
        found: the predictions, in the order of the images.
        unreadable: what is wrong with each skipped file, by its name.
        seconds: time for reading and predicting.
        dataset: the data set of the net, like whose images the files are prepared.
        likeness: the measure of their distance from the training images, if it was asked for.
    """

    found: list[Prediction]
    unreadable: dict[str, str]
    seconds: float
    dataset: Dataset = field(repr=False)
    likeness: Likeness | None = field(default=None, repr=False)

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
            f"<tr><td>{_thumbnail(one)}</td><td>{in_html(one.image)}</td>"
            f"<td><b>{in_html(one.words)}</b></td><td>{in_html(one.likeliest())}</td></tr>"
            for one in self.found[:SHOWN]
        )
        head = "<tr><th>image</th><th>file</th><th>predicted</th><th>probabilities</th></tr>"
        more = f"<p>and {len(self) - SHOWN:,} more</p>" if len(self) > SHOWN else ""
        return fragment(f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{more}")

    @property
    def images_per_second(self) -> float:
        """Images per second, from file to class."""
        return self.images / self.seconds

    @property
    def images(self) -> int:
        """How many images there are; one with several digits has several predictions."""
        return sum(one.place[0] <= 1 for one in self.found)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/predict/4``."""
        return {
            "schema": "convscope/predict/4",
            "preparation": Preparation.of(self.dataset).to_json(),
            "at_least": self.found[0].at_least,
            "top": self.found[0].top,
            "likeness": self.likeness.to_json() if self.likeness else None,
            "images": [entry.to_json() for entry in self.found],
            "unreadable": [{"image": inert(name), "why": inert(why)} for name, why in self.unreadable.items()],
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
        }

    def told(self) -> str:
        """Return the number of images, the speed, what was prepared in a special way, and files that were not read."""
        bad, count = len(self.unreadable), self.images
        speed = f"{count:,} image{'s' * (count != 1)}, {self.images_per_second:,.0f} images/s"
        lines = [f"not read: {inert(why)}" for why in self.unreadable.values()]
        lines += self.notes()
        return "\n".join([*lines, speed + (f"; {bad:,} could not be read" if bad else "")])

    def notes(self) -> list[str]:
        """Describe images with several digits, and images that were inverted."""
        several = {one.image: "" for one in self.found if one.place[1] > 1}
        for one in self.found:
            if one.image in several:
                several[one.image] += f" {one.label or '?'}"
        lines = [f"{inert(image)} shows{inert(labels)}" for image, labels in list(several.items())[:SHOWN]]
        unsure = sum(bool(one.best) and not one.sure for one in self.found)
        if unsure and len(self.found) > 1:
            least = f"no class has a probability of at least {self.found[0].at_least:g}"
            lines.append(f"{unsure:,} of {len(self.found):,} {UNSURE}: {least}")
        unlike = sum(one.unlike or False for one in self.found)
        if unlike and self.likeness and len(self.found) > 1:
            where = f"the distance in {self.likeness.layer} is above {self.likeness.limit:.4g}"
            lines.append(f"{unlike:,} of {len(self.found):,} {UNLIKE}: {where}")
        inverted = sum(one.inverted for one in self.found)
        if inverted and not self.dataset.ink:
            own, given = ("dark", "light") if self.dataset.ground == "dark" else ("light", "dark")
            what = f"the background of the training images is {own}, theirs is {given}"
            lines.append(f"{inverted:,} of {len(self.found):,} images inverted: {what}")
        return lines

    def __str__(self) -> str:
        return "\n".join(map(str, self.found))


def _thumbnail(one: Prediction) -> str:
    """Return what the net was given, or nothing."""
    if one.pixels is None:
        return ""
    data = base64.b64encode(png(grey(one.pixels))).decode()
    return f'<img alt="" style="height:56px;image-rendering:pixelated" src="data:image/png;base64,{data}">'


def predict(  # noqa: PLR0913 -- the options, by keyword
    run: Run | str | Path,
    images: object,
    *,
    top: int | None = None,
    at_least: float | None = None,
    unlike: bool = False,
    device: str | torch.device | None = None,
) -> Predictions:
    """Classify images with a run, or with the run in a folder.

    Args:
        run: what was trained.
        images: a file or a folder; an array or a tensor, ``h w``, ``h w c`` (also with transparency) or ``c h w``, 0 to
            255 or 0 to 1, or several with a first axis more; an image of Pillow; or several of these. All are prepared
            like files.
        top: the number of likeliest classes that are shown; by default three, and all in ``to_json()``.
        at_least: the least probability for an answer, 0 to 1; below it, ``label`` is empty and ``not sure`` is printed.
        unlike: tell images apart that are unlike all training images (:mod:`convscope.training.unlike`); this reads
            the images of the run.
        device: where to compute, as for :func:`convscope.train`.

    Raises:
        DataError: the images of the run are needed and cannot be read.
        FieldError: this machine does not have the device, ``top`` is below 1 or ``at_least`` is not a probability.
        ImageError: a file is not an image, or a folder has none; then nothing is predicted.
        RunError: the weights are not those of the net.
    """
    run = run if isinstance(run, Run) else load(run)
    with in_files(images, run.dataset.shape) as held:
        made = predict_files(run, held.paths, top=top, at_least=at_least, unlike=unlike, device=device)
        return replace(made, found=[replace(one, image=held.names.get(one.image, one.image)) for one in made.found])


def predict_files(  # noqa: PLR0913 -- the options, by keyword
    run: Run | str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    skip_bad: bool = False,
    top: int | None = None,
    at_least: float | None = None,
    unlike: bool = False,
    device: str | torch.device | None = None,
) -> Predictions:
    """Like :func:`predict`, with the speed.

    Args:
        run: what was trained.
        images: a file or a folder, or several.
        skip_bad: skip files that cannot be read, and report them.
        top: as for :func:`predict`.
        at_least: as for :func:`predict`.
        unlike: as for :func:`predict`.
        device: as for :func:`predict`.

    Raises:
        FieldError: as for :func:`predict`.
        ImageError: a file is not an image (without ``skip_bad``), a folder has none, or none could be read.
        RunError: the weights are not those of the net.
    """
    _check(top, at_least)
    place = find(device)
    run = run if isinstance(run, Run) else load(run)
    given = [images] if isinstance(images, str | Path) else images
    paths = [path for entry in given for path in image_files(Path(entry))]
    model = model_of(run, place)
    with place.exact():
        measure = likeness(run, model) if unlike else None
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
    found = [replace(one, top=top, at_least=at_least) for one in found]
    if measure:
        with place.exact():
            found = _measured(found, measure)
    return Predictions(found, unreadable, perf_counter() - start, run.dataset, measure)


def _measured(found: list[Prediction], measure: Likeness) -> list[Prediction]:
    """Return predictions with the distance of each image that shows something."""
    pixels = [one.pixels for one in found if one.pixels is not None]
    far: Iterator[float] = iter(measure.distances(np.stack(pixels)).tolist() if pixels else ())
    return [one if one.pixels is None else replace(one, distance=next(far), limit=measure.limit) for one in found]


def _check(top: int | None, at_least: float | None) -> None:
    if top is not None and top < 1:
        raise FieldError(f"{top} classes cannot be shown", expected="top of at least 1")
    if at_least is not None and not 0 <= at_least <= 1:
        raise FieldError(f"{at_least:g} is not a probability", expected="at_least from 0 to 1")


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


def _read(path: Path, run: Run) -> tuple[Prepared, ...] | ImageError:
    """Return what an image file shows, or what is wrong with it."""
    try:
        return prepared(path, Preparation.of(run.dataset))
    except ImageError as error:
        return error


def _predicted(
    model: TorchNet, run: Run, paths: list[Path], read: list[tuple[Prepared, ...] | ImageError]
) -> list[Prediction]:
    """Predict the readable images of a batch."""
    images = [one for found in read if not isinstance(found, ImageError) for one in found]
    rows: Iterator[list[float]] = iter(())
    if images:
        scores = logits(model, torch.from_numpy(np.stack([one.pixels for one in images])), run.dataset)
        rows = iter(torch.softmax(scores.double(), 1).tolist())
    result = []
    for path, found in zip(paths, read, strict=True):
        if isinstance(found, ImageError):
            continue
        if not found:
            result.append(Prediction(str(path), {}, place=(0, 0)))
        for at, one in enumerate(found, 1):
            shares = dict(sorted(zip(run.dataset.classes, next(rows), strict=True), key=lambda pair: -pair[1]))
            result.append(Prediction(str(path), shares, one.box, (at, len(found)), one.inverted, one.pixels))
    return result
