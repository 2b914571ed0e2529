"""The mistakes of a net: the confusion matrix, the images of one cell, and an explanation of one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.data import registry
from convscope.errors import FieldError, RunError
from convscope.inert import inert
from convscope.lens.cases import Case, case, file_of, image_name
from convscope.lens.drawing.mistakes import draw
from convscope.lens.image import input_image as named
from convscope.lens.image import pixels, taken, test_name
from convscope.lens.score import class_number
from convscope.lens.split import split
from convscope.training.evaluate import Evaluation, answers
from convscope.training.unlike import last_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.data import Split as Images
    from convscope.lens.image import InputImage
    from convscope.lens.split import Split
    from convscope.lens.subject import Subject
    from convscope.training.evaluate import Predicted
    from convscope.training.run import Run
    from convscope.view.figure import Figure

GALLERY = 24
"""The most images of a cell that are shown."""

WORST = 3
"""The most misclassified images that are named in the text."""

NEAREST = 6
"""Number of nearest training images."""

NO_MISTAKES = "no image was misclassified; this class has the most images"

UNKNOWN = "the two likeliest classes of the image, whose own class is not known"

AMONG = 10_000
"""The most training images that are searched, evenly spaced over the set."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An image of a data set, with facts about it.

    Attributes:
        number: its number in the split.
        file: its file relative to the data set; empty if images have no files of their own.
        split: the split that it is in.
        image: uint8 ``c h w``.
        label: its class.
        value: the probability of the predicted class, or a distance.
    """

    number: int
    image: NDArray[np.uint8] = field(repr=False)
    label: str
    value: float
    file: str = ""
    split: str = "test"

    def to_json(self, value: str) -> dict[str, Any]:
        """Plain data."""
        file = inert(self.file) or None
        return {"image": self.name, "number": self.number, "file": file, "class": self.label, value: self.value}

    @property
    def name(self) -> str:
        """The file, or split and index if there is none."""
        return image_name(self.split, self.number, self.file)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The mistakes of a net; prints itself.

    Attributes:
        source: the run.
        evaluation: the evaluation on the test images, with the confusion matrix.
        cell: true class and the predicted class.
        why: the reason for this cell.
        count: number of images in the cell.
        gallery: its images, the most confident first.
        image: the image that is explained.
        split: the score of the predicted class minus that of the true class (of the runner-up if the prediction is
            correct).
        nearest: training images with the nearest channels before the last layer, nearest first.
        searched: description of the training images that were searched.
        wrong: all misclassified images, those with the highest loss first.
    """

    source: str
    evaluation: Evaluation
    cell: tuple[str, str]
    why: str
    count: int
    gallery: tuple[Seen, ...]
    image: InputImage
    split: Split
    nearest: tuple[Seen, ...]
    searched: str
    wrong: tuple[Case, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/lens-mistakes/4``."""
        return {
            "schema": "convscope/lens-mistakes/4",
            "source": self.source,
            "classes": list(self.evaluation.classes),
            "confusion": [list(row) for row in self.evaluation.confusion],
            "cell": list(self.cell),
            "why": self.why,
            "count": self.count,
            "gallery": [one.to_json("confidence") for one in self.gallery],
            "image": self.image.name,
            "split": self.split.to_json(),
            "nearest": [one.to_json("distance") for one in self.nearest],
            "searched": self.searched,
            "misclassified": [one.to_json() for one in self.wrong],
        }

    def figure(self) -> Figure:
        """The drawing."""
        return draw(self)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __str__(self) -> str:
        count, wrong = self.evaluation.count, self.evaluation.count - self.evaluation.hits
        part = f"{wrong:,} of {count:,} misclassified" if wrong else f"none in {count:,} images"
        sure = ", ".join(f"{one.name} ({100 * one.value:.0f} %)" for one in self.gallery[:8])
        near = ", ".join(f"{one.name} is {inert(one.label)} ({one.value:.2f})" for one in self.nearest)
        lines = [
            f"mistakes of {self.source} on {self.evaluation.data}: {part}",
            self._cell(),
            f"confident  {sure or 'none'}",
            f"image      {self.image.name}",
            str(self.split),
            *([f"worst      {self._worst()}"] if self.wrong else []),
            f"nearest    {near}; {self.searched}",
        ]
        return "\n".join(lines)

    def _worst(self) -> str:
        """Return the names of the misclassified images with the highest loss, with both classes."""
        named = (f"{one.image} (is {inert(one.label)}, predicted {inert(one.predicted)})" for one in self.wrong[:WORST])
        return f"{', '.join(named)}; --what worst lists more"

    def _cell(self) -> str:
        true, predicted = self.cell
        if self.why == UNKNOWN:
            also = f"{self.count:,} test images of {true} were predicted as {predicted}"
            return f"predicted  {predicted}, then {true}; the class of this image is not known. {also}"
        return f"cell       true {true}, predicted {predicted} ({self.why}): {self.count:,} images"

    __repr__ = __str__


def mistakes(
    subject: Subject,
    image: str | Path | NDArray[Any] | None = None,
    cell: str | None = None,
    *,
    predicted: Predicted | None = None,
) -> Mistakes:
    """Show the mistakes of a run, and explain the prediction for one image.

    Args:
        subject: the net of a run.
        image: the image that is explained; by default the most confident one of the cell.
        cell: ``true,predicted``; by default that of the image, or the one with the most mistakes.
        predicted: the predictions for the test images, if already known.

    Raises:
        RunError: it is not a run, so there are no predictions.
        UnknownNameError: there is no such class.
        FieldError: the cell is not two classes, or has no images and none is given.
        DataError, ImageError: images cannot be read.
    """
    if subject.run is None:
        raise RunError("'mistakes' needs a trained run; this is only a net", expected="the folder of a run")
    run = subject.run
    test = registry.load(run.dataset, "test")
    predicted = predicted or answers(subject.model, test.images, test.labels, run.dataset)
    evaluation = Evaluation.of(predicted, run.dataset.classes, run.dataset.title)
    asked = None if image is None else named(subject, image)
    (true, answer), why = _cell(subject, evaluation, asked, cell)
    inside = np.flatnonzero((predicted.labels == true) & (predicted.predicted == answer))
    inside = inside[np.argsort(-predicted.confidence[inside], kind="stable")]
    chosen = asked or _surest(subject, test, inside, evaluation.classes[true], evaluation.classes[answer])
    first, second = _pair(subject, chosen, true, answer)
    near, searched = nearest(subject, run, chosen)
    return Mistakes(
        source=subject.name,
        evaluation=evaluation,
        cell=(evaluation.classes[true], evaluation.classes[answer]),
        why=why,
        count=len(inside),
        gallery=tuple(_seen(test, int(at), predicted, evaluation.classes) for at in inside[:GALLERY]),
        image=chosen,
        split=split(subject, chosen.taken, first, second),
        nearest=near,
        searched=searched,
        wrong=_wrong(test, predicted, evaluation.classes),
    )


def _wrong(test: Images, predicted: Predicted, classes: tuple[str, ...]) -> tuple[Case, ...]:
    """Return the misclassified images, those with the highest loss first."""
    order = np.argsort(-predicted.losses, kind="stable")
    return tuple(case("test", test, int(at), predicted, int(at), classes) for at in order[~predicted.right[order]])


def _cell(
    subject: Subject, evaluation: Evaluation, asked: InputImage | None, cell: str | None
) -> tuple[tuple[int, int], str]:
    """Return the true and the predicted class of the cell, and the reason for it."""
    if cell is not None:
        names = [name.strip() for name in cell.split(",")]
        if len(names) != 2:
            raise FieldError(
                f'"{cell[:80]}" is not a cell', expected="two classes separated by a comma: true,predicted"
            )
        return (class_number(subject, names[0]), class_number(subject, names[1])), "as requested"
    if asked:
        best = _two_best(subject, asked)
        if asked.label is None:
            return (best[1], best[0]), UNKNOWN
        return (asked.label, best[0]), "that of the image"
    table = np.array(evaluation.confusion)
    wrong = table - np.diag(np.diag(table))
    true, answer = np.unravel_index(int((wrong if wrong.any() else table).argmax()), table.shape)
    return (int(true), int(answer)), "the most frequent mistake" if wrong.any() else NO_MISTAKES


def _two_best(subject: Subject, image: InputImage) -> tuple[int, int]:
    """Return the predicted class and the runner-up."""
    with torch.inference_mode():
        scores = subject.model(image.taken).flatten(1)[0]
    order = scores.argsort(descending=True, stable=True).cpu().tolist()
    return order[0], order[min(1, len(order) - 1)]


def _pair(subject: Subject, image: InputImage, true: int, answer: int) -> tuple[int, int]:
    """Return the classes whose scores are compared: the predicted class, and the true class or the runner-up."""
    best = _two_best(subject, image)
    other = true if true != best[0] else answer if answer != best[0] else best[1]
    return best[0], other


def _surest(subject: Subject, test: Images, inside: NDArray[np.intp], true: str, answer: str) -> InputImage:
    if not len(inside):
        raise FieldError(f"no test image of {true} was predicted as {answer}", expected="a cell that has images")
    at = int(inside[0])
    assert subject.dataset
    return pixels(subject, test.images[at], test_name(subject.dataset, test, at), int(test.labels[at]))


def _seen(test: Images, at: int, predicted: Predicted, classes: tuple[str, ...]) -> Seen:
    return Seen(
        at, np.array(test.images[at]), classes[int(test.labels[at])], float(predicted.confidence[at]), file_of(test, at)
    )


def nearest(subject: Subject, run: Run, image: InputImage) -> tuple[tuple[Seen, ...], str]:
    """Return the nearest training images, by Euclidean distance in the channels that the last layer reads.

    Raises:
        DataError: the images cannot be read.
    """
    train = registry.load(run.dataset, "train")
    rows = np.linspace(0, len(train.images) - 1, min(AMONG, len(train.images))).astype(int)
    _, reads = last_weights(subject.net)

    def channels(x: Tensor) -> Tensor:
        return subject.model.values({subject.net.inputs[0].name: x}, [reads])[reads].flatten(1)

    size = 4 * subject.batch()
    with torch.inference_mode():
        mine = channels(image.taken)
        parts = [rows[at : at + size] for at in range(0, len(rows), size)]
        apart = torch.cat([(channels(taken(subject, train.images[part])) - mine).norm(dim=1) for part in parts])
        far = apart.cpu().numpy()
    best = np.argsort(far, kind="stable")[:NEAREST]
    names = run.dataset.classes
    found = tuple(
        Seen(at, np.array(train.images[at]), names[int(train.labels[at])], float(away), file_of(train, at), "train")
        for at, away in ((int(rows[at]), far[at]) for at in best)
    )
    return found, f"distance in {reads}, among {len(rows):,} of {len(train.images):,} training images"
