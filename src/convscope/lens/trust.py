"""Two checks of whether an attribution can be trusted.

Weight randomisation (Adebayo et al., arXiv 1810.03292): from the last layer down, the values in each weight tensor are
shuffled. An attribution that stays the same reflects the image, not what the net has learned.

Deletion (Samek et al., arXiv 1509.06321; Petsiuk et al., arXiv 1806.07421): pixels are removed, the most important
first. The probability of the class should fall faster than when pixels are removed in random order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from convscope.backends.torch import TorchNet

    Heat = NDArray[np.float32]

STAGES = 5
"""The most steps in which weights are shuffled."""

SIMILAR = 0.5
"""Rank correlation above which an attribution counts as independent of the weights."""

PARTS = 20
"""Number of steps in which pixels are removed."""

ORDERS = 10
"""Number of random orders for comparison."""


@dataclass(frozen=True)
class Randomised:
    """The similarity of an attribution to the original while weights are shuffled.

    Attributes:
        first: the layer whose weights are shuffled first; empty if no layer has weights.
        layers: for each step, the deepest layer that is shuffled, together with all later ones.
        alike: rank correlation with the map of the trained net at each step; None if that map is flat.
    """

    first: str
    layers: tuple[str, ...]
    alike: tuple[float | None, ...]

    @property
    def passed(self) -> bool | None:
        """Whether the attribution changes when all weights are shuffled; None if that cannot be determined."""
        last = self.alike[-1] if self.alike else None
        return None if last is None else abs(last) < SIMILAR

    def __str__(self) -> str:
        steps = ", ".join("flat" if one is None else f"{one:.2f}" for one in self.alike)
        words = {True: "it depends on the weights", False: "it hardly depends on the weights", None: "undetermined"}
        return f"weights shuffled from the last layer down: rank correlation {steps}: {words[self.passed]}"


@dataclass(frozen=True, eq=False)
class Deletion:
    """The probability of the class while pixels are removed.

    Attributes:
        shares: fraction of the pixels removed so far.
        curve: the probability if the most important pixels are removed first.
        chance: the probability for each of several random orders.
    """

    shares: NDArray[np.float64] = field(repr=False)
    curve: NDArray[np.float64] = field(repr=False)
    chance: NDArray[np.float64] = field(repr=False)

    @property
    def area(self) -> float:
        """The area under the curve, 0 to 1; small is good."""
        return float(np.trapezoid(self.curve, self.shares))

    @property
    def random_order(self) -> tuple[float, float]:
        """The mean and standard deviation of the area over the random orders."""
        areas = np.trapezoid(self.chance, self.shares, axis=1)
        return float(areas.mean()), float(areas.std(ddof=1))

    @property
    def passed(self) -> bool:
        """Whether the area is smaller than in random order by more than two standard deviations."""
        mean, spread = self.random_order
        return self.area < mean - 2 * spread

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        mean, spread = self.random_order
        return {"area": self.area, "random_order": mean, "random_order_std": spread, "passed": self.passed}

    def __str__(self) -> str:
        mean, spread = self.random_order
        words = "its pixels matter" if self.passed else "no better than a random order"
        return f"pixels removed: area {self.area:.3f}, random order {mean:.3f} ± {spread:.3f}: {words}"


@dataclass(frozen=True, eq=False)
class Trust:
    """Both checks of an attribution; deletion is omitted if the map is flat, since no pixel comes first."""

    randomised: Randomised
    deletion: Deletion | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "randomised": {
                "first": self.randomised.first,
                "layers": list(self.randomised.layers),
                "alike": list(self.randomised.alike),
                "passed": self.randomised.passed,
            },
            "deletion": self.deletion.to_json() if self.deletion else None,
        }

    def __str__(self) -> str:
        return f"{self.randomised}\n{self.deletion or 'pixels removed: not measured, because the map is flat'}"


def randomised(model: TorchNet, heat: Callable[[TorchNet], Heat], *, seed: int = 0) -> Randomised:
    """Compare an attribution with those of the same net while its weights are shuffled.

    Args:
        model: a copy, which is changed.
        heat: computes the heat map, ``h w``.
        seed: for the random orders.
    """
    first = heat(model)
    random = torch.Generator().manual_seed(seed)
    layers, alike = [], []
    parts = list(stages(model))
    for names in parts:
        for name in names:
            _shuffle(model.parts[model.names.index(name)], random)
        layers.append(names[-1])
        alike.append(rank_correlation(first, heat(model)))
    return Randomised(parts[0][0] if parts else "", tuple(layers), tuple(alike))


def stages(model: TorchNet) -> Iterator[list[str]]:
    """Return the layers with weights, last first, in a few groups."""
    pairs = zip(model.names, model.parts, strict=True)
    names = [name for name, part in pairs if any(weight.numel() > 1 for weight in part.parameters())][::-1]
    for part in np.array_split(np.array(names, dtype=object), min(STAGES, len(names))) if names else ():
        yield part.tolist()


@torch.no_grad()
def _shuffle(part: torch.nn.Module, random: torch.Generator) -> None:
    for weight in part.parameters():
        weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=random)].view(weight.shape))


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    """Return Spearman's correlation, tied ranks averaged; None if the first map is flat, 0 if only the other is.

    >>> rank_correlation(np.array([1, 2, 3.0]), np.array([10, 20, 90.0]))
    1.0
    """
    a, b = (_ranks(heat.ravel()) for heat in (one, other))
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return round(float((a * b).sum()) / length, 12) if length else 0.0 if a.any() else None


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: NDArray[np.float64] = (ends - (counts - 1) / 2)[which]
    return found


def deletion(  # noqa: PLR0913 -- the parts of the question
    probability: Callable[[Tensor], Tensor], x: Tensor, nothing: Tensor, heat: Heat, *, batch: int = 16, seed: int = 0
) -> Deletion | None:
    """Remove pixels, the most important first (ties in any order), and in random order; None if the map is flat.

    Args:
        probability: returns the probability of the class for images ``n c h w``.
        x: the image, ``1 c h w``.
        nothing: the value that replaces a pixel, ``1 c 1 1``.
        heat: the heat map, ``h w``.
        batch: images at a time.
        seed: for the random orders.
    """
    if heat.min() == heat.max():
        return None
    random = np.random.default_rng(seed)
    shares = np.linspace(0, 1, PARTS + 1)

    def curve(order: NDArray[np.intp]) -> NDArray[np.float64]:
        position = np.empty(len(order), dtype=np.intp)
        position[order] = np.arange(len(order))
        gone = position[None] < np.round(shares * len(order))[:, None]
        masks = torch.from_numpy(gone).view(-1, 1, *x.shape[2:]).to(x.device)
        with torch.inference_mode():
            parts = [probability(torch.where(some, nothing, x)) for some in torch.split(masks, batch)]
        return torch.cat(parts).cpu().double().numpy()

    mattering = np.lexsort((random.permutation(heat.size), -heat.ravel()))
    chance = np.stack([curve(random.permutation(heat.size)) for _ in range(ORDERS)])
    return Deletion(shares, curve(mattering), chance)
