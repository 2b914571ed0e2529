"""Images of a data set with their true and predicted class, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.inert import inert

if TYPE_CHECKING:
    from convscope.data import Split
    from convscope.training.evaluate import Predicted


@dataclass(frozen=True)
class Case:
    """An image with the prediction for it.

    Attributes:
        image: its file relative to the data set, or ``split:index`` where images have no files of their own.
        split: the split of the data set that it is in.
        number: its index in the split.
        label: its class in the data set.
        predicted: the predicted class.
        probability: the probability of the predicted class.
        own: the probability of the class in the data set.
        loss: the cross-entropy [nat].
    """

    image: str
    split: str
    number: int
    label: str
    predicted: str
    probability: float
    own: float
    loss: float

    def to_json(self) -> dict[str, Any]:
        """Plain data, also the columns of a table."""
        return {
            "image": self.image,
            "split": self.split,
            "number": self.number,
            "class": self.label,
            "predicted": self.predicted,
            "probability": self.probability,
            "class_probability": self.own,
            "loss": self.loss,
        }


def image_name(split: str, number: int, file: str = "") -> str:
    """Return the name of an image: its file, or its split and index.

    >>> image_name("test", 17), image_name("test", 17, "test/cat/17.png")
    ('test:17', 'test/cat/17.png')
    """
    return inert(file) or f"{split}:{number}"


def file_of(images: Split, number: int) -> str:
    """Return the file of an image relative to the data set; empty where images have no files of their own."""
    return images.names[number] if len(images.names) else ""


def case(  # noqa: PLR0913 -- the image and its prediction
    split: str, images: Split, number: int, predicted: Predicted, at: int, classes: tuple[str, ...]
) -> Case:
    """Return an image of a split with its prediction.

    Args:
        split: its name.
        images: its images.
        number: the index of the image.
        predicted: predictions for many images.
        at: the index of the image among them.
        classes: the names of the classes.
    """
    return Case(
        image=image_name(split, number, file_of(images, number)),
        split=split,
        number=number,
        label=classes[int(predicted.labels[at])],
        predicted=classes[int(predicted.predicted[at])],
        probability=float(predicted.confidence[at]),
        own=float(np.exp(-predicted.losses[at])),
        loss=float(predicted.losses[at]),
    )
