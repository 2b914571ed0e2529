"""The difference between two scores, split into contributions of the channels that the last layer reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convscope.inert import inert
from convscope.lens.span import Span, number
from convscope.training.unlike import last_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.lens.subject import Subject

EXACT = 1e-4
"""Rounding error allowed, relative to the largest part."""


@dataclass(frozen=True, eq=False)
class Split:
    """The difference between two scores as a sum of parts.

    Attributes:
        layer: the last one with weights.
        reads: the layer that it reads, whose channels are the parts.
        first: class of the first score.
        second: class of the second score.
        difference: the first score minus the second.
        bias: the part that no channel contributes.
        parts: the contribution of each channel, ``c``.
        positions: number of positions of a channel, over which its contribution is summed.
    """

    layer: str
    reads: str
    first: str
    second: str
    difference: float
    bias: float
    parts: NDArray[np.float64] = field(repr=False)
    positions: int = 1

    @property
    def channel(self) -> str:
        """Explain what a channel is."""
        one = f"a channel is one of the {len(self.parts)} outputs of {self.reads}"
        where = f", summed over its {self.positions:,} positions" if self.positions > 1 else ""
        return inert(
            f"{one}{where}: it adds its value times its weights in {self.layer}, {self.first} minus {self.second}"
        )

    @property
    def missed(self) -> float:
        """The part of the difference that parts and bias do not explain: only rounding if later layers are linear."""
        return self.difference - self.bias - float(self.parts.sum())

    @property
    def exact(self) -> bool:
        """Whether the parts are exact up to rounding."""
        return abs(self.missed) <= EXACT * max(1.0, abs(self.difference), float(np.abs(self.parts).max(initial=0)))

    def largest(self, count: int = 8) -> list[tuple[int, float]]:
        """Return the channels with the largest contributions."""
        order = np.argsort(-np.abs(self.parts), kind="stable")[:count]
        return [(int(at), float(self.parts[at])) for at in order]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "layer": self.layer,
            "reads": self.reads,
            "first": self.first,
            "second": self.second,
            "difference": self.difference,
            "bias": self.bias,
            "parts": self.parts.tolist(),
            "range": Span.of(self.parts).to_json(),
            "missed": self.missed,
            "exact": self.exact,
        }

    def __str__(self) -> str:
        some = [f"channel {at} {value:+.3g}" for at, value in self.largest(6)]
        if others := len(self.parts) - len(some):
            rest = float(self.parts.sum()) - sum(value for _, value in self.largest(6))
            some.append(f"{others} others {rest:+.3g}")
        word = "exact" if self.exact else f"except for {number(self.missed)}, because later layers are not linear"
        return (
            f"score of {self.first} minus score of {self.second}: {self.difference:+.4g}, {word}\n"
            f"  by channel of {inert(self.reads)}: {', '.join(some)}, bias {self.bias:+.3g}\n  {self.channel}"
        )


def split(subject: Subject, x: Tensor, first: int, second: int) -> Split:
    """Split the difference of two scores of one image.

    With ``v`` as the value that the last layer with weights reads, the difference is ``bias + sum(gradient * v)`` if
    everything after it is linear. The parts are gradients times values, summed over the positions of a channel; the
    bias is the difference for ``v = 0``. Whether the sum is exact is computed, not assumed.

    Args:
        subject: the net.
        x: the image, ``1 c h w``.
        first: number of a class.
        second: number of another class.

    Raises:
        FieldError: no layer weights channels.
    """
    layer, reads = last_weights(subject.net)
    last, name = subject.net.layer().node.name, subject.net.inputs[0].name
    before = subject.model.values({name: x}, [reads])[reads].detach()

    def difference(value: Tensor) -> Tensor:
        scores = subject.model.values({name: x, reads: value}, [last])[last].cpu().double().flatten(1)
        return scores[0, first] - scores[0, second]

    leaf = before.clone().requires_grad_()
    with torch.enable_grad():
        found = difference(leaf)
        (gradient,) = torch.autograd.grad(found, leaf, allow_unused=True, materialize_grads=True)
    gradient, value = gradient.cpu(), before.cpu()
    parts = (
        (gradient.double() * value.double()).flatten(2).sum(2)[0]
        if before.dim() > 2
        else gradient[0].double() * value[0]
    )
    names = subject.classes
    bias = float(difference(torch.zeros_like(before)))
    return Split(
        layer, reads, names[first], names[second], float(found.detach()), bias, parts.numpy(), before[0, 0].numel()
    )
