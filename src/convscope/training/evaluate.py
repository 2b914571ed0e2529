"""Loss, accuracy and the confusion matrix of a trained net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention

from convscope.training.batches import as_tensor, scaled
from convscope.training.loop import layout
from convscope.view.numbers import score_text
from convscope.view.parts import Column, Grid

if TYPE_CHECKING:
    from torch import Tensor, nn

    from convscope.data import Dataset, Split

BATCH = 500


@dataclass(frozen=True)
class Evaluation:
    """What a net does on a test set; prints itself.

    Attributes:
        loss: mean cross-entropy [nat].
        classes: names.
        confusion: ``confusion[true][predicted]`` pictures.
    """

    loss: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """Pictures."""
        return sum(map(sum, self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of the pictures that were read rightly."""
        return sum(row[at] for at, row in enumerate(self.confusion)) / self.count

    @property
    def per_class(self) -> dict[str, float | None]:
        """Accuracy over the pictures of each class; None for a class without pictures."""
        return {
            name: row[at] / sum(row) if sum(row) else None
            for at, (name, row) in enumerate(zip(self.classes, self.confusion, strict=True))
        }

    def score(self) -> str:
        """``[loss, accuracy]``, as the course notes print it.

        >>> Evaluation(0.25, ("a", "b"), ((3, 1), (0, 4))).score()
        '[0.25, 0.875]'
        """
        return score_text(self.loss, self.accuracy)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/eval/1``."""
        return {
            "schema": "convscope/eval/1",
            "loss": self.loss,
            "accuracy": self.accuracy,
            "count": self.count,
            "classes": list(self.classes),
            "per_class": self.per_class,
            "confusion": [list(row) for row in self.confusion],
        }

    def __str__(self) -> str:
        columns = (
            Column("true"),
            *(Column(name, right=True) for name in self.classes),
            Column("accuracy", right=True),
        )
        rows = tuple(
            (name, *(str(n) if n else "." for n in row), "-" if share is None else f"{100 * share:.2f} %")
            for (name, share), row in zip(self.per_class.items(), self.confusion, strict=True)
        )
        wrong = self.count - sum(row[at] for at, row in enumerate(self.confusion))
        return (
            f"{self.score()}\n\npictures of each class (rows) and what the net said (columns):\n\n"
            f"{Grid(columns, rows).to_text()}\n\n{wrong:,} of {self.count:,} pictures misread"
        )

    __repr__ = __str__


def logits(model: nn.Module, images: Tensor, dataset: Dataset) -> Tensor:
    """Scores ``n classes`` for uint8 pictures ``n c h w``, in float32."""
    with torch.inference_mode():
        return torch.cat([model(layout(scaled(part, dataset))).flatten(1) for part in torch.split(images, BATCH)])


def evaluate(model: nn.Module, split: Split, dataset: Dataset) -> Evaluation:
    """Judge a net by a test set."""
    scores = logits(model, as_tensor(split.images), dataset)
    labels = torch.from_numpy(split.labels.astype("int64"))
    classes = len(dataset.classes)
    pairs = labels * classes + scores.argmax(1)
    confusion = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).tolist()
    loss = float(F.cross_entropy(scores.double(), labels))
    return Evaluation(loss, dataset.classes, tuple(map(tuple, confusion)))
