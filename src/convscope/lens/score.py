"""The one number that a picture of reasons explains: the score of a class, before any softmax."""

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

    from convscope.lens.picture import Picture
    from convscope.lens.subject import Subject

Score = Callable[[Tensor], Tensor]
"""Pictures ``n c h w`` as the net takes them to one number for each, ``n``."""


@dataclass(frozen=True)
class Target:
    """A class, and where the output is a map, a place in it.

    Attributes:
        number: of the class.
        name: of the class.
        said: what the net answers with here is this class.
        place: in the map of scores; empty where there is one score for each class.
    """

    number: int
    name: str
    said: bool
    place: tuple[int, ...] = ()

    def of(self, output: Tensor) -> Tensor:
        """The scores of this class, ``n``, in an output of the net."""
        return self.all(output)[:, self.number]

    def all(self, output: Tensor) -> Tensor:
        """The scores of all classes at this place, ``n k``."""
        for at in self.place[::-1] or (0,) * (output.dim() - 2):
            output = output[..., at]
        return output

    def __str__(self) -> str:
        at = f" at {', '.join(map(str, self.place))}" if self.place else ""
        return f"{self.name}{at} ({'what the net says' if self.said else 'as asked'})"


def target(subject: Subject, picture: Picture, name: str | None = None, at: Sequence[int] | None = None) -> Target:
    """The class that is explained; what the net says, where none is named.

    Args:
        subject: the net.
        picture: that it sees.
        name: of the class.
        at: place in the output, where that is a map; its middle by default.

    Raises:
        UnknownNameError: there is no such class.
        FieldError: ``at`` lies outside of the output.
        ShapeError: the net has several outputs.
    """
    subject.net.check_single("outputs", "explaining a score")
    place = _place(subject.net.output[1:], at)
    with torch.inference_mode():
        said = int(Target(0, "", said=True, place=place).all(subject.model(picture.taken))[0].argmax())
    number = said if name is None else class_number(subject, name)
    return Target(number, subject.classes[number], said=number == said, place=place)


def class_number(subject: Subject, name: str) -> int:
    """The number of a class.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in subject.classes:
        raise unknown("class", name, subject.classes[:200])
    return subject.classes.index(name)


def _place(sizes: tuple[int, ...], at: Sequence[int] | None) -> tuple[int, ...]:
    if max(sizes, default=1) == 1:
        if at is not None:
            raise FieldError("the net gives one score for each class, so there is no place to ask for")
        return ()
    place = tuple(size // 2 for size in sizes) if at is None else tuple(at)
    if len(place) != len(sizes) or not all(0 <= one < size for one, size in zip(place, sizes, strict=True)):
        raise FieldError(f"at {', '.join(map(str, place))}", expected=f"a place in the scores, {to_text((1, *sizes))}")
    return place


def score_of(subject: Subject, wanted: Target, model: torch.nn.Module | None = None) -> Score:
    """The score of a class as a function of pictures."""
    run = model or subject.model
    return lambda x: wanted.of(run(x))
