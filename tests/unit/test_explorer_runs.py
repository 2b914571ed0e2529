"""What the explorer's document says of a run beyond its accuracy: sureness, scores, neighbours, and a second run."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 -- torch's own convention

from convscope.data import registry
from convscope.errors import RunError
from convscope.explorer.build import document_of
from convscope.explorer.document import Document
from convscope.explorer.document_run import Run as Part
from convscope.lens.mistakes import mistakes
from convscope.lens.subject import subject
from convscope.training.evaluate import logits
from convscope.training.evaluate_run import predictions_of
from convscope.training.paired import compare_runs
from convscope.training.recipe import find
from convscope.training.run import Run
from convscope.training.train import model_of, train


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(recipe=find("fast").changed(epochs=0.03), seed=1, out=tmp_path_factory.mktemp("second"))


@pytest.fixture(scope="module")
def document(short_run: Run, second: Run) -> Document:
    return document_of(short_run, against=second)


@pytest.fixture(scope="module")
def run(document: Document) -> Part:
    assert document.run is not None
    return document.run


def test_probabilities_are_counted(run: Part, short_run: Run) -> None:
    found = predictions_of(short_run, short_run.dataset)
    assert run.evaluation is not None
    sure = run.evaluation.sureness
    assert sure is not None
    assert (sum(sure.correct), sum(sure.wrong)) == (found.right.sum(), (~found.right).sum())
    for at in (30, 50, 80):
        below = found.confidence < at / 100
        assert sum(sure.wrong[:at]) == (below & ~found.right).sum()
        assert sum(sure.correct[:at]) + sum(sure.wrong[:at]) == below.sum()
    assert sure.mean_wrong == pytest.approx(found.confidence[~found.right].mean())
    assert sure.mean_correct == pytest.approx(found.confidence[found.right].mean())


def test_multiplied_scores_change_the_loss_alone(run: Part, short_run: Run) -> None:
    test = registry.load(short_run.dataset, "test")
    scores = logits(model_of(short_run), torch.from_numpy(np.array(test.images)), short_run.dataset).double()
    labels = torch.from_numpy(np.array(test.labels)).long()
    assert run.evaluation is not None
    sure = run.evaluation.sureness
    assert sure is not None
    assert sure.scaled_images == len(test.images)
    assert sure.scaled[9] == pytest.approx(run.evaluation.loss, abs=1e-9)
    for factor in (0.5, 2.5, 8):
        expected = F.cross_entropy(factor * scores, labels)
        assert sure.scaled[round(10 * factor) - 1] == pytest.approx(float(expected), abs=1e-9)


def test_scores_are_those_of_the_prediction(document: Document) -> None:
    for image in document.images:
        assert image.scores is not None
        scores = torch.tensor(image.scores, dtype=torch.float64)
        assert int(scores.argmax()) == image.predicted
        assert float(scores.softmax(0).max()) == pytest.approx(image.probability, abs=1e-4)


def test_neighbours_are_those_of_the_lens(document: Document, short_run: Run) -> None:
    image = next(one for one in document.images if one.truth != one.predicted)
    found = mistakes(subject(short_run), image.name)
    near = [(document.neighbours[at], far) for at, far in image.near]
    assert [one.name for one, _ in near] == [one.name for one in found.nearest]
    assert [far for _, far in near] == pytest.approx([one.value for one in found.nearest], abs=1e-3)
    assert all(one.split == "train" and one.predicted is None and one.blob in document.blobs for one, _ in near)


def test_a_second_run_is_compared_on_the_same_images(document: Document, short_run: Run, second: Run) -> None:
    expected = compare_runs(short_run, second)
    assert document.against is not None
    found = document.against.paired
    assert (found.only_first, found.only_second) == expected.only
    assert (found.difference, found.interval, found.p) == (expected.difference, expected.interval, expected.p)
    assert found.both + found.only_first + found.only_second + found.neither == 10_000
    assert [one[0] for one in found.images] == [one.image for one in expected.disagreements][:200]
    shown = {one.number for one in document.images}
    assert {one[0] for one in found.images} <= shown
    assert document.against.run.evaluation is not None
    assert document.against.run.evaluation.accuracy == expected.evaluation[1].accuracy


def test_only_runs_are_compared(short_run: Run) -> None:
    with pytest.raises(RunError, match="only a run can be compared with a run"):
        document_of(short_run, against="input 8x8x1, conv 2 3x3")
