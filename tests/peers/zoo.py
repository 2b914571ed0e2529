"""The model zoos of torchvision and timm, as the tests ask for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convscope.frontends.torch.vision import make_importable

__all__ = ["NEEDED", "made", "make_importable", "multiply_adds", "sizes"]

NEEDED = [
    pytest.mark.peer,
    pytest.mark.skipif(
        find_spec("torchvision") is None or find_spec("timm") is None, reason="torchvision or timm is not installed"
    ),
    pytest.mark.usefixtures("quiet"),
]
"""Marks of tests that build models of both zoos."""


def made(package: str, name: str, *, numbers: bool = False, **settings: Any) -> nn.Module:
    """A model without trained weights; without any numbers, where its code allows that and they are not asked for."""
    import timm
    import torchvision

    def make() -> nn.Module:
        if package == "timm":
            return timm.create_model(name, pretrained=False, **settings)
        extra = {"aux_logits": False} if name == "googlenet" else {}  # as the published number counts it
        module: nn.Module = torchvision.models.get_model(name, weights=None, **extra, **settings)
        return module

    if numbers:
        return make()
    for without in (torch.device("meta"), _without_weights()):
        try:
            with without:
                return make().to("meta")
        except Exception:  # noqa: BLE001, S112 -- whatever a constructor does with a tensor without numbers
            continue
    return make()


@contextmanager
def _without_weights() -> Iterator[None]:
    """Parameters have no numbers, from the moment when they are a module's; what else is computed has."""
    register = nn.Module.register_parameter

    def registered(self: nn.Module, name: str, given: nn.Parameter | None) -> None:
        made = None if given is None else nn.Parameter(given.to("meta"), requires_grad=given.requires_grad)
        register(self, name, made)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Module, "register_parameter", registered)
        yield


def sizes(package: str, name: str, module: nn.Module) -> tuple[int, ...]:
    """The shape ``c h w`` of the input that a model is made for."""
    if package == "timm":
        found = tuple((getattr(module, "pretrained_cfg", None) or {}).get("input_size") or (3, 224, 224))
        return tuple(map(int, found))
    side = 299 if name == "inception_v3" else 224
    return 3, side, side


def multiply_adds(module: nn.Module, shape: tuple[int, ...]) -> int | None:
    """What torch's own counter finds on meta tensors [MAC]; None where the model does not run on them.

    The model is moved there, and asks for no gradients any more: the counter would follow them too.
    """
    module.to("meta").eval().requires_grad_(requires_grad=False)
    try:
        with FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, *shape, device="meta"))
    except Exception:  # noqa: BLE001 -- whatever the model does with a tensor without numbers
        return None
    return int(counter.get_total_flops() // 2)
