"""Classes and probabilities for pictures from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.data.picture import read_picture
from convscope.training.evaluate import logits
from convscope.training.run import Run, load
from convscope.training.train import model_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Prediction:
    """What a net says of one picture; prints itself.

    Attributes:
        picture: the file.
        probabilities: for each class, the likeliest first.
    """

    picture: str
    probabilities: dict[str, float]

    @property
    def label(self) -> str:
        """The likeliest class."""
        return next(iter(self.probabilities))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"picture": self.picture, "class": self.label, "probabilities": self.probabilities}

    def __str__(self) -> str:
        best = list(self.probabilities.items())[:3]
        return f"{self.picture}: {self.label}   ({', '.join(f'{name} {100 * p:.1f} %' for name, p in best)})"

    __repr__ = __str__


def predict(run: Run | str | Path, pictures: str | Path | Sequence[str | Path]) -> list[Prediction]:
    """Read one picture file or several and say what they show, by a run or the run in a folder.

    Raises:
        PictureError: a file is no picture; then nothing is predicted.
        RunError: the weights are not those of the net.
    """
    run = run if isinstance(run, Run) else load(run)
    pictures = [pictures] if isinstance(pictures, str | Path) else pictures
    images = np.stack([read_picture(Path(picture), run.dataset) for picture in pictures])
    scores = logits(model_of(run), torch.from_numpy(images), run.dataset)
    shares = torch.softmax(scores.double(), 1).tolist()
    return [
        Prediction(str(picture), dict(sorted(zip(run.dataset.classes, row, strict=True), key=lambda pair: -pair[1])))
        for picture, row in zip(pictures, shares, strict=True)
    ]
