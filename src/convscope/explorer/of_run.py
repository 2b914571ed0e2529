"""The part of the document about a run: evaluation, log, images, activity, provenance."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from convscope.data import registry
from convscope.data.facts import Again
from convscope.explorer.document import Preparation
from convscope.explorer.document_run import Activity, Data, Evaluation, Fact, Report, Run
from convscope.explorer.images import Shown
from convscope.explorer.neighbours import neighbours
from convscope.explorer.sureness import rows_of, sureness
from convscope.lens.activity import activity
from convscope.lens.cases import file_of, image_name
from convscope.lens.near import near
from convscope.reporting.of_run import provenance_rows
from convscope.training import metrics
from convscope.training.evaluate import Evaluation as Evaluated
from convscope.training.evaluate import predicted_by, scores_of
from convscope.training.evaluate_run import has_images, predictions_of
from convscope.training.export import channel_scale
from convscope.training.train import model_of, tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from convscope.data import Dataset, Split
    from convscope.training.evaluate import Predicted
    from convscope.training.run import Run as Trained

    Scores = Callable[[NDArray[np.uint8]], NDArray[np.float64]]

TEST = "test"

POINTS = 400
"""The most lines of the log, beside those with a validation."""

CLASSES = 100
"""The most classes whose scores are held for each image."""

FIRST, SAMPLE, WRONG = 20, 100, 400
"""Images: those that are there in any case, all of the sample, and the most misclassified ones."""

ABSENT = "The images of the run are not where they were, or have changed: --data names them."


@dataclass(frozen=True)
class Found:
    """What the document says of a run.

    Attributes:
        trained: the run.
        run: its part of the document.
        preparation: how pixels become the input of the net.
        images: a sample of the test images, and the misclassified ones, the most useful first.
        neighbours: training images that are nearest to misclassified ones.
        left_out: what is not there, in sentences.
    """

    trained: Trained
    run: Run
    preparation: Preparation
    images: tuple[Shown, ...]
    neighbours: tuple[Shown, ...]
    left_out: tuple[str, ...]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the trained weights, by ``layer.tensor``."""
        return tensors_of(self.trained)


@dataclass(frozen=True)
class Predictions:
    """What a run predicts for its test images.

    Attributes:
        predicted: the predictions for all.
        rows: the images whose scores are known.
        scores: their scores, ``n classes``.
    """

    predicted: Predicted
    rows: NDArray[np.intp]
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, run: Trained, predicted: Predicted | None = None) -> Predictions:
        """Predict the test images of a run, each once if all scores can be kept."""
        test, model = registry.load(run.dataset, TEST), model_of(run)
        count = len(test.images)
        rows = rows_of(run.net, count, len(run.dataset.classes))
        images = test.images if len(rows) == count else test.images[rows]
        scores = scores_of(model, images, run.dataset) if len(rows) else np.zeros((0, len(run.dataset.classes)))
        if predicted is None:
            whole = len(rows) == count
            predicted = predicted_by(scores, test.labels) if whole else predictions_of(run, run.dataset)
        return cls(predicted, rows, scores)


def found_in(run: Trained, known: Predictions | None = None, also: Sequence[int] = ()) -> Found:
    """Return what the document says of a run.

    Args:
        run: the run.
        known: what it predicts for its test images, if that has been computed.
        also: further test images.

    Raises:
        RunError: the weights do not fit the net.
        DataError: the user named images, and they are not those of the run.
    """
    left: list[str] = []
    evaluation: Evaluation | None = None
    images: tuple[Shown, ...] = ()
    beside: tuple[Shown, ...] = ()
    active: tuple[Activity, ...] = ()
    if has_images(run):
        test, model = registry.load(run.dataset, TEST), model_of(run)
        known = known or Predictions.of(run)
        evaluation = evaluated(run, known)
        images, told = chosen(test, known.predicted, also)
        scores = partial(scores_of, model, dataset=run.dataset)
        images, beside, away = neighbours(
            run, scored(images, scores, len(run.dataset.classes)), partial(near, model, run)
        )
        found, missing = activity(model, run.net, test.images, run.dataset)
        active = tuple(Activity(**asdict(one)) for one in found)
        left += [*told, *missing, *([away] if away else [])]
    else:
        left.append(ABSENT)
    part, told = part_of(run, evaluation, active)
    return Found(run, part, preparation(run.dataset), images, beside, (*left, *told))


