"""One call for every image of a net: what it shows, and what it says of bad input."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import convscope as cs
from convscope.backends import device
from convscope.cli import run as command
from convscope.data import DATASETS, load, registry
from convscope.errors import (
    ConvscopeError,
    FieldError,
    ImageError,
    ModelError,
    RunError,
    ShapeError,
    UnknownNameError,
    WriteError,
)
from convscope.lens import mistakes as looking
from convscope.lens import subject as subjects
from convscope.lens.drawing.common import PALE, over
from convscope.lens.explain import Saliency
from convscope.lens.features import Features
from convscope.lens.field import Reach
from convscope.lens.image import input_image, nothing
from convscope.lens.kernels import Kernels
from convscope.lens.kinds import LENSES, LISTS
from convscope.lens.mistakes import Mistakes
from convscope.lens.split import split
from convscope.lens.subject import subject
from convscope.lens.trust import deletion, randomised, rank_correlation, stages
from convscope.training.evaluate import Predicted
from convscope.training.run import Run
from convscope.view.colours import SIGNED
from convscope.view.figure import Figure
from convscope.view.heat import Scale
from convscope.view.layout import PAGE
from modules import MODULES, made

FIVE = Path(__file__).parents[2] / "docs" / "images" / "five.png"
NET = "input 8x8x1, conv 4 3x3 relu, maxpool 2, linear 3"
VERSIONS = {"features": 3, "mistakes": 4, "saliency": 4}  # of the schemas; of the others, it is 2


def drawn_text(figure: Figure) -> str:
    """Return all texts of a drawing; long lines are broken."""
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", figure.to_svg()))


@pytest.fixture(autouse=True)
def _few_training_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "AMONG", 600)


def test_kernels_are_the_weights(short_run: Run) -> None:
    found = cs.look(short_run, "kernels")
    assert isinstance(found, Kernels)
    assert (found.layer, found.why, found.weights) == ("conv1", "the first convolution", "trained")
    stored = subject(short_run).model.state_dict()["parts.0.weight"]
    np.testing.assert_array_equal(found.values, stored.numpy())
    assert found.span.low == float(stored.min())


def test_the_data_of_a_run_may_be_named_as_on_the_command_line(short_run: Run) -> None:
    assert str(cs.look(short_run.path, "features", data="mnist")) == str(cs.look(short_run, "features"))


def test_a_size_of_the_input_is_refused_by_what_has_one(short_run: Run) -> None:
    for source in (short_run, str(short_run.path), cs.read("input 9x9x1, conv 2 3x3")):
        for ask in (
            lambda source, size: cs.look(source, "kernels", input=size),
            lambda source, size: cs.report(source, input=size),
        ):
            with pytest.raises(FieldError, match="has its input already"):
                ask(source, "9x9x1")
            with pytest.raises(FieldError, match="is not a size"):
                ask(source, "five.png")  # the name of an image


def test_kernels_of_a_linear_layer_are_as_large_as_the_map() -> None:
    found = cs.look(NET, "kernels", layer="linear1")
    assert isinstance(found, Kernels)
    assert found.values.shape == (3, 4, 3, 3)


def test_kernels_that_go_backwards_have_outputs_first() -> None:
    """One input channel of each group: out of it come 3 channels, each with its own 2x2."""
    found = cs.look("input 4x4x2, convt 6 2x2 g2 nobias", "kernels")
    assert isinstance(found, Kernels)
    assert found.values.shape == (6, 1, 2, 2)
    model = nn.ConvTranspose2d(2, 6, 2, groups=2, bias=False)
    state = {"parts.0.weight": model.weight}
    seen = subject("input 4x4x2, convt 6 2x2 g2 nobias")
    seen.model.load_state_dict(state)
    from convscope.lens.kernels import kernels

    image = torch.zeros(1, 2, 4, 4)
    image[0, 1, 1, 1] = 1.0  # what comes out after one dot is the kernel itself
    out = model(image)[0, 3:, 1:3, 1:3].detach()
    np.testing.assert_allclose(kernels(seen).values[3:, 0], out.numpy(), atol=1e-7)


@pytest.mark.parametrize("name", MODULES)
def test_features_of_live_modules_are_those_that_a_hook_sees(name: str) -> None:
    module, size = made(name)
    net = cs.read(module, input=size)
    x = np.random.default_rng(0).normal(size=net.input).astype(np.float32)
    path = {"reused": "first", "in place": "stem", "functional": "right", "gated": "deep"}[name]
    caught: list[np.ndarray] = []
    hook = module.get_submodule(path).register_forward_hook(
        lambda *given: caught.append(given[2].detach().numpy().copy())
    )
    module(torch.from_numpy(x)[None])
    hook.remove()
    found = cs.look(net, "features", image=x, layer=path)
    assert isinstance(found, Features)
    assert found.weights == "of the model"
    np.testing.assert_allclose(found.maps, caught[0][0], atol=1e-6)


def test_features_of_a_file_are_those_of_predict(short_run: Run) -> None:
    found = cs.look(short_run, image=FIVE, layer="linear2")
    assert isinstance(found, Features)
    predicted = cs.predict(short_run, FIVE)[0]
    shares = np.exp(found.maps[:, 0, 0] - np.log(np.exp(found.maps).sum()))
    for name, share in zip(short_run.dataset.classes, shares, strict=True):
        assert predicted.probabilities[name] == pytest.approx(float(share), abs=1e-5)


def test_layers_without_places_and_nets_of_one_pixel() -> None:
    flat = cs.look(NET, image=np.ones((8, 8)), layer="linear1")
    assert isinstance(flat, Features)
    assert flat.maps.shape == (3, 1, 1)
    for what, asked in LENSES.items():
        if what not in {"mistakes", "kernels", *LISTS}:
            given: dict[str, Any] = {"image": np.ones((1, 1, 1))} | ({"layer": "conv1"} if what == "features" else {})
            given |= {"layer": "conv1"} if what == "field" else {}
            found = cs.look("input 1x1x1, conv 2 1x1, linear 2", what, **given)
            assert found.figure().to_svg()
            assert "image" in asked


def test_a_field_is_shown_beside_the_image(short_run: Run) -> None:
    found = cs.look(short_run, "field", image="test:3", layer="relu2", at=(0, 5))
    assert isinstance(found, Reach)
    assert found.image is not None
    np.testing.assert_array_equal(found.image.shown, load(DATASETS["mnist"], "test").images[3])
    assert found.unit.box == short_run.net.field("relu2", (0, 5)).box


def test_reasons_for_a_digit(short_run: Run) -> None:
    found = cs.look(short_run, "saliency", image=FIVE)
    assert isinstance(found, Saliency)
    assert [one.method for one in found.found] == ["gradient", "integrated gradients", "Grad-CAM", "occlusion"]
    assert found.target.predicted
    assert found.target.name == cs.predict(short_run, FIVE)[0].label
    assert found.probability == pytest.approx(
        next(iter(cs.predict(short_run, FIVE)[0].probabilities.values())), abs=1e-4
    )
    assert all(one.heat.shape == (28, 28) for one in found.found)
    assert found.nothing == "background"
    integral = found.found[1]
    background = found.image.shown[0] == 0
    assert not integral.heat[background].any()  # the way from the empty ground to itself has no length
    by_name = dict(zip((one.method for one in found.found), found.trust, strict=True))
    checked = by_name["integrated gradients"].deletion
    assert checked is not None
    assert checked.passed  # the strokes matter more than pixels by chance
    other = cs.look(short_run, "saliency", image=FIVE, classes="3")
    assert isinstance(other, Saliency)
    assert (other.target.name, other.target.predicted) == ("3", found.target.name == "3")
    assert json.dumps(found.to_json(), allow_nan=False)


def weighted(part: nn.Conv2d | nn.Linear, weight: list[list[float]], bias: list[float]) -> nn.Module:
    with torch.no_grad():
        part.weight.copy_(torch.tensor(weight).view_as(part.weight))
        assert part.bias is not None
        part.bias.copy_(torch.tensor(bias))
    return part


def test_an_empty_grad_cam_says_why_and_shows_the_layer_before() -> None:
    """The score only falls with the map of the last ReLU; of the first one, channel 1 speaks for it at one pixel."""
    net = nn.Sequential(
        weighted(nn.Conv2d(1, 2, 1), [[1.0], [-20.0]], [0.0, 20.0]),
        nn.ReLU(),
        weighted(nn.Conv2d(2, 1, 1), [[1.0, -0.1]], [0.0]),
        nn.ReLU(),
        nn.Flatten(),
        weighted(nn.Linear(64, 2), [[-1.0] * 64, [-2.0] * 64], [0.0, 0.0]),
    )
    image = np.ones((1, 8, 8), np.float32)
    image[0, 2, 5] = 0
    found = cs.look(cs.read(net, input="8x8x1"), "saliency", image=image)
    assert isinstance(found, Saliency)
    cam = found.found[2]
    assert (cam.method, cam.layer) == ("Grad-CAM", "1")
    assert np.argwhere(cam.heat > 0).tolist() == [[2, 5]]
    assert cam.why.startswith("the layer before 3, where Grad-CAM is empty: at every position its weighted maps add up")
    assert cam.why in str(found)
    assert cam.why in drawn_text(found.figure())


def test_a_net_without_any_grad_cam_says_so() -> None:
    last = weighted(nn.Linear(72, 2), [[0.0] * 72, [0.0] * 72], [1.0, 0.0])
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), last)
    found = cs.look(cs.read(net, input="8x8x1"), "saliency", image=np.ones((1, 8, 8), np.float32))
    assert isinstance(found, Saliency)
    words = "Grad-CAM is empty, also on every layer before: the score does not change with any of its maps"
    assert found.found[2].note == words
    assert words in str(found)
    assert words in drawn_text(found.figure())


@pytest.mark.slow
def test_the_image_of_the_readme_has_a_grad_cam_with_the_run_that_make_leaves(tmp_path: Path) -> None:
    run = cs.train(out=tmp_path)
    found = cs.look(run, "saliency", image=FIVE)
    assert isinstance(found, Saliency)
    cam = found.found[2]
    assert cam.heat.any()
    assert (cam.layer == "relu3") is ("empty" not in cam.why)


def test_the_layer_that_is_shuffled_first_is_named(short_run: Run) -> None:
    found = cs.look(short_run, "saliency", image=FIVE)
    assert isinstance(found, Saliency)
    assert found.trust[0].randomised.first == "linear2"
    assert "weights shuffled from linear2 down to: bn4 · bn3 · bn2 · bn1 · conv1" in found.figure().to_svg()


def test_features_are_those_of_the_first_activation_with_both_classes(short_run: Run) -> None:
    found = cs.look(short_run, image="test:7")
    assert isinstance(found, Features)
    assert (found.layer, found.why) == ("relu1", "the first activation")
    truth = int(load(DATASETS["mnist"], "test").labels[7])
    assert found.classes.startswith(f"true {truth}, predicted ")
    assert found.figure().title == f"Feature maps of relu1: {found.classes}"
    own = cs.look(short_run, image=FIVE)
    assert isinstance(own, Features)
    assert own.classes.startswith("predicted ")
    assert isinstance(random := cs.look(NET, image=np.zeros((1, 8, 8), np.float32)), Features)
    assert random.classes == ""


def test_a_run_without_mistakes_says_so(short_run: Run) -> None:
    looked = subject(short_run)
    test = load(DATASETS["mnist"], "test")
    labels, ones = np.asarray(test.labels, np.int64), np.ones(len(test.labels))
    right = Predicted(labels, labels, 0.9 * ones, 0.1 * ones)
    found = looking.mistakes(looked, predicted=right)
    assert "none in 10,000 images" in str(found)
    assert "no image was misclassified" in str(found)
    assert found.figure().title == "No mistakes in 10,000 test images of mnist"


def test_mistakes_name_the_files_of_a_folder(short_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = load

    def named(dataset: Any, split: str) -> Any:
        found = real(dataset, split)
        return replace(found, names=[f"{split}/{at:05}.png" for at in range(len(found.images))])

    monkeypatch.setattr(registry, "load", named)
    found = cs.look(short_run, "mistakes")
    assert isinstance(found, Mistakes)
    first, near = found.gallery[0], found.nearest[0]
    assert first.file == f"test/{first.number:05}.png"
    assert found.image.name == first.file
    assert f"confident  {first.file} (" in str(found)
    assert f"{near.file} is " in str(found)
    assert found.to_json()["gallery"][0]["file"] == first.file
    assert f"{first.number:05}.png" in found.figure().to_svg()
    assert "a channel is one of the 96 outputs of relu4" in str(found)


def test_a_map_that_does_not_see_the_weights_is_found_out(short_run: Run) -> None:
    seen = subject(short_run)
    shown = input_image(seen, "test:0")
    edges = np.abs(np.diff(shown.taken[0, 0].numpy(), axis=1, append=0)).astype(np.float32)
    fake = randomised(seen.copy(), lambda _: edges)
    assert fake.alike == (1.0,) * 5
    assert fake.passed is False
    assert "it hardly depends on the weights" in str(fake)
    upside_down = deletion(
        lambda x: seen.model(x).softmax(1)[:, 7], shown.taken, nothing(seen)[0], -shown.shown[0].astype(np.float32)
    )
    assert upside_down is not None
    assert not upside_down.passed  # the empty ground first: the digit stays to the end


def test_shuffled_are_all_layers_from_the_last_down_and_only_in_the_copy(short_run: Run) -> None:
    seen = subject(short_run)
    assert [name for part in stages(seen.model) for name in part] == [
        "linear2", "bn4", "linear1", "bn3", "conv3", "bn2", "conv2", "bn1", "conv1"
    ]  # fmt: skip
    copy, before = seen.copy(), [weight.clone() for weight in seen.model.parameters()]
    randomised(copy, lambda _: np.eye(2, dtype=np.float32))
    for kept, weight, shuffled in zip(before, seen.model.parameters(), copy.parameters(), strict=True):
        assert torch.equal(kept, weight)
        assert torch.equal(weight.flatten().sort().values, shuffled.flatten().sort().values)
        assert not torch.equal(weight, shuffled) or bool((weight == weight[:1]).all())


def test_rank_correlation_by_hand() -> None:
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == -1.0
    assert rank_correlation(np.array([1.0, 1, 2, 3]), np.array([5.0, 5, 6, 7])) == 1.0
    assert rank_correlation(np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3])) == pytest.approx(0.6)
    assert rank_correlation(np.zeros(3), np.array([1.0, 2, 3])) is None
    assert rank_correlation(np.array([1.0, 2, 3]), np.zeros(3)) == 0.0


def test_mistakes_are_those_that_the_evaluate_counts(short_run: Run) -> None:
    found = cs.look(short_run, "mistakes")
    assert isinstance(found, Mistakes)
    evaluation = cs.evaluate(short_run)
    assert found.evaluation == evaluation
    names = evaluation.classes
    true, predicted = (names.index(name) for name in found.cell)
    wrong = [evaluation.confusion[r][c] for r in range(10) for c in range(10) if r != c]
    assert found.count == evaluation.confusion[true][predicted] == max(wrong)
    assert len(found.gallery) == min(24, found.count)
    assert [one.value for one in found.gallery] == sorted((one.value for one in found.gallery), reverse=True)
    test = load(DATASETS["mnist"], "test")
    assert all(test.labels[one.number] == true for one in found.gallery)
    assert found.image.name == f"test image {found.gallery[0].number} of mnist"
    assert found.split.exact
    assert (found.split.first, found.split.second) == (found.cell[1], found.cell[0])
    distances = [one.value for one in found.nearest]
    assert distances == sorted(distances)
    assert "among 600 of 60,000 training images" in str(found)


def test_the_split_by_hand() -> None:
    """Scores 2x + 1 and -x of one pixel 3: the difference is 3*3 + 1."""
    seen = subject("input 1x1x1, linear 2")
    with torch.no_grad():
        weight, bias = seen.model.parameters()
        weight.copy_(torch.tensor([[2.0], [-1.0]]))
        bias.copy_(torch.tensor([1.0, 0.0]))
    found = split(seen, torch.full((1, 1, 1, 1), 3.0), 0, 1)
    assert found.parts.tolist() == [9.0]
    assert (found.bias, found.difference, found.missed) == (1.0, 10.0, 0.0)
    assert found.exact


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("input 6x6x2, conv 4 3x3 relu, conv 3 1x1, gap", True),  # a mean after the last weights is linear
        ("input 6x6x2, conv 4 3x3 relu, linear 3, softmax", True),  # scores are those before a softmax
        ("input 6x6x2, conv 4 3x3, conv 3 1x1 relu, gap", False),
        ("input 6x6x2, conv 4 3x3, conv 3 1x1 bn, gmp", True),  # the largest of each map, so it adds up too
        ("input 6x6x2, conv 4 3x3, conv 3 1x1, gap, sigmoid", False),
    ],
)
def test_a_split_is_exact_where_what_follows_is_linear(text: str, *, exact: bool) -> None:
    seen = subject(text)
    with torch.no_grad():
        for name, weight in seen.model.named_parameters():
            if name.endswith("bias"):
                weight.fill_(0.5)
    found = split(seen, torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(1)), 0, 1)
    assert found.exact is exact


def test_a_image_of_ones_own_among_the_mistakes(short_run: Run) -> None:
    found = cs.look(short_run, "mistakes", image=FIVE)
    assert isinstance(found, Mistakes)
    predicted = list(cs.predict(short_run, FIVE)[0].probabilities)[:2]
    assert found.why == looking.UNKNOWN
    assert found.cell == (predicted[1], predicted[0])
    assert found.split.difference > 0
    cell = cs.look(short_run, "mistakes", classes="4, 4")
    assert isinstance(cell, Mistakes)
    assert cell.cell == ("4", "4")
    assert cell.split.first == "4" != cell.split.second


BAD: list[tuple[dict[str, Any], type[ConvscopeError], str]] = [
    ({"what": "kernals"}, UnknownNameError, 'no lens "kernals"'),
    ({"layer": "conv11"}, UnknownNameError, 'no layer is called "conv11"'),
    ({"what": "kernels", "layer": "relu1"}, FieldError, "relu1 has no kernels"),
    ({"what": "saliency", "layer": "linear1"}, FieldError, "the output of linear1 is not a map"),
    ({"what": "saliency", "classes": "eleven"}, UnknownNameError, 'no class "eleven"'),
    ({"what": "saliency", "at": (0, 0)}, FieldError, "one score for each class"),
    ({"what": "field", "at": (9, 9)}, FieldError, "at"),
    ({"what": "kernels", "image": FIVE}, FieldError, "kernels does not depend on image"),
    ({"what": "mistakes", "classes": "4"}, FieldError, '"4" is not a cell'),
    ({"what": "mistakes", "layer": "conv1"}, FieldError, "mistakes does not depend on layer"),
    ({"image": "nowhere.png"}, ImageError, "nowhere.png cannot be read: No such file"),
    ({"image": "test:10000"}, ImageError, "no test image 10000"),
    ({"image": "test:-1"}, ImageError, "no test image -1"),
    ({"image": np.zeros((3, 28, 28), np.uint8)}, ImageError, "has the shape 3x28x28, the net takes 28x28x1"),
    ({"image": np.full((28, 28), np.nan)}, ImageError, "not finite"),
    ({"image": np.zeros((28, 28), np.int64)}, ImageError, "holds int64"),
]


@pytest.mark.parametrize(("asked", "kind", "words"), BAD, ids=[str(case[0])[:40] for case in BAD])
def test_bad_questions(short_run: Run, asked: dict[str, Any], kind: type[ConvscopeError], words: str) -> None:
    with pytest.raises(kind) as caught:
        cs.look(short_run, **asked)
    assert words in str(caught.value)


def test_the_nearest_layer_is_named(short_run: Run) -> None:
    with pytest.raises(UnknownNameError) as caught:
        cs.look(short_run, layer="rellu3")
    assert caught.value.attempt == "relu3"


def test_a_net_has_no_images_and_no_mistakes() -> None:
    with pytest.raises(ImageError, match="no image was given, and the net has no data set to take one from"):
        cs.look(NET)
    with pytest.raises(ImageError, match="test:0 cannot be used"):
        cs.look(NET, image="test:0")
    with pytest.raises(RunError, match="needs a trained run"):
        cs.look(NET, "mistakes")
    with pytest.raises(ShapeError, match="not an image"):
        cs.look("input 100x3, conv 4 5", "kernels")
    with pytest.raises(FieldError, match="no layer of this net has kernels"):
        cs.look("input 8x8x1, relu, gap", "kernels")
    with pytest.raises(FieldError, match="no layer before the scores has a map"):
        cs.look("input 8x8x1, linear 2", image=np.ones((8, 8)))
    with pytest.raises(ImageError, match="expects 5 channels"):
        cs.look("input 8x8x5, conv 4 3x3, gap", image=FIVE)


def test_a_damaged_image_and_a_damaged_run(short_run: Run, tmp_path: Path) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(FIVE.read_bytes()[:200])
    with pytest.raises(ImageError, match=r"cut\.png"):
        cs.look(short_run, image=cut)
    for name in ("net.cnn", "recipe.toml", "data.json"):
        (tmp_path / name).write_bytes((short_run.path / name).read_bytes())
    with pytest.raises(RunError, match="not finished"):
        cs.look(tmp_path)


def test_weights_that_are_not_those_of_the_net() -> None:
    net = cs.read("input 8x8x1, conv 4 3x3")
    with pytest.raises(ModelError, match="do not belong to this net"):
        subjects._with(net, {"conv1.weight": np.zeros((4, 1, 3, 3))}, device.CPU)


def test_a_image_that_takes_more_memory_than_there_is_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "free_memory", lambda: 2**20)
    with pytest.raises(ShapeError, match=r"an image of 400x400x1 needs about .* MiB in this net, 1.00 MiB are free"):
        cs.look("input 400x400x1, conv 8 3x3 relu, gap", image=np.ones((400, 400)))


def test_every_lens_on_the_command_line(short_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for what in LENSES:
        out = tmp_path / f"{what}.svg"
        status = command(["look", str(short_run.path), "--what", what, "-o", str(out), "--json"])
        predicted, told = capsys.readouterr()
        assert (status, told) == (0, f"wrote {out}\n")
        assert json.loads(predicted)["schema"] == f"convscope/lens-{what}/{VERSIONS.get(what, 2)}"
        assert out.read_text(encoding="utf-8").startswith("<svg ")


def test_every_form_of_a_drawing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begins = {"svg": b"<svg ", "html": b"<!doctype html>", "png": b"\x89PNG"}
    for suffix, first in begins.items():
        out = tmp_path / f"kernels.{suffix}"
        assert command(["look", NET, "--what", "kernels", "-o", str(out)]) == 0
        assert out.read_bytes().startswith(first)
        assert capsys.readouterr().out.startswith("kernels of conv1")
    assert "<figure" in cs.look(NET, "kernels")._repr_html_()


def test_what_cannot_be_written_is_predicted_before_anything_is_done(
    short_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convscope.lens.look.look", lambda *_, **__: pytest.fail("it began"))
    for out in (tmp_path / "five.gif", tmp_path / "not there" / "five.svg"):
        assert command(["look", str(short_run.path), "-o", str(out)]) == 2
        predicted, told = capsys.readouterr()
        assert predicted == ""
        assert told.startswith(f"WriteError: {out}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    assert command(["look", NET, "--what", "kernels", "-o", str(tmp_path / "a.svg")]) == 2
    assert capsys.readouterr().err.startswith("WriteError")


def test_a_figure_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(WriteError, match="is a folder"):
        cs.look(NET, "kernels").figure().save(tmp_path / "a.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_places_and_seeds_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["look", NET, "--what", "field", "--layer", "conv1", "--at", "0:1,2"]) == 0
    assert "field of conv1 at 0:1, 2, image 8x8" in capsys.readouterr().out
    assert command(["look", NET, "--what", "field", "--at", "a"]) == 2
    assert command(["look", NET, "--what", "kernels", "--seed", "1"]) == 0
    assert "weights random, seed 1" in capsys.readouterr().out


@pytest.mark.slow
def test_a_image_of_100_megapixels_takes_less_than_3_gib(short_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with Image.open(FIVE) as five, Image.new("L", (10_000, 10_000), 255) as large:
        large.paste(five.convert("L").resize((5000, 5000)), (2500, 2500))
        large.save(path, compress_level=1)
    code = (
        "from pathlib import Path\nfrom convscope.cli import run\n"
        f"assert run(['look', {str(short_run.path)!r}, '--image', {str(path)!r}]) == 0\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) < 3 * 2**20  # KiB


def test_saliency_states_truth_and_prediction(short_run: Run) -> None:
    found = cs.look(short_run, "saliency", image="test:0", classes="3")
    assert isinstance(found, Saliency)
    assert found.figure().title == "Attributions for the score of 3: true 7, predicted 7"
    assert found.to_json()["classes"] == "true 7, predicted 7"
    assert "classes    true 7, predicted 7" in str(found)
    free = cs.look("input 8x8x1, conv 4 3x3 relu, gap, linear 3", "saliency", image=np.ones((8, 8)))
    assert isinstance(free, Saliency)
    assert free.figure().title == f"Attributions for {free.target.name} (predicted)"


def test_maps_lie_over_their_image() -> None:
    image = np.zeros((1, 2, 2), np.uint8)
    image[0, 0] = 255
    seen = input_image(subject("input 2x2x1, conv 1 1x1, gap, linear 2"), image)
    heat = np.array([[0.0, 1.0], [0.0, -1.0]])
    found = over(heat, seen, Scale.of(heat), 2).pixels
    white = np.array(SIGNED[2])
    assert found[0].tolist() == [white.tolist(), list(SIGNED[-1])]
    assert found[1].tolist() == [np.rint(PALE * white).tolist(), np.rint(PALE * np.array(SIGNED[0])).tolist()]


@pytest.mark.parametrize("what", sorted(LENSES))
def test_figures_fit_a_page(what: str, short_run: Run) -> None:
    assert cs.look(short_run, what).figure().body.width <= PAGE
