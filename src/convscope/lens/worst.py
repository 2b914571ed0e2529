"""The images on which a net is most wrong, and those whose label is likely wrong, as lists to check."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data import registry
from convscope.errors import FieldError, RunError
from convscope.lens.cases import Case, case
from convscope.lens.drawing.worst import draw
from convscope.training.evaluate import answers, together
from convscope.training.folds import checked, out_of_fold
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from convscope.data import Dataset, Split
    from convscope.lens.subject import Subject
    from convscope.training.evaluate import Predicted
    from convscope.training.run import Run
    from convscope.training.session import Report
    from convscope.view.figure import Figure

TOP = 20
"""The number of images that are listed by default."""

LOSS = "by loss, the highest first"

CONFIDENT = (
    "held-out images that the net predicts as another class with at least the mean probability that it gives to that "
    "class where it is the label (confident learning), by the difference of the two probabilities"
)

FOLDED = "; training images are predicted by {} nets, each trained without a fold of them"


@dataclass(frozen=True, eq=False)
class Worst:
    """A list of images to check, the most suspicious first; prints itself.

    Attributes:
        source: the run.
        data: the title of the data set.
        what: ``worst`` or ``labels``.
        splits: the splits that were searched.
        rule: what is listed, in which order.
        searched: number of images in these splits.
        wrong: how many of them were misclassified.
        found: how many images the rule applies to.
        cases: the first of them.
        images: their pixels, uint8 ``c h w`` each.
        folds: number of folds by which training images were searched; 0 if they were not.
    """

    source: str
    data: str
    what: str
    splits: tuple[str, ...]
    rule: str
    searched: int
    wrong: int
    found: int
    cases: tuple[Case, ...]
    images: tuple[NDArray[np.uint8], ...] = field(repr=False)
    folds: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/lens-worst/2``, or ``convscope/lens-labels/2``."""
        return {
            "schema": f"convscope/lens-{self.what}/2",
            "source": self.source,
            "data": self.data,
            "splits": list(self.splits),
            "rule": self.rule,
            **({"folds": self.folds or None} if self.what == "labels" else {}),
            "searched": self.searched,
            "misclassified": self.wrong,
            "found": self.found,
            "images": [one.to_json() for one in self.cases],
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Return the rows of a table."""
        for one in self.cases:
            yield one.to_json() | {
                "probability": f"{one.probability:.6f}",
                "class_probability": f"{one.own:.6f}",
                "loss": f"{one.loss:.6f}",
            }

    def grid(self) -> Grid:
        """Return the list as a table."""
        names = ("image", "class", "predicted", "probability", "of its class", "loss")
        columns = tuple(Column(name, right=at > 2) for at, name in enumerate(names))
        return Grid(columns, tuple(_row(one) for one in self.cases))

    def title(self) -> str:
        """Say what is listed, and of how many."""
        of = f"{self.searched:,} {' and '.join(self.splits)} images"
        if self.what == "labels":
            many = f"{self.found:,} likely wrong label{'s' if self.found > 1 else ''} among {of}"
            return many if self.found else f"no likely wrong label in {of}"
        return f"the {len(self.cases):,} with the highest loss of {of}; {self.wrong:,} misclassified"

    def figure(self) -> Figure:
        """The drawing."""
        return draw(self)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __str__(self) -> str:
        head = f"{self.what} of {self.source} on {self.data}: {self.title()}"
        more = self.found - len(self.cases) if self.what == "labels" else 0
        lines = [head, *([f"rule: {self.rule}"] if self.what == "labels" else [])]
        if self.cases:
            lines += ["", self.grid().to_text()]
        return "\n".join(lines + ([f"and {more:,} more"] if more else []))

    __repr__ = __str__


def _row(one: Case) -> tuple[str, ...]:
    shares = (f"{100 * share:.1f} %" for share in (one.probability, one.own))
    return (one.image, one.label, one.predicted, *shares, f"{one.loss:.3f}")


def worst(subject: Subject, top: int | None = None, *, predicted: Predicted | None = None) -> Worst:
    """List the test images with the highest loss.

    Args:
        subject: the net of a run.
        top: the number of images; 20 by default.
        predicted: the predictions for the test images, if already known.

    Raises:
        RunError: it is not a run, so there are no predictions.
        FieldError: ``top`` is below 1.
        DataError: images cannot be read.
    """
    dataset = _run(subject, "worst", top).dataset
    parts = [("test", registry.load(dataset, "test"))]
    known = predicted or _answers(subject, dataset, parts)
    return _listed(subject, "worst", LOSS, parts, known, np.argsort(-known.losses, kind="stable"), top)


def labels(
    subject: Subject, top: int | None = None, *, folds: int | None = None, progress: Report | None = None
) -> Worst:
    """List validation and test images whose label is likely wrong; with folds, training images as well.

    No net has been trained on the images that it predicts, so that none can have learned their labels by heart.

    Args:
        subject: the net of a run.
        top: the number of images; 20 by default.
        folds: search the training images as well, by that many nets (:func:`convscope.training.folds.out_of_fold`).
        progress: called every few steps of these.

    Raises:
        RunError, FieldError, DataError: as for :func:`worst`.
        TrainingError: a net cannot be trained.
    """
    run = _run(subject, "labels", top)
    if folds is not None:
        checked(folds)
    held = [split for split in ("val", "test") if run.dataset.counts.get(split)]
    parts = [(split, registry.load(run.dataset, split)) for split in held]
    known, classes = _answers(subject, run.dataset, parts), len(run.dataset.classes)
    order, rule = suspects(known, classes), CONFIDENT
    if folds is not None:
        train = registry.load(run.dataset, "train")
        learned = out_of_fold(run, train, folds, device=subject.device, progress=progress)
        order = np.concatenate([suspects(learned, classes), len(train.labels) + order])
        parts, known = [("train", train), *parts], together([learned, known])
        order, rule = order[np.argsort(_margins(known)[order], kind="stable")], rule + FOLDED.format(folds)
    return replace(_listed(subject, "labels", rule, parts, known, order, top), folds=folds or 0)


def _run(subject: Subject, what: str, top: int | None) -> Run:
    """Return the run of a subject.

    Raises:
        RunError: it is only a net.
        FieldError: ``top`` is below 1.
    """
    if subject.run is None:
        raise RunError(f"'{what}' needs a trained run; this is only a net", expected="the folder of a run")
    if top is not None and top < 1:
        raise FieldError(f"a list of {top} images is empty", expected="at least 1")
    return subject.run


def _answers(subject: Subject, dataset: Dataset, parts: Sequence[tuple[str, Split]]) -> Predicted:
    return together([answers(subject.model, one.images, one.labels, dataset) for _, one in parts])


def _listed(  # noqa: PLR0913 -- two rules share the rest
    subject: Subject,
    what: str,
    rule: str,
    parts: Sequence[tuple[str, Split]],
    known: Predicted,
    order: NDArray[np.intp],
    top: int | None,
) -> Worst:
    """Return the first images in an order."""
    dataset = _run(subject, what, top).dataset
    places = [(split, part, at) for split, part in parts for at in range(len(part.images))]
    first = [(*places[at], int(at)) for at in order[: top or TOP]]
    return Worst(
        source=subject.name,
        data=dataset.title,
        what=what,
        splits=tuple(split for split, _ in parts),
        rule=rule,
        searched=len(known.labels),
        wrong=int((~known.right).sum()),
        found=len(order),
        cases=tuple(case(split, part, number, known, at, dataset.classes) for split, part, number, at in first),
        images=tuple(np.array(part.images[number]) for _, part, number, _ in first),
    )


def _margins(known: Predicted) -> NDArray[np.float64]:
    """Return the probability of the label minus that of the predicted class, for each image."""
    found: NDArray[np.float64] = np.exp(-known.losses) - known.confidence
    return found


def suspects(known: Predicted, classes: int) -> NDArray[np.intp]:
    """Return the indices of images whose label is likely wrong, the most suspicious first.

    An image is one of them if the probability of the predicted class is at least the mean probability of that class
    among the images with that label, and it has another label (`Northcutt et al. 2021
    <https://arxiv.org/abs/1911.00068>`_). They are ordered by the probability of the predicted class minus that of the
    label.

    Args:
        known: predictions for images that the net was not trained on.
        classes: number of classes.
    """
    own = np.exp(-known.losses)
    counts = np.bincount(known.labels, minlength=classes)
    least = np.bincount(known.labels, own, minlength=classes) / np.maximum(counts, 1)
    sure = known.confidence >= np.where(counts > 0, least, np.inf)[known.predicted]
    found = np.flatnonzero(~known.right & sure)
    return found[np.argsort(_margins(known)[found], kind="stable")]
