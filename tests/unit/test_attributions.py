"""Reasons are those that captum finds on the original modules, and what can be worked out by hand."""

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import convscope as cs
from convscope.backends.torch import TorchNet
from convscope.core.graph import INPUT
from convscope.lens.gradcam import gradcam
from convscope.lens.integrated import integrated
from convscope.lens.occlusion import occlusion
from convscope.lens.saliency import gradient
from convscope.lens.score import Score, Target, score_of
from convscope.lens.subject import Subject, subject
from modules import MODULES, made

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    captum = pytest.importorskip("captum.attr")

CLASS = 2
TARGET = Target(CLASS, "", predicted=False)
LAYERS = {
    # where torch's own hook can find the layer: the module, its place in the net, and the layer before a ReLU in place
    "reused": ("twice", "twice_2"),
    "in place": ("inner", "inner"),
    "functional": ("head", "head"),
    "gated": ("deep", "deep"),
}


def case(name: str) -> tuple[nn.Module, Subject, Tensor, Score]:
    module, size = made(name)
    net = cs.read(module, input=size)
    seen = subject(net)
    x = torch.randn(1, *net.input, generator=torch.Generator().manual_seed(5))
    return module, seen, x, score_of(seen, TARGET)


def same(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    peak = float(theirs.detach().abs().max())
    assert peak > 1e-3  # else nothing is compared
    assert float((ours - theirs.detach()).abs().max()) <= 1e-5 * min(1.0, peak)


@pytest.mark.parametrize("name", MODULES)
def test_gradients(name: str) -> None:
    module, _, x, score = case(name)
    theirs = captum.Saliency(module).attribute(x.clone().requires_grad_(), target=CLASS, abs=False)
    same(gradient(score, x), theirs)


@pytest.mark.parametrize("name", MODULES)
def test_integrated_gradients(name: str) -> None:
    module, _, x, score = case(name)
    nothing = torch.full((1, x.shape[1], 1, 1), 0.25)
    theirs = captum.IntegratedGradients(module).attribute(
        x.clone(), baselines=nothing.expand_as(x), target=CLASS, n_steps=50
    )
    same(integrated(score, x, nothing), theirs.float())


@pytest.mark.parametrize("name", MODULES)
def test_occlusion(name: str) -> None:
    module, _, x, score = case(name)
    theirs = captum.Occlusion(module).attribute(
        x, sliding_window_shapes=(x.shape[1], 4, 3), strides=(x.shape[1], 3, 2), baselines=0.5, target=CLASS
    )
    found = occlusion(score, x, torch.full((1, x.shape[1], 1, 1), 0.5), (4, 3), (3, 2), batch=7)
    same(found.expand_as(theirs[0]), theirs[0])


@pytest.mark.parametrize("name", MODULES)
def test_gradcam(name: str) -> None:
    module, seen, x, _ = case(name)
    path, layer = LAYERS[name]
    ours = gradcam(seen.model, x, TARGET, layer)
    if name == "reused":  # captum cannot say which use of a module it means; here the module is written out
        module = unrolled(module)
        path = "again"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum calls a hook that torch is going to drop
        theirs = captum.LayerGradCam(module, module.get_submodule(path)).attribute(
            x.clone().requires_grad_(), target=CLASS
        )
    same(ours, theirs[:, 0])


def unrolled(module: nn.Module) -> nn.Module:
    """The module that uses layers twice, with a layer of its own for each use."""

    class Unrolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = module.get_submodule("first"), module.get_submodule("last")
            self.once, self.again = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
            for part in (self.once, self.again):
                part.load_state_dict(module.get_submodule("twice").state_dict())

        def forward(self, x: Tensor) -> Tensor:
            x = torch.max_pool2d(torch.relu(self.first(x)), 2)
            x = torch.max_pool2d(torch.relu(self.again(torch.relu(self.once(x)))), 2)
            found: Tensor = self.last(x.flatten(1))
            return found

    return Unrolled().eval()


def test_a_hook_would_have_been_wrong_for_a_layer_that_is_used_twice() -> None:
    module, seen, x, _ = case("reused")
    first = seen.model.values({INPUT: x}, ["twice", "twice_2"])
    assert float((first["twice"] - first["twice_2"]).abs().max()) > 0.01
    caught: list[Tensor] = []
    hook = module.get_submodule("twice").register_forward_hook(lambda *given: caught.append(given[2]))
    module(x)
    hook.remove()
    assert len(caught) == 2  # one hook, two values
    torch.testing.assert_close(caught[0], first["twice"])
    torch.testing.assert_close(caught[1], first["twice_2"])


def test_the_net_keeps_no_hook_and_no_gradient() -> None:
    _, seen, x, score = case("in place")
    before = [len(part._forward_hooks) + len(part._backward_hooks) for part in seen.model.modules()]
    gradient(score, x)
    gradcam(seen.model, x, TARGET, "inner")
    assert [len(part._forward_hooks) + len(part._backward_hooks) for part in seen.model.modules()] == before
    assert not any(before)
    assert all(weight.grad is None for weight in seen.model.parameters())


def test_integrated_gradients_add_up() -> None:
    _, _, x, score = case("gated")
    nothing = torch.zeros(1, 2, 1, 1)
    change = score(x) - score(torch.zeros_like(x))
    assert integrated(score, x, nothing, steps=200).sum().item() == pytest.approx(change.item(), abs=1e-4)


def test_values_are_worked_out_from_where_they_are_given() -> None:
    model = TorchNet(cs.read("input 4x4x1, a: relu, b: add( tanh | id ), c: sigmoid"))
    x = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    found = model.values({INPUT: x}, ["a", "tanh1", "c", INPUT])
    torch.testing.assert_close(found["a"], x.relu())
    torch.testing.assert_close(found["tanh1"], x.relu().tanh())
    torch.testing.assert_close(found["c"], (x.relu().tanh() + x.relu()).sigmoid())
    assert found[INPUT] is x
    again = model.values({"b": torch.zeros(1, 1, 4, 4)}, ["c"])  # no image is needed
    torch.testing.assert_close(again["c"], torch.full((1, 1, 4, 4), 0.5))
    with pytest.raises(KeyError):
        model.values({"b": x}, ["tanh1"])


def test_occlusion_by_hand() -> None:
    """The score is the sum of the pixels: a patch takes away what it covers, a pixel gets the mean of its patches."""
    x = torch.tensor([[[[4.0, 0, 0, 2]]]])
    found = occlusion(lambda images: images.sum((1, 2, 3)), x, torch.zeros(1, 1, 1, 1), (1, 2), (1, 1))
    assert found.tolist() == [[4.0, 2.0, 1.0, 2.0]]  # patches 01, 12, 23 take 4, 0, 2


def test_gradcam_by_hand() -> None:
    """One 1x1 convolution of weight 2 and a mean over 4 places: slopes 1/4, so a quarter of the map."""
    seen = subject("input 2x2x1, conv 1 1x1 nobias, gap")
    with torch.no_grad():
        next(seen.model.parameters()).fill_(2.0)
    x = torch.tensor([[[[1.0, 2], [3, -4]]]])
    found = gradcam(seen.model, x, Target(0, "0", predicted=True), "conv1")
    assert found[0].tolist() == [[0.5, 1.0], [1.5, -2.0]]


def test_random_images_give_what_single_ones_give() -> None:
    _, _, _, score = case("functional")
    x = torch.randn(3, 1, 12, 10)
    together = gradient(score, x).numpy()
    apart = np.concatenate([gradient(score, one[None]).numpy() for one in x])
    np.testing.assert_allclose(together, apart, atol=1e-6)
