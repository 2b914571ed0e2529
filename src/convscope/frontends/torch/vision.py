"""The models of torchvision and timm, beside a torch that torchvision's compiled operators were not built for.

torchvision comes with operators for one build of torch. Beside another build, such as the one for processors alone,
they cannot be loaded, and ``import torchvision`` fails where it describes them to torch. Its models hardly need them:
of what they call, only ``nms`` and ``roi_align`` are compiled. Here both are written with torch's own operations.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

OPERATORS = (
    "qnms",
    "rotated_nms",
    *("roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"),
    *("_roi_align_backward", "_roi_pool_backward", "_ps_roi_align_backward", "_ps_roi_pool_backward"),
    "_deform_conv2d_backward",
)
"""What torchvision describes to torch beside these two; each is named, and fails when a model calls it."""

_KEPT: list[torch.library.Library] = []  # what a library defines is gone when nobody holds it


def mend() -> None:
    """After an import of torchvision that has failed by its operators: forget what was imported by half."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"torchvision", "timm"}]:
        del sys.modules[name]
    make_importable()


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
    for key in ("CPU", "AutogradCPU"):
        library.impl("roi_align", _roi_align, key)
    for name in OPERATORS:
        library.define(f"{name}(Tensor x) -> Tensor")
    _KEPT.append(library)
    from torchvision import extension

    for module in (extension, sys.modules["torchvision.ops.roi_align"]):  # the second has a name of its own for it
        setattr(module, "_has_ops", lambda: True)  # noqa: B010 -- no assignment, for the type checker


def _nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """The boxes of which none that overlaps by more than ``threshold`` has a better score, best first."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    left, kept = scores.argsort(descending=True, stable=True), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low, high = boxes[best, :2].maximum(boxes[left, :2]), boxes[best, 2:].minimum(boxes[left, 2:])
        common = (high - low).clamp(min=0).prod(1)
        left = left[common <= threshold * (areas[best] + areas[left] - common)]
    return torch.stack(kept) if kept else left


def _roi_align(*given: Any) -> Tensor:
    """As torchvision itself writes it with torch's operations, without compiling that anew in each process."""
    compiled: Any = vars(sys.modules["torchvision.ops.roi_align"])["_roi_align"]
    found: Tensor = compiled.__wrapped__(*given)
    return found


def _operators_load() -> bool:
    """Whether the operators that came with torchvision are for this torch; if so they are loaded now."""
    found = find_spec("torchvision")
    places = (found and found.submodule_search_locations) or ()
    files = [file for place in places for file in Path(place).glob("_C*") if file.suffix in {".so", ".pyd", ".dylib"}]
    try:
        for file in files:
            torch.ops.load_library(file)  # type: ignore[no-untyped-call] # as above
    except OSError:
        return False
    return bool(files)
