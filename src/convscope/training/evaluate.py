"""Loss, accuracy, calibration and the confusion matrix of a trained net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention

from convscope.backends.device import device_of
from convscope.training.batches import scaled
from convscope.training.calibration import BINS, calibration_error
from convscope.training.intervals import wilson
from convscope.training.loop import layout
from convscope.view.numbers import score_text
from convscope.view.parts import Column, Grid, Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from convscope.data import Dataset, Split

BATCH = 500

MANY, SHOWN, LONG = 40, 12, 40
"""Classes from which on no matrix is shown, rows that are shown instead, and the most characters of a name there."""


@dataclass(frozen=True)
class Predicted:
    """What a net predicted for each image of a set.

    Attributes:
        labels: the true classes, ``n``.
        predicted: the predicted classes, ``n``.
        confidence: the probability of the predicted class, ``n``.
        losses: cross-entropy of each image, ``n`` [nat].
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images were classified correctly, ``n``."""
        found: NDArray[np.bool_] = self.labels == self.predicted
        return found


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating a net on a split of a data set; prints itself.

    Attributes:
        loss: mean cross-entropy [nat].
        classes: their names.
        confusion: number of images by ``confusion[true][predicted]``.
        calibration: the expected calibration error (:func:`calibration_error`), 0 to 1.
        data: name of the data set.
        split: its split.
        tta: number of views of each image whose scores were averaged.
    """

    loss: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: float
    data: str
    split: str = "test"
    tta: int = 1

    @classmethod
    def of(
        cls, answers: Predicted, classes: tuple[str, ...], data: str, split: str = "test", tta: int = 1
    ) -> Evaluation:
        """Evaluate predictions."""
        count = len(classes)
        pairs = np.bincount(answers.labels * count + answers.predicted, minlength=count**2).reshape(count, count)
        calibration = calibration_error(answers.confidence, answers.right)
        loss = float(answers.losses.mean())
        return cls(loss, classes, tuple(map(tuple, pairs.tolist())), calibration, data, split, tta)

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(map(sum, self.confusion))

    @property
    def hits(self) -> int:
        """Number of correctly classified images."""
        return sum(row[at] for at, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of correctly classified images."""
        return self.hits / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy (:func:`wilson`)."""
        return wilson(self.hits, self.count)

    @property
    def per_class(self) -> dict[str, float | None]:
        """The accuracy for each class; None for a class without images."""
        return {
            name: row[at] / sum(row) if sum(row) else None
            for at, (name, row) in enumerate(zip(self.classes, self.confusion, strict=True))
        }

    def score(self) -> str:
        """``[loss, accuracy]``, as the course notes print it.

        >>> Evaluation(0.25, ("a", "b"), ((3, 1), (0, 4)), 0.1, "letters").score()
        '[0.25, 0.875]'
        """
        return score_text(self.loss, self.accuracy)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/eval/2``."""
        return {
            "schema": "convscope/eval/2",
            "data": self.data,
            "split": self.split,
            "tta": self.tta,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "calibration_error": self.calibration,
            "calibration_bins": BINS,
            "count": self.count,
            "classes": list(self.classes),
            "per_class": self.per_class,
            "confusion": [list(row) for row in self.confusion],
        }

    def stack(self) -> Stack:
        """Return the score, the confusion matrix and their uncertainty; of many classes, the worst only."""
        low, high = (100 * end for end in self.interval)
        seen = f", averaging {self.tta} views of each (test-time augmentation)" if self.tta > 1 else ""
        split = "" if self.split == "all" else f"{self.split} "
        told = (
            f"{self.count - self.hits:,} of {self.count:,} {split}images misclassified{seen}\n"
            f"accuracy {100 * self.accuracy:.2f} %, 95 % interval {low:.2f} to {high:.2f} % (Wilson)\n"
            f"expected calibration error {100 * self.calibration:.2f} points ({BINS} bins of equal width)"
        )
        if len(self.classes) > MANY:
            return Stack((f"{self.score()}\n", *self._many(), "", told))
        columns = (
            Column("true"),
            *(Column(name, right=True) for name in self.classes),
            Column("accuracy", right=True),
        )
        rows = tuple(
            (name, *(str(n) if n else "." for n in row), _share(share))
            for (name, share), row in zip(self.per_class.items(), self.confusion, strict=True)
        )
        head = f"{self.score()}\n\nimages of each class (rows), predicted as (columns):\n"
        return Stack((head, Grid(columns, rows), "", told))

    def _many(self) -> tuple[Grid | str, ...]:
        """Return the classes with the lowest accuracy, and the pairs that are confused most often."""
        shares = [(share, name) for name, share in self.per_class.items() if share is not None]
        worst = sorted(shares, key=lambda pair: pair[0])[:SHOWN]
        pairs = [
            (count, true, predicted)
            for true, row in enumerate(self.confusion)
            for predicted, count in enumerate(row)
            if count and true != predicted
        ]
        often = sorted(pairs, key=lambda pair: -pair[0])[:SHOWN]
        names = [name if len(name) <= LONG else f"{name[: LONG - 1]}…" for name in self.classes]
        images = dict(zip(self.classes, map(sum, self.confusion), strict=True))
        lowest = Grid(
            (Column("class"), Column("images", right=True), Column("accuracy", right=True)),
            tuple((names[self.classes.index(name)], f"{images[name]:,}", _share(share)) for share, name in worst),
        )
        confused = Grid(
            (Column("true"), Column("predicted"), Column("images", right=True)),
            tuple((names[true], names[predicted], f"{count:,}") for count, true, predicted in often),
        )
        return (
            f"the {len(worst)} of {len(self.classes):,} classes with the lowest accuracy:\n",
            lowest,
            f"\nthe {len(often)} most frequent of {len(pairs):,} confusions; -o FILE.csv has the whole matrix:\n",
            confused,
        )

    def __str__(self) -> str:
        return self.stack().to_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.stack().to_html()


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def logits(model: nn.Module, images: Tensor, dataset: Dataset) -> Tensor:
    """Return scores ``n classes`` in float32 on the CPU for uint8 images ``n c h w``, computed where the model is."""
    place = device_of(model)
    with torch.inference_mode():
        parts = (scaled(part.to(place), dataset) for part in torch.split(images, BATCH))
        return torch.cat([model(layout(part)).flatten(1).cpu() for part in parts])


def scores_of(model: nn.Module, images: NDArray[np.uint8], dataset: Dataset) -> NDArray[np.float64]:
    """Return scores ``n classes`` for uint8 images ``n c h w``; no more than a batch of images is copied at a time."""
    parts = (torch.from_numpy(images[at : at + BATCH].copy()) for at in range(0, len(images), BATCH))
    return np.concatenate([logits(model, part, dataset).double().numpy() for part in parts])


def predicted_by(scores: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> Predicted:
    """Return the predictions that scores ``n classes`` amount to.

    >>> predicted_by(np.array([[0.0, 1.0]]), np.array([0])).predicted
    array([1])
    """
    return Predicted(*_answers(torch.from_numpy(scores), labels))


def answers(
    model: nn.Module, images: NDArray[np.uint8], labels: NDArray[np.integer[Any]], dataset: Dataset
) -> Predicted:
    """Predict each image; no more than a batch of images is copied at a time.

    Args:
        model: gives logits.
        images: ``n c h w``.
        labels: ``n``, indices of the classes of ``dataset``.
        dataset: the set that the net was trained on, for the scale.
    """
    pairs = ((images[at : at + BATCH], labels[at : at + BATCH]) for at in range(0, len(images), BATCH))
    parts = [_answers(logits(model, torch.from_numpy(part.copy()), dataset), true) for part, true in pairs]
    return Predicted(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def together(parts: Sequence[Predicted]) -> Predicted:
    """Return predictions for several sets of images as those for one."""
    return Predicted(*(np.concatenate(column) for column in zip(*map(_columns, parts), strict=True)))


def _columns(one: Predicted) -> tuple[NDArray[Any], ...]:
    return one.labels, one.predicted, one.confidence, one.losses


def _answers(scores: Tensor, labels: NDArray[np.integer[Any]]) -> tuple[NDArray[Any], ...]:
    """Return the columns of :class:`Predicted` for some images."""
    true, exact = torch.from_numpy(labels.astype("int64")), scores.double()
    confidence, predicted = torch.softmax(exact, 1).max(1)
    losses = F.cross_entropy(exact, true, reduction="none")
    return true.numpy(), predicted.numpy(), confidence.numpy(), losses.numpy()


def evaluate(model: nn.Module, split: Split, dataset: Dataset) -> Evaluation:
    """Evaluate a net on the test set of its own data."""
    found = answers(model, split.images, split.labels, dataset)
    return Evaluation.of(found, dataset.classes, dataset.name)
