"""The result of a sweep of the learning rate: the losses, a suggestion by a stated rule, and a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from convscope.inert import inert
from convscope.view.figure import Figure
from convscope.view.plot import Line, Plot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MEMORY = 0.9
"""The share of the running mean of the loss that is kept at each step."""

BELOW = 10.0
"""How far the suggestion lies below the rate with the lowest loss."""

FALL = 0.05
"""The least share by which the loss must fall for a suggestion."""

FIRST = 10
"""The steps whose mean loss is that of the start."""

WORSE = 4.0
"""A sweep ends where the running mean of the loss is this many times its lowest value."""

RULE = "a tenth of the rate at which the running mean of the loss is lowest"

WIDE, HIGH = 64, 12
"""The drawing in a terminal [character]."""


def smoothed(losses: Sequence[float]) -> list[float]:
    """Return the running mean of the losses, corrected for its start from 0 (as in Adam).

    >>> [round(one, 3) for one in smoothed([2.0, 2.0, 1.0])]
    [2.0, 2.0, 1.631]
    """
    found, mean = [], 0.0
    for at, loss in enumerate(losses):
        mean = MEMORY * mean + (1 - MEMORY) * loss
        found.append(mean / (1 - MEMORY ** (at + 1)))
    return found


def is_over(losses: Sequence[float]) -> bool:
    """Return whether a sweep ends here: the last loss is not finite, or its running mean is far above the lowest.

    >>> is_over([2.0, 1.0]), is_over([2.0, float("nan")]), is_over([0.5, 0.5, 40.0])
    (False, True, True)
    """
    if not math.isfinite(losses[-1]):
        return True
    means = smoothed(losses)
    return means[-1] > WORSE * min(means)


@dataclass(frozen=True)
class Sweep:
    """A sweep of the learning rate; prints itself.

    Attributes:
        rates: the learning rate of each step.
        losses: the loss of each step, before it was taken.
        net: in the notation.
        data: name of the data set.
        recipe: name of the recipe.
        seed: for weights, order and augmentation.
        batch: images per step.
        usual: the peak of the recipe.

    >>> found = Sweep((1e-3, 1e-2, 1e-1), (2.0, 1.0, 9.0), "…", "mnist", "fast", 0, 128, 0.015)
    >>> found.suggestion
    0.001
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    net: str
    data: str
    recipe: str
    seed: int
    batch: int
    usual: float

    @cached_property
    def means(self) -> tuple[float, ...]:
        """The running mean of the loss at each step; not finite where a loss is not."""
        return tuple(smoothed(self.losses))

    @property
    def lowest(self) -> int:
        """The step at which the running mean of the loss is lowest."""
        finite = [at for at, one in enumerate(self.means) if math.isfinite(one)]
        return min(finite, key=lambda at: self.means[at], default=0)

    @property
    def _first(self) -> list[float]:
        """The finite losses at the start."""
        return [one for one in self.losses[:FIRST] if math.isfinite(one)]

    @property
    def suggestion(self) -> float | None:
        """The suggested peak rate, :data:`RULE`; None if the loss does not fall."""
        first = self._first
        if not first or self.means[self.lowest] > (1 - FALL) * sum(first) / len(first):
            return None
        return float(f"{self.rates[self.lowest] / BELOW:.2g}")

    @property
    def words(self) -> str:
        """The suggestion, in one sentence."""
        if self.suggestion is None:
            return f"no suggestion: the loss does not fall by {100 * FALL:g} % at any rate"
        ends = "; the loss was still falling at the last rate" if self.lowest == len(self.rates) - 1 else ""
        return f"suggested learning rate {self.suggestion:g}: {RULE} ({self.rates[self.lowest]:.3g}){ends}"

    @property
    def _what(self) -> str:
        steps = f"{len(self.rates):,} steps of {self.batch:,} images"
        about = f"{inert(self.data)}, recipe {inert(self.recipe)}, seed {self.seed}"
        return f"{about}, {steps}; the peak of the recipe is {self.usual:g}"

    def to_json(self) -> dict[str, Any]:
        """Return plain data; a loss that is not finite is null there."""
        rows = zip(self.rates, self.losses, self.means, strict=True)
        return {
            "net": self.net,
            "data": self.data,
            "recipe": self.recipe,
            "seed": self.seed,
            "batch": self.batch,
            "learning_rate": self.usual,
            "suggestion": self.suggestion,
            "rule": RULE,
            "steps": [
                {"learning_rate": rate, "loss": _finite(loss), "smoothed": _finite(mean)} for rate, loss, mean in rows
            ],
        }

    def figure(self) -> Figure:
        """Return the drawing: the loss over the logarithm of the rate."""
        xs = tuple(math.log10(rate) for rate in self.rates)
        top = 1.5 * max(self._first, default=1.0)
        lines = [
            Line("loss", xs, self._seen(self.losses, top), 7),
            Line("running mean", xs, self._seen(self.means, top)),
        ]
        if self.suggestion is not None:
            at = math.log10(self.suggestion)
            lines.append(Line("suggestion", (at, at), (0.0, top), 1, dashed=True))
        plot = Plot(tuple(lines), "learning rate, log10", "loss", wide=560, ylim=(0.0, top))
        return Figure("Sweep of the learning rate", plot, f"{self.words}\n{self._what}")

    @staticmethod
    def _seen(values: Sequence[float], top: float) -> tuple[float, ...]:
        """Return the values as far as the drawing shows them."""
        return tuple(one if one <= top else math.nan for one in values)

    def save(self, path: str | Path) -> Path:
        """Write the drawing: ``.svg``, ``.html`` or ``.png``.

        Raises:
            WriteError: the suffix is unknown, or the file cannot be written.
        """
        return self.figure().save(path)

    def _chart(self) -> list[str]:
        """Return the running mean as lines of text."""
        top = 1.25 * max(self._first, default=1.0)
        first, last = math.log10(self.rates[0]), math.log10(self.rates[-1])
        rows = [[" "] * WIDE for _ in range(HIGH)]
        for rate, mean in zip(self.rates, self.means, strict=True):
            if math.isfinite(mean) and mean <= top:
                rows[HIGH - 1 - min(HIGH - 1, int(HIGH * mean / top))][_column(rate, first, last)] = "•"
        found = [f"{top * (HIGH - at - 0.5) / HIGH:6.2f} │{''.join(row).rstrip()}" for at, row in enumerate(rows)]
        marks = [" "] * WIDE
        if self.suggestion is not None and self.suggestion >= self.rates[0]:
            marks[_column(self.suggestion, first, last)] = "▲"
        ends = f"{self.rates[0]:.3g}", f"{self.rates[-1]:.3g}"
        axis = f"{'':7}└{'─' * WIDE}"
        return [*found, axis, f"{'':8}{''.join(marks)}".rstrip(), f"{'':8}{ends[0]}{ends[1]:>{WIDE - len(ends[0])}}"]

    def __str__(self) -> str:
        return "\n".join(
            ["loss, running mean, over the learning rate (logarithmic)", *self._chart(), self._what, self.words]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def _column(rate: float, first: float, last: float) -> int:
    return min(WIDE - 1, int(WIDE * (math.log10(rate) - first) / max(1e-9, last - first)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
