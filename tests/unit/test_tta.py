"""Several views of each image: which they are, what they weigh, and where they are refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convscope.cli import run as command
from convscope.data import DATASETS, load
from convscope.errors import FieldError, ShapeError
from convscope.training.evaluate import logits
from convscope.training.evaluate_run import evaluate_run
from convscope.training.recipe import find
from convscope.training.run import Run
from convscope.training.train import model_of
from convscope.training.tta import VIEWS, Augmented, check_tta


class Pixels(nn.Module):
    """Scores are the pixels themselves, so that what was seen can be read off."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def test_six_views_by_hand() -> None:
    image = np.arange(1.0, 13.0).reshape(3, 4)
    wide = np.pad(image, 1, mode="edge")
    expected = 0.5 * image + 0.25 * wide[:3, :4] + 0.25 * wide[2:, 2:]
    expected = 0.5 * (expected + 0.5 * image[:, ::-1] + 0.25 * wide[:3, :4][:, ::-1] + 0.25 * wide[2:, 2:][:, ::-1])
    found = Augmented(Pixels(), 6)(torch.tensor(image).view(1, 1, 3, 4)).view(3, 4)
    assert np.allclose(found.numpy(), expected, rtol=0, atol=1e-12)


def test_one_view_is_the_net_itself_and_two_are_its_mirror_too() -> None:
    images = torch.rand(5, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Augmented(Pixels(), 1)(images), images.flatten(1))
    mirrored = (images + images.flip(-1)) / 2
    assert torch.allclose(Augmented(Pixels(), 2)(images), mirrored.flatten(1))


@pytest.mark.parametrize("count", VIEWS)
def test_weights_of_the_views_add_up_to_one(count: int) -> None:
    flat = torch.full((2, 1, 5, 5), 3.0)
    assert torch.allclose(Augmented(Pixels(), count)(flat), flat.flatten(1))


def flipping(run: Run) -> Run:
    """The same weights, as if they had been learned with mirror images."""
    return replace(run, recipe=run.recipe.changed(flip=True))


def test_a_run_is_judged_by_the_mean_of_its_scores(short_run: Run) -> None:
    test = load(DATASETS["mnist"], "test")
    images = torch.from_numpy(test.images.copy())
    model = model_of(short_run)
    mean = (logits(model, images, short_run.dataset) + logits(model, images.flip(-1), short_run.dataset)) / 2
    found = evaluate_run(flipping(short_run), tta=2)
    assert found.hits == int((mean.argmax(1).numpy() == test.labels).sum())
    assert found.hits != evaluate_run(short_run).hits  # digits have no mirror images; two views must not be one
    assert found.tta == 2
    assert "images misclassified, averaging 2 views of each (test-time augmentation)" in str(found)


def test_views_that_make_no_sense() -> None:
    recipe = find("fast")
    with pytest.raises(FieldError, match="cannot use 3 views"):
        check_tta(3, recipe.changed(flip=True), (1, 28, 28))
    with pytest.raises(FieldError, match="was not trained on any"):
        check_tta(2, recipe, (1, 28, 28))
    with pytest.raises(ShapeError, match="images with height and width"):
        check_tta(6, recipe.changed(flip=True), (1, 28))
    check_tta(1, recipe, (1, 28))


def test_the_command_says_how_many_views(short_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["eval", str(short_run.path), "--tta", "6"]) == 2
    assert "was not trained on any" in capsys.readouterr().err
    assert command(["eval", str(short_run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tta"] == 1
