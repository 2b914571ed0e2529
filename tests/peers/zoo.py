"""The model zoos of torchvision and timm, without torchvision's compiled operators.

torchvision comes with operators for one build of torch. Beside another build (such as the one for processors alone)
they cannot be loaded, and importing torchvision fails where it describes them to torch. Of what our models call,
``nms`` has no other form, and that of ``roi_align`` is compiled by every process anew; both have one here.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

OPERATORS = (
    "qnms",
    "rotated_nms",
    *("roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"),
    *("_roi_align_backward", "_roi_pool_backward", "_ps_roi_align_backward", "_ps_roi_pool_backward"),
    "_deform_conv2d_backward",
)
_KEPT: list[torch.library.Library] = []  # what a library defines is gone when nobody holds it


def make_importable() -> None:
    """Make ``import torchvision`` and ``import timm`` work; call it before either is imported. Twice does no harm."""
    if _KEPT or "torchvision" in sys.modules or _operators_load():
        return
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call] # torch leaves it untyped
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _nms, "CPU")
    library.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
        "int sampling_ratio, bool aligned) -> Tensor"
    )
    library.impl("roi_align", _roi_align, "CPU")
    for name in OPERATORS:
        library.define(f"{name}(Tensor x) -> Tensor")
    _KEPT.append(library)
    from torchvision import extension

    extension._has_ops = lambda: True
    sys.modules["torchvision.ops.roi_align"]._has_ops = extension._has_ops  # type: ignore[attr-defined] # its own name


def _nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """The boxes of which none that overlaps by more than ``threshold`` has a better score, best first."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    left, kept = scores.argsort(descending=True), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low, high = boxes[best, :2].maximum(boxes[left, :2]), boxes[best, 2:].minimum(boxes[left, 2:])
        common = (high - low).clamp(min=0).prod(1)
        left = left[common <= threshold * (areas[best] + areas[left] - common)]
    return torch.stack(kept) if kept else left


def _roi_align(
    maps: Tensor,
    rois: Tensor,
    spatial_scale: float,  # noqa: ARG001 -- the numbers do not matter
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,  # noqa: ARG001 -- as above
    aligned: bool,  # noqa: ARG001 -- as above
) -> Tensor:
    """A map for each box, of the right size and everywhere the mean of the maps."""
    return maps.mean((0, 2, 3)).reshape(1, -1, 1, 1).repeat(len(rois), 1, pooled_height, pooled_width)


def _operators_load() -> bool:
    """Whether the operators that came with torchvision are for this torch; if so they are loaded now."""
    found = find_spec("torchvision")
    places = (found and found.submodule_search_locations) or ()
    files = [file for place in places for file in Path(place).glob("_C*.so")]
    try:
        for file in files:
            torch.ops.load_library(file)  # type: ignore[no-untyped-call] # as above
    except OSError:
        return False
    return bool(files)


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
    try:
        with torch.device("meta"):
            return make()
    except Exception:  # noqa: BLE001 -- whatever a constructor does with a tensor without numbers
        return make()


def sizes(package: str, name: str, module: nn.Module) -> tuple[int, ...]:
    """The shape ``c h w`` of the input that a model is made for."""
    if package == "timm":
        found = tuple((getattr(module, "pretrained_cfg", None) or {}).get("input_size") or (3, 224, 224))
        return tuple(map(int, found))
    side = 299 if name == "inception_v3" else 224
    return 3, side, side


def multiply_adds(module: nn.Module, shape: tuple[int, ...]) -> int | None:
    """What torch's own counter finds on meta tensors [MAC]; None where the model does not run on them.

    The model is moved there.
    """
    module.to("meta").eval()
    try:
        with FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, *shape, device="meta"))
    except Exception:  # noqa: BLE001 -- whatever the model does with a tensor without numbers
        return None
    return int(counter.get_total_flops() // 2)
