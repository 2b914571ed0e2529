"""Two runs on the same images: is one better, or was it luck?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.analyze.cost import net_params
from convscope.backends.device import find
from convscope.errors import DataError
from convscope.training.evaluate import Evaluation
from convscope.training.evaluate_run import other, predictions_of
from convscope.training.intervals import paired_difference
from convscope.training.run import Run, load
from convscope.view.parts import Column, Grid, Stack

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from convscope.data.registry import Dataset
    from convscope.training.evaluate import Predicted

SHOWN = 10
"""Number of images listed in the text; the data lists all."""


def mcnemar(first: int, second: int) -> float:
    """Return the exact two-sided p value of McNemar's test (1947), from the images that only one classifies correctly.

    If neither were better, each such image would be a coin toss: p is twice the probability of a split at least as
    uneven, and at most 1.

    Args:
        first: images that only the first classifies correctly.
        second: images that only the second classifies correctly.

    One of six: ``2 · (1 + 6) / 2⁶``.

    >>> mcnemar(1, 5)
    0.21875
    """
    count = first + second
    ways = total = 1
    for at in range(min(first, second)):
        ways = ways * (count - at) // (at + 1)
        total += ways
    return float(min(1.0, 2 * total / 2**count))


@dataclass(frozen=True)
class Disagreement:
    """An image that only one of two runs classifies correctly.

    Attributes:
        image: its index in the test set, from 0.
        true: the true class.
        a: predictions of the first run.
        b: predictions of the second run.
    """

    image: int
    true: str
    a: str
    b: str


@dataclass(frozen=True)
class RunComparison:
    """The result of :func:`compare_runs`; prints itself.

    Attributes:
        runs: both runs.
        evaluation: of both, on the same images.
        disagreements: the images that only one classifies correctly.
    """

    runs: tuple[Run, Run]
    evaluation: tuple[Evaluation, Evaluation]
    disagreements: tuple[Disagreement, ...]

    @property
    def only(self) -> tuple[int, int]:
        """Number of images that only the first classifies correctly, and that only the second does."""
        first = sum(entry.a == entry.true for entry in self.disagreements)
        return first, len(self.disagreements) - first

    @property
    def difference(self) -> float:
        """Accuracy of the second minus that of the first."""
        first, second = self.only
        return (second - first) / self.evaluation[0].count

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference (:func:`paired_difference`)."""
        first, second = self.only
        return paired_difference(second, first, self.evaluation[0].count)

    @property
    def p(self) -> float:
        """The p value of McNemar's exact test (:func:`mcnemar`)."""
        return mcnemar(*self.only)

    def to_json(self) -> dict[str, Any]:
        """Plain data of schema ``convscope/compare-runs/2``."""
        return {
            "schema": "convscope/compare-runs/2",
            "data": self.evaluation[0].data,
            "count": self.evaluation[0].count,
            "runs": [_facts(run, evaluation) for run, evaluation in zip(self.runs, self.evaluation, strict=True)],
            "only_a": self.only[0],
            "only_b": self.only[1],
            "difference": self.difference,
            "interval": list(self.interval),
            "p": self.p,
            "test": "McNemar, exact, two-sided",
            "disagreements": [vars(entry) for entry in self.disagreements],
        }

    def stack(self) -> Stack:
        """Return both runs side by side, whether they differ, and where."""
        columns = (Column(""), *(Column(title, right=True) for title in "AB"))
        facts = [_cells(run, evaluation) for run, evaluation in zip(self.runs, self.evaluation, strict=True)]
        rows = tuple((name, facts[0][name], facts[1][name]) for name in facts[0])
        first, second = self.only
        low, high = (100 * end for end in self.interval)
        count, hits = self.evaluation[0].count, self.evaluation[0].hits
        shares = f"only A {first:,}, only B {second:,}, both {hits - first:,}, neither {count - hits - second:,}"
        return Stack(
            (
                Grid(columns, rows),
                "",
                f"correct on {count:,} images: {shares}",
                f"B - A  {100 * self.difference:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}",
                f"p      {self.p:.3g} (McNemar's exact test, two-sided)",
                *self._listed(),
            )
        )

    def __str__(self) -> str:
        return self.stack().to_text()

    def _listed(self) -> list[Grid | str]:
        """Describe the first images on which they differ."""
        if not self.disagreements:
            return []
        shown = tuple((str(e.image), e.true, e.a, e.b) for e in self.disagreements[:SHOWN])
        grid = Grid((Column("image", right=True), Column("true"), Column("A"), Column("B")), shown)
        more = len(self.disagreements) - SHOWN
        return ["", grid, *([f"and {more:,} more: --json lists them all"] if more > 0 else [])]

    __repr__ = __str__


def compare_runs(
    first: Run | str | Path,
    second: Run | str | Path,
    data: str | None = None,
    *,
    device: str | torch.device | None = None,
) -> RunComparison:
    """Compare two runs on the same test images.

    Args:
        first: a run or its folder.
        second: another run or its folder.
        data: name of the data set; by default the one that both were trained on.
        device: where to compute, as for :func:`convscope.train`.

    Raises:
        RunError: a folder is not a run.
        DataError: the runs were trained on different data and ``data`` is not given, or their classes differ.
    """
    place = find(device)
    a, b = (run if isinstance(run, Run) else load(run) for run in (first, second))
    comparable(a, b, data)
    dataset = a.dataset if data is None else other(a, data)
    predicted = predictions_of(a, dataset, device=place), predictions_of(b, dataset, device=place)
    return compared(a, b, dataset, predicted)


def comparable(a: Run, b: Run, data: str | None = None) -> None:
    """Check that two runs can be evaluated on the same images.

    Raises:
        DataError: they were trained on different data and ``data`` is not given, or their classes differ.
    """
    if data is None and a.dataset.name != b.dataset.name:
        raise DataError(
            "the runs have no test images in common",
            given=f"{a.path} was trained on {a.dataset.name}, {b.path} on {b.dataset.name}",
            expected="--data with images to evaluate both on",
        )
    if a.dataset.classes != b.dataset.classes:
        raise DataError("the classes of the runs differ", expected="the same classes in the same order")


def compared(a: Run, b: Run, dataset: Dataset, predicted: tuple[Predicted, Predicted]) -> RunComparison:
    """Compare the predictions of two runs for the test images of a data set."""
    evaluation = tuple(Evaluation.of(found, a.dataset.classes, dataset.name) for found in predicted)
    return RunComparison((a, b), (evaluation[0], evaluation[1]), _disagreements(*predicted, a.dataset.classes))


def _disagreements(first: Predicted, second: Predicted, classes: tuple[str, ...]) -> tuple[Disagreement, ...]:
    return tuple(
        Disagreement(int(at), *(classes[found[at]] for found in (first.labels, first.predicted, second.predicted)))
        for at in np.flatnonzero(first.right != second.right)
    )


def _facts(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "path": str(run.path),
        "net": str(run.net),
        "accuracy": evaluation.accuracy,
        "interval": list(evaluation.interval),
        "loss": evaluation.loss,
        "calibration_error": evaluation.calibration,
        "params": net_params(run.net).value,
    }


def _cells(run: Run, evaluation: Evaluation) -> dict[str, str]:
    low, high = (100 * end for end in evaluation.interval)
    return {
        "run": str(run.path),
        "params": f"{net_params(run.net).value:,}",
        "accuracy": f"{100 * evaluation.accuracy:.2f} %",
        "95 % interval": f"{low:.2f} to {high:.2f} %",
        "loss": f"{evaluation.loss:.4f}",
        "calibration error": f"{100 * evaluation.calibration:.2f} points",
    }