def part_of(run: Trained, evaluation: Evaluation | None, active: tuple[Activity, ...] = ()) -> tuple[Run, list[str]]:
    """Return the part of the document about a run, and what is wrong with its files."""
    rows, damage = provenance_rows(run)
    log, lost = _log(run)
    part = Run(
        name=run.path.resolve().name,
        step=run.step or None,
        seed=run.seed,
        recipe=run.recipe.name,
        data=_data(run.dataset),
        seconds=run.result.seconds,
        images_per_second=None if isnan(run.result.images_per_second) else run.result.images_per_second,
        evaluation=evaluation,
        log=log,
        activity=active,
        provenance=tuple(Fact(name=name, value=value) for name, value in rows),
    )
    return part, [f"{one}." for one in (damage, *lost) if one]


def preparation(dataset: Dataset) -> Preparation:
    """Return how pixels become the input of a net that was trained on a data set.

    >>> preparation(registry.DATASETS["mnist"]).mean
    (0.1307,)
    """
    mean, std = channel_scale(dataset)
    return Preparation(mean=tuple(mean), std=tuple(std), ink=dataset.ink, ground=dataset.ground)


def _data(dataset: Dataset) -> Data:
    source = dataset.source
    prints = dict(source.sha256) if isinstance(source, Again) else {}
    return Data(name=dataset.title, licence=dataset.licence, counts=dict(dataset.counts), fingerprints=prints)


def evaluated(run: Trained, known: Predictions) -> Evaluation:
    """Return the evaluation of a run on its test images."""
    found = Evaluated.of(known.predicted, run.dataset.classes, run.dataset.title)
    pairs = [
        (true, predicted, count)
        for true, row in enumerate(found.confusion)
        for predicted, count in enumerate(row)
        if count
    ]
    return Evaluation(
        split=found.split,
        count=found.count,
        hits=found.hits,
        accuracy=found.accuracy,
        interval=found.interval,
        loss=found.loss,
        calibration=found.calibration,
        confusion=tuple(pairs),
        sureness=sureness(known.predicted, known.rows, known.scores),
    )


def _log(run: Trained) -> tuple[tuple[Report, ...], list[str]]:
    """Return lines of the log, evenly spaced if there are many, and what is wrong with it."""
    reports = metrics.read(run.path)
    lines = [line for line, _ in reports.lines]
    every = max(1, -(-len(lines) // POINTS))
    kept = [
        line for at, line in enumerate(lines) if not at % every or at == len(lines) - 1 or line.val_loss is not None
    ]
    names = Report.__struct_fields__
    return tuple(Report(**{name: getattr(line, name) for name in names}) for line in kept), reports.told(run.path)


def chosen(test: Split, predicted: Predicted, also: Sequence[int] = ()) -> tuple[tuple[Shown, ...], list[str]]:
    """Return a sample of images, misclassified ones by loss, and those asked for; and a sentence on the rest."""
    sample = np.unique(np.linspace(0, len(test.images) - 1, min(SAMPLE, len(test.images))).astype(int)).tolist()
    order = np.argsort(-predicted.losses, kind="stable")
    wrong = order[~predicted.right[order]].tolist()
    numbers = dict.fromkeys([*sample[:FIRST], *wrong[:WRONG], *also, *sample[FIRST:]])
    told = (
        [f"Of {len(wrong):,} misclassified images, the {WRONG} with the highest loss are here."]
        if len(wrong) > WRONG
        else []
    )
    return tuple(shown(test, at, predicted) for at in numbers), told


def scored(images: tuple[Shown, ...], scores: Scores, classes: int) -> tuple[Shown, ...]:
    """Return images with their scores, unless there are too many classes."""
    if not images or classes > CLASSES:
        return images
    found = scores(np.stack([one.pixels for one in images]))
    return tuple(
        replace(one, scores=tuple(round(value, 5) for value in row))
        for one, row in zip(images, found.tolist(), strict=True)
    )


def shown(test: Split, at: int, predicted: Predicted) -> Shown:
    """Return a test image with the prediction for it."""
    return Shown(
        pixels=np.array(test.images[at]),
        name=image_name(TEST, at, file_of(test, at)),
        split=TEST,
        number=at,
        truth=int(predicted.labels[at]),
        predicted=int(predicted.predicted[at]),
        probability=float(predicted.confidence[at]),
        loss=float(predicted.losses[at]),
    )
