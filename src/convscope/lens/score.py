"""The scalar that an attribution explains: the score of a class, before any softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from convscope.core.shape import to_text
from convscope.errors import FieldError, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convscope.lens.image import InputImage
    from convscope.lens.subject import Subject

Score = Callable[[Tensor], Tensor]
"""Maps images ``n c h w``, as the net expects them, to one value each, ``n``."""


@dataclass(frozen=True)
class Target:
    """A class and, if the output is a map, a position in it.

    Attributes:
        number: number of the class.
        name: name of the class.
        predicted: whether the net predicts this class here.
        position: position in the map of scores; empty if there is one score per class.
    """

    number: int
    name: str
    predicted: bool
    position: tuple[int, ...] = ()

    def of(self, output: Tensor) -> Tensor:
        """Select the scores of this class, ``n``, in an output of the net."""
        return self.all(output)[:, self.number]

    def all(self, output: Tensor) -> Tensor:
        """Select the scores of all classes at this position, ``n k``."""
        for at in self.position[::-1] or (0,) * (output.dim() - 2):
            output = output[..., at]
        return output

    def __str__(self) -> str:
        at = f" at {', '.join(map(str, self.position))}" if self.position else ""
        return f"{self.name}{at} ({'predicted' if self.predicted else 'as requested'})"


def target(subject: Subject, image: InputImage, name: str | None = None, at: Sequence[int] | None = None) -> Target:
    """Return the class to explain; the predicted class if none is named.

    Args:
        subject: the net.
        image: the input image.
        name: name of the class.
        at: position in the output if that is a map; its middle by default.

    Raises:
        UnknownNameError: there is no such class.
        FieldError: ``at`` lies outside the output.
        ShapeError: the net has several outputs.
    """
    subject.net.check_single("outputs", "explaining a score")
    position = _position(subject.net.output[1:], at)
    with torch.inference_mode():
        predicted = int(Target(0, "", predicted=True, position=position).all(subject.model(image.taken))[0].argmax())
    number = predicted if name is None else class_number(subject, name)
    return Target(number, subject.classes[number], predicted=number == predicted, position=position)


def classes_of(subject: Subject, image: InputImage) -> str:
    """Describe the true and the predicted class of an image; empty for a net that was not trained on classes."""
    if subject.dataset is None or max(subject.net.output[1:], default=1) > 1:
        return ""
    with torch.inference_mode():
        predicted = subject.classes[int(subject.model(image.taken).flatten(1)[0].argmax())]
    return (
        f"predicted {predicted}"
        if image.label is None
        else f"true {subject.classes[image.label]}, predicted {predicted}"
    )


def class_number(subject: Subject, name: str) -> int:
    """Return the number of a class.

    Raises:
        UnknownNameError: there is no class of that name.
    """
    if name not in subject.classes:
        raise unknown("class", name, subject.classes[:200])
    return subject.classes.index(name)


def _position(sizes: tuple[int, ...], at: Sequence[int] | None) -> tuple[int, ...]:
    if max(sizes, default=1) == 1:
        if at is not None:
            raise FieldError("the net gives one score for each class, so there is no position to ask for")
        return ()
    position = tuple(size // 2 for size in sizes) if at is None else tuple(at)
    if len(position) != len(sizes) or not all(0 <= one < size for one, size in zip(position, sizes, strict=True)):
        raise FieldError(
            f"at {', '.join(map(str, position))}", expected=f"a position in the scores, {to_text((1, *sizes))}"
        )
    return position


def score_of(subject: Subject, wanted: Target, model: torch.nn.Module | None = None) -> Score:
    """Return the score of a class as a function of images."""
    run = model or subject.model
    return lambda x: wanted.of(run(x))
