"""Which weights are trained by what; first weights; running means; a run goes on with all of that to the bit."""

from typing import Any

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.backends.torch import TorchNet
from convscope.data import DATASETS, Split
from convscope.errors import FieldError
from convscope.training.init import dirac, whiten
from convscope.training.loop import Trainer
from convscope.training.optimizers import Optimizers, orthogonal, scale_free
from convscope.training.recipe import find

NET = "input 8x8x1, conv 8 3x3 p1 nobias bn relu, conv 8 3x3 p1 nobias, maxpool 2 bn relu, conv 4 1x1 relu, linear 10"
MNIST = DATASETS["mnist"]


def images(count: int = 64) -> Split:
    draw = np.random.default_rng(3)
    return Split(draw.integers(0, 255, (count, 1, 8, 8), dtype=np.uint8), draw.integers(0, 10, count, dtype=np.uint8))


def trainer(**settings: Any) -> Trainer:
    torch.manual_seed(7)
    recipe = find("fast").changed(**{"batch": 8, "epochs": 2, "precision": "float32", **settings})
    return Trainer(TorchNet(cs.read(NET), logits=True), images(), MNIST, recipe, seed=7)


def steps(one: Trainer, count: int) -> None:
    one.model.train()
    for _ in range(count):
        one._step()


def test_only_kernels_before_a_norm_have_no_scale() -> None:
    model = TorchNet(cs.read(NET))
    names = [name for name, weight in model.named_parameters() if any(weight is one for one in scale_free(model))]
    assert names == ["parts.0.weight", "parts.3.weight"]  # not the 1x1 with a bias before a relu, not the linear
    shared = TorchNet(cs.read("input 8x8x1, a: conv 4 3x3 p1 nobias, add( bn | id )"))
    assert scale_free(shared) == []


def test_an_orthogonal_matrix_is_near() -> None:
    torch.manual_seed(0)
    for rows, columns in ((6, 40), (40, 6), (9, 9)):
        matrix = torch.randn(rows, columns)
        singular = torch.linalg.svdvals(orthogonal(matrix))
        assert singular.min() > 0.3
        assert singular.max() < 1.3
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        assert torch.nn.functional.cosine_similarity(orthogonal(matrix).flatten(), (u @ v).flatten(), 0) > 0.95


def test_muon_keeps_lengths_and_turns_by_its_rate() -> None:
    one = trainer(muon_rate=0.1, learning_rate=1e-9)
    kernel = one.model.get_parameter("parts.3.weight")
    steps(one, 1)
    before = kernel.detach().clone()
    steps(one, 1)
    share = one.watch.rate / one.recipe.learning_rate
    length = (kernel - before / before.norm() * 8**0.5).norm()  # 8 rows: the root of 8 is the length
    assert 0.3 * 8**0.5 * 0.1 * share < length < 1.3 * 8**0.5 * 0.1 * share
    assert [type(each).__name__ for each in Optimizers(one.model, one.recipe).all] == ["AdamW", "Muon"]


def test_dirac_kernels_pass_the_input_on() -> None:
    conv = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False)
    dirac(conv)
    x = torch.randn(2, 3, 6, 6)
    assert torch.equal(conv(x)[:, :3], x)


def test_whitened_patches_are_uncorrelated_and_of_variance_one() -> None:
    draw = np.random.default_rng(0)
    smooth = np.clip(np.cumsum(draw.normal(0, 12, (400, 1, 12, 12)), axis=3) + 120, 0, 255).astype(np.uint8)
    split = Split(smooth, np.zeros(400, np.uint8))
    conv = torch.nn.Conv2d(1, 8, 2, bias=False)
    whiten(conv, split, MNIST)
    assert not conv.weight.requires_grad
    from convscope.training.batches import scaled

    with torch.no_grad():
        found = conv(scaled(torch.from_numpy(smooth), MNIST)).permute(1, 0, 2, 3).reshape(8, -1)
    moments = found[:4] @ found[:4].T / found.shape[1]
    assert torch.allclose(moments, torch.eye(4), atol=0.15)  # a little less than 1 where there is little variance
    assert (moments - torch.diag(moments.diagonal())).abs().max() < 1e-3
    assert torch.equal(found[4:], -found[:4])


def test_what_cannot_be_whitened_says_so() -> None:
    for conv in (torch.nn.Conv2d(1, 7, 3), torch.nn.Conv1d(1, 2, 3), torch.nn.Conv2d(1, 20, 3)):
        with pytest.raises(FieldError, match="whiten"):
            whiten(conv, images(), MNIST)
    with pytest.raises(FieldError, match="no convolution"):
        torch.manual_seed(0)
        recipe = find("fast").changed(whiten=True)
        Trainer(TorchNet(cs.read("input 8x8x1, linear 10")), images(), MNIST, recipe, seed=0)


def test_the_mean_of_the_weights_is_kept_at_the_end() -> None:
    one = trainer(average=2 / 3, epochs=0.4)  # 3 steps of 8 images, 2 of them: half of the mean is new
    seen: list[torch.Tensor] = []
    weight = one.model.get_parameter("parts.7.weight")
    one.run(lambda _: None, lambda: seen.append(weight.detach().clone()))
    assert torch.allclose(weight, (seen[0] + seen[1]) / 4 + seen[2] / 2, atol=1e-6)
    assert not torch.equal(weight, seen[2])


ALL = {
    "muon_rate": 0.1, "average": 0.3, "dirac": True, "whiten": True, "flip": True, "erase": 2, "rotate": 9.0,
    "zoom": 0.1, "shear": 0.1, "bend": 1.0, "shift": 1,
}  # fmt: skip


@pytest.mark.parametrize("stop", [3, 11])
def test_a_run_with_all_of_it_goes_on_to_the_bit(stop: int) -> None:
    whole, first, second = trainer(**ALL), trainer(**ALL), trainer(**ALL)
    steps(whole, 14)
    steps(first, stop)
    second.restore(first.state())
    steps(second, 14 - stop)
    ours, theirs = whole.state().tensors, second.state().tensors
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []
    assert any(key.startswith("average.") for key in ours)
    assert {key.split(".")[1] for key in ours if key.startswith("optimizer.")} == {"0", "1"}
